//! The Postgres sink beside `psql \copy`: the same rows into the same empty tables of the same private server,
//! primary key and indexes in place; then the sink alone into the embedded database.
//!
//! The yardstick reads a prepared file of ready rows; the sink reads records from a log and makes the rows itself.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use tickertape_broker::{BatchBuilder, Broker, Embedded, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_postgres_server as server;
use tickertape_records::topics;
use tickertape_sinks::Progress;
use tickertape_sinks::postgres::{Database, Target, run as run_sink};
use tokio::sync::watch;

use crate::workload;

const MESSAGES: usize = 150_000;
const ROUNDS: usize = 5;
/// Records in one batch of the log, as the attribution stage writes them.
const BATCH: usize = 1_000;

/// Prints the figures.
pub(crate) async fn run() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (messages, real) = workload::attributed(MESSAGES);
    let bytes: usize = messages.iter().map(Vec::len).sum();
    println!(
        "Postgres sink: {} {} messages, {:.0} bytes of record each",
        messages.len(),
        if real { "real" } else { "generated" },
        bytes as f64 / messages.len() as f64
    );
    let log = log(dir.path(), &messages).await;
    match server::Server::shared() {
        Some(server) => beside_psql(&server, log.clone(), messages.len(), dir.path()).await,
        None => println!("  skipped: psql \\copy, there is no PostgreSQL here"),
    }
    embedded(log, messages.len(), dir.path()).await;
}

async fn beside_psql(server: &server::Server, log: Arc<dyn Broker>, rows: usize, dir: &Path) {
    let url = server.create_database(&[]);
    let database =
        Database::open(Target::Server { url: url.clone() }).await.expect("the private server opens");
    let file = dir.join("rows");
    write(&database, log.clone()).await;
    let columns: String = sqlx::query_scalar(
        "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute \
         WHERE attrelid = 'messages'::regclass AND attnum > 0 AND attname <> 'deleted_at'",
    )
    .fetch_one(database.pool())
    .await
    .expect("messages has columns");
    for (format, options) in [("text", ""), ("csv", " with csv"), ("binary", " with binary")] {
        psql(&url, &format!("\\copy (select {columns} from messages) to '{}'{options}", file.display()));
        let mut ratios = Vec::new();
        let mut best = (0.0_f64, 0.0_f64);
        for _ in 0..ROUNDS {
            empty(&database).await;
            let yardstick =
                psql(&url, &format!("\\copy messages ({columns}) from '{}'{options}", file.display()));
            empty(&database).await;
            let ours = write(&database, log.clone()).await;
            let speeds = (rows as f64 / yardstick, rows as f64 / ours);
            best = (best.0.max(speeds.0), best.1.max(speeds.1));
            ratios.push(speeds.1 / speeds.0);
        }
        ratios.sort_by(f64::total_cmp);
        println!(
            "  sink / psql \\copy ({format}): {:.2} (median of {ROUNDS}; best {:.0} and {:.0} rows/s)",
            ratios[ROUNDS / 2],
            best.1,
            best.0
        );
    }
}

async fn embedded(log: Arc<dyn Broker>, rows: usize, dir: &Path) {
    let target = Target::Embedded { dir: dir.join("postgres") };
    let database = Database::open(target).await.expect("the embedded database opens");
    let mut speeds = Vec::new();
    for _ in 0..ROUNDS {
        empty(&database).await;
        speeds.push(rows as f64 / write(&database, log.clone()).await);
    }
    speeds.sort_by(f64::total_cmp);
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim();
    println!(
        "  embedded: {:.0} rows/s (median of {ROUNDS}), peak memory of this process {peak}",
        speeds[ROUNDS / 2]
    );
    database.close().await.expect("it closes");
}

/// Runs the sink until the log is drained; returns seconds.
async fn write(database: &Database, log: Arc<dyn Broker>) -> f64 {
    let (_hold, phase) = watch::channel(Phase::Draining);
    let started = Instant::now();
    run_sink(database, log, attributed(), phase, Arc::new(Progress::default()))
        .await
        .expect("the sink drains the log");
    started.elapsed().as_secs_f64()
}

async fn empty(database: &Database) {
    for statement in ["TRUNCATE messages, positions", "CHECKPOINT"] {
        sqlx::query(statement).execute(database.pool()).await.expect("tables can be emptied");
    }
}

/// Runs one command of psql; returns seconds, psql's start among them.
fn psql(url: &str, command: &str) -> f64 {
    let started = Instant::now();
    let status = Command::new("psql")
        .args(["-qX", "-v", "ON_ERROR_STOP=1", url, "-c", command])
        .stdout(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "psql -c {command}");
    started.elapsed().as_secs_f64()
}

async fn log(dir: &Path, messages: &[Vec<u8>]) -> Arc<dyn Broker> {
    let log = Embedded::open(&dir.join("log")).expect("a log in a temporary directory");
    let spec = TopicSpec { name: topics::ATTRIBUTED.into(), partitions: 1, retention: Retention::default() };
    log.create_topic(&spec).await.expect("a new topic");
    for records in messages.chunks(BATCH) {
        let mut batch = BatchBuilder::default();
        records.iter().for_each(|record| batch.push(b"", record));
        let ack = log.append(vec![(attributed(), batch)]).await.expect("the log takes a batch");
        ack.await.expect("the log keeps a batch");
    }
    Arc::new(log)
}

fn attributed() -> TopicPartition {
    TopicPartition::new(topics::ATTRIBUTED, 0)
}
