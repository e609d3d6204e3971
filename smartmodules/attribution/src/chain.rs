//! The parent chain: what each message is attributed to, given its own verdict and the message it replies to.
//!
//! A pure state machine over one stream of messages. It must never ask a clock, a file or an iteration order: the
//! same messages in the same order give the same outcomes, through any number of restarts. The rules are those of
//! the attribution rules' sections 4 and 5:
//!
//! - a message whose own text settles on a coin is direct; every other one inherits from the nearest ancestor that
//!   has a coin, up its chain of replies;
//! - an ancestor counts for [`ChainConfig::ttl_seconds`] after its own date, by the newest date of its own chat;
//! - a message whose outcome changes after it was emitted, because it was edited or because an ancestor arrived
//!   late or was edited, is emitted again with a higher revision. After its TTL nothing of it changes any more, save
//!   by its own edit;
//! - a circle of replies without a coin of its own gives none;
//! - each version of a message counts once in the whole history, however often it is delivered.
//!
//! ```
//! use tickertape_attribution::chain::{Basis, Chain, ChainConfig, Node, Own};
//!
//! let mut chain = Chain::new(ChainConfig::default());
//! let bitcoin = chain.intern("bitcoin");
//! let question = Node { chat_id: 1, message_id: 10, date: 1_600_000_000, own: Own::Direct(bitcoin), ..Node::default() };
//! let answer = Node { message_id: 11, reply_to: Some((1, 10)), own: Own::None, offset: 1, ..question };
//!
//! let mut out = Vec::new();
//! chain.observe(&answer, &mut out); // the answer comes first, and nothing is known of its parent
//! assert_eq!((out.len(), out[0].coin, out[0].revision), (1, None, 0));
//!
//! chain.observe(&question, &mut out); // so it is emitted again, behind the message that brought the news
//! assert_eq!((out[1].message_id, out[1].basis, out[1].revision), (11, Basis::Inherited, 1));
//! assert_eq!(chain.coin_id(out[1].coin.expect("inherited")), "bitcoin");
//! ```

use std::num::NonZeroU16;

use hashbrown::HashMap;

mod chats;
mod checkpoint;
mod codec;
mod entries;
mod links;
mod seen;
mod table;

pub use checkpoint::CheckpointError;

use chats::{Chats, Id};
use entries::{Entries, Entry, State, date_stamp};
use links::{Link, Links};
use seen::{History, edit_stamp};

/// How long and how much the chain remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainConfig {
    /// Seconds for which a message can be inherited from, counted from its own date.
    pub ttl_seconds: i64,
    /// Messages held at most; beyond it the oldest are evicted early. With all that belongs to it a message takes
    /// about 27 bytes. At most a quarter as many versions of edited and revised messages are held, 20 bytes each.
    pub max_entries: usize,
}

impl Default for ChainConfig {
    /// 8 days, as the attribution rules' section 5 has it, and room for eight million messages.
    fn default() -> Self {
        Self { ttl_seconds: 8 * 24 * 60 * 60, max_entries: 8_000_000 }
    }
}

/// A coin, by the number under which [`Chain::intern`] keeps its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CoinRef(NonZeroU16);

impl CoinRef {
    fn from_number(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }

    fn index(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

/// What a message's own text says, by the attribution rules' section 4, steps 1 and 2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Own {
    /// One coin is mentioned most.
    Direct(CoinRef),
    /// Several coins are mentioned equally often.
    Tie,
    /// No coin is mentioned.
    #[default]
    None,
}

/// One version of one message, as the chain sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Node {
    /// The message's chat.
    pub chat_id: i64,
    /// Its id within the chat. Any value works; those from 0 to 2^32 - 1 take the least memory.
    pub message_id: i64,
    /// When it was sent, Unix seconds. Out of 32 bits is taken as the nearest that fits.
    pub date: i64,
    /// When this version was made, Unix seconds, as [`Node::date`]; none for a message never edited.
    pub edit_date: Option<i64>,
    /// Chat and id of the message it replies to.
    pub reply_to: Option<(i64, i64)>,
    /// What its own text says.
    pub own: Own,
    /// Input offset of this version, handed back with every outcome of it so that its record can be read again.
    pub offset: u64,
}

/// How a message got its coin, or why it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// Its own text says so.
    Direct,
    /// The nearest ancestor with a coin says so.
    Inherited,
    /// Its own text is undecided, and no ancestor has a coin.
    Tie,
    /// Its own text mentions none, and no ancestor has a coin.
    None,
}

