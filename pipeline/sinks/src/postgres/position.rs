//! The stored position of a partition: read once when a sink starts, then moved with the rows it covers.

use sqlx::{PgConnection, Row};
use tickertape_broker::{Offset, TopicPartition};

/// How far a partition has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Epoch of the topic that the offset belongs to.
    pub(super) epoch: u64,
    /// The first record not yet written.
    pub(super) next: Offset,
}

/// The stored position. Waits for a transaction of a killed predecessor that the server still works on.
pub(super) async fn load(
    connection: &mut PgConnection,
    at: &TopicPartition,
) -> Result<Option<Position>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT epoch, next_offset FROM positions WHERE topic = $1 AND partition = $2 FOR UPDATE",
    )
    .bind(&at.topic)
    .bind(i64::from(at.partition))
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let epoch: String = row.try_get("epoch")?;
        let epoch = u64::from_str_radix(&epoch, 16).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Position { epoch, next: row.try_get::<i64, _>("next_offset")? as u64 })
    })
    .transpose()
}

/// Stores the position at which a partition is read for the first time; false when there is one already.
pub(super) async fn create(
    connection: &mut PgConnection,
    at: &TopicPartition,
    position: Position,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "INSERT INTO positions (topic, partition, epoch, next_offset) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(&at.topic)
    .bind(i64::from(at.partition))
    .bind(format!("{:016x}", position.epoch))
    .bind(position.next as i64)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Moves the position; false when it is not at `from`. Holds the others off until the transaction ends.
pub(super) async fn advance(
    connection: &mut PgConnection,
    at: &TopicPartition,
    from: Position,
    to: Offset,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE positions SET next_offset = $5, updated_at = now() \
         WHERE topic = $1 AND partition = $2 AND epoch = $3 AND next_offset = $4",
    )
    .bind(&at.topic)
    .bind(i64::from(at.partition))
    .bind(format!("{:016x}", from.epoch))
    .bind(from.next as i64)
    .bind(to as i64)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
