//! Which batches a topic no longer keeps: a pure decision.

use crate::{Offset, Retention};

/// What retention looks at in a stored batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Offset behind its last record.
    pub(super) end: Offset,
    /// When it was appended, in Unix milliseconds.
    pub(super) appended_at: u64,
    /// Bytes appended to the partition before it.
    pub(super) position: u64,
}

/// Whether the oldest batch may be deleted. Never asked about the newest one.
///
/// `appended` is the number of bytes ever appended to the partition, `now` is in Unix milliseconds.
pub(super) fn is_expired(oldest: Mark, appended: u64, now: u64, retention: Retention) -> bool {
    let too_old =
        retention.age.is_some_and(|age| u128::from(now.saturating_sub(oldest.appended_at)) > age.as_millis());
    let too_much = retention.bytes.is_some_and(|bytes| appended - oldest.position > bytes);
    too_old || too_much
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const OLDEST: Mark = Mark { end: 10, appended_at: 5_000, position: 300 };

    #[test]
    fn nothing_is_deleted_by_default() {
        assert!(!is_expired(OLDEST, u64::MAX, u64::MAX, Retention::default()));
    }

    #[test]
    fn age_counts_from_the_append() {
        let retention = Retention { age: Some(Duration::from_secs(1)), bytes: None };
        assert!(!is_expired(OLDEST, 1_000, 6_000, retention));
        assert!(is_expired(OLDEST, 1_000, 6_001, retention));
        assert!(!is_expired(OLDEST, 1_000, 0, retention), "a clock set back deletes nothing");
    }

    #[test]
    fn bytes_count_what_is_kept() {
        let retention = Retention { age: None, bytes: Some(100) };
        assert!(!is_expired(OLDEST, 400, 0, retention));
        assert!(is_expired(OLDEST, 401, 0, retention));
    }
}
