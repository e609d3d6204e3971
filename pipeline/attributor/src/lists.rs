//! The coin lists on topic `coin-lists`: publishing one, finding one by its version.

use tickertape_broker::{BatchBuilder, Broker, TopicPartition};
use tickertape_coins::{Coin, CoinList};
use tickertape_records::{CoinListRecord, ListedCoin, SCHEMA, topics};

use crate::Error;

/// Puts `list` in force and returns its version: that of the newest list when it holds the same coins, otherwise a
/// new one.
pub async fn publish(broker: &dyn Broker, list: &CoinList) -> Result<u64, Error> {
    let at = TopicPartition::new(topics::COIN_LISTS, 0);
    let end = broker.bounds(&at).await?.end;
    let coins: Vec<ListedCoin> = list.coins.iter().map(listed).collect();
    if end > 0 && load_record(broker, end).await?.coins == coins {
        return Ok(end);
    }
    let version = end + 1;
    let record = CoinListRecord { schema: SCHEMA, version, as_of: list.as_of.clone(), coins };
    let mut batch = BatchBuilder::default();
    batch.push_with(b"", |out| record.encode_into(out));
    broker.append(vec![(at, batch)]).await?.await?;
    Ok(version)
}

/// The list of that version.
pub async fn load(broker: &dyn Broker, version: u64) -> Result<CoinList, Error> {
    let record = load_record(broker, version).await?;
    let coins = record.coins.into_iter().map(coin).collect();
    Ok(CoinList { version, as_of: record.as_of, coins })
}

async fn load_record(broker: &dyn Broker, version: u64) -> Result<CoinListRecord, Error> {
    let at = TopicPartition::new(topics::COIN_LISTS, 0);
    let missing = || Error::CoinList { version, reason: "it is not on topic coin-lists".into() };
    let offset = version.checked_sub(1).ok_or_else(missing)?;
    let batches = broker.read(&at, offset, 1).await?;
    let record = batches.first().and_then(|batch| batch.iter().next()).ok_or_else(missing)?;
    CoinListRecord::decode(record.value).map_err(|reason| Error::Unreadable { at, offset, reason })
}

fn listed(coin: &Coin) -> ListedCoin {
    ListedCoin { id: coin.id.clone(), symbol: coin.symbol.clone(), name: coin.name.clone(), rank: coin.rank }
}

fn coin(listed: ListedCoin) -> Coin {
    Coin { id: listed.id, symbol: listed.symbol, name: listed.name, rank: listed.rank }
}
