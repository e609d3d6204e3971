//! The Fluvio engine on a real cluster: how fast it goes, beside the client crate as its documentation shows it, in the
//! same run with the same bytes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tickertape_broker::fluvio::Options;
use tickertape_broker::{Ack, BatchBuilder, Broker, Fluvio, Retention, TopicPartition, TopicSpec};
use tickertape_fluvio_cluster::{Place, bare};

/// What a stage hands over at once.
const BATCH: u64 = 500;
/// Appends on the way, as a stage has them.
const IN_FLIGHT: usize = 64;
const READ_BYTES: usize = 1024 * 1024;
/// Rounds of the throughput, of which the median is shown.
const ROUNDS: usize = 3;

/// The same bytes through both.
pub(crate) async fn throughput(records: u64) {
    let Some(place) = Place::find().await else { return };
    println!("fluvio throughput: {records} records of about 200 bytes on {}", place.what());
    let values: Vec<Vec<u8>> = (0..records).map(value).collect();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let log = Fluvio::connect(Options::new(place.endpoint())).await.expect("the cluster");
        let at = create(&log, &format!("bench-ours-{round}")).await;
        let started = Instant::now();
        append(&log, &at, records).await;
        let written = started.elapsed();
        let started = Instant::now();
        assert_eq!(check(&log, &at, records).await, (0, 0));
        ours.push((written, started.elapsed()));
        log.delete_topic(&at.topic).await.expect("deleted");

        let at = create(&log, &format!("bench-bare-{round}")).await;
        let started = Instant::now();
        bare::produce(&place.endpoint(), &at.topic, values.iter().map(|v| &v[..]), 256 << 10, "lz4").await;
        let written = started.elapsed();
        let started = Instant::now();
        let seen = bare::consume(&place.endpoint(), &at.topic, records).await;
        // It waits in vain for what it missed: that is not its speed.
        let read =
            started.elapsed().saturating_sub(Duration::from_secs(if seen.next < records { 5 } else { 0 }));
        println!("  round {round}: the bare client missed {} of {records}", seen.missed);
        theirs.push((written, read));
        log.delete_topic(&at.topic).await.expect("deleted");
    }
    for (name, times) in [("tickertape", &mut ours), ("bare client", &mut theirs)] {
        times.sort();
        let written = times[ROUNDS / 2].0;
        times.sort_by_key(|time| time.1);
        println!(
            "  {name:<12} append {}, read {}",
            rate(records, written),
            rate(records, times[ROUNDS / 2].1)
        );
    }
}

/// What was seen of numbered records.
#[derive(Default)]
struct Tally {
    /// Number of the next record.
    expected: u64,
    /// Records that were there before.
    repeated: u64,
    /// Records or offsets that came before those before them.
    disorder: u64,
    next: u64,
}

impl Tally {
    fn add(&mut self, offset: u64, value: &[u8]) {
        self.disorder += u64::from(offset != self.next);
        self.next = offset + 1;
        match number(value) {
            number if number == self.expected => self.expected += 1,
            number if number < self.expected => self.repeated += 1,
            _ => self.disorder += 1,
        }
    }
}

async fn create(log: &Fluvio, name: &str) -> TopicPartition {
    if log.topic(name).await.expect("topics").is_some() {
        log.delete_topic(name).await.expect("deleted");
    }
    let spec = TopicSpec { name: name.into(), partitions: 1, retention: Retention::default() };
    log.create_topic(&spec).await.expect("a new topic");
    TopicPartition::new(name, 0)
}

async fn append(log: &Fluvio, at: &TopicPartition, records: u64) {
    let mut acks: VecDeque<Ack> = VecDeque::new();
    for first in (0..records).step_by(BATCH as usize) {
        let mut batch = BatchBuilder::default();
        for record in first..(first + BATCH).min(records) {
            batch.push(b"-1001000000000", &value(record));
        }
        acks.push_back(log.append(vec![(at.clone(), batch)]).await.expect("room"));
        if acks.len() == IN_FLIGHT {
            acks.pop_front().expect("not empty").await.expect("on the log");
        }
    }
    for ack in acks {
        ack.await.expect("on the log");
    }
}

/// How many of the records are missing and how many there twice.
async fn check(log: &Fluvio, at: &TopicPartition, records: u64) -> (u64, u64) {
    let end = log.bounds(at).await.expect("the partition").end;
    let mut tally = Tally::default();
    while tally.next < end {
        for batch in log.read(at, tally.next, READ_BYTES).await.expect("batches") {
            batch.iter().for_each(|record| tally.add(record.offset, record.value));
        }
    }
    assert_eq!(tally.disorder, 0);
    (records - tally.expected, tally.repeated)
}

/// A numbered record.
fn value(number: u64) -> Vec<u8> {
    const WORDS: [&str; 12] =
        ["moon", "pump", "$btc", "#eth", "long", "hodl", "entry", "target", "stop", "whale", "chart", "gm"];
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = format!(r#"{{"schema":1,"message_id":{number:010},"text":""#);
    while text.len() < 190 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(WORDS[(state >> 33) as usize % WORDS.len()]);
        text.push(' ');
    }
    text.push_str("\"}");
    text.into_bytes()
}

/// The number of a record.
fn number(value: &[u8]) -> u64 {
    let digits = br#"{"schema":1,"message_id":"#.len();
    value[digits..digits + 10].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

fn rate(records: u64, time: Duration) -> String {
    format!("{:.0} k/s", records as f64 / time.as_secs_f64() / 1e3)
}
