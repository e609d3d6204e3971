//! The control unit: coins on schedule, channels under control.
//!
//! It knows every account and every channel, decides what is followed and by whom, and tells the producers. The
//! decisions are pure functions in [`decide`]; [`relevance`] weighs what a link leads to; [`run`] reads the topics,
//! stores every decision together with the positions that caused it, and sends the instructions. `docs/manager.md`
//! has the states, the rules and the options.
//!
//! It never speaks to Telegram, and never sends what it has not stored.

mod activity;
pub mod coins;
pub mod decide;
mod error;
mod inbox;
mod lists;
mod options;
pub mod relevance;
mod run;
mod store;
pub mod wishes;

pub use error::Error;
pub use options::{Approve, Options, WhenInactive};
pub use run::{Clock, run, wall_clock};
pub use store::{
    ChannelPage, Standing, Step, channel, channel_page, load_accounts, load_channels, load_transitions,
    standing,
};
