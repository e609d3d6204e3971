//! `tickertape channels`: which channels are followed, which wait for a word, and what the user wishes.
//!
//! Wishes are rows of a table that the manager looks at, so they can be given whether it runs or not. Only the
//! embedded database can be open in one process at a time: while `up` runs on it, its HTTP API is the way.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result};
use tickertape_manager::decide::{Channel, ChannelState, Target, WishKind};
use tickertape_manager::{load_channels, load_transitions, wishes};
use tickertape_sinks::postgres::{Database, Target as Place};

use crate::cli::{ChannelsArgs, ChannelsCommand};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::{db, table, wishing};

pub(crate) async fn run(args: &ChannelsArgs) -> Result<()> {
    let config = Config::load(args.common.config.as_deref())?;
    let place = db::target(&config, &DataDir::new(&args.common.data))?;
    let embedded = matches!(place, Place::Embedded { .. });
    // Named before the database is opened: a slip costs nothing then.
    let wish = wish(&args.command)?;
    let database = Database::open(place).await.context(if embedded {
        "the embedded database is open in one process at a time: while `tickertape up` runs, use its HTTP API, or stop it"
    } else {
        "cannot open the database"
    })?;
    let outcome = answer(&database, args, &config, wish, embedded).await;
    database.close().await?;
    outcome
}

fn wish(command: &ChannelsCommand) -> Result<Option<(WishKind, Vec<Target>)>> {
    let (kind, texts) = match command {
        ChannelsCommand::List { .. } | ChannelsCommand::Pending | ChannelsCommand::Show { .. } => {
            return Ok(None);
        }
        ChannelsCommand::Add { channels } => (WishKind::Add, channels.clone()),
        ChannelsCommand::Remove { channels } => (WishKind::Remove, channels.clone()),
        ChannelsCommand::Approve { channels } => (WishKind::Approve, channels.clone()),
        ChannelsCommand::Reject { channels } => (WishKind::Reject, channels.clone()),
        ChannelsCommand::Import { file } => {
            let text = if file.as_os_str() == "-" {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
                text
            } else {
                std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
            };
            let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
            (WishKind::Add, lines.filter(|line| !line.is_empty()).map(str::to_owned).collect())
        }
    };
    Ok(Some((kind, wishing::targets(&texts)?)))
}

async fn answer(
    database: &Database,
    args: &ChannelsArgs,
    config: &Config,
    wish: Option<(WishKind, Vec<Target>)>,
    embedded: bool,
) -> Result<()> {
    let pool = database.pool();
    if let Some((kind, targets)) = wish {
        // On the embedded database no manager can run beside this.
        let patience = if embedded { Duration::ZERO } else { wishing::PATIENCE };
        for (named, outcome) in wishing::wish(pool, kind, targets, patience).await? {
            let outcome = outcome.unwrap_or_else(|| "noted; the manager takes it when it runs".to_owned());
            crate::print_data(&format!("{}: {}\n", table::escape(&named), table::escape(&outcome)));
        }
        return Ok(());
    }
    match &args.command {
        ChannelsCommand::Pending => {
            let discovered = load_channels(pool, &[ChannelState::Discovered]).await?;
            let pending: Vec<_> =
                discovered.iter().filter(|channel| channel.is_pending(&config.manager)).collect();
            let header = ["link", "score", "language", "participants", "title", "reasons"];
            table::show(&header, pending.iter().map(|channel| pending_row(channel)))
        }
        ChannelsCommand::Show { channel } => {
            let target = wishes::target(channel)?;
            let found = tickertape_manager::channel(pool, &target).await?;
            let channel = found.with_context(|| format!("{channel} is not known"))?;
            crate::print_data(&format!("{}\n", serde_json::to_string_pretty(&channel)?));
            let steps = load_transitions(pool, channel.number).await?;
            table::show(
                &["at", "from", "to", "account", "reason"],
                steps.into_iter().map(|step| {
                    vec![
                        Some(step.at.to_string()),
                        Some(step.from),
                        Some(step.to),
                        step.account,
                        Some(step.reason),
                    ]
                }),
            )
        }
        ChannelsCommand::List { state } => {
            let states = state.iter().map(|name| {
                ChannelState::from_name(name).with_context(|| {
                    let all = ChannelState::ALL.map(ChannelState::name).join(", ");
                    format!("{name:?} is no state of a channel; there are {all}")
                })
            });
            let channels = load_channels(pool, &states.collect::<Result<Vec<_>>>()?).await?;
            let header = ["link", "chat_id", "state", "account", "participants", "title", "reason"];
            table::show(&header, channels.iter().filter(|channel| channel.same_as.is_none()).map(row))
        }
        _ => Ok(()),
    }
}

fn row(channel: &Channel) -> Vec<Option<String>> {
    vec![
        channel.links.first().cloned(),
        channel.chat_id.map(|id| id.to_string()),
        Some(channel.state.name().into()),
        channel.owner.clone(),
        channel.participants.map(|count| count.to_string()),
        Some(channel.title.clone()),
        Some(channel.reason.clone()),
    ]
}

fn pending_row(channel: &Channel) -> Vec<Option<String>> {
    let verdict = channel.verdict.as_ref();
    vec![
        channel.links.first().cloned(),
        verdict.map(|verdict| format!("{:.2}", verdict.score)),
        verdict.and_then(|verdict| verdict.language.clone()),
        channel.participants.map(|count| count.to_string()),
        Some(channel.title.clone()),
        verdict.map(|verdict| verdict.reasons.join("; ")),
    ]
}
