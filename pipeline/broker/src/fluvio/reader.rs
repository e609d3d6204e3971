//! Reading: fetches from an offset, and checks what came.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ::fluvio::Isolation;
use ::fluvio::dataplane::record::{Batch as Wire, RawRecords, RecordSet, ReplicaKey};
use fluvio_spu_schema::fetch::{FetchPartition, FetchRequest, FetchableTopic};
use fluvio_spu_schema::server::fetch_offset::FetchOffsetsRequest;

use super::cluster::{Cluster, Purpose};
use super::decide::{Fetched, Next, Outcome, Read, Seen, Tries};
use super::{codec, outcome};
use crate::{Batch, Error, Offset, Result, TopicPartition};

/// Smallest fetch: less is one batch anyway.
const SMALLEST_FETCH: usize = 64 * 1024;
/// From this size on, records are decoded where that may block.
const BLOCKING_BYTES: usize = 64 * 1024;
/// Readers whose batches are kept: more than there are partitions in one process.
const KEPT: usize = 64;

/// What a fetch gave beyond what was asked for, in wait for the next read.
#[derive(Default)]
struct Rest {
    batches: VecDeque<Batch>,
    used: u64,
}

/// Reads partitions.
pub(super) struct Reader {
    cluster: Arc<Cluster>,
    /// Size of a fetch, raised for batches that are larger.
    fetch_bytes: AtomicUsize,
    rests: Mutex<Rests>,
}

/// By partition and next offset.
#[derive(Default)]
struct Rests {
    rests: HashMap<(TopicPartition, Offset), Rest>,
    clock: u64,
}

impl Reader {
    pub(super) fn new(cluster: Arc<Cluster>) -> Self {
        let fetch_bytes = AtomicUsize::new(cluster.options.max_bytes.max(SMALLEST_FETCH));
        Self { cluster, fetch_bytes, rests: Mutex::default() }
    }

