//! How far the partitions that are read right now have been dealt with, so that lag can be told.
//!
//! For showing only: what a stage goes on from is stored with its data, never here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Offset, TopicPartition};

/// The partitions that one stage of this process reads, and how far it has come.
#[derive(Debug, Clone, Default)]
pub struct Positions(Arc<Mutex<BTreeMap<TopicPartition, Offset>>>);

/// One partition being read; forgotten when dropped, for then somebody else may read it.
#[derive(Debug)]
pub struct Reading {
    at: TopicPartition,
    positions: Positions,
}

impl Positions {
    /// A partition is read from `next` on.
    pub fn reading(&self, at: TopicPartition, next: Offset) -> Reading {
        self.lock().insert(at.clone(), next);
        Reading { at, positions: self.clone() }
    }

    /// Every partition with the first offset that is not dealt with.
    pub fn all(&self) -> Vec<(TopicPartition, Offset)> {
        self.lock().iter().map(|(at, next)| (at.clone(), *next)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Offset>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    /// Everything before `next` is dealt with.
    pub fn reached(&self, next: Offset) {
        if let Some(position) = self.positions.lock().get_mut(&self.at) {
            *position = next;
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.positions.lock().remove(&self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_known_while_it_is_read() {
        let positions = Positions::default();
        let at = TopicPartition::new("messages", 3);
        let reading = positions.reading(at.clone(), 5);
        assert_eq!(positions.all(), [(at.clone(), 5)]);
        reading.reached(9);
        assert_eq!(positions.all(), [(at, 9)]);
        drop(reading);
        assert!(positions.all().is_empty());
    }
}
