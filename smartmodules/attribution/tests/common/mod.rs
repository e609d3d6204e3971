//! Shared by the tests: the folder of real data, which is not part of the repository, and matchers.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::PathBuf;

use tickertape_attribution::{Matcher, Options};
use tickertape_coins::{Coin, CoinList, MarketsOptions, Rules};

/// A file of the shared data, or none, said aloud, where it is absent.
pub(crate) fn shared(file: &str) -> Option<Vec<u8>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let folder = std::env::var_os("TICKERTAPE_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join(file);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(_) => {
            eprintln!("skipped: {} is absent (set TICKERTAPE_SHARED)", path.display());
            None
        }
    }
}

/// The matcher that the golden file and the vectors are meant for: the top 50 of 2 December 2021.
pub(crate) fn matcher_of_2021() -> Option<Matcher> {
    let bytes = shared("data/coingecko/markets-2021-12-02-top50.json")?;
    let list = CoinList::from_markets(&bytes, &MarketsOptions::default()).expect("a real list");
    Some(Matcher::new(&list, &Rules::builtin(), Options::default()).expect("builds"))
}

/// A coin list of (id, symbol, name), best first.
pub(crate) fn list(coins: &[(&str, &str, &str)]) -> CoinList {
    let coin = |(index, &(id, symbol, name)): (usize, &(&str, &str, &str))| Coin {
        id: id.into(),
        symbol: symbol.into(),
        name: name.into(),
        rank: index as u32 + 1,
    };
    CoinList::new(1, "2025-01-01".into(), coins.iter().enumerate().map(coin).collect()).expect("a list")
}

/// A matcher for these coins under the shipped rules.
pub(crate) fn matcher(coins: &[(&str, &str, &str)]) -> Matcher {
    Matcher::new(&list(coins), &Rules::builtin(), Options::default()).expect("builds")
}

/// The mentions of a text as `id id …`, in the order in which they stand.
pub(crate) fn ids(matcher: &Matcher, text: &str) -> String {
    let mut mentions = Vec::new();
    matcher.mentions(text, &mut mentions);
    mentions.iter().map(|mention| matcher.coin_id(mention.coin)).collect::<Vec<_>>().join(" ")
}
