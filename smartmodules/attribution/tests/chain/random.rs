//! Random streams: few chats and ids, so that replies meet, cross chats, circle, arrive late, expire and repeat.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tickertape_attribution::chain::{Chain, ChainConfig, CoinRef, Node, Own, Resolved};

use crate::model::{Identity, Model};

const COINS: [&str; 3] = ["bitcoin", "ethereum", "solana"];

#[derive(Debug, Clone)]
enum Step {
    Message { identity: Identity, delay: i64, edit: Option<i64>, reply_to: Option<Identity>, own: usize },
    Restart,
    Snapshot,
}

fn identity() -> impl Strategy<Value = Identity> {
    let id = prop_oneof![30 => 0..7i64, 1 => Just(3 | 1 << 32), 1 => Just(-2), 1 => Just(i64::MAX)];
    (0..3i64, id)
}

/// Whole streams, dates running on by a second with each message.
fn streams() -> impl Strategy<Value = Vec<Step>> {
    // Behind by up to more than the TTL, and now and then ahead.
    let delay = prop_oneof![30 => 0..5i64, 10 => -6..30i64];
    let edit = prop_oneof![3 => Just(None), 2 => (0..5i64).prop_map(Some)];
    let reply_to = prop::option::weighted(0.7, identity());
    let message =
        (identity(), delay, edit, reply_to, 0..10usize).prop_map(|(identity, delay, edit, reply_to, own)| {
            Step::Message { identity, delay, edit, reply_to, own }
        });
    prop::collection::vec(
        prop_oneof![30 => message, 1 => Just(Step::Restart), 1 => Just(Step::Snapshot)],
        1..250,
    )
}

fn own(number: usize, coins: &[CoinRef]) -> Own {
    match number {
        0..3 => Own::Direct(coins[number]),
        3..5 => Own::Tie,
        _ => Own::None,
    }
}

fn written(chain: &Chain) -> Vec<u8> {
    let mut bytes = Vec::new();
    chain.checkpoint(&mut bytes).expect("memory takes everything");
    bytes
}

fn restarted(chain: &Chain, config: ChainConfig) -> Chain {
    let bytes = written(chain);
    let restored = Chain::restore(config, &bytes).expect("what was written reads back");
    assert!(bytes == written(&restored), "a restored chain writes the same checkpoint");
    restored
}

/// Clones, each with what the chain would have written at that moment.
#[derive(Default)]
struct Snapshots(Vec<(Chain, Vec<u8>)>);

impl Snapshots {
    fn take(&mut self, chain: &Chain) {
        self.0.push((chain.clone(), written(chain)));
    }

    fn are_as_they_were(&self) -> bool {
        self.0.iter().all(|(snapshot, bytes)| written(snapshot) == *bytes)
    }
}

/// Runs a stream through both and compares every single step.
fn compare(config: ChainConfig, stream: Vec<Step>) -> Result<(), TestCaseError> {
    let mut chain = Chain::new(config);
    let coins = COINS.map(|coin| chain.intern(coin));
    let mut model = Model::new(config);
    let mut kept = BTreeMap::<Identity, Resolved>::new();
    let mut out = Vec::new();
    let mut snapshots = Snapshots::default();
    for (number, step) in stream.into_iter().enumerate() {
        let (identity, delay, edit, reply_to, verdict) = match step {
            Step::Message { identity, delay, edit, reply_to, own } => (identity, delay, edit, reply_to, own),
            Step::Restart => {
                chain = restarted(&chain, config);
                continue;
            }
            Step::Snapshot => {
                snapshots.take(&chain);
                continue;
            }
        };
        let (chat_id, message_id) = identity;
        let node = Node {
            chat_id,
            message_id,
            date: number as i64 - delay,
            edit_date: edit,
            reply_to,
            own: own(verdict, &coins),
            offset: number as u64,
        };
        let seen = chain.observe(&node, &mut out);
        let (expected_seen, expected) = model.observe(&node);
        prop_assert_eq!(seen, expected_seen, "{:?}", &node);
        prop_assert_eq!(&out, &expected, "{:?}", &node);

        for resolved in &out {
            let identity = (resolved.chat_id, resolved.message_id);
            if let Some(previous) = kept.insert(identity, *resolved) {
                prop_assert!(previous.revision < resolved.revision);
            }
        }
        let outcomes = model.outcomes();
        for (&(chat_id, message_id), outcome) in &outcomes {
            let known = chain.lookup(chat_id, message_id).map(|known| (known.coin, known.depth));
            let usable = model.is_usable((chat_id, message_id));
            prop_assert_eq!(known, usable.then_some((outcome.coin, outcome.depth)));
        }
        let kept: BTreeMap<_, _> =
            kept.iter().map(|(&id, &last)| (id, Resolved { revision: 0, ..last })).collect();
        prop_assert_eq!(kept, outcomes, "what a sink keeps is what holds");
    }
    prop_assert!(snapshots.are_as_they_were());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_model(stream in streams()) {
        compare(ChainConfig { ttl_seconds: 12, max_entries: 4_000 }, stream)?;
    }

    #[test]
    fn agrees_with_the_model_without_an_end_of_life(stream in streams()) {
        compare(ChainConfig { ttl_seconds: i64::from(u32::MAX), max_entries: 4_000 }, stream)?;
    }

    #[test]
    fn agrees_with_the_model_when_room_is_short(stream in streams(), max_entries in 1..30usize) {
        compare(ChainConfig { ttl_seconds: 12, max_entries }, stream)?;
    }
}

/// A long stream over many shards, with expiry and early eviction: restarts change nothing, and snapshots do not change.
#[test]
fn a_restart_changes_nothing_at_any_size() {
    let config = ChainConfig { ttl_seconds: 40_000, max_entries: 150_000 };
    let mut steady = Chain::new(config);
    let mut restarting = Chain::new(config);
    let coins = COINS.map(|coin| (steady.intern(coin), restarting.intern(coin)).0);
    let (mut expected, mut out) = (Vec::new(), Vec::new());
    let mut snapshots = Snapshots::default();
    let mut random = 7u64;
    for number in 0..600_000i64 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bits = random >> 33;
        let chat_id = (bits % 5) as i64;
        let message_id = number - (bits >> 3 & 0xff) as i64;
        let back = 1 + (bits >> 11 & 0x3ff) as i64;
        let node = Node {
            chat_id,
            message_id,
            // Chat 0 runs past its TTL, the others fill the room.
            date: if chat_id == 0 { number * 9 } else { number / 8 },
            edit_date: bits.is_multiple_of(9).then_some(number),
            reply_to: bits.is_multiple_of(3).then_some((chat_id, message_id - back)),
            own: own((bits >> 21) as usize % 10, &coins),
            offset: number as u64,
        };
        let seen = steady.observe(&node, &mut expected);
        assert_eq!(restarting.observe(&node, &mut out), seen);
        assert_eq!(out, expected, "at {number}");
        if number % 97_000 == 96_999 {
            restarting = restarted(&restarting, config);
            snapshots.take(&restarting);
        }
    }
    let (stats, again) = (steady.stats(), restarting.stats());
    assert!(
        stats.expired > 0 && stats.evicted > 0 && stats.late_revisions > 0 && stats.forgotten_versions > 0
    );
    assert!(stats.entries <= config.max_entries);
    assert_eq!((again.entries, again.links, again.versions), (stats.entries, stats.links, stats.versions));
    assert_eq!((again.expired, again.evicted), (stats.expired, stats.evicted));
    assert!(snapshots.are_as_they_were());
}
