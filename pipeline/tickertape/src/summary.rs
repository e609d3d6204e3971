//! What came of a run: the last thing a user sees, so it says what happened, where it lies and what to try next.

use std::io::{self, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Result;
use indicatif::HumanCount;

use crate::data_dir::DataDir;
use crate::process::Process;
use crate::table::escape;

const TOP_COINS: i64 = 10;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything that was given is stored.
    Drained,
    /// Everything readable is stored; some input was broken.
    Incomplete,
    /// A signal came first.
    Interrupted,
}

impl Ending {
    pub(crate) fn of(interrupted: bool, imported: &tickertape_import::Summary) -> Self {
        match (interrupted, imported.broken.is_empty()) {
            (true, _) => Self::Interrupted,
            (false, true) => Self::Drained,
            (false, false) => Self::Incomplete,
        }
    }
}

/// The figures of a run.
pub(crate) struct Report {
    pub(crate) ending: Ending,
    elapsed: Duration,
    imported: tickertape_import::Summary,
    attribution: Vec<(&'static str, u64)>,
    messages: u64,
    repeated: u64,
    revised: u64,
    dead_letters: u64,
    /// Coin and messages in the whole database, not of this run alone.
    top_coins: Vec<(String, i64)>,
    database_place: String,
    data: DataDir,
}

impl Report {
    pub(crate) async fn gather(
        process: &Process,
        imported: tickertape_import::Summary,
        elapsed: Duration,
        ending: Ending,
    ) -> Result<Self> {
        let attribution = &process.stages.counters.attribution;
        let database = process.stages.opening.clone().await?;
        let top_coins = sqlx::query_as(
            "SELECT coin_id, count(*) FROM messages WHERE coin_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $1",
        )
        .bind(TOP_COINS)
        .fetch_all(database.pool())
        .await?;
        Ok(Self {
            ending,
            elapsed,
            attribution: vec![
                ("direct", attribution.direct.load(Relaxed)),
                ("inherited", attribution.inherited.load(Relaxed)),
                ("tie", attribution.tie.load(Relaxed)),
                ("none", attribution.none.load(Relaxed)),
            ],
            messages: attribution.messages(),
            repeated: attribution.repeated.load(Relaxed),
            revised: attribution.revised.load(Relaxed),
            dead_letters: imported.appended.dead_letters + attribution.dead_letters.load(Relaxed),
            imported,
            top_coins,
            database_place: process.database_place.clone(),
            data: process.data.clone(),
        })
    }
}

/// Prints the report: the summary as data on standard output.
pub(crate) fn print(report: &Report) -> io::Result<()> {
    to_stdout(|out| write(out, report))
}

/// Prints what an import put on the log.
pub(crate) fn print_import(imported: &tickertape_import::Summary) -> io::Result<()> {
    to_stdout(|out| {
        let appended = &imported.appended;
        writeln!(
            out,
            "On the log: {} messages, {} events, {} dead letters; {} files read, {} already known",
            HumanCount(appended.messages),
            HumanCount(appended.events),
            HumanCount(appended.dead_letters),
            imported.imported,
            imported.already_imported
        )?;
        write_broken(out, imported)
    })
}

fn to_stdout(write: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>) -> io::Result<()> {
    match write(&mut io::stdout().lock()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let seconds = report.elapsed.as_secs_f64();
    let imported = &report.imported;
    match report.ending {
        Ending::Drained | Ending::Incomplete if report.messages == 0 && report.repeated == 0 => {
            writeln!(out, "Nothing new: everything given is already stored.")?;
        }
        Ending::Drained | Ending::Incomplete => {
            let rate = (report.messages as f64 / seconds) as u64;
            let messages = HumanCount(report.messages);
            writeln!(out, "{messages} messages in {seconds:.1} s, {} a second", HumanCount(rate))?;
        }
        Ending::Interrupted => {
            writeln!(
                out,
                "Interrupted after {} messages; run it again to go on.",
                HumanCount(report.messages)
            )?;
        }
    }
    let line = |out: &mut dyn Write, name: &str, text: String| writeln!(out, "  {name:<13} {text}");
    if report.messages > 0 {
        for &(basis, count) in &report.attribution {
            let share = 100.0 * count as f64 / report.messages as f64;
            line(out, basis, format!("{:>12}  {share:5.1} %", HumanCount(count).to_string()))?;
        }
    }
    for (name, count) in [
        ("events", imported.appended.events),
        ("revised", report.revised),
        ("repeated", report.repeated),
        ("dead letters", report.dead_letters),
    ] {
        if count > 0 || name == "dead letters" {
            line(out, name, format!("{:>12}", HumanCount(count).to_string()))?;
        }
    }
    if imported.already_imported > 0 {
        line(
            out,
            "files",
            format!("{} read, {} already known", imported.imported, imported.already_imported),
        )?;
    }
    if !report.top_coins.is_empty() {
        let most: Vec<_> = report
            .top_coins
            .iter()
            .map(|(coin, n)| format!("{} {}", escape(coin), HumanCount(*n as u64)))
            .collect();
        writeln!(out, "Most written about, of all that is stored:\n  {}", most.join(", "))?;
    }
    write_broken(out, imported)?;
    writeln!(out, "Database: {}", report.database_place)?;
    writeln!(out, "Archive:  {}", report.data.archive().display())?;
    let data = shell_words(&report.data);
    writeln!(out, "Next, try:")?;
    if report.dead_letters > 0 {
        writeln!(out, "  tickertape db{data} query 'SELECT reason, record FROM dead_letters LIMIT 5'")?;
    }
    writeln!(
        out,
        "  tickertape db{data} query \"SELECT date, text FROM messages WHERE coin_id = 'bitcoin' ORDER BY date DESC LIMIT 5\""
    )?;
    out.flush()
}

fn write_broken(out: &mut impl Write, imported: &tickertape_import::Summary) -> io::Result<()> {
    for broken in &imported.broken {
        writeln!(out, "Could not be read to its end: {}: {}", escape(&broken.path), escape(&broken.reason))?;
    }
    Ok(())
}

/// ` --data DIR` when it is not the default.
fn shell_words(data: &DataDir) -> String {
    let path = data.path().display().to_string();
    if path == "./tickertape-data" { String::new() } else { format!(" --data '{path}'") }
}
