//! Logs that fail as engines and machines do, for tests: each says what becomes of an append, and for the rest is the
//! log underneath.

mod at_least_once;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use tickertape_broker::{
    Ack, Batch, BatchBuilder, Broker, Offset, Result, TopicInfo, TopicPartition, TopicSpec,
};

pub use at_least_once::AtLeastOnce;

/// What becomes of an append.
#[async_trait]
pub trait Appends: Send + Sync + 'static {
    /// As [`Broker::append`], with the log underneath.
    async fn append(
        &self,
        log: &Arc<dyn Broker>,
        batches: Vec<(TopicPartition, BatchBuilder)>,
    ) -> Result<Ack>;
}

/// A log whose appends go another way.
pub struct Faulty<A> {
    /// The log underneath.
    pub log: Arc<dyn Broker>,
    /// The other way.
    pub appends: A,
}

#[async_trait]
impl<A: Appends> Broker for Faulty<A> {
    async fn append(&self, batches: Vec<(TopicPartition, BatchBuilder)>) -> Result<Ack> {
        self.appends.append(&self.log, batches).await
    }
    async fn create_topic(&self, spec: &TopicSpec) -> Result<TopicInfo> {
        self.log.create_topic(spec).await
    }
    async fn topic(&self, name: &str) -> Result<Option<TopicInfo>> {
        self.log.topic(name).await
    }
    async fn topics(&self) -> Result<Vec<TopicInfo>> {
        self.log.topics().await
    }
    async fn delete_topic(&self, name: &str) -> Result<()> {
        self.log.delete_topic(name).await
    }
    async fn read(&self, at: &TopicPartition, offset: Offset, max_bytes: usize) -> Result<Vec<Batch>> {
        self.log.read(at, offset, max_bytes).await
    }
    async fn bounds(&self, at: &TopicPartition) -> Result<Range<Offset>> {
        self.log.bounds(at).await
    }
    async fn wait(&self, at: &TopicPartition, offset: Offset) -> Result<()> {
        self.log.wait(at, offset).await
    }
}
