//! Writing what changed: one transaction for the state, the instructions to be sent and the positions read.

use sqlx::{PgConnection, Postgres, Transaction};
use tickertape_broker::TopicPartition;
use tickertape_records::Preview;

use super::text::{json, plain};
use super::{Position, Store};
use crate::Error;
use crate::decide::{Changes, Closed, Fact, Number, Open, State, Transition};

/// What one transaction covers.
#[derive(Debug, Default)]
pub(crate) struct Commit {
    pub(crate) changes: Changes,
    pub(crate) positions: Vec<(TopicPartition, Position)>,
    /// The newest previews of channels.
    pub(crate) previews: Vec<(Number, Preview)>,
    /// What came of wishes: (id, outcome).
    pub(crate) wishes: Vec<(i64, String)>,
}

impl Commit {
    pub(crate) fn is_empty(&self) -> bool {
        let Self { changes, positions, previews, wishes } = self;
        positions.is_empty()
            && previews.is_empty()
            && wishes.is_empty()
            && changes.accounts.is_empty()
            && changes.channels.is_empty()
            && changes.sources.is_empty()
            && changes.issued.is_empty()
            && changes.closed.is_empty()
    }
}

impl Store {
    /// Stores all of it or, on an error, nothing or (when the connection broke at the very end) perhaps all.
    pub(crate) async fn save(
        &mut self,
        state: &State,
        commit: &Commit,
        weighed_under: u64,
    ) -> Result<(), Error> {
        let mut tx = self.pool.begin().await.map_err(Error::writing)?;
        self.claim(&mut tx, state, weighed_under).await?;
        write(&mut tx, commit).await.map_err(Error::writing)?;
        tx.commit().await.map_err(Error::writing)?;
        self.revision += 1;
        self.weighed_under = weighed_under;
        Ok(())
    }

    /// Moves the revision on, which fails when somebody else has done so.
    async fn claim(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        state: &State,
        weighed_under: u64,
    ) -> Result<(), Error> {
        let (next_channel, next_instruction) = state.next_numbers();
        let done = sqlx::query(
            "UPDATE manager.installation SET revision = revision + 1, now = $2, next_channel = $3, next_instruction = $4, \
             coin_list = $5 WHERE revision = $1",
        )
        .bind(self.revision)
        .bind(state.now())
        .bind(next_channel)
        .bind(next_instruction)
        .bind(weighed_under as i64)
        .execute(&mut **tx)
        .await
        .map_err(Error::writing)?;
        if done.rows_affected() == 1 {
            return Ok(());
        }
        Err(Error::Taken)
    }
}

