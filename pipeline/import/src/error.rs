//! What ends an import, and what ends one file of it.

use std::io;

/// Why an import could not begin or go on. What was appended before stays, and a second run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path leads nowhere.
    #[error("{path}: no such file or folder, and as a pattern it matches nothing")]
    NotFound {
        /// The path as it was given.
        path: String,
    },
    /// A folder without a single file.
    #[error("{path}: this folder holds no files")]
    EmptyFolder {
        /// The path as it was given.
        path: String,
    },
    /// A folder that cannot be listed.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The log refused.
    #[error(transparent)]
    Log(#[from] tickertape_broker::Error),
    /// The log holds progress that this build does not understand.
    #[error("topic imports, offset {offset}: {source}")]
    Progress {
        /// Offset of the record on topic `imports`.
        offset: u64,
        /// What is wrong with it.
        source: tickertape_records::Error,
    },
}

/// Why a file cannot be read any further; what was read before is kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error(
        "not a supported format: {seen}; supported are Telegram Desktop's result.json and Telethon dumps (one JSON message a line), plain or gzipped"
    )]
    UnknownFormat { seen: String },
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("ends too early")]
    Truncated,
    #[error("not JSON: {found}, where {wanted} should be")]
    Garbage { found: String, wanted: &'static str },
    #[error(
        "the chat's `type` and `id` do not stand before its `messages`, so it is unknown which chat they belong to"
    )]
    NoHeader,
    #[error("the chat's {field} is unreadable: {source}")]
    BadHeader { field: &'static str, source: serde_json::Error },
}
