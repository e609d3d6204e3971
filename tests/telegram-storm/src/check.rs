//! What lies on the log, read as the stages behind it do, beside what Telegram holds.
//!
//! Producers append at least once. The stages behind know a message by chat and id and its version by the edit date, and
//! drop what they have seen; an event is known by chat and id. So repeats are counted and forgiven, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, ensure};
use sqlx::PgPool;
use tickertape_broker::{Broker, Embedded, TopicPartition};
use tickertape_loopback_telegram::WorldMessage;
use tickertape_records::{Event, Message, peer, topics};

use crate::producer::PARTITIONS;
use crate::setting::{ACCOUNT, Setting, log_folder};

/// A message as the stages behind the log end with.
#[derive(Default)]
struct Kept {
    text: String,
    edit_date: Option<i64>,
    deleted: bool,
}

/// What was read, after repeats were dropped.
#[derive(Default)]
pub(crate) struct Log {
    messages: BTreeMap<(i64, i64), Kept>,
    events: BTreeSet<(i64, i64)>,
    /// Deletions before which no message was.
    ends: BTreeMap<(i64, i64), bool>,
    pub(crate) edits: u64,
    pub(crate) deletions: u64,
    /// Messages, versions, events and deletions that were there before.
    pub(crate) repeated: u64,
}

