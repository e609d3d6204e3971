//! One Telegram account, as its reports show it and as we judge it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tickertape_records::AccountState;

use crate::Options;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// An account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Its label, as in the configuration.
    pub label: String,
    /// What it last said of itself.
    pub state: AccountState,
    /// Why it is not online, in Telegram's words.
    pub reason: Option<String>,
    /// Our judgement: it reports, and can read what it follows.
    pub working: bool,
    /// Its user id.
    pub user_id: Option<i64>,
    /// Telegram Premium.
    pub premium: bool,
    /// A bot, which cannot join.
    pub bot: bool,
    /// Open dialogs: as last reported, moved on by what happened since.
    pub dialogs: u32,
    /// Marked ids of the chats it is a member of.
    pub chats: BTreeSet<i64>,
    /// Until when Telegram makes it wait.
    pub limited_until: Option<i64>,
    /// Joins it may still do today by its own budget: as last reported, less what it was told since.
    pub joins_left: u32,
    /// Time of its newest report.
    pub last_seen: i64,
    /// How many dialogs it had when Telegram said that there is no room; none when it never did.
    pub full_at: Option<u32>,
    /// The day, counted from 1970, that the next two fields are about.
    pub day: i64,
    /// Joins it was told that day.
    pub joins_today: u32,
    /// Look-ups it was told that day.
    pub lookups_today: u32,
    /// Not told to join before this moment.
    pub next_join_at: i64,
    /// Chats it is not told to leave again before a moment, because the last time failed.
    pub leave_after: BTreeMap<i64, i64>,
    /// Joins on their way that may still add a dialog.
    pub joins_open: u32,
}

impl Account {
    /// How many dialogs it may have, margin left out.
    pub fn room(&self, options: &Options) -> u32 {
        let most = if self.premium { options.dialogs_premium } else { options.dialogs };
        most.min(self.full_at.unwrap_or(u32::MAX)).saturating_sub(options.margin)
    }

    /// Dialogs it has or will have when every open join succeeds.
    pub fn load(&self) -> u32 {
        self.dialogs.saturating_add(self.joins_open)
    }

    /// Whether it can be told anything new now.
    pub(super) fn is_free(&self, now: i64) -> bool {
        self.working
            && matches!(self.state, AccountState::Online | AccountState::Limited)
            && self.limited_until.is_none_or(|until| until <= now)
    }

    /// Whether it can be told to join something now.
    pub(super) fn can_join(&self, now: i64, options: &Options) -> bool {
        self.is_free(now)
            && !self.bot
            && self.joins_left > 0
            && self.next_join_at <= now
            && self.joins_of(now) < options.joins_per_day
            && self.load() < self.room(options)
    }

    /// Whether it can be told to look something up now.
    pub(super) fn can_look_up(&self, now: i64, options: &Options) -> bool {
        self.is_free(now)
            && !self.bot
            && (self.day != day(now) || self.lookups_today < options.lookups_per_day)
    }

    /// Joins it was told today.
    fn joins_of(&self, now: i64) -> u32 {
        if self.day == day(now) { self.joins_today } else { 0 }
    }

    /// Begins to count anew when a day has begun.
    pub(super) fn turn_day(&mut self, now: i64) {
        if self.day != day(now) {
            (self.day, self.joins_today, self.lookups_today) = (day(now), 0, 0);
        }
    }
}

/// The day of a moment, counted from 1970.
pub(super) fn day(at: i64) -> i64 {
    at.div_euclid(DAY)
}
