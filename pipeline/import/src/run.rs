//! Appends what the reader reads, and tells what became of it.

use std::collections::{HashMap, VecDeque};
use std::ops::AddAssign;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tickertape_broker::{Ack, Broker, Phase, TopicPartition};
use tickertape_records::{ImportProgress, topics};
use tokio::sync::{mpsc, watch};

use crate::discover::Input;
use crate::error::Error;
use crate::flush::{Flush, Layout};
use crate::reader::{Outcome, Reader, Step};

/// Flushes that wait between reader and log: one is read while another is handed over.
const QUEUE: usize = 2;
/// Appends that wait for the disk, about 1 MiB each: enough for a few to share one sync.
const MAX_IN_FLIGHT: usize = 8;
/// How much of topic `imports` is read at once.
const READ_BYTES: usize = 1024 * 1024;

/// How far an import has come, for whoever shows it. Records count once they are on the log for good.
#[derive(Debug, Default)]
pub struct Progress {
    /// Size of all files on disk.
    pub bytes_total: AtomicU64,
    /// How much of that was read or passed over.
    pub bytes_read: AtomicU64,
    /// Messages appended.
    pub messages: AtomicU64,
    /// Events appended.
    pub events: AtomicU64,
    /// Dead letters appended.
    pub dead_letters: AtomicU64,
    /// Inputs finished, however they ended.
    pub files_done: AtomicU64,
}

/// How many records of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages.
    pub messages: u64,
    /// Events, from service messages.
    pub events: u64,
    /// Records that could not be understood.
    pub dead_letters: u64,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// What it put on the log.
    pub appended: Counts,
    /// Files read to their end.
    pub imported: u64,
    /// Files that had been imported before, by content.
    pub already_imported: u64,
    /// Files in a folder that are no exports.
    pub passed_over: u64,
    /// Files that could not be read, or not to their end; what was readable is on the log.
    pub broken: Vec<BrokenFile>,
    /// It was told to stop before it was through; run again, it goes on from there.
    pub stopped: bool,
}

/// A file that could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenFile {
    /// The path as it was found.
    pub path: String,
    /// What is wrong and where.
    pub reason: String,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.events += other.events;
        self.dead_letters += other.dead_letters;
    }
}

/// Reads `inputs` and appends their records to the topics, which must exist.
///
/// Ends when everything is on the log, or soon after `phase` becomes [`Phase::Stopping`]. Dropped in between, nothing
/// is lost either: the position of a file is appended with its records, in one step where the engine can do that. An
/// engine that cannot may see up to one flush of records twice, the same ones in the same order.
///
/// A broken record becomes a dead letter, a broken file is listed in the summary. An error is the log's.
pub async fn run(
    broker: Arc<dyn Broker>,
    inputs: Vec<Input>,
    progress: Arc<Progress>,
    mut phase: watch::Receiver<Phase>,
) -> Result<Summary, Error> {
    let layout = Layout {
        messages: broker.existing_topic(topics::MESSAGES).await?.partitions,
        events: broker.existing_topic(topics::EVENTS).await?.partitions,
    };
    let known = known_files(&*broker).await?;
    progress.bytes_total.store(inputs.iter().map(Input::bytes).sum(), Ordering::Relaxed);

    let (sender, mut steps) = mpsc::channel(QUEUE);
    let reader = Reader { layout, known, progress: progress.clone(), steps: sender };
    // Not one of the runtime's blocking threads: the runtime waits for those when it ends, and one that waits for a
    // silent pipe would hold it up for ever.
    let thread = std::thread::spawn(move || reader.read_all(inputs));
    let mut appender = Appender { broker, progress, in_flight: VecDeque::new(), summary: Summary::default() };
    loop {
        let step = tokio::select! {
            biased;
            () = stopping(&mut phase) => {
                appender.summary.stopped = true;
                break;
            }
            step = steps.recv() => step,
        };
        match step {
            None => break,
            Some(Step::Append(flush)) => appender.append(flush).await?,
            Some(Step::Finished { input, outcome }) => appender.finished(&input, outcome),
        }
    }
    let summary = appender.drain().await?;
    if !summary.stopped
        && let Err(panic) = thread.join()
    {
        resume_unwind(panic);
    }
    Ok(summary)
}

/// Waits until the process wants to stop.
async fn stopping(phase: &mut watch::Receiver<Phase>) {
    if phase.wait_for(|phase| *phase == Phase::Stopping).await.is_err() {
        std::future::pending::<()>().await; // whoever could tell us is gone, which is no reason to lose records
    }
}

/// How far each file was read before: the last record of topic `imports` for each file id.
async fn known_files(broker: &dyn Broker) -> Result<HashMap<String, ImportProgress>, Error> {
    let at = TopicPartition::new(topics::IMPORTS, 0);
    let bounds = broker.bounds(&at).await?;
    let mut known = HashMap::new();
    let mut next = bounds.start;
    while next < bounds.end {
        for batch in broker.read(&at, next, READ_BYTES).await? {
            for record in batch.iter() {
                let progress = ImportProgress::decode(record.value)
                    .map_err(|source| Error::Progress { offset: record.offset, source })?;
                known.insert(progress.file_id.clone(), progress);
            }
            next = batch.end_offset();
        }
    }
    Ok(known)
}

struct Appender {
    broker: Arc<dyn Broker>,
    progress: Arc<Progress>,
    in_flight: VecDeque<(Ack, Counts)>,
    summary: Summary,
}

impl Appender {
    async fn append(&mut self, flush: Flush) -> Result<(), Error> {
        if self.in_flight.len() == MAX_IN_FLIGHT {
            self.acknowledged().await?;
        }
        if !flush.batches.is_empty() {
            let ack = self.broker.append(flush.batches).await?;
            self.in_flight.push_back((ack, flush.counts));
        }
        Ok(())
    }

    /// Waits for the oldest append.
    async fn acknowledged(&mut self) -> Result<(), Error> {
        if let Some((ack, counts)) = self.in_flight.pop_front() {
            ack.await?;
            self.summary.appended += counts;
            self.progress.messages.fetch_add(counts.messages, Ordering::Relaxed);
            self.progress.events.fetch_add(counts.events, Ordering::Relaxed);
            self.progress.dead_letters.fetch_add(counts.dead_letters, Ordering::Relaxed);
        }
        Ok(())
    }

    fn finished(&mut self, input: &Input, outcome: Outcome) {
        let path = input.path();
        tracing::debug!(path, ?outcome, "file finished");
        self.progress.files_done.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Outcome::Imported => self.summary.imported += 1,
            Outcome::Known => self.summary.already_imported += 1,
            Outcome::Passed => self.summary.passed_over += 1,
            Outcome::Broken(reason) => self.summary.broken.push(BrokenFile { path, reason }),
        }
    }

    async fn drain(mut self) -> Result<Summary, Error> {
        while !self.in_flight.is_empty() {
            self.acknowledged().await?;
        }
        Ok(self.summary)
    }
}
