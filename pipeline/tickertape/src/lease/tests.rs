//! Leases on a real PostgreSQL: two that share, one that is killed, a connection that is cut.
//!
//! Each "process" is a set of tasks with its own lease connections and its own database pool. Aborting them closes
//! their sockets and nothing else, which is all that a kill leaves to the server.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tempfile::TempDir;
use tickertape_broker::{Broker, Phase, TopicPartition};
use tickertape_http::Health;
use tickertape_postgres_server::Server as Postgres;
use tickertape_records::topics;
use tickertape_sinks::postgres::Target;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::connection::{Lease, Server};
use super::{Holding, hold};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::engine;
use crate::signals::advance;
use crate::stages::{Role, Stages};

const PARTITIONS: u32 = 4;
const ROLES: [Role; 2] = [Role::Attribute, Role::Postgres];

/// One log and one database for all the processes of a test.
struct Place {
    dir: TempDir,
    postgres: Arc<Postgres>,
    url: String,
    config: Config,
    broker: Arc<dyn Broker>,
    pool: PgPool,
    imported: u32,
}

struct Process {
    tasks: JoinSet<anyhow::Result<()>>,
    stop: watch::Sender<Phase>,
    health: Arc<Health>,
}

impl Place {
    async fn new() -> Option<Self> {
        let postgres = Postgres::shared()?;
        let url = postgres.create_database(&[]);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("tickertape.toml");
        std::fs::write(&file, format!("[log]\npartitions = {PARTITIONS}\n")).expect("writes");
        let config = Config::load(Some(&file)).expect("reads");
        let broker = engine::open(&config, &DataDir::new(dir.path())).await.expect("opens");
        engine::create_topics(&*broker, &config).await.expect("creates");
        let list = tickertape_coins::CoinList::snapshot();
        tickertape_manager::coins::publish(&*broker, &list).await.expect("publishes");
        let pool = PgPool::connect(&url).await.expect("connects");
        Some(Self { dir, postgres, url, config, broker, pool, imported: 0 })
    }

    fn start(&self) -> Process {
        let target = Target::Server { url: self.url.clone() };
        let data = DataDir::new(self.dir.path());
        let stages = Stages::new(self.broker.clone(), target, &self.config, &data);
        let stages = Arc::new(stages.expect("fits"));
        let (stop, phase) = watch::channel(Phase::Running);
        let health = Arc::new(Health::default());
        let mut tasks = JoinSet::new();
        for role in ROLES {
            let holding = Holding {
                stages: stages.clone(),
                role,
                told: None,
                server: Some(Server::new(&self.url).expect("a URL")),
                phase: phase.clone(),
                health: health.clone(),
            };
            // Shown when the test fails for want of what it should have done.
            tasks.spawn(async { hold(holding).await.inspect_err(|error| eprintln!("{error:#}")) });
        }
        Process { tasks, stop, health }
    }

    /// Appends messages of forty chats, a new one in each.
    async fn import(&mut self) {
        self.imported += 1;
        let path = self.dir.path().join(format!("{}.jsonl", self.imported));
        let mut file = std::fs::File::create(&path).expect("creates");
        for chat in 1..=40 {
            writeln!(
                file,
                r#"{{"_":"Message","id":{},"peer_id":{{"channel_id":{chat}}},"date":"2021-01-01T00:00:00+00:00","message":"$BTC"}}"#,
                self.imported
            )
            .expect("writes");
        }
        let inputs = tickertape_import::discover(&[path.display().to_string()]).expect("is there");
        let (_running, phase) = watch::channel(Phase::Running);
        let import = tickertape_import::run(self.broker.clone(), inputs, Arc::default(), phase);
        assert_eq!(import.await.expect("imports").appended.messages, 40);
    }

