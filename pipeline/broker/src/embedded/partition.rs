//! One partition: its bounds, its newest batches, and reading it.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fjall::{AbstractTree, Keyspace};
use tokio::sync::watch;

use super::retention::{Mark, is_expired};
use super::store::Store;
use super::stored::Stored;
use super::tail::Tail;
use crate::{Batch, Error, Offset, Result, Retention, TopicPartition};

/// Tables are dropped when at least this much was deleted: less than a table holds nothing to drop.
const FREED_BYTES: u64 = 8 * 1024 * 1024;

/// Where a partition begins and ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds {
    /// First kept offset.
    pub(super) start: Offset,
    /// Offset of the next record.
    pub(super) end: Offset,
    /// The topic is gone.
    pub(super) deleted: bool,
}

/// One partition. Only the writer's thread changes it.
pub(super) struct Partition {
    at: TopicPartition,
    keyspace: Keyspace,
    bounds: watch::Sender<Bounds>,
    tail: Mutex<Tail>,
    ledger: Mutex<Ledger>,
}

/// What the next append and retention have to know.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ledger {
    /// When the newest batch was appended, in Unix milliseconds.
    pub(super) appended_at: u64,
    /// Bytes ever appended.
    pub(super) position: u64,
    retention: Retention,
    oldest: Option<Mark>,
    /// Position up to which tables were dropped.
    freed: u64,
}

impl Partition {
    /// Opens a partition, whatever its keyspace holds from `start` on.
    pub(super) fn open(
        store: &Store,
        at: TopicPartition,
        keyspace: Keyspace,
        retention: Retention,
        start: Offset,
    ) -> Result<Self> {
        let load = |guard: Option<fjall::Guard>| guard.map(|guard| stored(store, &at, guard)).transpose();
        let first = load(keyspace.range(key(start)..).next())?;
        let last = load(keyspace.last_key_value())?;
        let bounds = Bounds {
            start: first.as_ref().map_or(0, |stored| stored.batch.first_offset()),
            end: last.as_ref().map_or(0, |stored| stored.batch.end_offset()),
            deleted: false,
        };
        let ledger = Ledger {
            appended_at: last.as_ref().map_or(0, |stored| stored.appended_at),
            position: last.as_ref().map_or(0, Stored::next_position),
            retention,
            oldest: first.as_ref().map(Stored::mark),
            freed: first.as_ref().map_or(0, |stored| stored.position),
        };
        Ok(Self {
            at,
            keyspace,
            bounds: watch::Sender::new(bounds),
            tail: Mutex::default(),
            ledger: Mutex::new(ledger),
        })
    }

    /// Which one.
    pub(super) fn at(&self) -> &TopicPartition {
        &self.at
    }

    /// Where its batches lie.
    pub(super) fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// Where it begins and ends now.
    pub(super) fn bounds(&self) -> Bounds {
        *self.bounds.borrow()
    }

    /// What the next append has to know.
    pub(super) fn ledger(&self) -> Ledger {
        *lock(&self.ledger)
    }

    /// Replaces what may be deleted.
    pub(super) fn set_retention(&self, retention: Retention) {
        lock(&self.ledger).retention = retention;
    }

    /// Its topic was deleted: whoever waits for it is woken.
    pub(super) fn set_deleted(&self) {
        self.bounds.send_modify(|bounds| bounds.deleted = true);
    }

    /// Shows readers what is durable now.
    pub(super) fn publish(&self, stored: Vec<Stored>) {
        let Some(last) = stored.last() else { return };
        let end = last.batch.end_offset();
        {
            let mut ledger = lock(&self.ledger);
            ledger.appended_at = last.appended_at;
            ledger.position = last.next_position();
            ledger.oldest = ledger.oldest.or(stored.first().map(Stored::mark));
        }
        {
            let mut tail = lock(&self.tail);
            stored.into_iter().for_each(|stored| tail.push(stored.batch));
        }
        self.bounds.send_modify(|bounds| bounds.end = end);
    }

