//! The rows of table `messages`, from topic `attributed`.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::value::RawValue;
use sqlx::PgConnection;
use tickertape_broker::RecordRef;
use tickertape_records::{Attributed, MentionCount};

use super::copy::Rows;
use super::deletions::Deletion;
use super::partitions;
use super::table::{json, out_of_range_dates, signed};

/// The columns in the order in which [`add`] writes them.
pub(super) const COLUMNS: &[&str] = &[
    "chat_id",
    "message_id",
    "date",
    "edit_date",
    "received_at",
    "sender_id",
    "reply_to_message_id",
    "reply_to_chat_id",
    "topic_id",
    "grouped_id",
    "views",
    "forwards",
    "replies",
    "source_position",
    "coin_list_version",
    "input_offset",
    "sequence",
    "revision",
    "depth",
    "post",
    "silent",
    "pinned",
    "scheduled",
    "basis",
    "coin_id",
    "mentions",
    "mention_kinds",
    "chat_kind",
    "chat_title",
    "sender_name",
    "via_bot",
    "source_kind",
    "source_name",
    "text",
    "entities",
    "forward",
    "reactions",
    "media",
    "buttons",
    "extra",
];

/// Removes stored rows whose message the staged ones move to another date: the date is part of the key.
pub(super) const DROP_MOVED: &str = "DELETE FROM messages USING staged_messages AS staged \
     WHERE messages.chat_id = staged.chat_id AND messages.message_id = staged.message_id \
     AND messages.date <> staged.date AND messages.revision < staged.revision";

/// The staged rows that are to be kept: the highest revision of each message, unless a stored one is as high. Among
/// equals the first stays, as it would have in a batch of its own.
const STAGED: &str = "SELECT DISTINCT ON (chat_id, message_id) * FROM staged_messages AS staged \
     WHERE NOT EXISTS (SELECT FROM messages WHERE messages.chat_id = staged.chat_id \
     AND messages.message_id = staged.message_id AND messages.revision >= staged.revision) \
     ORDER BY chat_id, message_id, revision DESC, input_offset, sequence";

/// The statement that moves the staged rows into the table.
pub(super) fn merge() -> String {
    let columns = COLUMNS.join(", ");
    let changes: Vec<_> = COLUMNS.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    format!(
        "INSERT INTO messages ({columns}) SELECT {columns} FROM ({STAGED}) AS kept \
         ON CONFLICT (chat_id, message_id, date) DO UPDATE SET {}",
        changes.join(", ")
    )
}

/// Whether a table row with one of the batch's keys may exist.
const OVERLAPS: &str = "SELECT EXISTS (\
     SELECT FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS batch (chat_id, low, high) \
     CROSS JOIN LATERAL (SELECT FROM messages WHERE messages.chat_id = batch.chat_id \
     AND messages.message_id BETWEEN batch.low AND batch.high LIMIT 1) AS stored)";

/// What has to be known of a batch of messages before it is written.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// Years that need a partition.
    pub(super) years: BTreeSet<i32>,
    /// Lowest and highest message id of each chat.
    chats: HashMap<i64, (i64, i64)>,
    keys: HashSet<(i64, i64)>,
    /// What it says was deleted.
    pub(super) deletions: Vec<Deletion>,
    /// It holds a revision, or one message twice.
    pub(super) revises: bool,
}

impl Summary {
    fn add(&mut self, row: &Attributed<'_>) {
        self.years.extend(partitions::year(row.date));
        let range = self.chats.entry(row.chat_id).or_insert((row.message_id, row.message_id));
        *range = (range.0.min(row.message_id), range.1.max(row.message_id));
        let repeated = !self.keys.insert((row.chat_id, row.message_id));
        self.revises |= repeated || row.attribution.revision > 0;
    }

    /// It holds no message.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether it holds the message.
    pub(super) fn contains(&self, key: (i64, i64)) -> bool {
        self.keys.contains(&key)
    }

    /// The chats, and the lowest and highest message id of each.
    pub(super) fn ranges(&self) -> (Vec<i64>, Vec<i64>, Vec<i64>) {
        let (low, high) = self.chats.values().copied().unzip();
        (self.chats.keys().copied().collect(), low, high)
    }

