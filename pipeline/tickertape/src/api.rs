//! What the HTTP API shows and does: the same functions as the command line, over what this process has open.
//!
//! The embedded database has one connection, which the sinks need: each question is one statement, and none waits
//! for long.

mod figures;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use sqlx::PgPool;
use tickertape_http::{
    Account, ChannelDetails, Channels, ChannelsPage, Coin, CoinDifference, CoinHistory, CoinList,
    CoinRefresh, DeadLetters, Figures, Lag, Links, Page, Problem, Source, Step, Wish, WishOutcome,
};
use tickertape_manager::coins::{self as lists, Error as CoinsError};
use tickertape_manager::decide::{self, ChannelState, WishKind};
use tickertape_manager::{ChannelPage, Clock, Error as ManagerError};
use tokio::time::timeout;

use crate::config::Config;
use crate::stages::Stages;
use crate::{coin_lists, wishing};

/// How long a question waits for the database, which may be busy storing a batch.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the API is made of.
pub(crate) struct Api {
    stages: Arc<Stages>,
    config: Config,
    clock: Clock,
}

impl Api {
    pub(crate) fn new(stages: Arc<Stages>, config: Config) -> Self {
        Self { stages, config, clock: tickertape_manager::wall_clock() }
    }

    async fn pool(&self) -> Result<PgPool, Problem> {
        let opened = self.stages.opening.clone().await;
        let database = opened.map_err(|error| database_is_away(&error.to_string()))?;
        Ok(database.pool().clone())
    }

    /// Asks the database, for as long as a client waits.
    async fn ask<T, E: std::fmt::Display>(
        &self,
        question: impl AsyncFnOnce(PgPool) -> Result<T, E>,
    ) -> Result<T, Problem> {
        let asking = async {
            let pool = self.pool().await?;
            question(pool).await.map_err(|error| database_is_away(&error.to_string()))
        };
        timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(database_is_away("it is busy")))
    }
}

fn database_is_away(why: &str) -> Problem {
    Problem::unavailable(
        format!("the database does not answer: {why}"),
        "ask again; if it goes on, see /ready and the log of this process",
    )
}

fn coins_problem(error: CoinsError) -> Problem {
    let what = error.to_string();
    match error {
        CoinsError::NoSuchVersion { .. } => {
            Problem::not_found(what, "GET /coins shows the newest list, /coins/history the others")
        }
        CoinsError::Database(_) => database_is_away(&what),
        _ => Problem::unavailable(what, "ask again; if it goes on, see /ready and the log of this process"),
    }
}

#[async_trait]
impl Source for Api {
    async fn accounts(&self) -> Result<Vec<Account>, Problem> {
        let accounts = self.ask(async |pool| tickertape_manager::load_accounts(&pool).await).await?;
        Ok(accounts.into_iter().map(account).collect())
    }

    async fn channels(&self, page: &ChannelsPage) -> Result<Channels, Problem> {
        let named = page.state.iter().flat_map(|states| states.split(','));
        let states = named.map(|name| {
            ChannelState::from_name(name).ok_or_else(|| {
                let all = ChannelState::ALL.map(ChannelState::name).join(", ");
                Problem::bad_request(format!("{name:?} is no state of a channel"), format!("there are {all}"))
            })
        });
        let asked = ChannelPage {
            states: states.collect::<Result<_, _>>()?,
            pending: page.pending.then_some(self.config.manager.min_sightings),
            after: page.after.unwrap_or(0),
            limit: page.limit + 1,
        };
        let found = self.ask(async |pool| tickertape_manager::channel_page(&pool, &asked).await).await?;
        let (found, next) = tables::page(found, page.limit, |channel| channel.number);
        Ok(Channels { channels: found.into_iter().map(channel).collect(), next })
    }

    async fn channel(&self, name: &str) -> Result<ChannelDetails, Problem> {
        let target = tickertape_manager::wishes::target(name).map_err(not_a_channel)?;
        let found = self.ask(async |pool| tickertape_manager::channel(&pool, &target).await).await?;
        let found = found.ok_or_else(|| {
            Problem::not_found(format!("{name:?} is not known"), "POST /channels/add has it followed")
        })?;
        let number = found.number;
        let steps = self.ask(async |pool| tickertape_manager::load_transitions(&pool, number).await).await?;
        let steps = steps.into_iter().map(|step| Step {
            at: step.at,
            from: step.from,
            to: step.to,
            reason: step.reason,
            account: step.account,
        });
        Ok(ChannelDetails { channel: channel(found), steps: steps.collect() })
    }

