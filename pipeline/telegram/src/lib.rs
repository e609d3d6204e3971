//! The live producer: Telegram accounts to records.
//!
//! Each account has one [`Session`] file and one [`Connection`]; everything the account asks of Telegram goes through
//! the connection, which is where timeouts and waits are kept. A [`Producer`] follows the account's chats.

mod backfill;
mod clock;
mod connection;
mod convert;
mod coverage;
mod error;
mod ledger;
mod live;
mod outgoing;
mod producer;
mod progress;
mod ranges;
mod session;
mod updates;

pub use backfill::FirstBackfill;
pub use clock::{Clock, system_clock};
pub use connection::{Connection, ConnectionOptions};
pub use error::{Error, Result};
pub use producer::{Producer, ProducerOptions};
pub use progress::Progress;
pub use session::Session;
