//! The messages that replies can still inherit from, sixteen bytes each.
//!
//! An entry is usable for the TTL after its own date, by the newest date of its own chat. An expired entry
//! answers as if it were absent from that moment on; when it is swept out is nobody's business.

use super::chats::{Chats, Id};
use super::links::{LinkRef, Links};
use super::table::{Slot, Table, Value, room_for};
use super::{ChainConfig, CoinRef};

/// A date as it is compared and kept: Unix seconds within 32 bits, which hold until 2106. Telegram's are 31 bits.
pub(super) fn date_stamp(date: i64) -> u32 {
    date.clamp(0, i64::from(u32::MAX)) as u32
}

/// What an entry says of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The message stands for itself: the coin of its own text, or none and no reply to ask.
    Own(Option<CoinRef>),
    /// The message asks the one it replies to; the link holds the answer.
    Reply(LinkRef),
}

/// A date and a packed [`State`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    date: u32,
    /// 0 in an empty slot; `OWN` and a coin's number or 0; `REPLY` and a link's number.
    state: u32,
}

const REPLY: u32 = 1 << 31;
const OWN: u32 = 1 << 30;

impl Value for Entry {
    const VACANT: Self = Self { date: 0, state: 0 };
    fn is_vacant(&self) -> bool {
        self.state == 0
    }
}

impl Entry {
    pub(super) fn new(date: u32, state: State) -> Self {
        let state = match state {
            State::Own(coin) => OWN | coin.map_or(0, |coin| u32::from(coin.0.get())),
            State::Reply(link) => REPLY | link.0,
        };
        Self { date, state }
    }

    pub(super) fn date(self) -> u32 {
        self.date
    }

    pub(super) fn state(self) -> State {
        if self.state & REPLY != 0 {
            State::Reply(LinkRef(self.state & !REPLY))
        } else {
            State::Own(CoinRef::from_number(self.state as u16))
        }
    }
}

/// All entries, expired ones included until their shard is swept.
#[derive(Debug, Clone)]
pub(super) struct Entries {
    pub(super) table: Table<Entry>,
    ttl: u32,
    /// Most entries in one shard: entries scatter evenly, so this bounds them all without a common count.
    pub(super) shard_limit: usize,
    /// Entries swept out after their TTL.
    pub(super) expired: u64,
    /// Entries dropped within their TTL for want of room.
    pub(super) evicted: u64,
}

impl Entries {
    pub(super) fn new(config: &ChainConfig) -> Self {
        let table = Table::new(config.max_entries);
        let shard_limit = config.max_entries.div_ceil(table.shards()).max(1);
        Self { table, ttl: date_stamp(config.ttl_seconds), shard_limit, expired: 0, evicted: 0 }
    }

    /// What is said of a message within its TTL.
    pub(super) fn usable(&self, id: Id, chats: &Chats) -> Option<State> {
        let entry = self.table.get(id)?;
        (entry.date.saturating_add(self.ttl) >= chats.newest(id)).then(|| entry.state())
    }

    /// The link of a message, within its TTL or not.
    pub(super) fn link(&self, id: Id) -> Option<LinkRef> {
        match self.table.get(id)?.state() {
            State::Reply(link) => Some(link),
            State::Own(_) => None,
        }
    }

    /// Sets a message's entry. A new one may sweep its shard, and takes the links of what is swept with it.
    pub(super) fn set(&mut self, id: Id, entry: Entry, chats: &Chats, links: &mut Links) {
        let shard = self.table.shard_of(id);
        if self.table.is_full(shard) && self.table.get(id).is_none() {
            self.sweep(shard, chats, links);
        }
        self.table.set(id, entry);
    }

    /// Drops a shard's expired entries. When nine-tenths of its limit are left even so, drops the oldest until they
    /// are not, and those as old as the youngest dropped, so that nothing but age decides.
    fn sweep(&mut self, shard: usize, chats: &Chats, links: &mut Links) {
        let ttl = self.ttl;
        // Age by the chat's own time: of two chats read at once, one may be years behind the other.
        let age = |id: Id, entry: &Entry| chats.newest(id).saturating_sub(entry.date);
        let is_expired = |id: Id, entry: &Entry| entry.date.saturating_add(ttl) < chats.newest(id);

        let keep = self.shard_limit * 9 / 10;
        let mut too_old = None;
        if self.table.room(shard) > keep {
            let slots = self.table.shard(shard).filter(|slot| !is_expired(slot.id, &slot.value));
            let mut ages: Vec<u32> = slots.map(|slot| age(slot.id, &slot.value)).collect();
            if ages.len() > keep {
                too_old = Some(*ages.select_nth_unstable(keep).1);
            }
        }
        let (mut expired, mut evicted) = (0, 0);
        self.table.retain(shard, self.shard_limit, |id, entry| {
            if is_expired(id, &entry) {
                expired += 1;
            } else if too_old.is_some_and(|too_old| age(id, &entry) >= too_old) {
                evicted += 1;
            } else {
                return true;
            }
            if let State::Reply(link) = entry.state() {
                links.remove(link);
            }
            false
        });
        self.expired += expired;
        self.evicted += evicted;
    }

    /// Fills an empty shard after a restart, with the room it had, where that is known.
    pub(super) fn load(&mut self, shard: usize, slots: &[Slot<Entry>], room: Option<usize>) {
        let room = room.unwrap_or_else(|| room_for(slots.len()));
        self.table.load(shard, slots, room.min(self.shard_limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_sixteen_bytes_and_holds_every_state() {
        assert_eq!(size_of::<Slot<Entry>>(), 16);
        for coin in [None, CoinRef::from_number(1), CoinRef::from_number(u16::MAX)] {
            let entry = Entry::new(7, State::Own(coin));
            assert!(!entry.is_vacant());
            assert_eq!((entry.date(), entry.state()), (7, State::Own(coin)));
        }
        for link in [0, 1, 1 << 30, LinkRef::MAX] {
            let entry = Entry::new(u32::MAX, State::Reply(LinkRef(link)));
            assert!(!entry.is_vacant());
            assert_eq!((entry.date(), entry.state()), (u32::MAX, State::Reply(LinkRef(link))));
        }
    }
}