    /// Whether a message of this batch may be stored already, judged by the ranges of ids.
    ///
    /// The key alone does not tell: it contains the date, and two exports can disagree about that.
    pub(super) async fn overlaps(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let (chats, low, high) = self.ranges();
        sqlx::query_scalar(OVERLAPS).bind(chats).bind(low).bind(high).fetch_one(connection).await
    }
}

/// Adds the row of a record or takes note of a deletion, or says what is wrong with the record.
pub(super) fn add(record: RecordRef<'_>, rows: &mut Rows, summary: &mut Summary) -> Result<(), String> {
    let row = Attributed::decode(record.value).map_err(|error| error.to_string())?;
    if let Some(deleted_at) = row.deleted_at {
        let (chat_id, message_id) = (row.chat_id, row.message_id);
        summary.deletions.push(Deletion { chat_id, message_id, deleted_at });
        return Ok(());
    }
    let outcome = &row.attribution;
    let coin_list_version = signed("coin_list_version", outcome.coin_list_version)?;
    let input_offset = signed("input_offset", outcome.input_offset)?;
    let source_position = row.source.position.map(|n| signed("source.position", n)).transpose()?;

    rows.begin(record.offset, COLUMNS.len());
    rows.bigint(row.chat_id);
    rows.bigint(row.message_id);
    rows.timestamp(row.date);
    rows.optional(row.edit_date, Rows::timestamp);
    rows.optional(row.received_at, Rows::timestamp);
    rows.optional(row.sender_id, Rows::bigint);
    rows.optional(row.reply_to_message_id, Rows::bigint);
    rows.optional(row.reply_to_chat_id, Rows::bigint);
    rows.optional(row.topic_id, Rows::bigint);
    rows.optional(row.grouped_id, Rows::bigint);
    rows.optional(row.views, Rows::bigint);
    rows.optional(row.forwards, Rows::bigint);
    rows.optional(row.replies, Rows::bigint);
    rows.optional(source_position, Rows::bigint);
    rows.bigint(coin_list_version);
    rows.bigint(input_offset);
    rows.bigint(i64::from(outcome.sequence));
    rows.bigint(i64::from(outcome.revision));
    rows.bigint(i64::from(outcome.depth));
    rows.boolean(row.post);
    rows.boolean(row.silent);
    rows.boolean(row.pinned);
    rows.boolean(row.scheduled);
    rows.text(outcome.basis.name());
    rows.optional(outcome.coin_id.as_deref(), Rows::text);
    rows.optional(mentions(&outcome.mentions, |m| m.count.to_string()).as_deref(), Rows::jsonb);
    rows.optional(mentions(&outcome.mentions, |m| json(&m.kinds)).as_deref(), Rows::jsonb);
    rows.text(row.chat_kind.name());
    rows.optional(row.chat_title.as_deref(), Rows::text);
    rows.optional(row.sender_name.as_deref(), Rows::text);
    rows.optional(row.via_bot.as_deref(), Rows::text);
    rows.text(row.source.kind.name());
    rows.text(&row.source.name);
    rows.text(&row.text);
    for nested in [row.entities, row.forward, row.reactions, row.media, row.buttons] {
        rows.optional(nested.map(RawValue::get), Rows::jsonb);
    }
    rows.optional(extra(&row).as_deref(), Rows::jsonb);
    summary.add(&row);
    Ok(())
}

/// A JSON object from coin to what `value` says of it; none when no coin is mentioned.
fn mentions(mentions: &[MentionCount], value: impl Fn(&MentionCount) -> String) -> Option<String> {
    if mentions.is_empty() {
        return None;
    }
    let fields: Vec<String> =
        mentions.iter().map(|mention| format!("{}:{}", json(&mention.coin_id), value(mention))).collect();
    Some(format!("{{{}}}", fields.join(",")))
}

/// The fields without a column, and the dates that no calendar has.
fn extra(row: &Attributed<'_>) -> Option<String> {
    let dates = [("date", Some(row.date)), ("edit_date", row.edit_date), ("received_at", row.received_at)];
    match (row.extra_json(), out_of_range_dates(&dates)) {
        (Some(unknown), Some(dates)) => {
            let unknown = unknown.strip_suffix('}').expect("an object ends with a brace");
            Some(format!("{unknown},{dates}}}"))
        }
        (None, Some(dates)) => Some(format!("{{{dates}}}")),
        (unknown, None) => unknown,
    }
}
