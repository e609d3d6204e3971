//! The Postgres sink: one row a message and one a record of every other topic, in any PostgreSQL from 15 or the embedded one.
//!
//! What must never break: a position moves only in the transaction that writes the rows it covers. So a killed
//! process, a lost connection or a second sink can repeat work, but neither lose nor double a row.
//!
//! The way of a batch: [`sink`] reads it from the log, [`batch`] turns it into rows in the form of a binary COPY
//! ([`copy`]), [`transaction`] writes them. What a row holds is said in one file a table ([`table`]). Rows go straight into their table; only a batch that may meet rows
//! already there goes through a staging table, which is several times slower.

mod batch;
mod channels;
mod clients;
mod coin_lists;
mod copy;
mod database;
mod dead_letters;
mod deletions;
#[cfg(feature = "embedded-postgres")]
mod embedded;
mod error;
mod events;
mod instructions;
mod links;
mod messages;
mod partitions;
mod position;
#[cfg(feature = "embedded-postgres")]
mod serve;
mod sink;
mod table;
mod transaction;
mod url;
mod views;

use tickertape_records::topics;

/// The topics that have a table.
pub const TOPICS: [&str; 9] = [
    topics::ATTRIBUTED,
    topics::DEAD_LETTERS,
    topics::EVENTS,
    topics::LINKS,
    topics::CHANNELS,
    topics::CLIENTS,
    topics::VIEWS,
    topics::INSTRUCTIONS,
    topics::COIN_LISTS,
];

pub use database::{Database, Target};
pub use error::{Error, Result};
pub use sink::run;
