//! When each followed channel was last heard of.
//!
//! Asked of table `messages` now and then, not read from topic `messages`: a second reader of everything would cost
//! as much as attribution, to learn one date a channel an hour. The answer is only taken when the sink has stored
//! all that was on `attributed` one round before: a sink that is behind, or writes elsewhere, must not make every
//! channel look silent.

use std::sync::Arc;

use tickertape_broker::{Broker, Offset, TopicPartition};
use tickertape_records::topics;

use crate::Error;
use crate::store::Store;

/// Chats asked about at once.
const CHATS: usize = 1_000;
const YEAR: i64 = 31_556_952;

/// The rounds of asking.
pub(crate) struct Activity {
    broker: Arc<dyn Broker>,
    /// When the last round was.
    asked_at: Option<i64>,
    /// Where each partition of `attributed` ended then, with the topic's epoch.
    ends: Vec<(TopicPartition, u64, Offset)>,
}

/// What a round found: (chat, date of its newest message), complete up to a moment.
pub(crate) struct Heard {
    pub(crate) newest: Vec<(i64, i64)>,
    pub(crate) until: i64,
}

impl Activity {
    pub(crate) fn new(broker: Arc<dyn Broker>) -> Self {
        Self { broker, asked_at: None, ends: Vec::new() }
    }

    /// Asks about these chats if it is time to; none when it is not, or nothing certain can be said.
    pub(crate) async fn ask(
        &mut self,
        store: &Store,
        chats: impl Iterator<Item = i64>,
        now: i64,
        every: i64,
        window: i64,
    ) -> Result<Option<Heard>, Error> {
        if self.asked_at.is_some_and(|asked_at| asked_at + every > now) {
            return Ok(None);
        }
        let ends = self.ends().await?;
        let before = std::mem::replace(&mut self.ends, ends);
        let Some(until) = self.asked_at.replace(now) else { return Ok(None) };
        if before.is_empty() {
            return Ok(None);
        }
        for (at, epoch, end) in before {
            let stored = store.sink_position(&at).await?;
            let complete = match stored {
                Some((of, next)) => of == format!("{epoch:016x}") && next as u64 >= end,
                None => end == 0,
            };
            if !complete {
                tracing::debug!(partition = %at, "the sink is behind: silence of channels is not judged");
                return Ok(None);
            }
        }
        let chats: Vec<i64> = chats.collect();
        let mut newest = Vec::with_capacity(chats.len());
        for some in chats.chunks(CHATS) {
            newest.extend(store.newest_messages(some, first_of_year(now - window)).await?);
        }
        Ok(Some(Heard { newest, until }))
    }

    async fn ends(&self) -> Result<Vec<(TopicPartition, u64, Offset)>, Error> {
        let mut ends = Vec::new();
        if let Some(info) = self.broker.topic(topics::ATTRIBUTED).await? {
            for partition in 0..info.partitions {
                let at = TopicPartition::new(topics::ATTRIBUTED, partition);
                let end = self.broker.bounds(&at).await?.end;
                ends.push((at, info.epoch, end));
            }
        }
        Ok(ends)
    }
}

/// A moment at or before the first of that year, UTC: the beginning of a partition of table `messages`.
fn first_of_year(at: i64) -> i64 {
    /// 1970-01-01 to 2000-01-01, from which whole cycles of 400 years are counted.
    const UNTIL_2000: i64 = 946_684_800;
    let year = 2000 + (at - UNTIL_2000).div_euclid(YEAR);
    let since = year - 2000;
    let leap_days = (since + 3).div_euclid(4) - (since + 99).div_euclid(100) + (since + 399).div_euclid(400);
    let first = UNTIL_2000 + (since * 365 + leap_days) * 86_400;
    if first > at { first - 366 * 86_400 } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_begin_where_the_calendar_says() {
        for (at, first) in [
            (1_767_225_600, 1_767_225_600), // 2026-01-01
            (1_798_761_599, 1_767_225_600), // 2026-12-31 23:59:59
            (1_735_689_600, 1_735_689_600), // 2025-01-01, after a leap year
            (1_709_210_096, 1_704_067_200), // 2024-02-29
        ] {
            let found = first_of_year(at);
            assert!(found <= first && first - found <= 366 * 86_400, "{at}: {found} {first}");
        }
    }
}
