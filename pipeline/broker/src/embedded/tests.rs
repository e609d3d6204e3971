//! What needs a clock of its own or a look behind the log; the rest is in `tests/`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::Retention;

const MAX: usize = usize::MAX;

/// A log in a directory of its own, whose clock stands still.
struct Bench {
    dir: tempfile::TempDir,
    now: Arc<AtomicU64>,
    log: Option<Embedded>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut bench = Self { dir, now: Arc::new(AtomicU64::new(1_000_000)), log: None };
        bench.reopen();
        bench
    }

    fn reopen(&mut self) {
        self.log = None;
        let now = self.now.clone();
        let clock = Box::new(move || now.load(Ordering::Relaxed));
        self.log = Some(Embedded::open_with_clock(self.dir.path(), clock).expect("opens"));
    }

    fn log(&self) -> &Embedded {
        self.log.as_ref().expect("open")
    }

    fn pass(&self, time: Duration) {
        self.now.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    }

    async fn create(&self, name: &str, partitions: u32, retention: Retention) -> TopicInfo {
        let spec = TopicSpec { name: name.into(), partitions, retention };
        self.log().create_topic(&spec).await.expect("created")
    }

    async fn append(&self, at: &TopicPartition, values: &[Vec<u8>]) -> Offset {
        let appended = self.log().append(vec![(at.clone(), batch(values))]).await.expect("room");
        appended.await.expect("durable")[0]
    }

    async fn bounds(&self, at: &TopicPartition) -> Range<Offset> {
        self.log().bounds(at).await.expect("there")
    }
}

fn batch(values: &[Vec<u8>]) -> BatchBuilder {
    let mut builder = BatchBuilder::default();
    values.iter().for_each(|value| builder.push(b"key", value));
    builder
}

fn size_on_disk(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("readable").map(|entry| entry.expect("readable"));
    let size = |entry: std::fs::DirEntry| match entry.file_type().expect("readable").is_dir() {
        true => size_on_disk(&entry.path()),
        false => entry.metadata().expect("readable").len(),
    };
    entries.map(size).sum()
}

#[tokio::test]
async fn age_deletes_the_oldest_batches_but_never_the_newest() {
    let mut bench = Bench::new();
    let at = TopicPartition::new("messages", 0);
    let hour = Duration::from_secs(3600);
    bench.create("messages", 1, Retention { age: Some(hour), bytes: None }).await;
    for _ in 0..3 {
        bench.append(&at, &[vec![1], vec![2]]).await;
        bench.pass(hour / 2);
    }
    assert_eq!(bench.bounds(&at).await, 0..6);
    bench.append(&at, &[vec![3]]).await;
    assert_eq!(bench.bounds(&at).await, 2..7);
    let gone = bench.log().read(&at, 1, MAX).await.expect_err("deleted");
    assert!(matches!(gone, Error::OffsetOutOfRange { offset: 1, earliest: 2, end: 7, .. }), "{gone}");
    bench.pass(10 * hour);
    bench.reopen();
    assert_eq!(bench.bounds(&at).await, 6..7);
    // A clock that is set back neither deletes nor keeps too much.
    bench.now.store(0, Ordering::Relaxed);
    bench.append(&at, &[vec![4]]).await;
    assert_eq!(bench.bounds(&at).await, 6..8);
}

#[tokio::test]
async fn another_retention_takes_effect_on_a_topic_that_exists() {
    let bench = Bench::new();
    let at = TopicPartition::new("messages", 0);
    let first = bench.create("messages", 1, Retention::default()).await;
    for _ in 0..5 {
        bench.append(&at, &[vec![0; 100]]).await;
    }
    let second = bench.create("messages", 1, Retention { age: None, bytes: Some(250) }).await;
    assert_eq!(second, first);
    bench.append(&at, &[vec![0; 100]]).await;
    assert_eq!(bench.bounds(&at).await, 4..6);
}

#[tokio::test]
async fn what_retention_deletes_is_gone_from_the_disk() {
    let mut bench = Bench::new();
    let at = TopicPartition::new("messages", 0);
    bench.create("messages", 1, Retention { age: None, bytes: Some(8 << 20) }).await;
    let mut noise = 1_u64;
    for _ in 0..400 {
        let megabyte = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (noise >> 56) as u8
        });
        bench.append(&at, &[megabyte.take(1 << 20).collect()]).await;
    }
    bench.reopen();
    assert_eq!(bench.bounds(&at).await, 393..400);
    let size = size_on_disk(bench.dir.path());
    assert!(size < 250 << 20, "400 MiB were appended, {} MiB are on disk", size >> 20);
}

