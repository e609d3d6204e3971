//! The coin list: kept fresh on a schedule, numbered on topic `coin-lists`, remembered in Postgres.

mod topic;

pub use topic::{load, newest, publish};

/// The coin list cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log failed.
    #[error(transparent)]
    Broker(#[from] tickertape_broker::Error),
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
