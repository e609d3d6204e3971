//! The way out: records are written to Postgres with what they follow from, appended, and then removed.
//!
//! A kill between the append and the removal would append them twice. So each remembers where its partition ended when
//! it was written, and after a start what is left is looked for from there on before anything is appended.

use std::collections::{BTreeMap, HashSet};

use tickertape_broker::{BatchBuilder, TopicPartition};
use tickertape_records::{ClientReport, DeadLetter, Report, SCHEMA, topics};
use tokio::sync::Notify;

use super::Control;
use crate::error::Result;

/// Records appended together.
const AT_ONCE: i64 = 256;
/// Records that may have been appended by a process that was killed before it removed them: one append, and those that
/// were written beside it with lower numbers.
const IN_DOUBT: i64 = 4 * AT_ONCE;
/// Bytes read at once when looking for them.
const READ_BYTES: usize = 1 << 20;

/// A record on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) key: String,
    pub(super) value: String,
    pub(super) log_from: u64,
}

impl Control {
    /// A record about a chat.
    pub(super) async fn about_chat(&self, topic: &str, chat_id: i64, value: String) -> Result<Outgoing> {
        let partition = self.partition_of(topic, chat_id).await?;
        self.outgoing_to(topic, partition, tickertape_records::key(chat_id), value).await
    }

    /// A report about this account.
    pub(super) async fn report(&self, report: Report) -> Result<Outgoing> {
        let report =
            ClientReport { schema: SCHEMA, account: self.label().to_owned(), at: self.now(), report };
        self.outgoing_to(topics::CLIENTS, 0, self.label().to_owned(), json(&report)).await
    }

    /// A record that makes no sense.
    pub(super) async fn dead(&self, letter: &DeadLetter) -> Result<Outgoing> {
        self.outgoing_to(topics::DEAD_LETTERS, 0, String::new(), json(letter)).await
    }

    async fn outgoing_to(&self, topic: &str, partition: u32, key: String, value: String) -> Result<Outgoing> {
        let log_from = self.broker.bounds(&TopicPartition::new(topic, partition)).await?.end;
        Ok(Outgoing { topic: topic.to_owned(), partition, key, value, log_from })
    }

    /// Appends whatever is put out, until nothing more will be.
    pub(super) async fn empty_outbox(&self, stopped: &Notify) -> Result<()> {
        loop {
            self.drain_outbox(false).await?;
            tokio::select! {
                () = self.outgoing.notified() => {}
                () = tokio::time::sleep(self.options.pace) => {}
                () = stopped.notified() => return self.drain_outbox(false).await,
            }
        }
    }

    /// Appends all that is there; `in_doubt` when some of it may be on the log already.
    pub(super) async fn drain_outbox(&self, in_doubt: bool) -> Result<()> {
        let mut on_log: Option<HashSet<(String, u32, Vec<u8>)>> = None;
        loop {
            let first = in_doubt && on_log.is_none();
            let rows = self.store.outbox(if first { IN_DOUBT } else { AT_ONCE }).await?;
            if rows.is_empty() {
                return Ok(());
            }
            if first {
                on_log = Some(self.look_for(&rows).await?);
            }
            let is_there = |record: &Outgoing| {
                on_log.as_ref().is_some_and(|on_log| {
                    on_log.contains(&(
                        record.topic.clone(),
                        record.partition,
                        record.value.clone().into_bytes(),
                    ))
                })
            };
            let mut batches: BTreeMap<(&str, u32), BatchBuilder> = BTreeMap::new();
            for (_, record) in rows.iter().filter(|(_, record)| !is_there(record)) {
                let batch = batches.entry((&record.topic, record.partition)).or_default();
                batch.push(record.key.as_bytes(), record.value.as_bytes());
            }
            let batches: Vec<_> = batches
                .into_iter()
                .map(|((topic, partition), batch)| (TopicPartition::new(topic, partition), batch))
                .collect();
            if !batches.is_empty() {
                self.broker.append(batches).await?.await?;
            }
            let seqs: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
            self.store.sent(&seqs).await?;
        }
    }

    /// What of these is on the log. Only the first append after a start can be in doubt, so `rows` are the first ones.
    async fn look_for(&self, rows: &[(i64, Outgoing)]) -> Result<HashSet<(String, u32, Vec<u8>)>> {
        let mut from: BTreeMap<(&str, u32), u64> = BTreeMap::new();
        for (_, record) in rows {
            let first = from.entry((&record.topic, record.partition)).or_insert(record.log_from);
            *first = record.log_from.min(*first);
        }
        let wanted: HashSet<&[u8]> = rows.iter().map(|(_, record)| record.value.as_bytes()).collect();
        let mut found = HashSet::new();
        for ((topic, partition), first) in from {
            let at = TopicPartition::new(topic, partition);
            let bounds = self.broker.bounds(&at).await?;
            // A topic that was made anew ends before; nothing of ours is on it.
            let mut next = first.max(bounds.start);
            while next < bounds.end {
                let batches = self.broker.read(&at, next, READ_BYTES).await?;
                let Some(last) = batches.last() else { break };
                next = last.end_offset();
                for record in batches.iter().flat_map(|batch| batch.iter()) {
                    if wanted.contains(record.value) {
                        found.insert((topic.to_owned(), partition, record.value.to_vec()));
                    }
                }
            }
        }
        Ok(found)
    }
}

/// The value of a record.
pub(super) fn json(record: &impl serde::Serialize) -> String {
    serde_json::to_string(record).expect("writing to memory cannot fail, and every key is a string")
}
