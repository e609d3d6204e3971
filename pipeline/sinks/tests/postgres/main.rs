//! The Postgres sink against the embedded database and a real server, fed from a real log.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "tests")]
#![recursion_limit = "256"] // json! of a row with every column

mod deletions;
mod guarantees;
mod history;
mod kills;
mod opening;
mod records;
mod rows;
#[path = "../support/samples.rs"]
mod samples;
mod support;
