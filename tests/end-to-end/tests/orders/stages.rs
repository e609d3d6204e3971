//! The real stages, each as the program runs it, with a clock that the test turns.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;
use tickertape_attribution::chain::ChainConfig;
use tickertape_broker::{Broker, Embedded, Phase, TopicPartition, TopicSpec};
use tickertape_coins::CoinList;
use tickertape_manager::{Approve, Options, coins};
use tickertape_postgres_server::Server;
use tickertape_records::{peer, topics};
use tickertape_sinks::postgres::{self, Database, Target};
use tickertape_telegram::{
    Account, AtWork, Connection, ConnectionOptions, ControlOptions, ProducerOptions, Session, system_clock,
};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::telegram::{ACCOUNTS, SEEDED, Telegram, link};
use crate::{SILENT_STEPS, STEP};

const PARTITIONS: u32 = 2;

/// An account at work, and what stops it.
type Working = (watch::Sender<Phase>, JoinHandle<Result<(), tickertape_telegram::Error>>);

pub(crate) struct Stages {
    pub(crate) pool: PgPool,
    url: String,
    log: Arc<dyn Broker>,
    clock: Arc<AtomicI64>,
    folder: TempDir,
    options: Options,
    /// What CoinGecko answers.
    listed: Arc<Mutex<String>>,
    ask_coingecko: Arc<Notify>,
    stop: watch::Sender<Phase>,
    manager: JoinHandle<Result<(), tickertape_manager::Error>>,
    accounts: Vec<Working>,
    others: Vec<JoinHandle<()>>,
}

