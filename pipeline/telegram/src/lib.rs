//! The live producer: Telegram accounts to records.
//!
//! Each account has one [`Session`] file and one [`Connection`]; everything the account asks of Telegram goes through
//! the connection, which is where timeouts and waits are kept. A [`Producer`] follows the account's chats, a
//! [`Control`] does what it is told; [`AtWork`] runs both.

mod account;
mod at_work;
mod backfill;
mod budget;
mod clock;
mod connection;
mod control;
mod convert;
mod coverage;
mod dialogs;
mod error;
mod gate;
mod ledger;
mod live;
mod outgoing;
mod posts;
mod producer;
mod progress;
mod ranges;
mod session;
mod sign_in;
mod standing;
mod tail;
mod updates;

pub use account::{Account, AccountError, masked_phone};
pub use at_work::AtWork;
pub use backfill::FirstBackfill;
pub use budget::{Allowance, Used};
pub use clock::{Clock, system_clock};
pub use connection::{Connection, ConnectionOptions};
pub use control::{Control, ControlOptions};
pub use error::{Error, Result};
pub use gate::{Answer, GateButton, Question as GateQuestion, recognise};
pub use producer::{Producer, ProducerOptions};
pub use progress::Progress;
pub use session::Session;
pub use sign_in::{Owner, Question, sign_in, sign_out};
pub use standing::{Followed, Standing};
