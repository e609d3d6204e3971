//! The live producer: Telegram accounts to records.
//!
//! Each account has one [`Session`] file and one [`Connection`]; everything the account asks of Telegram goes through
//! the connection, which is where timeouts and waits are kept.

mod clock;
mod connection;
mod error;
mod session;

pub use clock::{Clock, system_clock};
pub use connection::{Connection, ConnectionOptions};
pub use error::{Error, Result};
pub use session::Session;