    /// How many partitions of a role each holder has, most first.
    async fn shares(&self, role: Role) -> Vec<usize> {
        let server = Server::new(&self.url).expect("a URL");
        let Ok(mut lease) = Lease::open(&server, role).await else { return Vec::new() };
        let view = lease.view().await.expect("answers");
        let mut counts = BTreeMap::<i32, usize>::new();
        for holder in view.holders.values() {
            *counts.entry(*holder).or_default() += 1;
        }
        let mut counts: Vec<usize> = counts.into_values().collect();
        counts.sort_by(|a, b| b.cmp(a));
        counts
    }

    async fn until_shares(&self, wanted: &[usize]) {
        for role in ROLES {
            eventually(&format!("{role} to be shared as {wanted:?}"), async || {
                self.shares(role).await == wanted
            })
            .await;
        }
    }

    async fn rows(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM messages").fetch_one(&self.pool).await.unwrap_or(0)
    }

    /// Everything imported so far is in the database once, and its positions are the ends of the log.
    async fn until_stored(&self) {
        let wanted = i64::from(self.imported) * 40;
        eventually("every message to be stored", async || self.rows().await == wanted).await;
        for partition in 0..PARTITIONS {
            let at = TopicPartition::new(topics::ATTRIBUTED, partition);
            let end = self.broker.bounds(&at).await.expect("answers").end as i64;
            eventually("the position to be at the end", async || {
                position_is(&self.pool, partition, end).await
            })
            .await;
        }
        assert_eq!(self.rows().await, wanted);
    }
}

async fn position_is(pool: &PgPool, partition: u32, end: i64) -> bool {
    let position: Option<i64> =
        sqlx::query_scalar("SELECT next_offset FROM positions WHERE topic = 'attributed' AND partition = $1")
            .bind(i64::from(partition))
            .fetch_optional(pool)
            .await
            .expect("answers");
    position == Some(end)
}

impl Process {
    /// As SIGKILL: the sockets close, and nothing is said before.
    async fn kill(mut self) {
        self.tasks.shutdown().await;
    }

    /// As SIGTERM.
    async fn stop(mut self) {
        advance(&self.stop, Phase::Stopping);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("does not panic").expect("stops without an error");
        }
    }
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_share_and_the_one_that_is_left_has_it_all() {
    let Some(mut place) = Place::new().await else { return };
    let first = place.start();
    place.import().await;
    place.until_shares(&[4]).await;
    place.until_stored().await;

    let second = place.start();
    place.import().await;
    place.until_shares(&[2, 2]).await;
    place.until_stored().await;

    place.import().await;
    first.kill().await;
    place.import().await;
    place.until_shares(&[4]).await;
    place.until_stored().await;

    let third = place.start();
    place.until_shares(&[2, 2]).await;
    place.import().await;
    second.stop().await;
    place.until_shares(&[4]).await;
    place.until_stored().await;
    third.stop().await;
    place.until_shares(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_lease_nothing_is_written_and_with_one_again_everything_is() {
    let Some(mut place) = Place::new().await else { return };
    let only = place.start();
    place.import().await;
    place.until_shares(&[4]).await;
    place.until_stored().await;

    let name: String =
        sqlx::query_scalar("SELECT current_database()").fetch_one(&place.pool).await.expect("answers");
    let admin = PgPool::connect(&place.postgres.url("postgres")).await.expect("connects");
    let allow = |allow: bool| sqlx::AssertSqlSafe(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {allow}"));
    sqlx::raw_sql(allow(false)).execute(&admin).await.expect("alters");
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = $1 AND (application_name LIKE 'tickertape sink%' OR application_name LIKE 'tickertape attr%')",
    )
    .bind(&name)
    .execute(&admin)
    .await
    .expect("terminates");
    eventually("the process to notice", async || !only.health.ready().0).await;
    let before = place.rows().await;
    place.import().await;
    sleep(Duration::from_secs(2)).await; // the sinks' own connections are untouched: they could write
    assert_eq!(place.rows().await, before);

    sqlx::raw_sql(allow(true)).execute(&admin).await.expect("alters");
    place.until_stored().await;
    place.until_shares(&[4]).await;
    only.stop().await;
}
