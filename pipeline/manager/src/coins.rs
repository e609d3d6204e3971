//! The coin list: kept fresh on a schedule, numbered on topic `coin-lists`, remembered in Postgres.
//!
//! The topic is the truth. A list goes onto it first and into Postgres after; a process killed in between leaves the
//! rest to the next refresh or start. Whatever goes wrong with CoinGecko, the list in force stays, and the reason is
//! stored.

mod refresh;
mod schedule;
mod store;
mod topic;

pub use refresh::{Options, refresh, run};
pub use schedule::day;
pub(crate) use schedule::month;
pub use store::{Refresh, calls_of_month, history};
pub use topic::{load, newest, publish};

/// The coin list cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log failed.
    #[error(transparent)]
    Broker(#[from] tickertape_broker::Error),
    /// The database failed.
    #[error("the coin lists in the database cannot be read or written: {0}")]
    Database(#[from] sqlx::Error),
    /// The options make no client.
    #[error("CoinGecko cannot be asked: {0}")]
    Client(tickertape_coingecko::Reason),
    /// No list of that number.
    #[error("there is no coin list {version}; the newest is {newest}")]
    NoSuchVersion {
        /// The one asked for.
        version: u64,
        /// The newest there is; 0 when there is none.
        newest: u64,
    },
    /// A record on the topic cannot be read back.
    #[error("coin list {version} cannot be read back: {reason}")]
    Unreadable {
        /// Its version.
        version: u64,
        /// What is wrong with it.
        reason: tickertape_records::Error,
    },
}
