//! The Parquet sink on the embedded log and a real disk.

#![allow(clippy::print_stdout, reason = "a test says what it skipped and how often it killed")]

mod contents;
mod crash;
mod damage;
mod ranges;
mod readers;
mod support;
