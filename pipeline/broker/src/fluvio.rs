//! The distributed engine: a Fluvio cluster, for everyone who outgrows one machine.
//!
//! Indistinguishable to stages from the embedded log, with these limits, which `docs/fluvio.md` explains: the batches
//! of one append are not on the log all together but in order; a batch whose acknowledgement was lost may be there
//! twice, which readers recognise; what is acknowledged survives any killed process, not a power cut of all copies.
//!
//! Nothing outside this module names Fluvio. Every decision is in [`decide`], where there is neither I/O nor a clock;
//! [`cluster`] holds the connections, [`writer`], [`reader`] and [`watch`] carry the decisions out.

mod cluster;
mod codec;
mod decide;
mod options;
mod reader;
mod smartmodule;
mod topics;
mod watch;
mod writer;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ::fluvio::dataplane::link::ErrorCode;
use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use self::cluster::{Cluster, Purpose};
use self::decide::{Next, Outcome, Renew, Tries, Why};
pub use self::options::{Compression, Options};
use self::reader::Reader;
use self::watch::Watchers;
use self::writer::Writer;
use crate::{Ack, Batch, BatchBuilder, Broker, Error, Offset, Result, TopicInfo, TopicPartition, TopicSpec};

/// A Fluvio cluster.
///
/// Await the acknowledgements of what was appended before dropping it: what still waits is then sent as long as the
/// runtime lives.
pub struct Fluvio {
    cluster: Arc<Cluster>,
    reader: Reader,
    watchers: Watchers,
    writers: Mutex<HashMap<TopicPartition, Writer>>,
    room: Arc<Semaphore>,
}

impl Fluvio {
    /// Connects to a cluster. Runs on tokio's multi-threaded runtime only.
    pub async fn connect(options: Options) -> Result<Self> {
        let room = Arc::new(Semaphore::new(options.queue_bytes));
        let cluster = Arc::new(Cluster::connect(options).await?);
        let reader = Reader::new(cluster.clone());
        Ok(Self { reader, cluster, watchers: Watchers::default(), writers: Mutex::default(), room })
    }

    /// Asks the SC, again and again while it is away.
    async fn patiently<'a, T: Send>(
        &'a self,
        doing: &str,
        mut ask: impl FnMut() -> BoxFuture<'a, Result<T, String>> + Send,
    ) -> Result<T> {
        let mut tries = Tries::new(self.cluster.options.give_up_after());
        loop {
            let started = Instant::now();
            let outcome = match ask().await {
                Ok(answer) => Outcome::Answer(answer),
                Err(reason) => Outcome::Lost(reason),
            };
            match tries.decide(outcome, started.elapsed()) {
                Next::Done(answer) => return Ok(answer),
                Next::Again { after, .. } => tokio::time::sleep(after).await,
                Next::GiveUp(Why::Failed(reason)) => return Err(self.cluster.error(doing, reason)),
                Next::GiveUp(why) => return Err(self.cluster.error(doing, format!("{why:?}"))),
            }
        }
    }

    /// Forgets all about a topic that is deleted.
    fn forget(&self, name: &str) {
        self.cluster.forget_topic(name);
        self.reader.forget(name);
        self.watchers.forget(name);
        self.writers().retain(|at, _| at.topic != name);
    }

    fn writers(&self) -> std::sync::MutexGuard<'_, HashMap<TopicPartition, Writer>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Broker for Fluvio {
    async fn create_topic(&self, spec: &TopicSpec) -> Result<TopicInfo> {
        self.create(spec).await
    }

    async fn topic(&self, name: &str) -> Result<Option<TopicInfo>> {
        Ok(self.list_topics().await?.into_iter().find(|topic| topic.name == name))
    }

    async fn topics(&self) -> Result<Vec<TopicInfo>> {
        let mut topics = self.list_topics().await?;
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    async fn delete_topic(&self, name: &str) -> Result<()> {
        self.delete(name).await
    }

    async fn append(&self, batches: Vec<(TopicPartition, BatchBuilder)>) -> Result<Ack> {
        for (at, builder) in &batches {
            assert!(!builder.is_empty(), "{at}: an empty batch was appended");
            if !self.writers().contains_key(at) {
                let there =
                    self.patiently("asked about topics of", || Box::pin(self.cluster.has(at))).await?;
                if !there {
                    return Err(Error::NoSuchPartition { at: at.clone() });
                }
            }
        }
        let bytes: usize = batches.iter().map(|(_, builder)| writer::weight(builder)).sum();
        let permits = u32::try_from(bytes.min(self.cluster.options.queue_bytes)).unwrap_or(u32::MAX);
        let room = self.room.clone().acquire_many_owned(permits).await.expect("never closed");
        // All queues are filled in one go: the order of calls is the same in each.
        Ok(writer::enqueue(&mut self.writers(), &self.cluster, batches, room))
    }

    async fn read(&self, at: &TopicPartition, offset: Offset, max_bytes: usize) -> Result<Vec<Batch>> {
        self.reader.read(at, offset, max_bytes).await
    }

    async fn bounds(&self, at: &TopicPartition) -> Result<Range<Offset>> {
        self.cluster.bounds(at).await
    }

    async fn wait(&self, at: &TopicPartition, offset: Offset) -> Result<()> {
        self.watchers.wait(&self.cluster, at, offset).await
    }
}

