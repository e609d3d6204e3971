//! One channel: what is known of it, and how it stands.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tickertape_records::ChatKind;

use super::ChannelState;
use crate::Options;
use crate::relevance::Verdict;

/// The manager's own number of a channel, given before its chat id is known. From 1.
pub type Number = i64;

/// Sightings kept of a link: enough for any sensible [`crate::Options::min_sightings`].
pub(super) const SIGHTINGS: usize = 16;

/// How a channel came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Source {
    /// It stands in the configuration.
    Config,
    /// The user added it.
    User,
    /// A link to it was seen.
    Link {
        /// Marked id of the chat in which it was seen first.
        chat_id: i64,
    },
    /// An account was a member before we knew of it.
    Account,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Our number of it.
    pub number: Number,
    /// Marked id of the chat; unknown until somebody has looked.
    pub chat_id: Option<i64>,
    /// The links that lead to it, in their normal form, oldest first.
    pub links: Vec<String>,
    /// How it came to us.
    pub source: Source,
    /// How it stands.
    pub state: ChannelState,
    /// Since when.
    pub since: i64,
    /// Why.
    pub reason: String,
    /// The entry that goes on when this one turned out to be the same chat.
    pub same_as: Option<Number>,
    /// The user decided how it stands: rules do not overrule that.
    pub by_user: bool,
    /// The account that joins or follows it.
    pub owner: Option<String>,
    /// What kind of chat it is.
    pub chat_kind: ChatKind,
    /// Public name without `@`, in lower case.
    pub username: Option<String>,
    /// Title.
    pub title: String,
    /// Description.
    pub about: Option<String>,
    /// Subscribers or members.
    pub participants: Option<i64>,
    /// Telegram marks it as a scam or a fake.
    pub scam: bool,
    /// Telegram marks it as genuine.
    pub verified: bool,
    /// Distinct messages in which a link to it was seen: (chat, message), the first few.
    pub sightings: BTreeSet<(i64, i64)>,
    /// Time of the newest preview.
    pub looked_at: Option<i64>,
    /// What the newest preview is worth.
    pub verdict: Option<Verdict>,
    /// Time of the newest observation of its name, description and participants.
    pub observed_at: Option<i64>,
    /// When it was last asked for a description.
    pub described_at: i64,
    /// When it was asked once more because it is inactive.
    pub asked_at: Option<i64>,
    /// Date of its newest message, as far as known.
    pub last_message_at: Option<i64>,
    /// The open join or look-up, by its number.
    pub join: Option<Number>,
    /// The account has asked to be let in, at this time.
    pub requested_at: Option<i64>,
    /// Joins or look-ups that failed in a row.
    pub attempts: u32,
    /// Not to be tried before this moment.
    pub not_before: i64,
    /// Accounts that it has banned.
    pub barred: BTreeSet<String>,
    /// When it is to be looked at again; none until something about it changes. Stored, so that a killed manager
    /// looks at channels in the same order as one that was left alone.
    pub due_at: Option<i64>,
}

impl Channel {
    pub(super) fn new(number: Number, source: Source, now: i64) -> Self {
        Self {
            number,
            chat_id: None,
            links: Vec::new(),
            source,
            state: ChannelState::Discovered,
            since: now,
            reason: String::new(),
            same_as: None,
            by_user: false,
            owner: None,
            chat_kind: ChatKind::Channel,
            username: None,
            title: String::new(),
            about: None,
            participants: None,
            scam: false,
            verified: false,
            sightings: BTreeSet::new(),
            looked_at: None,
            verdict: None,
            observed_at: None,
            described_at: 0,
            asked_at: None,
            last_message_at: None,
            join: None,
            requested_at: None,
            attempts: 0,
            not_before: 0,
            barred: BTreeSet::new(),
            due_at: None,
        }
    }

    /// The link by which an account can join: the public name first, which does not expire. A link by id alone works
    /// for members only.
    pub fn join_link(&self) -> Option<String> {
        match &self.username {
            Some(name) => Some(format!("https://t.me/{name}")),
            None => self.links.iter().rev().find(|link| !link.starts_with("https://t.me/c/")).cloned(),
        }
    }

    /// Whether it waits for nothing but the user's approval.
    pub fn is_pending(&self, options: &Options) -> bool {
        self.state == ChannelState::Discovered
            && self.verdict.as_ref().is_some_and(|verdict| verdict.relevant)
            && self.sightings.len() >= options.min_sightings as usize
    }

    /// Since when it has been silent: its newest message, or when it began to be followed.
    pub(super) fn silent_since(&self) -> i64 {
        self.last_message_at.unwrap_or(i64::MIN).max(self.since)
    }

    /// Whether an account that is not its owner may be told to leave. A private chat that an account's owner brought
    /// along is none of our business.
    pub(super) fn may_be_left(&self) -> bool {
        self.source != Source::Account || self.username.is_some() || self.by_user
    }
}
