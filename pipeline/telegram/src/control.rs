//! The producer's part of the control loop: instructions in; answers, reports, descriptions, links and views out.
//!
//! Two topics are followed: `instructions`, of which an account takes its own, and `messages`, of which it takes those
//! that it put there itself: their links, the posts whose views are to be counted, and gate questions. What has been
//! read, what follows from it and what is to be appended are written in one transaction, so a kill at any instant
//! repeats nothing and forgets nothing: see [`outbox`] for the way out and [`instructions`] for what Telegram was asked.
//!
//! It must never ask Telegram for what a budget does not allow, join only to look, or answer for another account.

mod act;
mod chats;
mod gates;
mod instructions;
mod links;
mod lookup;
mod observe;
mod outbox;
mod state;
mod store;
mod views;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use sqlx::PgPool;
use tickertape_broker::{Broker, Phase};
use tickertape_records::topics;
use tokio::sync::{Notify, watch};

use crate::account::Account;
use crate::clock::Clock;
use crate::connection::Connection;
use crate::error::{Error, Result};
pub(crate) use store::{Kind, Store};

/// How long what is being done may take after the account is told to stop. What is then cut off was begun, and the next
/// start asks Telegram whether it happened.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// How an account's control loop keeps time.
#[derive(Debug, Clone, Copy)]
pub struct ControlOptions {
    /// How often what is due is looked for.
    pub pace: Duration,
    /// Seconds between two reports of the account's state.
    pub report_every: i64,
    /// Seconds a link may wait for its preview before it goes out without.
    pub preview_patience: i64,
    /// Seconds for which what a link led to is believed.
    pub preview_fresh: i64,
}

impl Default for ControlOptions {
    fn default() -> Self {
        Self {
            pace: Duration::from_secs(1),
            report_every: 300,
            preview_patience: 600,
            preview_fresh: 30 * 86_400,
        }
    }
}

/// One account's control loop.
pub struct Control {
    account: Account,
    connection: Arc<Connection>,
    broker: Arc<dyn Broker>,
    store: Store,
    clock: Clock,
    options: ControlOptions,
    /// Something is to be appended.
    outgoing: Notify,
    /// An instruction is to be worked on.
    instructed: Notify,
    /// Held while the account comes into a chat or goes out of it, and while its chats are listed.
    membership: tokio::sync::Mutex<()>,
    /// Messages that may be gate questions: (chat, message).
    gates: Mutex<VecDeque<(i64, i64)>>,
    /// The account is signed out or banned.
    gone: AtomicBool,
    /// Whether it is premium and how many dialogs it has open, as Telegram said last.
    seen: Mutex<Option<(bool, u32)>>,
    /// Counts the chats joined and left.
    changes: watch::Sender<u64>,
}

impl Control {
    /// The control loop of an account that is signed in on this connection. The topics and the tables exist.
    pub fn new(
        account: Account,
        connection: Arc<Connection>,
        broker: Arc<dyn Broker>,
        pool: PgPool,
        clock: Clock,
        options: ControlOptions,
    ) -> Self {
        let store = Store::new(pool, account.label.clone());
        Self {
            account,
            connection,
            broker,
            store,
            clock,
            options,
            outgoing: Notify::new(),
            instructed: Notify::new(),
            membership: tokio::sync::Mutex::default(),
            gates: Mutex::default(),
            gone: AtomicBool::new(false),
            seen: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Counts how often the account came into a chat or went out of one: the list of dialogs is to be read again.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Obeys and reports until stopped. A signed-out or banned account goes on, to say so in its answers.
    pub async fn run(&self, phase: watch::Receiver<Phase>) -> Result<()> {
        self.resume_waits().await?;
        self.obey(phase).await
    }

    /// The same, once the waits of before were resumed.
    pub(crate) async fn obey(&self, phase: watch::Receiver<Phase>) -> Result<()> {
        self.store.take_over().await?;
        self.drain_outbox(true).await?;
        let stopped = Notify::new();
        let working = async {
            let working = async {
                tokio::try_join!(
                    self.read_instructions(phase.clone()),
                    self.work(phase.clone()),
                    self.observe(phase.clone()),
                    self.send_links(phase.clone()),
                    self.count_views(phase.clone()),
                    self.answer_gates(phase.clone()),
                    self.report_state(phase.clone()),
                    self.keep_waits(phase.clone()),
                )
                .map(drop)
            };
            let worked = tokio::select! {
                worked = working => worked,
                () = overdue(phase.clone()) => Ok(()),
            };
            stopped.notify_one();
            worked
        };
        // Never cut off between the log and the table: an append on its way could not be found on the log yet.
        tokio::try_join!(working, self.empty_outbox(&stopped)).map(drop)
    }

    /// Waits that Telegram asked for before a restart hold on.
    pub(crate) async fn resume_waits(&self) -> Result<()> {
        self.connection.keep_waiting(self.store.waits().await?);
        Ok(())
    }

    async fn keep_waits(&self, mut phase: watch::Receiver<Phase>) -> Result<()> {
        let mut asked = self.connection.waits_asked();
        while pause(&mut phase, asked.changed().map(drop)).await {
            self.store.keep_waits(&self.connection.open_waits()).await?;
        }
        Ok(())
    }

    /// Someone else met an error that ends the account.
    pub(crate) async fn ended(&self, error: Error) -> Result<()> {
        self.noticed(error).await.map(drop)
    }

    fn now(&self) -> i64 {
        (self.clock)()
    }

    fn label(&self) -> &str {
        &self.account.label
    }

    /// Whether the account is signed out or banned.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Notices an error that ends the account; gives it back.
    async fn noticed(&self, error: Error) -> Result<Error> {
        if error.is_account_gone() && !self.gone.swap(true, Ordering::Relaxed) {
            tracing::error!(account = self.label(), %error, "the account cannot work");
            self.report_gone(&error).await?;
        }
        Ok(error)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn gate_queue(&self) -> std::sync::MutexGuard<'_, VecDeque<(i64, i64)>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn partitions(&self, topic: &str) -> Result<u32> {
        Ok(self.broker.existing_topic(topic).await?.partitions)
    }

    /// Where a record about a chat belongs.
    async fn partition_of(&self, topic: &str, chat_id: i64) -> Result<u32> {
        Ok(topics::partition_of(chat_id, self.partitions(topic).await?))
    }
}

/// Resolves when stopping takes too long.
async fn overdue(mut phase: watch::Receiver<Phase>) {
    _ = phase.wait_for(|phase| *phase != Phase::Running).await;
    tokio::time::sleep(STOP_WITHIN).await;
}

/// Waits a while; false when it is time to stop.
async fn pause(phase: &mut watch::Receiver<Phase>, until: impl Future<Output = ()>) -> bool {
    if *phase.borrow_and_update() != Phase::Running {
        return false;
    }
    tokio::select! {
        () = until => true,
        changed = phase.changed() => changed.is_ok() && *phase.borrow() == Phase::Running,
    }
}
