//! Runs a role on the partitions that are this process's, as they come and go, until told to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tickertape_broker::Phase;
use tickertape_http::Health;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::connection::{Lease, POLL, Server};
use super::share::{decide, take_all};
use crate::partitions::Partitions;
use crate::signals::{advance, stopping};
use crate::stages::{Role, Stages};

/// How long to wait before another connection is tried.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// One role of this process.
pub(crate) struct Holding {
    pub(crate) stages: Arc<Stages>,
    pub(crate) role: Role,
    /// Which partitions to take; none to share them with whoever else runs this role.
    pub(crate) told: Option<Partitions>,
    /// Where leases are taken; none when nobody else can be at this log.
    pub(crate) server: Option<Server>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) health: Arc<Health>,
}

impl Holding {
    /// Whether the partitions are divided among the processes of this role. Accounts are not: their sessions lie where
    /// they lie, so whoever has one takes it when it is free.
    fn shares(&self) -> bool {
        self.told.is_none() && self.role != Role::Telegram
    }

    fn say(&self, held: &[u32], of: usize) {
        let said = match self.role {
            Role::Telegram => format!("{} of {of} accounts", held.len()),
            _ => format!("partitions {held:?} of {of}"),
        };
        self.health.set(self.role.to_string(), Ok(said));
    }
}

/// Why the work under a lease ended.
enum Ended {
    /// The process stops; everything was handed on.
    Stopped,
    /// The connection is gone and the locks with it.
    Lost(anyhow::Error),
}

/// Runs the role until the process stops.
///
/// # Errors
/// When a stage failed for good, or without leases when there is no such partition.
pub(crate) async fn hold(holding: Holding) -> Result<()> {
    let partitions = match holding.role {
        Role::Telegram => holding.stages.accounts.keys(),
        role => Partitions::among(holding.told.as_ref(), holding.stages.partitions(role).await?)?,
    };
    let Some(server) = &holding.server else { return hold_alone(&holding, &partitions).await };
    loop {
        let lost = match Lease::open(server, holding.role).await {
            Ok(lease) => match (Leased::new(&holding, &partitions, lease)).run().await? {
                Ended::Stopped => return Ok(()),
                Ended::Lost(error) => error,
            },
            Err(error) => error,
        };
        let role = holding.role;
        holding.health.set(role.to_string(), Err(format!("no lease: {lost:#}")));
        tracing::warn!(%role, reason = format!("{lost:#}"), "no lease; stopped until Postgres gives one again");
        tokio::select! {
            () = sleep(RECONNECT_AFTER) => {}
            () = stopping(holding.phase.clone()) => return Ok(()),
        }
    }
}

/// Every partition, for as long as the process lives.
async fn hold_alone(holding: &Holding, partitions: &BTreeSet<u32>) -> Result<()> {
    let mut tasks = JoinSet::new();
    for partition in partitions.iter().copied() {
        let (stages, role, phase) = (holding.stages.clone(), holding.role, holding.phase.clone());
        tasks.spawn(async move { stages.run(role, partition, phase).await });
    }
    holding.say(&partitions.iter().copied().collect::<Vec<_>>(), partitions.len());
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// The partitions held by one lease, each with what tells its stages to stop.
struct Leased<'a> {
    holding: &'a Holding,
    partitions: &'a BTreeSet<u32>,
    lease: Lease,
    held: BTreeMap<u32, watch::Sender<Phase>>,
    giving: BTreeSet<u32>,
    tasks: JoinSet<(u32, Result<()>)>,
}

impl<'a> Leased<'a> {
    fn new(holding: &'a Holding, partitions: &'a BTreeSet<u32>, lease: Lease) -> Self {
        let (held, giving, tasks) = (BTreeMap::new(), BTreeSet::new(), JoinSet::new());
        Self { holding, partitions, lease, held, giving, tasks }
    }

    async fn run(mut self) -> Result<Ended> {
        let worked = self.work().await;
        // Whatever is left runs without a lease, or beside a stage that failed: it ends here and now.
        self.tasks.shutdown().await;
        worked
    }

    async fn work(&mut self) -> Result<Ended> {
        if self.holding.shares()
            && let Err(error) = self.lease.share(true).await
        {
            return Ok(Ended::Lost(error));
        }
        let mut ends = false;
        let mut tick = interval(POLL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !ends || !self.held.is_empty() {
            tokio::select! {
                _ = tick.tick() => {
                    if let Err(error) = self.look(ends).await {
                        return Ok(Ended::Lost(error));
                    }
                }
                Some(ended) = self.tasks.join_next() => {
                    let (partition, outcome) = ended.context("a stage panicked")?;
                    let given = match outcome {
                        Ok(()) => self.lease.give(partition).await,
                        // Another owner is at work already when the lease went first.
                        Err(error) => match self.lease.view().await {
                            Ok(_) => return Err(error),
                            Err(lost) => Err(lost),
                        },
                    };
                    if let Err(error) = given {
                        return Ok(Ended::Lost(error));
                    }
                    self.held.remove(&partition);
                    self.giving.remove(&partition);
                    tracing::info!(role = %self.holding.role, partition, "handed on");
                }
                () = stopping(self.holding.phase.clone()), if !ends => {
                    ends = true;
                    for stage in self.held.values() {
                        advance(stage, Phase::Stopping);
                    }
                    if let Err(error) = self.lease.share(false).await {
                        return Ok(Ended::Lost(error));
                    }
                }
            }
        }
        Ok(Ended::Stopped)
    }

    /// Looks at who holds what, starts what is free and stops what others should have.
    async fn look(&mut self, ends: bool) -> Result<()> {
        let view = self.lease.view().await?;
        self.holding.health.beat();
        if ends {
            return Ok(());
        }
        let decision = match self.holding.shares() {
            true => decide(self.partitions, &view, &self.giving),
            false => take_all(self.partitions, &view),
        };
        for partition in decision.give {
            if let Some(stage) = self.held.get(&partition) {
                advance(stage, Phase::Stopping);
                self.giving.insert(partition);
            }
        }
        for partition in decision.take {
            if self.lease.take(partition).await? {
                self.start(partition);
            }
        }
        let held: Vec<u32> = self.held.keys().copied().collect();
        self.holding.say(&held, self.partitions.len());
        Ok(())
    }

    fn start(&mut self, partition: u32) {
        let (stop, phase) = watch::channel(Phase::Running);
        self.held.insert(partition, stop);
        let (stages, role) = (self.holding.stages.clone(), self.holding.role);
        tracing::info!(%role, partition, "taken");
        self.tasks.spawn(async move { (partition, stages.run(role, partition, phase).await) });
    }
}
