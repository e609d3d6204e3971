//! `tickertape`: Telegram messages about crypto, each with its coin.
//!
//! The way of a message: [`pipeline`] wires import → log → attribution → log → Postgres and Parquet, each a crate
//! of its own; this binary only reads the command line and shows what came of it.

mod channels;
mod cli;
mod coins;
mod config;
mod data_dir;
mod db;
mod doctor;
mod explain;
mod pipeline;
mod progress;
mod summary;
mod table;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Command};

// Batches are allocated and freed across threads all the time, which this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Done, but some input could not be read; it was named.
const EXIT_INCOMPLETE: u8 = 3;
/// Stopped by a signal before the input was drained.
const EXIT_INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(cli.verbose);
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(dispatch(cli.command)));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => {
            let report = pipeline::run(&args).await?;
            summary::print(&report)?;
            Ok(match report.ending {
                summary::Ending::Drained => ExitCode::SUCCESS,
                summary::Ending::Incomplete => ExitCode::from(EXIT_INCOMPLETE),
                summary::Ending::Interrupted => ExitCode::from(EXIT_INTERRUPTED),
            })
        }
        Command::Explain(args) => explain::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Db(args) => db::run(&args).await.map(|()| ExitCode::SUCCESS),
        Command::Channels(args) => channels::run(&args).await.map(|()| ExitCode::SUCCESS),
        Command::Doctor(common) => doctor::run(&common).await,
        Command::DefaultConfig => {
            print_data(config::DEFAULTS);
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tickertape", &mut script);
            print_data(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Writes data to standard output; a reader that went away (`| head`) is not an error.
fn print_data(text: &str) {
    use std::io::Write;
    _ = std::io::stdout().write_all(text.as_bytes());
}

/// Logs go to standard error: standard output is data.
fn start_logging(verbose: u8) {
    let ours = ["warn", "info", "debug"][usize::from(verbose.min(2))];
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(format!("warn,tickertape={ours},tickertape_import={ours},tickertape_attributor={ours},tickertape_broker={ours},tickertape_sinks={ours}"))
    });
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
