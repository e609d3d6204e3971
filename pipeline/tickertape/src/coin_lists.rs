//! `tickertape coins`: the list in force, a refresh from CoinGecko, what changed between two lists, and what came of
//! each refresh.
//!
//! Rows go to standard output, whatever else there is to say to standard error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tickertape_coins::{Coin, CoinList};
use tickertape_http::CoinDifference;
use tickertape_manager::coins::{self as lists, Options};
use tokio::sync::Notify;

use crate::cli::{CoinsArgs, CoinsCommand};
use crate::config::Config;
use crate::process::{Process, Unasked};
use crate::table;

pub(crate) async fn run(args: &CoinsArgs) -> Result<()> {
    let config = Config::load(args.common.config.as_deref())?;
    let process = Process::open(&args.common, Unasked::Newest).await.context(
        "the coin lists lie on the log; while `tickertape up` runs on an embedded one, it has it alone",
    )?;
    let outcome = answer(&process, &args.command, &config).await;
    process.close().await?;
    outcome
}

async fn answer(process: &Process, command: &CoinsCommand, config: &Config) -> Result<()> {
    let broker = &*process.stages.broker;
    match command {
        CoinsCommand::List { version } => {
            let list = match version {
                Some(version) => lists::load(broker, *version).await?,
                None => lists::newest(broker).await?.context("there is no coin list yet")?,
            };
            eprintln!("coin list {}: {} coins as of {}", list.version, list.coins.len(), list.as_of);
            print(&["rank", "id", "symbol", "name"], list.coins.iter().map(coin_cells).collect())
        }
        CoinsCommand::Diff { before, after } => {
            let (before, after) = (lists::load(broker, *before).await?, lists::load(broker, *after).await?);
            let rows = differences(&before, &after).into_iter().map(difference_cells).collect();
            print(&["change", "id", "symbol", "name", "before", "after"], rows)
        }
        CoinsCommand::Refresh => {
            let database = process.stages.opening.clone().await?;
            let refresh = lists::refresh(broker, database.pool(), &options(config)?).await?;
            match &refresh.reason {
                None => {
                    print(&["outcome", "version"], vec![vec![refresh.outcome, refresh.version.to_string()]])
                }
                Some(reason) => {
                    bail!("coin list {} stays in force: {}", refresh.version, table::escape(reason))
                }
            }
        }
        CoinsCommand::History { limit } => {
            let database = process.stages.opening.clone().await?;
            let clock = options(config)?.clock;
            let calls = lists::calls_of_month(database.pool(), clock()).await?;
            eprintln!("{calls} of {} calls made this month", config.coins.monthly_calls);
            let rows = lists::history(database.pool(), *limit).await?;
            let cells = |refresh: lists::Refresh| {
                let reason = refresh.reason.unwrap_or_default();
                vec![
                    moment(refresh.at),
                    refresh.outcome,
                    refresh.version.to_string(),
                    refresh.calls.to_string(),
                    reason,
                ]
            };
            let header = ["at", "outcome", "version", "calls", "reason"];
            print(&header, rows.into_iter().map(cells).collect())
        }
    }
}

/// How the list is kept fresh, by the configuration.
pub(crate) fn options(config: &Config) -> Result<Options> {
    let url = &config.coins.url;
    Ok(Options {
        coingecko: tickertape_coingecko::Options {
            url: (!url.is_empty()).then(|| url.clone()),
            key: config.coins.key()?,
            size: config.coins.size,
            ..Default::default()
        },
        every: Duration::from_secs(config.coins.refresh_hours.saturating_mul(3600)),
        budget: config.coins.monthly_calls,
        clock: tickertape_manager::wall_clock(),
        jitter: Arc::new(rand::random::<f64>),
        now: Arc::new(Notify::new()),
    })
}

/// What came, went, moved or was renamed, in the order of the newer list, then what went.
pub(crate) fn differences(before: &CoinList, after: &CoinList) -> Vec<CoinDifference> {
    let old: BTreeMap<&str, &Coin> = before.coins.iter().map(|coin| (coin.id.as_str(), coin)).collect();
    let new: BTreeMap<&str, &Coin> = after.coins.iter().map(|coin| (coin.id.as_str(), coin)).collect();
    let difference = |change: &str, coin: &Coin, before, after| CoinDifference {
        change: change.to_owned(),
        id: coin.id.clone(),
        symbol: coin.symbol.clone(),
        name: coin.name.clone(),
        before,
        after,
    };
    let mut found = Vec::new();
    for coin in &after.coins {
        let rank = Some(coin.rank);
        match old.get(coin.id.as_str()) {
            None => found.push(difference("added", coin, None, rank)),
            Some(was) if (&was.symbol, &was.name) != (&coin.symbol, &coin.name) => {
                found.push(difference("renamed", coin, Some(was.rank), rank));
            }
            Some(was) if was.rank != coin.rank => {
                found.push(difference("moved", coin, Some(was.rank), rank));
            }
            Some(_) => {}
        }
    }
    for coin in before.coins.iter().filter(|coin| !new.contains_key(coin.id.as_str())) {
        found.push(difference("removed", coin, Some(coin.rank), None));
    }
    found
}

fn difference_cells(found: CoinDifference) -> Vec<String> {
    let rank = |rank: Option<u32>| rank.map_or(String::new(), |rank| rank.to_string());
    vec![found.change, found.id, found.symbol, found.name, rank(found.before), rank(found.after)]
}

fn coin_cells(coin: &Coin) -> Vec<String> {
    vec![coin.rank.to_string(), coin.id.clone(), coin.symbol.clone(), coin.name.clone()]
}

/// A moment in Unix seconds as people read it, in UTC.
fn moment(at: i64) -> String {
    let (day, second) = (lists::day(at), at.rem_euclid(86_400));
    format!("{day} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

fn print(header: &[&str], rows: Vec<Vec<String>>) -> Result<()> {
    let header: Vec<_> = header.iter().map(|&name| name.to_owned()).collect();
    let rows: Vec<Vec<_>> = rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect();
    table::print(&header, &rows).or_else(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()), // `| head` has seen enough
        _ => Err(error.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_told_once() {
        let coin =
            |id: &str, name: &str, rank| Coin { id: id.into(), symbol: id.into(), name: name.into(), rank };
        let list = |coins| CoinList { version: 1, as_of: String::new(), coins };
        let before = list(vec![coin("a", "A", 1), coin("b", "B", 2), coin("c", "C", 3), coin("d", "D", 4)]);
        let after = list(vec![coin("a", "A", 1), coin("c", "C", 2), coin("d", "Dee", 4), coin("e", "E", 5)]);
        let told: Vec<_> = differences(&before, &after)
            .into_iter()
            .map(|found| format!("{} {}", found.change, found.id))
            .collect();
        assert_eq!(told, ["moved c", "renamed d", "added e", "removed b"]);
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn moments_are_utc() {
        assert_eq!(moment(1_767_225_599), "2025-12-31 23:59:59");
    }
}
