//! The whole pipeline on a Fluvio cluster beside what could limit it: producing and consuming the same bytes bare, and
//! each sink alone. Then two attribution tasks on two partitions beside one.
//!
//! Everything is in one process, on a cluster that is started for it; the figures are of this machine's cores, which
//! the cluster shares.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use tickertape_broker::fluvio::Options;
use tickertape_broker::{BatchBuilder, Broker, Fluvio, Phase, TopicPartition};
use tickertape_records::topics::partition_of;
use tickertape_records::{Message, topics};
use tickertape_sinks::postgres::{Database, Target};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::{stages, workload};

const MESSAGES: usize = 200_000;
/// Messages in one append, as an import makes them.
const BATCH: usize = 1_000;
const READ_BYTES: usize = 1 << 20;

/// Prints the figures; needs a `fluvio-run` and a PostgreSQL.
pub(crate) async fn run() -> Result<()> {
    let Some(cluster) = tickertape_fluvio_cluster::Cluster::start().await else { return Ok(()) };
    let Some(server) = tickertape_postgres_server::Server::shared() else { return Ok(()) };
    let broker: Arc<dyn Broker> = Arc::new(Fluvio::connect(Options::new(cluster.endpoint())).await?);
    let messages = workload::messages(MESSAGES);
    println!("Pipeline on Fluvio, {} messages, {} cores:", messages.len(), cores());
    let rate = |seconds: f64| MESSAGES as f64 / seconds;

    stages::prepare(&*broker, 1).await?;
    let began = Instant::now();
    append(&*broker, &messages, 1).await?;
    read(&*broker, &TopicPartition::new(topics::MESSAGES, 0)).await?;
    let bare = rate(began.elapsed().as_secs_f64());
    println!("  bare produce and consume: {bare:.0} messages/s");

    let one = rate(attribute(&broker, 1).await?);
    println!("  attribution alone, one partition: {one:.0} messages/s");

    let database = Database::open(Target::Server { url: server.create_database(&[]) }).await?;
    let dir = tempfile::tempdir()?;
    let (_keep, draining) = watch::channel(Phase::Draining);
    let began = Instant::now();
    stages::into_postgres(broker.clone(), 0, &database, draining.clone()).await?;
    let postgres = rate(began.elapsed().as_secs_f64());
    println!("  Postgres sink alone: {postgres:.0} messages/s");
    let began = Instant::now();
    stages::into_parquet(broker.clone(), 0, &dir.path().join("alone"), draining).await?;
    let parquet = rate(began.elapsed().as_secs_f64());
    println!("  Parquet sink alone: {parquet:.0} messages/s");

    stages::prepare(&*broker, 1).await?;
    let database = Arc::new(Database::open(Target::Server { url: server.create_database(&[]) }).await?);
    let whole = rate(whole(&broker, &messages, database, dir.path()).await?);
    let limit = bare.min(postgres);
    println!(
        "  messages → attributed → both sinks: {whole:.0} messages/s, {:.2} of the slower of bare and sink",
        whole / limit
    );

    stages::prepare(&*broker, 2).await?;
    append(&*broker, &messages, 2).await?;
    let two = rate(attribute(&broker, 2).await?);
    println!("  attribution, two partitions at once: {two:.0} messages/s, {:.2} times one", two / one);
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

async fn append(broker: &dyn Broker, messages: &[Message], partitions: u32) -> Result<()> {
    let mut acks = Vec::new();
    for messages in messages.chunks(BATCH) {
        let mut batches = vec![Vec::new(); partitions as usize];
        for message in messages {
            batches[partition_of(message.chat_id, partitions) as usize].push(message.clone());
        }
        let batches: Vec<(TopicPartition, BatchBuilder)> = (0..)
            .zip(batches)
            .filter(|(_, messages)| !messages.is_empty())
            .map(|(partition, messages)| {
                (TopicPartition::new(topics::MESSAGES, partition), stages::batch(&messages))
            })
            .collect();
        acks.push(broker.append(batches).await?);
    }
    for ack in acks {
        ack.await?;
    }
    Ok(())
}

async fn read(broker: &dyn Broker, at: &TopicPartition) -> Result<()> {
    let bounds = broker.bounds(at).await?;
    let mut next = bounds.start;
    while next < bounds.end {
        for batch in broker.read(at, next, READ_BYTES).await? {
            next = batch.end_offset();
        }
    }
    Ok(())
}

/// Attributes what is on `messages`, one task a partition; the seconds it took.
async fn attribute(broker: &Arc<dyn Broker>, partitions: u32) -> Result<f64> {
    let checkpoints = tempfile::tempdir()?;
    let (_keep, phase) = watch::channel(Phase::Draining);
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for partition in 0..partitions {
        let (broker, phase, path) = (broker.clone(), phase.clone(), checkpoints.path().to_owned());
        tasks.spawn(async move { stages::attribute(broker, partition, &path, phase).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// All stages at once while the messages are appended; the seconds until both stores have everything.
async fn whole(
    broker: &Arc<dyn Broker>,
    messages: &[Message],
    database: Arc<Database>,
    dir: &std::path::Path,
) -> Result<f64> {
    let (attribution, attribution_phase) = watch::channel(Phase::Running);
    let (sinks, sink_phase) = watch::channel(Phase::Running);
    let began = Instant::now();
    let mut attributing = JoinSet::new();
    let (log, path) = (broker.clone(), dir.join("checkpoints"));
    attributing.spawn(async move { stages::attribute(log, 0, &path, attribution_phase).await });
    let mut storing = JoinSet::new();
    let (log, phase) = (broker.clone(), sink_phase.clone());
    storing.spawn(async move { stages::into_postgres(log, 0, &database, phase).await });
    let (log, path) = (broker.clone(), dir.join("whole"));
    storing.spawn(async move { stages::into_parquet(log, 0, &path, sink_phase).await });

    append(&**broker, messages, 1).await?;
    attribution.send_replace(Phase::Draining);
    while let Some(ended) = attributing.join_next().await {
        ended??;
    }
    sinks.send_replace(Phase::Draining);
    while let Some(ended) = storing.join_next().await {
        ended??;
    }
    Ok(began.elapsed().as_secs_f64())
}
