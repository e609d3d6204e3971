//! The log of this configuration: which engine keeps it, and the topics on it.

use std::sync::Arc;

use anyhow::Result;
use tickertape_broker::{Broker, Embedded, Fluvio, TopicSpec};
use tickertape_records::topics;

use crate::config::{Config, Engine};
use crate::data_dir::DataDir;

/// The topics that are small and read from their beginning: retention never touches them.
const KEPT_WHOLE: [&str; 3] = [topics::COIN_LISTS, topics::COIN_SWAPS, topics::IMPORTS];

/// Opens the log. Its topics need not be there yet.
pub(crate) async fn open(config: &Config, data: &DataDir) -> Result<Arc<dyn Broker>> {
    Ok(match config.engine()? {
        Engine::Embedded => Arc::new(Embedded::open(&data.log())?),
        Engine::Fluvio => Arc::new(Fluvio::connect(config.fluvio()).await?),
    })
}

/// Creates the topics that are not there.
pub(crate) async fn create_topics(broker: &dyn Broker, config: &Config) -> Result<()> {
    for name in topics::ALL {
        broker.create_topic(&spec(name, config)).await?;
    }
    Ok(())
}

/// What a topic is by this configuration.
pub(crate) fn spec(name: &str, config: &Config) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions: if topics::BY_CHAT.contains(&name) { config.log.partitions } else { 1 },
        retention: if KEPT_WHOLE.contains(&name) { Default::default() } else { config.retention() },
    }
}
