//! A hash table for millions of small values, close to the size of the values themselves.
//!
//! Slots lie in the order of their ids, each at or behind the place that its id is scaled to (ordered linear
//! probing): a miss ends as early as a hit, so a table may be nine-tenths full; and a table grows by copying its
//! slots in a row, so it can grow by a fifth instead of doubling. It is cut into shards by the ids' top bits, so
//! that growing or sweeping touches one small shard at a time and never makes anyone wait. A clone shares the shards
//! until one side changes them, and then copies only those.
//!
//! What a table holds never depends on how its slots lie.

use std::sync::Arc;

use super::chats::Id;

/// What a slot holds beside its id: plain, small, and with one value that marks an empty slot.
pub(super) trait Value: Copy {
    const VACANT: Self;
    fn is_vacant(&self) -> bool;
}

/// Values by id.
#[derive(Debug, Clone)]
pub(super) struct Table<V> {
    shards: Vec<Shard<V>>,
    /// Top bits of an id that name its shard.
    shard_bits: u32,
    len: usize,
}

#[derive(Debug, Clone)]
struct Shard<V> {
    /// `homes` slots, and some more for the last cluster to run over into.
    slots: Arc<[Slot<V>]>,
    // 32 bits, because every look-up begins at a shard, and what all of them take must stay in the cache.
    homes: u32,
    len: u32,
    /// Values this shard takes before it must be rebuilt.
    room: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Slot<V> {
    pub(super) id: Id,
    pub(super) value: V,
}

/// Values for which a table makes one shard: 64 KB, rebuilt or copied in some ten microseconds. Ids scatter, so after a
/// clone nearly every message copies a shard until all are copied: that cost must not add up to a pause.
const SHARD_VALUES: usize = 1 << 12;
/// Beyond eight million values shards are larger instead: with more of them look-ups took a quarter longer.
const MAX_SHARD_BITS: u32 = 11;

impl<V: Value> Table<V> {
    /// An empty table, cut into shards that suit `expected` values. Takes no memory yet.
    pub(super) fn new(expected: usize) -> Self {
        let shards = (expected / SHARD_VALUES).max(1).next_power_of_two();
        let shard_bits = shards.trailing_zeros().min(MAX_SHARD_BITS);
        let shards = (0..1usize << shard_bits).map(|_| Shard::default()).collect();
        Self { shards, shard_bits, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        let slots: usize = self.shards.iter().map(|shard| shard.slots.len()).sum();
        slots * size_of::<Slot<V>>() + self.shards.capacity() * size_of::<Shard<V>>()
    }

    pub(super) fn get(&self, id: Id) -> Option<&V> {
        let shard = &self.shards[self.shard_of(id)];
        let at = shard.find(id, self.shard_bits).ok()?;
        Some(&shard.slots[at].value)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut V> {
        let index = self.shard_of(id);
        let shard = &mut self.shards[index];
        let at = shard.find(id, self.shard_bits).ok()?;
        Some(&mut shard.slots_mut()[at].value)
    }

    /// Sets the value of an id, growing its shard when it is full.
    pub(super) fn set(&mut self, id: Id, value: V) {
        debug_assert!(!value.is_vacant(), "a vacant value cannot be told from no value");
        let (index, bits) = (self.shard_of(id), self.shard_bits);
        let shard = &mut self.shards[index];
        let at = match shard.find(id, bits) {
            Ok(at) => {
                shard.slots_mut()[at].value = value;
                return;
            }
            Err(at) => at,
        };
        let slot = Slot { id, value };
        match shard.vacancy(at) {
            Some(vacant) if shard.len < shard.room => shard.insert(at, vacant, slot),
            _ => {
                let grown = room_for(shard.len as usize);
                shard.spread(if shard.len < shard.room { shard.room as usize } else { grown }, bits);
                let at = shard.find(id, bits).expect_err("it was not there before either");
                let vacant = shard.vacancy(at).expect("there is one behind every layout");
                shard.insert(at, vacant, slot);
            }
        }
        self.len += 1;
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<V> {
        let index = self.shard_of(id);
        let shard = &mut self.shards[index];
        let at = shard.find(id, self.shard_bits).ok()?;
        self.len -= 1;
        Some(shard.remove(at, self.shard_bits))
    }

    /// The shard that an id belongs to.
    pub(super) fn shard_of(&self, id: Id) -> usize {
        // Two steps, because shifting by all 64 bits at once is an overflow.
        (id.0 >> 1 >> (63 - self.shard_bits)) as usize
    }

    pub(super) fn shards(&self) -> usize {
        self.shards.len()
    }

    pub(super) fn room(&self, shard: usize) -> usize {
        self.shards[shard].room as usize
    }

    /// Whether one more value makes this shard grow.
    pub(super) fn is_full(&self, shard: usize) -> bool {
        self.shards[shard].len >= self.shards[shard].room
    }

    /// One shard's values in the order of their ids.
    pub(super) fn shard(&self, shard: usize) -> impl Iterator<Item = &Slot<V>> {
        self.shards[shard].values()
    }

    /// All values in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot<V>> {
        (0..self.shards()).flat_map(|shard| self.shard(shard))
    }

    /// Drops what `keep` rejects from one shard, and sizes it anew for what is left, or for `most` if that is less.
    pub(super) fn retain(&mut self, shard: usize, most: usize, mut keep: impl FnMut(Id, V) -> bool) {
        let bits = self.shard_bits;
        let shard = &mut self.shards[shard];
        let kept: Vec<_> = shard.values().filter(|slot| keep(slot.id, slot.value)).copied().collect();
        self.len -= shard.len as usize - kept.len();
        let room = room_for(kept.len()).min(most).max(kept.len());
        *shard = Shard::of(kept.iter(), room, bits);
    }

    /// Fills an empty shard with slots in ascending order of ids.
    pub(super) fn load(&mut self, shard: usize, slots: &[Slot<V>], room: usize) {
        self.len += slots.len();
        self.shards[shard] = Shard::of(slots.iter(), room.max(slots.len()), self.shard_bits);
    }
}

/// Room for a fifth more values: small enough to waste little, large enough that growing costs five moves a value.
pub(super) fn room_for(values: usize) -> usize {
    values + values / 5 + 8
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self { slots: Arc::default(), homes: 0, len: 0, room: 0 }
    }
}

impl<V: Value> Shard<V> {
    const EMPTY: Slot<V> = Slot { id: Id(0), value: V::VACANT };

