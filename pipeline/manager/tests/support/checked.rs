//! The manager's state beside a make-believe database, checked after every step.
#![allow(dead_code, reason = "each of the programs that share this uses a part of it")]
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};

use tickertape_manager::Options;
use tickertape_manager::decide::{
    Account, Changes, Channel, ChannelState, Event, Number, Open, SourceCount, State, Stored, Wish,
};
use tickertape_manager::relevance::Verdict;
use tickertape_records::{Action, Instruction};

use crate::world::Said;

/// What the store would hold.
#[derive(Default)]
struct Disk {
    accounts: BTreeMap<String, Account>,
    channels: BTreeMap<Number, Channel>,
    sources: BTreeMap<i64, SourceCount>,
    open: BTreeMap<Number, Open>,
}

pub struct Checked {
    pub state: State,
    options: Options,
    disk: Disk,
    issued: Number,
    closed: BTreeSet<Number>,
    joins: BTreeMap<(String, i64), u32>,
    last_join: BTreeMap<String, i64>,
    /// How often each way between states was taken, and each thing was told.
    pub taken: BTreeMap<(ChannelState, ChannelState), u64>,
    pub told: BTreeMap<&'static str, u64>,
    pub most_joins: u32,
    pub joins_total: u64,
    pub decisions: u64,
    pub steps: u64,
}

impl Checked {
    pub fn new(options: Options) -> Self {
        Self {
            state: State::new(options.clone(), Stored::default()),
            options,
            disk: Disk::default(),
            issued: 0,
            closed: BTreeSet::new(),
            joins: BTreeMap::new(),
            last_join: BTreeMap::new(),
            taken: BTreeMap::new(),
            told: BTreeMap::new(),
            most_joins: 0,
            joins_total: 0,
            decisions: 0,
            steps: 0,
        }
    }

    /// Takes in a record.
    pub fn observe(&mut self, said: Said, now: i64) {
        let event = match said {
            Said::Client(report) => Event::Report(report),
            Said::Channel(seen) => Event::Observed(seen),
            Said::Link(link) => {
                let verdict = link.preview.as_ref().filter(|preview| preview.unavailable.is_none());
                let verdict = verdict.map(|preview| {
                    let relevant = preview.about.as_deref() == Some("Bitcoin first");
                    let score = if relevant { 1.0 } else { 0.0 };
                    Verdict { relevant, score, language: None, reasons: vec!["weighed".into()] }
                });
                Event::Linked(link, verdict)
            }
        };
        self.state.observe(event, now);
        let issued = self.keep();
        assert!(issued.is_empty(), "only a tick gives instructions");
    }

    pub fn wish(&mut self, wish: &Wish, now: i64) {
        self.state.wish(wish, now);
        self.keep();
    }

    pub fn event(&mut self, event: Event, now: i64) {
        self.state.observe(event, now);
        self.keep();
    }

    /// Decides; returns what is to be sent.
    pub fn tick(&mut self, now: i64) -> Vec<Instruction> {
        self.state.tick(now);
        self.keep()
    }

    /// Asks again at the same moment, which must change nothing.
    pub fn tick_again(&mut self, now: i64) {
        self.state.tick(now);
        let changes = self.state.take_changes();
        assert!(
            changes.issued.is_empty() && changes.transitions.is_empty() && changes.closed.is_empty(),
            "a second tick decided more: {changes:?}"
        );
        assert!(changes.channels.is_empty() && changes.accounts.is_empty(), "{changes:?}");
    }

    /// Forgets all that is not stored.
    pub fn crash(&mut self) {
        let (next_channel, next_instruction) = self.state.next_numbers();
        let stored = Stored {
            now: self.state.now(),
            next_channel,
            next_instruction,
            accounts: self.disk.accounts.values().cloned().collect(),
            channels: self.disk.channels.values().cloned().collect(),
            open: self.disk.open.values().cloned().collect(),
            sources: self.disk.sources.clone().into_iter().collect(),
        };
        self.state = State::new(self.options.clone(), stored);
        assert_eq!(self.state.accounts(), &self.disk.accounts);
        assert_eq!(self.state.channels(), &self.disk.channels);
        assert_eq!(self.state.open(), &self.disk.open);
    }

