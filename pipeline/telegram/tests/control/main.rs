//! The control loop against the loopback Telegram: instructions, reports, links, views and gates, under kills.

mod instructions;
mod observing;
mod support;
