//! The decisions: from what was seen to what is to be done.
//!
//! Pure: no I/O, no clock but the one it is told, no randomness. The same events at the same times give the same
//! state and the same instructions, which is what lets a killed manager go on as if nothing had happened. Everything
//! that changes is collected in [`Changes`], which the caller stores in one step with the positions of the topics
//! that caused it; nothing here may be sent before that.
//!
//! Events change the state; only [`State::tick`] gives instructions (see [`upkeep`] and [`assign`]).

mod account;
mod assign;
mod channel;
mod discovery;
mod lookalike;
mod merge;
mod observations;
mod reports;
mod review;
mod sources;
mod transitions;
mod upkeep;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};

use tickertape_records::{Action, Channel as Observation, ClientReport, Instruction, Link};

pub use account::Account;
pub use channel::{Channel, Number, Source};
pub use sources::SourceCount;
pub use transitions::{ChannelState, TRANSITIONS, allowed};
pub use wishes::{Target, Wish, WishKind};

use crate::Options;
use crate::relevance::Verdict;

/// Something that was seen.
#[derive(Debug, Clone)]
pub enum Event {
    /// From topic `clients`.
    Report(ClientReport),
    /// From topic `channels`.
    Observed(Observation),
    /// From topic `links`, with what its preview is worth.
    Linked(Link, Option<Verdict>),
    /// A stored preview was weighed again, because the coin list has changed.
    Weighed(Number, Verdict),
    /// The newest message of a chat.
    Activity {
        /// Marked id of the chat.
        chat_id: i64,
        /// Its date, Unix seconds.
        last_message_at: i64,
    },
    /// The newest messages of all followed chats are known up to this moment. Before this was said once, silence
    /// means nothing.
    ActivityKnown(i64),
}

/// An instruction that is not answered yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// Its number; its id is this behind the name of the installation.
    pub number: Number,
    /// Whom it was given to.
    pub account: String,
    /// What it says.
    pub action: Action,
    /// The channel it is about.
    pub channel: Option<Number>,
    /// When it was given.
    pub issued_at: i64,
    /// When it may no longer be begun.
    pub deadline: i64,
}

/// What became of an instruction.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// Its number.
    pub number: Number,
    /// When.
    pub at: i64,
    /// `done`, `requested`, `late` (never answered), or why it failed.
    pub outcome: &'static str,
    /// Telegram's words, where there are any.
    pub detail: String,
}

/// A channel went from one state to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// Which channel.
    pub channel: Number,
    /// When.
    pub at: i64,
    /// From where.
    pub from: ChannelState,
    /// To where.
    pub to: ChannelState,
    /// Why.
    pub reason: String,
    /// The account that held it before, or holds it now.
    pub account: Option<String>,
}

/// Name, description or participants of a channel changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Which channel.
    pub channel: Number,
    /// When it was observed.
    pub at: i64,
    /// `title`, `username`, `about`, `participants`.
    pub field: &'static str,
    /// What it was; none when nothing was known.
    pub old: Option<String>,
    /// What it is.
    pub new: Option<String>,
}

/// All that changed since it was asked last.
#[derive(Debug, Default)]
pub struct Changes {
    /// Accounts as they are now.
    pub accounts: Vec<Account>,
    /// Channels as they are now.
    pub channels: Vec<Channel>,
    /// Chats that bring links, as they are now.
    pub sources: Vec<(i64, SourceCount)>,
    /// What happened to channels, in order.
    pub transitions: Vec<Transition>,
    /// What changed about channels, in order.
    pub facts: Vec<Fact>,
    /// New instructions, in order.
    pub issued: Vec<Open>,
    /// Instructions that were answered or given up.
    pub closed: Vec<Closed>,
}

/// The accounts, the channels and what is under way.
#[derive(Debug)]
pub struct State {
    options: Options,
    now: i64,
    next_channel: Number,
    next_instruction: Number,
    accounts: BTreeMap<String, Account>,
    channels: BTreeMap<Number, Channel>,
    open: BTreeMap<Number, Open>,
    sources: BTreeMap<i64, SourceCount>,

