//! Asking CoinGecko, now or on a schedule, and keeping what came of it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tickertape_broker::{Broker, Phase};
use tickertape_coingecko::{self as coingecko, Answer, Client, Judgement, MOST_CALLS, Reason};
use tickertape_coins::{CoinList, Rules};
use tokio::sync::{Mutex, Notify, watch};
use tracing::{info, warn};

use super::store::{self, Refresh};
use super::{Error, schedule, topic};
use crate::Clock;

/// How long to wait for a database that is away before the refresh is tried again.
const PAUSE: Duration = Duration::from_secs(60);

/// How the list is kept fresh.
#[derive(Clone)]
pub struct Options {
    /// How CoinGecko is asked.
    pub coingecko: coingecko::Options,
    /// Time between refreshes; up to a tenth is added by chance.
    pub every: Duration,
    /// Calls a month.
    pub budget: u64,
    /// Tells the time.
    pub clock: Clock,
    /// Chance in 0..1, for the schedule.
    pub jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// Refreshes at once when notified.
    pub now: Arc<Notify>,
}

/// Refreshes the list until told to stop.
///
/// A database that is away is waited for; what is wrong with the log ends it.
pub async fn run(
    broker: Arc<dyn Broker>,
    pool: PgPool,
    options: Options,
    mut phase: watch::Receiver<Phase>,
) -> Result<(), Error> {
    let working = async {
        loop {
            match keep(&*broker, &pool, &options).await {
                Err(Error::Database(error)) => {
                    warn!(%error, "the coin list is not refreshed: the database is away");
                    tokio::time::sleep(PAUSE).await;
                }
                other => return other,
            }
        }
    };
    tokio::select! {
        ended = working => ended,
        _ = phase.wait_for(|phase| *phase != Phase::Running) => Ok(()),
    }
}

async fn keep(broker: &dyn Broker, pool: &PgPool, options: &Options) -> Result<(), Error> {
    in_force(broker).await?;
    store::copy_lists(broker, pool).await?;
    loop {
        let last = store::history(pool, 1).await?.first().map(|refresh| refresh.at);
        let every = options.every.as_secs().min(i64::MAX as u64) as i64;
        let wait = schedule::wait(last, (options.clock)(), every, (options.jitter)());
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(wait.unsigned_abs())) => {}
            () = options.now.notified() => {}
        }
        refresh(broker, pool, options).await?;
    }
}

/// Two refreshes of one process at once would both publish the next version.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Asks CoinGecko once, puts a changed list in force, and stores what came of it.
pub async fn refresh(broker: &dyn Broker, pool: &PgPool, options: &Options) -> Result<Refresh, Error> {
    let _alone = ONE_AT_A_TIME.lock().await;
    let client = Client::new(options.coingecko.clone()).map_err(Error::Client)?;
    let in_force = in_force(broker).await?;
    let at = (options.clock)();
    let month = schedule::month(at);

    let (mut calls, mut reserved) = (0, 0);
    let judgement = if store::take_calls(pool, &month, MOST_CALLS, options.budget).await? {
        reserved = MOST_CALLS;
        match client.fetch(&mut calls).await {
            Ok(fetched) => {
                let answer = Answer { markets: &fetched.markets, stablecoins: &fetched.stablecoins };
                let known = Rules::builtin().stablecoins;
                coingecko::judge(&in_force, answer, options.coingecko.size, &known)
            }
            Err(reason) => Judgement::Keep(reason),
        }
    } else {
        Judgement::Keep(Reason::OverBudget { budget: options.budget })
    };

    let (version, outcome, reason) = match judgement {
        Judgement::Accept(list) => {
            let version = topic::publish(broker, &list).await?;
            let outcome = if version == in_force.version { "unchanged" } else { "changed" };
            info!(version, outcome, "the coin list was refreshed");
            (version, outcome, None)
        }
        Judgement::Keep(reason) => {
            warn!(%reason, version = in_force.version, as_of = in_force.as_of, "the coin list in force stays");
            (in_force.version, reason.name(), Some(reason.to_string()))
        }
    };
    store::copy_lists(broker, pool).await?;
    let refresh = Refresh { at, outcome: outcome.to_owned(), reason, version, calls };
    store::note(pool, &refresh, &month, reserved.saturating_sub(calls)).await?;
    Ok(refresh)
}

/// The newest list; before there is any, the checked-in one, which is published.
async fn in_force(broker: &dyn Broker) -> Result<CoinList, Error> {
    if let Some(list) = topic::newest(broker).await? {
        return Ok(list);
    }
    let list = CoinList::snapshot();
    warn!(
        as_of = list.as_of,
        "no coin list was ever published; going on with the one that came with the program"
    );
    let version = topic::publish(broker, &list).await?;
    Ok(CoinList { version, ..list })
}
