//! When the list is refreshed next, and whether the month's calls allow it: pure.

/// Seconds until the next refresh. `jitter` in 0..1 puts it up to a tenth of the interval later, so that many
/// machines do not ask at the same moment. A clock that was set back does not delay it beyond that.
pub(crate) fn wait(last: Option<i64>, now: i64, every: i64, jitter: f64) -> i64 {
    let Some(last) = last else { return 0 };
    let due = last.saturating_add(every).saturating_add((every as f64 * 0.1 * jitter) as i64);
    due.saturating_sub(now).clamp(0, every.saturating_add(every / 10))
}

/// The month of a moment, `2026-11`, in UTC.
pub(crate) fn month(now: i64) -> String {
    let mut month = day(now);
    month.truncate(month.len() - "-00".len());
    month
}

/// The day of a moment in Unix seconds, `2026-11-25`, in UTC.
pub fn day(now: i64) -> String {
    // Civil from days, Howard Hinnant's: years begin in March so that the leap day is the last.
    let days = now.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_is_due_an_interval_after_the_last() {
        assert_eq!(wait(None, 1_000, 600, 0.5), 0);
        assert_eq!(wait(Some(1_000), 1_000, 600, 0.0), 600);
        assert_eq!(wait(Some(1_000), 1_100, 600, 0.5), 530);
        assert_eq!(wait(Some(1_000), 9_000, 600, 0.9), 0, "long due");
        assert_eq!(wait(Some(9_000_000), 1_000, 600, 0.9), 660, "the clock was set back");
    }

    #[test]
    fn months_change_at_their_ends() {
        for (now, wanted) in [
            (0, "1970-01"),
            (951_782_399, "2000-02"), // 28 February, one second before the leap day
            (951_868_799, "2000-02"),
            (951_868_800, "2000-03"),
            (1_767_225_599, "2025-12"),
            (1_767_225_600, "2026-01"),
            (-1, "1969-12"),
        ] {
            assert_eq!(month(now), wanted, "{now}");
        }
    }
}
