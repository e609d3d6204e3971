//! Pages of the sinks' tables. Each page is one statement that begins behind a key, so that a page deep inside costs
//! no more than the first.

use sqlx::{PgPool, Row};
use tickertape_http::{DeadLetter, DeadLetters, LinkSeen, Links, Problem};

/// The most of a dead letter's record that is shown.
const RECORD_CHARACTERS: i32 = 4_000;

/// One page of rows that were asked for with one more than `limit`, and the key behind which the next one begins.
pub(super) fn page<T, K>(mut rows: Vec<T>, limit: u32, key: impl FnOnce(&T) -> K) -> (Vec<T>, Option<K>) {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(key);
    (rows, next)
}

/// The key of a link as it stands in `next`: chat, message, link. The smallest of all for the first page.
pub(super) fn link_key(after: Option<&str>) -> Result<(i64, i64, String), Problem> {
    let Some(after) = after else { return Ok((i64::MIN, i64::MIN, String::new())) };
    let mut parts = after.splitn(3, ',');
    let mut number = || parts.next()?.parse().ok();
    let key = (number(), number());
    match (key, parts.next()) {
        ((Some(chat_id), Some(message_id)), Some(link)) => Ok((chat_id, message_id, link.to_owned())),
        _ => Err(Problem::bad_request(
            format!("after is {after:?}"),
            "take it from `next` of the page before, with its commas and slashes escaped",
        )),
    }
}

pub(super) async fn links(
    pool: &PgPool,
    (chat_id, message_id, link): (i64, i64, String),
    limit: u32,
) -> Result<Links, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT link, chat_id, message_id, target_chat_id, target_kind, target_title, unavailable, \
         CASE WHEN isfinite(received_at) THEN extract(epoch FROM received_at)::bigint END AS received_at \
         FROM links_seen WHERE (chat_id, message_id, link) > ($1, $2, $3) \
         ORDER BY chat_id, message_id, link LIMIT $4",
    )
    .bind(chat_id)
    .bind(message_id)
    .bind(link)
    .bind(i64::from(limit) + 1)
    .fetch_all(pool)
    .await?;
    let links = rows
        .iter()
        .map(|row| {
            Ok(LinkSeen {
                link: row.try_get("link")?,
                chat_id: row.try_get("chat_id")?,
                message_id: row.try_get("message_id")?,
                received_at: row.try_get("received_at")?,
                target_chat_id: row.try_get("target_chat_id")?,
                target_kind: row.try_get("target_kind")?,
                target_title: row.try_get("target_title")?,
                unavailable: row.try_get("unavailable")?,
            })
        })
        .collect::<Result<Vec<_>, sqlx::Error>>()?;
    let key = |last: &LinkSeen| format!("{},{},{}", last.chat_id, last.message_id, last.link);
    let (links, next) = page(links, limit, key);
    Ok(Links { links, next })
}

pub(super) async fn dead_letters(pool: &PgPool, after: &str, limit: u32) -> Result<DeadLetters, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, topic, partition, log_offset, file_name, file_position, reason, left(record, $3) AS record \
         FROM dead_letters WHERE id > $1 ORDER BY id LIMIT $2",
    )
    .bind(after.replace('\0', ""))
    .bind(i64::from(limit) + 1)
    .bind(RECORD_CHARACTERS)
    .fetch_all(pool)
    .await?;
    let dead_letters = rows
        .iter()
        .map(|row| {
            Ok(DeadLetter {
                id: row.try_get("id")?,
                topic: row.try_get("topic")?,
                partition: row.try_get("partition")?,
                offset: row.try_get("log_offset")?,
                file: row.try_get("file_name")?,
                file_position: row.try_get("file_position")?,
                reason: row.try_get("reason")?,
                record: row.try_get("record")?,
            })
        })
        .collect::<Result<Vec<_>, sqlx::Error>>()?;
    let (dead_letters, next) = page(dead_letters, limit, |last: &DeadLetter| last.id.clone());
    Ok(DeadLetters { dead_letters, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_again_by_its_key() {
        let key = link_key(Some("-1001234567890,45,https://t.me/a,b"));
        assert_eq!(key, Ok((-1_001_234_567_890, 45, "https://t.me/a,b".to_owned())));
        for wrong in ["", "1", "1,2", "a,2,x", "1,b,x"] {
            assert!(link_key(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