impl Cluster {
    /// Carries out what was decided about a failed try; an error when the partition is gone.
    async fn prepare(
        &self,
        at: &TopicPartition,
        purpose: Purpose,
        tries: &mut Tries,
        after: std::time::Duration,
        renew: Renew,
    ) -> Result<()> {
        self.renew(at, purpose, renew);
        if renew == Renew::Place && tries.is_gone(self.has(at).await) {
            return Err(Error::NoSuchPartition { at: at.clone() });
        }
        tokio::time::sleep(after).await;
        Ok(())
    }

    /// Repeats a request until it is answered.
    async fn settle<'a, T: Send>(
        &'a self,
        at: &'a TopicPartition,
        purpose: Purpose,
        doing: &str,
        mut ask: impl FnMut() -> BoxFuture<'a, Outcome<T>> + Send,
    ) -> Result<T> {
        let mut tries = Tries::new(self.options.give_up_after());
        loop {
            let started = Instant::now();
            let outcome = ask().await;
            if let Some(reason) = outcome.reason() {
                tracing::warn!(%at, doing, reason, "a request to the cluster failed");
            }
            match tries.decide(outcome, started.elapsed()) {
                Next::Done(answer) => return Ok(answer),
                Next::Again { after, renew } => self.prepare(at, purpose, &mut tries, after, renew).await?,
                Next::GiveUp(why) => return Err(self.gave_up(at, 0, doing, why)),
            }
        }
    }

    /// The error that a stage gets.
    fn gave_up(&self, at: &TopicPartition, offset: Offset, doing: &str, why: Why) -> Error {
        match why {
            Why::OutOfRange { start, end } => {
                Error::OffsetOutOfRange { at: at.clone(), offset, earliest: start, end }
            }
            Why::Damaged(reason) => Error::Damaged { at: at.clone(), offset, reason },
            Why::Failed(reason) => self.error(format!("{doing} ({at})"), reason),
        }
    }
}

/// What an SPU's error code means for the request that got it.
fn outcome<T>(code: ErrorCode, answer: T) -> Outcome<T> {
    match code {
        ErrorCode::None => Outcome::Answer(answer),
        ErrorCode::NotLeaderForPartition
        | ErrorCode::TopicNotFound
        | ErrorCode::TopicDeleted
        | ErrorCode::SpuNotFound
        | ErrorCode::SpuOffline => Outcome::WrongPlace(code.to_string()),
        ErrorCode::MessageTooLarge | ErrorCode::PermissionDenied | ErrorCode::CompressionError => {
            Outcome::Refused(code.to_string())
        }
        _ => Outcome::Busy(code.to_string()),
    }
}
