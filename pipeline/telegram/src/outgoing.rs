//! Records on their way to the log: collected, appended together, and remembered until the log has them.

use std::collections::BTreeMap;

use tickertape_broker::{BatchBuilder, Broker, Offset, TopicPartition};
use tickertape_records::{ViewCount, key, topics};

use crate::convert::Converted;
use crate::error::Result;

/// What one append will mean once it is acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Meaning {
    /// (chat, message) of what is then on the log.
    pub(crate) messages: Vec<(i64, i64)>,
    /// (chat, message) whose end is then on the log.
    pub(crate) buried: Vec<(i64, i64)>,
    /// (chat, first id, last id) that was looked at again, with all that was found.
    pub(crate) looked: Vec<(i64, i64, i64)>,
    /// (chat, number of the channel's changes) up to which everything then is.
    pub(crate) applied: Vec<(i64, i32)>,
    /// (topic, partition, offset): every message or event before that offset is then accounted for.
    pub(crate) ends: Vec<(&'static str, u32, Offset)>,
}

impl Meaning {
    fn is_empty(&self) -> bool {
        let Self { messages, buried, looked, applied, ends: _ } = self;
        messages.is_empty() && buried.is_empty() && looked.is_empty() && applied.is_empty()
    }
}

/// How many partitions the topics have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partitions {
    pub(crate) messages: u32,
    pub(crate) events: u32,
    pub(crate) views: u32,
}

/// Records for one append.
pub(crate) struct Outgoing {
    partitions: Partitions,
    batches: BTreeMap<(&'static str, u32), BatchBuilder>,
    pub(crate) meaning: Meaning,
}

impl Outgoing {
    pub(crate) fn new(partitions: Partitions) -> Self {
        Self { partitions, batches: BTreeMap::new(), meaning: Meaning::default() }
    }

    pub(crate) fn push(&mut self, chat_id: i64, record: &Converted) {
        let (topic, partitions) = match record {
            Converted::Message(_) => (topics::MESSAGES, self.partitions.messages),
            Converted::Event(_) => (topics::EVENTS, self.partitions.events),
        };
        let partition = topics::partition_of(chat_id, partitions);
        let batch = self.batches.entry((topic, partition)).or_default();
        batch.push_with(key(chat_id).as_bytes(), |out| match record {
            Converted::Message(message) => message.encode_into(out),
            Converted::Event(event) => event.encode_into(out),
        });
    }

    pub(crate) fn push_views(&mut self, count: &ViewCount) {
        let partition = topics::partition_of(count.chat_id, self.partitions.views);
        let batch = self.batches.entry((topics::VIEWS, partition)).or_default();
        batch.push_with(key(count.chat_id).as_bytes(), |out| count.encode_into(out));
    }

    /// Nothing would be appended or learned.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.meaning.is_empty()
    }

    /// Appends, waiting for room; the future then waits for the acknowledgement.
    pub(crate) async fn append(
        self,
        broker: &dyn Broker,
    ) -> Result<impl Future<Output = Result<Meaning>> + Send + use<>> {
        let mut meaning = self.meaning;
        // The ends are lengths until the offsets are known.
        let length = |((topic, partition), batch): (&(&'static str, u32), &BatchBuilder)| {
            (*topic, *partition, batch.len() as Offset)
        };
        meaning.ends = self.batches.iter().map(length).collect();
        let batches: Vec<_> = self
            .batches
            .into_iter()
            .map(|((topic, partition), batch)| (TopicPartition::new(topic, partition), batch))
            .collect();
        let ack = if batches.is_empty() { None } else { Some(broker.append(batches).await?) };
        Ok(async move {
            if let Some(ack) = ack {
                for ((.., end), first) in meaning.ends.iter_mut().zip(ack.await?) {
                    *end += first;
                }
                // What was counted is not looked for at the next start.
                meaning.ends.retain(|(topic, ..)| *topic != topics::VIEWS);
            }
            Ok(meaning)
        })
    }
}
