//! Follows one partition of the log and writes it, batch by batch, until drained or stopped.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tickertape_broker::{Broker, Error as LogError, Follower, Phase, TopicPartition};
use tokio::sync::watch;
use tokio::time::sleep;

use super::batch::{RowBatch, Table};
use super::error::{Kind, advice, kind, reason};
use super::position::{self, Position};
use super::transaction::{self, Way};
use super::{Database, Error, Result};
use crate::Progress;

/// How much of the log one transaction covers at most, when that much is there. Two batches are in memory: one is
/// written while the next is made.
const BATCH_BYTES: usize = 8 << 20;

/// How long to wait before a second attempt; doubles with each further one up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Also the distance of the log lines while a server stays away.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Writes a partition of a topic into its table, from the stored position on.
///
/// Ends when the partition is drained or the process stops, after what was begun is committed. While the server
/// is away it waits and tries again, until the process stops.
///
/// # Errors
/// When the database or the log refuses for good, see [`Error`]; what was committed stays.
pub async fn run(
    database: &Database,
    broker: Arc<dyn Broker>,
    at: TopicPartition,
    phase: watch::Receiver<Phase>,
    progress: Arc<Progress>,
) -> Result<()> {
    let table = Table::of(&at.topic).ok_or_else(|| Error::NoTable { topic: at.topic.clone() })?;
    let sink = Sink { database, at, table, phase, progress };
    let (mut follower, mut position) = sink.open(broker).await?;
    let reading = sink.progress.positions.reading(sink.at.clone(), position.next);
    let mut ready = sink.read(&mut follower).await?;
    while let Some(batch) = ready {
        let end = batch.end;
        // Told when it is written: the next batch may be long in coming.
        let write = async {
            sink.write(position, batch).await?;
            reading.reached(end);
            Ok(())
        };
        ((), ready) = tokio::try_join!(write, sink.read(&mut follower))?;
        position.next = end;
    }
    Ok(())
}

struct Sink<'a> {
    database: &'a Database,
    at: TopicPartition,
    table: Table,
    phase: watch::Receiver<Phase>,
    progress: Arc<Progress>,
}

