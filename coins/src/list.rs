//! The coin list: a numbered, dated, immutable snapshot of the coins in market-cap order.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::{Error, MarketsOptions};

/// One coin as plain facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coin {
    /// CoinGecko's slug, `bitcoin`: the only identifier that leaves the matcher.
    pub id: String,
    /// Its ticker as CoinGecko writes it, `btc`; may be empty.
    pub symbol: String,
    /// Its name, `Bitcoin`.
    pub name: String,
    /// Place by market capitalisation, counted from 1 over all coins, left-out stablecoins included.
    pub rank: u32,
}

/// The coins that messages are attributed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoinList {
    /// Which list this is: higher is newer. For a list read from CoinGecko, `as_of` in seconds since 1970.
    pub version: u64,
    /// The date the list is of, ISO 8601; empty when the source names none.
    pub as_of: String,
    /// In market-cap order, best first.
    pub coins: Vec<Coin>,
}

impl CoinList {
    /// The list that ships with the program: the fifty largest coins without stablecoins, as of its date.
    pub fn snapshot() -> Self {
        Self::from_snapshot(include_bytes!("../data/snapshot.json"))
            .expect("the embedded list is read by a test")
    }

    /// Reads a list from a file's bytes: CoinGecko's `/coins/markets` answer, or a list as this type serialises.
    pub fn from_bytes(bytes: &[u8], options: &MarketsOptions) -> Result<Self, Error> {
        let is_snapshot = serde_json::from_slice::<serde_json::Value>(bytes)
            .is_ok_and(|value| value.get("coins").is_some_and(serde_json::Value::is_array));
        if is_snapshot { Self::from_snapshot(bytes) } else { Self::from_markets(bytes, options) }
    }

    /// Reads a list as this type serialises it.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Rows {
            version: u64,
            as_of: String,
            coins: Vec<serde_json::Value>,
        }
        let rows: Rows = serde_json::from_slice(bytes).map_err(|error| Error::NotJson {
            reason: error.to_string(),
            begin: String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned(),
        })?;
        let mut coins = Vec::with_capacity(rows.coins.len());
        for (index, row) in rows.coins.into_iter().enumerate() {
            let id = row.get("id").and_then(serde_json::Value::as_str).map(str::to_owned);
            let coin = serde_json::from_value(row).map_err(|error| Error::Row {
                row: index + 1,
                id,
                problem: error.to_string(),
            })?;
            coins.push(coin);
        }
        Self::new(rows.version, rows.as_of, coins)
    }

    /// A list of these coins, normalised and in the order of their ranks.
    ///
    /// Symbols and names are trimmed, brought to NFC and freed of zero-width characters. An empty symbol or name is
    /// kept: such a coin merely has fewer forms.
    pub fn new(version: u64, as_of: String, mut coins: Vec<Coin>) -> Result<Self, Error> {
        let mut seen = HashSet::new();
        for (index, coin) in coins.iter_mut().enumerate() {
            coin.id = normalised(&coin.id);
            coin.symbol = normalised(&coin.symbol);
            coin.name = normalised(&coin.name);
            let problem = if coin.id.is_empty() {
                "the id is empty"
            } else if !seen.insert(coin.id.clone()) {
                "the id stands in an earlier row as well"
            } else {
                continue;
            };
            return Err(Error::Row {
                row: index + 1,
                id: Some(coin.id.clone()),
                problem: problem.to_owned(),
            });
        }
        if coins.is_empty() {
            return Err(Error::Empty { excluded: 0 });
        }
        coins.sort_by_key(|coin| coin.rank);
        Ok(Self { version, as_of, coins })
    }
}

/// Trimmed, NFC, without zero-width characters: no two spellings of a symbol may look alike.
pub(crate) fn normalised(text: &str) -> String {
    let visible = |c: &char| {
        !matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
            && !c.is_control()
    };
    text.chars().filter(visible).nfc().collect::<String>().trim().to_owned()
}
