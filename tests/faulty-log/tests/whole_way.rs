//! From files to Postgres and Parquet over a log that tears and repeats appends: what comes to rest is what comes to
//! rest over one that does not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sqlx::AssertSqlSafe;
use tempfile::TempDir;
use tickertape_attribution::chain::ChainConfig;
use tickertape_attributor::Options;
use tickertape_broker::{Broker, Embedded, Phase, TopicPartition, TopicSpec};
use tickertape_coins::CoinList;
use tickertape_faulty_log::AtLeastOnce;
use tickertape_manager::coins::publish;
use tickertape_postgres_server::Server;
use tickertape_records::topics;
use tickertape_sinks::parquet::{self as archive, Archive, RangeLimits};
use tickertape_sinks::postgres::{self, Database, Target};
use tokio::sync::watch;

const PARTITIONS: u32 = 2;
/// Small enough that repeats fall into the next range.
const LIMITS: RangeLimits = RangeLimits { records: 1_000, bytes: 1 << 20 };

/// Dumps of several flushes each, overlapping, with replies, edits, service messages and broken records.
fn inputs(dir: &Path) -> Vec<PathBuf> {
    let dump = |n: i64| {
        let mut dump = String::new();
        for id in n * 6_000..n * 6_000 + 9_000 {
            let (chat, date) = (1000 + id % 7, 1_600_000_000 + id * 500);
            let reply = match id % 3 {
                0 => String::new(),
                _ => format!(r#","reply_to":{{"reply_to_msg_id":{}}}"#, id - 7 + 14 * (id % 2)),
            };
            let edit = if id % 50 == n { format!(r#","edit_date":{}"#, date + n) } else { String::new() };
            let head = format!(r#""id":{id},"peer_id":{{"channel_id":{chat}}},"date":{date}"#);
            let text = ["$BTC", "ok", "Solana and solana", "?", "ETH/USDT"][(id % 5) as usize];
            let line = match id % 500 {
                13 => {
                    format!(r#"{{"_":"MessageService",{head},"action":{{"_":"MessageActionPinMessage"}}}}"#)
                }
                77 => r#"{"_":"Message","id":"#.to_owned(),
                _ => format!(r#"{{"_":"Message",{head},"message":"{text} {id}"{reply}{edit}}}"#),
            };
            writeln!(dump, "{line}").expect("writing to memory");
        }
        let path = dir.join(format!("{n}.jsonl"));
        fs::write(&path, dump).expect("writable");
        // The modification time is in the records.
        let file = File::options().write(true).open(&path).expect("there");
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000))
            .expect("ours");
        path
    };
    (0..4).map(dump).collect()
}

/// Reads one file more each time, and everything downstream of it; a stage that fails is started again.
async fn read_all(
    log: Arc<dyn Broker>,
    broker: Arc<dyn Broker>,
    inputs: &[PathBuf],
    dir: &Path,
    database: &Database,
) -> u32 {
    publish(&*log, &CoinList::snapshot()).await.expect("publishes");
    let options = Options {
        matching: tickertape_attribution::Options::default(),
        chain: ChainConfig::default(),
        checkpoints: dir.join("checkpoints"),
    };
    let archive = Archive::local(&dir.join("archive")).expect("a folder").with_limits(LIMITS);
    let (_keep, phase) = watch::channel(Phase::Draining);
    let (_running, running) = watch::channel(Phase::Running);
    let mut failures = 0;
    for known in 1..=inputs.len() {
        loop {
            let known: Vec<_> = inputs[..known].iter().map(|path| path.display().to_string()).collect();
            let inputs = tickertape_import::discover(&known).expect("they are there");
            match tickertape_import::run(broker.clone(), inputs, Arc::default(), running.clone()).await {
                Ok(_) => break,
                Err(_) => failures += 1,
            }
        }
        for partition in 0..PARTITIONS {
            let attribute = || {
                tickertape_attributor::run(
                    broker.clone(),
                    partition,
                    options.clone(),
                    Arc::default(),
                    phase.clone(),
                )
            };
            while attribute().await.is_err() {
                failures += 1;
                assert!(failures < 1_000, "the attribution never gets through");
            }
        }
        for topic in [topics::ATTRIBUTED, topics::EVENTS, topics::DEAD_LETTERS] {
            let partitions = log.topic(topic).await.expect("reads").expect("exists").partitions;
            for at in (0..partitions).map(|partition| TopicPartition::new(topic, partition)) {
                let to_postgres =
                    postgres::run(database, broker.clone(), at.clone(), phase.clone(), Arc::default());
                to_postgres.await.expect("drains");
                if topic != topics::DEAD_LETTERS {
                    archive::run(&archive, broker.clone(), at, phase.clone(), Arc::default())
                        .await
                        .expect("drains");
                }
            }
        }
    }
    failures
}

/// What came to rest, as far as it does not depend on offsets.
#[derive(PartialEq)]
struct Rest {
    postgres: BTreeMap<&'static str, Vec<String>>,
    /// The newest of each message in Parquet.
    archived: BTreeMap<(i64, i64), (i64, Option<String>, String)>,
    /// Ids of the events in Parquet.
    archived_events: Vec<(i64, i64)>,
}

async fn rest(dir: &Path, database: &Database) -> Rest {
    let mut tables = BTreeMap::new();
    for (table, row) in [
        ("messages", "to_jsonb(t) - 'input_offset'"),
        ("events", "to_jsonb(t)"),
        ("dead_letters", "to_jsonb(t)"),
    ] {
        let query = format!("SELECT ({row})::text FROM {table} t ORDER BY 1");
        let rows = sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(database.pool()).await.expect("reads");
        tables.insert(table, rows);
    }
    let mut archived: BTreeMap<(i64, i64), (i64, Option<String>, String)> = BTreeMap::new();
    let mut outputs = Vec::new();
    for (file, rows) in files(&dir.join("archive/messages")) {
        let number = |name: &str| rows[name].as_primitive::<Int64Type>().values().to_vec();
        let (chats, ids, revisions) = (number("chat_id"), number("message_id"), number("revision"));
        let (inputs, sequences) = (number("input_offset"), number("sequence"));
        let (texts, coins) = (rows["text"].as_string::<i32>(), rows["coin_id"].as_string::<i32>());
        let partition = file.split('-').nth_back(2).expect("topic, partition, offsets").to_owned();
        for row in 0..rows.num_rows() {
            outputs.push((partition.clone(), inputs[row], sequences[row]));
            let coin = coins.iter().nth(row).flatten().map(str::to_owned);
            let version = (revisions[row], coin, texts.value(row).to_owned());
            let newest = archived.entry((chats[row], ids[row])).or_insert_with(|| version.clone());
            *newest = version.max(newest.clone());
        }
    }
    let count = outputs.len();
    outputs.sort();
    outputs.dedup();
    assert_eq!(outputs.len(), count, "an output is twice in Parquet");
    let mut archived_events = Vec::new();
    for (_, rows) in files(&dir.join("archive/events")) {
        let number = |name: &str| rows[name].as_primitive::<Int64Type>().values().to_vec();
        archived_events.extend(number("chat_id").into_iter().zip(number("message_id")));
    }
    archived_events.sort();
    archived_events.dedup(); // as docs/archive.md tells who reads them
    Rest { postgres: tables, archived, archived_events }
}

/// The rows of every Parquet file of a table, with the file's name.
fn files(table: &Path) -> Vec<(String, arrow_array::RecordBatch)> {
    let mut found = Vec::new();
    for month in fs::read_dir(table).expect("a table").map(|entry| entry.expect("an entry").path()) {
        for path in fs::read_dir(month).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.extension().is_none_or(|extension| extension != "parquet") {
                continue;
            }
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let file = File::open(path).expect("there");
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
            found.extend(reader.expect("a Parquet file").map(|rows| (name.clone(), rows.expect("readable"))));
        }
    }
    found
}

async fn log(dir: &Path) -> Arc<dyn Broker> {
    let broker: Arc<dyn Broker> = Arc::new(Embedded::open(&dir.join("log")).expect("opens"));
    for name in topics::ALL {
        let partitions = if topics::BY_CHAT.contains(&name) { PARTITIONS } else { 1 };
        let spec = TopicSpec { name: name.into(), partitions, retention: Default::default() };
        broker.create_topic(&spec).await.expect("creates");
    }
    broker
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_to_rest_is_the_same() {
    let server = Server::shared();
    let open = async |dir: &Path| {
        let target = match &server {
            Some(server) => Target::Server { url: server.create_database(&[]) },
            None => Target::Embedded { dir: dir.join("postgres") },
        };
        Database::open(target).await.expect("opens")
    };
    let files = TempDir::new().expect("a folder");
    let inputs = inputs(files.path());

    let dir = TempDir::new().expect("a folder");
    let database = open(dir.path()).await;
    let calm = log(dir.path()).await;
    assert_eq!(read_all(calm.clone(), calm, &inputs, dir.path(), &database).await, 0);
    let wanted = rest(dir.path(), &database).await;
    database.close().await.expect("closes");
    assert_eq!(wanted.postgres["messages"].len(), wanted.archived.len());
    assert!(wanted.archived.len() > 26_000 && wanted.archived_events.len() > 50);
    assert_eq!(wanted.postgres["dead_letters"].len(), 72);

    for seed in 0..4 {
        let dir = TempDir::new().expect("a folder");
        let database = open(dir.path()).await;
        let plain = log(dir.path()).await;
        let faulty: Arc<dyn Broker> = Arc::new(AtLeastOnce::at_random(plain.clone(), seed));
        let failures = read_all(plain.clone(), faulty, &inputs, dir.path(), &database).await;
        assert!(failures > 2, "seed {seed} tore {failures} appends");
        let found = rest(dir.path(), &database).await;
        database.close().await.expect("closes");
        for (table, rows) in &wanted.postgres {
            assert_eq!(found.postgres[table].len(), rows.len(), "{table}, seed {seed}");
            assert!(found.postgres[table] == *rows, "{table} differs, seed {seed}");
        }
        assert!(found.archived == wanted.archived, "Parquet differs, seed {seed}");
        assert!(found.archived_events == wanted.archived_events, "events in Parquet differ, seed {seed}");
        let appended = plain.bounds(&TopicPartition::new(topics::ATTRIBUTED, 0)).await.expect("reads").end;
        assert!(appended > 0);
    }
}
