//! The producer against a Telegram on loopback, a real log and a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "tests")]

mod faults;
mod live;
mod support;
