//! The one batching loop: reads a partition from a stored position to its end and on, until told to stop.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{Batch, Broker, Error, Offset, Result, TopicPartition};

/// What the process wants of its stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Go on for ever.
    Running,
    /// Nothing more will be appended upstream: finish what is there, then end.
    Draining,
    /// End at the next batch boundary; what is in flight is committed, the rest is read again next time.
    Stopping,
}

/// Reads one partition.
pub struct Follower {
    broker: Arc<dyn Broker>,
    at: TopicPartition,
    next: Offset,
    max_bytes: usize,
    phase: watch::Receiver<Phase>,
}

impl Follower {
    /// Starts at a stored position, or at the first kept record without one.
    ///
    /// `stored` is (epoch, offset) as it was stored with the data it covers. A position of another epoch is
    /// [`Error::TopicReset`]; one outside the partition is [`Error::OffsetOutOfRange`].
    pub async fn open(
        broker: Arc<dyn Broker>,
        at: TopicPartition,
        stored: Option<(u64, Offset)>,
        max_bytes: usize,
        phase: watch::Receiver<Phase>,
    ) -> Result<Self> {
        let info = broker.topic(&at.topic).await?.ok_or_else(|| Error::NoSuchPartition { at: at.clone() })?;
        let bounds = broker.bounds(&at).await?;
        let next = match stored {
            None => bounds.start,
            Some((epoch, _)) if epoch != info.epoch => {
                return Err(Error::TopicReset { topic: at.topic, stored: epoch, current: info.epoch });
            }
            Some((_, offset)) if offset < bounds.start || offset > bounds.end => {
                return Err(Error::OffsetOutOfRange { at, offset, earliest: bounds.start, end: bounds.end });
            }
            Some((_, offset)) => offset,
        };
        Ok(Self { broker, at, next, max_bytes, phase })
    }

    /// Offset of the next record it will return.
    pub fn position(&self) -> Offset {
        self.next
    }

    /// The partition it reads.
    pub fn at(&self) -> &TopicPartition {
        &self.at
    }

    /// What the process wants right now.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// The next batches, waiting for them if need be; none when drained or stopped.
    ///
    /// Safe to drop while waiting: the position moves only when batches are returned.
    pub async fn next(&mut self) -> Result<Option<Vec<Batch>>> {
        loop {
            // Looked at before reading: what was appended before draining began is then certainly seen.
            let phase = *self.phase.borrow_and_update();
            if phase == Phase::Stopping {
                return Ok(None);
            }
            let batches = self.broker.read(&self.at, self.next, self.max_bytes).await?;
            if let Some(last) = batches.last() {
                self.next = last.end_offset();
                return Ok(Some(batches));
            }
            if phase == Phase::Draining {
                return Ok(None);
            }
            tokio::select! {
                waited = self.broker.wait(&self.at, self.next) => waited?,
                changed = self.phase.changed() => {
                    if changed.is_err() {
                        return Ok(None); // whoever could tell us to go on is gone
                    }
                }
            }
        }
    }
}
