//! What can go wrong with the log, whose fault it is and what to do.

use crate::{Offset, TopicPartition};

/// Result of a log operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A log operation that failed. Nothing acknowledged before it is lost.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The stored position is not in the partition: records were deleted before they were read, or the topic is
    /// shorter than it was.
    #[error(
        "{at}: offset {offset} is not there, the partition holds {earliest}..{end}; records were deleted by retention before they were read, or the log was replaced"
    )]
    OffsetOutOfRange {
        /// Which partition.
        at: TopicPartition,
        /// The offset asked for.
        offset: Offset,
        /// First kept offset.
        earliest: Offset,
        /// Offset of the next record.
        end: Offset,
    },
    /// The topic was deleted and created again since the position was stored.
    #[error(
        "{topic}: the stored position belongs to epoch {stored:016x} of this topic, which now is {current:016x}: the topic was recreated; point the sink at a new place or remove its stored positions to start over"
    )]
    TopicReset {
        /// Which topic.
        topic: String,
        /// Epoch of the stored position.
        stored: u64,
        /// Epoch of the topic.
        current: u64,
    },
    /// No such topic or partition.
    #[error("{at}: no such topic or partition")]
    NoSuchPartition {
        /// Which one.
        at: TopicPartition,
    },
    /// The topic exists and is different.
    #[error(
        "topic {topic} exists with {existing} partitions, {wanted} were asked for; the number of partitions cannot be changed"
    )]
    TopicDiffers {
        /// Which topic.
        topic: String,
        /// Partitions it has.
        existing: u32,
        /// Partitions asked for.
        wanted: u32,
    },
    /// Another process has the log open.
    #[error(
        "{path} is in use by another tickertape process; stop it, or choose another directory with --data"
    )]
    InUse {
        /// The log's directory.
        path: String,
    },
    /// The disk refused: full, read-only, broken.
    #[error("the log in {path} cannot be {doing}: {reason}")]
    Storage {
        /// The log's directory.
        path: String,
        /// `opened`, `written`, `read`.
        doing: &'static str,
        /// What the system or the store said.
        reason: String,
    },
    /// A cluster does not answer, or refuses.
    #[error(
        "the cluster at {cluster} cannot be {doing}: {reason}; check that it runs and can be reached from here"
    )]
    Cluster {
        /// Its address or profile.
        cluster: String,
        /// `connected to`, `read (messages/0)`.
        doing: String,
        /// What it or the system said.
        reason: String,
    },
    /// A batch on the log is not what was written.
    #[error(
        "{at}: the batch at offset {offset} is damaged: {reason}; restore the directory from a copy, or move it away and import again"
    )]
    Damaged {
        /// Which partition.
        at: TopicPartition,
        /// First offset of the batch.
        offset: Offset,
        /// What is wrong with it.
        reason: String,
    },
}