impl Sink<'_> {
    /// Begins at the stored position, or stores where it begins.
    async fn open(&self, broker: Arc<dyn Broker>) -> Result<(Follower, Position)> {
        loop {
            let stored = self.load().await?;
            let topic = broker.topic(&self.at.topic).await?;
            let epoch = topic.ok_or_else(|| LogError::NoSuchPartition { at: self.at.clone() })?.epoch;
            let follower = Follower::open(
                broker.clone(),
                self.at.clone(),
                stored.map(|position| (position.epoch, position.next)),
                BATCH_BYTES,
                self.phase.clone(),
            )
            .await?;
            let position = Position { epoch, next: follower.position() };
            if stored.is_some() || self.create(position).await? {
                return Ok((follower, position));
            }
        }
    }

    /// The next rows; none when drained or stopped.
    async fn read(&self, follower: &mut Follower) -> Result<Option<RowBatch>> {
        let Some(batches) = follower.next().await? else { return Ok(None) };
        let (table, at) = (self.table, self.at.clone());
        let rows = tokio::task::spawn_blocking(move || RowBatch::new(table, at, batches));
        Ok(Some(rows.await.expect("making rows does not panic, and nobody cancels it")))
    }

    /// Writes the batch, whatever it takes, or fails for good.
    async fn write(&self, from: Position, mut batch: RowBatch) -> Result<()> {
        let mut way = Way::Straight;
        let mut pauses = Pauses::default();
        loop {
            match self.attempt(from, &batch, way).await {
                Ok(true) => break,
                // The attempt before this one lost its connection after the server had committed.
                Ok(false) if pauses.any() && self.load().await?.is_some_and(|p| p.next == batch.end) => break,
                Ok(false) => return Err(Error::Taken { at: self.at.clone(), expected: from.next }),
                Err(error) => match kind(&error) {
                    Kind::Conflict if way == Way::Straight => way = Way::Staged,
                    Kind::Data if !batch.rows.is_empty() => {
                        self.refuse(&mut batch, way, error, &mut pauses).await?
                    }
                    Kind::Transient => self.pause(&mut pauses, error).await?,
                    Kind::Conflict | Kind::Data | Kind::Permanent => return Err(self.failed(&error)),
                },
            }
        }
        pauses.recovered(&self.at);
        self.database
            .wrote(batch.rows.bytes(0..batch.rows.len()).len())
            .await
            .map_err(|error| self.failed(&error))?;
        self.progress.records.fetch_add(batch.records - batch.refused, Ordering::Relaxed);
        self.progress.dead_letters.fetch_add(batch.refused, Ordering::Relaxed);
        Ok(())
    }

    async fn attempt(&self, from: Position, batch: &RowBatch, way: Way) -> Result<bool, sqlx::Error> {
        let mut connection = self.database.pool().acquire().await?;
        transaction::write(&mut connection, &self.at, from, batch, way).await
    }

    /// Turns the rows that `error` is about into dead letters.
    async fn refuse(
        &self,
        batch: &mut RowBatch,
        way: Way,
        error: sqlx::Error,
        pauses: &mut Pauses,
    ) -> Result<()> {
        let search = async {
            let mut connection = self.database.pool().acquire().await?;
            transaction::refused(&mut connection, batch, way).await
        };
        match search.await {
            Ok(refused) if refused.is_empty() => Err(self.failed(&error)), // only together are they too much
            Ok(refused) => {
                tracing::warn!(partition = %self.at, records = refused.len(), reason = reason(&error), "records became dead letters");
                let reasons = refused.iter().map(|(row, error)| (*row, reason(error))).collect();
                batch.refuse_rows(reasons);
                Ok(())
            }
            Err(error) if kind(&error) == Kind::Transient => self.pause(pauses, error).await,
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn load(&self) -> Result<Option<Position>> {
        let mut pauses = Pauses::default();
        loop {
            let attempt = async {
                let mut connection = self.database.pool().acquire().await?;
                position::load(&mut connection, &self.at).await
            };
            match attempt.await {
                Ok(position) => return Ok(position),
                Err(error) if kind(&error) == Kind::Transient => self.pause(&mut pauses, error).await?,
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    /// Stores the first position; false when another sink was faster, or an attempt before this one was.
    async fn create(&self, position: Position) -> Result<bool> {
        let attempt = async {
            let mut connection = self.database.pool().acquire().await?;
            position::create(&mut connection, &self.at, position).await
        };
        match attempt.await {
            Ok(created) => Ok(created),
            Err(error) if kind(&error) == Kind::Transient => {
                self.pause(&mut Pauses::default(), error).await?;
                Ok(false)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Waits before another attempt; fails when the process stops, or when no attempt can help.
    async fn pause(&self, pauses: &mut Pauses, error: sqlx::Error) -> Result<()> {
        if self.database.is_embedded() && matches!(error, sqlx::Error::Io(_)) {
            return Err(self.failed(&error)); // it lives in this process: it will not come back
        }
        let pause = pauses.next();
        tracing::warn!(partition = %self.at, reason = reason(&error), ?pause, "Postgres is not available, trying again");
        let mut phase = self.phase.clone();
        tokio::select! {
            () = sleep(pause) => Ok(()),
            _ = phase.wait_for(|phase| *phase == Phase::Stopping) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &sqlx::Error) -> Error {
        Error::Write { at: self.at.clone(), reason: reason(error), advice: advice(error) }
    }
}

/// The pauses between attempts at one thing.
#[derive(Debug, Default)]
struct Pauses {
    last: Option<Duration>,
}

impl Pauses {
    fn any(&self) -> bool {
        self.last.is_some()
    }

    fn next(&mut self) -> Duration {
        let pause = self.last.map_or(FIRST_PAUSE, |last| (last * 2).min(LONGEST_PAUSE));
        self.last = Some(pause);
        pause
    }

    fn recovered(&self, at: &TopicPartition) {
        if self.any() {
            tracing::info!(partition = %at, "Postgres is available again");
        }
    }
}
