//! The Parquet sink against pyarrow writing the same rows with the same columns, compression and row groups.
//!
//! The sink's rate includes everything from the records on the log to synced files: reading, decoding JSON, sorting,
//! encoding. pyarrow's is its writer alone, from an Arrow table in memory to files. One thread each, in turns.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;
use std::{fs, io};

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tickertape_broker::{BatchBuilder, Broker, Embedded, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_records::{Attribution, Basis, Media, MentionCount, Message, SCHEMA, topics};
use tickertape_sinks::Progress;
use tickertape_sinks::parquet::{Archive, run as archive};
use tokio::sync::watch;

const ROWS: usize = 250_000;
const ROUNDS: usize = 5;

/// Prints rows a second of both and the median of the rounds' ratios.
pub(crate) fn run() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let log = Arc::new(Embedded::open(&dir.path().join("log")).expect("a new log opens"));
    let (rows, bytes) = runtime.block_on(fill(&log));
    println!("parquet: {rows} attributed records, {} MB of JSON", bytes / 1_000_000);

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

async fn fill(log: &Embedded) -> (usize, usize) {
    let spec = TopicSpec { name: topics::ATTRIBUTED.into(), partitions: 1, retention: Retention::default() };
    log.create_topic(&spec).await.expect("a new topic");
    let (mut rows, mut bytes) = (0, 0);
    let mut batch = BatchBuilder::default();
    for message in real_messages().chain((0..).map(generated)).take(ROWS) {
        let (mut plain, mut value) = (Vec::new(), Vec::new());
        message.encode_into(&mut plain);
        outcome(&message, rows as u64).encode_onto(&plain, &mut value);
        bytes += value.len();
        rows += 1;
        batch.push(message.chat_id.to_string().as_bytes(), &value);
        if batch.len() == 2_000 || rows == ROWS {
            let at = TopicPartition::new(topics::ATTRIBUTED, 0);
            let full = std::mem::take(&mut batch);
            log.append(vec![(at, full)]).await.expect("room").await.expect("durable");
        }
    }
    (rows, bytes)
}

/// A cheap stand-in for attribution: enough that the columns look as they would.
fn outcome(message: &Message, input_offset: u64) -> Attribution {
    let coins = [("btc", "bitcoin"), ("eth", "ethereum"), ("xrp", "ripple"), ("ada", "cardano")];
    let text = message.text.to_lowercase();
    let mentions: Vec<_> = coins
        .iter()
        .filter_map(|(symbol, id)| {
            let count = text.matches(symbol).count() as u32;
            let mention = MentionCount { coin_id: (*id).into(), count, kinds: vec!["ticker".into()] };
            (count > 0).then_some(mention)
        })
        .collect();
    Attribution {
        coin_id: mentions.first().map(|mention| mention.coin_id.clone()),
        basis: if mentions.is_empty() { Basis::None } else { Basis::Direct },
        mentions,
        coin_list_version: 1,
        input_offset,
        ..Attribution::default()
    }
}

fn generated(n: i64) -> Message {
    let words =
        ["btc", "to", "the", "moon", "sell", "eth", "now", "группа", "hold", "signal", "profit", "soon"];
    let text: Vec<_> =
        (0..8 + n % 23).map(|word| words[((n * 31 + word * word * 7) % 12) as usize]).collect();
    Message {
        schema: SCHEMA,
        chat_id: -1_001_000_000_000 - n / 2_000,
        message_id: n % 2_000,
        date: 1_500_000_000 + n % 2_000 * 50_000,
        text: text.join(" "),
        views: Some(n * 7_919 % 10_007),
        post: true,
        received_at: Some(1_700_000_000),
        ..Message::default()
    }
}

/// The volume set's messages, none when it is absent.
fn real_messages() -> impl Iterator<Item = Message> {
    let shared = std::env::var_os("TICKERTAPE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let mut files: Vec<_> = fs::read_dir(shared.join("data/telegram/volume"))
        .map(|found| found.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.sort();
    if files.is_empty() {
        println!("parquet: skipped real texts, they are absent; rows are generated");
    }
    files.into_iter().flat_map(|file| {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let lines = fs::File::open(file).map(|file| BufReader::new(MultiGzDecoder::new(file)).lines());
        let lines = lines.into_iter().flatten().filter_map(io::Result::ok);
        lines.enumerate().filter_map(move |(n, line)| message(&line, &name, n as u64 + 1))
    })
}

fn message(line: &str, file: &str, position: u64) -> Option<Message> {
    let dump: Value = serde_json::from_str(line).ok()?;
    let number = |name: &str| dump[name].as_i64();
    let date = chrono::DateTime::parse_from_rfc3339(dump["date"].as_str()?).ok()?;
    let media = dump["media"]["_"].as_str();
    Some(Message {
        schema: SCHEMA,
        chat_id: -1_000_000_000_000 - dump["peer_id"]["channel_id"].as_i64()?,
        message_id: number("id")?,
        date: date.timestamp(),
        text: dump["message"].as_str()?.to_owned(),
        entities: dump["entities"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|entity| tickertape_records::Entity {
                kind: entity["_"].as_str().unwrap_or_default().to_owned(),
                offset: entity["offset"].as_u64().unwrap_or_default() as u32,
                length: entity["length"].as_u64().unwrap_or_default() as u32,
                ..Default::default()
            })
            .collect(),
        reply_to_message_id: dump["reply_to"]["reply_to_msg_id"].as_i64(),
        sender_name: dump["from_id"]["user_id"].as_str().map(str::to_owned),
        views: number("views"),
        forwards: number("forwards"),
        media: media.map(|kind| Media { kind: kind.to_owned(), ..Media::default() }),
        post: dump["post"].as_bool().unwrap_or_default(),
        source: tickertape_records::Source {
            kind: tickertape_records::SourceKind::Telethon,
            name: file.to_owned(),
            position: Some(position),
        },
        received_at: Some(1_700_000_000),
        ..Message::default()
    })
}