/// The outcome of one message, new or revised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The message's chat.
    pub chat_id: i64,
    /// Its id within the chat.
    pub message_id: i64,
    /// Input offset of its newest version.
    pub offset: u64,
    /// The coin; none unless `basis` is direct or inherited.
    pub coin: Option<CoinRef>,
    /// How the coin was found.
    pub basis: Basis,
    /// Steps up to the message that mentions the coin; 0 unless `basis` is inherited.
    pub depth: u32,
    /// 0 at first, and higher each time the message is emitted again. Not always by one.
    pub revision: u32,
}

/// What an observed version was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seen {
    /// The message was not known.
    New,
    /// The message was known by an older version.
    Edit,
    /// This very version was known.
    Duplicate,
    /// A newer version was known.
    Stale,
}

/// What a later reply inherits from a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its coin, its own or inherited.
    pub coin: Option<CoinRef>,
    /// Steps up from it to the message that mentions the coin.
    pub depth: u32,
}

/// Sizes and counts, for metrics. Counts run on through restarts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages held, expired ones included until they are swept out.
    pub entries: usize,
    /// Those of them that inherit, or wait to.
    pub links: usize,
    /// Versions of edited and revised messages held.
    pub versions: usize,
    /// Memory taken, as allocated.
    pub bytes: usize,
    /// Messages swept out after their TTL.
    pub expired: u64,
    /// Messages dropped within their TTL, because there were too many.
    pub evicted: u64,
    /// Versions forgotten, because there were too many: such a version is an edit when it is delivered again.
    pub forgotten_versions: u64,
    /// Outcomes emitted again because an ancestor arrived or changed.
    pub late_revisions: u64,
}

/// The state machine. See the [module](self).
///
/// A clone is a snapshot: made within a millisecond for any number of messages, it shares all but the chats with the
/// original, and what either changes afterwards is copied then, some 60 KB at a time.
#[derive(Debug, Clone)]
pub struct Chain {
    coins: Vec<Box<str>>,
    coin_numbers: HashMap<Box<str>, CoinRef>,
    chats: Chats,
    history: History,
    entries: Entries,
    links: Links,
    late_revisions: u64,
}

impl Chain {
    /// A chain that has seen nothing.
    pub fn new(config: ChainConfig) -> Self {
        Self {
            coins: Vec::new(),
            coin_numbers: HashMap::new(),
            chats: Chats::default(),
            history: History::new(config.max_entries / 4),
            entries: Entries::new(&config),
            links: Links::new(config.max_entries),
            late_revisions: 0,
        }
    }

    /// The number of a coin id, the same each time and after a restart.
    ///
    /// # Panics
    /// At the 65,536th different id. CoinGecko lists fewer than 20,000 coins.
    pub fn intern(&mut self, coin_id: &str) -> CoinRef {
        if let Some(&coin) = self.coin_numbers.get(coin_id) {
            return coin;
        }
        let number = u16::try_from(self.coins.len() + 1).ok().and_then(CoinRef::from_number);
        let coin = number.expect("a chain holds at most 65,535 different coin ids");
        self.coins.push(coin_id.into());
        self.coin_numbers.insert(coin_id.into(), coin);
        coin
    }

    /// The id of a coin that this chain interned.
    ///
    /// # Panics
    /// If another chain did.
    pub fn coin_id(&self, coin: CoinRef) -> &str {
        &self.coins[coin.index()]
    }

    /// Takes the next message of the stream.
    ///
    /// Empties `out` and fills it with the outcomes that follow: first the message's own, then those of its
    /// descendants that changed, level by level, siblings in the order of their offsets. Nothing for a version that
    /// was known.
    pub fn observe(&mut self, node: &Node, out: &mut Vec<Resolved>) -> Seen {
        out.clear();
        let id = self.chats.id(node.chat_id, node.message_id);
        let (seen, revision) = self.history.admit(id, edit_stamp(node.edit_date));
        if matches!(seen, Seen::Duplicate | Seen::Stale) {
            return seen;
        }
        let date = date_stamp(node.date);
        self.chats.advance(id, date);
        if seen == Seen::Edit
            && let Some(link) = self.entries.link(id)
        {
            self.links.remove(link);
        }

        let state = self.link_up(id, node);
        self.entries.set(id, Entry::new(date, state), &self.chats, &mut self.links);
        let known = match state {
            State::Own(coin) => Known { coin, depth: 0 },
            State::Reply(link) => {
                let known = self.inherit(id, self.links.get(link).parent);
                self.links.resolve(link, known.coin, known.depth);
                known
            }
        };

        let basis = match (node.own, known.coin) {
            (Own::Direct(_), _) => Basis::Direct,
            (_, Some(_)) => Basis::Inherited,
            (Own::Tie, None) => Basis::Tie,
            (Own::None, None) => Basis::None,
        };
        let Node { chat_id, message_id, offset, .. } = *node;
        out.push(Resolved {
            chat_id,
            message_id,
            offset,
            coin: known.coin,
            basis,
            depth: known.depth,
            revision,
        });
        if self.links.has_children(id) {
            self.revise_descendants(id, out);
        }
        seen
    }

