//! Appending: one queue for each partition, one request of it on its way at a time.
//!
//! While a request is on its way the next ones collect and are compressed together; that is all the batching there
//! is. A request is repeated, the same bytes, until it is acknowledged, so nothing overtakes a batch that failed.
//! When the cluster stays away for too long the queue fails as a whole and takes no more: what came behind a batch
//! that is missing must not be on the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ::fluvio::Isolation;
use ::fluvio::dataplane::record::{Batch as Wire, RawRecords, RecordSet};
use fluvio_spu_schema::produce::{DefaultPartitionRequest, DefaultProduceRequest, DefaultTopicRequest};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::cluster::{Cluster, Purpose};
use super::decide::Outcome;
use super::{codec, outcome};
use crate::{Ack, BatchBuilder, Error, Offset, Result, TopicPartition};

/// A request carries about this much before compression: more gains nothing, and it must be answered in time.
const REQUEST_BYTES: usize = 1024 * 1024;
/// From this size on, records are encoded where that may block.
const BLOCKING_BYTES: usize = 64 * 1024;
/// Added to the size of each batch, so that the queue is bounded in number, too.
const OVERHEAD: usize = 256;

/// What a batch takes of the queue's room.
pub(super) fn weight(builder: &BatchBuilder) -> usize {
    OVERHEAD + builder.bytes()
}

/// The queue of one partition.
pub(super) struct Writer {
    queue: mpsc::UnboundedSender<Entry>,
}

/// A batch that waits.
struct Entry {
    builder: BatchBuilder,
    done: oneshot::Sender<Result<Offset>>,
    /// Opens when everything is acknowledged that must be on the log before this.
    after: Option<watch::Receiver<Gate>>,
    /// Counts this batch down.
    gate: Arc<watch::Sender<Gate>>,
    _room: Arc<OwnedSemaphorePermit>,
}

/// Batches of one call, of one topic, that are not acknowledged yet; or why they never will be.
type Gate = Result<usize>;

/// Puts the batches of one call into their queues. Those of one topic are sent at the same time; those of the next
/// topic wait until they are acknowledged.
pub(super) fn enqueue(
    writers: &mut HashMap<TopicPartition, Writer>,
    cluster: &Arc<Cluster>,
    batches: Vec<(TopicPartition, BatchBuilder)>,
    room: OwnedSemaphorePermit,
) -> Ack {
    let room = Arc::new(room);
    let mut firsts = Vec::with_capacity(batches.len());
    let mut after = None;
    let mut open: Option<(String, Arc<watch::Sender<Gate>>)> = None;
    for (at, builder) in batches {
        let gate = match open.take() {
            Some((topic, gate)) if topic == at.topic => gate,
            earlier => {
                after = earlier.map(|(_, gate)| gate.subscribe());
                Arc::new(watch::Sender::new(Ok(0)))
            }
        };
        gate.send_modify(|left| {
            if let Ok(left) = left {
                *left += 1;
            }
        });
        open = Some((at.topic.clone(), gate.clone()));
        let (done, first) = oneshot::channel();
        firsts.push((at.clone(), first));
        let mut entry = Entry { builder, done, after: after.clone(), gate, _room: room.clone() };
        loop {
            let writer =
                writers.entry(at.clone()).or_insert_with(|| Writer::start(cluster.clone(), at.clone()));
            match writer.queue.send(entry) {
                Ok(()) => break,
                // Its topic was deleted: the next queue finds out whether it is there again.
                Err(mpsc::error::SendError(back)) => entry = back,
            }
            writers.remove(&at);
        }
    }
    let cluster = cluster.clone();
    Box::pin(async move {
        let mut offsets = Vec::with_capacity(firsts.len());
        for (at, first) in firsts {
            let stopped = |_| {
                Err(cluster
                    .error(format!("written ({at})"), "its topic was deleted, or the program is stopping"))
            };
            offsets.push(first.await.unwrap_or_else(stopped)?);
        }
        Ok(offsets)
    })
}

/// Batches that share a request.
struct Group {
    entries: Vec<Entry>,
    wire: Result<Vec<Wire<RawRecords>>, String>,
}

impl Writer {
    fn start(cluster: Arc<Cluster>, at: TopicPartition) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        // One group is encoded while the one before it is on its way.
        let (groups, ready) = mpsc::channel(1);
        tokio::spawn(collect(cluster.clone(), waiting, groups));
        tokio::spawn(send(cluster, at, ready));
        Self { queue }
    }
}

