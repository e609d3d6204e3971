//! The newest batches of a partition, kept in memory for the readers at its end.

use std::collections::VecDeque;

use crate::{Batch, Offset};

/// Stages read right behind one another, so a few batches are enough. They share their memory with the store's own
/// write buffer until that is flushed.
const TAIL_BYTES: usize = 1024 * 1024;

/// Consecutive batches up to the end of the partition.
#[derive(Debug, Default)]
pub(super) struct Tail {
    batches: VecDeque<Batch>,
    bytes: usize,
}

impl Tail {
    /// Adds the newest batch.
    pub(super) fn push(&mut self, batch: Batch) {
        self.bytes += batch.bytes();
        self.batches.push_back(batch);
        while self.bytes > TAIL_BYTES
            && let Some(oldest) = self.batches.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
    }

    /// What [`crate::Broker::read`] returns, if it is all here.
    pub(super) fn read(&self, offset: Offset, max_bytes: usize) -> Option<Vec<Batch>> {
        let start = self.batches.partition_point(|batch| batch.end_offset() <= offset);
        let first = self.batches.get(start).filter(|batch| batch.first_offset() <= offset)?;
        let mut size = first.bytes();
        let mut batches = vec![first.clone().from_offset(offset)];
        for batch in self.batches.range(start + 1..) {
            size += batch.bytes();
            if size > max_bytes {
                break;
            }
            batches.push(batch.clone());
        }
        Some(batches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchBuilder, TopicPartition};

    fn batch(first: Offset, records: u64, value: usize) -> Batch {
        let mut builder = BatchBuilder::default();
        (0..records).for_each(|_| builder.push(b"", &vec![b'x'; value]));
        Batch::decode(&TopicPartition::new("messages", 0), first, builder.encode().into()).expect("whole")
    }

    fn ranges(batches: Option<Vec<Batch>>) -> Option<Vec<(Offset, Offset)>> {
        Some(batches?.iter().map(|b| (b.first_offset(), b.end_offset())).collect())
    }

    #[test]
    fn reads_what_it_holds_and_nothing_else() {
        let mut tail = Tail::default();
        tail.push(batch(10, 3, 100));
        tail.push(batch(13, 2, 100));
        assert_eq!(ranges(tail.read(9, usize::MAX)), None);
        assert_eq!(ranges(tail.read(10, usize::MAX)), Some(vec![(10, 13), (13, 15)]));
        assert_eq!(ranges(tail.read(12, 0)), Some(vec![(12, 13)]), "at least one batch");
        assert_eq!(ranges(tail.read(14, usize::MAX)), Some(vec![(14, 15)]));
        assert_eq!(ranges(tail.read(15, usize::MAX)), None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut tail = Tail::default();
        for i in 0..5 {
            tail.push(batch(i, 1, TAIL_BYTES / 3));
        }
        assert_eq!(ranges(tail.read(2, usize::MAX)), None);
        assert_eq!(ranges(tail.read(3, usize::MAX)), Some(vec![(3, 4), (4, 5)]));
        tail.push(batch(5, 1, 2 * TAIL_BYTES));
        assert_eq!(ranges(tail.read(5, usize::MAX)), None);
        assert_eq!(tail.bytes, 0);
    }
}
