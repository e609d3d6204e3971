//! Pure attribution: text to mentions to coin, and the parent chain.
//!
//! The rules are those of `docs/attribution.md`. This crate has no I/O, no clock and no threads, and builds for
//! `wasm32-unknown-unknown`: the same input always gives the same outcome, on every machine.
//!
//! ```
//! use tickertape_attribution::{Matcher, Options, Tally, Verdict};
//! use tickertape_coins::{CoinList, Rules};
//!
//! let matcher = Matcher::new(&CoinList::snapshot(), &Rules::builtin(), Options::default())?;
//! let mut mentions = Vec::new();
//! matcher.mentions("$ETH leads, ETH/BTC too; not so $SOL", &mut mentions);
//! let mut tally = Tally::new(&matcher);
//! let Verdict::Direct(coin) = tally.count(&mentions) else { panic!("ether has two, solana one") };
//! assert_eq!(matcher.coin_id(coin), "ethereum");
//! # Ok::<(), tickertape_attribution::Error>(())
//! ```

pub mod chain;
mod context;
mod error;
mod forms;
mod matcher;
mod mention;
mod pair;
mod text;
mod verdict;

pub use error::Error;
pub use matcher::{BareTickers, Matcher, Options};
pub use mention::{Candidate, Kind, Mention};
pub use verdict::{CoinCount, Tally, Verdict};
