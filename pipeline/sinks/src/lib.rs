//! Where records come to rest: Postgres and Parquet.
//!
//! Each sink follows partitions of the log and stores its position in the same atomic step as the data it covers,
//! so that every record ends up there exactly once, whatever is killed and whenever.

pub mod parquet;
pub mod postgres;
mod reports;

use std::sync::atomic::AtomicU64;

use tickertape_broker::Positions;

/// Counts for the command line and metrics.
#[derive(Debug, Default)]
pub struct Progress {
    /// Records that have come to rest since the process began, revisions included.
    pub records: AtomicU64,
    /// Records that could not be understood, since the process began.
    pub dead_letters: AtomicU64,
    /// The partitions being stored, and how far.
    pub positions: Positions,
}
