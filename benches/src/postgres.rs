//! The Postgres sink beside `psql \copy`: the same rows into the same empty tables of the same private server,
//! primary key and indexes in place; then the sink alone into the embedded database.
//!
//! The yardstick reads a prepared file of ready rows; the sink reads records from a log and makes the rows itself.

use std::fmt::Write as _;
use std::io::BufRead;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tickertape_broker::{BatchBuilder, Broker, Embedded, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_records::{
    Attribution, Basis, Entity, MentionCount, Message, SCHEMA, Source, SourceKind, peer, topics,
};
use tickertape_sinks::Progress;
use tickertape_sinks::postgres::{Database, Target, run as run_sink};
use tokio::sync::watch;

#[path = "../../pipeline/sinks/tests/postgres/server.rs"]
#[allow(clippy::unwrap_used, dead_code, reason = "written for tests, which need more of it")]
mod server;

const MESSAGES: usize = 150_000;
const ROUNDS: usize = 5;
/// Records in one batch of the log, as the attribution stage writes them.
const BATCH: usize = 1_000;

/// Prints the figures.
pub(crate) async fn run() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let messages = messages();
    let bytes: usize = messages.iter().map(Vec::len).sum();
    println!(
        "Postgres sink: {} messages, {:.0} bytes of record each",
        messages.len(),
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

/// Attributed records: real texts where they are at hand, generated ones elsewhere.
fn messages() -> Vec<Vec<u8>> {
    let shared = std::env::var("TICKERTAPE_SHARED").unwrap_or_else(|_| "../shared".into());
    let mut files: Vec<_> = std::fs::read_dir(Path::new(&shared).join("data/telegram/volume"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    if files.is_empty() {
        println!("  generated texts: {shared}/data/telegram/volume is not there");
        return (0..MESSAGES as i64).map(generated).collect();
    }
    let mut messages = Vec::with_capacity(MESSAGES);
    for file in files {
        let file = std::fs::File::open(file).expect("a listed file opens");
        for line in std::io::BufReader::new(MultiGzDecoder::new(file)).lines() {
            let line: Value = serde_json::from_str(&line.expect("gzip")).expect("JSON lines");
            if line["_"] == "Message" && messages.len() < MESSAGES {
                messages.push(record(&telethon(&line)));
            }
        }
    }
    messages
}

fn generated(n: i64) -> Vec<u8> {
    let mut text = String::new();
    for word in 0..20 + n % 30 {
        let _ = write!(
            text,
            "{} ",
            ["bitcoin", "to", "the", "moon", "#eth", "зачем", "🚀"][((n * 7 + word * word) % 7) as usize]
        );
    }
    record(&Message {
        schema: SCHEMA,
        chat_id: peer::channel(1_000_000_000 + n / 1_500),
        message_id: n % 1_500,
        date: 1_500_000_000 + n * 900,
        text,
        views: Some(n),
        post: true,
        ..Message::default()
    })
}

/// The fields of a Telethon record that make up most of its row; good enough to measure by, no import.
fn telethon(line: &Value) -> Message {
    let text = line["message"].as_str().unwrap_or_default();
    let number = |name: &str| line[name].as_i64();
    let entities = line["entities"].as_array().map(Vec::as_slice).unwrap_or_default();
    Message {
        schema: SCHEMA,
        chat_id: peer::channel(line["peer_id"]["channel_id"].as_i64().unwrap_or_default()),
        message_id: number("id").unwrap_or_default(),
        date: date(&line["date"]).unwrap_or_default(),
        edit_date: date(&line["edit_date"]),
        text: text.to_owned(),
        entities: entities
            .iter()
            .map(|entity| Entity {
                kind: entity["_"]
                    .as_str()
                    .unwrap_or_default()
                    .trim_start_matches("MessageEntity")
                    .to_lowercase(),
                offset: entity["offset"].as_u64().unwrap_or_default() as u32,
                length: entity["length"].as_u64().unwrap_or_default() as u32,
                url: entity["url"].as_str().map(str::to_owned),
                ..Entity::default()
            })
            .collect(),
        reply_to_message_id: line["reply_to"]["reply_to_msg_id"].as_i64(),
        views: number("views"),
        forwards: number("forwards"),
        post: line["post"] == true,
        source: Source {
            kind: SourceKind::Telethon,
            name: format!("{}.jsonl.gz", line["peer_id"]["channel_id"]),
            position: Some(1),
        },
        ..Message::default()
    }
}

/// `2017-10-12T09:29:36+00:00` as Unix seconds.
fn date(value: &Value) -> Option<i64> {
    Some(chrono::DateTime::parse_from_rfc3339(value.as_str()?).ok()?.timestamp())
}

fn record(message: &Message) -> Vec<u8> {
    let text = message.text.to_lowercase();
    let words = [("bitcoin", "btc"), ("ethereum", "eth"), ("ripple", "xrp"), ("cardano", "ada")];
    let mentions: Vec<MentionCount> = words
        .iter()
        .filter_map(|(coin, symbol)| match text.matches(symbol).count() {
            0 => None,
            n => {
                Some(MentionCount { coin_id: (*coin).into(), count: n as u32, kinds: vec!["ticker".into()] })
            }
        })
        .collect();
    let outcome = Attribution {
        coin_id: mentions.first().map(|mention| mention.coin_id.clone()),
        basis: if mentions.is_empty() { Basis::None } else { Basis::Direct },
        mentions,
        coin_list_version: 1,
        ..Attribution::default()
    };
    let (mut value, mut attributed) = (Vec::new(), Vec::new());
    message.encode_into(&mut value);
    outcome.encode_onto(&value, &mut attributed);
    attributed
}
