//! A coin list as it came into force, on topic `coin-lists`: numbered, dated, never changed.

use serde::{Deserialize, Serialize};

use crate::{Error, check_schema};

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

impl CoinListRecord {
    /// Reads a record's value.
    pub fn decode(value: &[u8]) -> Result<Self, Error> {
        let list: Self =
            serde_json::from_slice(value).map_err(|source| Error::Json { what: "coin list", source })?;
        check_schema(list.schema)?;
        Ok(list)
    }

    /// Writes the record's value to the end of `out`.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self).expect("writing to memory cannot fail, and every key is a string");
    }
}
