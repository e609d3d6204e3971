//! The topics: what is known of each, and how they come and go.
//!
//! A topic is there when its record is. Keyspaces without a record are those of deleted topics, and of a creation
//! that was killed; they are empty, or emptied at the next start.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use fjall::Keyspace;
use serde::{Deserialize, Serialize};

use super::partition::Partition;
use super::store::Store;
use crate::{Error, Offset, Result, Retention, TopicInfo, TopicPartition, TopicSpec};

/// The keyspace of the topics' records: name → JSON. No partition's keyspace is called so, they have dots.
const RECORDS: &str = "topics";

/// Version of the layout of the log.
const FORMAT: u16 = 1;

/// What is stored about a topic.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// Layout version, [`FORMAT`].
    format: u16,
    /// Number of partitions.
    partitions: u32,
    /// In hex: JSON readers elsewhere keep no more than 53 bits.
    epoch: String,
    /// See [`Retention::age`], in milliseconds.
    retention_age_ms: Option<u64>,
    /// See [`Retention::bytes`].
    retention_bytes: Option<u64>,
    /// Where each partition began when this was stored: what one retention deleted, the next one does not bring back.
    starts: Vec<Offset>,
}

/// A topic and its partitions.
pub(super) struct Topic {
    pub(super) info: TopicInfo,
    pub(super) partitions: Vec<Arc<Partition>>,
}

/// The stored topics.
pub(super) struct Topics {
    records: Keyspace,
}

impl Topics {
    /// Opens every topic there is.
    pub(super) fn open(store: &Store) -> Result<(Self, BTreeMap<String, Arc<Topic>>)> {
        let topics = Self { records: store.keyspace(RECORDS)? };
        let mut open = BTreeMap::new();
        for guard in topics.records.iter() {
            let (name, value) = guard.into_inner().map_err(|e| store.error("opened", &e))?;
            let name = String::from_utf8_lossy(&name).into_owned();
            let (info, retention, starts) = decode(store, &name, &value)?;
            let missing =
                (0..info.partitions).map(|p| keyspace(&info, p)).find(|name| !store.has_keyspace(name));
            if let Some(missing) = missing {
                return Err(unreadable(store, &name, &format!("its partition {missing} is missing")));
            }
            open.insert(name, open_topic(store, info, retention, &starts)?);
        }
        let known: HashSet<String> = open
            .values()
            .flat_map(|topic: &Arc<Topic>| (0..topic.info.partitions).map(|p| keyspace(&topic.info, p)))
            .chain([RECORDS.to_owned()])
            .collect();
        for orphan in store.keyspaces().into_iter().filter(|name| !known.contains(name)) {
            let keyspace = store.keyspace(&orphan)?;
            if !keyspace.is_empty().map_err(|e| store.error("opened", &e))? {
                store.clear(&keyspace)?;
            }
        }
        Ok((topics, open))
    }

    /// Creates a topic that is not there.
    pub(super) fn create(&self, store: &Store, spec: &TopicSpec) -> Result<Arc<Topic>> {
        let info = TopicInfo { name: spec.name.clone(), partitions: spec.partitions, epoch: random() };
        let starts = vec![0; spec.partitions as usize];
        let topic = open_topic(store, info, spec.retention, &starts)?;
        self.save(store, &topic, spec.retention)?;
        Ok(topic)
    }

    /// Gives a topic another retention.
    pub(super) fn set_retention(&self, store: &Store, topic: &Topic, retention: Retention) -> Result<()> {
        self.save(store, topic, retention)?;
        topic.partitions.iter().for_each(|partition| partition.set_retention(retention));
        Ok(())
    }

    /// Deletes a topic.
    pub(super) fn delete(&self, store: &Store, topic: &Topic) -> Result<()> {
        let mut write = store.write();
        write.remove(&self.records, topic.info.name.as_bytes());
        write.commit().map_err(|e| store.error("written", &e))?;
        for partition in &topic.partitions {
            partition.set_deleted();
            store.clear(partition.keyspace())?;
        }
        Ok(())
    }

    fn save(&self, store: &Store, topic: &Topic, retention: Retention) -> Result<()> {
        let record = Record {
            format: FORMAT,
            partitions: topic.info.partitions,
            epoch: format!("{:016x}", topic.info.epoch),
            retention_age_ms: retention.age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            retention_bytes: retention.bytes,
            starts: topic.partitions.iter().map(|partition| partition.bounds().start).collect(),
        };
        let value = serde_json::to_vec(&record).expect("numbers and text always become JSON");
        let mut write = store.write();
        write.insert(&self.records, topic.info.name.as_bytes(), value);
        write.commit().map_err(|e| store.error("written", &e))
    }
}

fn open_topic(store: &Store, info: TopicInfo, retention: Retention, starts: &[Offset]) -> Result<Arc<Topic>> {
    let partitions = (0..info.partitions)
        .zip(starts)
        .map(|(partition, &start)| {
            let at = TopicPartition::new(&info.name, partition);
            let keyspace = store.keyspace(&keyspace(&info, partition))?;
            Partition::open(store, at, keyspace, retention, start).map(Arc::new)
        })
        .collect::<Result<_>>()?;
    Ok(Arc::new(Topic { info, partitions }))
}

fn decode(store: &Store, name: &str, value: &[u8]) -> Result<(TopicInfo, Retention, Vec<Offset>)> {
    let record: Record =
        serde_json::from_slice(value).map_err(|error| unreadable(store, name, &error.to_string()))?;
    if record.format != FORMAT {
        let why =
            format!("it has format {}, this build reads format {FORMAT}; upgrade tickertape", record.format);
        return Err(unreadable(store, name, &why));
    }
    let epoch = u64::from_str_radix(&record.epoch, 16)
        .map_err(|error| unreadable(store, name, &error.to_string()))?;
    let info = TopicInfo { name: name.to_owned(), partitions: record.partitions, epoch };
    let retention =
        Retention { age: record.retention_age_ms.map(Duration::from_millis), bytes: record.retention_bytes };
    Ok((info, retention, record.starts))
}

fn unreadable(store: &Store, topic: &str, why: &str) -> Error {
    Error::Storage { path: store.path(), doing: "opened", reason: format!("topic {topic}: {why}") }
}

/// The epoch is part of the name, so that a topic that is created again never meets its old records.
fn keyspace(info: &TopicInfo, partition: u32) -> String {
    format!("{}.{partition}.{:016x}", info.name, info.epoch)
}

/// The standard library seeds its hash maps from the system's randomness: enough for a number that only has to
/// differ from the last one.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
