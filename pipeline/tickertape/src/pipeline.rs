//! `run`: all stages in one process, import → attribution → Postgres and Parquet, until the input is drained.
//!
//! Stages talk through topics only. The end of one is the signal for the next to finish what is there and end too;
//! an error in any of them stops all, and what each has stored is stored.

use std::time::Instant;

use anyhow::{Context, Result};
use tickertape_broker::Phase;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cli::RunArgs;
use crate::lease;
use crate::process::{Process, Unasked};
use crate::progress;
use crate::signals::{STOP_WITHIN, advance, stop_on_signal};
use crate::stages::Role;
use crate::summary::{Ending, Report};

pub(crate) async fn run(args: &RunArgs) -> Result<Report> {
    let started = Instant::now();
    let inputs = tickertape_import::discover(&args.paths)?;
    let process = Process::open(&args.common, Unasked::BuiltIn).await?;
    let stages = &process.stages;

    let (stop_import, import_phase) = watch::channel(Phase::Running);
    let (stop_attribution, attribution_phase) = watch::channel(Phase::Running);
    let (stop_sinks, sink_phase) = watch::channel(Phase::Running);

    let mut attributors = JoinSet::new();
    let mut sinks = JoinSet::new();
    // Several processes may share this log: a drained stream is only drained when nobody else is at it.
    let mut claims = claim_all(&process).await?;
    for (role, phase) in Role::DRAINED.into_iter().zip([&attribution_phase, &sink_phase, &sink_phase]) {
        let tasks = if role == Role::Attribute { &mut attributors } else { &mut sinks };
        for partition in 0..stages.partitions(role).await? {
            let (stages, phase) = (stages.clone(), phase.clone());
            tasks.spawn(async move { stages.run(role, partition, phase).await });
        }
    }

    let everyone = [stop_import.clone(), stop_attribution.clone(), stop_sinks.clone()];
    let signals = tokio::spawn(stop_on_signal(everyone.to_vec()));
    let drawing = progress::draw(&stages.counters);

    let progress = stages.counters.import.clone();
    let draining = async {
        let imported = {
            let import = tickertape_import::run(stages.broker.clone(), inputs, progress, import_phase);
            tokio::pin!(import);
            loop {
                tokio::select! {
                    imported = &mut import => break imported.context("import stopped"),
                    Some(ended) = attributors.join_next() => ended??,
                    Some(ended) = sinks.join_next() => ended??,
                }
            }
        }?;
        advance(&stop_attribution, Phase::Draining);
        join_all(&mut attributors, &mut sinks).await?;
        advance(&stop_sinks, Phase::Draining);
        join_all(&mut sinks, &mut JoinSet::new()).await?;
        anyhow::Ok(imported)
    };
    let outcome = tokio::select! {
        outcome = draining => outcome,
        Some(lost) = claims.join_next() => Err(lost?),
    };
    if outcome.is_err() {
        for stage in &everyone {
            advance(stage, Phase::Stopping);
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

    let ending = Ending::of(interrupted, &imported);
    let report = Report::gather(&process, imported, started.elapsed(), ending).await?;
    process.close().await?;
    Ok(report)
}

/// Claims every partition of every role where others could have them; one that resolves was lost.
async fn claim_all(process: &Process) -> Result<JoinSet<anyhow::Error>> {
    let mut claims = JoinSet::new();
    if let Some(server) = &process.shared {
        for role in Role::DRAINED {
            let partitions = process.stages.partitions(role).await?;
            claims.spawn(lease::claim(server, role, 0..partitions).await?.keep());
        }
    }
    Ok(claims)
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
