//! The chain as bytes, so that it survives a restart.
//!
//! The body is coins, pages, blocks of messages seen, counts, versions, entries; entries in the order of their ids, a reply's
//! link with its entry. Where things lie in memory is no part of it, save the room that each shard has before it
//! is swept next, on which early eviction depends. Restored and written again, it gives the same bytes.

use std::io;

use super::chats::Id;
use super::codec::{Reader, VERSION, Writer};
use super::entries::{Entry, State};
use super::links::Link;
use super::seen::{Block, Version};
use super::table::{Slot, Table, Value};
use super::{Chain, ChainConfig, CoinRef};

/// Why bytes are not a usable checkpoint. The way out is always an older checkpoint, or none: the same state is
/// built by reading the input from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The bytes do not begin as a checkpoint does.
    #[error("not a checkpoint of the parent chain; use another one, or read the input from its start")]
    Foreign,
    /// Another release wrote it.
    #[error(
        "checkpoint of the parent chain has layout version {found} and this build reads {VERSION}; use the release \
         that wrote it, or read the input from its start"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// The bytes end early or run on.
    #[error(
        "checkpoint of the parent chain does not have the length it names; use an older one, or read the input \
         from its start"
    )]
    Length,
    /// The bytes were changed.
    #[error(
        "checkpoint of the parent chain does not match its checksum; use an older one, or read the input from its \
         start"
    )]
    Checksum,
    /// The bytes are as they were written but cannot be the state of a chain.
    #[error(
        "checkpoint of the parent chain contradicts itself ({what}); this is a bug in what wrote it: use an older \
         one, or read the input from its start"
    )]
    Contradiction {
        /// What cannot be.
        what: &'static str,
    },
}

fn ensure(holds: bool, what: &'static str) -> Result<(), CheckpointError> {
    if holds { Ok(()) } else { Err(CheckpointError::Contradiction { what }) }
}

/// What an entry's verdict is, as the layout has it.
const OWN: u8 = 0;
const REPLY: u8 = 1;
const TIED_REPLY: u8 = 2;

