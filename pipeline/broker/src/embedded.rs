//! The log on local disk: durable, crash-safe, one process.
//!
//! The bytes are kept by fjall, a log-structured store; this module adds what makes it a log: topics, offsets, group
//! commit, retention. Appends wait in a bounded queue for [`writer`], the one thread that writes; readers go to the
//! store themselves, or to the newest batches in memory. What lies on disk, and what happens to it in a crash, is
//! described in `docs/log.md`.

mod group;
mod journal;
mod partition;
mod reclaim;
mod retention;
mod store;
mod stored;
mod tail;
#[cfg(test)]
mod tests;
mod topics;
mod writer;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::{Semaphore, mpsc, oneshot};

use self::partition::Partition;
pub use self::reclaim::free_in_steps;
use self::store::Store;
use self::topics::{Topic, Topics};
use self::writer::{Append, Clock, Command, Writer};
use crate::{Ack, Batch, BatchBuilder, Broker, Error, Offset, Result, TopicInfo, TopicPartition, TopicSpec};

/// Appends that may wait, in bytes: a few group commits, so that the next one is there when a sync ends.
const QUEUE_BYTES: usize = 16 * 1024 * 1024;
/// Added to the size of each batch, so that the queue is bounded in number, too.
const QUEUE_OVERHEAD: usize = 256;

/// The embedded log. Dropping it finishes what was appended and lets the next process in.
pub struct Embedded {
    log: Arc<Log>,
    queue: Option<mpsc::UnboundedSender<Command>>,
    room: Arc<Semaphore>,
    writer: Option<JoinHandle<()>>,
}

/// What the writer and the readers share.
struct Log {
    topics: RwLock<BTreeMap<String, Arc<Topic>>>,
    /// Why nothing is written any more.
    failure: OnceLock<Error>,
    store: Store,
}

impl Embedded {
    /// Opens the log in `dir`, creating it if need be.
    ///
    /// [`Error::InUse`] when it is open already, here or in another process.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_with_clock(dir, Box::new(unix_millis))
    }

    fn open_with_clock(dir: &Path, clock: Clock) -> Result<Self> {
        let store = Store::open(dir)?;
        let (topics, open) = Topics::open(&store)?;
        for partition in open.values().flat_map(|topic| &topic.partitions) {
            partition.retain(&store, clock())?;
        }
        let log = Arc::new(Log { topics: RwLock::new(open), failure: OnceLock::new(), store });
        let (sender, queue) = mpsc::unbounded_channel();
        let writer = Writer { log: log.clone(), topics, queue, clock };
        let writer = std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(|| writer.run())
            .map_err(|error| log.store.error("opened", &error.into()))?;
        let room = Arc::new(Semaphore::new(QUEUE_BYTES));
        Ok(Self { log, queue: Some(sender), room, writer: Some(writer) })
    }

    /// Hands a command to the writer.
    fn ask(&self, command: Command) -> Result<()> {
        let queue = self.queue.as_ref().expect("taken only by drop");
        queue.send(command).map_err(|_| self.log.closed())
    }

    fn partition(&self, at: &TopicPartition) -> Result<Arc<Partition>> {
        self.log
            .topic(&at.topic)
            .and_then(|topic| topic.partitions.get(at.partition as usize).cloned())
            .ok_or_else(|| Error::NoSuchPartition { at: at.clone() })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.queue = None;
        if self.writer.take().is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the log's writer panicked");
        }
    }
}

#[async_trait]
impl Broker for Embedded {
    async fn create_topic(&self, spec: &TopicSpec) -> Result<TopicInfo> {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(spec.name.chars().all(letters) && (1..=200).contains(&spec.name.len()), "{spec:?}: bad name");
        assert!(spec.partitions > 0, "{spec:?}: no partition");
        let (done, answer) = oneshot::channel();
        self.ask(Command::Create { spec: spec.clone(), done })?;
        answer.await.unwrap_or_else(|_| Err(self.log.closed()))
    }

    async fn topic(&self, name: &str) -> Result<Option<TopicInfo>> {
        Ok(self.log.topic(name).map(|topic| topic.info.clone()))
    }

    async fn topics(&self) -> Result<Vec<TopicInfo>> {
        Ok(self.log.read_topics(|topics| topics.values().map(|topic| topic.info.clone()).collect()))
    }

    async fn delete_topic(&self, name: &str) -> Result<()> {
        let (done, answer) = oneshot::channel();
        self.ask(Command::Delete { name: name.to_owned(), done })?;
        answer.await.unwrap_or_else(|_| Err(self.log.closed()))
    }

    async fn append(&self, batches: Vec<(TopicPartition, BatchBuilder)>) -> Result<Ack> {
        self.log.check()?;
        let mut bytes = 0;
        let mut resolved = Vec::with_capacity(batches.len());
        for (at, builder) in batches {
            assert!(!builder.is_empty(), "{at}: an empty batch was appended");
            bytes += QUEUE_OVERHEAD + builder.bytes();
            resolved.push((self.partition(&at)?, builder));
        }
        let permits = u32::try_from(bytes.min(QUEUE_BYTES)).expect("the queue is smaller than 4 GiB");
        let room = self.room.clone().acquire_many_owned(permits).await.expect("never closed");
        let (done, answer) = oneshot::channel();
        self.ask(Command::Append(Append { batches: resolved, done, room }))?;
        // Not the log itself: an acknowledgement that is kept must not keep the log open.
        let stopped = self.log.closed();
        Ok(Box::pin(async move { answer.await.unwrap_or(Err(stopped)) }))
    }

    async fn read(&self, at: &TopicPartition, offset: Offset, max_bytes: usize) -> Result<Vec<Batch>> {
        let partition = self.partition(at)?;
        if let Some(batches) = partition.read_tail(offset, max_bytes)? {
            return Ok(batches);
        }
        let log = self.log.clone();
        let read = move || partition.read_store(&log.store, offset, max_bytes);
        match tokio::task::spawn_blocking(read).await {
            Ok(batches) => batches,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(self.log.closed()),
            },
        }
    }

    async fn bounds(&self, at: &TopicPartition) -> Result<Range<Offset>> {
        let bounds = self.partition(at)?.bounds();
        Ok(bounds.start..bounds.end)
    }

    async fn wait(&self, at: &TopicPartition, offset: Offset) -> Result<()> {
        self.partition(at)?.wait(offset).await
    }
}

impl Log {
    fn read_topics<T>(&self, read: impl FnOnce(&BTreeMap<String, Arc<Topic>>) -> T) -> T {
        read(&self.topics.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.read_topics(|topics| topics.get(name).cloned())
    }

    fn partitions(&self) -> Vec<Arc<Partition>> {
        self.read_topics(|topics| topics.values().flat_map(|topic| topic.partitions.clone()).collect())
    }

    fn set_topic(&self, name: &str, topic: Option<Arc<Topic>>) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        match topic {
            Some(topic) => topics.insert(name.to_owned(), topic),
            None => topics.remove(name),
        };
    }

    /// Whether anything may still be written.
    fn check(&self) -> Result<()> {
        self.failure.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    fn fail(&self, error: Error) {
        tracing::error!(%error, "the log takes no more appends");
        let _ = self.failure.set(error);
    }

    fn closed(&self) -> Error {
        self.failure.get().cloned().unwrap_or_else(|| Error::Storage {
            path: self.store.path(),
            doing: "written",
            reason: "it is closed".into(),
        })
    }
}

fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
