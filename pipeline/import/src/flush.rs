//! Collects a file's records into batches for one append, and says when it is time.

use tickertape_broker::{BatchBuilder, TopicPartition};
use tickertape_records::topics::{self, partition_of};
use tickertape_records::{
    DeadLetter, Event, ImportProgress, Message, Origin, SCHEMA, Source, SourceKind, key,
};

use crate::run::Counts;

/// A flush ends with the record that fills it. Counted in records and bytes alone, never in time: an import that was
/// killed and goes on at a flush must cut the rest as one that was not.
const MAX_RECORDS: usize = 4096;
const MAX_BYTES: usize = 1024 * 1024;
/// How much of a record its dead letter keeps. Telegram's largest messages are far below it.
const MAX_DEAD: usize = 1024 * 1024;

/// What a record of a file turned out to be.
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are messages, and a box would cost each an allocation"
)]
pub(crate) enum Record {
    Message(Message),
    Event(Event),
}

/// How many partitions the topics have that an import writes to by chat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) messages: u32,
    pub(crate) events: u32,
}

/// What is appended in one step.
pub(crate) struct Flush {
    pub(crate) batches: Vec<(TopicPartition, BatchBuilder)>,
    pub(crate) counts: Counts,
}

/// One file's records since its last flush.
pub(crate) struct Collector {
    layout: Layout,
    source: SourceKind,
    received_at: Option<i64>,
    progress: ImportProgress,
    counts: Counts,
    records: usize,
    bytes: usize,
    messages: Vec<BatchBuilder>,
    events: Vec<BatchBuilder>,
    dead_letters: BatchBuilder,
}

impl Collector {
    /// Goes on behind `progress`, whose `file_id` is empty for a pipe.
    pub(crate) fn new(
        layout: Layout,
        source: SourceKind,
        received_at: Option<i64>,
        progress: ImportProgress,
    ) -> Self {
        Self {
            layout,
            source,
            received_at,
            progress,
            counts: Counts::default(),
            records: 0,
            bytes: 0,
            messages: vec![BatchBuilder::default(); layout.messages as usize],
            events: vec![BatchBuilder::default(); layout.events as usize],
            dead_letters: BatchBuilder::default(),
        }
    }

    /// How many records of the file were read.
    pub(crate) fn position(&self) -> u64 {
        self.progress.position
    }

    /// Adds the file's next record, or the reason why it is dead and its bytes.
    pub(crate) fn add(&mut self, record: Result<Record, (String, &[u8])>) {
        self.progress.position += 1;
        self.records += 1;
        let source = Source {
            kind: self.source,
            name: self.progress.name.clone(),
            position: Some(self.progress.position),
        };
        match record {
            Ok(Record::Message(message)) => {
                let message = Message { source, received_at: self.received_at, ..message };
                let partition = partition_of(message.chat_id, self.layout.messages) as usize;
                let key = key(message.chat_id);
                self.push(|all| &mut all.messages[partition], key, |out| message.encode_into(out));
                self.counts.messages += 1;
            }
            Ok(Record::Event(event)) => {
                let event = Event { source, received_at: self.received_at, ..event };
                let partition = partition_of(event.chat_id, self.layout.events) as usize;
                let key = key(event.chat_id);
                self.push(|all| &mut all.events[partition], key, |out| event.encode_into(out));
                self.counts.events += 1;
            }
            Err((reason, bytes)) => {
                let letter = DeadLetter::new(self.origin(), reason, cut(bytes));
                self.push(|all| &mut all.dead_letters, String::new(), |out| letter.encode_into(out));
                self.counts.dead_letters += 1;
            }
        }
    }

    /// Time to flush.
    pub(crate) fn is_full(&self) -> bool {
        self.records >= MAX_RECORDS || self.bytes >= MAX_BYTES
    }

    /// Nothing was added since the last flush.
    pub(crate) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// What was added since the last flush, with how far the file was read; `done` when that is all of it.
    pub(crate) fn flush(&mut self, done: bool) -> Flush {
        let counts = std::mem::take(&mut self.counts);
        self.progress.messages += counts.messages;
        self.progress.events += counts.events;
        self.progress.dead_letters += counts.dead_letters;
        self.progress.done = done;
        let mut imports = BatchBuilder::default();
        if !self.progress.file_id.is_empty() {
            imports.push_with(self.progress.file_id.as_bytes(), |out| self.progress.encode_into(out));
        }
        let partitions = |topic, all: &mut Vec<BatchBuilder>| -> Vec<_> {
            let taken = all.iter_mut().map(BatchBuilder::take).enumerate();
            taken.map(|(partition, batch)| (TopicPartition::new(topic, partition as u32), batch)).collect()
        };
        let mut batches = partitions(topics::MESSAGES, &mut self.messages);
        batches.extend(partitions(topics::EVENTS, &mut self.events));
        let dead_letters = std::mem::take(&mut self.dead_letters);
        batches.push((TopicPartition::new(topics::DEAD_LETTERS, 0), dead_letters));
        batches.push((TopicPartition::new(topics::IMPORTS, 0), imports));
        batches.retain(|(_, batch)| !batch.is_empty());
        (self.records, self.bytes) = (0, 0);
        Flush { batches, counts }
    }

    /// How far the file was read in the end.
    pub(crate) fn into_progress(self) -> ImportProgress {
        self.progress
    }

    fn origin(&self) -> Origin {
        Origin::File {
            file_id: self.progress.file_id.clone(),
            name: self.progress.name.clone(),
            position: self.progress.position,
        }
    }

    fn push(
        &mut self,
        batch: impl FnOnce(&mut Self) -> &mut BatchBuilder,
        key: String,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let batch = batch(self);
        let before = batch.bytes();
        batch.push_with(key.as_bytes(), write);
        self.bytes += batch.bytes() - before;
    }
}

/// Progress through a file of which nothing was read yet.
pub(crate) fn beginning(file_id: String, name: String) -> ImportProgress {
    ImportProgress { schema: SCHEMA, file_id, name, ..ImportProgress::default() }
}

/// The first [`MAX_DEAD`] bytes at most, not ending inside a character.
fn cut(record: &[u8]) -> &[u8] {
    let mut end = record.len().min(MAX_DEAD);
    while end < record.len() && record[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    &record[..end]
}
