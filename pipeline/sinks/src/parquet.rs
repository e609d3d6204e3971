//! Topics as Parquet files, to be studied later. `docs/archive.md` is the contract for who reads them.
//!
//! The partition is read in ranges of offsets. A range is held in memory as columns, sorted by date, split into
//! calendar months and written as one file a month; then a commit record says that all of them are there. That record
//! is the position, and there is no other. After a crash the range is read and written again: where a range ends
//! depends on its records alone, so the same names get the same bytes.
//!
//! ```text
//! archive/messages/month=2021-03/attributed-0-0-524287.parquet
//! archive/messages/month=2021-04/attributed-0-0-524287.parquet
//! archive/messages/_commits/attributed-0-0-524287.json
//! ```
//!
//! A record that cannot be understood is left out, counted and logged; the Postgres sink, which reads the same
//! record, keeps it as a dead letter, so that it is kept once.
//!
//! Never here: the clock, the order of a hash table, or anything but records and offsets in a decision about files.

mod adopt;
mod archive;
mod channels;
mod clients;
mod columns;
mod commit;
mod encode;
mod error;
mod events;
mod limits;
mod links;
mod messages;
mod range;
mod rows;
mod table;
mod views;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::{StreamExt, TryStreamExt, stream};
use tickertape_broker::{self as broker, Broker, Follower, Phase, TopicPartition};
use tickertape_records::{Channel, Event, Link, ViewCount, topics};
use tokio::sync::watch;

use crate::Progress;
use crate::reports::DigestedReport;
use commit::{Commit, CommittedFile, History};
use messages::Messages;
use range::{Month, OpenRange, SortedRange};
use rows::Rows;
use table::Table;

pub use adopt::adopt;
pub use archive::Archive;
pub use encode::ARCHIVE_SCHEMA;
pub use error::{Error, Result};
pub use limits::RangeLimits;

/// Bytes read from the log at once.
const READ_BYTES: usize = 4 << 20;

/// Files being written while the next one is encoded, each held in memory: a disk's sync takes as long as encoding.
const FILES_IN_FLIGHT: usize = 2;

/// The topics that are history and have a table.
pub const TOPICS: [&str; 6] =
    [topics::ATTRIBUTED, topics::EVENTS, topics::LINKS, topics::CHANNELS, topics::CLIENTS, topics::VIEWS];

/// Archives one partition of one of [`TOPICS`], from where the archive ends, until told to stop.
///
/// When drained, the open range is written as it is. When stopped, it is given up and read again next time.
///
/// # Errors
/// [`broker::Error::TopicReset`] when the archive was written from a topic that is gone; see [`Error`] for the rest.
pub async fn run(
    archive: &Archive,
    broker: Arc<dyn Broker>,
    at: TopicPartition,
    phase: watch::Receiver<Phase>,
    progress: Arc<Progress>,
) -> Result<()> {
    match at.topic.as_str() {
        topics::ATTRIBUTED => run_table::<Messages>(archive, broker, at, phase, &progress).await,
        topics::EVENTS => run_table::<Rows<Event>>(archive, broker, at, phase, &progress).await,
        topics::LINKS => run_table::<Rows<Link>>(archive, broker, at, phase, &progress).await,
        topics::CHANNELS => run_table::<Rows<Channel>>(archive, broker, at, phase, &progress).await,
        topics::CLIENTS => run_table::<Rows<DigestedReport>>(archive, broker, at, phase, &progress).await,
        topics::VIEWS => run_table::<Rows<ViewCount>>(archive, broker, at, phase, &progress).await,
        _ => Err(Error::NoTable { topic: at.topic }),
    }
}

