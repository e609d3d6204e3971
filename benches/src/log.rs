//! The embedded log: how many records of 200 bytes a second it takes, with every sync included, and gives back after
//! a restart.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tickertape_broker::{Ack, BatchBuilder, Broker, Embedded, Retention, TopicPartition, TopicSpec};

const RECORDS: u64 = 5_000_000;
const RECORD_BYTES: usize = 200;
/// What an import hands over at once.
const BATCH: u64 = 5_000;
/// Appends on the way, as a stage has them.
const IN_FLIGHT: usize = 8;
const READ_BYTES: usize = 1024 * 1024;

/// Prints records and megabytes a second, appended and read, the size on disk and the peak memory of each half.
pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // Beside the program: the system's folder for temporary files may lie in memory, where a sync costs nothing.
    let program = std::env::current_exe().expect("a program has a path");
    let dir = tempfile::tempdir_in(program.parent().expect("in a folder")).expect("a folder to write to");
    runtime.block_on(measure(dir.path()));
}

async fn measure(dir: &Path) {
    let at = TopicPartition::new("messages", 0);
    let values = values();
    let bytes = RECORDS * RECORD_BYTES as u64;

    reset_peak_memory();
    let log = Arc::new(Embedded::open(dir).expect("a new log"));
    let spec = TopicSpec { name: at.topic.clone(), partitions: 1, retention: Retention::default() };
    log.create_topic(&spec).await.expect("a new topic");
    let started = Instant::now();
    append(&log, &at, &values).await;
    report("append", bytes, started);
    drop(log);
    println!("  on disk {:.0} MB for {:.0} MB", size_on_disk(dir) as f64 / 1e6, bytes as f64 / 1e6);

    reset_peak_memory();
    let log = Embedded::open(dir).expect("the log again");
    let started = Instant::now();
    let read = read(&log, &at).await;
    report("read", bytes, started);
    assert_eq!(read, (RECORDS, bytes), "everything is read");
}

async fn append(log: &Embedded, at: &TopicPartition, values: &[Vec<u8>]) {
    let mut acks: VecDeque<Ack> = VecDeque::new();
    for first in (0..RECORDS).step_by(BATCH as usize) {
        let mut batch = BatchBuilder::default();
        for record in first..first + BATCH {
            batch.push(b"", &values[record as usize % values.len()]);
        }
        acks.push_back(log.append(vec![(at.clone(), batch)]).await.expect("room"));
        if acks.len() == IN_FLIGHT {
            acks.pop_front().expect("not empty").await.expect("durable");
        }
    }
    for ack in acks {
        ack.await.expect("durable");
    }
}

async fn read(log: &Embedded, at: &TopicPartition) -> (u64, u64) {
    let end = log.bounds(at).await.expect("the partition").end;
    let (mut next, mut bytes) = (0, 0);
    while next < end {
        for batch in log.read(at, next, READ_BYTES).await.expect("batches") {
            bytes += batch.iter().map(|record| record.value.len() as u64).sum::<u64>();
            next = batch.end_offset();
        }
    }
    (next, bytes)
}

/// Records of one size that compress about as well as messages do.
fn values() -> Vec<Vec<u8>> {
    let words =
        ["moon", "pump", "$btc", "#eth", "long", "hodl", "entry", "target", "stop", "whale", "chart", "gm"];
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let value = |_| {
        let mut value = format!(
            r#"{{"schema":1,"chat_id":-100{},"message_id":{},"date":{},"text":""#,
            1_000_000_000 + random() % 1_000,
            random() % 1_000_000,
            1_600_000_000 + random() % 100_000_000
        );
        while value.len() < RECORD_BYTES - 2 {
            value.push_str(words[random() as usize % words.len()]);
            value.push(' ');
        }
        value.truncate(RECORD_BYTES - 2);
        value.push_str("\"}");
        value.into_bytes()
    };
    (0..50_000).map(value).collect()
}

fn report(what: &str, bytes: u64, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "log {what}: {:.2} M records/s, {:.0} MB/s, peak memory {}",
        RECORDS as f64 / seconds / 1e6,
        bytes as f64 / seconds / 1e6,
        peak_memory()
    );
}

fn size_on_disk(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => size_on_disk(&entry.path()),
        Ok(data) => data.blocks() * 512, // not the length: journals are laid out ahead
        Err(_) => 0,
    };
    std::fs::read_dir(dir).map_or(0, |entries| entries.flatten().map(size).sum())
}

fn reset_peak_memory() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".into(), |line| line.trim().to_owned())
}
