//! What the user wishes, over every rule: by command line, HTTP or configuration.

use serde::{Deserialize, Serialize};

use super::{ChannelState, Number, Source, State};

/// A channel as the user names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// By a link in its normal form.
    Link(String),
    /// By the marked id of its chat.
    Chat(i64),
}

/// What the user wishes done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WishKind {
    /// Follow it.
    Add,
    /// Follow it, unless the user decided otherwise before: what stands in the configuration.
    Configure,
    /// Follow a channel that was found.
    Approve,
    /// Do not follow a channel that was found.
    Reject,
    /// Follow it no longer.
    Remove,
}

/// A wish about one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// What is wished.
    pub kind: WishKind,
    /// About which channel.
    pub target: Target,
}

impl State {
    /// Does what the user wishes, and says what came of it.
    pub fn wish(&mut self, wish: &Wish, now: i64) -> String {
        self.advance(now);
        let known = match &wish.target {
            Target::Link(link) => self.by_link.get(link),
            Target::Chat(chat_id) => self.by_chat.get(chat_id),
        };
        match (wish.kind, known.copied(), &wish.target) {
            (WishKind::Add | WishKind::Configure, None, Target::Link(link)) => self.add(wish.kind, link),
            (WishKind::Configure, Some(number), _) => self.configure(number),
            (WishKind::Add | WishKind::Approve, Some(number), _) => self.want(number, "the user wants it"),
            (WishKind::Reject | WishKind::Remove, Some(number), _) => self.give_up(number),
            (WishKind::Add | WishKind::Configure, None, Target::Chat(_)) => {
                "no channel with this id is known: add it by its link".into()
            }
            (WishKind::Approve | WishKind::Reject | WishKind::Remove, None, _) => "not known".into(),
        }
    }

    fn add(&mut self, kind: WishKind, link: &str) -> String {
        let (source, reason) = match kind {
            WishKind::Configure => (Source::Config, "it stands in the configuration"),
            _ => (Source::User, "the user wants it"),
        };
        let number = self.new_channel(source);
        self.add_link(number, link);
        self.want(number, reason)
    }

    fn configure(&mut self, number: Number) -> String {
        let channel = self.channel(number);
        match channel.state {
            ChannelState::Discovered | ChannelState::Rejected if !channel.by_user => {
                self.want(number, "it stands in the configuration")
            }
            state => format!("{} already", state.name()),
        }
    }

    fn want(&mut self, number: Number, reason: &str) -> String {
        let state = self.channel(number).state;
        if state == ChannelState::Candidate || state.is_owned() {
            self.channel_mut(number).by_user = true;
            return format!("{} already", state.name());
        }
        let channel = self.channel_mut(number);
        channel.by_user = true;
        (channel.attempts, channel.not_before, channel.join) = (0, 0, None);
        self.set_state(number, ChannelState::Candidate, reason);
        "candidate: the next account with room gets it".into()
    }

    fn give_up(&mut self, number: Number) -> String {
        let state = self.channel(number).state;
        let (to, said) = match state {
            ChannelState::Joining | ChannelState::Followed | ChannelState::Inactive => {
                (ChannelState::Left, "left: whoever is in it is told to leave")
            }
            ChannelState::Rejected | ChannelState::Left => {
                self.channel_mut(number).by_user = true;
                return format!("{} already", state.name());
            }
            _ => (ChannelState::Rejected, "rejected"),
        };
        self.channel_mut(number).by_user = true;
        self.set_state(number, to, "the user does not want it");
        said.into()
    }
}
