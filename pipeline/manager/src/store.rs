//! The manager's tables: what was decided, with the positions of the topics that caused it, in one transaction.
//!
//! After a failed transaction the state in memory is worth nothing: whoever uses this loads it again.

mod load;
mod save;
mod show;
mod text;

use sqlx::PgPool;
use tickertape_broker::{Offset, TopicPartition};

pub(crate) use load::{Loaded, preview, previews};
pub use load::{Step, load_accounts, load_channels, load_transitions};
pub(crate) use save::Commit;
pub use show::{ChannelPage, Standing, channel, channel_page, standing};

use crate::Error;

/// How far a partition has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Epoch of the topic that the offset belongs to.
    pub(crate) epoch: u64,
    /// The first record that is not in the state yet.
    pub(crate) next: Offset,
}

/// The tables of one database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
    /// The name of this installation.
    name: String,
    /// The revision that the state in memory belongs to.
    revision: i64,
    /// The version of the coin list under which every preview was weighed, as stored.
    weighed_under: u64,
}

impl Store {
    /// The name with which ids of instructions begin.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The version of the coin list under which every preview was weighed.
    pub(crate) fn weighed_under(&self) -> u64 {
        self.weighed_under
    }

    /// Notes that instructions are on their topic.
    pub(crate) async fn sent(&self, numbers: &[i64]) -> Result<(), Error> {
        sqlx::query("UPDATE manager.instructions SET sent = true WHERE number = ANY($1)")
            .bind(numbers)
            .execute(&self.pool)
            .await
            .map_err(Error::writing)?;
        Ok(())
    }

    /// Wishes that nobody has looked at, oldest first.
    pub(crate) async fn open_wishes(&self) -> Result<Vec<(i64, String)>, Error> {
        sqlx::query_as(
            "SELECT id, wish::text FROM manager.wishes WHERE outcome IS NULL ORDER BY id LIMIT 1000",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::reading)
    }

    /// The date of the newest message of each of these chats that has one since `from`.
    ///
    /// Newest by message id: the key of the table finds it with one step down its index. `from` should be the first
    /// moment of a year, so that whole partitions of the table are left out and every row of the others qualifies.
    pub(crate) async fn newest_messages(&self, chats: &[i64], from: i64) -> Result<Vec<(i64, i64)>, Error> {
        sqlx::query_as(
            "SELECT chat_id, extract(epoch FROM newest.date)::bigint \
             FROM unnest($1::bigint[]) AS chat(chat_id), \
             LATERAL (SELECT date FROM messages m WHERE m.chat_id = chat.chat_id AND m.date >= to_timestamp($2::float8) \
                      AND isfinite(m.date) ORDER BY m.message_id DESC LIMIT 1) AS newest",
        )
        .bind(chats)
        .bind(from as f64)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::reading)
    }

    /// How far Postgres has stored a partition of `attributed`: (epoch, next offset).
    pub(crate) async fn sink_position(&self, at: &TopicPartition) -> Result<Option<(String, i64)>, Error> {
        sqlx::query_as("SELECT epoch, next_offset FROM positions WHERE topic = $1 AND partition = $2")
            .bind(&at.topic)
            .bind(i64::from(at.partition))
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::reading)
    }
}
