//! The control loop against the loopback Telegram: instructions, reports, links, views and gates, under kills.
#![allow(clippy::unwrap_used, reason = "tests")]

mod instructions;
mod observing;
mod support;
