//! An account at work: its producer and its control loop side by side, over one connection.
//!
//! One never stops the other: an account that is signed out or banned goes on answering what it is told, with the reason.

use std::sync::Arc;

use sqlx::PgPool;
use tickertape_broker::{Broker, Phase};
use tokio::sync::watch;

use crate::account::Account;
use crate::clock::Clock;
use crate::connection::Connection;
use crate::control::{Control, ControlOptions};
use crate::error::Result;
use crate::producer::{Producer, ProducerOptions};
use crate::progress::Progress;

/// One account, with all that it does.
pub struct AtWork {
    producer: Producer,
    control: Control,
}

impl AtWork {
    /// An account that is signed in on this connection. The topics and the tables exist.
    pub fn new(
        account: Account,
        connection: Arc<Connection>,
        broker: Arc<dyn Broker>,
        pool: PgPool,
        clock: Clock,
        producing: ProducerOptions,
        controlling: ControlOptions,
    ) -> Self {
        let producer = Producer::new(
            account.label.clone(),
            Arc::clone(&connection),
            Arc::clone(&broker),
            pool.clone(),
            Arc::clone(&clock),
            producing,
        );
        let control = Control::new(account, connection, broker, pool, clock, controlling);
        Self { producer, control }
    }

    /// How far it is.
    pub fn progress(&self) -> Arc<Progress> {
        self.producer.progress()
    }

    /// Whether the account turned out to be signed out or banned.
    pub fn is_gone(&self) -> bool {
        self.control.is_gone()
    }

    /// Follows, obeys and reports until stopped, or until log or database fail.
    pub async fn run(&self, phase: watch::Receiver<Phase>) -> Result<()> {
        self.control.resume_waits().await?; // before anything is asked
        let producing = async {
            match self.producer.run(phase.clone()).await {
                Err(error) if error.is_account_gone() => self.control.ended(error).await,
                outcome => outcome,
            }
        };
        let mut changes = self.control.changes();
        let relaying = async {
            while changes.changed().await.is_ok() {
                self.producer.look_again();
            }
        };
        let working = async { tokio::try_join!(producing, self.control.obey(phase.clone())).map(drop) };
        tokio::pin!(working);
        tokio::select! {
            worked = &mut working => worked,
            () = relaying => working.await, // nobody changes anything any more
        }
    }
}
