//! A coin list as it came into force, on topic `coin-lists`: numbered, dated, never changed.

use serde::{Deserialize, Serialize};
use tickertape_coins::{Coin, CoinList};

/// One coin list. Key: empty. Its `version` is its offset on the topic plus 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoinListRecord {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u16,
    /// 1, 2, 3, …; every attributed record names the version that was in force.
    pub version: u64,
    /// The day or moment of the market data, ISO 8601.
    pub as_of: String,
    /// The coins in market-cap order.
    pub coins: Vec<ListedCoin>,
}

/// One coin of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedCoin {
    /// CoinGecko's slug, `bitcoin`.
    pub id: String,
    /// Ticker symbol, `btc`.
    pub symbol: String,
    /// Full name, `Bitcoin`.
    pub name: String,
    /// Rank by market cap among all coins, 1 first.
    pub rank: u32,
}

crate::record!(CoinListRecord, "coin list");

impl CoinListRecord {
    /// The list as the matcher takes it.
    pub fn into_list(self) -> CoinList {
        let coin =
            |coin: ListedCoin| Coin { id: coin.id, symbol: coin.symbol, name: coin.name, rank: coin.rank };
        CoinList {
            version: self.version,
            as_of: self.as_of,
            coins: self.coins.into_iter().map(coin).collect(),
        }
    }
}
