//! Reading the state as it was stored, for the manager and for whoever shows it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{PgPool, Row};
use tickertape_broker::TopicPartition;
use tickertape_records::{Action, Preview};

use super::{Position, Store};
use crate::Error;
use crate::decide::{Account, Channel, ChannelState, Number, Open, SourceCount, Stored};

/// Everything a manager starts from.
pub(crate) struct Loaded {
    pub(crate) store: Store,
    pub(crate) stored: Stored,
    pub(crate) positions: BTreeMap<TopicPartition, Position>,
    /// The version of the coin list under which every preview was weighed.
    pub(crate) weighed_under: u64,
    /// Instructions that may not be on their topic yet.
    pub(crate) unsent: Vec<Open>,
}

type InstructionRow = (i64, String, String, Option<i64>, i64, i64, bool, bool);

impl Store {
    /// Reads everything; gives the installation its name at the first start.
    pub(crate) async fn open(pool: PgPool) -> Result<Loaded, Error> {
        let mut tx = pool.begin().await.map_err(Error::reading)?;
        sqlx::query(
            "INSERT INTO manager.installation (name, revision, now, next_channel, next_instruction, coin_list) \
             VALUES ($1, 0, 0, 1, 1, 0) ON CONFLICT DO NOTHING",
        )
        .bind(format!("{:016x}", rand::random::<u64>()))
        .execute(&mut *tx)
        .await
        .map_err(Error::writing)?;
        // Waits for a transaction of a killed predecessor that the server still works on.
        let row = sqlx::query(
            "SELECT name, revision, now, next_channel, next_instruction, coin_list FROM manager.installation FOR UPDATE",
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(Error::reading)?;
        let number = |column: &str| row.try_get::<i64, _>(column).map_err(Error::reading);
        let mut stored = Stored {
            now: number("now")?,
            next_channel: number("next_channel")?,
            next_instruction: number("next_instruction")?,
            ..Stored::default()
        };
        let name: String = row.try_get("name").map_err(Error::reading)?;
        let (revision, weighed_under) = (number("revision")?, number("coin_list")? as u64);

        let accounts = "SELECT data::text FROM manager.accounts";
        stored.accounts = rows(sqlx::query_scalar(accounts).fetch_all(&mut *tx).await, "manager.accounts")?;
        let channels = "SELECT data::text FROM manager.channels ORDER BY number";
        stored.channels = rows(sqlx::query_scalar(channels).fetch_all(&mut *tx).await, "manager.channels")?;
        let sources: Vec<(i64, String)> =
            sqlx::query_as("SELECT chat_id, data::text FROM manager.link_sources")
                .fetch_all(&mut *tx)
                .await
                .map_err(Error::reading)?;
        for (chat_id, data) in sources {
            stored.sources.push((chat_id, parse::<SourceCount>(&data, "manager.link_sources")?));
        }
        let positions: Vec<(String, i64, String, i64)> =
            sqlx::query_as("SELECT topic, partition, epoch, next_offset FROM manager.positions")
                .fetch_all(&mut *tx)
                .await
                .map_err(Error::reading)?;
        let positions = positions
            .into_iter()
            .map(|(topic, partition, epoch, next)| {
                let epoch = u64::from_str_radix(&epoch, 16).map_err(|error| Error::Unreadable {
                    table: "manager.positions",
                    reason: error.to_string(),
                })?;
                let position = Position { epoch, next: next as u64 };
                Ok((TopicPartition::new(topic, partition as u32), position))
            })
            .collect::<Result<_, Error>>()?;
        let instructions: Vec<InstructionRow> = sqlx::query_as(
            "SELECT number, account, action::text, channel, issued_at, deadline, sent, outcome IS NULL \
             FROM manager.instructions WHERE outcome IS NULL OR NOT sent ORDER BY number",
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::reading)?;
        tx.commit().await.map_err(Error::reading)?;

        let mut unsent = Vec::new();
        for (number, account, action, channel, issued_at, deadline, sent, is_open) in instructions {
            let action = parse::<Action>(&action, "manager.instructions")?;
            let open = Open { number, account, action, channel, issued_at, deadline };
            if !sent {
                unsent.push(open.clone());
            }
            if is_open {
                stored.open.push(open);
            }
        }
        let store = Self { pool, name, revision, weighed_under };
        Ok(Loaded { store, stored, positions, unsent, weighed_under })
    }
}

/// The channels in these states, or all of them, by number.
///
/// # Errors
/// When the database does not answer.
pub async fn load_channels(pool: &PgPool, states: &[ChannelState]) -> Result<Vec<Channel>, Error> {
    let states: Vec<&str> = states.iter().map(|state| state.name()).collect();
    let query = "SELECT data::text FROM manager.channels \
                 WHERE cardinality($1::text[]) = 0 OR state = ANY($1) ORDER BY number";
    rows(sqlx::query_scalar(query).bind(&states).fetch_all(pool).await, "manager.channels")
}

/// Every account, by label.
///
/// # Errors
/// When the database does not answer.
pub async fn load_accounts(pool: &PgPool) -> Result<Vec<Account>, Error> {
    let query = "SELECT data::text FROM manager.accounts ORDER BY label";
    rows(sqlx::query_scalar(query).fetch_all(pool).await, "manager.accounts")
}

/// One step of a channel's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When, Unix seconds.
    pub at: i64,
    /// From which state.
    pub from: String,
    /// To which state.
    pub to: String,
    /// Why.
    pub reason: String,
    /// The account that held it until then.
    pub account: Option<String>,
}

