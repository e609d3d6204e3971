//! One batch, one transaction: the position, the rows, the dead letters, all or nothing.

use std::ops::Range;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tickertape_broker::TopicPartition;

use super::batch::{RowBatch, Table};
use super::copy::{HEADER, TRAILER};
use super::error::{Kind, kind};
use super::position::Position;
use super::{dead_letters, deletions, messages, partitions, position};

/// How much is handed to the connection at once: the server works on it while the next piece is on its way.
const PIECE: usize = 256 << 10;

/// How rows get into their table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By a COPY into the table itself: no row of the batch may be there yet.
    Straight,
    /// By a COPY into a temporary table and a merge from there.
    Staged,
}

/// Writes the batch and moves the position to its end; false, and nothing is written, when the position is not
/// where the batch begins.
pub(super) async fn write(
    connection: &mut PgConnection,
    at: &TopicPartition,
    from: Position,
    batch: &RowBatch,
    way: Way,
) -> Result<bool, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    // First, because it locks out another sink on this partition before that has done any work.
    if !position::advance(&mut transaction, at, from, batch.end).await? {
        transaction.rollback().await?;
        return Ok(false);
    }
    copy(&mut transaction, batch, 0..batch.rows.len(), way).await?;
    if let Table::Messages = batch.table {
        deletions::apply(&mut transaction, &batch.summary).await?;
    }
    dead_letters::insert(&mut transaction, &batch.letters).await?;
    transaction.commit().await?;
    Ok(true)
}

/// The rows that the server does not accept and what it says of each, found by trying ever smaller parts.
pub(super) async fn refused(
    connection: &mut PgConnection,
    batch: &RowBatch,
    way: Way,
) -> Result<Vec<(usize, sqlx::Error)>, sqlx::Error> {
    let mut refused = Vec::new();
    let whole = 0..batch.rows.len();
    let mut parts = vec![whole];
    while let Some(part) = parts.pop() {
        match attempt(connection, batch, part.clone(), way).await {
            Ok(()) => {}
            Err(error) if kind(&error) != Kind::Data => return Err(error),
            Err(error) if part.len() == 1 => refused.push((part.start, error)),
            Err(_) => {
                let middle = part.start + part.len() / 2;
                parts.extend([middle..part.end, part.start..middle]);
            }
        }
    }
    Ok(refused)
}

/// Copies some rows and takes them back.
async fn attempt(
    connection: &mut PgConnection,
    batch: &RowBatch,
    rows: Range<usize>,
    way: Way,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    copy(&mut transaction, batch, rows, way).await?;
    transaction.rollback().await
}

async fn copy(
    connection: &mut PgConnection,
    batch: &RowBatch,
    rows: Range<usize>,
    way: Way,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let table = batch.table;
    let is_messages = matches!(table, Table::Messages);
    if is_messages {
        partitions::create(connection, &batch.summary.years).await?;
    }
    let staged = way == Way::Staged
        || is_messages && (batch.summary.revises || batch.summary.overlaps(connection).await?);
    if !staged {
        return copy_into(connection, table.name(), batch, rows).await;
    }
    let staging = format!("staged_{}", table.name());
    let create = format!(
        "CREATE TEMPORARY TABLE IF NOT EXISTS {staging} (LIKE {}) ON COMMIT DELETE ROWS",
        table.name()
    );
    sqlx::query(AssertSqlSafe(create)).execute(&mut *connection).await?;
    copy_into(connection, &staging, batch, rows).await?;
    if is_messages {
        sqlx::query(messages::DROP_MOVED).execute(&mut *connection).await?;
    }
    sqlx::query(AssertSqlSafe(table.merge())).execute(&mut *connection).await?;
    Ok(())
}

async fn copy_into(
    connection: &mut PgConnection,
    table: &str,
    batch: &RowBatch,
    rows: Range<usize>,
) -> Result<(), sqlx::Error> {
    let columns = batch.table.columns().join(", ");
    let mut copy =
        connection.copy_in_raw(&format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)")).await?;
    copy.send(HEADER).await?;
    for piece in batch.rows.bytes(rows).chunks(PIECE) {
        if let Err(error) = copy.send(piece).await {
            // The connection is gone or the server said why; either is worth more than an abort that fails too.
            return Err(copy.finish().await.err().unwrap_or(error));
        }
    }
    copy.send(TRAILER).await?;
    copy.finish().await?;
    Ok(())
}
