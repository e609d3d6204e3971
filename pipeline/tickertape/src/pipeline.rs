//! All stages in one process: import → attribution → Postgres and Parquet, until the input is drained.
//!
//! Stages talk through topics only. The end of one is the signal for the next to finish what is there and end too;
//! an error in any of them stops all, and what each has stored is stored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tickertape_broker::{Broker, Embedded, Phase, TopicPartition, TopicSpec};
use tickertape_records::topics;
use tickertape_sinks::parquet::{self, Archive};
use tickertape_sinks::postgres::{self, Database};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cli::RunArgs;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::progress::{self, Counters};
use crate::summary::{Ending, Report};
use crate::{coins, db};

/// How long in-flight work may take to be committed after a signal before the process ends regardless.
const STOP_WITHIN: Duration = Duration::from_secs(30);

pub(crate) async fn run(args: &RunArgs) -> Result<Report> {
    let started = Instant::now();
    let config = Config::load(args.common.config.as_deref())?;
    let inputs = tickertape_import::discover(&args.paths)?;
    let data = DataDir::new(&args.common.data);
    let list = coins::load(args.common.coins.as_deref(), &config)?;

    let broker: Arc<dyn Broker> = Arc::new(Embedded::open(&data.log())?);
    create_topics(&*broker, &config).await?;
    tickertape_manager::coins::publish(&*broker, &list).await?;
    let target = db::target(&config, &data)?;
    let database_place = target.to_string();
    // An embedded database takes a second to be made; the log takes what is read meanwhile.
    let opening =
        async move { Database::open(target).await.map(Arc::new).map_err(Arc::new) }.boxed().shared();
    let archive = Arc::new(Archive::local(&data.archive())?);
    let counters = Counters::default();

    let (stop_import, import_phase) = watch::channel(Phase::Running);
    let (stop_attribution, attribution_phase) = watch::channel(Phase::Running);
    let (stop_sinks, sink_phase) = watch::channel(Phase::Running);

    let attribution = tickertape_attributor::Options {
        matching: config.matching()?,
        chain: config.chain(),
        checkpoints: data.checkpoints(),
    };
    let mut attributors = JoinSet::new();
    let mut sinks = JoinSet::new();
    for partition in 0..config.log.partitions {
        let attributing = tickertape_attributor::run(
            broker.clone(),
            partition,
            attribution.clone(),
            counters.attribution.clone(),
            attribution_phase.clone(),
        );
        attributors.spawn(async move { attributing.await.context("attribution stopped") });
        for topic in [topics::ATTRIBUTED, topics::EVENTS] {
            let at = TopicPartition::new(topic, partition);
            spawn_postgres(&mut sinks, &opening, &broker, at.clone(), &counters, &sink_phase);
            let (archive, broker, phase) = (archive.clone(), broker.clone(), sink_phase.clone());
            let progress = counters.parquet(topic);
            sinks.spawn(async move {
                let run = parquet::run(&archive, broker, at, phase, progress).await;
                run.context("writing Parquet stopped")
            });
        }
    }
    let at = TopicPartition::new(topics::DEAD_LETTERS, 0);
    spawn_postgres(&mut sinks, &opening, &broker, at, &counters, &sink_phase);

    let everyone = [stop_import.clone(), stop_attribution.clone(), stop_sinks.clone()];
    let signals = tokio::spawn(stop_on_signal(everyone.clone()));
    let drawing = progress::draw(&counters);

    let stages = async {
        let imported = {
            let import =
                tickertape_import::run(broker.clone(), inputs, counters.import.clone(), import_phase);
            tokio::pin!(import);
            loop {
                tokio::select! {
                    imported = &mut import => break imported.context("import stopped"),
                    Some(ended) = attributors.join_next() => ended??,
                    Some(ended) = sinks.join_next() => ended??,
                }
            }
        }?;
        stop_attribution.send_if_modified(|phase| advance(phase, Phase::Draining));
        join_all(&mut attributors, &mut sinks).await?;
        stop_sinks.send_if_modified(|phase| advance(phase, Phase::Draining));
        join_all(&mut sinks, &mut JoinSet::new()).await?;
        anyhow::Ok(imported)
    };
    let outcome = stages.await;
    if outcome.is_err() {
        for sender in &everyone {
            sender.send_if_modified(|phase| advance(phase, Phase::Stopping));
        }
        _ = tokio::time::timeout(STOP_WITHIN, async {
            while attributors.join_next().await.is_some() || sinks.join_next().await.is_some() {}
        })
        .await;
    }
    drawing.finish();
    signals.abort();
    let interrupted = *stop_sinks.borrow() == Phase::Stopping;
    let imported = outcome?;
    let database = opening.await?;

    let ending = match (interrupted, imported.broken.is_empty()) {
        (true, _) => Ending::Interrupted,
        (false, true) => Ending::Drained,
        (false, false) => Ending::Incomplete,
    };
    let report =
        Report::gather(&database, database_place, &data, &counters, imported, started.elapsed(), ending)
            .await?;
    if let Ok(database) = Arc::try_unwrap(database).map_err(|_| ()) {
        database.close().await?;
    }
    Ok(report)
}

