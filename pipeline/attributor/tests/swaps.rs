//! Coin lists coming into force while messages flow: at a defined record, whatever is killed, and again in a replay.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{House, list_without, message, short_list, story};
use tickertape_attributor::{Error, Progress, run};
use tickertape_broker::{
    Ack, BatchBuilder, Broker, Error as BrokerError, Offset, Phase, Result, TopicPartition,
};
use tickertape_faulty_log::{Appends, Faulty};
use tickertape_records::{Attributed, DeadLetter, topics};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// An engine without atomic appends that dies after so many of them. A swap reaches its log as late as allowed: when
/// its acknowledgement is awaited.
struct Mortal {
    appends_left: Arc<AtomicUsize>,
    /// Dies as soon as a swap is on the log.
    dies_behind_a_swap: bool,
}

#[async_trait::async_trait]
impl Appends for Mortal {
    async fn append(
        &self,
        log: &Arc<dyn Broker>,
        batches: Vec<(TopicPartition, BatchBuilder)>,
    ) -> Result<Ack> {
        let mut offsets = Vec::new();
        for (at, batch) in batches {
            let appending = append_if_alive(log.clone(), self.appends_left.clone(), at.clone(), batch);
            if at.topic == topics::COIN_SWAPS {
                let (dies, left) = (self.dies_behind_a_swap, self.appends_left.clone());
                return Ok(Box::pin(async move {
                    let offset = appending.await?;
                    if dies {
                        left.store(0, Ordering::SeqCst);
                    }
                    Ok(vec![offset])
                }));
            }
            offsets.push(appending.await?);
        }
        Ok(Box::pin(async move { Ok(offsets) }))
    }
}

async fn append_if_alive(
    log: Arc<dyn Broker>,
    left: Arc<AtomicUsize>,
    at: TopicPartition,
    batch: BatchBuilder,
) -> Result<Offset> {
    let alive = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
    if !alive {
        return Err(BrokerError::Storage { path: "test".into(), doing: "written", reason: "killed".into() });
    }
    Ok(log.append(vec![(at, batch)]).await?.await?[0])
}

type Running = (watch::Sender<Phase>, JoinHandle<std::result::Result<(), Error>>);

fn start(house: &House, broker: Arc<dyn Broker>, partition: u32) -> Running {
    let (sender, phase) = watch::channel(Phase::Running);
    let options = house.options();
    let stage = tokio::spawn(run(broker, partition, options, Arc::new(Progress::default()), phase));
    (sender, stage)
}

async fn finish((phase, stage): Running) -> std::result::Result<(), Error> {
    phase.send_replace(Phase::Draining);
    stage.await.expect("does not panic")
}

