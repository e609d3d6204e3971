//! The coin list: what counts as a coin, and by which words it goes.
//!
//! Two things live here, both plain data: a [`CoinList`], the numbered and dated snapshot of the coins in market-cap
//! order, and the [`Rules`], which say what else a coin is called, which of those words are ordinary ones, what a
//! pair is quoted in and what is a stablecoin. The data files are in `coins/data/`, embedded at build time.
//!
//! This crate never matches text (that is `tickertape-attribution`) and does no I/O: it reads bytes it is given.
//!
//! ```
//! let list = tickertape_coins::CoinList::snapshot();
//! assert_eq!(list.coins[0].id, "bitcoin");
//! ```

mod braces;
mod error;
mod list;
mod markets;
mod rules;

pub use error::Error;
pub use list::{Coin, CoinList};
pub use markets::{MarketsOptions, ids_of_markets};
pub use rules::{Alias, Caution, CoinRules, Quotes, Rules};
