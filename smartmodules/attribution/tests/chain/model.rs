//! The slow obvious chain: keeps everything for ever in ordered maps, and after each message works out every
//! outcome anew by walking up the replies.
//!
//! What it shares with the real one is the rules alone, among them the one by which entries are evicted early.

use std::collections::{BTreeMap, BTreeSet};

use tickertape_attribution::chain::{Basis, ChainConfig, CoinRef, Node, Own, Resolved, Seen};

/// Chat and message id.
pub(crate) type Identity = (i64, i64);

struct Message {
    newest_version: Node,
    coin: Option<CoinRef>,
    depth: u32,
    /// Neither swept nor evicted.
    held: bool,
}

#[derive(Clone, Copy)]
struct Version {
    edit: Option<i64>,
    revision: u32,
}

pub(crate) struct Model {
    config: ChainConfig,
    messages: BTreeMap<Identity, Message>,
    /// Newest date by chat.
    now: BTreeMap<i64, i64>,
    /// Held entries at which the next sweep is due.
    room: usize,
    recent: BTreeMap<Identity, Version>,
    older: BTreeMap<Identity, Version>,
    forgotten_revision: u32,
}

fn within_32_bits(date: i64) -> i64 {
    date.clamp(0, i64::from(u32::MAX))
}

impl Model {
    pub(crate) fn new(config: ChainConfig) -> Self {
        Self {
            config,
            messages: BTreeMap::new(),
            now: BTreeMap::new(),
            room: 0,
            recent: BTreeMap::new(),
            older: BTreeMap::new(),
            forgotten_revision: 0,
        }
    }

    /// The message's own outcome, then the changed ones level by level, siblings by offset.
    pub(crate) fn observe(&mut self, node: &Node) -> (Seen, Vec<Resolved>) {
        let identity = (node.chat_id, node.message_id);
        let edit = node.edit_date.map(|date| within_32_bits(date).max(1));
        let known = self.version(identity);
        let seen = match self.messages.get(&identity) {
            None => Seen::New,
            Some(_) if edit > known.edit => Seen::Edit,
            Some(_) if edit == known.edit => return (Seen::Duplicate, Vec::new()),
            Some(_) => return (Seen::Stale, Vec::new()),
        };
        let revision = if seen == Seen::New { 0 } else { known.revision + 1 };
        if seen == Seen::Edit || edit.is_some() {
            self.write_version(identity, Version { edit, revision });
        }

        let now = self.now.entry(node.chat_id).or_default();
        *now = within_32_bits(node.date).max(*now);
        if !self.messages.get(&identity).is_some_and(|message| message.held) {
            self.make_room();
        }
        let coin = if let Own::Direct(coin) = node.own { Some(coin) } else { None };
        self.messages.insert(identity, Message { newest_version: *node, coin, depth: 0, held: true });

        let mut changed = self.work_out_everything(identity);
        changed.remove(&identity);
        let mut order = vec![identity];
        let mut out = vec![self.resolved(identity, revision)];
        let mut next = 0;
        while let Some(&parent) = order.get(next) {
            next += 1;
            let mut children: Vec<Identity> =
                changed.iter().copied().filter(|&child| self.parent(child) == Some(parent)).collect();
            children.sort_by_key(|child| self.messages[child].newest_version.offset);
            for child in children {
                let known = self.version(child);
                let version = Version { revision: known.revision + 1, ..known };
                self.write_version(child, version);
                out.push(self.resolved(child, version.revision));
                changed.remove(&child);
                order.push(child);
            }
        }
        assert!(changed.is_empty(), "only descendants change");
        (seen, out)
    }

    /// Every message with its outcome as it is now; revision 0.
    pub(crate) fn outcomes(&self) -> BTreeMap<Identity, Resolved> {
        self.messages.keys().map(|&identity| (identity, self.resolved(identity, 0))).collect()
    }

    /// The message that another asks for its coin.
    fn parent(&self, identity: Identity) -> Option<Identity> {
        let node = self.messages[&identity].newest_version;
        let asks = !matches!(node.own, Own::Direct(_));
        node.reply_to.filter(|&parent| asks && parent != identity)
    }