/// Groups what waits and encodes it.
async fn collect(
    cluster: Arc<Cluster>,
    mut waiting: mpsc::UnboundedReceiver<Entry>,
    groups: mpsc::Sender<Group>,
) {
    let mut held: Option<Entry> = None;
    loop {
        // Room first: what comes in the meantime joins the group.
        let Ok(slot) = groups.reserve().await else { return };
        let Some(first) = (match held.take() {
            Some(entry) => Some(entry),
            None => waiting.recv().await,
        }) else {
            return;
        };
        if let Some(mut after) = first.after.clone() {
            let opened = after.wait_for(|left| !matches!(left, Ok(left) if *left > 0)).await;
            let failed = match opened {
                Ok(left) => left.as_ref().err().cloned(),
                Err(_) => Some(cluster.error("written", "the batches before it were given up")),
            };
            if let Some(error) = failed {
                slot.send(Group { entries: vec![first], wire: Err(error.to_string()) });
                continue;
            }
        }
        let linger = cluster.options.linger();
        if !linger.is_zero() && first.builder.bytes() < cluster.options.batch_bytes {
            tokio::time::sleep(linger).await;
        }
        let mut bytes = first.builder.bytes();
        let mut entries = vec![first];
        while bytes < REQUEST_BYTES
            && let Ok(next) = waiting.try_recv()
        {
            let closed = next.after.as_ref().is_some_and(|after| !matches!(*after.borrow(), Ok(0)));
            if closed || bytes + next.builder.bytes() > 2 * REQUEST_BYTES {
                held = Some(next);
                break;
            }
            bytes += next.builder.bytes();
            entries.push(next);
        }
        let (batch_bytes, compression) = (cluster.options.batch_bytes, cluster.options.compression);
        let encode = move || {
            let wire = encode(&entries, batch_bytes, compression);
            Group { entries, wire }
        };
        let group = if bytes < BLOCKING_BYTES {
            encode()
        } else {
            match tokio::task::spawn_blocking(encode).await {
                Ok(group) => group,
                Err(stopped) => match stopped.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => return,
                },
            }
        };
        slot.send(group);
    }
}

/// The records of all entries in batches of `batch_bytes`.
fn encode(
    entries: &[Entry],
    batch_bytes: usize,
    compression: super::Compression,
) -> Result<Vec<Wire<RawRecords>>, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let mut batches = Vec::new();
    let mut records: Vec<(&[u8], &[u8])> = Vec::new();
    let mut bytes = 0;
    for (key, value) in entries.iter().flat_map(|entry| entry.builder.iter()) {
        if bytes + key.len() + value.len() > batch_bytes && !records.is_empty() {
            batches.push(codec::encode(records.drain(..), compression, now)?);
            bytes = 0;
        }
        bytes += key.len() + value.len();
        records.push((key, value));
    }
    batches.push(codec::encode(records.drain(..), compression, now)?);
    Ok(batches)
}

/// Sends the groups one after another; after the first that cannot be sent, none.
async fn send(cluster: Arc<Cluster>, at: TopicPartition, mut groups: mpsc::Receiver<Group>) {
    let mut failure: Option<Error> = None;
    while let Some(Group { entries, wire }) = groups.recv().await {
        let appended = match (&failure, wire) {
            (Some(failure), _) => Err(failure.clone()),
            (None, Ok(wire)) => append(&cluster, &at, &wire).await,
            (None, Err(reason)) => Err(cluster.error(format!("written ({at})"), reason)),
        };
        if let Err(error) = &appended
            && failure.is_none()
        {
            tracing::error!(%error, %at, "the partition takes no more appends");
            failure = Some(error.clone());
        }
        answer(entries, appended);
        if let Some(gone @ Error::NoSuchPartition { .. }) = &failure {
            // A new queue begins if the topic is there again.
            groups.close();
            while let Some(group) = groups.recv().await {
                answer(group.entries, Err(gone.clone()));
            }
            return;
        }
    }
}

fn answer(entries: Vec<Entry>, appended: Result<Offset>) {
    let mut next = appended;
    for entry in entries {
        let records = entry.builder.len() as u64;
        entry.gate.send_modify(|left| match &next {
            Ok(_) => {
                if let Ok(left) = left {
                    *left -= 1;
                }
            }
            Err(error) => *left = Err(error.clone()),
        });
        // Whoever appended may not care any more.
        let _ = entry.done.send(next.clone());
        next = next.map(|first| first + records);
    }
}

/// Appends the batches and returns the offset of the first record.
async fn append(cluster: &Cluster, at: &TopicPartition, batches: &[Wire<RawRecords>]) -> Result<Offset> {
    cluster.settle(at, Purpose::Append, "written", || Box::pin(try_append(cluster, at, batches))).await
}

async fn try_append(cluster: &Cluster, at: &TopicPartition, batches: &[Wire<RawRecords>]) -> Outcome<Offset> {
    let records = RecordSet { batches: batches.to_vec() };
    let request = DefaultProduceRequest {
        isolation: Isolation::ReadCommitted,
        timeout: cluster.options.request_timeout(),
        topics: vec![DefaultTopicRequest {
            name: at.topic.clone(),
            partitions: vec![DefaultPartitionRequest { partition_index: at.partition, records }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = match cluster.ask(at, Purpose::Append, request).await {
        Outcome::Answer(answer) => answer,
        failed => return failed.map(|_| 0),
    };
    match answer.find_partition_response(&at.topic, at.partition) {
        Some(partition) => outcome(partition.error_code.clone(), partition.base_offset as u64),
        None => Outcome::Lost("the answer does not name the partition".into()),
    }
}
