//! The live producer as a process of its own, against a Telegram on loopback in this one.
//!
//! - `storm` posts, edits and deletes, lets everything go wrong that can, and kills the producer with SIGKILL; then it
//!   compares what lies on the log with what Telegram holds. See [`storm`].
//! - `bench` measures from the push on the socket to the record on the topic, and the producer's memory. See [`bench`].

#![allow(clippy::print_stdout, reason = "its figures are its output")]

mod bench;
mod check;
mod producer;
mod random;
mod setting;
mod storm;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The producer under faults and kills, and its figures.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Kill the producer while Telegram goes wrong; check that nothing is lost or doubled.
    Storm(storm::StormArgs),
    /// Measure the way from the socket to the topic, and memory.
    Bench(bench::BenchArgs),
    /// What `storm` and `bench` start and kill.
    #[command(hide = true)]
    Producer {
        /// Holds the log and the session.
        folder: PathBuf,
        /// Tell how long each record took, and the memory.
        #[arg(long)]
        measure: bool,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    match Args::parse().command {
        Command::Storm(args) => storm::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Producer { folder, measure } => producer::run(&folder, measure).await,
    }
}