    /// See [`crate::Broker::read`].
    pub(super) async fn read(
        &self,
        at: &TopicPartition,
        offset: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Batch>> {
        let mut batches = match self.take(at, offset) {
            Some(batches) => batches,
            None => self.fetch(at, offset).await?.into(),
        };
        let mut size = 0;
        let mut taken = Vec::new();
        while let Some(batch) =
            batches.pop_front_if(|batch| taken.is_empty() || size + batch.bytes() <= max_bytes)
        {
            size += batch.bytes();
            taken.push(batch);
        }
        if let (Some(last), false) = (taken.last(), batches.is_empty()) {
            self.keep(at, last.end_offset(), batches);
        }
        Ok(taken)
    }

    /// Batches from `offset` on, none at the end.
    async fn fetch(&self, at: &TopicPartition, offset: Offset) -> Result<Vec<Batch>> {
        let cluster = &self.cluster;
        let mut tries = Tries::new(cluster.options.give_up_after());
        let mut max_bytes = self.fetch_bytes.load(Ordering::Relaxed);
        loop {
            let started = Instant::now();
            let (outcome, batches) = self.ask(at, offset, max_bytes).await;
            if let Some(reason) = outcome.reason() {
                tracing::warn!(%at, offset, reason, "a fetch from the cluster failed");
            }
            let next = tries.decide_fetch(offset, &mut max_bytes, outcome, started.elapsed());
            self.fetch_bytes.fetch_max(max_bytes, Ordering::Relaxed);
            match next {
                Next::Done(Read::AtEnd) => return Ok(Vec::new()),
                Next::Done(Read::Batches(range)) => return decode(at, offset, batches, range).await,
                Next::Again { after, renew } => {
                    cluster.prepare(at, Purpose::Read, &mut tries, after, renew).await?;
                }
                Next::GiveUp(why) => return Err(cluster.gave_up(at, offset, "read", why)),
            }
        }
    }

    /// One fetch.
    async fn ask(
        &self,
        at: &TopicPartition,
        offset: Offset,
        max_bytes: usize,
    ) -> (Outcome<Fetched>, Vec<Wire<RawRecords>>) {
        let max_bytes = i32::try_from(max_bytes).unwrap_or(i32::MAX);
        let request = FetchRequest::<RecordSet<RawRecords>> {
            max_bytes,
            isolation_level: Isolation::ReadCommitted,
            topics: vec![FetchableTopic {
                name: at.topic.clone(),
                fetch_partitions: vec![FetchPartition {
                    partition_index: at.partition,
                    fetch_offset: offset as i64,
                    max_bytes,
                    ..Default::default()
                }],
            }],
            ..Default::default()
        };
        let answer = match self.cluster.ask(at, Purpose::Read, request).await {
            Outcome::Answer(answer) => answer,
            failed => return (failed.map(|_| unreachable!("not an answer")), Vec::new()),
        };
        let Some(partition) = answer.find_partition(&at.topic, at.partition) else {
            return (Outcome::Lost("the answer does not name the partition".into()), Vec::new());
        };
        if let busy @ Outcome::Busy(_) = outcome(partition.error_code.clone(), ()) {
            // An SPU has no error of its own for an offset beyond the end.
            let outcome = match self.cluster.ask_bounds(at).await {
                Outcome::Answer(bounds) if bounds.start <= offset && offset <= bounds.end => {
                    busy.map(|()| unreachable!("not an answer"))
                }
                asked => asked.map(|b| Fetched { start: b.start, end: b.end, batches: Vec::new() }),
            };
            return (outcome, Vec::new());
        }
        let batches = partition.records.batches;
        let seen = |batch: &Wire<RawRecords>| Seen {
            first: batch.base_offset as u64,
            records: batch.records_len() as u64,
            whole: codec::is_whole(batch),
        };
        let fetched = Fetched {
            start: partition.log_start_offset as u64,
            end: partition.high_watermark as u64,
            batches: batches.iter().map(seen).collect(),
        };
        (outcome(partition.error_code, fetched), batches)
    }

    /// Forgets what was read of a topic.
    pub(super) fn forget(&self, name: &str) {
        self.rests(|rests| rests.rests.retain(|(at, _), _| at.topic != name));
    }

    fn take(&self, at: &TopicPartition, offset: Offset) -> Option<VecDeque<Batch>> {
        self.rests(|rests| rests.rests.remove(&(at.clone(), offset)).map(|rest| rest.batches))
    }

    fn keep(&self, at: &TopicPartition, offset: Offset, batches: VecDeque<Batch>) {
        self.rests(|rests| {
            rests.clock += 1;
            let used = rests.clock;
            rests.rests.insert((at.clone(), offset), Rest { batches, used });
            if rests.rests.len() > KEPT
                && let Some(oldest) =
                    rests.rests.iter().min_by_key(|(_, rest)| rest.used).map(|(key, _)| key.clone())
            {
                rests.rests.remove(&oldest);
            }
        });
    }

    fn rests<T>(&self, look: impl FnOnce(&mut Rests) -> T) -> T {
        look(&mut self.rests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn decode(
    at: &TopicPartition,
    offset: Offset,
    mut wire: Vec<Wire<RawRecords>>,
    range: Range<usize>,
) -> Result<Vec<Batch>> {
    wire.truncate(range.end);
    wire.drain(..range.start);
    let bytes: usize = wire.iter().map(|batch| batch.records().0.len()).sum();
    let at = at.clone();
    let decode = move || {
        wire.iter()
            .map(|batch| {
                let first = (batch.base_offset as u64).max(offset);
                let damaged = |reason| Error::Damaged { at: at.clone(), offset: first, reason };
                let records = codec::decode(batch, first).map_err(damaged)?;
                Batch::decode(&at, first, records.encode().into())
            })
            .collect()
    };
    if bytes < BLOCKING_BYTES {
        return decode();
    }
    match tokio::task::spawn_blocking(decode).await {
        Ok(batches) => batches,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Ok(Vec::new()), // the runtime is shutting down, and nobody reads any more
        },
    }
}

impl Cluster {
    /// See [`crate::Broker::bounds`].
    pub(super) async fn bounds(&self, at: &TopicPartition) -> Result<Range<Offset>> {
        self.settle(at, Purpose::Read, "asked for bounds", || Box::pin(self.ask_bounds(at))).await
    }

    async fn ask_bounds(&self, at: &TopicPartition) -> Outcome<Range<Offset>> {
        let request = FetchOffsetsRequest::new(at.topic.clone(), at.partition);
        let answer = match self.ask(at, Purpose::Read, request).await {
            Outcome::Answer(answer) => answer,
            failed => return failed.map(|_| 0..0),
        };
        match answer.find_partition(&ReplicaKey::new(at.topic.clone(), at.partition)) {
            Some(partition) => {
                let bounds = partition.start_offset as u64..partition.last_stable_offset as u64;
                outcome(partition.error_code, bounds)
            }
            None => Outcome::Lost("the answer does not name the partition".into()),
        }
    }
}
