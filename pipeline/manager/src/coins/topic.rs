//! The coin lists on topic `coin-lists`: each a record, its version the offset plus 1. The topic is the truth; what
//! Postgres holds is a copy of it.

use tickertape_broker::{BatchBuilder, Broker, TopicPartition};
use tickertape_coins::{Coin, CoinList};
use tickertape_records::{CoinListRecord, ListedCoin, SCHEMA, topics};

use super::Error;

/// Puts `list` on the topic and returns its version: that of the newest list when it holds the same coins, otherwise
/// a new one. Attribution takes it from there.
pub async fn publish(broker: &dyn Broker, list: &CoinList) -> Result<u64, Error> {
    let newest = newest(broker).await?;
    if let Some(newest) = &newest
        && newest.coins == list.coins
    {
        return Ok(newest.version);
    }
    let version = newest.map_or(0, |newest| newest.version) + 1;
    let coins = list.coins.iter().map(listed).collect();
    let record = CoinListRecord { schema: SCHEMA, version, as_of: list.as_of.clone(), coins };
    let mut batch = BatchBuilder::default();
    batch.push_with(b"", |out| record.encode_into(out));
    broker.append(vec![(topic(), batch)]).await?.await?;
    Ok(version)
}

/// The newest list; none before the first.
pub async fn newest(broker: &dyn Broker) -> Result<Option<CoinList>, Error> {
    match broker.bounds(&topic()).await?.end {
        0 => Ok(None),
        version => load(broker, version).await.map(Some),
    }
}

/// The list of that version.
pub async fn load(broker: &dyn Broker, version: u64) -> Result<CoinList, Error> {
    let end = broker.bounds(&topic()).await?.end;
    let offset = version.checked_sub(1).filter(|&offset| offset < end);
    let offset = offset.ok_or(Error::NoSuchVersion { version, newest: end })?;
    let batches = broker.read(&topic(), offset, 1).await?;
    let record = batches.first().and_then(|batch| batch.iter().next());
    let record = record.ok_or(Error::NoSuchVersion { version, newest: end })?;
    let record =
        CoinListRecord::decode(record.value).map_err(|reason| Error::Unreadable { version, reason })?;
    let coins = record.coins.into_iter().map(coin).collect();
    Ok(CoinList { version, as_of: record.as_of, coins })
}

fn topic() -> TopicPartition {
    TopicPartition::new(topics::COIN_LISTS, 0)
}

fn listed(coin: &Coin) -> ListedCoin {
    ListedCoin { id: coin.id.clone(), symbol: coin.symbol.clone(), name: coin.name.clone(), rank: coin.rank }
}

fn coin(listed: ListedCoin) -> Coin {
    Coin { id: listed.id, symbol: listed.symbol, name: listed.name, rank: listed.rank }
}
