//! What lies on the manager's topics, in the order of its time over all partitions.
//!
//! The order matters for replays: whatever is on the log already is taken in the same order after every start, so
//! that a killed manager comes to the same state. A record that cannot be read is passed over with a warning: the
//! sink of the same topic makes the dead letter.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures::future::select_all;
use tickertape_broker::{Broker, Follower, Offset, Phase, TopicPartition};
use tickertape_records::{Channel, ClientReport, Error as RecordError, Link, Outcome, Report, topics};
use tokio::sync::watch;

use crate::Error;
use crate::store::Position;

/// Bytes read at once from a partition.
const READ_BYTES: usize = 1 << 20;
/// The topics, in the order in which records of the same second are taken.
const TOPICS: [&str; 3] = [topics::CLIENTS, topics::CHANNELS, topics::LINKS];

/// A record that was understood.
pub(crate) enum Record {
    Report(ClientReport),
    Observed(Channel),
    Linked(Box<Link>),
}

/// The next record of a partition.
struct Ready {
    time: i64,
    next: Offset,
    record: Option<Record>,
}

struct Partition {
    follower: Follower,
    epoch: u64,
    ready: VecDeque<Ready>,
}

/// Every partition that the manager reads.
pub(crate) struct Inbox {
    broker: Arc<dyn Broker>,
    partitions: Vec<Partition>,
}

impl Inbox {
    /// Begins at the stored positions.
    pub(crate) async fn open(
        broker: Arc<dyn Broker>,
        positions: &BTreeMap<TopicPartition, Position>,
        phase: &watch::Receiver<Phase>,
    ) -> Result<Self, Error> {
        let mut partitions = Vec::new();
        for topic in TOPICS {
            let info = broker.existing_topic(topic).await?;
            for partition in 0..info.partitions {
                let at = TopicPartition::new(topic, partition);
                let stored = positions.get(&at).map(|position| (position.epoch, position.next));
                let follower = Follower::open(broker.clone(), at, stored, READ_BYTES, phase.clone()).await?;
                partitions.push(Partition { follower, epoch: info.epoch, ready: VecDeque::new() });
            }
        }
        Ok(Self { broker, partitions })
    }

    /// The oldest record that is there, with its time and the position behind it; none when all is read. A record
    /// from the future counts as of `now`.
    pub(crate) async fn next(
        &mut self,
        now: i64,
    ) -> Result<Option<(TopicPartition, Position, i64, Option<Record>)>, Error> {
        for partition in &mut self.partitions {
            partition.fill(&*self.broker, now).await?;
        }
        let oldest = self
            .partitions
            .iter_mut()
            .filter(|partition| !partition.ready.is_empty())
            .min_by_key(|partition| partition.ready[0].time);
        let Some(partition) = oldest else { return Ok(None) };
        let Some(ready) = partition.ready.pop_front() else { return Ok(None) };
        let position = Position { epoch: partition.epoch, next: ready.next };
        Ok(Some((partition.follower.at().clone(), position, ready.time, ready.record)))
    }

    /// Waits until something new is there.
    pub(crate) async fn wait(&self) -> Result<(), Error> {
        let waits = self
            .partitions
            .iter()
            .map(|partition| self.broker.wait(partition.follower.at(), partition.follower.position()));
        let (waited, ..) = select_all(waits).await;
        Ok(waited?)
    }
}

impl Partition {
    async fn fill(&mut self, broker: &dyn Broker, now: i64) -> Result<(), Error> {
        let at = self.follower.at().clone();
        if !self.ready.is_empty() || broker.bounds(&at).await?.end <= self.follower.position() {
            return Ok(());
        }
        // Ends without records only when the process stops.
        for batch in self.follower.next().await?.unwrap_or_default() {
            for record in batch.iter() {
                let (time, read) = match read(&at.topic, record.value, now) {
                    Ok((time, read)) => (time, Some(read)),
                    Err(reason) => {
                        tracing::warn!(partition = %at, offset = record.offset, %reason, "a record was passed over");
                        (0, None)
                    }
                };
                self.ready.push_back(Ready { time, next: record.offset + 1, record: read });
            }
        }
        Ok(())
    }
}

/// Reads a record and its time. No time in it is taken to be after `now`, but for those that are promises.
fn read(topic: &str, value: &[u8], now: i64) -> Result<(i64, Record), RecordError> {
    /// A promise beyond this is a mistake of whoever made it.
    const LONGEST_PROMISE: i64 = 366 * 86_400;
    let past = |at: &mut i64| *at = (*at).clamp(0, now);
    let promise = |at: &mut i64| *at = (*at).clamp(0, now + LONGEST_PROMISE);
    match topic {
        topics::CLIENTS => {
            let mut report = ClientReport::decode(value)?;
            past(&mut report.at);
            match &mut report.report {
                Report::State(status) => status.limited_until.iter_mut().for_each(promise),
                Report::Answer { outcome: Outcome::Failed { retry_at, .. }, .. } => {
                    retry_at.iter_mut().for_each(promise);
                }
                _ => {}
            }
            Ok((report.at, Record::Report(report)))
        }
        topics::CHANNELS => {
            let mut seen = Channel::decode(value)?;
            past(&mut seen.observed_at);
            Ok((seen.observed_at, Record::Observed(seen)))
        }
        _ => {
            let mut link = Link::decode(value)?;
            past(&mut link.received_at);
            Ok((link.received_at, Record::Linked(Box::new(link))))
        }
    }
}