impl Log {
    /// Reads the log of a producer that has ended.
    pub(crate) async fn read(folder: &Path) -> Result<Self> {
        let broker = Embedded::open(&log_folder(folder))?;
        let mut log = Self::default();
        for partition in 0..PARTITIONS {
            let of_messages = TopicPartition::new(topics::MESSAGES, partition);
            each(&broker, &of_messages, |value| log.message(Message::decode(value)?)).await?;
            let of_events = TopicPartition::new(topics::EVENTS, partition);
            each(&broker, &of_events, |value| {
                let event = Event::decode(value)?;
                if !log.events.insert((event.chat_id, event.message_id)) {
                    log.repeated += 1;
                }
                Ok(())
            })
            .await?;
        }
        Ok(log)
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn events(&self) -> usize {
        self.events.len()
    }

    fn message(&mut self, message: Message) -> Result<()> {
        let identity = (message.chat_id, message.message_id);
        let known = self.messages.get_mut(&identity);
        if message.deleted_at.is_some() {
            let deleted = match known {
                Some(known) => &mut known.deleted,
                None => self.ends.entry(identity).or_default(), // of an event, or it is wrong
            };
            self.repeated += u64::from(*deleted);
            self.deletions += u64::from(!*deleted);
            *deleted = true;
            return Ok(());
        }
        let new = Kept { text: message.text, edit_date: message.edit_date, deleted: false };
        match known {
            None => drop(self.messages.insert(identity, new)),
            Some(known) if new.edit_date > known.edit_date => {
                *known = Kept { deleted: known.deleted, ..new };
                self.edits += 1;
            }
            Some(_) => self.repeated += 1,
        }
        Ok(())
    }

    /// Exactly what Telegram holds: each message in its last version, each deletion of what was ever read.
    pub(crate) fn compare(&self, setting: &Setting) -> Result<()> {
        let mut expected = BTreeMap::new();
        for id in &setting.channels {
            let world = setting.telegram.chat(*id);
            expected.extend(
                world
                    .messages
                    .into_iter()
                    .map(|(message, is)| ((peer::channel(*id), i64::from(message)), is)),
            );
        }
        let mut wrong: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for (identity, is) in &expected {
            if let Some(difference) = self.differs(*identity, is) {
                wrong.entry(identity.0).or_default().push(difference);
            }
        }
        for (chat, differences) in &wrong {
            println!("{chat}: {} differ from Telegram, such as {}", differences.len(), differences[0]);
        }
        ensure!(wrong.is_empty(), "{} channels differ from Telegram", wrong.len());
        let unknown =
            self.messages.keys().chain(&self.events).find(|identity| !expected.contains_key(identity));
        ensure!(unknown.is_none(), "{unknown:?} was never posted");
        let loose = self.ends.keys().find(|identity| !self.events.contains(identity));
        ensure!(loose.is_none(), "{loose:?} was deleted, and there is nothing before that");
        Ok(())
    }

    fn differs(&self, identity: (i64, i64), is: &WorldMessage) -> Option<String> {
        if is.service {
            let there = self.events.contains(&identity);
            return (!there && !is.deleted).then(|| format!("event {identity:?}: missing"));
        }
        match self.messages.get(&identity) {
            None if is.deleted => None,
            None => Some(format!("{identity:?}: missing, {is:?} in Telegram")),
            Some(kept) if kept.deleted != is.deleted => {
                Some(format!("{identity:?}: deleted: {} on the log, {is:?} in Telegram", kept.deleted))
            }
            // What was edited and deleted before anyone read the edit has lost its last text.
            Some(_) if is.deleted => None,
            Some(kept) if kept.text == is.text && kept.edit_date == is.edit_date.map(i64::from) => None,
            Some(kept) => Some(format!("{identity:?}: {:?} on the log, {is:?} in Telegram", kept.text)),
        }
    }
}

async fn each(
    broker: &dyn Broker,
    at: &TopicPartition,
    mut see: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut next = 0;
    loop {
        let batches = broker.read(at, next, 1 << 20).await?;
        let Some(last) = batches.last() else { return Ok(()) };
        next = last.end_offset();
        for record in batches.iter().flat_map(|batch| batch.iter()) {
            see(record.value)?;
        }
    }
}

/// What the ledger says is still to be done; none when it says that all is on the log. It is believed: the producer is
/// stopped then, and the log has to bear it out.
pub(crate) async fn to_do(setting: &Setting) -> Result<Option<String>> {
    let open: i64 =
        sqlx::query_scalar("SELECT count(*) FROM producer_gaps WHERE account = $1 AND state <> 'closed'")
            .bind(ACCOUNT)
            .fetch_one(&setting.pool)
            .await?;
    if open > 0 {
        return Ok(Some(format!("{open} open gaps")));
    }
    let rows: Vec<(i64, i64, Option<i32>)> =
        sqlx::query_as("SELECT chat_id, last_id, pts FROM producer_chats WHERE account = $1")
            .bind(ACCOUNT)
            .fetch_all(&setting.pool)
            .await?;
    for id in &setting.channels {
        let chat = peer::channel(*id);
        let world = setting.telegram.chat(*id);
        let Some(newest) = world.messages.iter().rev().find(|(_, is)| !is.deleted).map(|(id, _)| *id) else {
            continue; // nothing to follow
        };
        match rows.iter().find(|(id, ..)| *id == chat) {
            Some((_, last, Some(pts))) if *last >= i64::from(newest) && *pts == world.pts => {}
            Some((_, last, pts)) => {
                return Ok(Some(format!(
                    "{chat} at {last} and {pts:?}, Telegram at {newest} and {}",
                    world.pts
                )));
            }
            None => return Ok(Some(format!("{chat} is not known"))),
        }
    }
    Ok(None)
}

/// The open gaps of one of the chats that have any, and its row, for whoever looks for the reason.
pub(crate) async fn tell(pool: &PgPool) -> Result<()> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT gap::text FROM producer_gaps gap WHERE state <> 'closed'
         UNION ALL SELECT chat::text FROM producer_chats chat WHERE pts IS NULL LIMIT 20",
    )
    .fetch_all(pool)
    .await?;
    rows.iter().for_each(|(row,)| println!("{row}"));
    Ok(())
}

/// How many gaps there were, by why.
pub(crate) async fn gaps(pool: &PgPool) -> Result<String> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT why, count(*) FROM producer_gaps GROUP BY why ORDER BY why")
            .fetch_all(pool)
            .await?;
    Ok(rows.iter().map(|(why, count)| format!("{count} {why}")).collect::<Vec<_>>().join(", "))
}
