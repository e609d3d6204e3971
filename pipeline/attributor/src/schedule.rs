//! Which coin list is in force at which offset of one partition: pure, so that it can be tested exhaustively.

use std::collections::VecDeque;

/// The swaps of one partition, in the order in which they were decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// (first input offset, version), neither ever falling.
    swaps: Vec<(u64, u64)>,
}

impl Schedule {
    /// Adds the next swap; an offset before that of an earlier one contradicts it.
    pub(crate) fn push(&mut self, input_offset: u64, version: u64) -> Result<(), String> {
        if let Some(&(earlier, _)) = self.swaps.last()
            && input_offset < earlier
        {
            return Err(format!("a swap at offset {input_offset} stands behind one at {earlier}"));
        }
        self.swaps.push((input_offset, version));
        Ok(())
    }

    /// Version of the list for the record at `offset`; none before the first swap.
    pub(crate) fn in_force(&self, offset: u64) -> Option<u64> {
        let behind = self.swaps.partition_point(|&(from, _)| from <= offset);
        behind.checked_sub(1).map(|last| self.swaps[last].1)
    }

    /// The swaps that the record at `offset` does not see yet. Of several at one offset, only the last.
    pub(crate) fn ahead_of(&self, offset: u64) -> VecDeque<(u64, u64)> {
        let behind = self.swaps.partition_point(|&(from, _)| from <= offset);
        let mut ahead = VecDeque::<(u64, u64)>::new();
        for &(from, version) in &self.swaps[behind..] {
            match ahead.back_mut() {
                Some(last) if last.0 == from => last.1 = version,
                _ => ahead.push_back((from, version)),
            }
        }
        ahead
    }

    /// Version of the list that came into force last, or will.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.swaps.last().map(|&(_, version)| version)
    }

    /// Nothing was ever attributed here.
    pub(crate) fn is_empty(&self) -> bool {
        self.swaps.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every schedule of up to four swaps over six offsets, against the definition: the last swap at or before.
    #[test]
    fn the_list_in_force_is_that_of_the_last_swap_at_or_before_the_record() {
        let mut tried = 0;
        for code in 0..6_u32.pow(4) {
            let offsets = (0..4).map(|place| u64::from(code / 6_u32.pow(place) % 6));
            let mut schedule = Schedule::default();
            let mut model: Vec<(u64, u64)> = Vec::new();
            for (offset, version) in offsets.zip(1..) {
                let falls = model.last().is_some_and(|&(last, _)| offset < last);
                assert_eq!(schedule.push(offset, version).is_err(), falls);
                if !falls {
                    model.push((offset, version));
                }
            }
            for offset in 0..8 {
                let definition = |at: u64| model.iter().rfind(|&&(from, _)| from <= at).map(|swap| swap.1);
                assert_eq!(schedule.in_force(offset), definition(offset), "{model:?} at {offset}");
                // What lies ahead, walked record by record, gives the same.
                let mut ahead = schedule.ahead_of(offset);
                let mut now = schedule.in_force(offset);
                for later in offset + 1..8 {
                    while ahead.front().is_some_and(|&(from, _)| from <= later) {
                        now = ahead.pop_front().map(|swap| swap.1);
                    }
                    assert_eq!(now, definition(later), "{model:?} from {offset} to {later}");
                }
                tried += 1;
            }
        }
        assert_eq!(tried, 1296 * 8);
    }
}
