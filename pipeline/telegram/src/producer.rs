//! An account's producer: everything it hears and everything it missed goes to the log, until it is told to stop.
//!
//! Two tasks: one hears ([`crate::updates`]), one judges ([`crate::live`]). They and the requests to Telegram share the
//! account's [`Connection`].

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tickertape_broker::{Broker, Phase};
use tickertape_records::topics;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::backfill::FirstBackfill;
use crate::clock::Clock;
use crate::connection::Connection;
use crate::error::Result;
use crate::ledger;
use crate::live::{Desk, Setting};
use crate::outgoing::Partitions;
use crate::progress::Progress;
use crate::tail;
use crate::updates::{Pace, Updates};

/// Things heard that may wait to be judged.
const HEARD_AT_ONCE: usize = 1024;

/// How an account follows its chats.
#[derive(Debug, Clone, Copy)]
pub struct ProducerOptions {
    /// How much history is wanted of a chat that was never followed before.
    pub first: FirstBackfill,
    /// How many of a channel's newest messages are looked at again after edits and deletions may have been missed.
    pub window: u32,
    /// How long the line may be silent before it is tried.
    pub silence: Duration,
    /// How often the list of dialogs is read when nothing calls for it.
    pub sweep: Duration,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            first: FirstBackfill::default(),
            window: 200,
            silence: Duration::from_secs(30),
            sweep: Duration::from_secs(300),
        }
    }
}

/// One account's producer.
pub struct Producer {
    account: String,
    connection: Arc<Connection>,
    broker: Arc<dyn Broker>,
    pool: PgPool,
    clock: Clock,
    options: ProducerOptions,
    progress: Arc<Progress>,
    sweep: watch::Sender<u64>,
}

impl Producer {
    /// A producer for the account with this label, signed in on this connection. The topics and the tables exist.
    pub fn new(
        account: impl Into<String>,
        connection: Arc<Connection>,
        broker: Arc<dyn Broker>,
        pool: PgPool,
        clock: Clock,
        options: ProducerOptions,
    ) -> Self {
        let (progress, sweep) = (Arc::default(), watch::Sender::new(0));
        Self { account: account.into(), connection, broker, pool, clock, options, progress, sweep }
    }

    /// How far it is.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Reads the list of dialogs soon: a chat was joined or left.
    pub fn look_again(&self) {
        self.sweep.send_modify(|asked| *asked += 1);
    }

    /// Follows the account's chats until stopped, or until the account is signed out or banned.
    pub async fn run(&self, phase: watch::Receiver<Phase>) -> Result<()> {
        let window = i64::from(self.options.window.max(1));
        let chats = ledger::read(&self.pool, &self.account, window, (self.clock)()).await?;
        let tail = tail::read(&self.pool, &*self.broker, &self.account).await?;
        tracing::info!(account = self.account, chats = chats.len(), "following");
        let setting = Setting {
            account: self.account.clone(),
            connection: Arc::clone(&self.connection),
            broker: Arc::clone(&self.broker),
            pool: self.pool.clone(),
            clock: Arc::clone(&self.clock),
            partitions: Partitions {
                messages: self.broker.existing_topic(topics::MESSAGES).await?.partitions,
                events: self.broker.existing_topic(topics::EVENTS).await?.partitions,
                views: self.broker.existing_topic(topics::VIEWS).await?.partitions,
            },
            first: self.options.first,
            window,
            progress: Arc::clone(&self.progress),
            sweep: self.sweep.clone(),
        };
        let desk = Desk::new(setting, chats, tail);
        let (told, heard) = mpsc::channel(HEARD_AT_ONCE);
        let pace = Pace { silence: self.options.silence, sweep: self.options.sweep };
        let clock = Arc::clone(&self.clock);
        let connection = Arc::clone(&self.connection);
        let updates = Updates::new(connection, clock, pace, told, self.sweep.subscribe(), desk.numbers());
        let mut hearing = JoinSet::new(); // a set of one, because it is aborted when it is dropped
        hearing.spawn(updates.run());
        let judged = desk.run(heard, phase).await;
        // The desk has dropped its end, so hearing ends too, unless a request holds it: nothing it hears counts now.
        let outcome = tokio::time::timeout(Duration::from_millis(100), hearing.join_next()).await;
        self.connection.close()?;
        judged?;
        match outcome {
            Ok(Some(Ok(heard))) => heard,
            Ok(Some(Err(failed))) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            _ => Ok(()),
        }
    }
}
