//! The Postgres sink: one row a message, an event, a dead letter, in any PostgreSQL from 15 or the embedded one.
//!
//! What must never break: a position moves only in the transaction that writes the rows it covers. So a killed
//! process, a lost connection or a second sink can repeat work, but neither lose nor double a row.
//!
//! The way of a batch: [`sink`] reads it from the log, [`batch`] turns it into rows in the form of a binary COPY
//! ([`copy`]), [`transaction`] writes them. Rows go straight into their table; only a batch that may meet rows
//! already there goes through a staging table, which is several times slower.

mod batch;
mod copy;
mod database;
mod dead_letters;
#[cfg(feature = "embedded-postgres")]
mod embedded;
mod error;
mod events;
mod messages;
mod partitions;
mod position;
#[cfg(feature = "embedded-postgres")]
mod serve;
mod sink;
mod transaction;
mod url;

pub use database::{Database, Target};
pub use error::{Error, Result};
pub use sink::run;
