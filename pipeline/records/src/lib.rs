//! What lies on the topics, field by field.
//!
//! The value of every record is one JSON object in UTF-8 with a `schema` number; the key is the chat id in
//! decimal, so that a chat's messages and replies stay in order in one partition. This crate is the one place
//! where a record's fields, units and sources are written down.
//!
//! Rules for every type here:
//! - dates are Unix seconds, UTC, as Telegram itself counts them;
//! - ids of chats and users are *marked* ids, see [`peer`];
//! - a field that does not apply is left out, never `null`;
//! - readers keep fields they do not know and refuse a `schema` they do not know, see [`check_schema`].

#[macro_use]
mod record;

pub mod attributed;
pub mod channel;
pub mod client;
pub mod coin_list;
pub mod coin_swap;
pub mod dead_letter;
pub mod event;
pub mod import_progress;
pub mod instruction;
pub mod link;
pub mod message;
pub mod peer;
pub mod topics;
pub mod view_count;
pub mod vocabulary;

pub use attributed::{Attributed, Attribution, Basis, MentionCount};
pub use channel::{Channel, Membership};
pub use client::{AccountState, AccountStatus, ClientReport, FailureReason, Outcome, Report};
pub use coin_list::{CoinListRecord, ListedCoin};
pub use coin_swap::CoinSwap;
pub use dead_letter::{DeadLetter, Origin};
pub use event::{Event, EventKind};
pub use import_progress::ImportProgress;
pub use instruction::{Action, Instruction};
pub use link::{FoundIn, Link, Preview, PreviewMessage};
pub use message::{
    Button, ChatKind, Entity, Forward, Media, Message, MessageHead, Reaction, Source, SourceKind,
};
pub use view_count::ViewCount;

/// The version of the record layouts that this build writes and reads.
pub const SCHEMA: u16 = 1;

/// A record that cannot be understood. It costs that record: it goes to `dead-letters` with this as its reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not the JSON object they should be.
    #[error("not a readable {what} record: {source}")]
    Json {
        /// Which record type was expected.
        what: &'static str,
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },
    /// Written by a version of the program that this one does not know.
    #[error(
        "record has schema {found}, this build reads schema {SCHEMA}; upgrade tickertape, then replay the dead letters"
    )]
    Schema {
        /// The version found.
        found: u16,
    },
}

/// Refuses records of a layout this build does not know.
pub fn check_schema(found: u16) -> Result<(), Error> {
    if found == SCHEMA { Ok(()) } else { Err(Error::Schema { found }) }
}

/// The key of every record about a chat: its id in decimal.
pub fn key(chat_id: i64) -> String {
    chat_id.to_string()
}

fn is_false(flag: &bool) -> bool {
    !flag
}