impl Stages {
    pub(crate) async fn start(server: &Server, telegram: &Telegram) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log: Arc<dyn Broker> = Arc::new(Embedded::open(&folder.path().join("log")).unwrap());
        for name in topics::ALL {
            let partitions = if topics::BY_CHAT.contains(&name) { PARTITIONS } else { 1 };
            let spec = TopicSpec { name: name.into(), partitions, retention: Default::default() };
            log.create_topic(&spec).await.unwrap();
        }
        coins::publish(&*log, &CoinList::snapshot()).await.unwrap();
        let url = server.create_database(&[]);
        let database = Arc::new(Database::open(Target::Server { url: url.clone() }).await.unwrap());
        let listed = Arc::new(Mutex::new(rows(&[])));
        let options = Options {
            channels: (0..SEEDED).map(link).collect(),
            approve: Approve::Auto,
            approvals_per_source: 50,
            flood_links: 100,
            joins_per_day: 500,
            join_gap_seconds: 0,
            lookups_per_day: 500,
            silent_seconds: 1_000_000,
            deadline_seconds: 100 * STEP,
            answer_seconds: 100 * STEP,
            retry_seconds: 5 * STEP,
            attempts: 50,
            inactive_seconds: SILENT_STEPS * STEP,
            inactive_wait_seconds: 10 * STEP,
            activity_seconds: 10 * STEP,
            tick_seconds: 1,
            ..Options::default()
        };
        let mut stages = Self {
            pool: PgPool::connect(&url).await.unwrap(),
            url,
            log,
            clock: Arc::new(AtomicI64::new(system_clock()())),
            folder,
            options,
            listed,
            ask_coingecko: Arc::default(),
            stop: watch::Sender::new(Phase::Running),
            manager: tokio::spawn(async { Ok(()) }),
            accounts: Vec::new(),
            others: Vec::new(),
        };
        stages.attribute_and_store(&database).await;
        stages.refresh_coins().await;
        stages.manage();
        for (nth, label) in ACCOUNTS.into_iter().enumerate() {
            let session = Session::open(stages.session(label)).unwrap();
            telegram.loopback.signed_in(telegram.accounts[nth]).import_to(&session).await.unwrap();
            session.flush().unwrap();
            let at_work = stages.at_work(label).await;
            stages.accounts.push(at_work);
        }
        stages
    }

    async fn attribute_and_store(&mut self, database: &Arc<Database>) {
        for partition in 0..PARTITIONS {
            let options = tickertape_attributor::Options {
                matching: tickertape_attribution::Options::default(),
                chain: ChainConfig::default(),
                checkpoints: self.folder.path().join("checkpoints"),
            };
            let run = tickertape_attributor::run(
                self.log.clone(),
                partition,
                options,
                Arc::default(),
                self.stop.subscribe(),
            );
            self.others.push(tokio::spawn(async move { run.await.unwrap() }));
        }
        for topic in postgres::TOPICS {
            let partitions = self.log.topic(topic).await.unwrap().unwrap().partitions;
            for at in (0..partitions).map(|partition| TopicPartition::new(topic, partition)) {
                let (database, log, phase) = (database.clone(), self.log.clone(), self.stop.subscribe());
                self.others.push(tokio::spawn(async move {
                    postgres::run(&database, log, at, phase, Arc::default()).await.unwrap();
                }));
            }
        }
    }

    async fn refresh_coins(&mut self) {
        let said = self.listed.clone();
        let app = Router::new().fallback(move |request: Request| {
            let stablecoins = request.uri().query().is_some_and(|query| query.contains("stablecoins"));
            let body = if stablecoins {
                r#"[{"id":"tether","symbol":"usdt","name":"Tether"}]"#.to_owned()
            } else {
                said.lock().unwrap().clone()
            };
            async move { body }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stopped = {
            let mut phase = self.stop.subscribe();
            async move { _ = phase.wait_for(|phase| *phase == Phase::Stopping).await }
        };
        self.others.push(tokio::spawn(async move {
            axum::serve(listener, app).with_graceful_shutdown(stopped).await.unwrap();
        }));
        let options = coins::Options {
            coingecko: tickertape_coingecko::Options {
                url: Some(url),
                backoff: Duration::from_millis(1),
                ..Default::default()
            },
            every: Duration::from_secs(6 * 3600),
            budget: 1_000,
            clock: self.clock(),
            jitter: Arc::new(|| 0.0),
            now: self.ask_coingecko.clone(),
        };
        let run = coins::run(self.log.clone(), self.pool.clone(), options, self.stop.subscribe());
        self.others.push(tokio::spawn(async move { run.await.unwrap() }));
    }

    fn manage(&mut self) {
        // Connections of its own, which end with it as those of a process do.
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy(&self.url).unwrap();
        let (log, options) = (self.log.clone(), self.options.clone());
        self.manager =
            tokio::spawn(tickertape_manager::run(log, pool, options, self.clock(), self.stop.subscribe()));
    }

    /// As a kill: what is under way never ends.
    pub(crate) async fn kill_manager(&mut self) {
        self.manager.abort();
        _ = (&mut self.manager).await;
        self.manage();
    }

    async fn at_work(&self, label: &str) -> Working {
        let account = Account {
            label: label.to_owned(),
            joins_a_day: 500,
            join_spacing: 0,
            lookups_a_day: 500,
            lookup_spacing: 0,
            ..Account::default()
        };
        let session = Arc::new(Session::open(self.session(label)).unwrap());
        let options =
            ConnectionOptions { request_timeout: Duration::from_secs(5), ..ConnectionOptions::new(1) };
        let work = AtWork::new(
            account,
            Arc::new(Connection::open(session, options, self.clock())),
            self.log.clone(),
            PgPoolOptions::new().max_connections(4).connect_lazy(&self.url).unwrap(),
            self.clock(),
            ProducerOptions {
                silence: Duration::from_secs(2),
                sweep: Duration::from_secs(5), // a push that is dropped last of all is missed by nothing else
                ..ProducerOptions::default()
            },
            ControlOptions {
                pace: Duration::from_millis(50),
                report_every: 20 * STEP,
                preview_patience: 1_000 * STEP,
                ..ControlOptions::default()
            },
        );
        let (stop, phase) = watch::channel(Phase::Running);
        (stop, tokio::spawn(async move { work.run(phase).await }))
    }

    /// Stops an account and starts it again.
    pub(crate) async fn restart(&mut self, nth: usize) {
        let (stop, task) = self.accounts.remove(nth);
        stop.send_replace(Phase::Stopping);
        task.await.unwrap().unwrap();
        let again = self.at_work(ACCOUNTS[nth]).await;
        self.accounts.insert(nth, again);
    }

    fn session(&self, label: &str) -> PathBuf {
        self.folder.path().join(format!("{label}.session"))
    }

    fn clock(&self) -> Arc<dyn Fn() -> i64 + Send + Sync> {
        let clock = self.clock.clone();
        Arc::new(move || clock.load(Ordering::SeqCst))
    }

    /// Time passes; what it is then.
    pub(crate) fn turn(&self, seconds: i64) -> i64 {
        self.clock.fetch_add(seconds, Ordering::SeqCst) + seconds
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// CoinGecko lists these as well, and is asked.
    pub(crate) fn list_coins(&self, more: &[&str]) {
        *self.listed.lock().unwrap() = rows(more);
        self.ask_coingecko.notify_one();
    }

    /// Waits until a message is stored that was attributed with this version of the list.
    pub(crate) async fn until_stored_under(&mut self, version: i64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            self.check().await;
            let stored: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM messages WHERE coin_list_version::bigint = $1)",
            )
            .bind(version)
            .fetch_one(&self.pool)
            .await
            .unwrap();
            if stored {
                return;
            }
            assert!(Instant::now() < deadline, "nothing was stored under list {version}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a message is stored, unless nobody follows its channel just now.
    pub(crate) async fn until_stored_or_gone(&mut self, chat: i64, id: i32, telegram: &Telegram) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            self.check().await;
            let members = telegram.loopback.chat(chat).members;
            if chat == 0 || members.is_empty() {
                return;
            }
            let stored: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM messages WHERE chat_id = $1 AND message_id = $2)",
            )
            .bind(peer::channel(chat))
            .bind(i64::from(id))
            .fetch_one(&self.pool)
            .await
            .unwrap();
            if stored {
                return;
            }
            // The account that is banned is a member still, and hears nothing.
            if members.len() == 1
                && self.accounts.len() == 2
                && self.is_banned(*members.first().unwrap()).await
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("message {id} of chat {chat} is not stored");
    }

    async fn is_banned(&self, nth: usize) -> bool {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM client_reports WHERE account = $1 AND state = 'banned')",
        )
        .bind(ACCOUNTS[nth])
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }

    /// Nothing has ended by itself.
    async fn check(&mut self) {
        assert!(!self.manager.is_finished(), "the manager ended: {:?}", (&mut self.manager).await);
        for (_, task) in &mut self.accounts {
            assert!(!task.is_finished(), "an account ended: {:?}", task.await);
        }
        assert!(self.others.iter().all(|task| !task.is_finished()), "a stage ended");
    }

    /// Every value on a topic of one partition.
    pub(crate) async fn values(&self, topic: &str) -> Vec<Vec<u8>> {
        let at = TopicPartition::new(topic, 0);
        let (mut values, mut next, end) = (Vec::new(), 0, self.log.bounds(&at).await.unwrap().end);
        while next < end {
            for batch in self.log.read(&at, next, 1 << 20).await.unwrap() {
                values.extend(batch.iter().map(|record| record.value.to_vec()));
                next = batch.end_offset();
            }
        }
        values
    }

    /// Everything ends in order.
    pub(crate) async fn stop(self) {
        for (stop, task) in self.accounts {
            stop.send_replace(Phase::Stopping);
            task.await.unwrap().unwrap();
        }
        self.stop.send_replace(Phase::Stopping);
        self.manager.await.unwrap().unwrap();
        for task in self.others {
            task.await.unwrap();
        }
        self.pool.close().await;
    }
}

/// An answer of CoinGecko: the built-in list, with these coins in the middle.
fn rows(more: &[&str]) -> String {
    let known = CoinList::snapshot().coins;
    let mut all: Vec<_> = known
        .iter()
        .map(|coin| (coin.id.as_str(), coin.symbol.as_str(), coin.name.as_str(), coin.rank))
        .collect();
    for name in more {
        let rank = all[10].3;
        all.insert(10, (name, name, name, rank));
    }
    let row = |(id, symbol, name, rank)| {
        serde_json::json!({
            "id": id, "symbol": symbol, "name": name, "market_cap_rank": rank,
            "last_updated": "2026-11-25T12:00:00.000Z"
        })
    };
    serde_json::Value::from(all.into_iter().map(row).collect::<Vec<_>>()).to_string()
}
