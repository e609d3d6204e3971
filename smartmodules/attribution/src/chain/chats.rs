//! Identities and event time: a message's (chat, id) packed into one scrambled word, and each chat's newest date.
//!
//! Must never let one chat's date touch another's: an import reads a 2021 chat before a 2018 one.

use hashbrown::HashMap;

/// A message's identity: its page (see [`Chats`]) and the low half of its id, scrambled by a bijection.
///
/// Being scrambled it is its own hash, in whose order the tables lie; being a bijection it can be read back, so
/// that no table stores both a key and a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(pub(super) u64);

// The multiplier of Jon Maiga's xmx mixers; all shifts are 32, so that each step undoes itself.
const MULTIPLIER: u64 = 0x0e98_46af_9b1a_615d;
const INVERSE: u64 = inverse(MULTIPLIER);

/// The inverse of an odd number modulo 2^64: each Newton step doubles the number of correct low bits.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut correct_bits = 3;
    while correct_bits < 64 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        correct_bits *= 2;
    }
    inverse
}

impl Id {
    fn pack(page: u32, low: u32) -> Self {
        let mut word = u64::from(page) << 32 | u64::from(low);
        word = (word ^ word >> 32).wrapping_mul(MULTIPLIER);
        word = (word ^ word >> 32).wrapping_mul(MULTIPLIER);
        Self(word ^ word >> 32)
    }

    /// The page and the low half of the message id.
    pub(super) fn unpack(self) -> (u32, u32) {
        let mut word = (self.0 ^ self.0 >> 32).wrapping_mul(INVERSE);
        word = (word ^ word >> 32).wrapping_mul(INVERSE);
        word ^= word >> 32;
        ((word >> 32) as u32, word as u32)
    }

    /// The block of 64 neighbouring ids that this one is in, as an identity of its own kind, and its bit there.
    pub(super) fn block(self) -> (Self, u64) {
        let (page, low) = self.unpack();
        (Self::pack(page, low / 64), 1 << (low % 64))
    }

    /// Only identities whose page exists are valid; anything can come out of a checkpoint.
    pub(super) fn is_within(self, pages: usize) -> bool {
        (self.unpack().0 as usize) < pages
    }
}

/// All chats seen or replied to, split into pages of 2^32 message ids.
///
/// Telegram's ids are below 2^31, so a chat is one page; a source with wider or negative ids gets a page for each
/// distinct upper half, and everything else works alike.
#[derive(Debug, Clone, Default)]
pub(super) struct Chats {
    pages: Vec<Page>,
    numbers: HashMap<(i64, i32), u32>,
}

#[derive(Debug, Clone)]
struct Page {
    chat_id: i64,
    /// The upper half of the message ids of this page.
    upper: i32,
    /// The chat's page 0, which keeps the chat's newest date.
    home: u32,
    newest: u32,
}

/// Splits a message id into the upper half, which names the page, and the lower, which is kept in it.
fn halves(message_id: i64) -> (i32, u32) {
    ((message_id >> 32) as i32, message_id as u32)
}

impl Chats {
    /// The identity of a message, registering its chat at first sight.
    pub(super) fn id(&mut self, chat_id: i64, message_id: i64) -> Id {
        let (upper, low) = halves(message_id);
        Id::pack(self.register(chat_id, upper), low)
    }

    /// The identity of a message if its chat is registered.
    pub(super) fn find(&self, chat_id: i64, message_id: i64) -> Option<Id> {
        let (upper, low) = halves(message_id);
        self.numbers.get(&(chat_id, upper)).map(|&page| Id::pack(page, low))
    }

    /// The page of a chat and an upper half, made at first sight, after the chat's page 0.
    pub(super) fn register(&mut self, chat_id: i64, upper: i32) -> u32 {
        if let Some(&page) = self.numbers.get(&(chat_id, upper)) {
            return page;
        }
        let home = (upper != 0).then(|| self.register(chat_id, 0));
        let page = u32::try_from(self.pages.len()).expect("memory ends before four billion pages");
        self.pages.push(Page { chat_id, upper, home: home.unwrap_or(page), newest: 0 });
        self.numbers.insert((chat_id, upper), page);
        page
    }

    /// The chat and message id that `id` stands for.
    pub(super) fn identity(&self, id: Id) -> (i64, i64) {
        let (page, low) = id.unpack();
        let page = &self.pages[page as usize];
        (page.chat_id, i64::from(page.upper) << 32 | i64::from(low))
    }

    /// The newest date seen in the message's chat, which is "now" for every message of that chat.
    pub(super) fn newest(&self, id: Id) -> u32 {
        let page = &self.pages[id.unpack().0 as usize];
        if page.upper == 0 { page.newest } else { self.pages[page.home as usize].newest }
    }

    /// Takes note of a date seen in the message's chat.
    pub(super) fn advance(&mut self, id: Id, date: u32) {
        let home = self.pages[id.unpack().0 as usize].home;
        let newest = &mut self.pages[home as usize].newest;
        *newest = date.max(*newest);
    }

    /// Chat, upper half and newest date of every page, in the order in which they were registered.
    pub(super) fn pages(&self) -> impl ExactSizeIterator<Item = (i64, i32, u32)> {
        self.pages.iter().map(|page| (page.chat_id, page.upper, page.newest))
    }

    /// Sets what [`Chats::pages`] gave, after a restart.
    pub(super) fn set_newest(&mut self, page: u32, newest: u32) {
        self.pages[page as usize].newest = newest;
    }

    pub(super) fn bytes(&self) -> usize {
        self.pages.capacity() * size_of::<Page>() + self.numbers.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_read_back_whatever_the_ids_are() {
        let mut chats = Chats::default();
        let odd = [0, 1, -1, 7, i64::from(u32::MAX), i64::from(u32::MAX) + 1, -1 << 32, i64::MIN, i64::MAX];
        for chat_id in odd {
            for message_id in odd {
                let id = chats.id(chat_id, message_id);
                assert_eq!(chats.identity(id), (chat_id, message_id));
                assert_eq!(chats.find(chat_id, message_id), Some(id));
            }
        }
        assert_eq!(chats.find(5, 1), None);
    }

    #[test]
    fn a_chat_has_one_newest_date_across_its_pages_and_shares_it_with_nobody() {
        let mut chats = Chats::default();
        let (narrow, wide, other) = (chats.id(1, 1), chats.id(1, 1 << 40), chats.id(2, 1));
        chats.advance(wide, 9);
        chats.advance(narrow, 4);
        assert_eq!((chats.newest(narrow), chats.newest(wide), chats.newest(other)), (9, 9, 0));
    }
}
