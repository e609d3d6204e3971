//! A log as an engine is that can append to one partition at a time only, and that sends again what was not
//! acknowledged: an append over several topics can be torn between two of them or within one, and the last batches of
//! a partition can be there twice.
//!
//! What it never does is change an order: no record is on the log without those before it, and what is appended again
//! was appended before.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use tickertape_broker::{Ack, Batch, BatchBuilder, Broker, Error, Offset, Result, TopicPartition};
use tokio::sync::Mutex;

use crate::{Appends, Faulty};

/// Batches of a partition that can be sent again.
const MAX_UNACKNOWLEDGED: usize = 4;

/// A log that tears and repeats appends.
pub struct AtLeastOnce(Mutex<Faults>);

struct Faults {
    /// How many more records are taken before an append is torn; none when chance decides.
    until_torn: Option<usize>,
    chance: Option<Chance>,
    /// The last batches of each partition.
    unacknowledged: HashMap<TopicPartition, VecDeque<BatchBuilder>>,
}

impl AtLeastOnce {
    /// Takes so many records, then tears the append that holds the next one. It works on afterwards.
    pub fn torn_after(log: Arc<dyn Broker>, records: usize) -> Faulty<Self> {
        Self::new(log, Some(records), None)
    }

    /// Tears and repeats appends at random, the same for each seed.
    pub fn at_random(log: Arc<dyn Broker>, seed: u64) -> Faulty<Self> {
        Self::new(log, None, Some(Chance(seed)))
    }

    fn new(log: Arc<dyn Broker>, until_torn: Option<usize>, chance: Option<Chance>) -> Faulty<Self> {
        let faults = Faults { until_torn, chance, unacknowledged: HashMap::new() };
        Faulty { log, appends: Self(Mutex::new(faults)) }
    }
}

#[async_trait]
impl Appends for AtLeastOnce {
    async fn append(
        &self,
        log: &Arc<dyn Broker>,
        batches: Vec<(TopicPartition, BatchBuilder)>,
    ) -> Result<Ack> {
        let mut faults = self.0.lock().await;
        let mut offsets = Vec::new();
        for (at, batch) in batches {
            offsets.push(faults.write(log, &at, batch).await?);
            for batch in faults.again(&at) {
                faults.write(log, &at, batch).await?;
            }
        }
        Ok(Box::pin(async { Ok(offsets) }))
    }
}

impl Faults {
    /// Appends what the faults allow of a batch; the offset of its first record.
    async fn write(
        &mut self,
        log: &Arc<dyn Broker>,
        at: &TopicPartition,
        batch: BatchBuilder,
    ) -> Result<Offset> {
        let allowed = self.allowed(batch.len());
        let part = if allowed < batch.len() { first_records(at, &batch, allowed)? } else { batch };
        let mut first = log.bounds(at).await?.end;
        if !part.is_empty() {
            first = log.append(vec![(at.clone(), part.clone())]).await?.await?[0];
        }
        match allowed < usize::MAX {
            true => {
                self.unacknowledged.clear(); // whoever comes next is another process, and knows nothing of these
                let reason = "the append was torn, as this log does".to_owned();
                Err(Error::Storage { path: at.to_string(), doing: "written", reason })
            }
            false => {
                self.remember(at, part);
                Ok(first)
            }
        }
    }

    /// How many records of the next so many are taken; all of them is [`usize::MAX`].
    fn allowed(&mut self, records: usize) -> usize {
        if let Some(left) = &mut self.until_torn {
            if *left >= records {
                *left -= records;
                return usize::MAX;
            }
            return self.until_torn.take().unwrap_or_default();
        }
        let Some(chance) = &mut self.chance else { return usize::MAX };
        if chance.below(12) == 0 { chance.below(records + 1) } else { usize::MAX }
    }

    fn remember(&mut self, at: &TopicPartition, batch: BatchBuilder) {
        let batches = self.unacknowledged.entry(at.clone()).or_default();
        batches.push_back(batch);
        if batches.len() > MAX_UNACKNOWLEDGED {
            batches.pop_front();
        }
    }

    /// The last batches of the partition that are to be sent again, in order.
    fn again(&mut self, at: &TopicPartition) -> Vec<BatchBuilder> {
        let Some(batches) = self.unacknowledged.get(at) else { return Vec::new() };
        let Some(chance) = &mut self.chance else { return Vec::new() };
        if chance.below(4) != 0 {
            return Vec::new();
        }
        batches.iter().skip(chance.below(batches.len())).cloned().collect()
    }
}

fn first_records(at: &TopicPartition, batch: &BatchBuilder, count: usize) -> Result<BatchBuilder> {
    let mut part = BatchBuilder::default();
    for record in Batch::decode(at, 0, batch.encode().into())?.iter().take(count) {
        part.push(record.key, record.value);
    }
    Ok(part)
}

/// Numbers that are the same for each seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound as u64) as usize
    }
}