/// Until the partition has a record at `offset`, or the stage ended.
async fn until(house: &House, topic: &str, partition: u32, offset: u64, running: &Running) {
    let at = TopicPartition::new(topic, partition);
    let ended = async {
        while !running.1.is_finished() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let reached = async {
        tokio::select! {
            waited = house.broker.wait(&at, offset) => waited.expect("waits"),
            () = ended => {}
        }
    };
    tokio::time::timeout(Duration::from_secs(120), reached).await.expect("gets there");
}

/// Every row names the list in force at the record that caused it, and each record caused what it should.
async fn check(house: &House, partition: u32) {
    let swaps = house.swaps(partition).await;
    let rows = house.records_of(topics::ATTRIBUTED, partition).await;
    let mut last = None;
    for value in &rows {
        let row = Attributed::decode(value).expect("an attributed record").attribution;
        let position = Some((row.input_offset, row.sequence));
        assert!(position > last, "{position:?} behind {last:?}: written twice or out of order");
        last = position;
        let in_force = swaps.iter().rfind(|swap| swap.0 <= row.input_offset).expect("a list is in force");
        assert_eq!(row.coin_list_version, in_force.1, "offset {}: {swaps:?}", row.input_offset);
    }
}

/// Killed after so many appends while a list swaps; then goes on, and is replayed. Whether it came through unkilled.
async fn killed_after(appends: usize, dies_behind_a_swap: bool) -> bool {
    let story = story();
    let house = House::new().await;
    for batch in &story[..3] {
        house.append(batch).await;
    }
    house.attribute(&short_list()).await;
    let earlier = house.records(topics::ATTRIBUTED).await.len() as u64;
    if appends % 2 == 1 {
        std::fs::remove_file(house.checkpoint()).expect("removes");
    }

    let appends_left = Arc::new(AtomicUsize::new(appends));
    let mortal = Mortal { appends_left, dies_behind_a_swap };
    let broker = Faulty { log: house.broker.clone(), appends: mortal };
    let running = start(&house, Arc::new(broker), 0);
    house.append(&story[3]).await;
    until(&house, topics::ATTRIBUTED, 0, earlier, &running).await;
    house.publish(&list_without("bitcoin")).await;
    for batch in &story[4..] {
        house.append(batch).await;
    }
    // Messages flow until the list has swapped, then two more come under the new one.
    let mut id = 500;
    while !running.1.is_finished() && house.swaps(0).await.len() < 2 {
        house.append(&[message(id, "$BTC", None)]).await;
        id += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    house.append(&[message(id, "$BTC", None), message(id + 1, "yes", Some(id))]).await;
    let survived = finish(running).await.is_ok();

    if dies_behind_a_swap {
        let rows = house.records(topics::ATTRIBUTED).await;
        let newest = Attributed::decode(rows.last().expect("rows")).expect("a row").attribution;
        assert_eq!((house.swaps(0).await.len(), newest.coin_list_version), (2, 1), "between swap and output");
    }
    house.drain(0).await.expect("goes on");
    check(&house, 0).await;
    let dead = house.records(topics::DEAD_LETTERS).await;
    let ids = dead.iter().map(|value| DeadLetter::decode(value).expect("a dead letter").id().to_owned());
    assert_eq!(ids.collect::<BTreeSet<_>>().len(), 1, "killed after {appends} appends: {dead:?}");

    let swaps = house.swaps(0).await;
    assert_eq!(swaps.len(), 2, "killed after {appends} appends: {swaps:?}");
    let wanted = house.records(topics::ATTRIBUTED).await;
    let last = Attributed::decode(wanted.last().expect("rows")).expect("a row").attribution;
    let end = house.broker.bounds(&TopicPartition::new(topics::MESSAGES, 0)).await.expect("is there").end;
    assert_eq!((last.input_offset, last.coin_list_version), (end - 1, 2), "all are attributed");
    assert!(house.replayed().await == wanted, "killed after {appends} appends: a replay differs");
    assert_eq!(house.swaps(0).await, swaps, "a replay decides nothing");
    survived
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_append_around_a_swap_it_swaps_at_one_record() {
    let mut appends = 0;
    while !killed_after(appends, false).await {
        appends += 1;
    }
    assert!(appends >= 4, "the run is killed at every append: {appends}");
    assert!(!killed_after(1000, true).await, "it is killed between the swap and the first output under it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_partitions_swap_each_at_its_own_record() {
    let house = House::new().await;
    house.publish(&short_list()).await;
    let stages = [start(&house, house.broker.clone(), 0), start(&house, house.broker.clone(), 1)];
    for batch in &story()[..4] {
        house.append_to(0, batch).await;
    }
    house.append_to(1, &[message(1, "$BTC", None)]).await;
    until(&house, topics::ATTRIBUTED, 0, 20, &stages[0]).await;
    until(&house, topics::ATTRIBUTED, 1, 0, &stages[1]).await;

    house.publish(&list_without("bitcoin")).await;
    until(&house, topics::COIN_SWAPS, 0, 1, &stages[0]).await;
    until(&house, topics::COIN_SWAPS, 1, 1, &stages[1]).await;
    for partition in [0, 1] {
        house.append_to(partition, &[message(900, "$BTC", None), message(901, "yes", Some(900))]).await;
    }
    for running in stages {
        finish(running).await.expect("drains");
    }
    let (first, second) = (house.swaps(0).await, house.swaps(1).await);
    assert_eq!((first[0], second[0], second[1]), ((0, 1), (0, 1), (1, 2)));
    assert!((20..=32).contains(&first[1].0) && first[1].1 == 2, "{first:?}");
    for partition in [0, 1] {
        check(&house, partition).await;
        let rows = house.records_of(topics::ATTRIBUTED, partition).await;
        let last = Attributed::decode(rows.last().expect("rows")).expect("a row").attribution;
        assert_eq!((last.coin_id, last.coin_list_version), (None, 2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_came_after_it_was_written_changes_no_replay() {
    let house = House::new().await;
    for batch in &story() {
        house.append(batch).await;
    }
    house.attribute(&short_list()).await;
    let wanted = house.records(topics::ATTRIBUTED).await;

    house.publish(&list_without("bitcoin")).await;
    assert!(house.replayed().await == wanted);
    assert_eq!(house.swaps(0).await, [(0, 1), (96, 2)], "behind everything that may have been written");
    house.append(&[message(900, "$BTC", None)]).await;
    house.drain(0).await.expect("goes on");
    check(&house, 0).await;
    let wanted = house.records(topics::ATTRIBUTED).await;
    assert!(house.replayed().await == wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_cannot_be_used_leaves_the_old_one_in_force() {
    let house = House::new().await;
    house.append(&[message(1, "$BTC", None)]).await;
    house.attribute(&short_list()).await;
    let mut broken = BatchBuilder::default();
    broken.push(b"", b"{\"schema\":9}");
    house.put(TopicPartition::new(topics::COIN_LISTS, 0), broken).await;
    house.append(&[message(2, "$BTC", None)]).await;
    house.drain(0).await.expect("goes on");
    house.publish(&list_without("ethereum")).await;
    house.append(&[message(3, "$BTC", None)]).await;
    house.drain(0).await.expect("goes on");

    check(&house, 0).await;
    assert_eq!(house.swaps(0).await, [(0, 1), (2, 3)]);
    assert_eq!(house.records(topics::ATTRIBUTED).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_do_not_belong_together_are_an_error_that_names_them() {
    let house = House::new().await;
    house.append(&[message(1, "$BTC", None)]).await;
    house.attribute(&short_list()).await;

    house.broker.delete_topic(topics::COIN_LISTS).await.expect("deletes");
    house.create(topics::COIN_LISTS).await;
    house.publish(&list_without("bitcoin")).await;
    let error = house.drain(0).await.expect_err("refuses").to_string();
    assert!(error.contains("coin-lists") && error.contains("recreated"), "{error}");

    house.broker.delete_topic(topics::COIN_SWAPS).await.expect("deletes");
    house.create(topics::COIN_SWAPS).await;
    let error = house.drain(0).await.expect_err("refuses").to_string();
    assert!(error.contains("coin-swaps/0: messages were attributed, but no coin list"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_stage_on_one_partition_is_noticed_at_its_swap() {
    let house = House::new().await;
    house.publish(&short_list()).await;
    let running = start(&house, house.broker.clone(), 0);
    house.append(&[message(1, "$BTC", None)]).await;
    until(&house, topics::ATTRIBUTED, 0, 0, &running).await;
    // The other one swapped further on, under a list that this one has not seen.
    let stolen = house.records(topics::COIN_SWAPS).await.remove(0);
    let stolen = String::from_utf8(stolen).expect("JSON").replace("\"input_offset\":0", "\"input_offset\":9");
    let mut foreign = BatchBuilder::default();
    foreign.push(b"", stolen.as_bytes());
    house.put(TopicPartition::new(topics::COIN_SWAPS, 0), foreign).await;

    house.publish(&list_without("bitcoin")).await;
    until(&house, topics::COIN_SWAPS, 0, 2, &running).await;
    house.append(&[message(2, "$BTC", None)]).await;
    let error = finish(running).await.expect_err("stops").to_string();
    assert!(error.contains("another process decides swaps here"), "{error}");
    let rows = house.records(topics::ATTRIBUTED).await;
    assert_eq!(rows.len(), 1, "nothing is written under a list that may not be in force");
}
