//! How far a file has been read, on topic `imports`: appended in the same atomic step as the records it covers.

use serde::{Deserialize, Serialize};

/// Progress through one file. Key: `file_id`. The last record of a `file_id` is the one that holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportProgress {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u16,
    /// XXH3-128 of the file's bytes as they lie on disk, in hex, so that a renamed or copied file is known again.
    pub file_id: String,
    /// The file's name without its folder, for people.
    pub name: String,
    /// Records read, broken ones included: the next to read is `position + 1`.
    pub position: u64,
    /// The whole file was read.
    pub done: bool,
    /// Messages appended so far.
    pub messages: u64,
    /// Events appended so far.
    pub events: u64,
    /// Dead letters appended so far.
    pub dead_letters: u64,
}

crate::record!(ImportProgress, "import progress");
