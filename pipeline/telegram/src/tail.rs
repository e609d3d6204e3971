//! What an account put on the log just before it was killed, and its ledger does not tell of yet.
//!
//! The ledger is written behind the log, so the last records of a producer that was killed are unknown to it. Without
//! them the messages would be appended twice, and worse: a message that is deleted before it is read again would never
//! be reported as deleted. So the end of the log is read at the start, from where the ledger says it stops knowing.

use std::collections::BTreeMap;

use sqlx::PgPool;
use tickertape_broker::{Broker, Offset, TopicPartition};
use tickertape_records::{Event, Message, Source, SourceKind, topics};

use crate::coverage::Found;
use crate::error::Result;
use crate::ledger::Ends;

/// Read from the log at once.
const BYTES_AT_ONCE: usize = 1 << 20;

/// The end of the log.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// Chat → what the log holds of it, in order.
    pub(crate) found: BTreeMap<i64, Vec<Found>>,
    /// Up to where the log was read.
    pub(crate) ends: Ends,
}

/// Reads what the ledger does not tell of. At the first start of an account this is nothing, and the place where the
/// log ends now is stored before anything is appended.
pub(crate) async fn read(pool: &PgPool, broker: &dyn Broker, account: &str) -> Result<Tail> {
    let stored: Vec<(String, i64, String, i64)> =
        sqlx::query_as("SELECT topic, partition, epoch, next_offset FROM producer_log WHERE account = $1")
            .bind(account)
            .fetch_all(pool)
            .await?;
    let mut tail = Tail::default();
    for topic in [topics::MESSAGES, topics::EVENTS] {
        let info = broker.existing_topic(topic).await?;
        let epoch = format!("{:016x}", info.epoch);
        for partition in 0..info.partitions {
            let at = TopicPartition::new(topic, partition);
            let kept = broker.bounds(&at).await?;
            let known =
                stored.iter().find(|(name, number, ..)| name == topic && *number == i64::from(partition));
            let from = match known {
                Some((.., known, offset)) if *known == epoch => *offset as Offset,
                Some(_) => {
                    // Whoever reads it says what that means; for us it is another log, of which nothing is known.
                    tracing::warn!(account, %at, "the topic was created anew since this account's last start");
                    kept.start
                }
                None => kept.end,
            };
            if known.is_none_or(|(.., known, _)| *known != epoch) {
                store(pool, account, &at, &epoch, from).await?;
            }
            let end = tail.take(broker, &at, account, from.max(kept.start)).await?;
            tail.ends.insert((topic, partition), end);
        }
    }
    Ok(tail)
}

async fn store(pool: &PgPool, account: &str, at: &TopicPartition, epoch: &str, offset: Offset) -> Result<()> {
    sqlx::query(
        "INSERT INTO producer_log (account, topic, partition, epoch, next_offset) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account, topic, partition) DO UPDATE
         SET epoch = excluded.epoch, next_offset = excluded.next_offset",
    )
    .bind(account)
    .bind(&at.topic)
    .bind(i64::from(at.partition))
    .bind(epoch)
    .bind(offset as i64)
    .execute(pool)
    .await?;
    Ok(())
}

impl Tail {
    /// Takes what the account appended from `next` on; gives back where the partition ends.
    async fn take(
        &mut self,
        broker: &dyn Broker,
        at: &TopicPartition,
        account: &str,
        mut next: Offset,
    ) -> Result<Offset> {
        let ours = |source: &Source| source.kind == SourceKind::Telegram && source.name == account;
        while next < broker.bounds(at).await?.end {
            let batches = broker.read(at, next, BYTES_AT_ONCE).await?;
            let Some(last) = batches.last() else { break };
            next = last.end_offset();
            for record in batches.iter().flat_map(|batch| batch.iter()) {
                let found = if at.topic == topics::MESSAGES {
                    let message = Message::decode(record.value).ok().filter(|message| ours(&message.source));
                    message.map(|message| {
                        let edit_date = message.edit_date.unwrap_or(0);
                        let deleted = message.deleted_at.is_some();
                        (message.chat_id, Found { id: message.message_id, edit_date, deleted })
                    })
                } else {
                    // What has no message of its own, such as an unpinning, has a number below zero.
                    let event = Event::decode(record.value).ok();
                    let event = event.filter(|event| ours(&event.source) && event.message_id > 0);
                    event.map(|event| {
                        (event.chat_id, Found { id: event.message_id, edit_date: 0, deleted: false })
                    })
                };
                if let Some((chat_id, found)) = found {
                    self.found.entry(chat_id).or_default().push(found);
                }
            }
        }
        Ok(next)
    }
}
