//! What holds whatever happens around a sink: one writer a partition, a position that fits its topic, a clean stop.

use std::sync::Arc;
use std::time::Duration;

use tickertape_broker::{Error as LogError, Phase};
use tickertape_sinks::Progress;
use tickertape_sinks::postgres::{Database, Error, Target, run};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::records::plain;
use crate::support::{Counts, Log, drain, execute, in_each, partition, text};
use tickertape_postgres_server::Server;

const COUNT: &str = "SELECT concat_ws('|', count(*), count(DISTINCT message_id)) FROM messages";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_sinks_on_one_partition_one_gives_up() {
    in_each(async |database| {
        let log = Log::new().await;
        let (phases, phase) = watch::channel(Phase::Running);
        let sink =
            || run(&database, log.broker.clone(), partition("attributed"), phase.clone(), Arc::default());
        let append = async {
            // Both have read the position and wait.
            tokio::time::sleep(Duration::from_millis(300)).await;
            log.append("attributed", &plain(0..100)).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            phases.send(Phase::Draining).unwrap();
        };
        let (first, second, ()) = tokio::join!(sink(), sink(), append);
        let results = [first, second];
        let losers: Vec<&Error> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        assert!(matches!(losers[..], [Error::Taken { expected: 0, .. }]), "{results:?}");
        assert_eq!(text(&database, COUNT).await, "100|100");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_was_reset_is_noticed() {
    in_each(async |database| {
        let log = Log::new().await;
        log.append("attributed", &plain(0..10)).await;
        drain(&database, &log, "attributed").await.unwrap();
        log.broker.delete_topic("attributed").await.unwrap();
        log.create("attributed").await;
        log.append("attributed", &plain(0..20)).await;
        let error = drain(&database, &log, "attributed").await.unwrap_err();
        assert!(matches!(error, Error::Log(LogError::TopicReset { .. })), "{error}");
        assert_eq!(text(&database, COUNT).await, "10|10");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_outside_the_partition_is_noticed() {
    in_each(async |database| {
        let log = Log::new().await;
        log.append("attributed", &plain(0..10)).await;
        drain(&database, &log, "attributed").await.unwrap();
        execute(&database, "UPDATE positions SET next_offset = 11").await;
        let error = drain(&database, &log, "attributed").await.unwrap_err();
        assert!(
            matches!(error, Error::Log(LogError::OffsetOutOfRange { offset: 11, end: 10, .. })),
            "{error}"
        );
        let error = drain(&database, &log, "imports").await.unwrap_err();
        assert!(matches!(error, Error::NoTable { .. }), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_run_adds_nothing() {
    in_each(async |database| {
        let log = Log::new().await;
        log.append("attributed", &plain(0..30_000)).await;
        let counts = drain(&database, &log, "attributed").await.unwrap();
        assert_eq!(counts, Counts { records: 30_000, dead_letters: 0 });
        assert_eq!(drain(&database, &log, "attributed").await.unwrap(), Counts::default());
        assert_eq!(text(&database, COUNT).await, "30000|30000");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sinks_of_all_topics_share_the_connections_and_stop_when_told() {
    in_each(async |database| {
        let log = Log::new().await;
        let (phases, phase) = watch::channel(Phase::Running);
        let progress = Arc::new(Progress::default());
        let sink =
            |topic| run(&database, log.broker.clone(), partition(topic), phase.clone(), progress.clone());
        let feed = async {
            for n in 0..20 {
                log.append("attributed", &plain(n * 500..(n + 1) * 500)).await;
                log.append("dead-letters", &[b"x".to_vec()]).await;
                log.append("events", &[b"x".to_vec()]).await;
            }
            while text(&database, "SELECT count(*)::text FROM dead_letters").await != "40"
                || text(&database, COUNT).await != "10000|10000"
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            phases.send(Phase::Stopping).unwrap();
        };
        let all = async { tokio::join!(sink("attributed"), sink("events"), sink("dead-letters"), feed) };
        let (a, b, c, ()) = timeout(Duration::from_secs(60), all).await.expect("nobody starves or hangs");
        a.and(b).and(c).unwrap();
    })
    .await;
}

/// Rows, whatever is done to connections and the server while they are written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_fails_is_waited_for() {
    let Some(server) = Server::start() else { return };
    let url = server.create_database(&[]);
    let database = Database::open(Target::Server { url: url.clone() }).await.unwrap();
    let killer = sqlx::PgPool::connect(&server.url("postgres")).await.unwrap();
    let log = Log::new().await;
    let (phases, phase) = watch::channel(Phase::Running);
    let sink = run(&database, log.broker.clone(), partition("attributed"), phase, Arc::default());
    let disturb = async {
        for n in 0..40 {
            log.append("attributed", &plain(n * 2000..(n + 1) * 2000)).await;
            if n % 2 == 0 {
                let kill = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE application_name = 'tickertape'";
                let _ = sqlx::query(kill).execute(&killer).await;
            }
            if n % 20 == 19 {
                tokio::task::block_in_place(|| server.crash_and_restart());
            }
        }
        phases.send(Phase::Draining).unwrap();
    };
    let (written, ()) =
        timeout(Duration::from_secs(120), async { tokio::join!(sink, disturb) }).await.unwrap();
    written.unwrap();
    assert_eq!(text(&database, COUNT).await, "80000|80000");
    assert_eq!(text(&database, "SELECT next_offset::text FROM positions").await, "80000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_a_server_ends_when_told_to_stop() {
    let Some(server) = Server::start() else { return };
    let database = Database::open(Target::Server { url: server.create_database(&[]) }).await.unwrap();
    let log = Log::new().await;
    let (phases, phase) = watch::channel(Phase::Running);
    let sink = run(&database, log.broker.clone(), partition("attributed"), phase, Arc::default());
    let stop = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| drop(server));
        log.append("attributed", &plain(0..10)).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        phases.send(Phase::Stopping).unwrap();
    };
    let (written, ()) = timeout(Duration::from_secs(30), async { tokio::join!(sink, stop) }).await.unwrap();
    assert!(matches!(written, Err(Error::Write { .. })), "{written:?}");
}