async fn run_table<T: Table>(
    archive: &Archive,
    broker: Arc<dyn Broker>,
    at: TopicPartition,
    phase: watch::Receiver<Phase>,
    progress: &Progress,
) -> Result<()> {
    let history = History::read(archive, T::NAME, &at).await?;
    let topic = broker.topic(&at.topic).await?;
    let epoch = topic.ok_or_else(|| broker::Error::NoSuchPartition { at: at.clone() })?.epoch;
    let mut follower = Follower::open(broker, at.clone(), history.position, READ_BYTES, phase).await?;
    // Only now that the topic is known to be the right one.
    archive.clear_staging(&commit::stem(&at)).await?;

    let reading = progress.positions.reading(at.clone(), follower.position());
    let mut left_behind = history.uncommitted;
    let mut range = OpenRange::<T>::new(at, archive.limits(), follower.position(), history.last_input);
    while let Some(batches) = follower.next().await? {
        let mut rest = VecDeque::from(batches);
        loop {
            let ended;
            (range, rest, ended) = off_thread(move || {
                let ended = range.absorb(&mut rest);
                (range, rest, ended)
            })
            .await;
            if !ended {
                break;
            }
            range = write(archive, range, epoch, &mut left_behind, progress).await?;
            reading.reached(range.first());
        }
    }
    if follower.phase() == Phase::Draining && !range.is_empty() {
        write(archive, range, epoch, &mut left_behind, progress).await?;
    }
    Ok(())
}

/// Writes a range and commits it; returns the one behind it.
///
/// Another writer of this partition, one that does not know yet that it was replaced, writes the same bytes under the
/// same names. So what an earlier one left behind is replaced, not deleted and written again: its commit record could
/// appear in between and would name files that are not there.
async fn write<T: Table>(
    archive: &Archive,
    range: OpenRange<T>,
    epoch: u64,
    left_behind: &mut Vec<String>,
    progress: &Progress,
) -> Result<OpenRange<T>> {
    let range = Arc::new(off_thread(move || range.sort()).await);
    // Each step owns what it works on: a stream of futures that borrow cannot be spawned.
    let files: Vec<CommittedFile> = stream::iter(range.months.clone())
        .then(|month| encode_month::<T>(Arc::clone(&range), month))
        .map_ok(|(file, bytes)| write_file(archive.clone(), T::NAME, file, bytes))
        .try_buffered(FILES_IN_FLIGHT)
        .try_collect()
        .await?;
    for stale in left_behind.drain(..) {
        if !files.iter().any(|file| stale == format!("{}/{}", T::NAME, file.name)) {
            archive.delete(&stale).await?; // that range ended elsewhere
        }
    }
    Commit::new(&range, epoch, files).write(archive, T::NAME).await?;
    tracing::info!(
        at = %range.at,
        offsets = %format_args!("{}..={}", range.first, range.last()),
        rows = range.rows(),
        files = range.months.len(),
        "archived"
    );
    progress.records.fetch_add(range.rows() + range.superseded + range.repeats, Ordering::Relaxed);
    progress.dead_letters.fetch_add(range.unreadable, Ordering::Relaxed);
    Ok(range.following())
}

async fn encode_month<T: Table>(range: Arc<SortedRange>, month: Month) -> Result<(CommittedFile, Vec<u8>)> {
    let range_name = commit::range_name(&range.at, range.first, range.last());
    let name = format!("month={}/{range_name}.parquet", month.name);
    let rows = month.rows.len() as u64;
    let bytes = off_thread(move || encode::encode::<T>(&range, &month))
        .await
        .map_err(|source| Error::Encode { file: format!("{}/{name}", T::NAME), source })?;
    Ok((CommittedFile { name, rows, bytes: bytes.len() as u64 }, bytes))
}

async fn write_file(
    archive: Archive,
    table: &'static str,
    file: CommittedFile,
    bytes: Vec<u8>,
) -> Result<CommittedFile> {
    archive.write(&format!("{table}/{}", file.name), bytes.into()).await?;
    Ok(file)
}

/// Runs what keeps a core busy or blocks on the disk where it does not hold up other stages.
async fn off_thread<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
