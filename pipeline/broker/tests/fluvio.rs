//! The engine on a real cluster: what the embedded log does, and the same across kills.
//!
//! `TICKERTAPE_FLUVIO` names a cluster, `TICKERTAPE_FLUVIO_RUN` the program of which one is made that may be killed.
#![cfg(feature = "fluvio")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tickertape_broker::fluvio::{Compression, Options};
use tickertape_broker::{
    BatchBuilder, Broker, Error, Fluvio, Follower, Offset, Phase, Retention, TopicInfo, TopicPartition,
    TopicSpec,
};
use tickertape_fluvio_cluster::{Cluster, Place};
use tokio::sync::watch;

static TOPICS: AtomicU32 = AtomicU32::new(0);

/// A topic of a test's own, whatever else lies on the cluster.
fn name() -> String {
    format!("test-{}-{}", std::process::id(), TOPICS.fetch_add(1, Ordering::Relaxed))
}

fn spec(name: &str, partitions: u32) -> TopicSpec {
    TopicSpec { name: name.into(), partitions, retention: Retention::default() }
}

fn batch(values: &[&str]) -> BatchBuilder {
    let mut builder = BatchBuilder::default();
    values.iter().for_each(|value| builder.push(b"key", value.as_bytes()));
    builder
}

async fn append(log: &Fluvio, at: &TopicPartition, values: &[&str]) -> Offset {
    log.append(vec![(at.clone(), batch(values))]).await.unwrap().await.unwrap()[0]
}

async fn read(log: &Fluvio, at: &TopicPartition, offset: Offset) -> Vec<(Offset, String)> {
    let batches = log.read(at, offset, usize::MAX).await.unwrap();
    let record =
        |r: tickertape_broker::RecordRef<'_>| (r.offset, String::from_utf8(r.value.to_vec()).unwrap());
    batches.iter().flat_map(|batch| batch.iter().map(record).collect::<Vec<_>>()).collect()
}

