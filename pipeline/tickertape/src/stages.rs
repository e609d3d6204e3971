//! The stages that follow partitions: what each is given, and how it is run on one partition.
//!
//! A [`Role`] is a stage as an operator sees it, a partition its unit of work. Whoever decides which partitions a
//! process has (`run` and `up` alone: all of them; among several: a lease) starts and stops them through
//! [`Stages::run`], and nothing here knows why.

use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tickertape_broker::{Broker, Phase, TopicPartition};
use tickertape_records::topics;
use tickertape_sinks::parquet::{self, Archive};
use tickertape_sinks::postgres::{self, Database, Target};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::following::Accounts;
use crate::progress::Counters;

/// The database, once it is open; every sink waits for the same one.
pub(crate) type Opening = Shared<BoxFuture<'static, Result<Arc<Database>, Arc<postgres::Error>>>>;

/// What a process does with the partitions it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// `messages` → `attributed`.
    Attribute,
    /// Everything that has a table → Postgres.
    Postgres,
    /// Everything that is history → Parquet.
    Parquet,
    /// Who follows what: one process of all has it.
    Manage,
    /// Telegram → `messages` and the manager's topics. Its partitions are the accounts, by [`Accounts::keys`].
    Telegram,
}

/// What the stages of this process share.
pub(crate) struct Stages {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) opening: Opening,
    pub(crate) counters: Counters,
    attribution: tickertape_attributor::Options,
    archive: Archive,
    manager: tickertape_manager::Options,
    pub(crate) accounts: Accounts,
}

impl Role {
    /// Those that `run` drains, in the order of the data flow.
    pub(crate) const DRAINED: [Self; 3] = [Self::Attribute, Self::Postgres, Self::Parquet];
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Attribute, Self::Postgres, Self::Parquet, Self::Manage, Self::Telegram];

    fn topics(self) -> &'static [&'static str] {
        match self {
            Self::Attribute => &[topics::MESSAGES],
            Self::Postgres => &postgres::TOPICS,
            Self::Parquet => &parquet::TOPICS,
            Self::Manage => &[topics::INSTRUCTIONS],
            Self::Telegram => &[],
        }
    }
}

impl fmt::Display for Role {
    /// As it stands on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attribute => "attribute",
            Self::Postgres => "sink postgres",
            Self::Parquet => "sink parquet",
            Self::Manage => "manage",
            Self::Telegram => "telegram",
        })
    }
}

impl Stages {
    /// Gathers what the stages need; the database is opened when the first one waits for it.
    pub(crate) fn new(
        broker: Arc<dyn Broker>,
        target: Target,
        config: &Config,
        data: &DataDir,
    ) -> Result<Self> {
        let opening =
            async move { Database::open(target).await.map(Arc::new).map_err(Arc::new) }.boxed().shared();
        Ok(Self {
            broker,
            opening,
            counters: Counters::default(),
            attribution: tickertape_attributor::Options {
                matching: config.matching()?,
                chain: config.chain(),
                checkpoints: config.checkpoints(data),
            },
            archive: Archive::local(&data.archive())?,
            manager: config.manager()?,
            accounts: Accounts::new(&config.telegram.accounts, data)?,
        })
    }

    /// How many partitions there are to share: those of the role's widest topic.
    pub(crate) async fn partitions(&self, role: Role) -> Result<u32> {
        let mut most = 0;
        for topic in role.topics() {
            let info = self.broker.topic(topic).await?;
            most = most.max(info.with_context(|| format!("there is no topic {topic}"))?.partitions);
        }
        Ok(most)
    }

    /// Runs a role on one partition of every topic that has it, until all have ended or one has failed.
    ///
    /// Dropped, it stops at once: nothing stored is lost, the rest is read again.
    pub(crate) async fn run(&self, role: Role, partition: u32, phase: watch::Receiver<Phase>) -> Result<()> {
        if role == Role::Telegram {
            let (broker, opening) = (self.broker.clone(), self.opening.clone());
            return self.accounts.follow(partition, broker, opening, phase).await;
        }
        let mut tasks = JoinSet::new();
        for topic in role.topics() {
            let at = TopicPartition::new(*topic, partition);
            if self.broker.topic(topic).await?.is_some_and(|info| partition < info.partitions) {
                tasks.spawn(self.stage(role, at, phase.clone()));
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }

    fn stage(
        &self,
        role: Role,
        at: TopicPartition,
        phase: watch::Receiver<Phase>,
    ) -> BoxFuture<'static, Result<()>> {
        let broker = self.broker.clone();
        match role {
            Role::Attribute => {
                let (options, progress) = (self.attribution.clone(), self.counters.attribution.clone());
                let run = tickertape_attributor::run(broker, at.partition, options, progress, phase);
                async move { run.await.context("attribution stopped") }.boxed()
            }
            Role::Postgres => {
                let (opening, progress) = (self.opening.clone(), self.counters.postgres(&at.topic));
                async move {
                    let database = opening.await?;
                    let run = postgres::run(&database, broker, at, phase, progress).await;
                    run.context("writing to Postgres stopped")
                }
                .boxed()
            }
            Role::Parquet => {
                let (archive, progress) = (self.archive.clone(), self.counters.parquet(&at.topic));
                async move {
                    let run = parquet::run(&archive, broker, at, phase, progress).await;
                    run.context("writing Parquet stopped")
                }
                .boxed()
            }
            Role::Telegram => futures::future::ready(Ok(())).boxed(), // it has no topic to follow
            Role::Manage => {
                let (opening, options) = (self.opening.clone(), self.manager.clone());
                async move {
                    let pool = opening.await?.pool().clone();
                    let clock = tickertape_manager::wall_clock();
                    let run = tickertape_manager::run(broker, pool, options, clock, phase).await;
                    run.context("the manager stopped")
                }
                .boxed()
            }
        }
    }
}
