//! How far an account's producer is, for whoever shows it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one account since its start. Read at any time.
#[derive(Debug, Default)]
pub struct Progress {
    /// Messages put on the log, edits included.
    pub messages: AtomicU64,
    /// Events put on the log.
    pub events: AtomicU64,
    /// Deletions put on the log.
    pub deletions: AtomicU64,
    /// Messages received again in a version that is on the log already.
    pub repeated: AtomicU64,
    /// Pages of history read.
    pub pages: AtomicU64,
    /// Chats followed.
    pub chats: AtomicU64,
    /// Chats with missing messages or doubtful edits, at the last look.
    pub chats_behind: AtomicU64,
    /// Messages known to be missing, at the last look.
    pub missing: AtomicU64,
    /// Lists of dialogs read to their end.
    pub sweeps: AtomicU64,
}

impl Progress {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn set(counter: &AtomicU64, value: u64) {
        counter.store(value, Ordering::Relaxed);
    }
}
