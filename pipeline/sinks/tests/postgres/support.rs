//! A log to read from, databases to write into, and ways to look at what arrived.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sqlx::AssertSqlSafe;
use tempfile::TempDir;
use tickertape_broker::{BatchBuilder, Broker, Embedded, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_sinks::Progress;
use tickertape_sinks::postgres::{Database, Error, TOPICS, Target, run};
use tokio::sync::watch;

use tickertape_postgres_server::Server;

/// Where a test's data goes.
pub(crate) enum Place {
    Embedded(TempDir),
    Server { url: String, _server: Arc<Server> },
}

impl Place {
    pub(crate) fn embedded() -> Self {
        Self::Embedded(tempfile::tempdir().unwrap())
    }

    /// An empty database on a real server, where there is one.
    pub(crate) fn server() -> Option<Self> {
        let server = Server::shared()?;
        Some(Self::Server { url: server.create_database(&[]), _server: server })
    }

    pub(crate) fn target(&self) -> Target {
        match self {
            Self::Embedded(dir) => Target::Embedded { dir: dir.path().join("postgres") },
            Self::Server { url, .. } => Target::Server { url: url.clone() },
        }
    }

    pub(crate) async fn open(&self) -> Database {
        Database::open(self.target()).await.unwrap()
    }
}

/// Runs a test in the embedded database and on a real server.
pub(crate) async fn in_each<T: Future<Output = ()>>(test: impl Fn(Database) -> T) {
    let places = [Some(Place::embedded()), Place::server()];
    for place in places.iter().flatten() {
        test(place.open().await).await;
    }
}

/// A log with the sinks' topics, one partition each.
pub(crate) struct Log {
    pub(crate) broker: Arc<dyn Broker>,
    dir: Option<TempDir>,
}

impl Log {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = Self { broker: open_log(dir.path()), dir: Some(dir) };
        for topic in TOPICS {
            log.create(topic).await;
        }
        log
    }

    /// The log that another process filled.
    pub(crate) fn reopen(dir: &Path) -> Self {
        Self { broker: open_log(dir), dir: None }
    }

    /// Closes the log and leaves its files.
    pub(crate) fn close(self) -> TempDir {
        self.dir.unwrap()
    }

    pub(crate) async fn create(&self, topic: &str) {
        let spec = TopicSpec { name: topic.to_owned(), partitions: 1, retention: Retention::default() };
        self.broker.create_topic(&spec).await.unwrap();
    }

    /// Appends the records as one batch.
    pub(crate) async fn append(&self, topic: &str, values: &[Vec<u8>]) {
        let mut batch = BatchBuilder::default();
        values.iter().for_each(|value| batch.push(b"", value));
        self.broker.append(vec![(partition(topic), batch)]).await.unwrap().await.unwrap();
    }
}

fn open_log(dir: &Path) -> Arc<dyn Broker> {
    Arc::new(Embedded::open(dir).unwrap())
}

pub(crate) fn partition(topic: &str) -> TopicPartition {
    TopicPartition::new(topic, 0)
}

/// What a sink counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) records: u64,
    pub(crate) dead_letters: u64,
}

/// Writes everything that a topic holds.
pub(crate) async fn drain(database: &Database, log: &Log, topic: &str) -> Result<Counts, Error> {
    let (_hold, phase) = watch::channel(Phase::Draining);
    let progress = Arc::new(Progress::default());
    run(database, log.broker.clone(), partition(topic), phase, progress.clone()).await?;
    Ok(Counts {
        records: progress.records.load(Ordering::Relaxed),
        dead_letters: progress.dead_letters.load(Ordering::Relaxed),
    })
}

/// The rows of a query that returns one text column.
pub(crate) async fn texts(database: &Database, sql: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(database.pool()).await.unwrap()
}

/// The only row of a query that returns one text column.
pub(crate) async fn text(database: &Database, sql: &str) -> String {
    let mut rows = texts(database, sql).await;
    assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
    rows.remove(0)
}

pub(crate) async fn execute(database: &Database, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(database.pool()).await.unwrap();
}
