//! The yearly partitions of `messages`, made when the first message of a year arrives.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike};
use sqlx::{AssertSqlSafe, PgConnection};

/// Telegram began in 2013. Dates outside lie in the default partition, so that damaged ones make no tables.
const YEARS: RangeInclusive<i32> = 2013..=2099;

/// Any number that nobody else uses: PostgreSQL's advisory locks are one number space for a whole database.
const LOCK: i64 = 0x7469_636b_6572; // "ticker"

/// The year that has a partition of its own for this date.
pub(super) fn year(unix_seconds: i64) -> Option<i32> {
    let year = DateTime::from_timestamp(unix_seconds, 0)?.year();
    YEARS.contains(&year).then_some(year)
}

/// Makes the partitions of these years where they are missing.
pub(super) async fn create(connection: &mut PgConnection, years: &BTreeSet<i32>) -> Result<(), sqlx::Error> {
    if missing(connection, years).await?.is_empty() {
        return Ok(());
    }
    // One at a time: two sinks may meet the same year at the same moment.
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *connection).await?;
    for year in missing(connection, years).await? {
        let statement = format!(
            "CREATE TABLE messages_{year} PARTITION OF messages \
             FOR VALUES FROM ('{year}-01-01 00:00:00+00') TO ('{}-01-01 00:00:00+00')",
            year + 1
        );
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn missing(connection: &mut PgConnection, years: &BTreeSet<i32>) -> Result<Vec<i32>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT year FROM unnest($1::integer[]) AS year WHERE to_regclass('messages_' || year) IS NULL",
    )
    .bind(years.iter().copied().collect::<Vec<_>>())
    .fetch_all(connection)
    .await
}

#[cfg(test)]
mod tests {
    use super::year;

    #[test]
    fn only_years_of_telegram_have_partitions() {
        assert_eq!(year(1_356_998_399), None); // 2012-12-31T23:59:59Z
        assert_eq!(year(1_356_998_400), Some(2013));
        assert_eq!(year(4_102_444_799), Some(2099));
        assert_eq!(year(4_102_444_800), None);
        assert_eq!(year(i64::MAX), None);
    }
}
