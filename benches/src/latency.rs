//! From the moment a message is handed to the log until its row can be seen in Postgres, at 1,000 messages a second:
//! one append a message, as a live producer makes them, through attribution and the Postgres sink.
//!
//! A row is visible when the stored position has passed it, for both change in one transaction. The position is asked
//! for every two milliseconds on a connection of its own, so that much of each figure is the asking.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tickertape_broker::fluvio::Options;
use tickertape_broker::{Broker, Embedded, Fluvio, Phase, TopicPartition};
use tickertape_records::{Message, topics};
use tickertape_sinks::postgres::{Database, Target};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::{stages, workload};

const MESSAGES: usize = 20_000;
const A_SECOND: u32 = 1_000;
const ASK_EVERY: Duration = Duration::from_millis(2);

/// Prints the figures of both engines, as far as they are there.
pub(crate) async fn run() -> Result<()> {
    let Some(server) = tickertape_postgres_server::Server::shared() else { return Ok(()) };
    println!("Latency from append to visible in Postgres, {A_SECOND} messages/s, {MESSAGES} messages:");
    let dir = tempfile::tempdir()?;
    let embedded = Arc::new(Embedded::open(&dir.path().join("log"))?);
    measure("embedded log", embedded, &server.create_database(&[])).await?;
    if let Some(cluster) = tickertape_fluvio_cluster::Cluster::start().await {
        let fluvio = Arc::new(Fluvio::connect(Options::new(cluster.endpoint())).await?);
        measure("Fluvio", fluvio, &server.create_database(&[])).await?;
    }
    Ok(())
}

async fn measure(engine: &str, broker: Arc<dyn Broker>, url: &str) -> Result<()> {
    stages::prepare(&*broker, 1).await?;
    let messages: Vec<Message> = workload::messages(MESSAGES);
    let database = Arc::new(Database::open(Target::Server { url: url.to_owned() }).await?);
    let checkpoints = tempfile::tempdir()?;
    let (stop, phase) = watch::channel(Phase::Running);
    let mut running = JoinSet::new();
    {
        let (broker, phase, path) = (broker.clone(), phase.clone(), checkpoints.path().to_owned());
        running.spawn(async move { stages::attribute(broker, 0, &path, phase).await });
    }
    {
        let (broker, database) = (broker.clone(), database.clone());
        running.spawn(async move { stages::into_postgres(broker, 0, &database, phase).await });
    }
    let seen = tokio::spawn(watch_position(url.to_owned()));

    let mut sent = Vec::with_capacity(MESSAGES);
    let mut acks = JoinSet::new();
    let mut tick = interval(Duration::from_secs(1) / A_SECOND);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for message in &messages {
        tick.tick().await;
        sent.push(Instant::now());
        let at = TopicPartition::new(topics::MESSAGES, 0);
        acks.spawn(broker.append(vec![(at, stages::batch(std::slice::from_ref(message)))]).await?);
        while let Some(ack) = acks.try_join_next() {
            ack??;
        }
    }
    let seen = seen.await??;
    stop.send_replace(Phase::Stopping);
    while let Some(ended) = running.join_next().await {
        ended??;
    }

    // Every message is an output of its own, in order: nothing repeats and nothing is revised.
    let mut moments = seen.iter();
    let mut moment = moments.next();
    let mut waited = Vec::with_capacity(MESSAGES);
    for (n, sent) in sent.iter().enumerate() {
        while moment.is_some_and(|(position, _)| *position <= n) {
            moment = moments.next();
        }
        let (_, seen) = moment.context("the position never passed a message")?;
        waited.push(seen.duration_since(*sent));
    }
    waited.sort();
    let at = |share: f64| waited[((waited.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("  {engine}: p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms", at(0.5), at(0.99), at(1.0));
    Ok(())
}

/// Each position that was seen, and when first.
async fn watch_position(url: String) -> Result<Vec<(usize, Instant)>> {
    let pool = sqlx::PgPool::connect(&url).await?;
    let mut seen: Vec<(usize, Instant)> = Vec::new();
    loop {
        let position: Option<i64> = sqlx::query_scalar(
            "SELECT next_offset FROM positions WHERE topic = 'attributed' AND partition = 0",
        )
        .fetch_optional(&pool)
        .await?;
        let position = position.unwrap_or(0) as usize;
        if seen.last().is_none_or(|(last, _)| *last < position) {
            seen.push((position, Instant::now()));
        }
        if position >= MESSAGES {
            return Ok(seen);
        }
        sleep(ASK_EVERY).await;
    }
}