async fn write(connection: &mut PgConnection, commit: &Commit) -> Result<(), sqlx::Error> {
    let changes = &commit.changes;
    if !changes.accounts.is_empty() {
        let (labels, data): (Vec<String>, Vec<String>) =
            changes.accounts.iter().map(|account| (plain(&account.label), json(account))).unzip();
        sqlx::query(
            "INSERT INTO manager.accounts (label, data) SELECT label, data::jsonb \
             FROM unnest($1::text[], $2::text[]) AS t(label, data) \
             ON CONFLICT (label) DO UPDATE SET data = excluded.data",
        )
        .bind(labels)
        .bind(data)
        .execute(&mut *connection)
        .await?;
    }
    if !changes.channels.is_empty() {
        let (numbers, data): (Vec<i64>, Vec<String>) =
            changes.channels.iter().map(|channel| (channel.number, json(channel))).unzip();
        sqlx::query(
            "INSERT INTO manager.channels (number, data) SELECT number, data::jsonb \
             FROM unnest($1::bigint[], $2::text[]) AS t(number, data) \
             ON CONFLICT (number) DO UPDATE SET data = excluded.data",
        )
        .bind(numbers)
        .bind(data)
        .execute(&mut *connection)
        .await?;
    }
    if !changes.sources.is_empty() {
        let (chats, data): (Vec<i64>, Vec<String>) =
            changes.sources.iter().map(|(chat_id, count)| (*chat_id, json(count))).unzip();
        sqlx::query(
            "INSERT INTO manager.link_sources (chat_id, data) SELECT chat_id, data::jsonb \
             FROM unnest($1::bigint[], $2::text[]) AS t(chat_id, data) \
             ON CONFLICT (chat_id) DO UPDATE SET data = excluded.data",
        )
        .bind(chats)
        .bind(data)
        .execute(&mut *connection)
        .await?;
    }
    write_previews(connection, &commit.previews).await?;
    write_transitions(connection, &changes.transitions).await?;
    write_facts(connection, &changes.facts).await?;
    write_issued(connection, &changes.issued).await?;
    write_closed(connection, &changes.closed).await?;
    for (at, position) in &commit.positions {
        sqlx::query(
            "INSERT INTO manager.positions (topic, partition, epoch, next_offset) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (topic, partition) DO UPDATE SET epoch = excluded.epoch, next_offset = excluded.next_offset",
        )
        .bind(&at.topic)
        .bind(i64::from(at.partition))
        .bind(format!("{:016x}", position.epoch))
        .bind(position.next as i64)
        .execute(&mut *connection)
        .await?;
    }
    if !commit.wishes.is_empty() {
        let (ids, outcomes): (Vec<i64>, Vec<String>) =
            commit.wishes.iter().map(|(id, outcome)| (*id, plain(outcome))).unzip();
        sqlx::query(
            "UPDATE manager.wishes w SET outcome = t.outcome \
             FROM unnest($1::bigint[], $2::text[]) AS t(id, outcome) WHERE w.id = t.id",
        )
        .bind(ids)
        .bind(outcomes)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn write_previews(
    connection: &mut PgConnection,
    previews: &[(Number, Preview)],
) -> Result<(), sqlx::Error> {
    for (channel, preview) in previews {
        sqlx::query(
            "INSERT INTO manager.previews (channel, preview) VALUES ($1, $2::text::jsonb) \
             ON CONFLICT (channel) DO UPDATE SET preview = excluded.preview",
        )
        .bind(channel)
        .bind(json(preview))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn write_transitions(
    connection: &mut PgConnection,
    transitions: &[Transition],
) -> Result<(), sqlx::Error> {
    if transitions.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Transition) -> String| transitions.iter().map(of).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO manager.transitions (channel, at, from_state, to_state, reason, account) \
         SELECT channel, to_timestamp(at), from_state, to_state, reason, account \
         FROM unnest($1::bigint[], $2::float8[], $3::text[], $4::text[], $5::text[], $6::text[]) \
         WITH ORDINALITY AS t(channel, at, from_state, to_state, reason, account, place) ORDER BY place",
    )
    .bind(transitions.iter().map(|transition| transition.channel).collect::<Vec<_>>())
    .bind(transitions.iter().map(|transition| transition.at as f64).collect::<Vec<_>>())
    .bind(column(|transition| transition.from.name().to_owned()))
    .bind(column(|transition| transition.to.name().to_owned()))
    .bind(column(|transition| plain(&transition.reason)))
    .bind(transitions.iter().map(|transition| transition.account.as_deref().map(plain)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_facts(connection: &mut PgConnection, facts: &[Fact]) -> Result<(), sqlx::Error> {
    if facts.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO manager.channel_history (channel, at, field, old_value, new_value) \
         SELECT channel, to_timestamp(at), field, old_value, new_value \
         FROM unnest($1::bigint[], $2::float8[], $3::text[], $4::text[], $5::text[]) \
         WITH ORDINALITY AS t(channel, at, field, old_value, new_value, place) ORDER BY place",
    )
    .bind(facts.iter().map(|fact| fact.channel).collect::<Vec<_>>())
    .bind(facts.iter().map(|fact| fact.at as f64).collect::<Vec<_>>())
    .bind(facts.iter().map(|fact| fact.field).collect::<Vec<_>>())
    .bind(facts.iter().map(|fact| fact.old.as_deref().map(plain)).collect::<Vec<_>>())
    .bind(facts.iter().map(|fact| fact.new.as_deref().map(plain)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_issued(connection: &mut PgConnection, issued: &[Open]) -> Result<(), sqlx::Error> {
    if issued.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO manager.instructions (number, account, kind, action, channel, issued_at, deadline) \
         SELECT number, account, kind, action::jsonb, channel, issued_at, deadline \
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[]) \
         AS t(number, account, kind, action, channel, issued_at, deadline)",
    )
    .bind(issued.iter().map(|open| open.number).collect::<Vec<_>>())
    .bind(issued.iter().map(|open| plain(&open.account)).collect::<Vec<_>>())
    .bind(issued.iter().map(|open| open.action.name()).collect::<Vec<_>>())
    .bind(issued.iter().map(|open| json(&open.action)).collect::<Vec<_>>())
    .bind(issued.iter().map(|open| open.channel).collect::<Vec<_>>())
    .bind(issued.iter().map(|open| open.issued_at).collect::<Vec<_>>())
    .bind(issued.iter().map(|open| open.deadline).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_closed(connection: &mut PgConnection, closed: &[Closed]) -> Result<(), sqlx::Error> {
    if closed.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE manager.instructions i \
         SET outcome = t.outcome, detail = nullif(t.detail, ''), closed_at = to_timestamp(t.at) \
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::float8[]) AS t(number, outcome, detail, at) \
         WHERE i.number = t.number",
    )
    .bind(closed.iter().map(|closed| closed.number).collect::<Vec<_>>())
    .bind(closed.iter().map(|closed| closed.outcome).collect::<Vec<_>>())
    .bind(closed.iter().map(|closed| plain(&closed.detail)).collect::<Vec<_>>())
    .bind(closed.iter().map(|closed| closed.at as f64).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
