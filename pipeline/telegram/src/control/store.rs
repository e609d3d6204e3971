//! What the control loop keeps in Postgres. Every method is one transaction, and none waits for anything else: the
//! embedded database has one connection.

use sqlx::{PgConnection, PgPool, PgTransaction, Row};
use tickertape_records::{Action, Instruction, Preview};

use super::outbox::{Outgoing, json};
use crate::budget::Used;
use crate::error::Result;

/// The tables of one account.
pub(crate) struct Store {
    pool: PgPool,
    account: String,
}

/// An instruction that is not done.
pub(super) struct Open {
    pub(super) instruction: Instruction,
    /// Telegram may have been asked already.
    pub(super) begun: bool,
}

/// A post whose views are due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) chat_id: i64,
    pub(super) message_id: i64,
    pub(super) after_minutes: i32,
    pub(super) date: i64,
}

/// What was seen in one batch of messages.
#[derive(Default)]
pub(super) struct Seen {
    /// (record without a preview, its value).
    pub(super) links: Vec<(tickertape_records::Link, String)>,
    pub(super) views: Vec<Due>,
}

/// A link that waits to go out.
pub(super) struct OpenLink {
    pub(super) chat_id: i64,
    pub(super) message_id: i64,
    pub(super) link: String,
    pub(super) record: String,
    pub(super) seen_at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Join,
    Lookup,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Lookup => "lookup",
        }
    }
}

impl Store {
    pub(crate) fn new(pool: PgPool, account: String) -> Self {
        Self { pool, account }
    }

    /// Waits for what a killed predecessor of this process had already asked the server to commit. Read before that,
    /// an instruction would be found open, and answered a second time.
    pub(super) async fn take_over(&self) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(self.lock())
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// A transaction that a successor waits for.
    async fn transaction(&self) -> Result<PgTransaction<'static>> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))")
            .bind(self.lock())
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    fn lock(&self) -> String {
        format!("tickertape control {}", self.account)
    }