    async fn wish(&self, wish: Wish, channels: &[String]) -> Result<Vec<WishOutcome>, Problem> {
        let targets = wishing::targets(channels).map_err(not_a_channel)?;
        let kind = match wish {
            Wish::Add => WishKind::Add,
            Wish::Remove => WishKind::Remove,
            Wish::Approve => WishKind::Approve,
            Wish::Reject => WishKind::Reject,
        };
        let wishing =
            self.ask(async |pool| wishing::wish(&pool, kind, targets, wishing::PATIENCE).await).await?;
        Ok(wishing.into_iter().map(|(channel, outcome)| WishOutcome { channel, outcome }).collect())
    }

    async fn links(&self, page: &Page) -> Result<Links, Problem> {
        let after = tables::link_key(page.after.as_deref())?;
        self.ask(async |pool| tables::links(&pool, after, page.limit).await).await
    }

    async fn coin_list(&self, version: Option<u64>) -> Result<CoinList, Problem> {
        let broker = &*self.stages.broker;
        let list = match version {
            Some(version) => lists::load(broker, version).await.map_err(coins_problem)?,
            None => lists::newest(broker).await.map_err(coins_problem)?.ok_or_else(|| {
                Problem::not_found("there is no coin list yet", "POST /coins/refresh, or start attribution")
            })?,
        };
        let coins = list.coins.into_iter().map(|coin| Coin {
            rank: coin.rank,
            id: coin.id,
            symbol: coin.symbol,
            name: coin.name,
        });
        Ok(CoinList { version: list.version, as_of: list.as_of, coins: coins.collect() })
    }

    async fn coin_history(&self, limit: u32) -> Result<CoinHistory, Problem> {
        let now = (self.clock)();
        let (calls_this_month, refreshes) = self
            .ask(async |pool| {
                let calls = lists::calls_of_month(&pool, now).await?;
                Ok::<_, CoinsError>((calls, lists::history(&pool, limit).await?))
            })
            .await?;
        let monthly_calls = self.config.coins.monthly_calls;
        let refreshes = refreshes.into_iter().map(refresh).collect();
        Ok(CoinHistory { calls_this_month, monthly_calls, refreshes })
    }

    async fn coin_differences(&self, before: u64, after: u64) -> Result<Vec<CoinDifference>, Problem> {
        let broker = &*self.stages.broker;
        let before = lists::load(broker, before).await.map_err(coins_problem)?;
        let after = lists::load(broker, after).await.map_err(coins_problem)?;
        Ok(coin_lists::differences(&before, &after))
    }

    async fn refresh_coins(&self) -> Result<CoinRefresh, Problem> {
        let options = coin_lists::options(&self.config).map_err(|error| {
            Problem::unavailable(format!("{error:#}"), "mend the configuration and start this process again")
        })?;
        let pool = self.pool().await?;
        let refreshed = lists::refresh(&*self.stages.broker, &pool, &options).await;
        refreshed.map(refresh).map_err(coins_problem)
    }

    async fn lag(&self) -> Result<Vec<Lag>, Problem> {
        let manager = self.standing().await.map(|standing| standing.positions).unwrap_or_default();
        self.lag_with(&manager).await.map_err(|error| {
            Problem::unavailable(
                format!("the log does not answer: {error}"),
                "ask again; if it goes on, see /ready and the log of this process",
            )
        })
    }

    async fn dead_letters(&self, page: &Page) -> Result<DeadLetters, Problem> {
        let after = page.after.as_deref().unwrap_or_default();
        self.ask(async |pool| tables::dead_letters(&pool, after, page.limit).await).await
    }

    async fn figures(&self) -> Figures {
        self.count().await
    }
}

fn not_a_channel(error: ManagerError) -> Problem {
    Problem::bad_request(error.to_string(), "name it by @name, a link or a chat id")
}

fn account(account: decide::Account) -> Account {
    Account {
        label: account.label,
        state: account.state.name().to_owned(),
        reason: account.reason,
        working: account.working,
        premium: account.premium,
        dialogs: account.dialogs,
        chats: account.chats.len() as u64,
        joins_today: account.joins_today,
        last_seen: account.last_seen,
        limited_until: account.limited_until,
    }
}

fn channel(channel: decide::Channel) -> tickertape_http::Channel {
    let verdict = channel.verdict;
    tickertape_http::Channel {
        number: channel.number,
        chat_id: channel.chat_id,
        links: channel.links,
        state: channel.state.name().to_owned(),
        since: channel.since,
        reason: channel.reason,
        account: channel.owner,
        username: channel.username,
        title: channel.title,
        about: channel.about,
        participants: channel.participants,
        score: verdict.as_ref().map(|verdict| verdict.score),
        language: verdict.as_ref().and_then(|verdict| verdict.language.clone()),
        score_reasons: verdict.map(|verdict| verdict.reasons).unwrap_or_default(),
        last_message_at: channel.last_message_at,
    }
}

fn refresh(refresh: lists::Refresh) -> CoinRefresh {
    CoinRefresh {
        at: refresh.at,
        outcome: refresh.outcome,
        reason: refresh.reason,
        version: refresh.version,
        calls: refresh.calls,
    }
}
