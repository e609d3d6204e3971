//! The Parquet sink on the embedded log and a real disk.

mod contents;
mod crash;
mod damage;
mod ranges;
mod readers;
mod support;
