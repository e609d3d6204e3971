//! The swaps of one partition on topic `coin-swaps`: reading them back, and announcing the next.
//!
//! What stands there is the one truth about which list a record is attributed with. The stage, a restart, another
//! machine and a replay from the first record all go by it, and by nothing else. So a swap must never be announced
//! for a record that may have been attributed before, and no output may be appended under a list whose swap is not
//! acknowledged.

use std::sync::Arc;

use tickertape_broker::{Ack, BatchBuilder, Broker, Error as BrokerError, Offset, TopicPartition};
use tickertape_records::{CoinSwap, SCHEMA, topics};

use crate::schedule::Schedule;
use crate::{Error, READ_BYTES};

/// The swaps of one partition.
pub(crate) struct Swaps {
    broker: Arc<dyn Broker>,
    at: TopicPartition,
    schedule: Schedule,
    /// The record written last, here or by whoever ran before.
    last: Option<CoinSwap>,
    /// Offset that the next record gets if nobody else writes here.
    next: Offset,
    messages_epoch: u64,
    coin_lists_epoch: u64,
    attributed_epoch: u64,
}

impl Swaps {
    /// Reads what was decided for `partition`.
    ///
    /// # Errors
    /// A topic that was recreated since is [`BrokerError::TopicReset`].
    pub(crate) async fn read(broker: Arc<dyn Broker>, partition: u32) -> Result<Self, Error> {
        let at = TopicPartition::new(topics::COIN_SWAPS, partition);
        let bounds = broker.bounds(&at).await?;
        let mut swaps = Self {
            schedule: Schedule::default(),
            last: None,
            next: bounds.start,
            messages_epoch: epoch(&*broker, topics::MESSAGES).await?,
            coin_lists_epoch: epoch(&*broker, topics::COIN_LISTS).await?,
            attributed_epoch: epoch(&*broker, topics::ATTRIBUTED).await?,
            broker,
            at,
        };
        for swap in swaps.records(bounds.start, bounds.end).await? {
            belongs(topics::MESSAGES, &swap.messages_epoch, swaps.messages_epoch)?;
            belongs(topics::COIN_LISTS, &swap.coin_lists_epoch, swaps.coin_lists_epoch)?;
            swaps.add(swap)?;
        }
        swaps.next = bounds.end;
        Ok(swaps)
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Decides that the list `version` holds from `position` on, the first record not attributed yet. Returns the
    /// offset; the acknowledgement is for [`Swaps::confirm`], before the first output under that list.
    ///
    /// While `attributed` is written anew it does not tell how far it once went: the swap then is put behind
    /// everything on the log, so that what is written again is what was there before.
    pub(crate) async fn announce(&mut self, position: Offset, version: u64) -> Result<(Offset, Ack), Error> {
        let attributed_epoch = hex(self.attributed_epoch);
        let written_anew = self.last.as_ref().is_some_and(|last| last.attributed_epoch != attributed_epoch);
        let input_offset = if written_anew {
            let input = TopicPartition::new(topics::MESSAGES, self.at.partition);
            position.max(self.broker.bounds(&input).await?.end)
        } else {
            position
        };
        let swap = CoinSwap {
            schema: SCHEMA,
            input_offset,
            version,
            messages_epoch: hex(self.messages_epoch),
            coin_lists_epoch: hex(self.coin_lists_epoch),
            attributed_epoch,
        };
        let mut batch = BatchBuilder::default();
        batch.push_with(b"", |out| swap.encode_into(out));
        let ack = self.broker.append(vec![(self.at.clone(), batch)]).await?;
        self.add(swap)?;
        Ok((input_offset, ack))
    }

    /// Waits until the swap announced last is on the log, and checks that nobody else decided one meanwhile.
    pub(crate) async fn confirm(&mut self, ack: Ack) -> Result<(), Error> {
        let offset = ack.await?.first().copied().unwrap_or(self.next);
        // An engine that repeats a lost append leaves the same record twice.
        let between = self.records(self.next, offset).await?;
        if between.iter().any(|other| Some(other) != self.last.as_ref()) {
            let reason = "another process decides swaps here; run one attribution stage for each partition";
            return Err(self.wrong(reason.to_owned()));
        }
        self.next = offset + 1;
        Ok(())
    }

    fn add(&mut self, swap: CoinSwap) -> Result<(), Error> {
        self.schedule.push(swap.input_offset, swap.version).map_err(|reason| self.wrong(reason))?;
        self.last = Some(swap);
        Ok(())
    }

    async fn records(&self, from: Offset, end: Offset) -> Result<Vec<CoinSwap>, Error> {
        let mut records = Vec::new();
        let mut next = from;
        while next < end {
            let batches = self.broker.read(&self.at, next, READ_BYTES).await?;
            let Some(last) = batches.last() else { break };
            next = last.end_offset();
            for record in batches.iter().flat_map(|batch| batch.iter()).take_while(|r| r.offset < end) {
                let swap = CoinSwap::decode(record.value).map_err(|reason| Error::Unreadable {
                    at: self.at.clone(),
                    offset: record.offset,
                    reason,
                })?;
                records.push(swap);
            }
        }
        Ok(records)
    }

    /// An error about what stands on this partition.
    pub(crate) fn wrong(&self, reason: String) -> Error {
        Error::Swaps { at: self.at.clone(), reason }
    }
}

async fn epoch(broker: &dyn Broker, topic: &str) -> Result<u64, Error> {
    Ok(broker.existing_topic(topic).await?.epoch)
}

fn belongs(topic: &str, stored: &str, current: u64) -> Result<(), Error> {
    if stored == hex(current) {
        return Ok(());
    }
    let stored = u64::from_str_radix(stored, 16).unwrap_or_default();
    Err(BrokerError::TopicReset { topic: topic.to_owned(), stored, current }.into())
}

fn hex(epoch: u64) -> String {
    format!("{epoch:016x}")
}