impl Chain {
    /// Writes the whole state to `out` in pieces of 64 KiB: about 16 bytes an entry, 35 for one that inherits or
    /// waits to, 16 for an edited message and for each block of 64 ids with a message ever seen.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn checkpoint(&self, out: impl io::Write) -> io::Result<()> {
        let mut out = Writer::new(out);
        self.write_names(&mut out)?;
        self.write_history(&mut out)?;
        self.write_entries(&mut out)?;
        out.finish()
    }

    /// The chain that wrote `bytes` with [`Chain::checkpoint`]. Under the same configuration it goes on exactly as
    /// that one would have; under another it keeps to the new limits from the next message on.
    ///
    /// # Errors
    /// A [`CheckpointError`] when the bytes are not exactly what was written.
    pub fn restore(config: ChainConfig, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut input = Reader::new(bytes)?;
        let mut chain = Self::new(config);
        chain.read_names(&mut input)?;
        chain.read_history(&mut input)?;
        chain.read_entries(&mut input)?;
        ensure(input.is_empty(), "it goes on behind its end")?;
        Ok(chain)
    }

    fn write_names<W: io::Write>(&self, out: &mut Writer<W>) -> io::Result<()> {
        out.count(self.coins.len())?;
        for coin in &self.coins {
            out.count(coin.len())?;
            out.bytes(coin.as_bytes())?;
        }
        let pages = self.chats.pages();
        out.count(pages.len())?;
        for (chat_id, upper, newest) in pages {
            out.i64(chat_id)?;
            out.u32(upper as u32)?;
            out.u32(newest)?;
        }
        Ok(())
    }

    fn read_names(&mut self, input: &mut Reader<'_>) -> Result<(), CheckpointError> {
        let coins = input.count()?;
        ensure(coins <= usize::from(u16::MAX), "too many coins")?;
        for number in 0..coins {
            let length = input.count()?;
            let coin = std::str::from_utf8(input.bytes(length)?).ok();
            let is_next = coin.is_some_and(|coin| self.intern(coin).index() == number);
            ensure(is_next, "a coin id twice or not in UTF-8")?;
        }
        for number in 0..input.count()? {
            let (chat_id, upper, newest) = (input.i64()?, input.u32()? as i32, input.u32()?);
            let page = self.chats.register(chat_id, upper);
            ensure(page as usize == number, "a chat twice or out of order")?;
            self.chats.set_newest(page, newest);
        }
        Ok(())
    }

    fn write_history<W: io::Write>(&self, out: &mut Writer<W>) -> io::Result<()> {
        out.count(self.history.seen.len())?;
        for slot in self.history.seen.iter() {
            out.u64(slot.id.0)?;
            out.u64(slot.value.0)?;
        }
        out.u32(self.history.forgotten_revision)?;
        out.u64(self.history.forgotten)?;
        for versions in [&self.history.recent, &self.history.older] {
            write_versions(versions, out)?;
        }
        Ok(())
    }

    fn read_history(&mut self, input: &mut Reader<'_>) -> Result<(), CheckpointError> {
        let pages = self.chats.pages().len();
        for _ in 0..input.count()? {
            let (id, block) = (read_id(pages, input)?, Block(input.u64()?));
            ensure(!block.is_vacant(), "a block without messages")?;
            self.history.seen.set(id, block);
        }
        self.history.forgotten_revision = input.u32()?;
        self.history.forgotten = input.u64()?;
        for versions in [&mut self.history.recent, &mut self.history.older] {
            read_versions(versions, pages, input)?;
        }
        Ok(())
    }

    fn write_entries<W: io::Write>(&self, out: &mut Writer<W>) -> io::Result<()> {
        for count in [self.entries.expired, self.entries.evicted, self.late_revisions] {
            out.u64(count)?;
        }
        let table = &self.entries.table;
        out.count(table.shards())?;
        for shard in 0..table.shards() {
            out.count(table.room(shard))?;
        }
        out.count(table.len())?;
        for slot in table.iter() {
            out.u64(slot.id.0)?;
            out.u32(slot.value.date())?;
            match slot.value.state() {
                State::Own(coin) => {
                    out.u8(OWN)?;
                    out.u16(number(coin))?;
                }
                State::Reply(link) => {
                    let link = self.links.get(link);
                    out.u8(if link.tie { TIED_REPLY } else { REPLY })?;
                    out.u16(number(link.coin))?;
                    out.u64(link.parent.0)?;
                    out.u64(link.offset)?;
                    out.u32(link.depth)?;
                }
            }
        }
        Ok(())
    }

    fn read_entries(&mut self, input: &mut Reader<'_>) -> Result<(), CheckpointError> {
        self.entries.expired = input.u64()?;
        self.entries.evicted = input.u64()?;
        self.late_revisions = input.u64()?;

        let mut rooms = Vec::new();
        for _ in 0..input.count()? {
            rooms.push(input.count()?);
        }
        let shards = self.entries.table.shards();
        // Under another limit the table is cut differently, and the rooms mean nothing.
        let room = |shard: usize| (rooms.len() == shards).then(|| rooms[shard]);

        let (mut shard, mut slots) = (0, Vec::<Slot<Entry>>::new());
        let mut previous = None;
        for _ in 0..input.count()? {
            let slot = self.read_entry(input)?;
            ensure(previous < Some(slot.id), "an entry twice or out of order")?;
            previous = Some(slot.id);
            while shard < self.entries.table.shard_of(slot.id) {
                self.entries.load(shard, &slots, room(shard));
                slots.clear();
                shard += 1;
            }
            slots.push(slot);
        }
        for shard in shard..shards {
            self.entries.load(shard, &slots, room(shard));
            slots.clear();
        }
        Ok(())
    }

    fn read_entry(&mut self, input: &mut Reader<'_>) -> Result<Slot<Entry>, CheckpointError> {
        let pages = self.chats.pages().len();
        let id = read_id(pages, input)?;
        let (date, verdict, coin) = (input.u32()?, input.u8()?, input.u16()?);
        ensure(usize::from(coin) <= self.coins.len(), "a coin that it does not name")?;
        let coin = CoinRef::from_number(coin);
        let state = match verdict {
            OWN => State::Own(coin),
            REPLY | TIED_REPLY => {
                let (parent, offset, depth) = (read_id(pages, input)?, input.u64()?, input.u32()?);
                let link = self.links.add(Link::new(id, parent, offset, verdict == TIED_REPLY));
                self.links.resolve(link, coin, depth);
                State::Reply(link)
            }
            _ => return Err(CheckpointError::Contradiction { what: "an unknown verdict" }),
        };
        Ok(Slot { id, value: Entry::new(date, state) })
    }
}

fn number(coin: Option<CoinRef>) -> u16 {
    coin.map_or(0, |coin| coin.0.get())
}

fn read_id(pages: usize, input: &mut Reader<'_>) -> Result<Id, CheckpointError> {
    let id = Id(input.u64()?);
    ensure(id.is_within(pages), "a message of a chat that it does not name")?;
    Ok(id)
}

fn write_versions<W: io::Write>(versions: &Table<Version>, out: &mut Writer<W>) -> io::Result<()> {
    out.count(versions.len())?;
    for slot in versions.iter() {
        out.u64(slot.id.0)?;
        out.u32(slot.value.edit)?;
        out.u32(slot.value.revision)?;
    }
    Ok(())
}

fn read_versions(
    versions: &mut Table<Version>,
    pages: usize,
    input: &mut Reader<'_>,
) -> Result<(), CheckpointError> {
    for _ in 0..input.count()? {
        let id = read_id(pages, input)?;
        let version = Version { edit: input.u32()?, revision: input.u32()? };
        ensure(!version.is_vacant(), "a version without edit and revision")?;
        versions.set(id, version);
    }
    Ok(())
}