/// Every value of the partition in order, and every offset checked.
async fn read_all(log: &Fluvio, at: &TopicPartition) -> Vec<String> {
    let mut next = 0;
    let mut values = Vec::new();
    loop {
        let batches = log.read(at, next, 1 << 20).await.unwrap();
        if batches.is_empty() {
            assert_eq!(log.bounds(at).await.unwrap(), 0..next);
            return values;
        }
        for record in batches.iter().flat_map(|batch| batch.iter()) {
            assert_eq!(record.offset, next);
            next += 1;
            values.push(String::from_utf8(record.value.to_vec()).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_appended_is_read_from_any_offset() {
    let Some(place) = Place::find().await else { return };
    let endpoint = place.endpoint();
    let topic = name();
    let (a, b) = (TopicPartition::new(&topic, 0), TopicPartition::new(&topic, 1));
    {
        let log = Fluvio::connect(Options::new(&endpoint)).await.unwrap();
        log.create_topic(&spec(&topic, 2)).await.unwrap();
        assert_eq!(log.bounds(&a).await.unwrap(), 0..0);
        assert_eq!(read(&log, &a, 0).await, []);
        assert_eq!(append(&log, &a, &["zero", "one"]).await, 0);
        assert_eq!(append(&log, &a, &["two"]).await, 2);
        let both =
            vec![(b.clone(), batch(&["b0"])), (a.clone(), batch(&["three"])), (b.clone(), batch(&["b1"]))];
        assert_eq!(log.append(both).await.unwrap().await.unwrap(), [0, 3, 1]);
    }
    let log = Fluvio::connect(Options::new(&endpoint)).await.unwrap();
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
    let keys: Vec<_> = log.read(&a, 0, 1).await.unwrap()[0].iter().map(|r| r.key.to_vec()).collect();
    assert_eq!(keys[0], b"key");
    log.delete_topic(&topic).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_bounded_and_returns_at_least_one_batch() {
    let Some(place) = Place::find().await else { return };
    let endpoint = place.endpoint();
    let topic = name();
    let a = TopicPartition::new(&topic, 0);
    let log = Fluvio::connect(Options::new(&endpoint)).await.unwrap();
    log.create_topic(&spec(&topic, 1)).await.unwrap();
    for _ in 0..3 {
        append(&log, &a, &[&"x".repeat(1000)]).await;
    }
    let ends = async |from, max| {
        let batches = log.read(&a, from, max).await.unwrap();
        batches.iter().map(|batch| batch.end_offset()).collect::<Vec<_>>()
    };
    assert_eq!(ends(0, 0).await, [1]);
    assert_eq!(ends(1, 0).await, [2], "what was fetched beyond the last read");
    assert_eq!(ends(0, 2500).await, [1, 2]);
    assert_eq!(ends(0, usize::MAX).await, [1, 2, 3]);
    log.delete_topic(&topic).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_named() {
    let Some(place) = Place::find().await else { return };
    let endpoint = place.endpoint();
    let topic = name();
    let log = Fluvio::connect(Options::new(&endpoint)).await.unwrap();
    log.create_topic(&spec(&topic, 1)).await.unwrap();
    let a = TopicPartition::new(&topic, 0);
    append(&log, &a, &["zero"]).await;
    for nowhere in [TopicPartition::new(&topic, 1), TopicPartition::new(name(), 0)] {
        let no_such = |error| matches!(error, Error::NoSuchPartition { at } if at == nowhere);
        assert!(no_such(log.read(&nowhere, 0, 1).await.unwrap_err()));
        assert!(no_such(log.bounds(&nowhere).await.unwrap_err()));
        assert!(no_such(log.wait(&nowhere, 0).await.unwrap_err()));
        assert!(no_such(log.append(vec![(nowhere.clone(), batch(&["x"]))]).await.err().unwrap()));
    }
    let beyond = log.read(&a, 2, 1).await.unwrap_err();
    assert!(matches!(beyond, Error::OffsetOutOfRange { offset: 2, earliest: 0, end: 1, .. }), "{beyond}");
    log.delete_topic(&topic).await.unwrap();

    let nobody = Options { request_timeout_ms: 2000, ..Options::new("127.0.0.1:1") };
    assert!(matches!(Fluvio::connect(nobody).await, Err(Error::Cluster { .. })));
}

/// A peer that accepts and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_mute_cluster_is_an_error_not_a_hang() {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options { request_timeout_ms: 300, ..Options::new(mute.local_addr().unwrap().to_string()) };
    let error = Fluvio::connect(options).await.err().unwrap();
    assert!(matches!(&error, Error::Cluster { reason, .. } if reason.contains("no answer")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_created_once_and_recreated_with_another_epoch() {
    let Some(place) = Place::find().await else { return };
    let endpoint = place.endpoint();
    let topic = name();
    let a = TopicPartition::new(&topic, 0);
    let log = Fluvio::connect(Options::new(&endpoint)).await.unwrap();
    let other = Fluvio::connect(Options::new(&endpoint)).await.unwrap();
    let first = log.create_topic(&spec(&topic, 1)).await.unwrap();
    assert_eq!(log.create_topic(&spec(&topic, 1)).await.unwrap(), first);
    assert_eq!(
        other.topic(&topic).await.unwrap(),
        Some(first.clone()),
        "another process sees the same epoch"
    );
    let differs = log.create_topic(&spec(&topic, 2)).await.unwrap_err();
    assert!(matches!(differs, Error::TopicDiffers { existing: 1, wanted: 2, .. }), "{differs}");
    append(&log, &a, &["old"]).await;
    assert_eq!(read(&other, &a, 0).await, [(0, "old".into())]);

    let waiting = log.wait(&a, 1);
    let (waited, waited_elsewhere, deleted) =
        tokio::join!(waiting, other.wait(&a, 1), log.delete_topic(&topic));
    deleted.unwrap();
    assert!(matches!(waited, Err(Error::NoSuchPartition { .. })), "{waited:?}");
    assert!(matches!(waited_elsewhere, Err(Error::NoSuchPartition { .. })), "{waited_elsewhere:?}");
    assert_eq!(log.topic(&topic).await.unwrap(), None);
    assert!(matches!(log.delete_topic(&topic).await, Err(Error::NoSuchPartition { .. })));

    let second = log.create_topic(&spec(&topic, 1)).await.unwrap();
    assert_ne!(second.epoch, first.epoch);
    assert_eq!(read(&log, &a, 0).await, []);
    append(&log, &a, &["new"]).await;
    assert_eq!(read(&log, &a, 0).await, [(0, "new".into())]);
    assert!(log.topics().await.unwrap().contains(&TopicInfo {
        name: topic.clone(),
        partitions: 1,
        ..second
    }));
    log.delete_topic(&topic).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn waiters_wake_when_their_record_is_there() {
    let Some(place) = Place::find().await else { return };
    let endpoint = place.endpoint();
    let topic = name();
    let a = TopicPartition::new(&topic, 0);
    let log = Fluvio::connect(Options::new(&endpoint)).await.unwrap();
    log.create_topic(&spec(&topic, 1)).await.unwrap();
    let woken = async |offset| {
        log.wait(&a, offset).await.unwrap();
        log.bounds(&a).await.unwrap().end
    };
    let appended = async {
        append(&log, &a, &["zero"]).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        append(&log, &a, &["one"]).await;
    };
    let (first, second, third, ()) = tokio::join!(woken(0), woken(1), woken(1), appended);
    assert!(first >= 1 && second == 2 && third == 2);
    log.wait(&a, 0).await.unwrap();
    log.delete_topic(&topic).await.unwrap();
}

/// The batches of the next topic are not on the log before those of the topic before it.
#[tokio::test(flavor = "multi_thread")]
async fn the_topics_of_one_append_are_written_in_order() {
    let Some(place) = Place::find().await else { return };
    let endpoint = place.endpoint();
    let (first, second) = (name(), name());
    let log = Fluvio::connect(Options::new(&endpoint)).await.unwrap();
    log.create_topic(&spec(&first, 2)).await.unwrap();
    log.create_topic(&spec(&second, 1)).await.unwrap();
    let parts = [TopicPartition::new(&first, 0), TopicPartition::new(&first, 1)];
    let then = TopicPartition::new(&second, 0);
    let appends = async {
        let mut acks = Vec::new();
        for i in 0..200 {
            let value = format!("{i}-{}", "x".repeat(5000));
            let batches = vec![
                (parts[0].clone(), batch(&[&value])),
                (parts[1].clone(), batch(&[&value])),
                (then.clone(), batch(&[&value])),
            ];
            acks.push(log.append(batches).await.unwrap());
        }
        for (i, ack) in acks.into_iter().enumerate() {
            assert_eq!(ack.await.unwrap(), [i as u64; 3]);
        }
    };
    let checks = async {
        let mut seen = 0;
        while seen < 200 {
            log.wait(&then, seen).await.unwrap();
            seen = log.bounds(&then).await.unwrap().end;
            for part in &parts {
                assert!(log.bounds(part).await.unwrap().end >= seen);
            }
        }
    };
    tokio::join!(appends, checks);
    log.delete_topic(&first).await.unwrap();
    log.delete_topic(&second).await.unwrap();
}

/// Where the client crate loses records: a long backlog in batches of any size, compressed or not.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_in_batches_of_any_size_is_read_whole() {
    let Some(place) = Place::find().await else { return };
    let endpoint = place.endpoint();
    let value = |i: u32| format!("{i:08}{}", "abcdefgh".repeat((i % 40) as usize));
    for (batch_bytes, compression) in [
        (16 << 10, Compression::None),
        (64 << 10, Compression::Lz4),
        (256 << 10, Compression::Zstd),
        (1 << 20, Compression::None),
        (1 << 20, Compression::Gzip),
        (64 << 10, Compression::Snappy),
    ] {
        // A fetch that is smaller than the largest batches, and has to be raised.
        let options = Options { batch_bytes, compression, max_bytes: 300_000, ..Options::new(&endpoint) };
        let log = Fluvio::connect(options).await.unwrap();
        let topic = name();
        let a = TopicPartition::new(&topic, 0);
        log.create_topic(&spec(&topic, 1)).await.unwrap();
        let mut acks = Vec::new();
        for chunk in (0..40_000).collect::<Vec<_>>().chunks(777) {
            let mut builder = BatchBuilder::default();
            chunk.iter().for_each(|&i| builder.push(b"", value(i).as_bytes()));
            acks.push(log.append(vec![(a.clone(), builder)]).await.unwrap());
        }
        let mut expected = 0;
        for ack in acks {
            assert_eq!(ack.await.unwrap(), [expected]);
            expected += 777;
        }
        let read = read_all(&log, &a).await;
        assert_eq!(read.len(), 40_000);
        assert!(read.iter().zip(0..).all(|(read, i)| *read == value(i)));
        log.delete_topic(&topic).await.unwrap();
    }
}

/// Appends numbers as fast as acknowledgements come, for as long as `running`; returns how many.
async fn append_numbers(log: &Fluvio, at: &TopicPartition, running: &watch::Receiver<bool>) -> u64 {
    let mut number = 0;
    let mut acks = std::collections::VecDeque::new();
    while *running.borrow() {
        let mut builder = BatchBuilder::default();
        for _ in 0..1 + number % 50 {
            builder.push(b"chat", format!("{number:010}{}", "x".repeat((number % 300) as usize)).as_bytes());
            number += 1;
        }
        acks.push_back(log.append(vec![(at.clone(), builder)]).await.unwrap());
        if acks.len() > 100 {
            acks.pop_front().unwrap().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for ack in acks {
        ack.await.unwrap();
    }
    number
}

/// Kills of both servers, and an SPU that falls mute, while there is appending and following: nothing is missing, what is there twice is a
/// repetition of what was there before, and the follower saw exactly what lies on the log.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_spu_and_sc_are_killed() {
    let Some(cluster) = Cluster::start().await else { return };
    let topic = name();
    let a = TopicPartition::new(&topic, 0);
    let options = Options { request_timeout_ms: 1000, ..Options::new(cluster.endpoint()) };
    let log = Arc::new(Fluvio::connect(options.clone()).await.unwrap());
    let info = log.create_topic(&spec(&topic, 1)).await.unwrap();
    let (running, is_running) = watch::channel(true);
    let phase = watch::Sender::new(Phase::Running);

    let appending = {
        let (log, a) = (log.clone(), a.clone());
        tokio::spawn(async move { append_numbers(&log, &a, &is_running).await })
    };
    let following = {
        let reader: Arc<dyn Broker> = Arc::new(Fluvio::connect(options).await.unwrap());
        let mut follower = Follower::open(reader, a.clone(), None, 1 << 20, phase.subscribe()).await.unwrap();
        tokio::spawn(async move {
            let mut values = Vec::new();
            while let Some(batches) = follower.next().await.unwrap() {
                for record in batches.iter().flat_map(|batch| batch.iter()) {
                    assert_eq!(record.offset, values.len() as u64);
                    values.push(String::from_utf8(record.value.to_vec()).unwrap());
                }
            }
            values
        })
    };
    let pause = |millis| tokio::time::sleep(Duration::from_millis(millis));
    for round in 0..8 {
        pause(700).await;
        if round == 2 {
            cluster.kill_sc();
            pause(500).await;
            cluster.start_sc();
        } else if round == 4 {
            // Long enough that requests are given up that it carries out later.
            cluster.freeze_spu(true);
            pause(2500).await;
            cluster.freeze_spu(false);
        } else {
            cluster.kill_spu();
            pause(100 * round).await;
            cluster.start_spu();
        }
    }
    pause(1500).await;
    running.send_replace(false);
    let appended = appending.await.unwrap();
    phase.send_replace(Phase::Draining);
    let followed = following.await.unwrap();

    assert_eq!(followed, read_all(&log, &a).await, "the follower saw what lies there");
    let mut expected = 0;
    for value in &followed {
        let number: u64 = value[..10].parse().unwrap();
        assert!(number <= expected, "{expected} is missing before {number}");
        expected += u64::from(number == expected);
    }
    assert_eq!(expected, appended, "the last ones are missing");
    assert!(appended > 1000, "only {appended} were appended");
    assert_eq!(log.topic(&topic).await.unwrap(), Some(info), "the epoch outlives every restart");
}
