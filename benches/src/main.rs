//! `tickertape-bench`: every figure that the documentation quotes, each measured beside its yardstick in the same run.
//!
//! Machines are noisy, so a figure is a ratio wherever there is something to compare with, the rounds alternate,
//! and the median is quoted. Texts are real where the environment variable TICKERTAPE_SHARED names them.

#![allow(clippy::print_stdout, reason = "its figures are its output")]

mod attribution;
mod coin_swap;
mod end_to_end;
mod fluvio;
mod fluvio_pipeline;
mod fluvio_smartmodule;
mod fluvio_stored;
mod latency;
mod log;
mod matching;
mod parents;
mod parquet;
mod postgres;
mod stages;
mod workload;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure tickertape.
#[derive(Parser)]
struct Args {
    /// What to measure.
    figure: Figure,
    /// The `tickertape` binary, for the end-to-end figures.
    #[arg(long, default_value = "target/release/tickertape")]
    binary: PathBuf,
    /// How many records the Fluvio figures write.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Figure {
    /// Matching and counting beside a bare Aho-Corasick scan.
    Matching,
    /// Whole attribution, parents included.
    Attribution,
    /// The longest pause of attribution while its coin list is refreshed.
    CoinSwap,
    /// Memory and look-ups of the parent store.
    Parents,
    /// The embedded log.
    Log,
    /// The Postgres sink beside `psql \copy`.
    Postgres,
    /// The Parquet sink beside pyarrow.
    Parquet,
    /// `tickertape run` from exports to both stores.
    EndToEnd,
    /// Fluvio: what reaches both stores, in batches of any size, beside the bare client.
    FluvioBatches,
    /// Fluvio: the same while servers and stages are killed.
    FluvioKills,
    /// Fluvio: produce and consume beside the bare client.
    FluvioThroughput,
    /// The stages on a Fluvio cluster beside bare produce and consume and each sink alone.
    FluvioPipeline,
    /// Fluvio: the SmartModule on an SPU beside a plain stream and native code.
    FluvioSmartmodule,
    /// From append to visible in Postgres at 1,000 messages a second, on both engines.
    Latency,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    match args.figure {
        Figure::Matching => matching::run(),
        Figure::Attribution => attribution::run(),
        Figure::CoinSwap => tokio::runtime::Runtime::new()?.block_on(coin_swap::run())?,
        Figure::Parents => parents::run(),
        Figure::Log => log::run(),
        Figure::Postgres => tokio::runtime::Runtime::new()?.block_on(postgres::run()),
        Figure::Parquet => parquet::run(),
        Figure::EndToEnd => end_to_end::run(&args.binary)?,
        Figure::FluvioBatches => {
            tokio::runtime::Runtime::new()?.block_on(fluvio_stored::batches(&args.binary, args.records))?
        }
        Figure::FluvioKills => {
            tokio::runtime::Runtime::new()?.block_on(fluvio_stored::kills(&args.binary, args.records))?
        }
        Figure::FluvioThroughput => {
            tokio::runtime::Runtime::new()?.block_on(fluvio::throughput(args.records))
        }
        Figure::FluvioPipeline => tokio::runtime::Runtime::new()?.block_on(fluvio_pipeline::run())?,
        Figure::FluvioSmartmodule => {
            tokio::runtime::Runtime::new()?.block_on(fluvio_smartmodule::run(&args.binary))?;
        }
        Figure::Latency => tokio::runtime::Runtime::new()?.block_on(latency::run())?,
    }
    Ok(())
}
