//! Where one range of offsets ends and the next begins: a pure function of the records.
//!
//! Never the clock and never how the records were batched: whoever reads the same stream again, after a crash or in
//! other portions, cuts it at the same offsets and so writes the same files.

/// Seconds of a day.
const DAY: i64 = 86_400;

/// How large a range may grow. Changing the limits of an archive moves its future boundaries only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeLimits {
    /// Records.
    pub records: u64,
    /// Bytes of their values. A larger record is a range of its own.
    pub bytes: u64,
}

impl Default for RangeLimits {
    /// As large as the memory that a sink may take allows, see `docs/archive.md`.
    fn default() -> Self {
        Self { records: 512 << 10, bytes: 192 << 20 }
    }
}

/// What a boundary depends on in one record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// Size of its value.
    pub(super) bytes: u64,
    /// The UTC day of a fresh record, see [`fresh_day`].
    pub(super) fresh_day: Option<i64>,
}

/// What a range holds so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RangeSize {
    pub(super) records: u64,
    bytes: u64,
    newest_fresh_day: Option<i64>,
}

impl RangeSize {
    /// Whether the range is to end before this record.
    pub(super) fn ends_before(&self, next: Weight, limits: RangeLimits) -> bool {
        if self.records == 0 {
            return false;
        }
        let full = self.records >= limits.records || self.bytes.saturating_add(next.bytes) > limits.bytes;
        let day_is_over = self.newest_fresh_day.is_some_and(|newest| next.fresh_day > Some(newest));
        full || day_is_over
    }

    /// Takes the record into the range.
    pub(super) fn add(&mut self, record: Weight) {
        self.records += 1;
        self.bytes = self.bytes.saturating_add(record.bytes);
        self.newest_fresh_day = self.newest_fresh_day.max(record.fresh_day);
    }
}

/// The UTC day of a record that was received within a day of its date, counted from 1970-01-01; none for history.
///
/// A quiet stream never fills a range, so its day is closed by the first fresh record of a later one. An import of
/// years of history crosses thousands of days, and none of them may cost a file: its records are not fresh. Both
/// times stand in the record, so a replay decides the same.
pub(super) fn fresh_day(date: i64, received_at: Option<i64>) -> Option<i64> {
    let delay = received_at?.checked_sub(date)?;
    (delay.unsigned_abs() <= DAY.unsigned_abs()).then_some(date.div_euclid(DAY))
}
