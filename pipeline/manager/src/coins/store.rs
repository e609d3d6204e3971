//! What Postgres remembers of the coin lists: a copy of the topic, every refresh, the calls of each month.
//!
//! Each function takes the connection for one statement or one transaction, as the embedded database has only one.

use sqlx::{PgPool, Row};
use tickertape_broker::Broker;

use super::Error;
use super::topic;

/// One refresh as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refresh {
    /// When, Unix seconds.
    pub at: i64,
    /// `changed`, `unchanged`, or the name of the reason why the list in force stayed.
    pub outcome: String,
    /// The reason in words.
    pub reason: Option<String>,
    /// The list in force afterwards.
    pub version: u64,
    /// Calls it took.
    pub calls: u32,
}

/// Brings every list of the topic into Postgres that is not there yet. Ran again after a crash it ends the same.
pub(crate) async fn copy_lists(broker: &dyn Broker, pool: &PgPool) -> Result<(), Error> {
    let stored: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM coin_lists").fetch_one(pool).await?;
    let newest = topic::newest(broker).await?.map_or(0, |list| list.version);
    for version in stored.unwrap_or(0).max(0) as u64 + 1..=newest {
        let list = match topic::load(broker, version).await {
            Ok(list) => list,
            Err(reason @ Error::Unreadable { .. }) => {
                tracing::warn!(%reason, version, "a coin list stays out of the database");
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut transaction = pool.begin().await?;
        sqlx::query("INSERT INTO coin_lists (version, as_of) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(version as i64)
            .bind(&list.as_of)
            .execute(&mut *transaction)
            .await?;
        let column = |field: fn(&tickertape_coins::Coin) -> &str| -> Vec<String> {
            list.coins.iter().map(|coin| field(coin).replace('\0', "")).collect()
        };
        sqlx::query(
            "INSERT INTO coin_list_coins (version, place, coin_id, symbol, name, rank) \
             SELECT $1, place, coin_id, symbol, name, rank \
             FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) \
             WITH ORDINALITY AS coin (coin_id, symbol, name, rank, place) ON CONFLICT DO NOTHING",
        )
        .bind(version as i64)
        .bind(column(|coin| &coin.id))
        .bind(column(|coin| &coin.symbol))
        .bind(column(|coin| &coin.name))
        .bind(list.coins.iter().map(|coin| i64::from(coin.rank)).collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Takes `calls` of this month's budget before they are made; none are taken when they do not fit.
pub(crate) async fn take_calls(pool: &PgPool, month: &str, calls: u32, budget: u64) -> Result<bool, Error> {
    let taken = sqlx::query(
        "INSERT INTO coin_calls (month, calls) SELECT $1, $2 WHERE $2 <= $3 \
         ON CONFLICT (month) DO UPDATE SET calls = coin_calls.calls + $2 WHERE coin_calls.calls + $2 <= $3",
    )
    .bind(month)
    .bind(i64::from(calls))
    .bind(i64::try_from(budget).unwrap_or(i64::MAX))
    .execute(pool)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Notes what came of a refresh, and gives back the calls that it did not need.
pub(crate) async fn note(pool: &PgPool, refresh: &Refresh, month: &str, unused: u32) -> Result<(), Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("UPDATE coin_calls SET calls = calls - $2 WHERE month = $1")
        .bind(month)
        .bind(i64::from(unused))
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "INSERT INTO coin_refreshes (at, outcome, reason, version, calls) \
         VALUES (to_timestamp($1::double precision), $2, $3, $4, $5)",
    )
    .bind(refresh.at as f64)
    .bind(&refresh.outcome)
    .bind(refresh.reason.as_ref().map(|reason| reason.replace('\0', "")))
    .bind(refresh.version as i64)
    .bind(i64::from(refresh.calls))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// The newest refreshes, newest first.
pub async fn history(pool: &PgPool, limit: u32) -> Result<Vec<Refresh>, Error> {
    let rows = sqlx::query(
        "SELECT extract(epoch FROM at)::bigint AS at, outcome, reason, version, calls \
         FROM coin_refreshes ORDER BY id DESC LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Refresh {
                at: row.try_get("at")?,
                outcome: row.try_get("outcome")?,
                reason: row.try_get("reason")?,
                version: row.try_get::<i64, _>("version")?.unsigned_abs(),
                calls: row.try_get::<i64, _>("calls")? as u32,
            })
        })
        .collect()
}

/// Calls made in the month of `now`.
pub async fn calls_of_month(pool: &PgPool, now: i64) -> Result<u64, Error> {
    let calls: Option<i64> = sqlx::query_scalar("SELECT calls FROM coin_calls WHERE month = $1")
        .bind(super::schedule::month(now))
        .fetch_optional(pool)
        .await?;
    Ok(calls.unwrap_or(0).unsigned_abs())
}
