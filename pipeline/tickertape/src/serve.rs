//! The roles: `import`, `attribute`, `sink postgres`, `sink parquet`, `manage`, `telegram`, and `up`, which is all of
//! them.
//!
//! Each goes on until it is stopped, except `import`, which ends with its files.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tickertape_broker::Phase;
use tickertape_http::{Guard, Health, TOKEN_VARIABLE};
use tickertape_sinks::postgres::Database;
use tickertape_telegram::FirstBackfill;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::api::Api;
use crate::cli::{FirstArgs, ImportArgs, RoleArgs, TelegramArgs, UpArgs};
use crate::coin_lists;
use crate::config::Config;
use crate::lease::{Holding, hold};
use crate::partitions::Partitions;
use crate::process::{Process, Unasked};
use crate::signals::{STOP_WITHIN, advance, stop_on_signal, stopping};
use crate::stages::{Role, Stages};
use crate::{following, progress, summary};

/// How often log and database are asked whether they answer.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// No answer for so long is none.
const PROBE_PATIENCE: Duration = Duration::from_secs(4);

/// Reads files onto the log and ends.
pub(crate) async fn import(args: &ImportArgs) -> Result<summary::Ending> {
    let inputs = tickertape_import::discover(&args.paths)?;
    let process = Process::open(&args.common, Unasked::Newest).await?;
    let counters = &process.stages.counters;
    let (stop, phase) = watch::channel(Phase::Running);
    let signals = tokio::spawn(stop_on_signal(vec![stop]));
    let drawing = progress::draw(counters);
    let broker = process.stages.broker.clone();
    let imported = tickertape_import::run(broker, inputs, counters.import.clone(), phase).await;
    drawing.finish();
    signals.abort();
    let imported = imported.context("import stopped")?;
    summary::print_import(&imported)?;
    Ok(summary::Ending::of(imported.stopped, &imported))
}

impl From<&FirstArgs> for FirstBackfill {
    fn from(args: &FirstArgs) -> Self {
        Self { since: args.since, limit: args.limit }
    }
}

/// Runs one role until stopped.
pub(crate) async fn role(role: Role, args: &RoleArgs) -> Result<()> {
    let config = Config::load(args.common.config.as_deref())?;
    let process = Process::open(&args.common, Unasked::Newest).await?;
    let mut service = Service::start(process, args.listen.as_deref(), &config).await?;
    service.hold(role, args.partitions.clone());
    service.run().await
}

/// Follows the accounts until stopped.
pub(crate) async fn telegram(args: &TelegramArgs) -> Result<()> {
    let config = Config::load(args.common.config.as_deref())?;
    let process = Process::open(&args.common, Unasked::Newest).await?;
    let accounts = &process.stages.accounts;
    if accounts.keys().is_empty() {
        anyhow::bail!(following::NONE);
    }
    accounts.bound((&args.first).into());
    let mut service = Service::start(process, args.listen.as_deref(), &config).await?;
    service.hold(Role::Telegram, None);
    service.run().await
}

/// Runs every role until stopped, and reads files meanwhile.
pub(crate) async fn up(args: &UpArgs) -> Result<()> {
    let inputs = tickertape_import::discover(&args.paths)?;
    let config = Config::load(args.role.common.config.as_deref())?;
    let process = Process::open(&args.role.common, Unasked::Newest).await?;
    let mut service = Service::start(process, args.role.listen.as_deref(), &config).await?;
    // A list that was told holds until it is told no more.
    if config.coins.refresh_hours > 0 && args.role.common.coins.is_none() && config.coins_file().is_none() {
        let options = coin_lists::options(&config)?;
        let (stages, phase) = (service.process.stages.clone(), service.stop.subscribe());
        service.tasks.spawn(async move {
            let pool = stages.opening.clone().await?.pool().clone();
            let refreshing = tickertape_manager::coins::run(stages.broker.clone(), pool, options, phase);
            refreshing.await.context("refreshing the coin list stopped")
        });
    }
    let accounts = &service.process.stages.accounts;
    accounts.bound((&args.first).into());
    if accounts.keys().is_empty() {
        eprintln!("{}", following::NONE);
    }
    for role in Role::ALL {
        // The manager's one partition and the accounts are none of those that messages lie in.
        let by_chat = !matches!(role, Role::Manage | Role::Telegram);
        service.hold(role, args.role.partitions.clone().filter(|_| by_chat));
    }
    let (stages, phase) = (service.process.stages.clone(), service.stop.subscribe());
    service.tasks.spawn(async move {
        let progress = stages.counters.import.clone();
        let imported = tickertape_import::run(stages.broker.clone(), inputs, progress, phase).await;
        for broken in imported.context("import stopped")?.broken {
            tracing::error!(path = broken.path, reason = broken.reason, "could not be read to its end");
        }
        Ok(())
    });
    service.run().await
}

