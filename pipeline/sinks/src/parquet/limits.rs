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
    /// As large as a sink of 250 MiB allows: a byte of values takes 0.8 bytes as columns until its range is written,
    /// and encoding a file 80 MB more, most of it zstd's own memory, one context a column.
    fn default() -> Self {
        Self { records: 512 << 10, bytes: 96 << 20 }
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LIMITS: RangeLimits = RangeLimits { records: 5, bytes: 100 };

    /// The sizes of the ranges that a stream is cut into.
    fn cut(stream: &[Weight]) -> Vec<Vec<Weight>> {
        let mut ranges: Vec<Vec<Weight>> = Vec::new();
        let mut size = RangeSize::default();
        for record in stream {
            if size.ends_before(*record, LIMITS) {
                size = RangeSize::default();
            }
            if size.records == 0 {
                ranges.push(Vec::new());
            }
            size.add(*record);
            ranges.last_mut().expect("just pushed").push(*record);
        }
        ranges
    }

    /// The rule once more, said of whole ranges instead of step by step.
    fn fits(range: &[Weight]) -> bool {
        let days: Vec<i64> = range.iter().filter_map(|record| record.fresh_day).collect();
        let one_day = days.iter().all(|day| *day <= days[0]);
        let bytes: u64 = range.iter().map(|record| record.bytes).sum();
        range.len() == 1 || (range.len() <= 5 && bytes <= 100 && one_day)
    }

    fn weights() -> impl Strategy<Value = Vec<Weight>> {
        let weight = (0..130_u64, proptest::option::weighted(0.3, -2..3_i64))
            .prop_map(|(bytes, fresh_day)| Weight { bytes, fresh_day });
        vec(weight, 0..60)
    }

    proptest! {
        #[test]
        fn ranges_keep_the_limits_and_are_as_long_as_they_may_be(stream in weights()) {
            let ranges = cut(&stream);
            prop_assert_eq!(ranges.concat(), stream);
            for (range, next) in ranges.iter().zip(ranges.iter().skip(1).map(Some).chain([None])) {
                prop_assert!(fits(range), "{range:?}");
                if let Some(next) = next {
                    let mut longer = range.clone();
                    longer.push(next[0]);
                    prop_assert!(!fits(&longer), "{range:?} ends before {:?}", next[0]);
                }
            }
        }

        #[test]
        fn cutting_again_from_any_boundary_cuts_at_the_same_places(stream in weights()) {
            let ranges = cut(&stream);
            let mut start = 0;
            for (i, range) in ranges.iter().enumerate() {
                prop_assert_eq!(&cut(&stream[start..])[..], &ranges[i..]);
                start += range.len();
            }
        }
    }

    #[test]
    fn only_what_was_received_within_a_day_is_fresh() {
        assert_eq!(fresh_day(10 * DAY + 5, Some(10 * DAY + 9)), Some(10));
        assert_eq!(fresh_day(10 * DAY, Some(11 * DAY)), Some(10));
        assert_eq!(fresh_day(10 * DAY, Some(11 * DAY + 1)), None);
        assert_eq!(fresh_day(-1, Some(0)), Some(-1));
        assert_eq!(fresh_day(10 * DAY, None), None);
        assert_eq!(fresh_day(i64::MIN, Some(i64::MAX)), None);
    }
}
