//! Messages that were deleted on Telegram: kept in table `deletions`, and marked in `messages`.
//!
//! A deletion may be read before its message, twice, or before an edit. So each is kept for ever, and every batch of
//! messages is looked up in what is kept: the mark does not depend on the order.

use std::collections::BTreeSet;

use sqlx::{PgConnection, Row};

use super::copy::out_of_range;
use super::messages::Summary;

/// One message found deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deletion {
    pub(super) chat_id: i64,
    pub(super) message_id: i64,
    /// Unix seconds.
    pub(super) deleted_at: i64,
}

const KEEP: &str = "INSERT INTO deletions (chat_id, message_id, deleted_at) \
     SELECT chat_id, message_id, to_timestamp(seconds) \
     FROM unnest($1::bigint[], $2::bigint[], $3::double precision[]) AS found (chat_id, message_id, seconds) \
     ON CONFLICT DO NOTHING";

/// By ranges of ids, so that a batch costs a look at the index for each of its chats. The OFFSET keeps the planner from
/// joining the whole of either table.
const KNOWN: &str = "SELECT known.chat_id, known.message_id \
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS batch (chat_id, low, high) \
     CROSS JOIN LATERAL (SELECT chat_id, message_id FROM deletions WHERE deletions.chat_id = batch.chat_id \
     AND deletions.message_id BETWEEN batch.low AND batch.high OFFSET 0) AS known";

const MARK: &str = "UPDATE messages SET deleted_at = deletions.deleted_at \
     FROM unnest($1::bigint[], $2::bigint[]) AS gone (chat_id, message_id) \
     JOIN deletions ON deletions.chat_id = gone.chat_id AND deletions.message_id = gone.message_id \
     WHERE messages.chat_id = gone.chat_id AND messages.message_id = gone.message_id \
     AND messages.deleted_at IS NULL";

/// Keeps the batch's deletions, and marks what they and those kept before say of the messages stored so far.
pub(super) async fn apply(connection: &mut PgConnection, batch: &Summary) -> Result<(), sqlx::Error> {
    keep(connection, &batch.deletions).await?;
    let mut gone: BTreeSet<(i64, i64)> =
        batch.deletions.iter().map(|deletion| (deletion.chat_id, deletion.message_id)).collect();
    gone.extend(known(connection, batch).await?);
    if gone.is_empty() {
        return Ok(());
    }
    let (chats, messages): (Vec<i64>, Vec<i64>) = gone.into_iter().unzip();
    sqlx::query(MARK).bind(chats).bind(messages).execute(connection).await.map(drop)
}

async fn keep(connection: &mut PgConnection, found: &[Deletion]) -> Result<(), sqlx::Error> {
    if found.is_empty() {
        return Ok(());
    }
    let seconds = |deletion: &Deletion| match out_of_range(deletion.deleted_at) {
        true if deletion.deleted_at < 0 => f64::NEG_INFINITY,
        true => f64::INFINITY,
        false => deletion.deleted_at as f64,
    };
    sqlx::query(KEEP)
        .bind(found.iter().map(|deletion| deletion.chat_id).collect::<Vec<_>>())
        .bind(found.iter().map(|deletion| deletion.message_id).collect::<Vec<_>>())
        .bind(found.iter().map(seconds).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map(drop)
}

/// Those of the batch's messages that were found deleted before.
async fn known(connection: &mut PgConnection, batch: &Summary) -> Result<Vec<(i64, i64)>, sqlx::Error> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let (chats, low, high) = batch.ranges();
    let rows = sqlx::query(KNOWN).bind(chats).bind(low).bind(high).fetch_all(connection).await?;
    let mut known = Vec::new();
    for row in rows {
        let key = (row.try_get("chat_id")?, row.try_get("message_id")?);
        if batch.contains(key) {
            known.push(key);
        }
    }
    Ok(known)
}
