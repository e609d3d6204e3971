//! An invented stream on a real log, and what a reader finds in the archive of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;
use tickertape_broker::{BatchBuilder, Broker, Embedded, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_records::{
    Attribution, Basis, ChatKind, Media, MentionCount, Message, SCHEMA, Source, SourceKind,
};
use tickertape_sinks::Progress;
use tickertape_sinks::parquet::{Archive, RangeLimits, Result, TOPICS, run};
use tokio::sync::watch;

/// Small enough that a test's stream is cut into many ranges.
pub(crate) const SMALL: RangeLimits = RangeLimits { records: 700, bytes: 1 << 20 };

/// 2021-01-01.
pub(crate) const NEW_YEAR: i64 = 1_609_459_200;

/// A log and an archive in a temporary folder.
pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) log: Arc<Embedded>,
}

impl House {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let log = Arc::new(Embedded::open(&dir.path().join("log")).expect("a new log opens"));
        for name in TOPICS {
            create(&log, name).await;
        }
        Self { dir, log }
    }

    pub(crate) fn path(&self, archive: &str) -> PathBuf {
        self.dir.path().join(archive)
    }

    /// Appends records in batches of `portion`.
    pub(crate) async fn append(&self, topic: &str, values: &[Vec<u8>], portion: usize) {
        for values in values.chunks(portion) {
            let mut batch = BatchBuilder::default();
            for value in values {
                batch.push(b"", value);
            }
            let at = TopicPartition::new(topic, 0);
            self.log.append(vec![(at, batch)]).await.expect("room").await.expect("durable");
        }
    }

    /// Runs the sink until it has drained the topic.
    pub(crate) async fn drain(&self, topic: &str, archive: &str, limits: RangeLimits) -> Result<Counts> {
        drain(self.log.clone(), topic, &self.path(archive), limits).await
    }
}

pub(crate) async fn create(log: &Embedded, name: &str) {
    let spec = TopicSpec { name: name.to_owned(), partitions: 1, retention: Retention::default() };
    log.create_topic(&spec).await.expect("a new topic");
}

/// What the sink counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) records: u64,
    pub(crate) dead_letters: u64,
}

pub(crate) async fn drain(
    log: Arc<Embedded>,
    topic: &str,
    archive: &Path,
    limits: RangeLimits,
) -> Result<Counts> {
    let archive = Archive::local(archive)?.with_limits(limits);
    let progress = Arc::new(Progress::default());
    let (_keep, phase) = watch::channel(Phase::Draining);
    run(&archive, log, TopicPartition::new(topic, 0), phase, progress.clone()).await?;
    Ok(Counts {
        records: progress.records.load(Ordering::Relaxed),
        dead_letters: progress.dead_letters.load(Ordering::Relaxed),
    })
}

/// A stream of attributed records as a long import makes it: chat after chat, years of history, now and then an edit,
/// a repeated append, a deletion, a broken record and a date from nowhere.
pub(crate) fn stream(records: usize) -> Vec<Vec<u8>> {
    let mut dice = Dice(7);
    let mut values = Vec::with_capacity(records);
    let mut input_offset = 0;
    while values.len() < records {
        let n = values.len() as i64;
        let chat = n / 900;
        let mut message = Message {
            schema: SCHEMA,
            chat_id: -1_001_000_000_000 - chat,
            chat_kind: [ChatKind::Channel, ChatKind::Supergroup][dice.below(2)],
            chat_title: Some(format!("Chat № {chat}")),
            message_id: n % 900 + 1,
            date: NEW_YEAR + (n % 900) * 40_000 + dice.below(30_000) as i64,
            text: TEXTS[dice.below(TEXTS.len())].to_owned(),
            views: (dice.below(3) > 0).then_some(dice.below(10_000) as i64),
            source: Source {
                kind: SourceKind::Telethon,
                name: format!("{chat}.jsonl.gz"),
                position: Some(n as u64),
            },
            received_at: Some(NEW_YEAR + 5 * 365 * 86_400),
            ..Message::default()
        };
        if dice.below(10) == 0 {
            message.media = Some(Media { kind: "photo".to_owned(), ..Media::default() });
        }
        if dice.below(500) == 0 {
            message.date = [i64::MAX, i64::MIN, 0, -1, 253_402_300_800][dice.below(5)];
        }
        let mut outcome = outcome(&mut dice);
        outcome.input_offset = input_offset;
        values.push(attributed(&message, &outcome));
        if dice.below(50) == 0 {
            values.push(attributed(&message, &outcome)); // appended twice
        }
        if dice.below(40) == 0 {
            outcome.sequence = 1;
            outcome.revision = 1;
            outcome.basis = Basis::Inherited;
            values.push(attributed(&message, &outcome));
        }
        if dice.below(60) == 0 {
            let caused = Attribution {
                input_offset: input_offset + 1,
                coin_list_version: 3,
                ..Attribution::default()
            };
            values.push(attributed(&deletion(&message), &caused));
            input_offset += 1;
        }
        if dice.below(300) == 0 {
            values.push(b"{\"schema\":1,\"chat_id\":".to_vec());
        }
        input_offset += 1;
    }
    values.truncate(records);
    values
}

/// That a message was found deleted, a day after it was posted.
pub(crate) fn deletion(of: &Message) -> Message {
    Message {
        schema: SCHEMA,
        chat_id: of.chat_id,
        message_id: of.message_id,
        deleted_at: Some(of.date.saturating_add(86_400)),
        ..Message::default()
    }
}

const TEXTS: [&str; 6] = [
    "Bitcoin over 40k, $ETH follows",
    "",
    "тест: биткоин растёт 🚀🚀 \u{0} and a NUL",
    "line one\nline \"two\"\ttabbed \\ backslash",
    "比特币",
    "Long story: hold on to what you have, sell what you do not understand, and never lend to strangers.",
];

fn outcome(dice: &mut Dice) -> Attribution {
    let mentions: Vec<_> = ["bitcoin", "ethereum", "ripple"][..dice.below(4)]
        .iter()
        .map(|coin| MentionCount {
            coin_id: (*coin).to_owned(),
            count: dice.below(3) as u32 + 1,
            kinds: ["name", "cashtag"][..dice.below(2) + 1].iter().map(|kind| (*kind).into()).collect(),
        })
        .collect();
    Attribution {
        coin_id: mentions.first().map(|mention| mention.coin_id.clone()),
        basis: if mentions.is_empty() { Basis::None } else { Basis::Direct },
        mentions,
        coin_list_version: 3,
        ..Attribution::default()
    }
}

pub(crate) fn attributed(message: &Message, outcome: &Attribution) -> Vec<u8> {
    let (mut plain, mut value) = (Vec::new(), Vec::new());
    message.encode_into(&mut plain);
    outcome.encode_onto(&plain, &mut value);
    value
}

/// Numbers that are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound as u64) as usize
    }
}

/// Every file below `dir`, by its name relative to it.
pub(crate) fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("below").to_str().expect("plain names").to_owned();
                found.insert(name, fs::read(&path).expect("readable"));
            }
        }
    }
    found
}

/// The names of the Parquet files of a table.
pub(crate) fn parquet_files(archive: &Path, table: &str) -> Vec<String> {
    let all = files(archive).into_keys();
    all.filter(|name| name.starts_with(table) && name.ends_with(".parquet")).collect()
}

/// The rows of one file.
pub(crate) fn read(file: &Path) -> Vec<RecordBatch> {
    let file = File::open(file).expect("there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
    reader.expect("a Parquet file").collect::<Result<_, _>>().expect("readable rows")
}