#[tokio::test]
async fn a_hole_is_damage() {
    let mut bench = Bench::new();
    let at = TopicPartition::new("messages", 0);
    bench.create("messages", 1, Retention::default()).await;
    for _ in 0..4 {
        bench.append(&at, &[vec![0], vec![1]]).await;
    }
    let partition = bench.log().partition(&at).expect("there");
    partition.keyspace().remove(2_u64.to_be_bytes()).expect("removed");
    drop(partition);
    bench.reopen();
    assert_eq!(bench.log().read(&at, 0, 1).await.expect("before the hole").len(), 1);
    assert_eq!(bench.log().read(&at, 4, MAX).await.expect("behind the hole").len(), 2);
    for offset in [0, 1, 2, 3] {
        let damaged = bench.log().read(&at, offset, MAX).await.expect_err("across the hole");
        assert!(matches!(damaged, Error::Damaged { .. }), "{damaged}");
    }
}

#[derive(Debug, Clone)]
enum Op {
    Create {
        topic: usize,
        retention: Retention,
    },
    Delete {
        topic: usize,
    },
    /// Batches: topic, partition, sizes of the values.
    Append(Vec<(usize, u32, Vec<usize>)>),
    Read {
        topic: usize,
        partition: u32,
        offset: u64,
        max_bytes: usize,
    },
    Pass(Duration),
    Reopen,
}

const TOPICS: [&str; 2] = ["messages", "events"];
const PARTITIONS: u32 = 2;

fn op() -> impl Strategy<Value = Op> {
    let retention = (proptest::option::of(1..100_u64), proptest::option::of(100..3_000_u64))
        .prop_map(|(age, bytes)| Retention { age: age.map(Duration::from_secs), bytes });
    let sizes = proptest::collection::vec(0..300_usize, 1..6);
    prop_oneof![
        2 => (0..2_usize, retention).prop_map(|(topic, retention)| Op::Create { topic, retention }),
        1 => (0..2_usize).prop_map(|topic| Op::Delete { topic }),
        12 => proptest::collection::vec((0..2_usize, 0..PARTITIONS, sizes), 1..5).prop_map(Op::Append),
        12 => (0..2_usize, 0..PARTITIONS, 0..60_u64, 0..3_000_usize)
            .prop_map(|(topic, partition, offset, max_bytes)| Op::Read { topic, partition, offset, max_bytes }),
        2 => (0..60_u64).prop_map(|seconds| Op::Pass(Duration::from_secs(seconds))),
        2 => Just(Op::Reopen),
    ]
}

/// What a log should be, said in the simplest way.
#[derive(Default)]
struct Model {
    topics: BTreeMap<usize, ModelTopic>,
    epochs: Vec<u64>,
    /// Makes every value its own.
    values: u8,
}

struct ModelTopic {
    info: TopicInfo,
    retention: Retention,
    partitions: Vec<Vec<ModelBatch>>,
}

#[derive(Clone)]
struct ModelBatch {
    first: Offset,
    appended: u64,
    values: Vec<Vec<u8>>,
}

impl ModelBatch {
    fn end(&self) -> Offset {
        self.first + self.values.len() as u64
    }

    fn bytes(&self) -> u64 {
        4 + self.values.iter().map(|value| 8 + 3 + value.len() as u64).sum::<u64>()
    }
}

fn end(batches: &[ModelBatch]) -> Offset {
    batches.last().map_or(0, ModelBatch::end)
}

fn retain(batches: &mut Vec<ModelBatch>, retention: Retention, now: u64) {
    while batches.len() > 1 {
        let kept: u64 = batches.iter().map(ModelBatch::bytes).sum();
        let age = Duration::from_millis(now - batches[0].appended);
        if !(retention.age.is_some_and(|max| age > max) || retention.bytes.is_some_and(|max| kept > max)) {
            return;
        }
        batches.remove(0);
    }
}

async fn apply(bench: &mut Bench, model: &mut Model, op: Op) -> Result<(), TestCaseError> {
    let now = bench.now.load(Ordering::Relaxed);
    match op {
        Op::Create { topic, retention } => {
            let info = bench.create(TOPICS[topic], PARTITIONS, retention).await;
            match model.topics.get_mut(&topic) {
                Some(known) => {
                    prop_assert_eq!(&info, &known.info);
                    known.retention = retention;
                }
                None => {
                    prop_assert!(!model.epochs.contains(&info.epoch));
                    model.epochs.push(info.epoch);
                    let partitions = vec![Vec::new(); PARTITIONS as usize];
                    model.topics.insert(topic, ModelTopic { info, retention, partitions });
                }
            }
        }
        Op::Delete { topic } => {
            let deleted = bench.log().delete_topic(TOPICS[topic]).await;
            prop_assert_eq!(deleted.is_ok(), model.topics.remove(&topic).is_some());
        }
        Op::Append(batches) => append(bench, model, batches, now).await?,
        Op::Read { topic, partition, offset, max_bytes } => {
            let at = TopicPartition::new(TOPICS[topic], partition);
            let read = bench.log().read(&at, offset, max_bytes).await;
            let Some(known) = model.topics.get(&topic) else {
                prop_assert!(matches!(read, Err(Error::NoSuchPartition { .. })), "{read:?}");
                return Ok(());
            };
            check_read(read, &known.partitions[partition as usize], offset, max_bytes)?;
        }
        Op::Pass(time) => bench.pass(time),
        Op::Reopen => {
            bench.reopen();
            for topic in model.topics.values_mut() {
                let retention = topic.retention;
                topic.partitions.iter_mut().for_each(|batches| retain(batches, retention, now));
            }
        }
    }
    Ok(())
}

