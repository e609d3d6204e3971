//! The one thread that writes: it takes whatever appends are waiting, stores them in one write with one sync, and
//! then tells those who wait.
//!
//! After a failed write nothing is written any more: what the disk holds beyond the last sync is not known then, and
//! going on could leave a hole. Reading goes on.

use std::sync::Arc;

use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Log;
use super::group::{Waiting, plan};
use super::partition::Partition;
use super::stored::Stored;
use super::topics::{Topic, Topics};
use crate::{BatchBuilder, Error, Offset, Result, TopicInfo, TopicPartition, TopicSpec};

/// Appends are gathered up to this size. A sync took 4 to 8 ms on a virtual disk, whatever was written up to here.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Unix milliseconds.
pub(super) type Clock = Box<dyn Fn() -> u64 + Send>;

/// What the writer is asked for, in order.
pub(super) enum Command {
    Append(Append),
    Create { spec: TopicSpec, done: oneshot::Sender<Result<TopicInfo>> },
    Delete { name: String, done: oneshot::Sender<Result<()>> },
}

/// The batches of one call.
pub(super) struct Append {
    pub(super) batches: Vec<(Arc<Partition>, BatchBuilder)>,
    pub(super) done: oneshot::Sender<Result<Vec<Offset>>>,
    /// Its place in the queue, given back when it is stored.
    pub(super) room: OwnedSemaphorePermit,
}

/// The state of the thread.
pub(super) struct Writer {
    pub(super) log: Arc<Log>,
    pub(super) topics: Topics,
    pub(super) queue: mpsc::UnboundedReceiver<Command>,
    pub(super) clock: Clock,
}

impl Writer {
    /// Works until nobody can ask for anything any more and everything asked for is done.
    pub(super) fn run(mut self) {
        let mut next = self.queue.blocking_recv();
        while let Some(command) = next {
            next = match command {
                Command::Append(append) => self.append(append),
                Command::Create { spec, done } => {
                    let _ = done.send(self.create(&spec));
                    self.queue.blocking_recv()
                }
                Command::Delete { name, done } => {
                    let _ = done.send(self.delete(&name));
                    self.queue.blocking_recv()
                }
            };
        }
    }

    /// Stores an append and those that wait behind it; returns the command after them.
    fn append(&mut self, first: Append) -> Option<Command> {
        let mut bytes = size(&first);
        let mut group = vec![first];
        let next = loop {
            if bytes >= GROUP_BYTES {
                break None;
            }
            match self.queue.try_recv() {
                Ok(Command::Append(append)) => {
                    bytes += size(&append);
                    group.push(append);
                }
                Ok(command) => break Some(command),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break None,
            }
        };
        self.store(group);
        next.or_else(|| self.queue.blocking_recv())
    }

    fn store(&self, group: Vec<Append>) {
        let (group, refused): (Vec<_>, Vec<_>) = group.into_iter().partition(|append| gone(append).is_none());
        for append in refused {
            let at = gone(&append).expect("refused for it").clone();
            let _ = append.done.send(Err(Error::NoSuchPartition { at }));
        }
        match self.commit(&group) {
            Ok(mut firsts) => {
                for append in group {
                    let rest = firsts.split_off(append.batches.len());
                    let _ = append.done.send(Ok(std::mem::replace(&mut firsts, rest)));
                    drop(append.room);
                }
            }
            Err(error) => {
                self.log.fail(error.clone());
                for append in group {
                    let _ = append.done.send(Err(error.clone()));
                }
            }
        }
    }

    /// The first offset of every batch, when all are durable and visible.
    fn commit(&self, group: &[Append]) -> Result<Vec<Offset>> {
        self.log.check()?;
        let store = &self.log.store;
        let all = self.log.partitions();
        store.make_room(all.iter().map(|partition| partition.keyspace()))?;

        let mut partitions: Vec<&Arc<Partition>> = Vec::new();
        let mut waiting = Vec::new();
        let mut builders = Vec::new();
        for (partition, builder) in group.iter().flat_map(|append| &append.batches) {
            let index =
                partitions.iter().position(|known| Arc::ptr_eq(known, partition)).unwrap_or_else(|| {
                    partitions.push(partition);
                    partitions.len() - 1
                });
            waiting.push(Waiting { partition: index, records: builder.len() as u64, bytes: builder.bytes() });
            builders.push(builder);
        }
        let mut ends: Vec<Offset> = partitions.iter().map(|partition| partition.bounds().end).collect();
        let (firsts, joined) = plan(&waiting, &mut ends);

        let now = (self.clock)();
        let mut ledgers: Vec<_> = partitions.iter().map(|partition| partition.ledger()).collect();
        let mut published: Vec<Vec<Stored>> = vec![Vec::new(); partitions.len()];
        let mut write = store.write();
        for batch in joined {
            let ledger = &mut ledgers[batch.partition];
            let partition = partitions[batch.partition];
            // Times never go back, whatever the clock does: retention takes the oldest batch for the oldest time.
            ledger.appended_at = ledger.appended_at.max(now);
            let parts: Vec<&BatchBuilder> = batch.parts.iter().map(|&part| builders[part]).collect();
            let key = batch.first.to_be_bytes();
            let value = Stored::encode(ledger.appended_at, ledger.position, &parts);
            let stored = Stored::decode(partition.at(), &key, value.clone())?;
            ledger.position = stored.next_position();
            published[batch.partition].push(stored);
            write.insert(partition.keyspace(), key, value);
        }
        write.commit().map_err(|e| store.error("written", &e))?;

        for (partition, stored) in partitions.iter().zip(published) {
            partition.publish(stored);
            if let Err(error) = partition.retain(store, now) {
                tracing::warn!(partition = %partition.at(), %error, "old records could not be deleted");
            }
        }
        Ok(firsts)
    }

    fn create(&self, spec: &TopicSpec) -> Result<TopicInfo> {
        self.log.check()?;
        let store = &self.log.store;
        let topic = match self.log.topic(&spec.name) {
            None => self.topics.create(store, spec)?,
            Some(topic) if topic.info.partitions == spec.partitions => {
                self.topics.set_retention(store, &topic, spec.retention)?;
                topic
            }
            Some(topic) => {
                return Err(Error::TopicDiffers {
                    topic: spec.name.clone(),
                    existing: topic.info.partitions,
                    wanted: spec.partitions,
                });
            }
        };
        let info = topic.info.clone();
        self.log.set_topic(&info.name, Some(topic));
        Ok(info)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.log.check()?;
        let topic: Arc<Topic> = self
            .log
            .topic(name)
            .ok_or_else(|| Error::NoSuchPartition { at: TopicPartition::new(name, 0) })?;
        self.topics.delete(&self.log.store, &topic)?;
        self.log.set_topic(name, None);
        Ok(())
    }
}

fn size(append: &Append) -> usize {
    append.batches.iter().map(|(_, builder)| builder.bytes()).sum()
}

/// A partition of the append that was deleted after the call.
fn gone(append: &Append) -> Option<&TopicPartition> {
    append.batches.iter().map(|(partition, _)| partition).find(|p| p.bounds().deleted).map(|p| p.at())
}
