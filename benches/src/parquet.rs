//! The Parquet sink against pyarrow writing the same rows with the same columns, compression and row groups.
//!
//! The sink's rate includes everything from the records on the log to synced files: reading, decoding JSON, sorting,
//! encoding. pyarrow's is its writer alone, from an Arrow table in memory to files. One thread each, in turns.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use tickertape_broker::{BatchBuilder, Broker, Embedded, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_records::topics;
use tickertape_sinks::Progress;
use tickertape_sinks::parquet::{Archive, run as archive};
use tokio::sync::watch;

use crate::workload;

const ROWS: usize = 250_000;
const ROUNDS: usize = 5;
/// Records in one batch of the log, as the attribution stage writes them.
const BATCH: usize = 1_000;

/// Prints rows a second of both and the median of the rounds' ratios.
pub(crate) fn run() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let log = Arc::new(Embedded::open(&dir.path().join("log")).expect("a new log opens"));
    let (records, real) = workload::attributed(ROWS);
    runtime.block_on(fill(&log, &records));
    let rows = records.len();
    println!(
        "parquet: {rows} attributed records of {} messages, {} MB of JSON",
        if real { "real" } else { "generated" },
        records.iter().map(Vec::len).sum::<usize>() / 1_000_000
    );
    drop(records);

    let sink = |name: &str| {
        let began = Instant::now();
        runtime.block_on(drain(&log, &dir.path().join(name)));
        rows as f64 / began.elapsed().as_secs_f64()
    };
    sink("first");
    let mut pyarrow = Pyarrow::start(&dir.path().join("first/messages"), dir.path());
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let ours = sink(&format!("round-{round}"));
        fs::remove_dir_all(dir.path().join(format!("round-{round}"))).expect("ours");
        let theirs = pyarrow.as_mut().map(Pyarrow::rows_a_second);
        rounds.push((ours, theirs));
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!(
        "parquet: sink, records to synced files  {:>9.0} rows/s",
        median(rounds.iter().map(|r| r.0).collect())
    );
    let Some(theirs) = rounds.iter().map(|round| round.1).collect::<Option<Vec<_>>>() else {
        println!("parquet: skipped pyarrow: tests/readers/venv.sh makes its virtual environment");
        return;
    };
    let ratios = rounds.iter().zip(&theirs).map(|((ours, _), theirs)| ours / theirs).collect();
    println!("parquet: pyarrow, Arrow in memory to files {:>9.0} rows/s", median(theirs));
    println!("parquet: ratio {:.2} (at least 1.0 wanted)", median(ratios));
}

async fn drain(log: &Arc<Embedded>, dir: &Path) {
    let archive_here = Archive::local(dir).expect("a new archive");
    let (_keep, phase) = watch::channel(Phase::Draining);
    let at = TopicPartition::new(topics::ATTRIBUTED, 0);
    archive(&archive_here, log.clone(), at, phase, Arc::new(Progress::default())).await.expect("drains");
}

/// A process that holds the archive's rows in memory and writes them when told to.
struct Pyarrow {
    _process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Pyarrow {
    fn start(table: &Path, out: &Path) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let venv = std::env::var_os("TICKERTAPE_VENV").map_or_else(|| root.join(".venv"), PathBuf::from);
        let mut process = Command::new(venv.join("bin/python"))
            .arg(root.join("benches/pyarrow_write.py"))
            .args([table, out])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let (orders, answers) = (process.stdin.take()?, BufReader::new(process.stdout.take()?));
        Some(Self { _process: process, orders, answers })
    }

    fn rows_a_second(&mut self) -> f64 {
        self.orders.write_all(b"write\n").expect("pyarrow listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("pyarrow answers");
        answer.trim().parse().expect("rows a second")
    }
}

async fn fill(log: &Embedded, records: &[Vec<u8>]) {
    let spec = TopicSpec { name: topics::ATTRIBUTED.into(), partitions: 1, retention: Retention::default() };
    log.create_topic(&spec).await.expect("a new topic");
    for records in records.chunks(BATCH) {
        let mut batch = BatchBuilder::default();
        records.iter().for_each(|record| batch.push(b"", record));
        let at = TopicPartition::new(topics::ATTRIBUTED, 0);
        log.append(vec![(at, batch)]).await.expect("room").await.expect("durable");
    }
}
