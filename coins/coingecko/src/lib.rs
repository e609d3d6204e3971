//! CoinGecko over HTTP: the top coins by market cap, and why an answer was not taken.
//!
//! [`Client`] asks, waits and asks again; [`judge`] decides, without I/O, whether what came becomes the coin list.
//! Whatever goes wrong is a [`Reason`] that can be stored and shown; the list in force stays. The key of a plan is
//! never in a reason, in a log or in an address.

mod client;
mod judge;
mod reason;

pub use client::{Client, Fetched, Key, MOST_CALLS, MOST_COINS, Options};
pub use judge::{Answer, Judgement, judge};
pub use reason::Reason;