    // Ways into the above; never stored.
    /// Up to when the newest messages are known; nothing is known at start.
    activity_until: i64,
    by_chat: BTreeMap<i64, Number>,
    by_link: BTreeMap<String, Number>,
    by_owner: BTreeMap<String, BTreeSet<Number>>,
    by_skeleton: BTreeMap<String, BTreeSet<Number>>,
    /// Candidates by the moment from which they may be handed out.
    queue: BTreeSet<(i64, Number)>,
    /// Channels by the moment at which they are to be looked at again.
    due: BTreeSet<(i64, Number)>,
    deadlines: BTreeSet<(i64, Number)>,
    /// What is asked already: (account, name of the action, chat or channel), and the number of the instruction.
    asked: BTreeMap<(String, &'static str, i64), Number>,

    dirty_accounts: BTreeSet<String>,
    dirty_channels: BTreeSet<Number>,
    dirty_sources: BTreeSet<i64>,
    changes: Changes,
}

/// All that is stored of a [`State`].
#[derive(Debug, Default)]
pub struct Stored {
    /// The newest moment it has seen.
    pub now: i64,
    /// The number of the next channel.
    pub next_channel: Number,
    /// The number of the next instruction.
    pub next_instruction: Number,
    /// Every account.
    pub accounts: Vec<Account>,
    /// Every channel.
    pub channels: Vec<Channel>,
    /// Every instruction that is not closed.
    pub open: Vec<Open>,
    /// Every chat that brings links.
    pub sources: Vec<(i64, SourceCount)>,
}

impl State {
    /// The state as it was stored.
    pub fn new(options: Options, stored: Stored) -> Self {
        let mut state = Self {
            options,
            now: stored.now,
            next_channel: stored.next_channel.max(1),
            next_instruction: stored.next_instruction.max(1),
            accounts: stored.accounts.into_iter().map(|account| (account.label.clone(), account)).collect(),
            channels: BTreeMap::new(),
            open: BTreeMap::new(),
            sources: stored.sources.into_iter().collect(),
            activity_until: i64::MIN,
            by_chat: BTreeMap::new(),
            by_link: BTreeMap::new(),
            by_owner: BTreeMap::new(),
            by_skeleton: BTreeMap::new(),
            queue: BTreeSet::new(),
            due: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            asked: BTreeMap::new(),
            dirty_accounts: BTreeSet::new(),
            dirty_channels: BTreeSet::new(),
            dirty_sources: BTreeSet::new(),
            changes: Changes::default(),
        };
        for open in stored.open {
            state.remember(open);
        }
        for channel in stored.channels {
            state.index(&channel);
            state.channels.insert(channel.number, channel);
        }
        state
    }

    /// Takes in what was seen at `now`.
    pub fn observe(&mut self, event: Event, now: i64) {
        self.advance(now);
        match event {
            Event::Report(report) => self.report(report),
            Event::Observed(observation) => self.observed(observation),
            Event::Linked(link, verdict) => self.linked(link, verdict),
            Event::Weighed(number, verdict) => self.weighed(number, verdict),
            Event::ActivityKnown(until) => self.activity_until = self.activity_until.max(until),
            Event::Activity { chat_id, last_message_at } => self.active(chat_id, last_message_at),
        }
    }

    /// Decides what is to be done now. Asked again at the same moment, it decides nothing more.
    pub fn tick(&mut self, now: i64) {
        self.advance(now);
        self.expire();
        self.look_after_accounts();
        // A review can make another one due: of the channel that turns out to be the same, or was set free. So can
        // an assignment.
        loop {
            while let Some(number) = self.next_due() {
                self.review(number);
            }
            self.assign();
            if self.due.first().is_none_or(|&(at, _)| at > self.now) {
                return;
            }
        }
    }

    /// What changed since the last call, for storing.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = std::mem::take(&mut self.changes);
        changes.accounts = std::mem::take(&mut self.dirty_accounts)
            .iter()
            .map(|label| self.accounts[label].clone())
            .collect();
        changes.channels = std::mem::take(&mut self.dirty_channels)
            .iter()
            .map(|number| self.channels[number].clone())
            .collect();
        changes.sources = std::mem::take(&mut self.dirty_sources)
            .into_iter()
            .map(|chat_id| (chat_id, self.sources[&chat_id].clone()))
            .collect();
        changes
    }

