//! Kills `tickertape run` and `tickertape up` with SIGKILL at random instants and starts one of them again until a
//! `run` has drained, as many times as asked; then checks that every input message is exactly once in Postgres and in
//! Parquet, and that both are byte-equal to what an undisturbed run leaves.
//!
//! Every disturbed run starts from a copy of one prepared data directory, so that what is drawn at random once (the
//! epochs of the topics) is the same in all of them.

#![allow(clippy::print_stdout, reason = "its figures are its output")]

mod input;
mod store;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;

/// Kill `tickertape run` and `up` at random instants until drained; check that nothing is lost or doubled.
#[derive(Parser)]
struct Args {
    /// How many times to drain the input under kills.
    #[arg(long, default_value_t = 10)]
    runs: u32,
    /// The `tickertape` binary.
    #[arg(long)]
    binary: PathBuf,
    /// A Telethon JSONL dump of one real channel, plain or gzip.
    #[arg(long)]
    input: PathBuf,
    /// Seed of the instants.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the directories of a run that failed here.
    #[arg(long, default_value = "crash-test-failed")]
    keep: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let expected = input::identities(&args.input)?;
    let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
    let tickertape = Tickertape { binary: args.binary, input: args.input };

    let prepared = scratch.path().join("prepared");
    tickertape.finish(&prepared, false)?;
    let calm = scratch.path().join("calm");
    store::copy(&prepared, &calm)?;
    let began = Instant::now();
    tickertape.finish(&calm, true)?;
    let calm_takes = began.elapsed();
    let wanted = store::Contents::read(&tickertape.binary, &calm)?;
    wanted.holds_exactly(&expected)?;
    println!(
        "undisturbed: {} messages and {} events in {:.2} s, each once in Postgres and once in Parquet ({} files)",
        expected.messages.len(),
        expected.events.len(),
        calm_takes.as_secs_f64(),
        wanted.parquet_files(),
    );

    let mut random = Random(args.seed);
    let mut kills = 0;
    for run in 1..=args.runs {
        let data = scratch.path().join("disturbed");
        store::copy(&prepared, &data)?;
        let killed = tickertape.drain_under_kills(&data, calm_takes, &mut random)?;
        kills += killed;
        let found = store::Contents::read(&tickertape.binary, &data)?;
        let checked = found.holds_exactly(&expected).and_then(|()| found.equals(&wanted));
        if let Err(error) = checked {
            store::copy(&data, &args.keep)?;
            return Err(error.context(format!(
                "run {run} of seed {} after {killed} kills; its data directory was kept in {}",
                args.seed,
                args.keep.display()
            )));
        }
        std::fs::remove_dir_all(&data)?;
        println!("run {run}/{}: {killed} kills, byte-equal", args.runs);
    }
    println!(
        "{} runs, {kills} kills: every message exactly once, byte-equal to the undisturbed run",
        args.runs
    );
    Ok(())
}

struct Tickertape {
    binary: PathBuf,
    input: PathBuf,
}

impl Tickertape {
    fn start(&self, what: &str, data: &Path, with_input: bool) -> Result<Child> {
        let mut command = Command::new(&self.binary);
        command.arg(what).arg("--data").arg(data).env_remove("DATABASE_URL");
        // A list refreshed midway would make another run of it.
        command.env("TICKERTAPE_COINS_REFRESH_HOURS", "0");
        if with_input {
            command.arg(&self.input);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().with_context(|| format!("cannot start {}", self.binary.display()))
    }

    fn finish(&self, data: &Path, with_input: bool) -> Result<()> {
        let status = self.start("run", data, with_input)?.wait()?;
        ensure!(status.success(), "an undisturbed run ended with {status}");
        Ok(())
    }

    /// Starts and kills until one start lives to its end; returns the number of kills.
    ///
    /// Instants are drawn from 0 to the length of a calm run, so every phase of it is hit; later starts have less
    /// to do and end sooner. Every other start, by the dice, is an `up`, which goes on for ever. After 20 kills the
    /// next start is left alone: progress is checked elsewhere.
    fn drain_under_kills(&self, data: &Path, calm: Duration, random: &mut Random) -> Result<u32> {
        for kills in 0..20 {
            let what = if random.fraction() < 0.5 { "up" } else { "run" };
            let mut child = self.start(what, data, true)?;
            let deadline = Instant::now() + calm.mul_f64(random.fraction());
            let ended = loop {
                if let Some(status) = child.try_wait()? {
                    break Some(status);
                }
                if Instant::now() >= deadline {
                    break None;
                }
                thread::sleep(Duration::from_micros(200));
            };
            match ended {
                Some(status) => {
                    ensure!(
                        what == "run" && status.success(),
                        "`{what}` after {kills} kills ended with {status}"
                    );
                    return Ok(kills);
                }
                None => {
                    child.kill().context("cannot kill")?;
                    child.wait()?;
                }
            }
        }
        self.finish(data, true)?;
        Ok(20)
    }
}

/// SplitMix64: small, seeded, good enough to choose instants.
struct Random(u64);

impl Random {
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
