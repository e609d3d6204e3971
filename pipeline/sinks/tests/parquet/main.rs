//! The Parquet sink on the embedded log and a real disk.

#![recursion_limit = "256"] // json! of a row with every column
#![allow(clippy::print_stdout, reason = "a test says what it skipped and how often it killed")]

mod contents;
mod crash;
mod damage;
mod history;
mod ranges;
mod readers;
#[path = "../support/samples.rs"]
mod samples;
mod support;
