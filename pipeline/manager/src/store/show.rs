//! What is shown of the manager's tables: each in one statement, as the embedded database has one connection.

use sqlx::PgPool;

use super::load::rows;
use crate::Error;
use crate::decide::{Channel, ChannelState, Number, Target};

/// Which channels, at most how many.
#[derive(Debug, Clone, Default)]
pub struct ChannelPage {
    /// Only those in these states; empty is all.
    pub states: Vec<ChannelState>,
    /// Only those that are relevant, were seen in so many messages, and wait for approval.
    pub pending: Option<u32>,
    /// Behind this number.
    pub after: Number,
    /// At most so many.
    pub limit: u32,
}

/// How accounts and channels stand, counted; what it costs; and how far the topics were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Channels by state.
    pub channels: Vec<(String, u64)>,
    /// Accounts by what they last said of themselves.
    pub accounts: Vec<(String, u64)>,
    /// Accounts that work.
    pub working: u64,
    /// Instructions that are not answered yet.
    pub open: u64,
    /// Topic, partition and the first record that the manager has not taken in.
    pub positions: Vec<(String, u32, u64)>,
    /// Calls to CoinGecko this month.
    pub calls: u64,
    /// When an answer of CoinGecko was last taken, Unix seconds.
    pub accepted_at: Option<i64>,
}

/// A page of channels, by number; entries that turned out to be another one's chat are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn channel_page(pool: &PgPool, page: &ChannelPage) -> Result<Vec<Channel>, Error> {
    let states: Vec<&str> = page.states.iter().map(|state| state.name()).collect();
    let query = "SELECT data::text FROM manager.channels \
                 WHERE number > $1 AND data->>'same_as' IS NULL \
                 AND (cardinality($2::text[]) = 0 OR state = ANY($2)) \
                 AND ($3::bigint IS NULL OR state = 'discovered' AND (data->'verdict'->>'relevant')::boolean \
                      AND jsonb_array_length(data->'sightings') >= $3) \
                 ORDER BY number LIMIT $4";
    let found = sqlx::query_scalar(query)
        .bind(page.after)
        .bind(&states)
        .bind(page.pending.map(i64::from))
        .bind(i64::from(page.limit))
        .fetch_all(pool)
        .await;
    rows(found, "manager.channels")
}

/// The channel that a user names; none when it is not known.
///
/// # Errors
/// When the database does not answer.
pub async fn channel(pool: &PgPool, target: &Target) -> Result<Option<Channel>, Error> {
    let (link, chat_id) = match target {
        Target::Link(link) => (Some(link), None),
        Target::Chat(chat_id) => (None, Some(chat_id)),
    };
    let query = "SELECT data::text FROM manager.channels \
                 WHERE data->>'same_as' IS NULL AND (chat_id = $1 OR data->'links' ? $2) LIMIT 1";
    let found = sqlx::query_scalar(query).bind(chat_id).bind(link).fetch_all(pool).await;
    Ok(rows(found, "manager.channels")?.pop())
}

/// How everything stands at `now`.
///
/// # Errors
/// When the database does not answer.
pub async fn standing(pool: &PgPool, now: i64) -> Result<Standing, Error> {
    let counted: Vec<(String, String, i64, i64)> = sqlx::query_as(
        "SELECT 'channel', state, 0::bigint, count(*) FROM manager.channels \
         WHERE data->>'same_as' IS NULL GROUP BY state \
         UNION ALL SELECT 'account', state, 0, count(*) FROM manager.accounts GROUP BY state \
         UNION ALL SELECT 'working', '', 0, count(*) FROM manager.accounts WHERE working \
         UNION ALL SELECT 'open', '', 0, count(*) FROM manager.instructions WHERE outcome IS NULL \
         UNION ALL SELECT 'position', topic, partition, next_offset FROM manager.positions \
         UNION ALL SELECT 'calls', '', 0, calls FROM coin_calls WHERE month = $1 \
         UNION ALL SELECT 'accepted', '', 0, extract(epoch FROM at)::bigint FROM \
             (SELECT max(at) AS at FROM coin_refreshes WHERE reason IS NULL) AS newest WHERE at IS NOT NULL \
         ORDER BY 1, 2, 3",
    )
    .bind(crate::coins::month(now))
    .fetch_all(pool)
    .await
    .map_err(Error::reading)?;
    let mut standing = Standing::default();
    for (what, name, partition, value) in counted {
        let count = value.unsigned_abs();
        match what.as_str() {
            "channel" => standing.channels.push((name, count)),
            "account" => standing.accounts.push((name, count)),
            "working" => standing.working = count,
            "open" => standing.open = count,
            "position" => standing.positions.push((name, partition as u32, count)),
            "calls" => standing.calls = count,
            _ => standing.accepted_at = Some(value),
        }
    }
    Ok(standing)
}