    pub(super) async fn position(&self, topic: &str, partition: u32) -> Result<Option<(u64, u64)>> {
        let row: Option<(i64, i64)> = sqlx::query_as(
            "SELECT epoch, next FROM control_positions WHERE account = $1 AND topic = $2 AND partition = $3",
        )
        .bind(&self.account)
        .bind(topic)
        .bind(partition as i32)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(epoch, next)| (epoch as u64, next as u64)))
    }

    async fn reached(&self, on: &mut PgConnection, at: &Reached<'_>) -> Result<()> {
        sqlx::query(
            "INSERT INTO control_positions (account, topic, partition, epoch, next) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (account, topic, partition) DO UPDATE SET epoch = excluded.epoch, next = excluded.next",
        )
        .bind(&self.account)
        .bind(at.topic)
        .bind(at.partition as i32)
        .bind(at.epoch as i64)
        .bind(at.next as i64)
        .execute(on)
        .await?;
        Ok(())
    }

    async fn stage(&self, on: &mut PgConnection, records: &[Outgoing]) -> Result<()> {
        for record in records {
            sqlx::query(
                "INSERT INTO control_outbox (account, topic, partition, key, value, log_from)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&self.account)
            .bind(&record.topic)
            .bind(record.partition as i32)
            .bind(&record.key)
            .bind(&record.value)
            .bind(record.log_from as i64)
            .execute(&mut *on)
            .await?;
        }
        Ok(())
    }

    /// Only records, nothing that they follow from.
    pub(super) async fn put_out(&self, records: &[Outgoing]) -> Result<()> {
        let mut transaction = self.transaction().await?;
        self.stage(&mut transaction, records).await?;
        Ok(transaction.commit().await?)
    }

    /// The oldest records on their way, at most `limit`, each with its number.
    pub(super) async fn outbox(&self, limit: i64) -> Result<Vec<(i64, Outgoing)>> {
        let rows = sqlx::query(
            "SELECT seq, topic, partition, key, value, log_from FROM control_outbox
             WHERE account = $1 ORDER BY seq LIMIT $2",
        )
        .bind(&self.account)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let record = Outgoing {
                    topic: row.try_get(1)?,
                    partition: row.try_get::<i32, _>(2)? as u32,
                    key: row.try_get(3)?,
                    value: row.try_get(4)?,
                    log_from: row.try_get::<i64, _>(5)? as u64,
                };
                Ok((row.try_get(0)?, record))
            })
            .collect()
    }

    pub(super) async fn sent(&self, seqs: &[i64]) -> Result<()> {
        sqlx::query("DELETE FROM control_outbox WHERE account = $1 AND seq = ANY($2)")
            .bind(&self.account)
            .bind(seqs)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Instructions that were read, and dead letters for what was none.
    pub(super) async fn told(
        &self,
        at: &Reached<'_>,
        instructions: &[(Instruction, String)],
        dead: &[Outgoing],
    ) -> Result<()> {
        let mut transaction = self.transaction().await?;
        for (instruction, text) in instructions {
            sqlx::query(
                "INSERT INTO control_instructions (account, id, instruction, state, try_at)
                 VALUES ($1, $2, $3, 'waiting', 0) ON CONFLICT (account, id) DO NOTHING",
            )
            .bind(&self.account)
            .bind(&instruction.id)
            .bind(text)
            .execute(&mut *transaction)
            .await?;
        }
        self.stage(&mut transaction, dead).await?;
        self.reached(&mut transaction, at).await?;
        Ok(transaction.commit().await?)
    }

    /// The oldest instruction whose time has come.
    pub(super) async fn next_instruction(&self, now: i64) -> Result<Option<Open>> {
        let row: Option<(String, String)> = sqlx::query_as(
            "SELECT instruction, state FROM control_instructions
             WHERE account = $1 AND state <> 'done' AND try_at <= $2 ORDER BY seq LIMIT 1",
        )
        .bind(&self.account)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(text, state)| {
            let instruction = Instruction::decode(text.as_bytes()).expect("only what was decoded is stored");
            Open { instruction, begun: state == "begun" }
        }))
    }

    /// The chats that an instruction to leave was begun for.
    pub(super) async fn leaving(&self) -> Result<Vec<i64>> {
        let begun: Vec<String> = sqlx::query_scalar(
            "SELECT instruction FROM control_instructions WHERE account = $1 AND state = 'begun'",
        )
        .bind(&self.account)
        .fetch_all(&self.pool)
        .await?;
        let chat = |text: String| match Instruction::decode(text.as_bytes()).ok()?.action {
            Action::Leave { chat_id } => Some(chat_id),
            _ => None,
        };
        Ok(begun.into_iter().filter_map(chat).collect())
    }

    /// The waits that Telegram asked for: (method, until).
    pub(crate) async fn waits(&self) -> Result<Vec<(String, i64)>> {
        Ok(sqlx::query_as("SELECT method, until FROM control_waits WHERE account = $1")
            .bind(&self.account)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Telegram asks for these waits.
    pub(super) async fn keep_waits(&self, waits: &[(String, i64)]) -> Result<()> {
        let mut transaction = self.transaction().await?;
        for (method, until) in waits {
            sqlx::query(
                "INSERT INTO control_waits (account, method, until) VALUES ($1, $2, $3)
                 ON CONFLICT (account, method) DO UPDATE SET until = greatest(control_waits.until, excluded.until)",
            )
            .bind(&self.account)
            .bind(method)
            .bind(until)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Not before `try_at`; `begun` when Telegram may have been asked.
    pub(super) async fn postpone(&self, id: &str, begun: bool, try_at: i64) -> Result<()> {
        sqlx::query("UPDATE control_instructions SET state = $3, try_at = $4 WHERE account = $1 AND id = $2")
            .bind(&self.account)
            .bind(id)
            .bind(if begun { "begun" } else { "waiting" })
            .bind(try_at)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Written before Telegram is asked: the instruction is begun, and what it uses is used.
    pub(super) async fn begin(&self, id: &str, uses: &[(Kind, Used)]) -> Result<()> {
        let mut transaction = self.transaction().await?;
        for (kind, used) in uses {
            self.set_used(&mut transaction, *kind, *used).await?;
        }
        sqlx::query("UPDATE control_instructions SET state = 'begun' WHERE account = $1 AND id = $2")
            .bind(&self.account)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// The instruction is done: its answer and what else it led to are on their way.
    pub(super) async fn finish(
        &self,
        id: &str,
        records: &[Outgoing],
        member: Option<Membership>,
    ) -> Result<()> {
        let mut transaction = self.transaction().await?;
        sqlx::query("UPDATE control_instructions SET state = 'done' WHERE account = $1 AND id = $2")
            .bind(&self.account)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        self.stage(&mut transaction, records).await?;
        match member {
            Some(Membership::Joined { chat_id, at }) => {
                sqlx::query(
                    "INSERT INTO control_chats (account, chat_id, joined_at) VALUES ($1, $2, $3)
                     ON CONFLICT (account, chat_id) DO UPDATE SET joined_at = excluded.joined_at",
                )
                .bind(&self.account)
                .bind(chat_id)
                .bind(at)
                .execute(&mut *transaction)
                .await?;
            }
            Some(Membership::Left { chat_id }) => self.forget_chat(&mut transaction, chat_id).await?,
            None => {}
        }
        Ok(transaction.commit().await?)
    }

    async fn forget_chat(&self, on: &mut PgConnection, chat_id: i64) -> Result<()> {
        sqlx::query("DELETE FROM control_chats WHERE account = $1 AND chat_id = $2")
            .bind(&self.account)
            .bind(chat_id)
            .execute(on)
            .await?;
        Ok(())
    }

    pub(crate) async fn used(&self, kind: Kind) -> Result<Used> {
        let row: Option<(i64, i32, i64, i64)> = sqlx::query_as(
            "SELECT day, used, last_at, not_before FROM control_budgets WHERE account = $1 AND kind = $2",
        )
        .bind(&self.account)
        .bind(kind.name())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map_or_else(Used::default, |(day, used, last_at, not_before)| Used {
            day,
            count: used.unsigned_abs(),
            last_at,
            not_before,
        }))
    }

    pub(super) async fn use_up(&self, kind: Kind, used: Used) -> Result<()> {
        let mut connection = self.pool.acquire().await?;
        self.set_used(&mut connection, kind, used).await
    }

    async fn set_used(&self, on: &mut PgConnection, kind: Kind, used: Used) -> Result<()> {
        sqlx::query(
            "INSERT INTO control_budgets (account, kind, day, used, last_at, not_before) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (account, kind) DO UPDATE SET day = excluded.day, used = excluded.used,
             last_at = excluded.last_at, not_before = excluded.not_before",
        )
        .bind(&self.account)
        .bind(kind.name())
        .bind(used.day)
        .bind(i32::try_from(used.count).unwrap_or(i32::MAX))
        .bind(used.last_at)
        .bind(used.not_before)
        .execute(on)
        .await?;
        Ok(())
    }

    /// What a link led to when it was last looked at, if that was not before `since`.
    pub(super) async fn preview(&self, link: &str, since: i64) -> Result<Option<Preview>> {
        let text: Option<String> = sqlx::query_scalar(
            "SELECT preview FROM control_previews WHERE account = $1 AND link = $2 AND looked_at >= $3",
        )
        .bind(&self.account)
        .bind(link)
        .bind(since)
        .fetch_optional(&self.pool)
        .await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Remembers what a link led to, without the messages: they go out once.
    pub(super) async fn remember_preview(&self, link: &str, preview: &Preview, now: i64) -> Result<()> {
        let mut connection = self.pool.acquire().await?;
        self.set_preview(&mut connection, link, preview, now).await
    }

    async fn set_preview(
        &self,
        on: &mut PgConnection,
        link: &str,
        preview: &Preview,
        now: i64,
    ) -> Result<()> {
        let remembered = Preview { messages: Vec::new(), ..preview.clone() };
        sqlx::query(
            "INSERT INTO control_previews (account, link, preview, looked_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account, link) DO UPDATE SET preview = excluded.preview, looked_at = excluded.looked_at",
        )
        .bind(&self.account)
        .bind(link)
        .bind(json(&remembered))
        .bind(now)
        .execute(on)
        .await?;
        Ok(())
    }

    /// What a batch of messages held, and how far that goes.
    pub(super) async fn observed(&self, at: &Reached<'_>, seen: &Seen, now: i64) -> Result<()> {
        let mut transaction = self.transaction().await?;
        for (link, record) in &seen.links {
            sqlx::query(
                "INSERT INTO control_links (chat_id, message_id, link, account, record, seen_at)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (chat_id, message_id, link) DO NOTHING",
            )
            .bind(link.chat_id)
            .bind(link.message_id)
            .bind(&link.link)
            .bind(&self.account)
            .bind(record)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        }
        for due in &seen.views {
            sqlx::query(
                "INSERT INTO control_views (chat_id, message_id, after_minutes, account, date, due)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (chat_id, message_id, after_minutes) DO NOTHING",
            )
            .bind(due.chat_id)
            .bind(due.message_id)
            .bind(due.after_minutes)
            .bind(&self.account)
            .bind(due.date)
            .bind(due.date + i64::from(due.after_minutes) * 60)
            .execute(&mut *transaction)
            .await?;
        }
        self.reached(&mut transaction, at).await?;
        Ok(transaction.commit().await?)
    }

    pub(super) async fn open_link(&self) -> Result<Option<OpenLink>> {
        let row = sqlx::query(
            "SELECT chat_id, message_id, link, record, seen_at FROM control_links
             WHERE account = $1 AND record IS NOT NULL ORDER BY seen_at, chat_id, message_id, link LIMIT 1",
        )
        .bind(&self.account)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(OpenLink {
                chat_id: row.try_get(0)?,
                message_id: row.try_get(1)?,
                link: row.try_get(2)?,
                record: row.try_get(3)?,
                seen_at: row.try_get(4)?,
            })
        })
        .transpose()
    }

    /// The link is on its way out; `looked` is what was just seen there, and when. Remembered earlier, a kill in between
    /// would leave its messages unsaid for as long as it is remembered.
    pub(super) async fn link_sent(
        &self,
        link: &OpenLink,
        record: Outgoing,
        looked: Option<(&Preview, i64)>,
    ) -> Result<()> {
        let mut transaction = self.transaction().await?;
        sqlx::query(
            "UPDATE control_links SET record = NULL WHERE chat_id = $1 AND message_id = $2 AND link = $3",
        )
        .bind(link.chat_id)
        .bind(link.message_id)
        .bind(&link.link)
        .execute(&mut *transaction)
        .await?;
        if let Some((preview, now)) = looked {
            self.set_preview(&mut transaction, &link.link, preview, now).await?;
        }
        self.stage(&mut transaction, &[record]).await?;
        Ok(transaction.commit().await?)
    }

    /// Posts of one chat whose views are due, at most as many as one request may ask for.
    pub(super) async fn due_views(&self, now: i64) -> Result<Vec<Due>> {
        let rows: Vec<(i64, i64, i32, i64)> = sqlx::query_as(
            "SELECT chat_id, message_id, after_minutes, date FROM control_views
             WHERE account = $1 AND due <= $2 AND chat_id = (
                 SELECT chat_id FROM control_views WHERE account = $1 AND due <= $2 ORDER BY due LIMIT 1)
             ORDER BY due, message_id LIMIT 100",
        )
        .bind(&self.account)
        .bind(now)
        .fetch_all(&self.pool)
        .await?;
        let due =
            |(chat_id, message_id, after_minutes, date)| Due { chat_id, message_id, after_minutes, date };
        Ok(rows.into_iter().map(due).collect())
    }

    /// These are counted, or cannot be.
    pub(super) async fn counted(&self, dues: &[Due], records: &[Outgoing]) -> Result<()> {
        let mut transaction = self.transaction().await?;
        for due in dues {
            sqlx::query(
                "DELETE FROM control_views WHERE chat_id = $1 AND message_id = $2 AND after_minutes = $3",
            )
            .bind(due.chat_id)
            .bind(due.message_id)
            .bind(due.after_minutes)
            .execute(&mut *transaction)
            .await?;
        }
        self.stage(&mut transaction, records).await?;
        Ok(transaction.commit().await?)
    }

    /// The chats it is in, with what was last reported of each.
    pub(crate) async fn chats(&self) -> Result<Vec<(i64, Option<String>)>> {
        Ok(sqlx::query_as("SELECT chat_id, described FROM control_chats WHERE account = $1 ORDER BY chat_id")
            .bind(&self.account)
            .fetch_all(&self.pool)
            .await?)
    }

    /// The chats it is in have changed: these are there, described so; those are gone.
    pub(super) async fn listed(
        &self,
        here: &[(i64, String)],
        gone: &[i64],
        records: &[Outgoing],
    ) -> Result<()> {
        let mut transaction = self.transaction().await?;
        for (chat_id, described) in here {
            sqlx::query(
                "INSERT INTO control_chats (account, chat_id, described) VALUES ($1, $2, $3)
                 ON CONFLICT (account, chat_id) DO UPDATE SET described = excluded.described",
            )
            .bind(&self.account)
            .bind(chat_id)
            .bind(described)
            .execute(&mut *transaction)
            .await?;
        }
        for chat_id in gone {
            self.forget_chat(&mut transaction, *chat_id).await?;
        }
        self.stage(&mut transaction, records).await?;
        Ok(transaction.commit().await?)
    }

    /// When it joined the chat on instruction, unless a gate of that joining has been tried already.
    pub(super) async fn joined_without_gate(&self, chat_id: i64) -> Result<Option<i64>> {
        Ok(sqlx::query_scalar(
            "SELECT joined_at FROM control_chats c WHERE account = $1 AND chat_id = $2 AND joined_at IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM control_gates g
                 WHERE g.account = c.account AND g.chat_id = c.chat_id AND g.at >= c.joined_at)",
        )
        .bind(&self.account)
        .bind(chat_id)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// Written before the gate is answered.
    pub(super) async fn gate_begun(&self, gate: &Gate<'_>) -> Result<()> {
        sqlx::query(
            "INSERT INTO control_gates (account, chat_id, message_id, at, question, answer)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&self.account)
        .bind(gate.chat_id)
        .bind(gate.message_id)
        .bind(gate.at)
        .bind(gate.question.replace('\0', ""))
        .bind(gate.answer.replace('\0', ""))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(super) async fn gate_ended(&self, gate: &Gate<'_>, outcome: &str) -> Result<()> {
        sqlx::query("UPDATE control_gates SET outcome = $4 WHERE account = $1 AND chat_id = $2 AND at = $3")
            .bind(&self.account)
            .bind(gate.chat_id)
            .bind(gate.at)
            .bind(outcome.replace('\0', ""))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// How far a partition has been read.
pub(super) struct Reached<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: u32,
    pub(super) epoch: u64,
    pub(super) next: u64,
}

/// What an instruction changed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Membership {
    Joined { chat_id: i64, at: i64 },
    Left { chat_id: i64 },
}

/// A gate that is about to be answered.
pub(super) struct Gate<'a> {
    pub(super) chat_id: i64,
    pub(super) message_id: i64,
    pub(super) at: i64,
    pub(super) question: &'a str,
    pub(super) answer: &'a str,
}
