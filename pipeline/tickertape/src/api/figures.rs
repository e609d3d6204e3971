//! What this process counts: its stages, how far behind they are, and how the manager's tables stand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tickertape_broker::TopicPartition;
use tickertape_http::{Figures, Lag};
use tickertape_manager::Standing;
use tickertape_manager::coins as lists;
use tokio::time::timeout;

use super::Api;

/// A scrape waits no longer than this for the database, or for the log; what does not answer is left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// Topic, partition and the first record that is not dealt with.
pub(super) type Position = (String, u32, u64);

impl Api {
    pub(super) async fn count(&self) -> Figures {
        let counters = &self.stages.counters;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (import, attribution) = (&counters.import, &counters.attribution);
        let mut figures = Figures {
            records: vec![
                ("import", of(&import.messages) + of(&import.events)),
                ("attribute", attribution.messages()),
            ],
            dead_letters: vec![
                ("import", of(&import.dead_letters)),
                ("attribute", of(&attribution.dead_letters)),
            ],
            attributed: vec![
                ("direct", of(&attribution.direct)),
                ("inherited", of(&attribution.inherited)),
                ("tie", of(&attribution.tie)),
                ("none", of(&attribution.none)),
            ],
            revisions: Some(of(&attribution.revised)),
            ..Figures::default()
        };
        for (stage, progress) in counters.sinks() {
            figures.records.push((stage, progress.iter().map(|progress| of(&progress.records)).sum()));
            figures
                .dead_letters
                .push((stage, progress.iter().map(|progress| of(&progress.dead_letters)).sum()));
        }
        let mut manager = Vec::new();
        if let Some(standing) = self.standing().await {
            figures.channels = standing.channels;
            figures.accounts = standing.accounts;
            figures.accounts_working = Some(standing.working);
            figures.instructions_open = Some(standing.open);
            figures.coin_list_accepted_at = standing.accepted_at;
            figures.coingecko_calls = Some((standing.calls, self.config.coins.monthly_calls));
            manager = standing.positions;
        }
        if let Ok(Ok(lag)) = timeout(PATIENCE, self.lag_with(&manager)).await {
            figures.lag = lag;
        }
        if let Ok(Ok(list)) = timeout(PATIENCE, lists::newest(&*self.stages.broker)).await {
            figures.coin_list_version = list.map(|list| list.version);
        }
        figures
    }

    /// How the tables stand; none before the database is open, or while it is busy.
    pub(super) async fn standing(&self) -> Option<Standing> {
        let database = self.stages.opening.peek()?.as_ref().ok()?;
        let asking = tickertape_manager::standing(database.pool(), (self.clock)());
        match timeout(PATIENCE, asking).await {
            Ok(Ok(standing)) => Some(standing),
            Ok(Err(error)) => {
                tracing::warn!(%error, "metrics of accounts and channels are left out");
                None
            }
            Err(_) => None,
        }
    }

    /// How far behind the stages of this process are, and the manager.
    pub(super) async fn lag_with(&self, manager: &[Position]) -> Result<Vec<Lag>, tickertape_broker::Error> {
        let counters = &self.stages.counters;
        let attribute = counters.attribution.positions.all();
        let sinks = counters.sinks().into_iter().flat_map(|(stage, progress)| {
            progress.into_iter().flat_map(move |progress| {
                progress.positions.all().into_iter().map(move |(at, next)| (stage, at, next))
            })
        });
        let manager = manager.iter().map(|(topic, partition, next)| {
            ("manage", TopicPartition::new(topic.as_str(), *partition), *next)
        });
        let all: Vec<_> = attribute
            .into_iter()
            .map(|(at, next)| ("attribute", at, next))
            .chain(sinks)
            .chain(manager)
            .collect();
        let mut lag = Vec::new();
        for (stage, at, position) in all {
            let end = self.stages.broker.bounds(&at).await?.end;
            lag.push(Lag {
                stage: stage.to_owned(),
                topic: at.topic,
                partition: at.partition,
                position,
                end,
                lag: end.saturating_sub(position),
            });
        }
        Ok(lag)
    }
}
