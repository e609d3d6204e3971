//! Where the stage goes on after it was stopped or killed.
//!
//! Three things are known at start: how far the checkpoint reaches, what the last output was, and at which offsets
//! lists came into force. Everything up to the last output has been written: it is read again only to rebuild the
//! chains, each record with the list that was in force at it, and nothing of it is written twice.

use std::path::Path;
use std::sync::Arc;

use tickertape_attribution::chain::{Chain, ChainConfig};
use tickertape_broker::{Broker, Error as BrokerError, TopicPartition};
use tickertape_records::{Attributed, topics};
use tracing::warn;

use crate::checkpoint::{self, Header};
use crate::swaps::Swaps;
use crate::{Error, Options};

/// The state at start.
pub(crate) struct Recovered {
    pub(crate) epoch: u64,
    pub(crate) chain: Chain,
    /// First input that is not in the chains.
    pub(crate) next_offset: u64,
    /// The last output: (input offset, sequence). Everything up to it is on the log.
    pub(crate) written: Option<(u64, u32)>,
    pub(crate) swaps: Swaps,
}

pub(crate) async fn recover(
    broker: &Arc<dyn Broker>,
    input: &TopicPartition,
    options: &Options,
) -> Result<Recovered, Error> {
    let info = broker.topic(&input.topic).await?;
    let epoch = info.ok_or_else(|| BrokerError::NoSuchPartition { at: input.clone() })?.epoch;
    let last = last_output(&**broker, input.partition).await?;
    let path = checkpoint::path(&options.checkpoints, input.partition);
    let (header, chain) = match load(&path, &options.chain)? {
        Some((header, chain)) => (Some(header), chain),
        None => (None, Chain::new(options.chain)),
    };
    if let Some(header) = &header
        && header.epoch != epoch
    {
        let topic = input.topic.clone();
        return Err(BrokerError::TopicReset { topic, stored: header.epoch, current: epoch }.into());
    }
    let next_offset = match &header {
        Some(header) => header.next_offset,
        None => broker.bounds(input).await?.start,
    };
    let swaps = Swaps::read(broker.clone(), input.partition).await?;
    if swaps.schedule().is_empty() && (header.is_some() || last.is_some()) {
        let reason = "messages were attributed, but no coin list ever came into force here: the topic was recreated, \
                      or the data is of an older build; start over in another data directory";
        return Err(swaps.wrong(reason.to_owned()));
    }
    if let Some(last) = &last {
        let in_force = swaps.schedule().in_force(last.written.0);
        if in_force != Some(last.coin_list) {
            let reason = format!(
                "the message at offset {} was attributed with coin list {}, but {in_force:?} is in force there: two \
                 stages wrote this partition; start over in another data directory",
                last.written.0, last.coin_list
            );
            return Err(swaps.wrong(reason));
        }
    }
    Ok(Recovered { epoch, chain, next_offset, written: last.map(|last| last.written), swaps })
}

fn load(path: &Path, config: &ChainConfig) -> Result<Option<(Header, Chain)>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    match checkpoint::load(path, config) {
        Ok(loaded) => Ok(Some(loaded)),
        Err(reason) => {
            warn!(path = %path.display(), reason, "checkpoint is unusable; reading the messages again from the start");
            Ok(None)
        }
    }
}

struct LastOutput {
    written: (u64, u32),
    coin_list: u64,
}

async fn last_output(broker: &dyn Broker, partition: u32) -> Result<Option<LastOutput>, Error> {
    let at = TopicPartition::new(topics::ATTRIBUTED, partition);
    let bounds = broker.bounds(&at).await?;
    if bounds.is_empty() {
        return Ok(None);
    }
    let offset = bounds.end - 1;
    let batches = broker.read(&at, offset, 1).await?;
    let Some(record) = batches.first().and_then(|batch| batch.iter().next()) else {
        return Err(BrokerError::Damaged { at, offset, reason: "the last record is missing".into() }.into());
    };
    let row = Attributed::decode(record.value)
        .map_err(|reason| Error::Unreadable { at: at.clone(), offset, reason })?
        .attribution;
    Ok(Some(LastOutput { written: (row.input_offset, row.sequence), coin_list: row.coin_list_version }))
}
