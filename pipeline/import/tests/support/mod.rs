//! A log to import into, and what came to lie on it.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tickertape_broker::{Broker, Embedded, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_import::{Error, Progress, Summary, discover, run};
use tickertape_records::{DeadLetter, Event, ImportProgress, Message, topics};
use tokio::sync::watch;

pub const PARTITIONS: u32 = 3;

/// An embedded log in a folder that goes with it.
pub struct Log {
    pub broker: Arc<dyn Broker>,
    _dir: tempfile::TempDir,
}

impl Log {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let broker = Arc::new(Embedded::open(dir.path()).expect("opens"));
        create_topics(&*broker).await;
        Self { broker, _dir: dir }
    }

    /// Imports `paths` and tells what that did.
    pub async fn import<P: AsRef<Path>>(&self, paths: &[P]) -> Summary {
        self.try_import(paths).await.expect("imports")
    }

    pub async fn try_import<P: AsRef<Path>>(&self, paths: &[P]) -> Result<Summary, Error> {
        import_into(self.broker.clone(), paths).await
    }

    /// Every record of a topic: partition after partition, key and value.
    pub async fn records(&self, topic: &str) -> Vec<(u32, Vec<u8>, Vec<u8>)> {
        records(&*self.broker, topic).await
    }

    pub async fn messages(&self) -> Vec<Message> {
        let decode = |value: &[u8]| Message::decode(value).expect("a message");
        self.records(topics::MESSAGES).await.iter().map(|(_, _, value)| decode(value)).collect()
    }

    pub async fn events(&self) -> Vec<Event> {
        let decode = |value: &[u8]| Event::decode(value).expect("an event");
        self.records(topics::EVENTS).await.iter().map(|(_, _, value)| decode(value)).collect()
    }

    pub async fn dead_letters(&self) -> Vec<DeadLetter> {
        let decode = |value: &[u8]| DeadLetter::decode(value).expect("a dead letter");
        self.records(topics::DEAD_LETTERS).await.iter().map(|(_, _, value)| decode(value)).collect()
    }

    pub async fn imports(&self) -> Vec<ImportProgress> {
        let decode = |value: &[u8]| ImportProgress::decode(value).expect("progress");
        self.records(topics::IMPORTS).await.iter().map(|(_, _, value)| decode(value)).collect()
    }
}

pub async fn create_topics(broker: &dyn Broker) {
    for name in topics::ALL {
        let partitions = if matches!(name, topics::IMPORTS | topics::DEAD_LETTERS) { 1 } else { PARTITIONS };
        let spec = TopicSpec { name: name.into(), partitions, retention: Retention::default() };
        broker.create_topic(&spec).await.expect("creates");
    }
}

pub async fn import_into<P: AsRef<Path>>(broker: Arc<dyn Broker>, paths: &[P]) -> Result<Summary, Error> {
    let paths: Vec<_> = paths.iter().map(|path| path.as_ref().to_string_lossy()).collect();
    let (_sender, phase) = watch::channel(Phase::Running);
    run(broker, discover(&paths)?, Arc::new(Progress::default()), phase).await
}

pub async fn records(broker: &dyn Broker, topic: &str) -> Vec<(u32, Vec<u8>, Vec<u8>)> {
    let partitions = broker.topic(topic).await.expect("reads").expect("exists").partitions;
    let mut all = Vec::new();
    for partition in 0..partitions {
        let at = TopicPartition::new(topic, partition);
        let bounds = broker.bounds(&at).await.expect("reads");
        let mut next = bounds.start;
        while next < bounds.end {
            for batch in broker.read(&at, next, 1 << 20).await.expect("reads") {
                all.extend(batch.iter().map(|r| (partition, r.key.to_vec(), r.value.to_vec())));
                next = batch.end_offset();
            }
        }
    }
    all
}

/// The folder with other people's data, which is not part of the repository; says so when it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TICKERTAPE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("data/telegram").join(path);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}