    /// Where an id lies if nothing is in its way: its bits behind the shard's, scaled to the number of homes.
    fn home(id: Id, shard_bits: u32, homes: u32) -> usize {
        ((u128::from(id.0 << shard_bits) * u128::from(homes)) >> 64) as usize
    }

    /// The slot that holds `id`, or else the one where it belongs.
    fn find(&self, id: Id, shard_bits: u32) -> Result<usize, usize> {
        let mut at = Self::home(id, shard_bits, self.homes);
        while let Some(slot) = self.slots.get(at) {
            if slot.value.is_vacant() || slot.id > id {
                return Err(at);
            }
            if slot.id == id {
                return Ok(at);
            }
            at += 1;
        }
        Err(at)
    }

    fn values(&self) -> impl Iterator<Item = &Slot<V>> + Clone {
        self.slots.iter().filter(|slot| !slot.value.is_vacant())
    }

    /// The slots to change, copied if a clone of the table still shares them.
    fn slots_mut(&mut self) -> &mut [Slot<V>] {
        Arc::make_mut(&mut self.slots)
    }

    /// The first vacant slot from `at` on.
    fn vacancy(&self, at: usize) -> Option<usize> {
        self.slots[at..].iter().position(|slot| slot.value.is_vacant()).map(|steps| at + steps)
    }

