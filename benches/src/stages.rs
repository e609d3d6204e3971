//! The stages as the program runs them, for the figures of the whole pipeline: topics, a coin list, attribution and
//! both sinks on a log of either engine.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use tickertape_attribution::chain::ChainConfig;
use tickertape_broker::{BatchBuilder, Broker, Phase, Retention, TopicPartition, TopicSpec};
use tickertape_coins::CoinList;
use tickertape_records::{Message, key, topics};
use tickertape_sinks::parquet::{self, Archive};
use tickertape_sinks::postgres::{self, Database};
use tokio::sync::watch;

/// Makes every topic anew, those of messages with so many partitions, and publishes the built-in list.
pub(crate) async fn prepare(broker: &dyn Broker, partitions: u32) -> Result<()> {
    for name in topics::ALL {
        if broker.topic(name).await?.is_some() {
            broker.delete_topic(name).await?;
        }
        let partitions = if topics::BY_CHAT.contains(&name) { partitions } else { 1 };
        broker
            .create_topic(&TopicSpec { name: name.into(), partitions, retention: Retention::default() })
            .await?;
    }
    tickertape_manager::coins::publish(broker, &CoinList::snapshot()).await?;
    Ok(())
}

/// Messages as one batch of records.
pub(crate) fn batch(messages: &[Message]) -> BatchBuilder {
    let mut batch = BatchBuilder::default();
    for message in messages {
        batch.push_with(key(message.chat_id).as_bytes(), |out| message.encode_into(out));
    }
    batch
}

/// Attribution of one partition.
pub(crate) async fn attribute(
    broker: Arc<dyn Broker>,
    partition: u32,
    checkpoints: &Path,
    phase: watch::Receiver<Phase>,
) -> Result<()> {
    let options = tickertape_attributor::Options {
        matching: tickertape_attribution::Options::default(),
        chain: ChainConfig::default(),
        checkpoints: checkpoints.to_owned(),
    };
    Ok(tickertape_attributor::run(broker, partition, options, Arc::default(), phase).await?)
}

/// The Postgres sink of one partition of `attributed`.
pub(crate) async fn into_postgres(
    broker: Arc<dyn Broker>,
    partition: u32,
    database: &Database,
    phase: watch::Receiver<Phase>,
) -> Result<()> {
    let at = TopicPartition::new(topics::ATTRIBUTED, partition);
    Ok(postgres::run(database, broker, at, phase, Arc::default()).await?)
}

/// The Parquet sink of one partition of `attributed`.
pub(crate) async fn into_parquet(
    broker: Arc<dyn Broker>,
    partition: u32,
    archive: &Path,
    phase: watch::Receiver<Phase>,
) -> Result<()> {
    let at = TopicPartition::new(topics::ATTRIBUTED, partition);
    Ok(parquet::run(&Archive::local(archive)?, broker, at, phase, Arc::default()).await?)
}
