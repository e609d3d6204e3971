//! The process that is killed: an account at work with an embedded log, as in `up`.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use sqlx::postgres::PgPoolOptions;
use tickertape_broker::{Broker, Embedded, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_records::{Message, topics};
use tickertape_telegram::{
    Account, AtWork, Connection, ConnectionOptions, ControlOptions, ProducerOptions, Session, system_clock,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::setting::{ACCOUNT, DATABASE_URL, log_folder, session_file};

/// Partitions of each topic.
pub(crate) const PARTITIONS: u32 = 3;

/// Follows the account's chats until SIGTERM.
pub(crate) async fn run(folder: &Path, measure: bool) -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let mut stop = signal(SignalKind::terminate())?;
    let database = std::env::var(DATABASE_URL).context("no DATABASE_URL")?;
    // One connection, as the embedded database has.
    let pool = PgPoolOptions::new().max_connections(1).connect(&database).await?;
    let broker: Arc<dyn Broker> = Arc::new(Embedded::open(&log_folder(folder))?);
    for name in topics::ALL {
        let partitions = if topics::BY_CHAT.contains(&name) { PARTITIONS } else { 1 };
        let spec = TopicSpec { name: name.to_owned(), partitions, retention: Retention::default() };
        broker.create_topic(&spec).await?;
    }
    let mut options = ConnectionOptions::new(1);
    let mut pace = ProducerOptions::default();
    if !measure {
        // Impatient, so that a storm is over soon; and a queue that is overrun now and then.
        options.request_timeout = Duration::from_secs(1);
        options.updates_capacity = NonZeroUsize::new(500).context("not zero")?;
        (pace.silence, pace.sweep) = (Duration::from_millis(500), Duration::from_secs(3));
    }
    let session = Arc::new(Session::open(session_file(folder))?);
    let connection = Arc::new(Connection::open(session, options, system_clock()));
    let account = Account { label: ACCOUNT.to_owned(), ..Account::default() };
    let controlling = ControlOptions::default();
    let at_work =
        AtWork::new(account, connection, Arc::clone(&broker), pool, system_clock(), pace, controlling);
    let (phase, watching) = watch::channel(Phase::Running);
    let took = Arc::new(Mutex::new(Vec::new()));
    if measure {
        for partition in 0..PARTITIONS {
            tokio::spawn(follow(Arc::clone(&broker), partition, Arc::clone(&took)));
        }
    }
    tokio::spawn(async move {
        stop.recv().await;
        phase.send_replace(Phase::Stopping);
    });
    at_work.run(watching).await?;
    if measure {
        tell(&took.lock().unwrap_or_else(PoisonError::into_inner))?;
    }
    Ok(())
}

/// Unix time in nanoseconds.
pub(crate) fn nanoseconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Notes how long each message took that says when it was posted.
async fn follow(broker: Arc<dyn Broker>, partition: u32, took: Arc<Mutex<Vec<u64>>>) -> Result<()> {
    let at = TopicPartition::new(topics::MESSAGES, partition);
    let mut next = 0;
    loop {
        broker.wait(&at, next).await?;
        let batches = broker.read(&at, next, 1 << 20).await?;
        let now = nanoseconds();
        for record in batches.iter().flat_map(|batch| batch.iter()) {
            if let Ok(posted) = Message::decode(record.value)?.text.parse::<u64>() {
                took.lock().unwrap_or_else(PoisonError::into_inner).push(now.saturating_sub(posted));
            }
        }
        next = batches.last().map_or(next, |last| last.end_offset());
    }
}

/// One line for the one who started us: nanoseconds of the median and of the slowest hundredth, how many there were,
/// and the most memory this process had, in KiB.
fn tell(took: &[u64]) -> Result<()> {
    let mut took = took.to_vec();
    took.sort_unstable();
    let at = |part: f64| took.get((took.len() as f64 * part) as usize).copied().unwrap_or(0);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let most = most.and_then(|line| line.split_whitespace().next()).unwrap_or("0");
    writeln!(std::io::stdout(), "{} {} {} {most}", at(0.5), at(0.99), took.len())?;
    Ok(())
}