/// The database, once it is open; every sink waits for the same one.
type Opening = Shared<BoxFuture<'static, Result<Arc<Database>, Arc<postgres::Error>>>>;

fn spawn_postgres(
    sinks: &mut JoinSet<Result<()>>,
    opening: &Opening,
    broker: &Arc<dyn Broker>,
    at: TopicPartition,
    counters: &Counters,
    phase: &watch::Receiver<Phase>,
) {
    let (opening, broker, phase) = (opening.clone(), broker.clone(), phase.clone());
    let progress = counters.postgres(&at.topic);
    sinks.spawn(async move {
        let database = opening.await?;
        let run = postgres::run(&database, broker, at, phase, progress).await;
        run.context("writing to Postgres stopped")
    });
}

async fn create_topics(broker: &dyn Broker, config: &Config) -> Result<()> {
    for name in topics::ALL {
        let by_chat =
            [topics::MESSAGES, topics::ATTRIBUTED, topics::EVENTS, topics::COIN_SWAPS].contains(&name);
        let keeps_all = [topics::COIN_LISTS, topics::COIN_SWAPS, topics::IMPORTS].contains(&name);
        let spec = TopicSpec {
            name: name.to_owned(),
            partitions: if by_chat { config.log.partitions } else { 1 },
            retention: if keeps_all { Default::default() } else { config.retention() },
        };
        broker.create_topic(&spec).await?;
    }
    Ok(())
}

/// Waits for `first` to end, watching `also` for errors meanwhile.
async fn join_all(first: &mut JoinSet<Result<()>>, also: &mut JoinSet<Result<()>>) -> Result<()> {
    loop {
        tokio::select! {
            ended = first.join_next() => match ended {
                Some(ended) => ended??,
                None => return Ok(()),
            },
            Some(ended) = also.join_next() => ended??,
        }
    }
}

/// A phase only ever moves on: a drain never takes back a stop.
fn advance(phase: &mut Phase, to: Phase) -> bool {
    let moves = *phase < to;
    *phase = to.max(*phase);
    moves
}

/// The first SIGINT or SIGTERM stops every stage at its next batch; the second, or too long a wait, ends the process.
async fn stop_on_signal(stages: [watch::Sender<Phase>; 3]) {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(error) => return tracing::warn!(%error, "SIGTERM cannot be watched"),
    };
    let mut signalled = async || {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    signalled().await;
    eprintln!("stopping: committing what is in flight; once more to end at once");
    for stage in &stages {
        stage.send_if_modified(|phase| advance(phase, Phase::Stopping));
    }
    _ = tokio::time::timeout(STOP_WITHIN, signalled()).await;
    std::process::exit(i32::from(crate::EXIT_INTERRUPTED));
}