    /// Deletes what retention no longer keeps. `now` is in Unix milliseconds.
    pub(super) fn retain(&self, store: &Store, now: u64) -> Result<()> {
        let mut ledger = lock(&self.ledger);
        let end = self.bounds().end;
        let (retention, position) = (ledger.retention, ledger.position);
        let goes = |mark: Mark| mark.end < end && is_expired(mark, position, now, retention);
        let Some(expired) = ledger.oldest.filter(|oldest| goes(*oldest)) else { return Ok(()) };
        let mut start = expired.end;
        for guard in self.keyspace.range(key(expired.end)..) {
            let mark = stored(store, &self.at, guard)?.mark();
            ledger.oldest = Some(mark);
            if !goes(mark) {
                break;
            }
            start = mark.end;
        }
        // Readers are turned away before anything disappears.
        self.bounds.send_modify(|bounds| bounds.start = start);
        let kept_from = ledger.oldest.map_or(position, |oldest| oldest.position);
        if kept_from - ledger.freed >= FREED_BYTES {
            ledger.freed = kept_from;
            self.keyspace.tree.drop_range(..key(start)).map_err(|e| store.error("written", &e.into()))?;
        }
        Ok(())
    }

    /// Waits until there is a record at `offset`.
    pub(super) async fn wait(&self, offset: Offset) -> Result<()> {
        let mut bounds = self.bounds.subscribe();
        let reached = bounds.wait_for(|bounds| bounds.deleted || bounds.end > offset).await;
        match reached {
            Ok(bounds) if !bounds.deleted => Ok(()),
            _ => Err(Error::NoSuchPartition { at: self.at.clone() }),
        }
    }

    /// The batches at `offset`, if that takes no look at the disk.
    pub(super) fn read_tail(&self, offset: Offset, max_bytes: usize) -> Result<Option<Vec<Batch>>> {
        let bounds = self.bounds();
        if offset < bounds.start || offset > bounds.end {
            return Err(self.out_of_range(offset));
        }
        if offset == bounds.end {
            return Ok(Some(Vec::new()));
        }
        Ok(lock(&self.tail).read(offset, max_bytes))
    }

    /// The batches at `offset` from the store. Blocks.
    pub(super) fn read_store(&self, store: &Store, offset: Offset, max_bytes: usize) -> Result<Vec<Batch>> {
        let end = self.bounds().end;
        let read = self.read_range(store, offset..end, max_bytes);
        // What retention took away meanwhile looks like a hole.
        if offset < self.bounds().start { Err(self.out_of_range(offset)) } else { read }
    }

    fn read_range(&self, store: &Store, offsets: Range<Offset>, max_bytes: usize) -> Result<Vec<Batch>> {
        let load = |guard| stored(store, &self.at, guard).map(|stored| stored.batch);
        let mut range = self.keyspace.range(key(offsets.start)..key(offsets.end)).map(load);
        let head = range.next().transpose()?;
        // Whoever reads on from where the last read ended begins at a batch; others begin inside one.
        let inside = match &head {
            Some(head) if head.first_offset() == offsets.start => None,
            _ => self.keyspace.range(..key(offsets.start)).next_back().map(load).transpose()?,
        };

        let mut batches = Vec::new();
        let mut size = 0;
        let mut next = offsets.start;
        for batch in inside.into_iter().chain(head).map(Ok).chain(range) {
            let batch = batch?;
            if batch.first_offset() > next || batch.end_offset() <= next {
                return Err(self.hole(next));
            }
            size += batch.bytes();
            if size > max_bytes && !batches.is_empty() {
                return Ok(batches);
            }
            // A batch that does not fit was loaded for nothing, so the next one is guessed to be as large.
            let full = size + batch.bytes() > max_bytes;
            next = batch.end_offset();
            batches.push(batch.from_offset(offsets.start));
            if full {
                return Ok(batches);
            }
        }
        if next < offsets.end { Err(self.hole(next)) } else { Ok(batches) }
    }

    fn out_of_range(&self, offset: Offset) -> Error {
        let bounds = self.bounds();
        Error::OffsetOutOfRange { at: self.at.clone(), offset, earliest: bounds.start, end: bounds.end }
    }

    fn hole(&self, offset: Offset) -> Error {
        Error::Damaged { at: self.at.clone(), offset, reason: "it is missing".into() }
    }
}

fn key(offset: Offset) -> [u8; 8] {
    offset.to_be_bytes()
}

fn stored(store: &Store, at: &TopicPartition, guard: fjall::Guard) -> Result<Stored> {
    let (key, value) = guard.into_inner().map_err(|e| store.error("read", &e))?;
    Stored::decode(at, &key, value.into())
}

/// The values behind these locks are whole at any time, so a reader that panicked leaves nothing half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