    fn keep(&mut self) -> Vec<Instruction> {
        let changes = self.state.take_changes();
        self.steps += 1;
        self.decisions += (changes.transitions.len() + changes.issued.len()) as u64;
        for transition in &changes.transitions {
            *self.taken.entry((transition.from, transition.to)).or_default() += 1;
        }
        for open in &changes.issued {
            *self.told.entry(open.action.name()).or_default() += 1;
        }
        self.check_changes(&changes);
        let told = changes.issued.iter().map(|open| open.record("test")).collect();
        for account in changes.accounts {
            self.disk.accounts.insert(account.label.clone(), account);
        }
        for channel in changes.channels {
            self.disk.channels.insert(channel.number, channel);
        }
        self.disk.sources.extend(changes.sources);
        for open in changes.issued {
            self.disk.open.insert(open.number, open);
        }
        for closed in &changes.closed {
            assert!(self.disk.open.remove(&closed.number).is_some(), "closed without being open: {closed:?}");
        }
        told
    }

    /// What one step may and may not do: limits, pace, and that no instruction is given or ended twice.
    fn check_changes(&mut self, changes: &Changes) {
        for open in &changes.issued {
            self.issued += 1;
            assert_eq!(open.number, self.issued, "instructions are numbered without a gap");
            if let Action::Join { .. } = open.action {
                self.check_join(open);
            }
        }
        for closed in &changes.closed {
            assert!(
                closed.number <= self.issued && self.closed.insert(closed.number),
                "ended twice: {closed:?}"
            );
        }
        for channel in &changes.channels {
            self.check_channel(channel);
        }
        // Whoever was told something must have room for it.
        for open in &changes.issued {
            let account = &self.state.accounts()[&open.account];
            assert!(account.working, "{} does not work and was told {:?}", open.account, open.action);
            if matches!(open.action, Action::Join { .. }) {
                assert!(account.load() <= account.room(&self.options), "{} is over its limit", open.account);
            }
        }
    }

    fn check_join(&mut self, open: &Open) {
        self.joins_total += 1;
        let of_day = self.joins.entry((open.account.clone(), open.issued_at.div_euclid(86_400))).or_default();
        *of_day += 1;
        self.most_joins = self.most_joins.max(*of_day);
        assert!(*of_day <= self.options.joins_per_day, "{}: too many joins in a day", open.account);
        let last = self.last_join.insert(open.account.clone(), open.issued_at);
        let gap = self.options.join_gap_seconds;
        assert!(last.is_none_or(|last| last + gap <= open.issued_at), "{}: joins too close", open.account);
    }

    fn check_channel(&self, channel: &Channel) {
        assert_eq!(channel.owner.is_some(), channel.state.is_owned(), "{channel:?}");
        if let Some(chat_id) = channel.chat_id.filter(|_| channel.same_as.is_none()) {
            let known = self.state.channel_of_chat(chat_id).map(|known| known.number);
            assert_eq!(known, Some(channel.number), "one chat, two entries");
        }
        if channel.state == ChannelState::Joining && channel.requested_at.is_none() {
            let join = channel.join.expect("a joining channel names its join");
            assert!(self.state.open().contains_key(&join), "its join is not open: {channel:?}");
        }
    }

    /// What must hold of everything together: one owner a chat, and no question asked twice.
    pub fn check_all(&self) {
        let mut owned = BTreeSet::new();
        for channel in self.state.channels().values() {
            self.check_channel(channel);
            if let Some(chat_id) = channel.chat_id.filter(|_| channel.state.is_owned()) {
                assert!(owned.insert(chat_id), "chat {chat_id} has two owners");
            }
        }
        let mut asked = BTreeSet::new();
        for open in self.state.open().values() {
            let what = (open.account.clone(), open.action.name(), open.channel);
            assert!(asked.insert(what), "asked twice: {open:?}");
        }
        for (label, account) in self.state.accounts() {
            let joins = self
                .state
                .open()
                .values()
                .filter(|open| &open.account == label && matches!(open.action, Action::Join { .. }))
                .count();
            assert_eq!(account.joins_open as usize, joins, "{label}");
        }
    }
}
