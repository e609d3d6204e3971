//! A set of message ids, kept as ranges: ids are dense, so a million of them are a handful of ranges.

use std::collections::BTreeMap;

/// Disjoint ranges that do not touch: first id → last id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(BTreeMap<i64, i64>);

impl Ranges {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ids.
    pub(crate) fn len(&self) -> i64 {
        self.0.iter().map(|(from, to)| to - from + 1).sum()
    }

    pub(crate) fn contains(&self, id: i64) -> bool {
        self.0.range(..=id).next_back().is_some_and(|(_, to)| *to >= id)
    }

    /// The ranges, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.0.iter().map(|(from, to)| (*from, *to))
    }

    /// Adds `from..=to`; nothing when `to` is before `from`.
    pub(crate) fn insert(&mut self, from: i64, to: i64) {
        if to < from {
            return;
        }
        let (mut from, mut to) = (from, to);
        // Everything that overlaps or touches becomes part of it.
        while let Some((&first, &last)) =
            self.0.range(..=to + 1).next_back().filter(|(_, last)| **last >= from - 1)
        {
            self.0.remove(&first);
            (from, to) = (from.min(first), to.max(last));
        }
        self.0.insert(from, to);
    }

    /// Takes `from..=to` out.
    pub(crate) fn remove(&mut self, from: i64, to: i64) {
        if to < from {
            return; // an empty range would cut the one round it in two
        }
        while let Some((&first, &last)) = self.0.range(..=to).next_back().filter(|(_, last)| **last >= from) {
            self.0.remove(&first);
            if first < from {
                self.0.insert(first, from - 1);
            }
            if last > to {
                self.0.insert(to + 1, last);
            }
        }
    }

    /// The parts of it within `from..=to`, ascending.
    pub(crate) fn within(&self, from: i64, to: i64) -> Ranges {
        let mut inside = Ranges::default();
        if let Some((_, last)) = self.0.range(..from).next_back() {
            inside.insert(from, (*last).min(to));
        }
        if from <= to {
            for (first, last) in self.0.range(from..=to) {
                inside.insert(*first, (*last).min(to));
            }
        }
        inside
    }

    /// What is in it and in `other`.
    pub(crate) fn common(&self, other: &Ranges) -> Ranges {
        let mut common = Ranges::default();
        for (from, to) in other.iter() {
            self.within(from, to).iter().for_each(|(from, to)| common.insert(from, to));
        }
        common
    }

    /// It without `other`.
    pub(crate) fn without(&self, other: &Ranges) -> Ranges {
        let mut rest = self.clone();
        for (from, to) in other.iter() {
            rest.remove(from, to);
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ids(ranges: &Ranges) -> BTreeSet<i64> {
        ranges.iter().flat_map(|(from, to)| from..=to).collect()
    }

    proptest! {
        #[test]
        fn it_is_a_set_of_ids(changes in prop::collection::vec((any::<bool>(), 1_i64..40, 0_i64..8), 0..40),
                              from in 1_i64..40, length in -2_i64..20) {
            let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
            for (add, from, length) in changes {
                if add {
                    ranges.insert(from, from + length - 1);
                    model.extend(from..from + length);
                } else {
                    ranges.remove(from, from + length - 1);
                    model.retain(|id| !(from..from + length).contains(id));
                }
                prop_assert_eq!(ids(&ranges), model.clone());
                let touching = ranges.iter().zip(ranges.iter().skip(1)).any(|(a, b)| a.1 + 1 >= b.0);
                prop_assert!(!touching, "{ranges:?}");
            }
            prop_assert_eq!(ranges.len(), model.len() as i64);
            prop_assert!((0..50).all(|id| ranges.contains(id) == model.contains(&id)));
            let inside: BTreeSet<i64> = model.iter().copied().filter(|id| (from..=from + length).contains(id)).collect();
            prop_assert_eq!(ids(&ranges.within(from, from + length)), inside);
            let mut other = Ranges::default();
            other.insert(from, from + length);
            other.insert(from + length + 3, from + length + 9);
            let common: BTreeSet<i64> = model.intersection(&ids(&other)).copied().collect();
            prop_assert_eq!(ids(&ranges.common(&other)), common);
        }
    }
}