/// A process that works until it is stopped.
struct Service {
    process: Process,
    health: Arc<Health>,
    stop: watch::Sender<Phase>,
    tasks: JoinSet<Result<()>>,
}

impl Service {
    async fn start(process: Process, listen: Option<&str>, config: &Config) -> Result<Self> {
        let (stop, _) = watch::channel(Phase::Running);
        let health = Arc::new(Health::default());
        let mut tasks = JoinSet::new();
        if let Some(address) = listen {
            let listener = TcpListener::bind(address).await.with_context(|| {
                format!("cannot listen on {address}; choose another address with --listen")
            })?;
            let address = listener.local_addr()?;
            let guard = Guard::new(address, std::env::var(TOKEN_VARIABLE).ok().as_deref())?;
            eprintln!("answering on http://{address}");
            let source = Arc::new(Api::new(process.stages.clone(), config.clone()));
            let routes = tickertape_http::routes(health.clone(), source, guard);
            let stopped = stopping(stop.subscribe());
            tasks.spawn(async move {
                let answered = tickertape_http::answer(listener, routes, stopped).await;
                answered.context("answering over HTTP stopped")
            });
        }
        Ok(Self { process, health, stop, tasks })
    }

    fn hold(&mut self, role: Role, told: Option<Partitions>) {
        self.tasks.spawn(hold(Holding {
            stages: self.process.stages.clone(),
            role,
            told,
            server: self.process.shared.clone(),
            phase: self.stop.subscribe(),
            health: self.health.clone(),
        }));
    }

    /// Until a signal, or until a part fails and takes the others with it.
    async fn run(mut self) -> Result<()> {
        let signals = tokio::spawn(stop_on_signal(vec![self.stop.clone()]));
        let stages = self.process.stages.clone();
        let probing = tokio::spawn(probe(stages, self.health.clone()));
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended.map_err(anyhow::Error::from).flatten() {
                outcome = Err(error);
                break;
            }
        }
        advance(&self.stop, Phase::Stopping);
        let rest = async { while self.tasks.join_next().await.is_some() {} };
        _ = timeout(STOP_WITHIN, rest).await;
        probing.abort();
        _ = probing.await; // it holds the stages
        let closed = self.process.close().await;
        signals.abort();
        outcome.and(closed)
    }
}

/// Asks log and database now and then, and says what they answered.
async fn probe(stages: Arc<Stages>, health: Arc<Health>) {
    let mut tick = interval(PROBE_EVERY);
    loop {
        tick.tick().await;
        health.beat();
        let log = timeout(PROBE_PATIENCE, stages.broker.topics()).await;
        health.set(
            "log",
            match log {
                Ok(Ok(topics)) => Ok(format!("{} topics", topics.len())),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("no answer".to_owned()),
            },
        );
        for (label, said) in stages.accounts.said() {
            health.set(format!("account {label}"), Ok(said));
        }
        if let Some(Ok(database)) = stages.opening.peek() {
            health.set("database", database_answers(database).await);
        }
    }
}

/// The embedded database is part of this process, and its one connection is the sinks'.
async fn database_answers(database: &Database) -> Result<String, String> {
    if database.is_embedded() {
        return Ok("embedded".to_owned());
    }
    match timeout(PROBE_PATIENCE, sqlx::query("SELECT 1").execute(database.pool())).await {
        Ok(Ok(_)) => Ok("answers".to_owned()),
        Ok(Err(sqlx::Error::Database(error))) => Err(error.message().to_owned()),
        Ok(Err(_)) => Err("cannot be reached".to_owned()),
        Err(_) => Err("no answer".to_owned()),
    }
}
