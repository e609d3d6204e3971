//! The rows of table `dead_letters`: those on the topic of that name, and those a sink finds itself.
//!
//! They are few and often repeats, so they are inserted, not copied.

use sqlx::PgConnection;
use tickertape_records::{DeadLetter, Origin};

use super::copy::storable;

/// An index entry of PostgreSQL holds 2,704 bytes.
const MAX_ID_BYTES: usize = 2_500;

/// What keeps a dead letter from being stored, if anything does.
pub(super) fn check(letter: &DeadLetter) -> Result<(), String> {
    let number = match &letter.origin {
        Origin::Topic { offset, .. } => *offset,
        Origin::File { position, .. } => *position,
    };
    if i64::try_from(number).is_err() {
        return Err(format!("position {number} is beyond 64 bits with a sign"));
    }
    if letter.id().len() > MAX_ID_BYTES {
        return Err("the name of its origin is too long".to_owned());
    }
    Ok(())
}

/// Inserts the letters that are not there yet.
pub(super) async fn insert(connection: &mut PgConnection, letters: &[DeadLetter]) -> Result<(), sqlx::Error> {
    if letters.is_empty() {
        return Ok(());
    }
    let text = |of: fn(&DeadLetter) -> Option<&str>| -> Vec<Option<String>> {
        letters.iter().map(|letter| of(letter).map(|text| storable(text).into_owned())).collect()
    };
    let number = |of: fn(&DeadLetter) -> Option<u64>| -> Vec<Option<i64>> {
        letters.iter().map(|letter| of(letter).map(|n| n as i64)).collect()
    };
    sqlx::query(
        "INSERT INTO dead_letters \
         (id, topic, partition, log_offset, file_id, file_name, file_position, reason, record) \
         SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], \
         $7::bigint[], $8::text[], $9::text[]) ON CONFLICT DO NOTHING",
    )
    .bind(letters.iter().map(|letter| storable(&letter.id()).into_owned()).collect::<Vec<_>>())
    .bind(text(|letter| match &letter.origin {
        Origin::Topic { topic, .. } => Some(topic),
        Origin::File { .. } => None,
    }))
    .bind(number(|letter| match letter.origin {
        Origin::Topic { partition, .. } => Some(u64::from(partition)),
        Origin::File { .. } => None,
    }))
    .bind(number(|letter| match letter.origin {
        Origin::Topic { offset, .. } => Some(offset),
        Origin::File { .. } => None,
    }))
    .bind(text(|letter| match &letter.origin {
        Origin::Topic { .. } => None,
        Origin::File { file_id, .. } => Some(file_id),
    }))
    .bind(text(|letter| match &letter.origin {
        Origin::Topic { .. } => None,
        Origin::File { name, .. } => Some(name),
    }))
    .bind(number(|letter| match letter.origin {
        Origin::Topic { .. } => None,
        Origin::File { position, .. } => Some(position),
    }))
    .bind(text(|letter| Some(&letter.reason)))
    .bind(text(|letter| Some(&letter.record)))
    .execute(connection)
    .await?;
    Ok(())
}
