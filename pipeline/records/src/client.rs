//! What an account reports of itself and of its instructions, on topic `clients`.

use serde::{Deserialize, Serialize};

/// One report. Key: the account's label. Reports of one account are in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientReport {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u16,
    /// Label of the account, as in the configuration.
    pub account: String,
    /// When, Unix seconds.
    pub at: i64,
    /// What it says.
    pub report: Report,
}

/// The kinds of report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Report {
    /// How the account is: at start, at every change, every few minutes, and on demand.
    State(AccountStatus),
    /// What became of an instruction: exactly one for each.
    Answer {
        /// The instruction's id.
        instruction: String,
        /// What came of it.
        outcome: Outcome,
    },
    /// The account is no longer in a chat, and not because it was told to leave.
    Lost {
        /// Marked id of the chat.
        chat_id: i64,
        /// Why: `kicked`, `banned`, `deleted`, `private`, …
        reason: String,
    },
}

impl Report {
    /// The name as it is written in records and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::Answer { .. } => "answer",
            Self::Lost { .. } => "lost",
        }
    }
}

/// How an account is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountStatus {
    /// Whether it can work.
    pub state: AccountState,
    /// Its user id; absent while signed out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// Telegram Premium: twice the room for channels.
    #[serde(skip_serializing_if = "crate::is_false")]
    pub premium: bool,
    /// A bot, which can neither join nor read what it was not added to.
    #[serde(skip_serializing_if = "crate::is_false")]
    pub bot: bool,
    /// Open dialogs of every kind, as they count against Telegram's limit.
    pub dialogs: u32,
    /// Marked ids of the channels and groups it is a member of, ascending.
    pub chats: Vec<i64>,
    /// Until when it may not join or look up, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_until: Option<i64>,
    /// Joins it may still do today, by its own budget.
    pub joins_left: u32,
    /// Why it is not online, in Telegram's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether an account can work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Connected and signed in.
    #[default]
    Online,
    /// Connected, but Telegram makes it wait, see [`AccountStatus::limited_until`].
    Limited,
    /// Stopped in order; comes back.
    Offline,
    /// Not or no longer signed in: `tickertape login` is needed.
    SignedOut,
    /// Telegram has deactivated or banned it.
    Banned,
}

impl AccountState {
    /// The name as it is written in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Limited => "limited",
            Self::Offline => "offline",
            Self::SignedOut => "signed_out",
            Self::Banned => "banned",
        }
    }
}

/// What came of an instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    /// Done.
    Done {
        /// Marked id of the chat it was about, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chat_id: Option<i64>,
    },
    /// Done as far as it goes: an admin must let the account in.
    Requested {
        /// Marked id of the chat, where Telegram tells it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chat_id: Option<i64>,
    },
    /// Not done, and will not be by itself.
    Failed {
        /// Why.
        reason: FailureReason,
        /// Telegram's words, or ours.
        detail: String,
        /// Not to be tried again before this moment, Unix seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<i64>,
    },
}

impl Outcome {
    /// The name as it is written in records and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Requested { .. } => "requested",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Why an instruction failed, as far as it decides what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// It was read after its deadline, or its time did not come before it.
    Expired,
    /// Telegram makes the account wait longer than the deadline allows.
    Flood,
    /// The account has as many channels as Telegram allows.
    TooManyChannels,
    /// Nobody has this name, the invite has expired, the chat is deleted.
    NotFound,
    /// The chat is private, or closed to this account.
    Private,
    /// This account is banned from the chat.
    BannedThere,
    /// It leads to a person or a bot.
    NotAChannel,
    /// The account cannot work: signed out, banned.
    Account,
    /// Anything else, the network included.
    Other,
}

impl FailureReason {
    /// The name as it is written in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Flood => "flood",
            Self::TooManyChannels => "too_many_channels",
            Self::NotFound => "not_found",
            Self::Private => "private",
            Self::BannedThere => "banned_there",
            Self::NotAChannel => "not_a_channel",
            Self::Account => "account",
            Self::Other => "other",
        }
    }
}

crate::record!(ClientReport, "client");
