//! `tickertape run` from exports on disk to Postgres and Parquet, everything embedded, and ten times as much.
//!
//! Ten times the input is the same messages in ten times as many chats: repeats of one message would be dropped
//! and cost less than new ones.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

const COPIES: u64 = 10;

pub(crate) fn run(binary: &Path) -> Result<()> {
    let Some(volume) = crate::workload::shared("data/telegram/volume") else {
        println!("end to end: skipped, TICKERTAPE_SHARED names no volume set");
        return Ok(());
    };
    let scratch = tempfile::tempdir()?;
    let once = measure(binary, &volume, &scratch.path().join("once"))?;
    println!("end to end, volume set: {once}");

    let copies = scratch.path().join("input");
    multiply(&volume, &copies)?;
    let tenfold = measure(binary, &copies, &scratch.path().join("tenfold"))?;
    println!("end to end, {COPIES} times:  {tenfold}");
    println!(
        "end to end: {COPIES} times the input in {:.2} times the time at {:.2} of the peak memory",
        tenfold.took.as_secs_f64() / once.took.as_secs_f64(),
        tenfold.peak_kib as f64 / once.peak_kib as f64,
    );
    Ok(())
}

struct Measured {
    messages: u64,
    took: Duration,
    peak_kib: u64,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.took.as_secs_f64();
        let rate = self.messages as f64 / seconds;
        let mib = self.peak_kib / 1024;
        write!(f, "{} messages in {seconds:.2} s = {rate:.0} messages/s, peak {mib} MiB", self.messages)
    }
}

/// One whole process, from its start to its exit: what a user waits for.
fn measure(binary: &Path, input: &Path, data: &Path) -> Result<Measured> {
    let began = Instant::now();
    let mut child = Command::new(binary)
        .arg("run")
        .arg("--data")
        .arg(data)
        .arg(input)
        .env_remove("DATABASE_URL")
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let mut peak_kib = 0;
    let status = loop {
        // The high-water mark only rises, so the last look before the end is the peak.
        peak_kib = peak_kib.max(high_water_mark(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let took = began.elapsed();
    ensure!(status.success(), "run ended with {status}");
    let counted = Command::new(binary)
        .args(["db", "--data"])
        .arg(data)
        .args(["query", "SELECT count(*) FROM messages"])
        .env_remove("DATABASE_URL")
        .output()?;
    let answer = String::from_utf8(counted.stdout)?;
    let messages = answer.lines().nth(1).context("no count")?.trim().parse()?;
    Ok(Measured { messages, took, peak_kib })
}

/// Peak resident memory of a process in KiB, as Linux counts it.
fn high_water_mark(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Writes every dump of `volume` `COPIES` times, each time as another chat.
fn multiply(volume: &Path, into: &Path) -> Result<()> {
    fs::create_dir_all(into)?;
    let mut dumps: Vec<PathBuf> =
        fs::read_dir(volume)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    dumps.sort();
    for dump in &dumps {
        let name = dump.file_name().context("a file has a name")?.to_string_lossy().into_owned();
        let chat = name.split('.').next().context("named by chat")?.to_owned();
        let marker = format!("\"channel_id\": {chat}}}");
        for copy in 0..COPIES {
            let other = format!("\"channel_id\": {}}}", chat.parse::<u64>()? + copy * 10_000_000_000);
            let file = File::create(into.join(format!("{copy}-{name}")))?;
            let mut out = BufWriter::new(GzEncoder::new(file, Compression::fast()));
            for line in BufReader::new(MultiGzDecoder::new(BufReader::new(File::open(dump)?))).lines() {
                out.write_all(line?.replacen(&marker, &other, 1).as_bytes())?;
                out.write_all(b"\n")?;
            }
            out.into_inner().map_err(|error| error.into_error())?.finish()?;
        }
    }
    Ok(())
}
