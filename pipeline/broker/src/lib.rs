//! The log: topics of partitions of records at offsets.
//!
//! One small trait, [`Broker`], and the engines behind it, chosen by configuration and indistinguishable to stages:
//! - [`embedded`]: durable on local disk, crash-safe, one process;
//! - `fluvio` (a feature, on by default): a Fluvio cluster, any number of processes.
//!
//! Stages do not read through the trait directly but through [`Follower`], the one batching loop, which also
//! notices a topic that was reset and tells a stage when to stop.
//!
//! Delivery: a batch is either wholly on the log or not at all; when its [`Ack`] resolves it survives a killed
//! process and a power cut. A record's offset never changes. Nothing here remembers a reader's position: a
//! position is stored by whoever stores the data it covers.

mod batch;
pub mod embedded;
mod error;
#[cfg(feature = "fluvio")]
pub mod fluvio;
mod follower;
mod positions;

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

use async_trait::async_trait;

pub use batch::{Batch, BatchBuilder, RecordRef};
pub use embedded::Embedded;
pub use error::{Error, Result};
#[cfg(feature = "fluvio")]
pub use fluvio::Fluvio;
pub use follower::{Follower, Phase};
pub use positions::{Positions, Reading};

/// Position of a record in its partition: 0, 1, 2, …
pub type Offset = u64;

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: String,
    /// 0-based.
    pub partition: u32,
}

/// What a topic should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Lower-case letters, digits and `-`.
    pub name: String,
    /// How many partitions; cannot be changed later.
    pub partitions: u32,
    /// What may be deleted.
    pub retention: Retention,
}

/// What a topic may delete: whole batches, oldest first, never the newest. The default deletes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Delete what was appended longer ago than this.
    pub age: Option<std::time::Duration>,
    /// Delete what exceeds this many bytes a partition.
    pub bytes: Option<u64>,
}

/// What a topic is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// The topic's name.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// Drawn at random when the topic was created: a stored position that names another epoch belongs to a topic
    /// that is gone.
    pub epoch: u64,
}

/// Resolves, once everything appended together is durable, to the first offset of each batch.
pub type Ack = Pin<Box<dyn Future<Output = Result<Vec<Offset>>> + Send>>;

/// An engine that keeps topics.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// Creates the topic, or returns it as it is when it exists with the same number of partitions.
    async fn create_topic(&self, spec: &TopicSpec) -> Result<TopicInfo>;

    /// The topic as it is, none when there is no such topic.
    async fn topic(&self, name: &str) -> Result<Option<TopicInfo>>;

    /// The topic as it is; [`Error::NoSuchPartition`] when there is no such topic.
    async fn existing_topic(&self, name: &str) -> Result<TopicInfo> {
        let missing = || Error::NoSuchPartition { at: TopicPartition::new(name, 0) };
        self.topic(name).await?.ok_or_else(missing)
    }

    /// Every topic.
    async fn topics(&self) -> Result<Vec<TopicInfo>>;

    /// Deletes the topic and all its records; one created again under this name gets another epoch.
    async fn delete_topic(&self, name: &str) -> Result<()>;

    /// Queues the batches, in the order of the calls, waiting for room in a bounded queue; the [`Ack`] then waits
    /// for the disk. Empty batches are refused as a bug. On the embedded engine the batches of one call are on the
    /// log all together or not at all, across topics; engines that cannot do this append them in order, so that none
    /// is on the log without those before it, in this call and in those before. They may append some of the last
    /// batches of a partition again, in order too, after a failure: whoever reads knows repeats by what is in them.
    async fn append(&self, batches: Vec<(TopicPartition, BatchBuilder)>) -> Result<Ack>;

    /// Batches from `offset` on, at least one if there is one, then as many as fit `max_bytes`; none at the end of
    /// the partition. The first batch begins exactly at `offset`. An offset before the first kept record or beyond
    /// the end is [`Error::OffsetOutOfRange`].
    async fn read(&self, at: &TopicPartition, offset: Offset, max_bytes: usize) -> Result<Vec<Batch>>;

    /// First kept offset .. the offset that the next record will get.
    async fn bounds(&self, at: &TopicPartition) -> Result<Range<Offset>>;

    /// Waits until the partition has a record at `offset`.
    async fn wait(&self, at: &TopicPartition, offset: Offset) -> Result<()>;
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    pub fn new(topic: impl Into<String>, partition: u32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}
