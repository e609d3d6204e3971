//! The live producer: Telegram accounts to records.
//!
//! Each account has one [`Session`] file and one [`Connection`]; everything the account asks of Telegram goes through
//! the connection, which is where timeouts and waits are kept. A [`Producer`] follows the account's chats.

mod account;
mod backfill;
mod budget;
mod clock;
mod connection;
mod control;
mod convert;
mod coverage;
mod error;
mod gate;
mod ledger;
mod live;
mod outgoing;
mod producer;
mod progress;
mod ranges;
mod session;
mod tail;
mod updates;

pub use account::{Account, AccountError, masked_phone};
pub use backfill::FirstBackfill;
pub use budget::{Allowance, Used};
pub use clock::{Clock, system_clock};
pub use connection::{Connection, ConnectionOptions};
pub use control::{Control, ControlOptions};
pub use error::{Error, Result};
pub use gate::{Answer, GateButton, Question, recognise};
pub use producer::{Producer, ProducerOptions};
pub use progress::Progress;
pub use session::Session;
