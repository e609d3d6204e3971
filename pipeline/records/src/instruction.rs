//! What the manager tells one account to do, on topic `instructions`.

use serde::{Deserialize, Serialize};

/// One instruction. Key: the account's label. Executed at most once, by that account, and answered exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instruction {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u16,
    /// Unique for ever: a repeated append of the same instruction carries the same id.
    pub id: String,
    /// Label of the account that is to do it.
    pub account: String,
    /// When it was issued, Unix seconds.
    pub issued_at: i64,
    /// Not to be begun after this moment, Unix seconds: what is late is answered as expired.
    pub deadline: i64,
    /// What to do.
    pub action: Action,
}

/// What an account can be told to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Action {
    /// Join the chat that a link leads to, by name or by invite; then describe it.
    Join {
        /// The link in its normal form, see [`crate::Link::link`].
        link: String,
    },
    /// Leave a chat.
    Leave {
        /// Marked id of the chat.
        chat_id: i64,
    },
    /// Report name, description and participants of a chat on `channels`.
    Describe {
        /// Marked id of the chat.
        chat_id: i64,
    },
    /// Look up what a link leads to, and report it with a preview on `links`, without joining.
    Resolve {
        /// The link in its normal form.
        link: String,
        /// The chat and message it was first seen in; zeros when a user gave it.
        seen_in: (i64, i64),
    },
    /// Report the account's state on `clients` at once.
    Report,
}

impl Action {
    /// The name as it is written in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Join { .. } => "join",
            Self::Leave { .. } => "leave",
            Self::Describe { .. } => "describe",
            Self::Resolve { .. } => "resolve",
            Self::Report => "report",
        }
    }
}

crate::record!(Instruction, "instruction");
