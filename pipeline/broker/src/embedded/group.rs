//! Which offsets the appends of one group commit get, and which of them are stored together: a pure decision.

use crate::Offset;

/// Batches of one partition are joined up to this size. A live channel appends one record at a time: stored one by
/// one, records of 200 bytes were read twelve times slower and appended at half the speed. Whoever reads a single
/// record loads its whole batch, 27 µs at this size.
const JOINED_BYTES: usize = 256 * 1024;

/// A batch that waits to be stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    /// Its partition, as an index into the ends.
    pub(super) partition: usize,
    /// Number of records.
    pub(super) records: u64,
    /// Its size.
    pub(super) bytes: usize,
}

/// Waiting batches that are stored as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Joined {
    /// Their partition.
    pub(super) partition: usize,
    /// Offset of the first record.
    pub(super) first: Offset,
    /// Which of the waiting batches, in order.
    pub(super) parts: Vec<usize>,
    bytes: usize,
}

/// The first offset of each waiting batch, and what to store. `ends` are the offsets that the next record of each
/// partition gets, before and after.
pub(super) fn plan(waiting: &[Waiting], ends: &mut [Offset]) -> (Vec<Offset>, Vec<Joined>) {
    let mut firsts = Vec::with_capacity(waiting.len());
    let mut stored: Vec<Joined> = Vec::new();
    let mut open: Vec<Option<usize>> = vec![None; ends.len()];
    for (index, batch) in waiting.iter().enumerate() {
        let first = ends[batch.partition];
        ends[batch.partition] += batch.records;
        firsts.push(first);
        match open[batch.partition].map(|at| &mut stored[at]) {
            Some(joined) if joined.bytes + batch.bytes <= JOINED_BYTES => {
                joined.parts.push(index);
                joined.bytes += batch.bytes;
            }
            _ => {
                open[batch.partition] = Some(stored.len());
                let partition = batch.partition;
                stored.push(Joined { partition, first, parts: vec![index], bytes: batch.bytes });
            }
        }
    }
    (firsts, stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(partition: usize, records: u64, bytes: usize) -> Waiting {
        Waiting { partition, records, bytes }
    }

    #[test]
    fn offsets_follow_one_another_in_each_partition() {
        let mut ends = [100, 7];
        let (firsts, stored) =
            plan(&[waiting(0, 3, 10), waiting(1, 1, 10), waiting(0, 2, 10), waiting(1, 4, 10)], &mut ends);
        assert_eq!(firsts, [100, 7, 103, 8]);
        assert_eq!(ends, [105, 12]);
        let stored: Vec<_> = stored.into_iter().map(|s| (s.partition, s.first, s.parts)).collect();
        assert_eq!(stored, [(0, 100, vec![0, 2]), (1, 7, vec![1, 3])]);
    }

    #[test]
    fn large_batches_stay_alone() {
        let mut ends = [0];
        let (firsts, stored) = plan(
            &[
                waiting(0, 1, JOINED_BYTES),
                waiting(0, 1, 1),
                waiting(0, 1, 10 * JOINED_BYTES),
                waiting(0, 1, 1),
            ],
            &mut ends,
        );
        assert_eq!(firsts, [0, 1, 2, 3]);
        let stored: Vec<_> = stored.into_iter().map(|s| (s.first, s.parts)).collect();
        assert_eq!(stored, [(0, vec![0]), (1, vec![1]), (2, vec![2]), (3, vec![3])]);
    }
}
