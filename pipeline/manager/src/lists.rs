//! The coin list in force: the newest on topic `coin-lists`.

use tickertape_broker::{Broker, TopicPartition};
use tickertape_coins::{Coin, CoinList};
use tickertape_records::{CoinListRecord, topics};

use crate::Error;

/// The newest list, if it is another than this version; before there is any, the one that came with the program.
pub(crate) async fn newest(broker: &dyn Broker, known: Option<u64>) -> Result<Option<CoinList>, Error> {
    let at = TopicPartition::new(topics::COIN_LISTS, 0);
    let version = match broker.topic(topics::COIN_LISTS).await? {
        Some(_) => broker.bounds(&at).await?.end,
        None => 0,
    };
    if known == Some(version) {
        return Ok(None);
    }
    if version == 0 {
        return Ok(Some(CoinList { version: 0, ..CoinList::snapshot() }));
    }
    let unusable = |reason: String| Error::CoinList { version, reason };
    let batches = broker.read(&at, version - 1, 1).await?;
    let record = batches.first().and_then(|batch| batch.iter().next());
    let record = record.ok_or_else(|| unusable("it is not on topic coin-lists".into()))?;
    let record = CoinListRecord::decode(record.value).map_err(|error| unusable(error.to_string()))?;
    let coins = record.coins.into_iter().map(|listed| Coin {
        id: listed.id,
        symbol: listed.symbol,
        name: listed.name,
        rank: listed.rank,
    });
    Ok(Some(CoinList { version, as_of: record.as_of, coins: coins.collect() }))
}
