//! Checkpoints written while messages flow: never ahead of the log, and any of them is good enough to go on from.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{House, message, short_list};
use tickertape_attributor::{Progress, run};
use tickertape_broker::{Ack, BatchBuilder, Broker, Phase, Result, TopicPartition};
use tickertape_faulty_log::{Appends, Faulty};
use tickertape_records::topics;
use tokio::sync::watch;

/// Enough for one checkpoint on the way.
const MESSAGES: i64 = 520_000;
/// Outputs that reach the log; the checkpoint is due behind them.
const UNTIL_HELD: usize = 490_000;

/// A log that keeps later outputs waiting until the gate opens, and takes them in their order then.
struct Gated {
    outputs: AtomicUsize,
    gate: watch::Receiver<bool>,
    /// How many appends were kept waiting, and how many of them were let in.
    waiting: AtomicUsize,
    let_in: Arc<watch::Sender<usize>>,
}

#[async_trait::async_trait]
impl Appends for Gated {
    async fn append(
        &self,
        log: &Arc<dyn Broker>,
        batches: Vec<(TopicPartition, BatchBuilder)>,
    ) -> Result<Ack> {
        let outputs = batches.iter().filter(|(at, _)| at.topic == topics::ATTRIBUTED);
        let count = outputs.map(|(_, batch)| batch.len()).sum();
        if self.outputs.fetch_add(count, Ordering::SeqCst) < UNTIL_HELD {
            return log.append(batches).await;
        }
        let (log, mut gate, let_in) = (log.clone(), self.gate.clone(), self.let_in.clone());
        let turn = self.waiting.fetch_add(1, Ordering::SeqCst);
        Ok(Box::pin(async move {
            gate.wait_for(|open| *open).await.expect("the test keeps the gate");
            let_in.subscribe().wait_for(|count| *count == turn).await.expect("it is at hand");
            let appended = log.append(batches).await?;
            let_in.send_modify(|count| *count += 1);
            appended.await
        }))
    }
}

async fn filled() -> House {
    let house = House::new().await;
    let texts = ["$BTC", "ok", "#eth", "nice", "?"];
    // Whole batches of a stage's read, so that few of them are many messages.
    for first in (1..=MESSAGES).step_by(5_000) {
        let ids = first..first + 5_000;
        let values: Vec<_> = ids.map(|id| message(id, texts[id as usize % 5], Some(id - 1))).collect();
        house.append(&values).await;
    }
    house.publish(&short_list()).await;
    house
}

/// Runs the stage into the gate; opens it, if told to, and kills the stage as soon as there is a checkpoint.
async fn killed_beside_a_checkpoint(house: &House, opens: bool) {
    let (gate, closed) = watch::channel(false);
    let appends = Gated {
        outputs: AtomicUsize::default(),
        gate: closed,
        waiting: AtomicUsize::default(),
        let_in: Arc::default(),
    };
    let broker = Faulty { log: house.broker.clone(), appends };
    let progress = Arc::new(Progress::default());
    let (_phase, phase) = watch::channel(Phase::Running);
    let stage = tokio::spawn(run(Arc::new(broker), 0, house.options(), progress.clone(), phase));
    until(|| progress.messages() >= 500_000).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!house.checkpoint().exists(), "a checkpoint is ahead of the log");
    if opens {
        gate.send_replace(true);
        until(|| house.checkpoint().exists()).await;
    }
    stage.abort();
    assert!(stage.await.expect_err("was killed").is_cancelled());
}

async fn until(reached: impl Fn() -> bool) {
    let wait = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), wait).await.expect("gets there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_and_behind_a_checkpoint_on_the_way_it_writes_the_same_bytes() {
    let calm = filled().await;
    calm.drain(0).await.expect("attributes");
    let wanted = calm.records(topics::ATTRIBUTED).await;
    assert_eq!(wanted.len() as i64, MESSAGES);
    for opens in [false, true] {
        let house = filled().await;
        killed_beside_a_checkpoint(&house, opens).await;
        house.drain(0).await.expect("goes on");
        assert!(house.records(topics::ATTRIBUTED).await == wanted, "killed behind a checkpoint: {opens}");
    }
}
