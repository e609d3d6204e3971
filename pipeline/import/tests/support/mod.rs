//! A log to import into, and what came to lie on it.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tickertape_broker::{Broker, Embedded, Offset, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_import::{Error, Progress, Summary, discover, run};
use tickertape_records::{DeadLetter, Event, ImportProgress, Message, topics};
use tokio::sync::watch;

pub(crate) const PARTITIONS: u32 = 3;

/// An embedded log in a folder that goes with it.
pub(crate) struct Log {
    pub(crate) broker: Arc<dyn Broker>,
    _dir: tempfile::TempDir,
}

impl Log {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let broker = Arc::new(Embedded::open(dir.path()).expect("opens"));
        create_topics(&*broker).await;
        Self { broker, _dir: dir }
    }

    /// Imports `paths` and tells what that did.
    pub(crate) async fn import<P: AsRef<Path>>(&self, paths: &[P]) -> Summary {
        self.try_import(paths).await.expect("imports")
    }

    pub(crate) async fn try_import<P: AsRef<Path>>(&self, paths: &[P]) -> Result<Summary, Error> {
        import_into(self.broker.clone(), paths).await
    }

    /// Imports one file with this name and content; what that added. One log serves many of them: to open one takes
    /// longer than most tests.
    pub(crate) async fn import_content(&self, name: &str, content: impl AsRef<[u8]>) -> Imported {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join(name);
        std::fs::write(&file, content).expect("writes");
        let modified = file.metadata().and_then(|metadata| metadata.modified()).expect("has a date");
        let modified = modified.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        let mut added = Imported { summary: Summary::default(), modified, records: HashMap::new() };
        let mut before = HashMap::new();
        for topic in topics::ALL {
            before.insert(topic, self.ends(topic).await);
        }
        added.summary = self.import(&[file]).await;
        for topic in topics::ALL {
            added.records.insert(topic, records_from(&*self.broker, topic, &before[topic]).await);
        }
        added
    }

    async fn ends(&self, topic: &str) -> Vec<Offset> {
        let partitions = self.broker.topic(topic).await.expect("reads").expect("exists").partitions;
        let mut ends = Vec::new();
        for partition in 0..partitions {
            let at = TopicPartition::new(topic, partition);
            ends.push(self.broker.bounds(&at).await.expect("reads").end);
        }
        ends
    }

    /// Every record of a topic: partition after partition, key and value.
    pub(crate) async fn records(&self, topic: &str) -> Vec<Record> {
        let starts = vec![0; self.ends(topic).await.len()];
        records_from(&*self.broker, topic, &starts).await
    }

    pub(crate) async fn messages(&self) -> Vec<Message> {
        let decode = |value: &[u8]| Message::decode(value).expect("a message");
        self.records(topics::MESSAGES).await.iter().map(|(_, _, value)| decode(value)).collect()
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        let decode = |value: &[u8]| Event::decode(value).expect("an event");
        self.records(topics::EVENTS).await.iter().map(|(_, _, value)| decode(value)).collect()
    }

    pub(crate) async fn dead_letters(&self) -> Vec<DeadLetter> {
        let decode = |value: &[u8]| DeadLetter::decode(value).expect("a dead letter");
        self.records(topics::DEAD_LETTERS).await.iter().map(|(_, _, value)| decode(value)).collect()
    }

    pub(crate) async fn imports(&self) -> Vec<ImportProgress> {
        let decode = |value: &[u8]| ImportProgress::decode(value).expect("progress");
        self.records(topics::IMPORTS).await.iter().map(|(_, _, value)| decode(value)).collect()
    }
}

/// What the import of one file added.
pub(crate) struct Imported {
    pub(crate) summary: Summary,
    /// The file's modification time.
    pub(crate) modified: u64,
    records: HashMap<&'static str, Vec<Record>>,
}

/// Partition, key and value.
pub(crate) type Record = (u32, Vec<u8>, Vec<u8>);

impl Imported {
    pub(crate) fn records(&self, topic: &str) -> &[Record] {
        &self.records[topic]
    }

    pub(crate) fn ids(&self) -> Vec<i64> {
        let decode = |value: &[u8]| Message::decode(value).expect("a message");
        self.records(topics::MESSAGES).iter().map(|(_, _, value)| decode(value).message_id).collect()
    }

    pub(crate) fn dead(&self) -> Vec<DeadLetter> {
        let decode = |value: &[u8]| DeadLetter::decode(value).expect("a dead letter");
        self.records(topics::DEAD_LETTERS).iter().map(|(_, _, value)| decode(value)).collect()
    }
}

pub(crate) async fn create_topics(broker: &dyn Broker) {
    for name in topics::ALL {
        let partitions = if matches!(name, topics::IMPORTS | topics::DEAD_LETTERS) { 1 } else { PARTITIONS };
        let spec = TopicSpec { name: name.into(), partitions, retention: Retention::default() };
        broker.create_topic(&spec).await.expect("creates");
    }
}

pub(crate) async fn import_into<P: AsRef<Path>>(
    broker: Arc<dyn Broker>,
    paths: &[P],
) -> Result<Summary, Error> {
    let paths: Vec<_> = paths.iter().map(|path| path.as_ref().to_string_lossy()).collect();
    let (_sender, phase) = watch::channel(Phase::Running);
    run(broker, discover(&paths)?, Arc::new(Progress::default()), phase).await
}

async fn records_from(broker: &dyn Broker, topic: &str, starts: &[Offset]) -> Vec<Record> {
    let mut all = Vec::new();
    for (partition, &start) in starts.iter().enumerate() {
        let partition = partition as u32;
        let at = TopicPartition::new(topic, partition);
        let end = broker.bounds(&at).await.expect("reads").end;
        let mut next = start;
        while next < end {
            for batch in broker.read(&at, next, 1 << 20).await.expect("reads") {
                all.extend(batch.iter().map(|r| (partition, r.key.to_vec(), r.value.to_vec())));
                next = batch.end_offset();
            }
        }
    }
    all
}

/// The folder with other people's data, which is not part of the repository; says so when it is absent.
#[allow(clippy::print_stdout, reason = "a test that did not run has to say so")]
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TICKERTAPE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("data/telegram").join(path);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}
