//! The one reading loop, on a real log.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::time::Duration;

use tickertape_broker::{
    Batch, BatchBuilder, Broker, Embedded, Error, Follower, Offset, Phase, Result, Retention, TopicPartition,
    TopicSpec,
};
use tokio::sync::watch;
use tokio::time::timeout;

const MAX_BYTES: usize = 1 << 20;
const SOON: Duration = Duration::from_millis(50);

struct Bench {
    log: Arc<Embedded>,
    phase: watch::Sender<Phase>,
    _dir: tempfile::TempDir,
}

fn at() -> TopicPartition {
    TopicPartition::new("messages", 0)
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::new(Embedded::open(dir.path()).unwrap());
        let bench = Self { log, phase: watch::Sender::new(Phase::Running), _dir: dir };
        bench.create(Retention::default()).await;
        bench
    }

    async fn create(&self, retention: Retention) -> u64 {
        let spec = TopicSpec { name: at().topic, partitions: 1, retention };
        self.log.create_topic(&spec).await.unwrap().epoch
    }

    async fn append(&self, value: &str) {
        let mut batch = BatchBuilder::default();
        batch.push(b"", value.as_bytes());
        self.log.append(vec![(at(), batch)]).await.unwrap().await.unwrap();
    }

    async fn follow(&self, stored: Option<(u64, Offset)>) -> Result<Follower> {
        Follower::open(self.log.clone(), at(), stored, MAX_BYTES, self.phase.subscribe()).await
    }
}

fn values(batches: Result<Option<Vec<Batch>>>) -> Option<Vec<String>> {
    let batches = batches.unwrap()?;
    let value = |r: tickertape_broker::RecordRef<'_>| String::from_utf8(r.value.to_vec()).unwrap();
    Some(batches.iter().flat_map(|batch| batch.iter().map(value).collect::<Vec<_>>()).collect())
}

fn some(expected: &[&str]) -> Option<Vec<String>> {
    Some(expected.iter().map(|value| value.to_string()).collect())
}

#[tokio::test]
async fn reads_to_the_end_waits_and_goes_on() {
    let bench = Bench::new().await;
    bench.append("zero").await;
    bench.append("one").await;
    let mut follower = bench.follow(None).await.unwrap();
    assert_eq!(values(follower.next().await), some(&["zero", "one"]));
    assert_eq!(follower.position(), 2);

    assert!(timeout(SOON, follower.next()).await.is_err(), "it waits");
    assert_eq!(follower.position(), 2, "a dropped wait loses nothing");
    let (next, ()) = tokio::join!(follower.next(), async {
        tokio::time::sleep(SOON).await;
        bench.append("two").await;
    });
    assert_eq!(values(next), some(&["two"]));
}

#[tokio::test]
async fn goes_on_from_a_stored_position() {
    let bench = Bench::new().await;
    let epoch = bench.create(Retention::default()).await;
    bench.append("zero").await;
    bench.append("one").await;
    let mut follower = bench.follow(Some((epoch, 1))).await.unwrap();
    assert_eq!(values(follower.next().await), some(&["one"]));
    let mut follower = bench.follow(Some((epoch, 2))).await.unwrap();
    assert!(timeout(SOON, follower.next()).await.is_err(), "at the end it waits");
}

#[tokio::test]
async fn drained_it_ends_behind_everything_appended_before() {
    let bench = Bench::new().await;
    let mut follower = bench.follow(None).await.unwrap();
    let drain = async {
        bench.append("zero").await;
        bench.append("one").await;
        bench.phase.send_replace(Phase::Draining);
    };
    let read = async {
        let mut all = Vec::new();
        while let Some(more) = values(follower.next().await) {
            all.extend(more);
        }
        all
    };
    assert_eq!(tokio::join!(read, drain).0, ["zero", "one"]);
}

#[tokio::test]
async fn stopped_it_ends_at_once() {
    let bench = Bench::new().await;
    let mut follower = bench.follow(None).await.unwrap();
    let (ended, ()) = tokio::join!(follower.next(), async {
        tokio::time::sleep(SOON).await;
        bench.phase.send_replace(Phase::Stopping);
    });
    assert_eq!(values(ended), None);
    bench.append("zero").await;
    assert_eq!(values(follower.next().await), None, "whatever there is to read");
    assert_eq!(follower.position(), 0);
}

#[tokio::test]
async fn ends_when_nobody_can_tell_it_to_go_on() {
    let Bench { log, phase, _dir } = Bench::new().await;
    let mut follower = Follower::open(log, at(), None, MAX_BYTES, phase.subscribe()).await.unwrap();
    drop(phase);
    assert_eq!(values(follower.next().await), None);
}

#[tokio::test]
async fn a_topic_that_was_reset_is_noticed() {
    let bench = Bench::new().await;
    let stored = bench.create(Retention::default()).await;
    bench.append("zero").await;
    let mut follower = bench.follow(Some((stored, 1))).await.unwrap();
    bench.log.delete_topic("messages").await.unwrap();
    let gone = follower.next().await.unwrap_err();
    assert!(matches!(gone, Error::NoSuchPartition { .. }), "{gone}");
    assert!(matches!(bench.follow(Some((stored, 1))).await, Err(Error::NoSuchPartition { .. })));

    let current = bench.create(Retention::default()).await;
    bench.append("other").await;
    let reset = bench.follow(Some((stored, 1))).await.err().unwrap();
    let told =
        matches!(&reset, Error::TopicReset { stored: s, current: c, .. } if (*s, *c) == (stored, current));
    assert!(told, "{reset}");
}

#[tokio::test]
async fn a_position_outside_the_partition_is_an_error() {
    let bench = Bench::new().await;
    let epoch = bench.create(Retention { age: None, bytes: Some(1) }).await;
    bench.append("zero").await;
    bench.append("one").await;
    for offset in [0, 3] {
        let outside = bench.follow(Some((epoch, offset))).await.err().unwrap();
        assert!(matches!(outside, Error::OffsetOutOfRange { earliest: 1, end: 2, .. }), "{outside}");
    }
    let mut follower = bench.follow(None).await.unwrap();
    assert_eq!(
        values(follower.next().await),
        some(&["one"]),
        "without a position it begins with what is kept"
    );
    let mut slow = bench.follow(Some((epoch, 1))).await.unwrap();
    bench.append("two").await;
    let overtaken = slow.next().await.unwrap_err();
    assert!(matches!(overtaken, Error::OffsetOutOfRange { offset: 1, earliest: 2, .. }), "{overtaken}");
}