    /// The rules.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The newest moment it was told.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The numbers that the next channel and the next instruction get.
    pub fn next_numbers(&self) -> (Number, Number) {
        (self.next_channel, self.next_instruction)
    }

    /// Every account, by label.
    pub fn accounts(&self) -> &BTreeMap<String, Account> {
        &self.accounts
    }

    /// Every channel, by number.
    pub fn channels(&self) -> &BTreeMap<Number, Channel> {
        &self.channels
    }

    /// Every instruction that is not closed, by number.
    pub fn open(&self) -> &BTreeMap<Number, Open> {
        &self.open
    }

    /// The channel with this chat id.
    pub fn channel_of_chat(&self, chat_id: i64) -> Option<&Channel> {
        self.by_chat.get(&chat_id).map(|number| &self.channels[number])
    }

    /// The channel to which this link leads.
    pub fn channel_of_link(&self, link: &str) -> Option<&Channel> {
        self.by_link.get(link).map(|number| &self.channels[number])
    }

    /// Chats of the channels that are followed.
    pub fn followed_chats(&self) -> impl Iterator<Item = i64> + '_ {
        self.by_owner.values().flatten().filter_map(|number| self.channels.get(number)?.chat_id)
    }

    /// Time does not run backwards, whatever the clocks of producers say.
    fn advance(&mut self, now: i64) {
        self.now = self.now.max(now);
    }

    fn channel(&self, number: Number) -> &Channel {
        &self.channels[&number]
    }

    /// The channel, to be changed: it will be stored. Not for what [`Self::index`] covers.
    fn channel_mut(&mut self, number: Number) -> &mut Channel {
        self.dirty_channels.insert(number);
        self.channels.get_mut(&number).expect("channels are never removed")
    }

    /// The account, to be changed: it will be stored.
    fn account_mut(&mut self, label: &str) -> &mut Account {
        self.dirty_accounts.insert(label.to_owned());
        self.accounts
            .entry(label.to_owned())
            .or_insert_with(|| Account { label: label.to_owned(), ..Account::default() })
    }

    fn index(&mut self, channel: &Channel) {
        let number = channel.number;
        if let Some(chat_id) = channel.chat_id.filter(|_| channel.same_as.is_none()) {
            self.by_chat.insert(chat_id, number);
        }
        for link in &channel.links {
            self.by_link.insert(link.clone(), number);
        }
        if let Some(owner) = &channel.owner {
            self.by_owner.entry(owner.clone()).or_default().insert(number);
        }
        for skeleton in lookalike::skeletons(channel) {
            self.by_skeleton.entry(skeleton).or_default().insert(number);
        }
        if channel.state == ChannelState::Candidate {
            self.queue.insert((channel.not_before, number));
        }
        if let Some(at) = channel.due_at {
            self.due.insert((at, number));
        }
    }

    fn new_channel(&mut self, source: Source) -> Number {
        let number = self.next_channel;
        self.next_channel += 1;
        self.channels.insert(number, Channel::new(number, source, self.now));
        self.dirty_channels.insert(number);
        self.schedule(number, self.now);
        number
    }

    fn add_link(&mut self, number: Number, link: &str) {
        let link = link.to_owned();
        if self.by_link.insert(link.clone(), number) != Some(number) {
            self.channel_mut(number).links.push(link);
        }
    }

    /// Moves a channel, records it, and keeps what depends on the state.
    fn set_state(&mut self, number: Number, to: ChannelState, reason: impl Into<String>) {
        let (from, not_before, owner) = {
            let channel = self.channel(number);
            (channel.state, channel.not_before, channel.owner.clone())
        };
        if from == to {
            return;
        }
        assert!(allowed(from, to), "a channel goes from {} to {}", from.name(), to.name());
        let reason = reason.into();
        let now = self.now;
        self.changes.transitions.push(Transition {
            channel: number,
            at: now,
            from,
            to,
            reason: reason.clone(),
            account: owner,
        });
        if !to.is_owned() {
            self.set_owner(number, None);
        }
        self.queue.remove(&(not_before, number));
        let channel = self.channel_mut(number);
        (channel.state, channel.since, channel.reason) = (to, now, reason);
        if to != ChannelState::Joining {
            (channel.join, channel.requested_at) = (None, None);
        }
        if to != ChannelState::Inactive {
            channel.asked_at = None;
        }
        if to == ChannelState::Followed {
            channel.attempts = 0;
        }
        if to == ChannelState::Candidate {
            let not_before = channel.not_before;
            self.queue.insert((not_before, number));
        }
        self.schedule(number, now);
    }

    fn set_owner(&mut self, number: Number, owner: Option<&str>) {
        if let Some(before) = self.channel(number).owner.clone()
            && let Some(owned) = self.by_owner.get_mut(&before)
        {
            owned.remove(&number);
        }
        if let Some(owner) = owner {
            self.by_owner.entry(owner.to_owned()).or_default().insert(number);
        }
        if self.channel(number).owner.as_deref() != owner {
            self.channel_mut(number).owner = owner.map(str::to_owned);
        }
    }

    /// Holds a candidate back until `at`.
    fn hold_back(&mut self, number: Number, at: i64) {
        let before = self.channel(number).not_before;
        if self.queue.remove(&(before, number)) {
            self.queue.insert((at, number));
        }
        self.channel_mut(number).not_before = at;
    }

    /// Has the channel looked at at `at`, or before if it is due before.
    fn schedule(&mut self, number: Number, at: i64) {
        let before = self.channel(number).due_at;
        if before.is_some_and(|before| before <= at) {
            return;
        }
        if let Some(before) = before {
            self.due.remove(&(before, number));
        }
        self.due.insert((at, number));
        self.channel_mut(number).due_at = Some(at);
    }

    /// The channel that has waited longest to be looked at; of several, the one with the lowest number.
    fn next_due(&mut self) -> Option<Number> {
        let &(at, number) = self.due.first().filter(|&&(at, _)| at <= self.now)?;
        self.due.remove(&(at, number));
        self.channel_mut(number).due_at = None;
        Some(number)
    }

    /// Gives an instruction; it is sent once the caller has stored it.
    fn instruct(&mut self, account: &str, action: Action, channel: Option<Number>) -> Number {
        let number = self.next_instruction;
        self.next_instruction += 1;
        if matches!(action, Action::Join { .. }) {
            self.account_mut(account).joins_open += 1;
        }
        let deadline = self.now + self.options.deadline_seconds;
        let open =
            Open { number, account: account.to_owned(), action, channel, issued_at: self.now, deadline };
        self.changes.issued.push(open.clone());
        self.remember(open);
        number
    }

    fn remember(&mut self, open: Open) {
        self.asked.insert(key(&open), open.number);
        self.deadlines.insert((open.deadline, open.number));
        self.open.insert(open.number, open);
    }

    fn is_asked(&self, account: &str, action: &'static str, subject: i64) -> bool {
        self.asked.contains_key(&(account.to_owned(), action, subject))
    }

    /// Ends an instruction; none when it was ended before, or is none of ours.
    fn close(&mut self, number: Number, outcome: &'static str, detail: String) -> Option<Open> {
        let open = self.open.remove(&number)?;
        self.asked.remove(&key(&open));
        self.deadlines.remove(&(open.deadline, number));
        if matches!(open.action, Action::Join { .. }) {
            let account = self.account_mut(&open.account);
            account.joins_open = account.joins_open.saturating_sub(1);
        }
        self.changes.closed.push(Closed { number, at: self.now, outcome, detail });
        Some(open)
    }
}

fn key(open: &Open) -> (String, &'static str, i64) {
    let subject = match &open.action {
        Action::Leave { chat_id } => *chat_id,
        Action::Join { .. } | Action::Describe { .. } | Action::Resolve { .. } => open.channel.unwrap_or(0),
        Action::Report => 0,
    };
    (open.account.clone(), open.action.name(), subject)
}

impl Open {
    /// The instruction as it goes onto its topic.
    pub fn record(&self, installation: &str) -> Instruction {
        Instruction {
            schema: tickertape_records::SCHEMA,
            id: format!("{installation}-{}", self.number),
            account: self.account.clone(),
            issued_at: self.issued_at,
            deadline: self.deadline,
            action: self.action.clone(),
        }
    }
}