    /// What a reply to this message would inherit from it now; none if the message is unknown, expired or evicted.
    pub fn lookup(&self, chat_id: i64, message_id: i64) -> Option<Known> {
        self.known(self.chats.find(chat_id, message_id)?)
    }

    /// Messages dropped within their TTL, because there were too many: [`Stats::evicted`] alone, at no cost.
    pub fn evicted(&self) -> u64 {
        self.entries.evicted
    }

    /// Sizes and counts, as of now. Goes through all shards.
    pub fn stats(&self) -> Stats {
        let bytes =
            self.chats.bytes() + self.history.bytes() + self.entries.table.bytes() + self.links.bytes();
        Stats {
            entries: self.entries.table.len(),
            links: self.links.len(),
            versions: self.history.versions(),
            bytes,
            expired: self.entries.expired,
            evicted: self.entries.evicted,
            forgotten_versions: self.history.forgotten,
            late_revisions: self.late_revisions,
        }
    }

    /// Decides whether the message asks a parent, and links it to that parent if so.
    fn link_up(&mut self, id: Id, node: &Node) -> State {
        let tie = match node.own {
            Own::Direct(coin) => return State::Own(Some(coin)),
            Own::Tie => true,
            Own::None => false,
        };
        let parent = node.reply_to.map(|(chat_id, message_id)| self.chats.id(chat_id, message_id));
        match parent {
            Some(parent) if parent != id => {
                State::Reply(self.links.add(Link::new(id, parent, node.offset, tie)))
            }
            _ => State::Own(None),
        }
    }

    fn known(&self, id: Id) -> Option<Known> {
        Some(match self.entries.usable(id, &self.chats)? {
            State::Own(coin) => Known { coin, depth: 0 },
            State::Reply(link) => {
                let link = self.links.get(link);
                Known { coin: link.coin, depth: link.depth }
            }
        })
    }

    /// What a message gets from its parent: one look-up, as the parent keeps what it got itself.
    fn inherit(&self, id: Id, parent: Id) -> Known {
        match self.known(parent) {
            Some(Known { coin: Some(coin), depth }) if !self.leads_to(parent, depth, id) => {
                Known { coin: Some(coin), depth: depth.saturating_add(1) }
            }
            _ => Known { coin: None, depth: 0 },
        }
    }

    /// Whether the chain of replies from `start` up to the coin, so many `steps` away, comes past `id`: then what
    /// `start` holds came from `id` itself, before its edit, and must not go round.
    fn leads_to(&self, start: Id, steps: u32, id: Id) -> bool {
        // Most messages are nobody's parent yet.
        if !self.links.has_children(id) {
            return false;
        }
        let mut at = start;
        for _ in 0..steps {
            let Some(State::Reply(link)) = self.entries.usable(at, &self.chats) else { return false };
            at = self.links.get(link).parent;
            if at == id {
                return self.entries.usable(id, &self.chats).is_some();
            }
        }
        false
    }

    /// Hands what `id` has now down to its children, and on from each that it changes.
    ///
    /// Comes to an end because every message has one parent: only `id` itself could be met again, and a circle
    /// through `id` was given none by `leads_to`.
    fn revise_descendants(&mut self, id: Id, out: &mut Vec<Resolved>) {
        let mut parents = vec![id];
        let mut next = 0;
        while let Some(&parent) = parents.get(next) {
            next += 1;
            let Some(known) = self.known(parent) else { continue };
            let coin = known.coin;
            let depth = if coin.is_some() { known.depth.saturating_add(1) } else { 0 };
            let mut changed: Vec<_> = self
                .links
                .children(parent)
                .filter(|(_, link)| (link.coin, link.depth) != (coin, depth))
                .filter(|(_, link)| self.entries.usable(link.child, &self.chats).is_some())
                .map(|(index, link)| (link.offset, link.child, link.tie, index))
                .collect();
            changed.sort_unstable_by_key(|&(offset, child, ..)| (offset, child));
            for (offset, child, tie, link) in changed {
                self.links.resolve(link, coin, depth);
                let (chat_id, message_id) = self.chats.identity(child);
                let basis = match coin {
                    Some(_) => Basis::Inherited,
                    None if tie => Basis::Tie,
                    None => Basis::None,
                };
                let revision = self.history.revise(child);
                out.push(Resolved { chat_id, message_id, offset, coin, basis, depth, revision });
                self.late_revisions += 1;
                parents.push(child);
            }
        }
    }
}
