//! The gap ledger in Postgres: read once at the start, written behind the log.
//!
//! Nothing is written before the log has acknowledged what it says, and what one chat says is written in one
//! transaction. The embedded server has one connection for the whole program, so a write is a few statements over
//! arrays, whatever the number of chats.

use std::collections::{BTreeMap, HashMap};

use sqlx::PgPool;
use tickertape_broker::Offset;

use crate::coverage::{Coverage, Gap, Snapshot, Why};
use crate::error::Result;
use crate::ranges::Ranges;

/// Topic and partition → the offset of the first record that the ledger may not tell of.
pub(crate) type Ends = BTreeMap<(&'static str, u32), Offset>;

/// What is written at once.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Up to where the ledger then tells all that the account's records on the log say.
    pub(crate) ends: Ends,
    chats: Vec<(i64, Snapshot)>,
    gaps: Vec<(i64, Gap, Option<String>)>,
    gone: Vec<(i64, i64, i64)>,
}

impl Changes {
    /// Adds what changed in a chat. `refused` is why Telegram does not give its history.
    pub(crate) fn add(&mut self, chat_id: i64, chat: &mut Coverage, refused: Option<&str>) {
        let Some((snapshot, gaps, gone)) = chat.take_changes() else { return };
        self.chats.push((chat_id, snapshot));
        self.gaps.extend(gaps.into_iter().map(|gap| (chat_id, gap, refused.map(str::to_owned))));
        self.gone.extend(gone.iter().map(|(from, to)| (chat_id, from, to)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chats.is_empty() && self.ends.is_empty()
    }
}

/// Writes the changes of an account.
pub(crate) async fn write(pool: &PgPool, account: &str, changes: &Changes, now: i64) -> Result<()> {
    let mut transaction = pool.begin().await?;
    let column = |of: fn(&(i64, Snapshot)) -> i64| changes.chats.iter().map(of).collect::<Vec<i64>>();
    let pts: Vec<Option<i32>> = changes.chats.iter().map(|(_, snapshot)| snapshot.pts).collect();
    let steady: Vec<Option<i64>> = changes.chats.iter().map(|(_, snapshot)| snapshot.steady).collect();
    let doubt: Vec<Option<i64>> = changes.chats.iter().map(|(_, snapshot)| snapshot.doubt_from).collect();
    sqlx::query(
        "INSERT INTO producer_chats (account, chat_id, last_id, floor, pts, steady_id, doubt_from)
         SELECT $1, * FROM
             unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::bigint[], $7::bigint[])
         ON CONFLICT (account, chat_id) DO UPDATE
         SET last_id = excluded.last_id, floor = excluded.floor, pts = excluded.pts,
             steady_id = excluded.steady_id, doubt_from = excluded.doubt_from, updated_at = now()",
    )
    .bind(account)
    .bind(column(|(id, _)| *id))
    .bind(column(|(_, snapshot)| snapshot.last_id))
    .bind(column(|(_, snapshot)| snapshot.floor))
    .bind(pts)
    .bind(steady)
    .bind(doubt)
    .execute(&mut *transaction)
    .await?;
    if !changes.gaps.is_empty() {
        write_gaps(&mut transaction, account, &changes.gaps, now).await?;
    }
    if !changes.gone.is_empty() {
        let column = |of: fn(&(i64, i64, i64)) -> i64| changes.gone.iter().map(of).collect::<Vec<i64>>();
        sqlx::query(
            "INSERT INTO producer_gone (account, chat_id, from_id, to_id)
             SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) ON CONFLICT DO NOTHING",
        )
        .bind(account)
        .bind(column(|(id, _, _)| *id))
        .bind(column(|(_, from, _)| *from))
        .bind(column(|(_, _, to)| *to))
        .execute(&mut *transaction)
        .await?;
    }
    if !changes.ends.is_empty() {
        let topics: Vec<&str> = changes.ends.keys().map(|(topic, _)| *topic).collect();
        let partitions: Vec<i64> = changes.ends.keys().map(|(_, partition)| i64::from(*partition)).collect();
        let offsets: Vec<i64> = changes.ends.values().map(|offset| *offset as i64).collect();
        sqlx::query(
            "UPDATE producer_log AS log SET next_offset = told.next_offset
             FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS told (topic, partition, next_offset)
             WHERE account = $1 AND log.topic = told.topic AND log.partition = told.partition",
        )
        .bind(account)
        .bind(topics)
        .bind(partitions)
        .bind(offsets)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn write_gaps(
    transaction: &mut sqlx::PgTransaction<'_>,
    account: &str,
    gaps: &[(i64, Gap, Option<String>)],
    now: i64,
) -> Result<()> {
    let column = |of: fn(&(i64, Gap, Option<String>)) -> i64| gaps.iter().map(of).collect::<Vec<i64>>();
    let state = |(_, gap, refused): &(i64, Gap, Option<String>)| match (gap.is_closed(), refused) {
        (true, _) => "closed",
        (false, Some(_)) => "refused",
        (false, None) => "open",
    };
    sqlx::query(
        "INSERT INTO producer_gaps
            (account, chat_id, from_id, to_id, missing, gone, opened_at, why, state, reason, closed_at)
         SELECT $1, chat, from_id, to_id, missing::int8multirange, gone, to_timestamp(opened), why, state, reason,
                CASE WHEN state = 'closed' THEN to_timestamp($11) END
         FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[],
                     $8::text[], $9::text[], $10::text[])
              AS gap (chat, from_id, to_id, missing, gone, opened, why, state, reason)
         ON CONFLICT (account, chat_id, from_id, to_id) DO UPDATE
         SET missing = excluded.missing, gone = excluded.gone, state = excluded.state, reason = excluded.reason,
             why = excluded.why, closed_at = excluded.closed_at",
    )
    .bind(account)
    .bind(column(|(chat, ..)| *chat))
    .bind(column(|(_, gap, _)| gap.from))
    .bind(column(|(_, gap, _)| gap.to))
    .bind(gaps.iter().map(|(_, gap, _)| multirange(&gap.left)).collect::<Vec<_>>())
    .bind(column(|(_, gap, _)| gap.gone))
    .bind(column(|(_, gap, _)| gap.opened_at))
    .bind(gaps.iter().map(|(_, gap, _)| gap.why.name()).collect::<Vec<_>>())
    .bind(gaps.iter().map(state).collect::<Vec<_>>())
    .bind(gaps.iter().map(|(_, _, refused)| refused.clone()).collect::<Vec<Option<String>>>())
    .bind(now as f64)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// As PostgreSQL reads it: `{[3,5),[9,10)}` are 3, 4 and 9.
fn multirange(ids: &Ranges) -> String {
    let ranges: Vec<String> = ids.iter().map(|(from, to)| format!("[{from},{})", to + 1)).collect();
    format!("{{{}}}", ranges.join(","))
}

/// Reads the chats of an account as they were stored.
pub(crate) async fn read(
    pool: &PgPool,
    account: &str,
    window: i64,
    now: i64,
) -> Result<HashMap<i64, Coverage>> {
    #[expect(clippy::type_complexity, reason = "the columns of one query, taken apart below")]
    let rows: Vec<(i64, i64, i64, Option<i32>, Option<i64>, Option<i64>)> = sqlx::query_as(
        "SELECT chat_id, last_id, floor, pts, steady_id, doubt_from FROM producer_chats WHERE account = $1",
    )
    .bind(account)
    .fetch_all(pool)
    .await?;
    // A row for each range that is missing, the gaps in order.
    #[expect(clippy::type_complexity, reason = "the columns of one query, taken apart below")]
    let open: Vec<(i64, i64, i64, i64, f64, String, i64, i64)> = sqlx::query_as(
        "SELECT chat_id, from_id, to_id, gone, extract(epoch FROM opened_at)::float8, why,
                lower(missing_range), upper(missing_range) - 1
         FROM producer_gaps, unnest(missing) AS missing_range
         WHERE account = $1 AND state <> 'closed' ORDER BY chat_id, from_id, to_id",
    )
    .bind(account)
    .fetch_all(pool)
    .await?;
    // Only the newest matter, and there may be many: what lies below every window is left where it is.
    let absent: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT gone.chat_id, gone.from_id, gone.to_id FROM producer_gone AS gone
         JOIN producer_chats AS chat USING (account, chat_id)
         WHERE account = $1 AND gone.to_id > least(chat.last_id, chat.steady_id, chat.doubt_from) - $2",
    )
    .bind(account)
    .bind(2 * window)
    .fetch_all(pool)
    .await?;
    let mut gaps: HashMap<i64, Vec<Gap>> = HashMap::new();
    for (chat, from, to, gone, opened, why, first, last) in open {
        let of_chat = gaps.entry(chat).or_default();
        if of_chat.last().is_none_or(|gap| (gap.from, gap.to) != (from, to)) {
            let (why, left) = (Why::parse(&why), Ranges::default());
            of_chat.push(Gap { from, to, why, opened_at: opened as i64, left, gone, stored: true });
        }
        if let Some(gap) = of_chat.last_mut() {
            gap.left.insert(first, last);
        }
    }
    let mut gone: HashMap<i64, Ranges> = HashMap::new();
    for (chat, from, to) in absent {
        gone.entry(chat).or_default().insert(from, to);
    }
    let chats = rows.into_iter().map(|(chat_id, last_id, floor, pts, steady, doubt_from)| {
        let snapshot = Snapshot { last_id, floor, pts, steady, doubt_from };
        let gaps = gaps.remove(&chat_id).unwrap_or_default();
        let gone = gone.remove(&chat_id).unwrap_or_default();
        (chat_id, Coverage::restore(is_dense(chat_id), window, &snapshot, gaps, gone, now))
    });
    Ok(chats.collect())
}

/// Whether every id up to the newest belongs to this chat: true of channels and supergroups.
pub(crate) fn is_dense(chat_id: i64) -> bool {
    chat_id < tickertape_records::peer::channel(0)
}
