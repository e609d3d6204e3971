//! Where records come to rest: Postgres and Parquet.

use std::sync::atomic::AtomicU64;

pub mod parquet;

/// Counts for the command line and metrics.
#[derive(Debug, Default)]
pub struct Progress {
    /// Records that have come to rest, since the process began.
    pub records: AtomicU64,
    /// Records that could not be understood, since the process began.
    pub dead_letters: AtomicU64,
}
