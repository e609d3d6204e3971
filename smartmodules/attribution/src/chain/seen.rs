//! What was seen before: every message once and for ever, and the versions of those that were edited or revised.
//!
//! This is what makes producers that repeat themselves harmless, so it must cover the whole history, not the TTL:
//! one bit for each of 64 neighbouring ids. A channel's ids have few gaps, which makes it a third of a byte a
//! message; alone in its block, a message takes 20 bytes. Versions take as much each and are bounded: the oldest
//! are forgotten in bulk.

use std::cmp::Ordering;

use super::Seen;
use super::chats::Id;
use super::table::{Table, Value};

/// Which of 64 neighbouring messages were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block(pub(super) u64);

impl Value for Block {
    const VACANT: Self = Self(0);
    fn is_vacant(&self) -> bool {
        self.0 == 0
    }
}

/// Blocks for which the table is cut into shards: half a billion messages. More only make the shards larger.
const EXPECTED_BLOCKS: usize = 1 << 23;

/// The newest version of a message. A message that is not in the table was never edited, never revised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    /// Its edit date, see [`edit_stamp`].
    pub(super) edit: u32,
    /// The revision it was last emitted with.
    pub(super) revision: u32,
}

impl Value for Version {
    const VACANT: Self = Self { edit: 0, revision: 0 };
    fn is_vacant(&self) -> bool {
        *self == Self::VACANT
    }
}

/// An edit date as it is compared and kept: 0 when there is none, and within 32 bits, as Telegram's dates are.
pub(super) fn edit_stamp(edit_date: Option<i64>) -> u32 {
    edit_date.map_or(0, |date| date.clamp(1, i64::from(u32::MAX)) as u32)
}

/// Everything seen, and the versions of what was edited or revised.
#[derive(Debug, Clone)]
pub(super) struct History {
    /// Every message seen, by [`Id::block`].
    pub(super) seen: Table<Block>,
    /// Versions are written here; when it is full it becomes `older`, and what was older is forgotten. Two
    /// generations are a queue without the cost of keeping one.
    pub(super) recent: Table<Version>,
    pub(super) older: Table<Version>,
    /// Versions a generation holds.
    capacity: usize,
    /// No forgotten version had a higher revision, so whatever is not known is taken to have had this one.
    pub(super) forgotten_revision: u32,
    /// Versions forgotten.
    pub(super) forgotten: u64,
}

impl History {
    /// Nothing seen yet; remembers `max_versions` versions.
    pub(super) fn new(max_versions: usize) -> Self {
        let capacity = (max_versions / 2).max(1);
        Self {
            seen: Table::new(EXPECTED_BLOCKS),
            recent: Table::new(capacity),
            older: Table::new(capacity),
            capacity,
            forgotten_revision: 0,
            forgotten: 0,
        }
    }

    /// Takes note of one version of a message; says what it is and, when it is news, under which revision it goes.
    pub(super) fn admit(&mut self, id: Id, edit: u32) -> (Seen, u32) {
        if self.mark(id) {
            if edit != 0 {
                self.write(id, Version { edit, revision: 0 });
            }
            return (Seen::New, 0);
        }
        let known = self.version(id);
        match edit.cmp(&known.edit) {
            Ordering::Equal => (Seen::Duplicate, known.revision),
            Ordering::Less => (Seen::Stale, known.revision),
            Ordering::Greater => {
                let revision = known.revision.saturating_add(1);
                self.write(id, Version { edit, revision });
                (Seen::Edit, revision)
            }
        }
    }

    /// The next revision of a message whose outcome changed without an edit.
    pub(super) fn revise(&mut self, id: Id) -> u32 {
        let known = self.version(id);
        let revision = known.revision.saturating_add(1);
        self.write(id, Version { revision, ..known });
        revision
    }

    /// Versions remembered.
    pub(super) fn versions(&self) -> usize {
        self.recent.len() + self.older.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.seen.bytes() + self.recent.bytes() + self.older.bytes()
    }

    /// Marks a message as seen; says whether it was not.
    fn mark(&mut self, id: Id) -> bool {
        let (block, bit) = id.block();
        let Some(seen) = self.seen.get_mut(block) else {
            self.seen.set(block, Block(bit));
            return true;
        };
        let is_new = seen.0 & bit == 0;
        seen.0 |= bit;
        is_new
    }

    fn version(&self, id: Id) -> Version {
        let known = self.recent.get(id).or_else(|| self.older.get(id));
        known.copied().unwrap_or(Version { edit: 0, revision: self.forgotten_revision })
    }

    fn write(&mut self, id: Id, version: Version) {
        if let Some(known) = self.recent.get_mut(id) {
            *known = version;
            return;
        }
        self.older.remove(id);
        if self.recent.len() >= self.capacity {
            self.turn();
        }
        self.recent.set(id, version);
    }

    fn turn(&mut self) {
        self.forgotten += self.older.len() as u64;
        let highest = self.older.iter().map(|slot| slot.value.revision).max();
        self.forgotten_revision = self.forgotten_revision.max(highest.unwrap_or(0));
        self.older = std::mem::replace(&mut self.recent, Table::new(self.capacity));
    }
}

#[cfg(test)]
mod tests {
    use super::super::chats::Chats;
    use super::*;

    #[test]
    fn a_version_is_news_once_and_only_forwards() {
        let mut chats = Chats::default();
        let mut history = History::new(100);
        let id = chats.id(1, 1);
        assert_eq!(history.admit(id, 0), (Seen::New, 0));
        assert_eq!(history.admit(id, 0), (Seen::Duplicate, 0));
        assert_eq!(history.admit(id, 5), (Seen::Edit, 1));
        assert_eq!(history.admit(id, 5), (Seen::Duplicate, 1));
        assert_eq!(history.admit(id, 4), (Seen::Stale, 1));
        assert_eq!(history.admit(id, 0), (Seen::Stale, 1));
        assert_eq!(history.revise(id), 2);
        assert_eq!(history.admit(id, 5), (Seen::Duplicate, 2));
        assert_eq!(history.admit(id, 6), (Seen::Edit, 3));
    }

    #[test]
    fn what_was_forgotten_comes_back_under_a_higher_revision() {
        let mut chats = Chats::default();
        let mut history = History::new(4);
        let ids: Vec<Id> = (0..10).map(|message| chats.id(1, message)).collect();
        for &id in &ids {
            assert_eq!(history.admit(id, 3), (Seen::New, 0));
            assert_eq!(history.revise(id), 1);
        }
        assert!(history.versions() <= 4);
        assert_eq!(history.forgotten, 10 - history.versions() as u64);
        assert_eq!(history.admit(ids[0], 3), (Seen::Edit, 2));
        assert_eq!(history.admit(ids[0], 3), (Seen::Duplicate, 2));
        assert_eq!(history.admit(ids[9], 3), (Seen::Duplicate, 1));
        assert_eq!(history.admit(ids[1], 0), (Seen::Duplicate, 1));
    }

    #[test]
    fn edit_dates_saturate() {
        let stamps = [None, Some(i64::MIN), Some(0), Some(5), Some(1 << 40), Some(i64::MAX)].map(edit_stamp);
        assert_eq!(stamps, [0, 1, 1, 5, u32::MAX, u32::MAX]);
    }
}
