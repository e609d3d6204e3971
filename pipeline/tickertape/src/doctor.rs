//! `tickertape doctor`: what is configured, reachable and writable, and how to mend what is not.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tickertape_broker::{Broker, Embedded, TopicPartition};
use tickertape_sinks::postgres::Database;

use crate::cli::Common;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::{coins, db};

/// Checks everything, also after something failed; exit code 1 when anything did.
pub(crate) async fn run(common: &Common) -> Result<ExitCode> {
    let mut findings = Findings::default();
    let config = match Config::load(common.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            findings.bad("configuration", &error);
            return Ok(findings.end());
        }
    };
    let file =
        common.config.as_ref().map_or("built-in defaults".to_owned(), |path| path.display().to_string());
    findings.good("configuration", &file);

    match coins::load(common.coins.as_deref(), &config) {
        Ok(list) => findings.good("coin list", &format!("{} coins as of {}", list.coins.len(), list.as_of)),
        Err(error) => findings.bad("coin list", &error),
    }

    let data = DataDir::new(&common.data);
    match writable(data.path()) {
        Ok(()) => findings.good("data directory", &format!("{} is writable", data.path().display())),
        Err(error) => findings.bad("data directory", &error),
    }
    match log(&data).await {
        Ok(found) => findings.good("log", &found),
        Err(error) => findings.bad("log", &error),
    }
    match database(&config, &data).await {
        Ok(found) => findings.good("database", &found),
        Err(error) => findings.bad("database", &error),
    }
    Ok(findings.end())
}

#[derive(Default)]
struct Findings {
    failed: bool,
}

impl Findings {
    fn good(&self, what: &str, found: &str) {
        crate::print_data(&format!("ok    {what:<15} {found}\n"));
    }

    fn bad(&mut self, what: &str, error: &anyhow::Error) {
        self.failed = true;
        crate::print_data(&format!("FAIL  {what:<15} {error:#}\n"));
    }

    fn end(&self) -> ExitCode {
        if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

fn writable(directory: &Path) -> Result<()> {
    let mend = || {
        format!(
            "{} cannot be written; mend its permissions or choose another with --data",
            directory.display()
        )
    };
    fs::create_dir_all(directory).with_context(mend)?;
    let probe = directory.join(".doctor");
    fs::write(&probe, b"probe").with_context(mend)?;
    fs::remove_file(&probe).with_context(mend)
}

async fn log(data: &DataDir) -> Result<String> {
    let broker = Embedded::open(&data.log())?;
    let mut records = 0;
    let topics = broker.topics().await?;
    for topic in &topics {
        for partition in 0..topic.partitions {
            let bounds = broker.bounds(&TopicPartition::new(&topic.name, partition)).await?;
            records += bounds.end - bounds.start;
        }
    }
    Ok(format!("{} with {} topics, {records} records", data.log().display(), topics.len()))
}

async fn database(config: &Config, data: &DataDir) -> Result<String> {
    let target = db::target(config, data)?;
    let place = target.to_string();
    let database = Database::open(target).await?;
    let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(database.pool()).await?;
    let messages: i64 =
        sqlx::query_scalar("SELECT count(*) FROM messages").fetch_one(database.pool()).await?;
    let found = format!("{place}, version {version}, {messages} messages");
    database.close().await?;
    Ok(found)
}
