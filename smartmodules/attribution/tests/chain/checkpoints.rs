//! A checkpoint is the state or an error, whatever became of its bytes.

use tickertape_attribution::chain::{Chain, ChainConfig, CheckpointError, Node, Own};
use xxhash_rust::xxh3::xxh3_64;

/// One shard to a table, so that the bytes are mostly state and not room.
const CONFIG: ChainConfig = ChainConfig { ttl_seconds: 8 * 24 * 60 * 60, max_entries: 4_000 };

/// Some of everything: coins, narrow and wide ids, links known and waiting, versions of both generations.
fn chain() -> Chain {
    let mut chain = Chain::new(CONFIG);
    let coins = ["bitcoin", "ethereum"].map(|coin| chain.intern(coin));
    let mut out = Vec::new();
    for number in 0..60i64 {
        let node = Node {
            chat_id: number % 4 - 1_000_000_000_000,
            message_id: if number % 19 == 0 { i64::MIN + number } else { number },
            date: 1_600_000_000 + number,
            edit_date: (number % 5 == 0).then_some(1_600_000_100),
            reply_to: (number % 3 != 0).then_some(((number + 4) % 4 - 1_000_000_000_000, number + 4)),
            own: [Own::Direct(coins[0]), Own::None, Own::Tie, Own::Direct(coins[1])][number as usize % 4],
            offset: number as u64,
        };
        chain.observe(&node, &mut out);
    }
    chain
}

fn bytes(chain: &Chain) -> Vec<u8> {
    let mut bytes = Vec::new();
    chain.checkpoint(&mut bytes).expect("memory takes everything");
    bytes
}

fn restore(bytes: &[u8]) -> Result<Chain, CheckpointError> {
    Chain::restore(CONFIG, bytes)
}

#[test]
fn every_changed_bit_is_noticed() {
    let whole = bytes(&chain());
    assert!(restore(&whole).is_ok());
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            let error = restore(&damaged).expect_err("damage is noticed");
            match at {
                0..8 => assert_eq!(error, CheckpointError::Foreign),
                8..12 => assert!(matches!(error, CheckpointError::Version { .. })),
                _ if (whole.len() - 16..whole.len() - 8).contains(&at) => {
                    assert_eq!(error, CheckpointError::Length);
                }
                _ => assert_eq!(error, CheckpointError::Checksum),
            }
        }
    }
}

#[test]
fn every_cut_and_every_overrun_is_noticed() {
    let whole = bytes(&chain());
    for length in 0..whole.len() {
        assert!(restore(&whole[..length]).is_err(), "cut to {length}");
    }
    for more in 1..40 {
        let overrun = [whole.clone(), vec![0; more]].concat();
        assert_eq!(restore(&overrun).expect_err("noticed"), CheckpointError::Length);
    }
}

#[test]
fn foreign_bytes_are_named_so() {
    for foreign in [&b""[..], b"{}", b"PAR1 and so on and on", &[0; 4096]] {
        let error = restore(foreign).expect_err("not a checkpoint");
        assert_eq!(error, CheckpointError::Foreign);
        assert!(error.to_string().contains("read the input from its start"), "{error}");
    }
}

/// The checksum only guards against damage: bytes that were made up must not bring anything down either.
#[test]
fn a_body_that_was_made_up_with_its_checksum_never_panics() {
    let whole = bytes(&chain());
    let mut refused = 0;
    for at in 12..whole.len() - 16 {
        for flip in [0x01, 0x80, 0xff] {
            let mut forged = whole.clone();
            forged[at] ^= flip;
            let end = forged.len() - 8;
            let checksum = xxh3_64(&forged[..end]);
            forged[end..].copy_from_slice(&checksum.to_le_bytes());
            match restore(&forged) {
                Err(error) => {
                    assert!(matches!(error, CheckpointError::Contradiction { .. } | CheckpointError::Length));
                    refused += 1;
                }
                Ok(chain) => _ = chain.stats(),
            }
        }
    }
    assert!(
        refused > whole.len() / 2,
        "most of them contradict themselves: {refused} of {}",
        3 * whole.len()
    );
}

#[test]
fn a_checkpoint_fits_other_limits() {
    let mut chain = Chain::new(ChainConfig { max_entries: 1_000_000, ..ChainConfig::default() });
    let mut out = Vec::new();
    for number in 0..100_000 {
        let node = Node { chat_id: 1, message_id: number, date: number, ..Node::default() };
        chain.observe(&node, &mut out);
    }
    let bytes = bytes(&chain);
    let mut chain = Chain::restore(CONFIG, &bytes).expect("reads back");
    assert_eq!(chain.stats().entries, 100_000);
    let node = Node { chat_id: 1, message_id: -1, date: 100_000, ..Node::default() };
    chain.observe(&node, &mut out);
    assert!(chain.stats().entries <= CONFIG.max_entries);
    assert!(chain.lookup(1, 99_999).is_some() && chain.lookup(1, 0).is_none(), "the oldest go first");
}