async fn append(
    bench: &Bench,
    model: &mut Model,
    batches: Vec<(usize, u32, Vec<usize>)>,
    now: u64,
) -> Result<(), TestCaseError> {
    let mut value = |size| {
        model.values = model.values.wrapping_add(1);
        vec![model.values; size]
    };
    let batches: Vec<(usize, u32, Vec<Vec<u8>>)> = batches
        .into_iter()
        .map(|(t, p, sizes)| (t, p, sizes.into_iter().map(&mut value).collect()))
        .collect();
    let asked =
        batches.iter().map(|(t, p, values)| (TopicPartition::new(TOPICS[*t], *p), batch(values))).collect();
    let appended = bench.log().append(asked).await;
    if batches.iter().any(|(topic, ..)| !model.topics.contains_key(topic)) {
        let refused = appended.err();
        prop_assert!(matches!(refused, Some(Error::NoSuchPartition { .. })), "{refused:?}");
        return Ok(());
    }
    let firsts = appended.expect("room").await.expect("durable");
    // The batches of one call for one partition are small enough to be stored as one.
    let mut stored: BTreeMap<(usize, u32), ModelBatch> = BTreeMap::new();
    for ((topic, partition, values), first) in batches.into_iter().zip(firsts) {
        let begins = end(&model.topics[&topic].partitions[partition as usize]);
        let batch = stored.entry((topic, partition)).or_insert(ModelBatch {
            first: begins,
            appended: now,
            values: Vec::new(),
        });
        prop_assert_eq!(first, batch.end());
        batch.values.extend(values);
    }
    for ((topic, partition), batch) in stored {
        let topic = model.topics.get_mut(&topic).expect("looked up above");
        let batches = &mut topic.partitions[partition as usize];
        batches.push(batch);
        retain(batches, topic.retention, now);
    }
    Ok(())
}

fn check_read(
    read: Result<Vec<Batch>>,
    batches: &[ModelBatch],
    offset: Offset,
    max_bytes: usize,
) -> Result<(), TestCaseError> {
    let (start, end) = (batches.first().map_or(0, |batch| batch.first), end(batches));
    if offset < start || offset > end {
        prop_assert!(
            matches!(read, Err(Error::OffsetOutOfRange { .. })),
            "{offset} of {start}..{end}: {read:?}"
        );
        return Ok(());
    }
    let read = read.expect("in range");
    prop_assert_eq!(read.is_empty(), offset == end);
    let size: usize = read.iter().map(Batch::bytes).sum();
    prop_assert!(read.len() <= 1 || size <= max_bytes, "{size} of {max_bytes}");
    let got = read.iter().flat_map(|batch| batch.iter()).map(|r| (r.offset, r.value.to_vec()));
    let expected = batches.iter().flat_map(|batch| (batch.first..).zip(batch.values.clone()));
    let expected: Vec<_> = expected.skip_while(|(at, _)| *at < offset).collect();
    let got: Vec<_> = got.collect();
    prop_assert_eq!(&got, &expected[..got.len()]);
    if max_bytes == MAX {
        prop_assert_eq!(got.len(), expected.len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_its_model(ops in proptest::collection::vec(op(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (mut bench, mut model) = (Bench::new(), Model::default());
            for op in ops {
                apply(&mut bench, &mut model, op).await?;
            }
            bench.reopen();
            let now = bench.now.load(Ordering::Relaxed);
            for (topic, known) in &mut model.topics {
                for (partition, batches) in known.partitions.iter_mut().enumerate() {
                    retain(batches, known.retention, now);
                    let at = TopicPartition::new(TOPICS[*topic], partition as u32);
                    let start = batches.first().map_or(0, |batch| batch.first);
                    prop_assert_eq!(bench.bounds(&at).await, start..end(batches));
                    check_read(bench.log().read(&at, start, MAX).await, batches, start, MAX)?;
                }
            }
            Ok(())
        })?;
    }
}
