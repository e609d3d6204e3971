//! Every record exactly once, although the process that writes is killed again and again.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::future::try_join_all;
use tickertape_records::Action;
use tickertape_sinks::postgres::{Database, TOPICS, Target};

use crate::deletions::deletion;
use crate::records::{DATE, attributed, message, outcome, plain};
use crate::samples::{self, Value};
use crate::support::{Log, Place, drain, text};

/// Set in the child: the log's directory, and where to write.
const LOG: &str = "TICKERTAPE_TEST_LOG";
const TARGET: &str = "TICKERTAPE_TEST_TARGET";

const RECORDS: i64 = 120_000;
/// The child may be killed this often before it is left to finish.
const KILLS: u32 = 12;

/// Records on each topic of history.
const HISTORY_RECORDS: i64 = 4_000;
/// The value of a topic's n-th record.
type NthValue = fn(i64) -> Vec<u8>;
/// The topics of history, and what lies on each.
const HISTORY: [(&str, NthValue); 6] = [
    ("links", |n| if n % 2 == 0 { samples::link(n) } else { samples::previewed(n, n) }.value()),
    ("channels", |n| samples::channel(n).value()),
    ("clients", |n| [samples::state, samples::failed, samples::lost][n as usize % 3](n).value()),
    ("views", |n| samples::views(n).value()),
    ("instructions", |n| samples::instruction(n, Action::Report).value()),
    ("coin-lists", |n| samples::coin_list(n as u64).value()),
];
/// Where they come to rest.
const TABLES: [&str; 6] = [
    "links_seen",
    "channel_observations",
    "client_reports",
    "view_counts",
    "instructions_sent",
    "coin_list_records",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_and_double_nothing() {
    let places = [Some(Place::embedded()), Place::server()];
    for place in places.into_iter().flatten() {
        let log = Log::new().await;
        for from in (0..RECORDS).step_by(1000) {
            let mut records = plain(from..from + 1000);
            records[7] = b"damaged".to_vec();
            records.push(attributed(&message(from, "edited"), &outcome(1)));
            records.push(deletion(from + 1, DATE));
            log.append("attributed", &records).await;
        }
        for (topic, record) in HISTORY {
            for from in (0..HISTORY_RECORDS).step_by(500) {
                let mut records: Vec<_> = (from..from + 500).map(record).collect();
                records.push(record(from)); // a repeat
                records.push(b"damaged".to_vec());
                log.append(topic, &records).await;
            }
        }
        let log = log.close();
        let killed = tokio::task::spawn_blocking({
            let target = match place.target() {
                Target::Server { url } => url,
                Target::Embedded { dir } => dir.display().to_string(),
            };
            let dir = log.path().to_owned();
            move || kill_until_done(&dir, &target)
        });
        assert!(killed.await.unwrap() > KILLS / 3, "most runs ended before they could be killed");

        let database = place.open().await;
        let found = text(
            &database,
            "SELECT concat_ws('|', count(*), count(DISTINCT message_id), count(*) FILTER (WHERE revision = 1), \
             count(deleted_at), (SELECT count(*) FROM dead_letters WHERE topic = 'attributed'), \
             (SELECT next_offset FROM positions WHERE topic = 'attributed')) FROM messages",
        )
        .await;
        let batches = RECORDS / 1000;
        let rows = RECORDS - batches;
        assert_eq!(found, format!("{rows}|{rows}|{batches}|{batches}|{batches}|{}", RECORDS + 2 * batches));
        for ((topic, _), table) in HISTORY.iter().zip(TABLES) {
            let batches = HISTORY_RECORDS / 500;
            let found = text(
                &database,
                &format!(
                    "SELECT concat_ws('|', count(*), (SELECT count(*) FROM dead_letters WHERE topic = '{topic}'), \
                     (SELECT next_offset FROM positions WHERE topic = '{topic}')) FROM {table}"
                ),
            )
            .await;
            assert_eq!(
                found,
                format!("{HISTORY_RECORDS}|{batches}|{}", HISTORY_RECORDS + 2 * batches),
                "{topic}"
            );
        }
        database.close().await.unwrap();
    }
}

/// The first start copies a whole database; a kill in the middle of that must not leave half of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_the_embedded_database_is_made_is_survived() {
    let log = Log::new().await.close();
    for delay in (10..500).step_by(35) {
        let place = Place::embedded();
        let Target::Embedded { dir } = place.target() else { unreachable!("it is embedded") };
        let mut child = spawn(log.path(), &dir.display().to_string());
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        place.open().await.close().await.unwrap();
    }
}

/// Returns how many children were killed.
fn kill_until_done(log: &Path, target: &str) -> u32 {
    let mut killed = 0;
    // Not random, but it differs with every machine's speed: from start-up to well into the writing.
    for attempt in 0.. {
        let mut child = spawn(log, target);
        if attempt < KILLS {
            std::thread::sleep(Duration::from_millis(20 + 97 * u64::from(attempt) % 800));
            if child.try_wait().unwrap().is_none() {
                killed += 1;
            }
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            assert!(child.wait().unwrap().success());
            return killed;
        }
    }
    unreachable!("the loop ends when a child does")
}

fn spawn(log: &Path, target: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["kills::child", "--exact", "--ignored", "--nocapture"])
        .env(LOG, log)
        .env(TARGET, target)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by killed_processes_lose_and_double_nothing"]
async fn child() {
    let (Some(log), Ok(target)) = (std::env::var_os(LOG), std::env::var(TARGET)) else { return };
    let target = match target.contains("://") {
        true => Target::Server { url: target },
        false => Target::Embedded { dir: target.into() },
    };
    let database = Database::open(target).await.unwrap();
    let log = Log::reopen(Path::new(&log));
    // All at once, as in the program.
    let drains = TOPICS.map(|topic| {
        let (database, log) = (&database, &log);
        async move { drain(database, log, topic).await.map(drop) }
    });
    try_join_all(drains).await.unwrap();
    drop(log);
    database.close().await.unwrap();
}