    pub(crate) fn is_usable(&self, identity: Identity) -> bool {
        self.messages.get(&identity).is_some_and(|message| message.held && !self.is_expired(message))
    }

    fn is_expired(&self, message: &Message) -> bool {
        let Node { date, chat_id, .. } = message.newest_version;
        within_32_bits(date) + self.config.ttl_seconds < self.now[&chat_id]
    }

    /// `arrived` is worked out whatever its age; every other message keeps what it has once it is past its TTL.
    fn work_out_everything(&mut self, arrived: Identity) -> BTreeSet<Identity> {
        let identities: Vec<Identity> = self.messages.keys().copied().collect();
        let outcomes: Vec<_> = identities.iter().map(|&identity| self.walk(identity, arrived)).collect();
        let mut changed = BTreeSet::new();
        for (identity, (coin, depth)) in identities.into_iter().zip(outcomes) {
            let message = self.messages.get_mut(&identity).expect("just listed");
            if (message.coin, message.depth) != (coin, depth) {
                (message.coin, message.depth) = (coin, depth);
                changed.insert(identity);
            }
        }
        changed
    }

    fn walk(&self, start: Identity, arrived: Identity) -> (Option<CoinRef>, u32) {
        let mut passed = BTreeSet::new();
        let mut at = start;
        loop {
            if !passed.insert(at) {
                return (None, 0);
            }
            match self.parent(at) {
                Some(parent) if (at == arrived || self.is_usable(at)) && self.is_usable(parent) => {
                    at = parent
                }
                _ => break,
            }
        }
        // Here the walk ends: at a message that stands for itself, or at one whose parent is unknown or past and
        // which keeps what it had.
        let end = &self.messages[&at];
        let steps = passed.len() as u32 - 1;
        (end.coin, if end.coin.is_some() { end.depth + steps } else { 0 })
    }

    fn resolved(&self, (chat_id, message_id): Identity, revision: u32) -> Resolved {
        let Message { newest_version, coin, depth, .. } = self.messages[&(chat_id, message_id)];
        let basis = match (newest_version.own, coin) {
            (Own::Direct(_), _) => Basis::Direct,
            (_, Some(_)) => Basis::Inherited,
            (Own::Tie, None) => Basis::Tie,
            (Own::None, None) => Basis::None,
        };
        Resolved { chat_id, message_id, offset: newest_version.offset, coin, basis, depth, revision }
    }

    fn make_room(&mut self) {
        if self.messages.values().filter(|message| message.held).count() < self.room {
            return;
        }
        let limit = self.config.max_entries;
        let ages: BTreeMap<Identity, Option<i64>> = self
            .messages
            .iter()
            .filter(|(_, message)| message.held)
            .map(|(&identity, message)| {
                let age = self.now[&identity.0] - within_32_bits(message.newest_version.date);
                (identity, (!self.is_expired(message)).then_some(age))
            })
            .collect();
        let mut live: Vec<i64> = ages.values().flatten().copied().collect();
        live.sort_unstable();
        let too_old = live.get(limit * 9 / 10).copied().unwrap_or(i64::MAX);
        let mut kept = 0;
        for (identity, age) in ages {
            let keep = age.is_some_and(|age| age < too_old);
            self.messages.get_mut(&identity).expect("just listed").held = keep;
            kept += usize::from(keep);
        }
        self.room = (kept + kept / 5 + 8).min(limit);
    }

    fn version(&self, identity: Identity) -> Version {
        let known = self.recent.get(&identity).or_else(|| self.older.get(&identity));
        known.copied().unwrap_or(Version { edit: None, revision: self.forgotten_revision })
    }

    fn write_version(&mut self, identity: Identity, version: Version) {
        if !self.recent.contains_key(&identity) {
            self.older.remove(&identity);
            if self.recent.len() >= (self.config.max_entries / 8).max(1) {
                let highest = self.older.values().map(|version| version.revision).max().unwrap_or(0);
                self.forgotten_revision = self.forgotten_revision.max(highest);
                self.older = std::mem::take(&mut self.recent);
            }
        }
        self.recent.insert(identity, version);
    }
}
