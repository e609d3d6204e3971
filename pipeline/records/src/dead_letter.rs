//! A record that could not be understood, as it was and why, on topic `dead-letters`.

use serde::{Deserialize, Serialize};

/// One dead letter. Key: empty. Identity: `origin`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u16,
    /// Where the record stood.
    pub origin: Origin,
    /// What is wrong with it and what can be done, for people.
    pub reason: String,
    /// The record as it was, where it is UTF-8; otherwise its bytes in lower-case hex behind `hex:`.
    pub record: String,
}

/// Where a dead record stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Origin {
    /// On a topic.
    Topic {
        /// Its topic.
        topic: String,
        /// Its partition.
        partition: u32,
        /// Its offset.
        offset: u64,
    },
    /// In a file.
    File {
        /// The file's id, as in [`crate::ImportProgress::file_id`]; empty for a pipe.
        file_id: String,
        /// The file's name without its folder.
        name: String,
        /// Which record of it, counted from 1.
        position: u64,
    },
}

crate::record!(DeadLetter, "dead letter");

impl DeadLetter {
    /// A dead letter of this build's schema.
    pub fn new(origin: Origin, reason: impl Into<String>, record: &[u8]) -> Self {
        let record = match std::str::from_utf8(record) {
            Ok(text) => text.to_owned(),
            Err(_) => record.iter().fold("hex:".to_owned(), |hex, byte| format!("{hex}{byte:02x}")),
        };
        Self { schema: crate::SCHEMA, origin, reason: reason.into(), record }
    }

    /// A short text that is the same whenever this record is found dead again: the key by which sinks drop repeats.
    pub fn id(&self) -> String {
        match &self.origin {
            Origin::Topic { topic, partition, offset } => format!("topic:{topic}/{partition}/{offset}"),
            Origin::File { file_id, name, position } if file_id.is_empty() => {
                format!("pipe:{name}/{position}/{:016x}", xxhash_rust::xxh3::xxh3_64(self.record.as_bytes()))
            }
            Origin::File { file_id, position, .. } => format!("file:{file_id}/{position}"),
        }
    }
}
