//! How often an account may join and look up names: spaced, and so many a day. Pure; the clock is the caller's.
//!
//! Telegram punishes haste with waits and, in the end, with bans, and tells nobody its limits. What is used is counted
//! before Telegram is asked, so that a kill in between costs one use and never gains one.

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// So many a day, UTC.
    pub a_day: u32,
    /// Seconds between one and the next.
    pub spacing: u32,
}

/// What was used of an allowance. The default has used nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Days since 1970, UTC.
    pub day: i64,
    /// Uses on that day.
    pub count: u32,
    /// The last use, Unix seconds; 0 before the first.
    pub last_at: i64,
    /// Telegram makes the account wait until then, Unix seconds.
    pub not_before: i64,
}

impl Used {
    /// The earliest moment for the next use: `now`, or later. None when nothing is ever allowed.
    pub fn next_at(&self, allowance: Allowance, now: i64) -> Option<i64> {
        if allowance.a_day == 0 {
            return None;
        }
        let mut at = now.max(self.not_before);
        if self.last_at > 0 {
            at = at.max(self.last_at.saturating_add(i64::from(allowance.spacing)));
        }
        // The day of a clock that was set back counts on.
        if self.count >= allowance.a_day {
            at = at.max((self.day + 1).saturating_mul(DAY));
        }
        Some(at)
    }

    /// Counts one use at `now`.
    #[must_use]
    pub fn and_one(mut self, now: i64) -> Self {
        let today = now.div_euclid(DAY).max(self.day);
        if today > self.day {
            (self.day, self.count) = (today, 0);
        }
        self.count += 1;
        self.last_at = self.last_at.max(now);
        self
    }

    /// Nothing before `until`: Telegram says so.
    #[must_use]
    pub fn and_wait(mut self, until: i64) -> Self {
        self.not_before = self.not_before.max(until);
        self
    }

    /// How many uses are left today.
    pub fn left(&self, allowance: Allowance, now: i64) -> u32 {
        let used = if now.div_euclid(DAY) > self.day { 0 } else { self.count };
        allowance.a_day.saturating_sub(used)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALLOWANCE: Allowance = Allowance { a_day: 3, spacing: 60 };
    const NOON: i64 = 20_000 * DAY + DAY / 2;

    #[test]
    fn uses_are_spaced_and_the_day_has_an_end() {
        let mut used = Used::default();
        assert_eq!(used.next_at(ALLOWANCE, NOON), Some(NOON));
        for nth in 0..3 {
            let now = used.next_at(ALLOWANCE, NOON).expect("allowed");
            assert_eq!(now, NOON + 60 * nth);
            used = used.and_one(now);
        }
        assert_eq!(used.next_at(ALLOWANCE, NOON + 500), Some(20_001 * DAY));
        assert_eq!((used.left(ALLOWANCE, NOON + 500), used.left(ALLOWANCE, NOON + DAY)), (0, 3));
        assert_eq!(used.next_at(ALLOWANCE, NOON + DAY), Some(NOON + DAY));
    }

    #[test]
    fn a_wait_is_never_shortened() {
        let used = Used::default().and_wait(NOON + 1000).and_wait(NOON + 10);
        assert_eq!(used.next_at(ALLOWANCE, NOON), Some(NOON + 1000));
        assert_eq!(used.next_at(ALLOWANCE, NOON + 2000), Some(NOON + 2000));
    }

    #[test]
    fn an_empty_allowance_allows_nothing() {
        assert_eq!(Used::default().next_at(Allowance { a_day: 0, spacing: 0 }, NOON), None);
    }

    proptest! {
        /// Whoever waits as told never exceeds the allowance, however the clock jumps.
        #[test]
        fn never_more_than_allowed(
            a_day in 1_u32..6, spacing in 0_u32..50_000, steps in prop::collection::vec(-5_000_i64..100_000, 1..60),
        ) {
            let allowance = Allowance { a_day, spacing };
            let (mut used, mut now, mut uses) = (Used::default(), NOON, Vec::<i64>::new());
            for step in steps {
                now += step;
                if used.next_at(allowance, now) == Some(now) {
                    used = used.and_one(now);
                    uses.push(now);
                }
            }
            for pair in uses.windows(2) {
                prop_assert!(pair[1] - pair[0] >= i64::from(spacing));
            }
            for day in uses.iter().map(|at| at.div_euclid(DAY)) {
                let count = uses.iter().filter(|at| at.div_euclid(DAY) == day).count();
                prop_assert!(count <= a_day as usize);
            }
        }
    }
}
