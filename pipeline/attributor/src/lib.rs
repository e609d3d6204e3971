//! The attribution stage: messages in, attributed messages out.
//!
//! For each partition of `messages` one task reads every record in order, finds its coin with the pure crate
//! `tickertape-attribution`, and appends the whole message with its outcome to the same partition of `attributed`.
//!
//! The stage's position is the last record it wrote: each output names the input offset that caused it
//! ([`recovery`]). The reply chains in memory come back from a checkpoint file that names the offset it covers, and
//! from reading silently what lies between it and the last output. So a stage killed at any instant goes on as if
//! nothing had happened, and writes the same bytes.
//!
//! A coin list comes into force at an offset that is written down on topic `coin-swaps` before the first output under
//! it ([`swaps`]): whoever reads the same messages again, here or on another machine, swaps at the same record.

mod checkpoint;
mod lists;
mod outcome;
mod recovery;
mod schedule;
mod stage;
mod swaps;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use tickertape_attribution::chain::ChainConfig;
use tickertape_broker::Positions;

pub use stage::run;

/// Bytes read at once: enough to make appends large, small enough that four in flight are a few MiB.
const READ_BYTES: usize = 1 << 20;

/// What the stage is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// How texts are matched.
    pub matching: tickertape_attribution::Options,
    /// How long and how many parents are remembered.
    pub chain: ChainConfig,
    /// Where checkpoints lie, one file a partition.
    pub checkpoints: PathBuf,
}

/// What the stage has done since it started, for the command line and metrics.
#[derive(Debug, Default)]
pub struct Progress {
    /// Messages whose coin their own text gave.
    pub direct: AtomicU64,
    /// Messages that inherited a coin.
    pub inherited: AtomicU64,
    /// Messages without a coin because of a tie.
    pub tie: AtomicU64,
    /// Messages without a coin.
    pub none: AtomicU64,
    /// Records that repeated a message already known, in the same or an older version.
    pub repeated: AtomicU64,
    /// Messages emitted again: edited, or an ancestor became known or changed.
    pub revised: AtomicU64,
    /// Deletions passed on.
    pub deleted: AtomicU64,
    /// Records that could not be understood.
    pub dead_letters: AtomicU64,
    /// Parents forgotten before their time because the store was full.
    pub evicted: AtomicU64,
    /// The partitions being attributed, and how far.
    pub positions: Positions,
}

impl Progress {
    /// Messages attributed for the first time.
    pub fn messages(&self) -> u64 {
        [&self.direct, &self.inherited, &self.tie, &self.none].map(|n| n.load(Ordering::Relaxed)).iter().sum()
    }
}

/// The stage ended before its input did.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log failed.
    #[error(transparent)]
    Broker(#[from] tickertape_broker::Error),
    /// A coin list does not make a matcher.
    #[error("coin list {version}: {reason}")]
    CoinList {
        /// Its version.
        version: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// No list was ever published.
    #[error("topic coin-lists is empty; publish a list with `tickertape coins refresh` or `tickertape run`")]
    NoCoinList,
    /// Topic `coin-swaps` does not agree with what was attributed.
    #[error("{at}: {reason}")]
    Swaps {
        /// Which partition of it.
        at: tickertape_broker::TopicPartition,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A record this stage wrote cannot be read back.
    #[error("{at}: the record at offset {offset} cannot be read back: {reason}")]
    Unreadable {
        /// Which partition.
        at: tickertape_broker::TopicPartition,
        /// Its offset.
        offset: u64,
        /// What is wrong with it.
        reason: tickertape_records::Error,
    },
    /// The checkpoint file cannot be written.
    #[error(
        "checkpoint {path} cannot be written: {source}; free space or mend its permissions, then start again"
    )]
    Checkpoint {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}
