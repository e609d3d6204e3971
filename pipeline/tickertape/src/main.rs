//! `tickertape`: Telegram messages about crypto, each with its coin.
//!
//! The way of a message: [`pipeline`] wires import → log → attribution → log → Postgres and Parquet, each a crate
//! of its own; this binary only reads the command line and shows what came of it.

mod accounts;
mod api;
mod channels;
mod cli;
mod coin_lists;
mod coins;
mod config;
mod data_dir;
mod db;
#[cfg(test)]
mod deployment;
mod doctor;
mod engine;
mod explain;
mod following;
mod lease;
mod log_copy;
mod logging;
mod login;
mod partitions;
mod pipeline;
mod process;
mod progress;
mod serve;
mod signals;
mod smartmodule;
mod stages;
mod summary;
mod table;
mod wishing;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command, LogCommand, SinkCommand};
use crate::stages::Role;

// Batches are allocated and freed across threads all the time, which this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Done, but some input could not be read; it was named.
const EXIT_INCOMPLETE: u8 = 3;
/// Stopped by a signal before the input was drained.
const EXIT_INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(cli.log_format, cli.verbose);
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
            Ok(report.ending.into())
        }
        Command::Import(args) => serve::import(&args).await.map(ExitCode::from),
        Command::Attribute(args) => serve::role(Role::Attribute, &args).await.map(|()| ExitCode::SUCCESS),
        Command::Sink(args) => {
            let (role, args) = match &args.command {
                SinkCommand::Postgres(args) => (Role::Postgres, args),
                SinkCommand::Parquet(args) => (Role::Parquet, args),
            };
            serve::role(role, args).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Manage(args) => serve::role(Role::Manage, &args).await.map(|()| ExitCode::SUCCESS),
        Command::Telegram(args) => serve::telegram(&args).await.map(|()| ExitCode::SUCCESS),
        Command::Login(args) => login::login(&args).await.map(|()| ExitCode::SUCCESS),
        Command::Logout(args) => login::logout(&args).await.map(|()| ExitCode::SUCCESS),
        Command::Accounts(args) => accounts::run(&args).await.map(|()| ExitCode::SUCCESS),
        Command::Up(args) => serve::up(&args).await.map(|()| ExitCode::SUCCESS),
        Command::Explain(args) => explain::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Db(args) => db::run(&args).await.map(|()| ExitCode::SUCCESS),
        Command::Coins(args) => coin_lists::run(&args).await.map(|()| ExitCode::SUCCESS),
        Command::Log(args) => match args.command {
            LogCommand::Copy => log_copy::run(&args.common).await.map(|()| ExitCode::SUCCESS),
        },
        Command::SmartModule(args) => smartmodule::run(&args).await.map(|()| ExitCode::SUCCESS),
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

impl From<summary::Ending> for ExitCode {
    fn from(ending: summary::Ending) -> Self {
        match ending {
            summary::Ending::Drained => Self::SUCCESS,
            summary::Ending::Incomplete => Self::from(EXIT_INCOMPLETE),
            summary::Ending::Interrupted => Self::from(EXIT_INTERRUPTED),
        }
    }
}
