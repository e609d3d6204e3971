//! The accounts of this process, each followed until told to stop.
//!
//! An account that fails is reported and tried again; it never stops the others, and nothing here returns an error for
//! it. Which accounts are followed here and which elsewhere is the lease's affair.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::HumanCount;
use tickertape_broker::{Broker, Phase};
use tickertape_telegram::{
    Account, AtWork, Connection, ControlOptions, FirstBackfill, ProducerOptions, Progress, Session,
    system_clock,
};
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep};

use crate::data_dir::DataDir;
use crate::login::environment;
use crate::signals::stopping;
use crate::stages::Opening;

/// Said where there is none.
pub(crate) const NONE: &str = "no Telegram account is configured; `tickertape default-config` shows how, `tickertape login` signs one in";
/// How long to wait before an account that failed is tried again; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How often a session file is looked for after it was not signed in.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often progress is looked at, and how often at most it is told while an account catches up.
const TICK: Duration = Duration::from_millis(500);
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The accounts of this configuration.
pub(crate) struct Accounts {
    by_key: BTreeMap<u32, Account>,
    data: DataDir,
    first: OnceLock<FirstBackfill>,
    /// How each is, by its label.
    said: Mutex<BTreeMap<String, String>>,
}

impl Accounts {
    /// # Errors
    /// When two labels have the same key.
    pub(crate) fn new(accounts: &[Account], data: &DataDir) -> Result<Self> {
        let mut by_key = BTreeMap::new();
        for account in accounts {
            if let Some(other) = by_key.insert(key(&account.label), account.clone()) {
                anyhow::bail!(
                    "accounts {:?} and {:?} cannot be told apart; rename one",
                    other.label,
                    account.label
                );
            }
        }
        Ok(Self { by_key, data: data.clone(), first: OnceLock::new(), said: Mutex::default() })
    }

    /// How much history is read of a chat that was never followed before.
    pub(crate) fn bound(&self, first: FirstBackfill) {
        _ = self.first.set(first);
    }

    /// The numbers under which they are leased.
    pub(crate) fn keys(&self) -> BTreeSet<u32> {
        self.by_key.keys().copied().collect()
    }

    /// How each account that is followed here is.
    pub(crate) fn said(&self) -> BTreeMap<String, String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Follows one until told to stop.
    pub(crate) async fn follow(
        &self,
        key: u32,
        broker: Arc<dyn Broker>,
        opening: Opening,
        phase: watch::Receiver<Phase>,
    ) -> Result<()> {
        let account = self.by_key.get(&key).context("there is no such account")?;
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            let waits = match self.signed_in(account) {
                Ok(Some(session)) => {
                    match self.at_work(account, session, &broker, &opening, phase.clone()).await {
                        Ok(()) => return Ok(()),
                        Err(error) => {
                            pause = if began.elapsed() > LONGEST_PAUSE { FIRST_PAUSE } else { pause };
                            self.say(account, format!("failed, tried again in {pause:?}: {error:#}"));
                            let waits = pause;
                            pause = (pause * 2).min(LONGEST_PAUSE);
                            waits
                        }
                    }
                }
                Ok(None) => {
                    self.say(
                        account,
                        format!("not signed in; `tickertape login {}` does that", account.label),
                    );
                    LOOK_EVERY
                }
                Err(error) => {
                    self.say(account, format!("{error:#}"));
                    LOOK_EVERY
                }
            };
            tokio::select! {
                () = sleep(waits) => {}
                () = stopping(phase.clone()) => return Ok(()),
            }
        }
    }

    fn signed_in(&self, account: &Account) -> Result<Option<Session>> {
        let session = Session::open(account.session_file(&self.data.sessions()))?;
        Ok(session.is_signed_in().then_some(session))
    }

    async fn at_work(
        &self,
        account: &Account,
        session: Session,
        broker: &Arc<dyn Broker>,
        opening: &Opening,
        phase: watch::Receiver<Phase>,
    ) -> Result<()> {
        let options = account.connection(environment)?;
        let connection = Arc::new(Connection::open(Arc::new(session), options, system_clock()));
        let pool = opening.clone().await?.pool().clone();
        let producing = ProducerOptions {
            first: self.first.get().copied().unwrap_or_default(),
            ..ProducerOptions::default()
        };
        let work = AtWork::new(
            account.clone(),
            connection,
            broker.clone(),
            pool,
            system_clock(),
            producing,
            ControlOptions::default(),
        );
        tokio::select! {
            worked = work.run(phase) => Ok(worked?),
            never = self.tell(account, &work) => match never {},
        }
    }

    /// Tells how far the account is, whenever that changes.
    async fn tell(&self, account: &Account, work: &AtWork) -> Infallible {
        let (progress, mut tick) = (work.progress(), interval(TICK));
        let (mut told, mut at) = (String::new(), None::<Instant>);
        loop {
            tick.tick().await;
            let (now, catching_up) = how(&progress, work.is_gone());
            // While it catches up the numbers change all the time.
            let due = !catching_up || at.is_none_or(|at| at.elapsed() >= TELL_EVERY);
            if now != told && due {
                self.say(account, now.clone());
                (told, at) = (now, catching_up.then(Instant::now));
            }
        }
    }

    fn say(&self, account: &Account, text: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.get(&account.label) != Some(&text) {
            eprintln!("account {}: {text}", account.label);
            said.insert(account.label.clone(), text);
        }
    }
}

/// How an account is, and whether that is about to change by itself.
fn how(progress: &Progress, gone: bool) -> (String, bool) {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    if gone {
        return ("signed out or banned; the log says why".to_owned(), false);
    }
    if count(&progress.sweeps) == 0 {
        return ("connecting".to_owned(), false);
    }
    let (chats, behind, missing) =
        (count(&progress.chats), count(&progress.chats_behind), count(&progress.missing));
    let followed = format!("{} {} followed", HumanCount(chats), if chats == 1 { "chat" } else { "chats" });
    match behind {
        0 => (format!("{followed}, nothing is missing"), false),
        _ => (
            format!(
                "{followed}, {} messages of {} of them are still to be read",
                HumanCount(missing),
                HumanCount(behind)
            ),
            true,
        ),
    }
}

/// The number under which an account is leased: of its label alone, so that every process finds the same one. FNV-1a,
/// cut to the 31 bits that a lease has.
fn key(label: &str) -> u32 {
    let hash =
        label.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 31)) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_leases_an_account_under_the_same_number() {
        assert_eq!([key("alpha"), key("beta")], [1569418667, 797041862]); // whatever the version of the program
        let keys: BTreeSet<u32> = (0..10_000).map(|n| key(&format!("account-{n}"))).collect();
        assert!(keys.len() > 9_990 && keys.iter().all(|key| *key <= 0x7fff_ffff));
    }
}
