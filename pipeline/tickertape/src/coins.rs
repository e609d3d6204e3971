//! Which coin list to use.

use std::path::Path;

use anyhow::{Context, Result};
use tickertape_coins::{CoinList, MarketsOptions};

use crate::config::Config;

/// The list from `--coins`, else from the configuration, else the checked-in one.
pub(crate) fn load(flag: Option<&Path>, config: &Config) -> Result<CoinList> {
    let Some(path) = flag.map(Path::to_owned).or_else(|| config.coins_file()) else {
        return Ok(CoinList::snapshot());
    };
    let bytes =
        std::fs::read(&path).with_context(|| format!("cannot read the coin list {}", path.display()))?;
    let options = MarketsOptions { size: config.coins.size, ..MarketsOptions::default() };
    CoinList::from_bytes(&bytes, &options).with_context(|| format!("in the coin list {}", path.display()))
}