    /// Puts a slot where `find` said it belongs, moving the rest of its cluster one on into the vacancy behind it.
    fn insert(&mut self, at: usize, vacant: usize, slot: Slot<V>) {
        let slots = self.slots_mut();
        slots.copy_within(at..vacant, at + 1);
        slots[at] = slot;
        self.len += 1;
    }

    /// Empties a slot and moves back what had been pushed on by it.
    fn remove(&mut self, at: usize, shard_bits: u32) -> V {
        let homes = self.homes;
        let slots = self.slots_mut();
        let value = slots[at].value;
        let mut end = at + 1;
        while let Some(slot) = slots.get(end) {
            if slot.value.is_vacant() || Self::home(slot.id, shard_bits, homes) == end {
                break;
            }
            end += 1;
        }
        slots.copy_within(at + 1..end, at);
        slots[end - 1] = Self::EMPTY;
        self.len -= 1;
        value
    }

    /// Lays the values out anew with room for `room` of them.
    fn spread(&mut self, room: usize, shard_bits: u32) {
        *self = Self::of(self.values(), room, shard_bits);
    }

    /// A shard of values in ascending order of ids, with room for `room` of them.
    fn of<'a>(values: impl Iterator<Item = &'a Slot<V>> + Clone, room: usize, shard_bits: u32) -> Self
    where
        V: 'a,
    {
        let narrow =
            |count: usize| u32::try_from(count).expect("memory ends before four billion values of a shard");
        // Nine-tenths full at most: there a look-up takes five steps on average, mostly in one cache line or two.
        let homes = narrow(room + room / 9 + 1);
        let place = |slot: &Slot<V>, free: usize| Self::home(slot.id, shard_bits, homes).max(free);
        let end = values.clone().fold(0, |free, slot| place(slot, free) + 1);
        let spare = homes as usize / 64 + 8;
        let mut slots: Arc<[_]> = std::iter::repeat_n(Self::EMPTY, end.max(homes as usize) + spare).collect();
        let into = Arc::get_mut(&mut slots).expect("nobody else has it yet");
        let (mut free, mut len) = (0, 0);
        for slot in values {
            let at = place(slot, free);
            into[at] = *slot;
            (free, len) = (at + 1, len + 1);
        }
        Self { slots, homes, len: narrow(len), room: narrow(room) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Value for u32 {
        const VACANT: Self = 0;
        fn is_vacant(&self) -> bool {
            *self == 0
        }
    }

    fn contents(table: &Table<u32>) -> Vec<(u64, u32)> {
        table.iter().map(|slot| (slot.id.0, slot.value)).collect()
    }

    proptest! {
        /// Ids crowd at both ends of two shards, so that clusters form, run over the end and shrink again.
        #[test]
        fn behaves_like_a_map(steps in prop::collection::vec((0..4u8, 0..60u64, any::<bool>(), 1..9u32), 1..400)) {
            let mut table = Table::<u32>::new(2 * SHARD_VALUES);
            let mut map = BTreeMap::new();
            for (step, number, high, value) in steps {
                let id = if high { u64::MAX / 2 - 30 + number } else { number << 56 | number };
                match step {
                    0 | 1 => {
                        table.set(Id(id), value);
                        map.insert(id, value);
                    }
                    2 => prop_assert_eq!(table.remove(Id(id)), map.remove(&id)),
                    _ => {
                        let shard = table.shard_of(Id(id));
                        table.retain(shard, usize::MAX, |_, kept| kept != value);
                        map.retain(|&key, kept| table.shard_of(Id(key)) != shard || *kept != value);
                    }
                }
                prop_assert_eq!(table.get(Id(id)), map.get(&id));
                prop_assert_eq!(table.get_mut(Id(id)).copied(), map.get(&id).copied());
                prop_assert_eq!(table.len(), map.len());
                prop_assert_eq!(contents(&table), map.clone().into_iter().collect::<Vec<_>>());
                for &key in map.keys() {
                    prop_assert!(table.get(Id(key)).is_some());
                }
            }
        }
    }
}