/// The way of a channel, oldest step first.
///
/// # Errors
/// When the database does not answer.
pub async fn load_transitions(pool: &PgPool, channel: Number) -> Result<Vec<Step>, Error> {
    let steps: Vec<(i64, String, String, String, Option<String>)> = sqlx::query_as(
        "SELECT extract(epoch FROM at)::bigint, from_state, to_state, reason, account \
         FROM manager.transitions WHERE channel = $1 ORDER BY id",
    )
    .bind(channel)
    .fetch_all(pool)
    .await
    .map_err(Error::reading)?;
    Ok(steps
        .into_iter()
        .map(|(at, from, to, reason, account)| Step { at, from, to, reason, account })
        .collect())
}

/// The newest preview of a channel.
pub(crate) async fn preview(pool: &PgPool, channel: Number) -> Result<Option<Preview>, Error> {
    let text: Option<String> =
        sqlx::query_scalar("SELECT preview::text FROM manager.previews WHERE channel = $1")
            .bind(channel)
            .fetch_optional(pool)
            .await
            .map_err(Error::reading)?;
    text.map(|text| parse(&text, "manager.previews")).transpose()
}

/// Previews of channels behind `after` on which the coin list may change the verdict, at most `most`.
pub(crate) async fn previews(
    pool: &PgPool,
    after: Number,
    most: i64,
) -> Result<Vec<(Number, Preview)>, Error> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT p.channel, p.preview::text FROM manager.previews p JOIN manager.channels c ON c.number = p.channel \
         WHERE c.state IN ('discovered', 'rejected') AND p.channel > $1 ORDER BY p.channel LIMIT $2",
    )
    .bind(after)
    .bind(most)
    .fetch_all(pool)
    .await
    .map_err(Error::reading)?;
    rows.into_iter().map(|(channel, preview)| Ok((channel, parse(&preview, "manager.previews")?))).collect()
}

pub(super) fn rows<T: DeserializeOwned>(
    rows: Result<Vec<String>, sqlx::Error>,
    table: &'static str,
) -> Result<Vec<T>, Error> {
    rows.map_err(Error::reading)?.iter().map(|data| parse(data, table)).collect()
}

fn parse<T: DeserializeOwned>(data: &str, table: &'static str) -> Result<T, Error> {
    serde_json::from_str(data).map_err(|error| Error::Unreadable { table, reason: error.to_string() })
}
