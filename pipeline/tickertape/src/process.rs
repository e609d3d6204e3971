//! What every command that moves records opens first: configuration, log, coin list, and what its stages share.

use std::sync::Arc;

use anyhow::Result;
use tickertape_manager::coins as lists;
use tickertape_sinks::postgres::Target;

use crate::cli::Common;
use crate::config::{Config, Engine};
use crate::data_dir::DataDir;
use crate::lease::{Server, SetupLock};
use crate::stages::Stages;
use crate::{coins, db, engine};

/// Which coin list a process puts in force when it is told none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// The one that came with the program: what is read now is read with it.
    BuiltIn,
    /// The newest on the log, which may have been refreshed since; the built-in one only when there is none.
    Newest,
}

/// One process of the pipeline.
pub(crate) struct Process {
    pub(crate) data: DataDir,
    pub(crate) stages: Arc<Stages>,
    /// Where leases are taken; none when this process has the log or the database for itself.
    pub(crate) shared: Option<Server>,
    /// The database as it may be shown.
    pub(crate) database_place: String,
}

impl Process {
    /// Opens the log with its topics and a coin list on it; the database is opened when the first stage needs it.
    pub(crate) async fn open(common: &Common, unasked: Unasked) -> Result<Self> {
        let config = Config::load(common.config.as_deref())?;
        let data = DataDir::new(&common.data);
        let list = coins::load(common.coins.as_deref(), &config)?;
        let target = db::target(&config, &data)?;
        let shared = match (&target, config.engine()?) {
            (Target::Server { url }, Engine::Fluvio) => Some(Server::new(url)?),
            _ => None,
        };

        let broker = engine::open(&config, &data).await?;
        // Two that start at once would both find no topic and no list, and both make one.
        let alone = SetupLock::take(shared.as_ref()).await?;
        engine::create_topics(&*broker, &config).await?;
        let told = common.coins.is_some() || config.coins_file().is_some();
        if told || unasked == Unasked::BuiltIn || lists::newest(&*broker).await?.is_none() {
            lists::publish(&*broker, &list).await?;
        }
        alone.release().await?;

        let database_place = target.to_string();
        let stages = Stages::new(broker, target, &config, &data)?;
        Ok(Self { data, stages: Arc::new(stages), shared, database_place })
    }

    /// Closes the database, when it was opened: the embedded one then starts faster next time.
    pub(crate) async fn close(self) -> Result<()> {
        let Some(Ok(database)) = self.stages.opening.peek().cloned() else { return Ok(()) };
        drop(self.stages);
        if let Ok(database) = Arc::try_unwrap(database) {
            database.close().await?;
        }
        Ok(())
    }
}
