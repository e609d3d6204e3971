//! The stage over the real embedded log: what it writes, and that stopping it anywhere changes nothing.

mod support;

use std::sync::atomic::Ordering::Relaxed;

use support::{House, deletion, message};
use tickertape_coins::CoinList;
use tickertape_records::{Attributed, Basis, DeadLetter, topics};

fn coins(values: &[Vec<u8>]) -> Vec<(i64, Option<String>, Basis, u32)> {
    let decode = |value: &Vec<u8>| {
        let row = Attributed::decode(value).expect("an attributed record");
        (row.message_id, row.attribution.coin_id, row.attribution.basis, row.attribution.revision)
    };
    values.iter().map(decode).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_parent_revises_its_child_and_a_repeat_adds_nothing() {
    let house = House::new().await;
    house
        .append(&[message(2, "to the moon", Some(1)), message(1, "$BTC", None), message(1, "$BTC", None)])
        .await;
    let progress = house.attribute(&CoinList::snapshot()).await;

    let bitcoin = Some("bitcoin".to_owned());
    assert_eq!(
        coins(&house.records(topics::ATTRIBUTED).await),
        [
            (2, None, Basis::None, 0),
            (1, bitcoin.clone(), Basis::Direct, 0),
            (2, bitcoin, Basis::Inherited, 1)
        ]
    );
    assert_eq!(progress.messages(), 2);
    assert_eq!((progress.revised.load(Relaxed), progress.repeated.load(Relaxed)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_record_costs_itself_and_is_named() {
    let house = House::new().await;
    house.append(&[message(1, "$BTC", None), b"{\"schema\":9}".to_vec(), message(2, "$ETH", None)]).await;
    let progress = house.attribute(&CoinList::snapshot()).await;

    assert_eq!(coins(&house.records(topics::ATTRIBUTED).await).len(), 2);
    let dead = house.records(topics::DEAD_LETTERS).await;
    let letter = DeadLetter::decode(&dead[0]).expect("a dead letter");
    assert_eq!((dead.len(), letter.id().as_str()), (1, "topic:messages/0/1"));
    assert_eq!(letter.record, "{\"schema\":9}");
    assert_eq!(progress.dead_letters.load(Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_is_passed_on_in_its_place_and_changes_no_coin() {
    let house = House::new().await;
    let story = [
        message(1, "$BTC", None),
        message(2, "first reply", Some(1)),
        deletion(1),
        message(3, "second reply", Some(1)), // its parent is gone from Telegram, not from the chain
        deletion(9),
        message(9, "$ETH", None), // comes later than its deletion, by a backfill
        deletion(1),
    ];
    house.append(&story).await;
    let progress = house.attribute(&CoinList::snapshot()).await;

    let values = house.records(topics::ATTRIBUTED).await;
    let rows: Vec<_> = values.iter().map(|value| Attributed::decode(value).expect("attributed")).collect();
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.message_id, row.deleted_at.is_some(), row.attribution.coin_id.as_deref()))
        .collect();
    let (bitcoin, ethereum) = (Some("bitcoin"), Some("ethereum"));
    assert_eq!(
        found,
        [
            (1, false, bitcoin),
            (2, false, bitcoin),
            (1, true, None),
            (3, false, bitcoin),
            (9, true, None),
            (9, false, ethereum),
            (1, true, None),
        ]
    );
    let deletion = &rows[2].attribution;
    assert_eq!((deletion.basis, deletion.revision, deletion.coin_list_version), (Basis::None, 0, 1));
    assert_eq!((deletion.input_offset, deletion.sequence), (2, 0));
    assert_eq!(
        (progress.messages(), progress.deleted.load(Relaxed), progress.repeated.load(Relaxed)),
        (4, 3, 0)
    );

    // Run again with the checkpoint lost: everything is read again, nothing written again.
    std::fs::remove_file(house.checkpoints().join("messages-0.checkpoint")).expect("removes");
    let progress = house.attribute(&CoinList::snapshot()).await;
    assert_eq!((house.records(topics::ATTRIBUTED).await.len(), progress.deleted.load(Relaxed)), (7, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_anywhere_and_with_any_checkpoint_it_writes_the_same_bytes() {
    let story = support::story();
    let calm = House::new().await;
    for batch in &story {
        calm.append(batch).await;
    }
    calm.attribute(&CoinList::snapshot()).await;
    let wanted = calm.records(topics::ATTRIBUTED).await;
    assert!(wanted.len() > 90, "the story is attributed: {}", wanted.len());

    for stop in [1_usize, 4, 7, 11] {
        for checkpoint in ["kept", "lost", "older"] {
            let house = House::new().await;
            let file = house.checkpoints().join("messages-0.checkpoint");
            let older = house.checkpoints().join("older");
            for (i, batch) in story.iter().enumerate() {
                house.append(batch).await;
                if i + 1 == stop.div_ceil(2) {
                    house.attribute(&CoinList::snapshot()).await;
                    std::fs::copy(&file, &older).expect("a checkpoint was written");
                }
                if i + 1 == stop {
                    house.attribute(&CoinList::snapshot()).await;
                    match checkpoint {
                        "lost" => std::fs::remove_file(&file).expect("removes"),
                        "older" => _ = std::fs::copy(&older, &file).expect("copies"),
                        _ => {}
                    }
                }
            }
            house.attribute(&CoinList::snapshot()).await;
            let found = house.records(topics::ATTRIBUTED).await;
            assert!(found == wanted, "stopped after {stop} batches, checkpoint {checkpoint}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_coin_list_holds_from_the_first_message_after_everything_written() {
    let house = House::new().await;
    let whole = CoinList::snapshot();
    let mut without_bitcoin = whole.clone();
    without_bitcoin.coins.retain(|coin| coin.id != "bitcoin");

    house.append(&[message(1, "$BTC", None)]).await;
    house.attribute(&whole).await;
    house.append(&[message(2, "$BTC", None), message(3, "reply", Some(1))]).await;
    house.attribute(&without_bitcoin).await;
    std::fs::remove_file(house.checkpoints().join("messages-0.checkpoint")).expect("removes");
    house.append(&[message(4, "$BTC", None)]).await;
    house.attribute(&without_bitcoin).await;

    let rows = house.records(topics::ATTRIBUTED).await;
    let found: Vec<_> = rows
        .iter()
        .map(|value| {
            let row = Attributed::decode(value).expect("an attributed record").attribution;
            (row.coin_id, row.coin_list_version)
        })
        .collect();
    let bitcoin = || Some("bitcoin".to_owned());
    assert_eq!(found, [(bitcoin(), 1), (None, 2), (bitcoin(), 2), (None, 2)]);
}
