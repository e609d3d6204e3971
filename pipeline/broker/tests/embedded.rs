//! The embedded log as its users see it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use tickertape_broker::{
    BatchBuilder, Broker, Embedded, Error, Offset, Retention, TopicPartition, TopicSpec,
};

fn at(topic: &str, partition: u32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

fn spec(name: &str, partitions: u32) -> TopicSpec {
    TopicSpec { name: name.into(), partitions, retention: Retention::default() }
}

fn batch(values: &[&str]) -> BatchBuilder {
    let mut builder = BatchBuilder::default();
    values.iter().for_each(|value| builder.push(b"key", value.as_bytes()));
    builder
}

async fn append(log: &Embedded, at: &TopicPartition, values: &[&str]) -> Offset {
    log.append(vec![(at.clone(), batch(values))]).await.unwrap().await.unwrap()[0]
}

async fn read(log: &Embedded, at: &TopicPartition, offset: Offset) -> Vec<(Offset, String)> {
    let batches = log.read(at, offset, usize::MAX).await.unwrap();
    let record =
        |r: tickertape_broker::RecordRef<'_>| (r.offset, String::from_utf8(r.value.to_vec()).unwrap());
    batches.iter().flat_map(|batch| batch.iter().map(record).collect::<Vec<_>>()).collect()
}

#[tokio::test]
async fn what_is_appended_is_read_again_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (at("messages", 0), at("messages", 1));
    {
        let log = Embedded::open(dir.path()).unwrap();
        log.create_topic(&spec("messages", 2)).await.unwrap();
        assert_eq!(log.bounds(&a).await.unwrap(), 0..0);
        assert_eq!(read(&log, &a, 0).await, []);
        assert_eq!(append(&log, &a, &["zero", "one"]).await, 0);
        assert_eq!(append(&log, &a, &["two"]).await, 2);
        let both =
            vec![(b.clone(), batch(&["b0"])), (a.clone(), batch(&["three"])), (b.clone(), batch(&["b1"]))];
        assert_eq!(log.append(both).await.unwrap().await.unwrap(), [0, 3, 1]);
    }
    let log = Embedded::open(dir.path()).unwrap();
    assert_eq!(log.bounds(&a).await.unwrap(), 0..4);
    let values = ["zero", "one", "two", "three"];
    for offset in 0..=4 {
        let expected: Vec<_> =
            (offset as u64..).zip(values[offset..].iter().map(|v| v.to_string())).collect();
        assert_eq!(read(&log, &a, offset as u64).await, expected);
    }
    assert_eq!(read(&log, &b, 0).await, [(0, "b0".into()), (1, "b1".into())]);
    assert_eq!(append(&log, &a, &["four"]).await, 4);
    assert_eq!(read(&log, &a, 3).await, [(3, "three".into()), (4, "four".into())]);
}

#[tokio::test]
async fn a_read_is_bounded_and_returns_at_least_one_batch() {
    let dir = tempfile::tempdir().unwrap();
    let a = at("messages", 0);
    for reopened in [false, true] {
        let log = Embedded::open(dir.path()).unwrap();
        if !reopened {
            log.create_topic(&spec("messages", 1)).await.unwrap();
            for _ in 0..3 {
                append(&log, &a, &[&"x".repeat(1000)]).await;
            }
        }
        let ends = async |max| {
            let batches = log.read(&a, 0, max).await.unwrap();
            batches.iter().map(|batch| batch.end_offset()).collect::<Vec<_>>()
        };
        assert_eq!(ends(0).await, [1]);
        assert_eq!(ends(2500).await, [1, 2]);
        assert_eq!(ends(usize::MAX).await, [1, 2, 3]);
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let log = Embedded::open(dir.path()).unwrap();
    log.create_topic(&spec("messages", 1)).await.unwrap();
    append(&log, &at("messages", 0), &["zero"]).await;
    for nowhere in [at("messages", 1), at("events", 0)] {
        let no_such = |error| matches!(error, Error::NoSuchPartition { at } if at == nowhere);
        assert!(no_such(log.read(&nowhere, 0, 1).await.unwrap_err()));
        assert!(no_such(log.bounds(&nowhere).await.unwrap_err()));
        assert!(no_such(log.wait(&nowhere, 0).await.unwrap_err()));
        assert!(no_such(log.append(vec![(nowhere.clone(), batch(&["x"]))]).await.err().unwrap()));
    }
    let beyond = log.read(&at("messages", 0), 2, 1).await.unwrap_err();
    assert!(matches!(beyond, Error::OffsetOutOfRange { offset: 2, earliest: 0, end: 1, .. }), "{beyond}");
}

#[tokio::test]
async fn topics_are_created_once_and_recreated_with_another_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let a = at("messages", 0);
    let log = Embedded::open(dir.path()).unwrap();
    let first = log.create_topic(&spec("messages", 1)).await.unwrap();
    assert_eq!(log.create_topic(&spec("messages", 1)).await.unwrap(), first);
    let differs = log.create_topic(&spec("messages", 2)).await.unwrap_err();
    assert!(matches!(differs, Error::TopicDiffers { existing: 1, wanted: 2, .. }), "{differs}");
    append(&log, &a, &["old"]).await;

    let waiting = log.wait(&a, 1);
    let (waited, deleted) = tokio::join!(waiting, log.delete_topic("messages"));
    deleted.unwrap();
    assert!(matches!(waited, Err(Error::NoSuchPartition { .. })));
    assert_eq!(log.topic("messages").await.unwrap(), None);
    assert!(matches!(log.delete_topic("messages").await, Err(Error::NoSuchPartition { .. })));

    let second = log.create_topic(&spec("messages", 1)).await.unwrap();
    assert_ne!(second.epoch, first.epoch);
    assert_eq!(read(&log, &a, 0).await, []);
    append(&log, &a, &["new"]).await;
    log.create_topic(&spec("events", 3)).await.unwrap();
    let topics = log.topics().await.unwrap();
    drop(log);

    let log = Embedded::open(dir.path()).unwrap();
    assert_eq!(log.topics().await.unwrap(), topics);
    assert_eq!(log.topic("messages").await.unwrap(), Some(second));
    assert_eq!(read(&log, &a, 0).await, [(0, "new".into())]);
}

#[tokio::test]
async fn a_waiter_wakes_when_its_record_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let a = at("messages", 0);
    let log = Embedded::open(dir.path()).unwrap();
    log.create_topic(&spec("messages", 1)).await.unwrap();
    let woken = async {
        log.wait(&a, 1).await.unwrap();
        log.bounds(&a).await.unwrap()
    };
    let appended = async {
        append(&log, &a, &["zero"]).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        append(&log, &a, &["one"]).await;
    };
    assert_eq!(tokio::join!(woken, appended).0, 0..2);
}

#[tokio::test]
async fn appends_that_wait_are_finished_when_the_log_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let a = at("messages", 0);
    let log = Embedded::open(dir.path()).unwrap();
    log.create_topic(&spec("messages", 1)).await.unwrap();
    let mut acks = Vec::new();
    for i in 0..100 {
        acks.push(log.append(vec![(a.clone(), batch(&[&i.to_string()]))]).await.unwrap());
    }
    drop(log);
    let log = Embedded::open(dir.path()).unwrap();
    for (i, ack) in acks.into_iter().enumerate() {
        assert_eq!(ack.await.unwrap(), [i as u64]);
    }
    assert_eq!(read(&log, &a, 0).await.len(), 100);
}
