//! Refreshing the coin list over a real database, a real log and a local CoinGecko.
#![allow(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use sqlx::PgPool;
use tempfile::TempDir;
use tickertape_broker::{Broker, Embedded, Phase, TopicSpec};
use tickertape_coins::CoinList;
use tickertape_manager::coins::{self, Options};
use tickertape_postgres_server::Server;
use tickertape_records::topics;
use tokio::sync::{Notify, watch};

struct House {
    _directory: TempDir,
    _server: Arc<Server>,
    broker: Arc<dyn Broker>,
    pool: PgPool,
    /// What CoinGecko answers to the first call of a refresh.
    answer: Arc<Mutex<(u16, String)>>,
    options: Options,
    clock: Arc<AtomicI64>,
}

fn rows(coins: &[tickertape_coins::Coin]) -> String {
    let row = |(rank, coin): (usize, &tickertape_coins::Coin)| {
        serde_json::json!({
            "id": coin.id, "symbol": coin.symbol, "name": coin.name, "market_cap_rank": rank + 1,
            "last_updated": "2026-11-25T12:00:00.000Z"
        })
    };
    serde_json::Value::from(coins.iter().enumerate().map(row).collect::<Vec<_>>()).to_string()
}

impl House {
    async fn new() -> Option<Self> {
        let server = Server::shared()?;
        let directory = tempfile::tempdir().unwrap();
        let broker: Arc<dyn Broker> = Arc::new(Embedded::open(&directory.path().join("log")).unwrap());
        let spec =
            TopicSpec { name: topics::COIN_LISTS.into(), partitions: 1, retention: Default::default() };
        broker.create_topic(&spec).await.unwrap();
        let pool = PgPool::connect(&server.create_database(&[])).await.unwrap();
        sqlx::migrate!("../../migrations").run(&pool).await.unwrap();

        let answer = Arc::new(Mutex::new((200, rows(&CoinList::snapshot().coins))));
        let said = answer.clone();
        let app = Router::new().fallback(move |request: Request| {
            let stablecoins = request.uri().query().is_some_and(|query| query.contains("stablecoins"));
            let (status, body) = if stablecoins {
                (200, r#"[{"id":"tether","symbol":"usdt","name":"Tether"}]"#.to_owned())
            } else {
                said.lock().unwrap().clone()
            };
            async move { (StatusCode::from_u16(status).unwrap(), body) }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });

        let clock = Arc::new(AtomicI64::new(1_764_072_000));
        let time = clock.clone();
        let options = Options {
            coingecko: tickertape_coingecko::Options {
                url: Some(url),
                backoff: Duration::from_millis(1),
                ..Default::default()
            },
            every: Duration::from_secs(6 * 3600),
            budget: 100,
            clock: Arc::new(move || time.load(Ordering::SeqCst)),
            jitter: Arc::new(|| 0.0),
            now: Arc::new(Notify::new()),
        };
        Some(Self { _directory: directory, _server: server, broker, pool, answer, options, clock })
    }

    fn answers(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    async fn refresh(&self) -> coins::Refresh {
        coins::refresh(&*self.broker, &self.pool, &self.options).await.unwrap()
    }

    /// (lists, coins of the newest) in Postgres.
    async fn stored(&self) -> (i64, i64) {
        sqlx::query_as(
            "SELECT (SELECT count(*) FROM coin_lists), \
             (SELECT count(*) FROM coin_list_coins WHERE version = (SELECT max(version) FROM coin_lists))",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_list_gets_a_version_and_a_bad_answer_a_reason() {
    let Some(house) = House::new().await else { return };
    // Ranks of the answer differ from those of the checked-in list, so it is another one.
    let first = house.refresh().await;
    assert_eq!((first.outcome.as_str(), first.version, first.calls), ("changed", 2, 2));
    assert_eq!(house.stored().await, (2, 50));
    assert_eq!(house.refresh().await.outcome, "unchanged");

    let whole = CoinList::snapshot().coins;
    let without_bitcoin: Vec<_> = whole.iter().filter(|coin| coin.id != "bitcoin").cloned().collect();
    for (status, body, outcome, calls) in [
        (200, r#"{"status":{"error_code":429,"error_message":"slow down"}}"#.to_owned(), "rate_limited", 3),
        (403, "<title>Access denied</title>".to_owned(), "refused", 1),
        (200, rows(&whole)[..900].to_owned(), "unreadable", 1),
        (200, "[]".to_owned(), "empty", 1),
        (200, rows(&without_bitcoin), "no_bitcoin", 2),
        (200, rows(&whole[..20]), "too_few", 2),
    ] {
        house.answers(status, &body);
        let refresh = house.refresh().await;
        assert_eq!((refresh.outcome.as_str(), refresh.version, refresh.calls), (outcome, 2, calls));
        assert!(refresh.reason.is_some());
    }
    assert_eq!(coins::newest(&*house.broker).await.unwrap().unwrap().version, 2);
    let history = coins::history(&house.pool, 100).await.unwrap();
    assert_eq!(
        (history.len(), history[0].outcome.as_str(), history[7].outcome.as_str()),
        (8, "too_few", "changed")
    );
    let now = house.clock.load(Ordering::SeqCst);
    assert_eq!(coins::calls_of_month(&house.pool, now).await.unwrap(), 14, "unused ones are given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_months_calls_are_never_exceeded_and_come_back_with_the_next() {
    let Some(mut house) = House::new().await else { return };
    house.options.budget = 9;
    for wanted in ["changed", "unchanged", "over_budget", "over_budget"] {
        let refresh = house.refresh().await;
        assert_eq!(refresh.outcome, wanted);
    }
    house.clock.fetch_add(31 * 86_400, Ordering::SeqCst);
    assert_eq!(house.refresh().await.outcome, "unchanged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_published_before_a_crash_comes_into_postgres_after_it() {
    let Some(house) = House::new().await else { return };
    house.refresh().await;
    // Killed between the topic and Postgres.
    let mut list = coins::newest(&*house.broker).await.unwrap().unwrap();
    list.coins.truncate(40);
    assert_eq!(coins::publish(&*house.broker, &list).await.unwrap(), 3);
    assert_eq!(house.stored().await, (2, 50));

    house.answers(200, "[]");
    let (phase, told) = watch::channel(Phase::Running);
    house.clock.fetch_add(86_400, Ordering::SeqCst);
    let running =
        tokio::spawn(coins::run(house.broker.clone(), house.pool.clone(), house.options.clone(), told));
    // Due at once by the schedule, and once more on demand.
    for wanted in [2, 3] {
        while coins::history(&house.pool, 9).await.unwrap().len() < wanted {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        house.options.now.notify_one();
    }
    assert_eq!(house.stored().await, (3, 40));
    let newest = &coins::history(&house.pool, 1).await.unwrap()[0];
    assert_eq!((newest.outcome.as_str(), newest.version), ("empty", 3));
    phase.send_replace(Phase::Stopping);
    running.await.unwrap().unwrap();
}
