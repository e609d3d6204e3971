//! The coin lists on topic `coin-lists`: finding one by its version, and following the newest while messages flow.

use std::sync::Arc;

use tickertape_attribution::Options as Matching;
use tickertape_broker::{Broker, Error as BrokerError, Phase, TopicPartition};
use tickertape_coins::{Coin, CoinList};
use tickertape_records::{CoinListRecord, topics};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::error;

use crate::Error;
use crate::outcome::Reader;

/// What reads texts under the list of that version. Building it takes about a tenth of a second, on another thread.
pub(crate) async fn load(broker: &dyn Broker, version: u64, matching: &Matching) -> Result<Reader, Error> {
    let at = topic();
    let missing = || Error::CoinList { version, reason: "it is not on topic coin-lists".into() };
    let offset = version.checked_sub(1).ok_or_else(missing)?;
    if offset >= broker.bounds(&at).await?.end {
        return Err(missing());
    }
    let batches = broker.read(&at, offset, 1).await?;
    let record = batches.first().and_then(|batch| batch.iter().next()).ok_or_else(missing)?;
    let record =
        CoinListRecord::decode(record.value).map_err(|reason| Error::Unreadable { at, offset, reason })?;
    let coin =
        |c: tickertape_records::ListedCoin| Coin { id: c.id, symbol: c.symbol, name: c.name, rank: c.rank };
    let list = CoinList { version, as_of: record.as_of, coins: record.coins.into_iter().map(coin).collect() };
    let matching = *matching;
    let building = tokio::task::spawn_blocking(move || Reader::new(&list, &matching));
    let failed = |reason: String| Error::CoinList { version, reason };
    building.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
}

/// The lists newer than the one known.
pub(crate) struct Newer {
    broker: Arc<dyn Broker>,
    matching: Matching,
    /// Version of the newest list looked at, 0 before the first.
    known: u64,
}

impl Newer {
    /// Begins behind `known`.
    pub(crate) fn than(known: u64, broker: Arc<dyn Broker>, matching: Matching) -> Self {
        Self { broker, matching, known }
    }

    /// The newest list, if it was not looked at yet. One that cannot be used is named in the log and passed over:
    /// the list in force stays.
    pub(crate) async fn look(&mut self) -> Result<Option<Reader>, Error> {
        let newest = self.broker.bounds(&topic()).await?.end;
        if newest <= self.known {
            return Ok(None);
        }
        self.known = newest;
        match load(&*self.broker, newest, &self.matching).await {
            Ok(reader) => Ok(Some(reader)),
            Err(reason @ (Error::CoinList { .. } | Error::Unreadable { .. })) => {
                error!(%reason, version = newest, "a new coin list cannot be used; the list in force stays");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The first list there is, waiting for one; none when told to stop before that.
    pub(crate) async fn first(
        &mut self,
        phase: &mut watch::Receiver<Phase>,
    ) -> Result<Option<Reader>, Error> {
        loop {
            let now = *phase.borrow_and_update();
            if let Some(reader) = self.look().await? {
                return Ok(Some(reader));
            }
            match now {
                Phase::Running => {}
                Phase::Draining => return Err(Error::NoCoinList),
                Phase::Stopping => return Ok(None),
            }
            tokio::select! {
                waited = self.wait() => waited?,
                changed = phase.changed() => {
                    if changed.is_err() {
                        return Ok(None); // whoever could tell us to go on is gone
                    }
                }
            }
        }
    }

    /// Goes on looking in a task of its own, which ends with what this returns.
    pub(crate) fn follow(mut self) -> Following {
        let (sender, ready) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let looked = match self.look().await {
                    Ok(None) => match self.wait().await {
                        Ok(()) => continue,
                        Err(error) => Err(error.into()),
                    },
                    Ok(Some(reader)) => Ok(reader),
                    Err(error) => Err(error),
                };
                let failed = looked.is_err();
                if sender.send(looked).await.is_err() || failed {
                    return;
                }
            }
        });
        Following { ready, _task: task }
    }

    async fn wait(&self) -> Result<(), BrokerError> {
        self.broker.wait(&topic(), self.known).await
    }
}

/// New lists as they become ready.
pub(crate) struct Following {
    ready: mpsc::Receiver<Result<Reader, Error>>,
    _task: JoinSet<()>,
}

impl Following {
    /// Waits for the next list. Safe to drop while waiting.
    pub(crate) async fn next(&mut self) -> Result<Reader, Error> {
        match self.ready.recv().await {
            Some(looked) => looked,
            None => std::future::pending().await, // it failed and has said so
        }
    }

    /// The next list, if it is ready.
    pub(crate) fn take(&mut self) -> Result<Option<Reader>, Error> {
        self.ready.try_recv().ok().transpose()
    }
}

fn topic() -> TopicPartition {
    TopicPartition::new(topics::COIN_LISTS, 0)
}
