//! The coin list refreshed while 100,000 messages a second flow through attribution: the longest pause between two
//! consecutive outputs, and whether any message was attributed with another list than the one in force at its offset.
//!
//! The yardstick is the same stream in the same run while no list changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tickertape_attribution::chain::ChainConfig;
use tickertape_attributor::{Options, Progress, run as attribute};
use tickertape_broker::{
    BatchBuilder, Broker, Embedded, Follower, Phase, Retention, TopicPartition, TopicSpec,
};
use tickertape_coins::CoinList;
use tickertape_records::{Attributed, CoinListRecord, CoinSwap, ListedCoin, Message, SCHEMA, topics};
use tokio::sync::watch;

use crate::workload;

const MESSAGES_PER_SECOND: u64 = 100_000;
/// How often the producer appends.
const TICK: Duration = Duration::from_millis(5);
/// One list more in each, the first half of them without any.
const ROUNDS: u32 = 8;
const ROUND: Duration = Duration::from_secs(2);
const READ_BYTES: usize = 1 << 20;

/// Prints the longest pause with and without swaps, and counts the messages attributed with a wrong list.
pub(crate) async fn run() -> Result<()> {
    // Beside the program: the system's folder for temporary files may lie in memory, where a sync costs nothing.
    let program = std::env::current_exe()?;
    let directory = tempfile::tempdir_in(program.parent().context("a program lies in a folder")?)?;
    let broker: Arc<dyn Broker> = Arc::new(Embedded::open(&directory.path().join("log"))?);
    for name in topics::ALL {
        let spec = TopicSpec { name: name.into(), partitions: 1, retention: Retention::default() };
        broker.create_topic(&spec).await?;
    }
    publish(&*broker, 1).await?;

    let (stop, phase) = watch::channel(Phase::Running);
    let options = Options {
        matching: tickertape_attribution::Options::default(),
        chain: ChainConfig::default(),
        checkpoints: directory.path().to_owned(),
    };
    let stage = attribute(broker.clone(), 0, options, Arc::new(Progress::default()), phase.clone());
    let stage = tokio::spawn(stage);
    let producer = tokio::spawn(produce(broker.clone(), phase.clone()));
    let observer = tokio::spawn(observe(broker.clone(), phase));

    let began = Instant::now();
    for round in 0..ROUNDS {
        tokio::time::sleep(ROUND).await;
        if (ROUNDS / 2 - 1..ROUNDS - 1).contains(&round) {
            publish(&*broker, u64::from(round)).await?;
        }
    }
    let took = began.elapsed();
    let half = began + ROUND * (ROUNDS / 2);
    stop.send_replace(Phase::Draining);
    let produced = producer.await??;
    stage.await??;
    let pauses = observer.await??;

    let longest = |pauses: &mut dyn Iterator<Item = &(Instant, Duration)>| {
        pauses.map(|pause| pause.1).max().unwrap_or_default().as_secs_f64() * 1e3
    };
    // The first second fills caches and builds the first matcher.
    let warm = began + Duration::from_secs(1);
    let calm = longest(&mut pauses.iter().filter(|pause| pause.0 > warm && pause.0 < half));
    let swapping = longest(&mut pauses.iter().filter(|pause| pause.0 >= half && pause.0 < began + took));
    let (rows, wrong, swaps) = check(&*broker).await?;
    println!(
        "coin swap: {produced} messages at {:.0}/s; longest pause {swapping:.1} ms over {swaps} swaps, {calm:.1} ms without; {wrong} of {rows} rows with a list that was not in force",
        produced as f64 / took.as_secs_f64(),
    );
    ensure!(wrong == 0, "every row names the list in force at its offset");
    Ok(())
}

/// The checked-in list with its last coin renamed: another list, as large to build.
async fn publish(broker: &dyn Broker, number: u64) -> Result<()> {
    let at = TopicPartition::new(topics::COIN_LISTS, 0);
    let list = CoinList::snapshot();
    let version = broker.bounds(&at).await?.end + 1;
    let mut coins: Vec<_> = list
        .coins
        .into_iter()
        .map(|coin| ListedCoin { id: coin.id, symbol: coin.symbol, name: coin.name, rank: coin.rank })
        .collect();
    if let Some(last) = coins.last_mut() {
        last.name = format!("{} {number}", last.name);
    }
    let record = CoinListRecord { schema: SCHEMA, version, as_of: list.as_of, coins };
    let mut batch = BatchBuilder::default();
    batch.push_with(b"", |out| record.encode_into(out));
    broker.append(vec![(at, batch)]).await?.await?;
    Ok(())
}

/// Appends at the wanted rate, catching up after a tick that came late.
async fn produce(broker: Arc<dyn Broker>, phase: watch::Receiver<Phase>) -> Result<u64> {
    let mut messages: Vec<Message> = workload::volume().take(50_000).collect();
    if messages.is_empty() {
        messages = (0..50_000).map(workload::generated).collect();
    }
    let at = TopicPartition::new(topics::MESSAGES, 0);
    let began = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    let mut produced = 0_u64;
    while *phase.borrow() == Phase::Running {
        ticks.tick().await;
        let due = (began.elapsed().as_secs_f64() * MESSAGES_PER_SECOND as f64) as u64;
        let mut batch = BatchBuilder::default();
        while produced < due {
            let round = produced / messages.len() as u64;
            let message = &mut messages[(produced % 50_000) as usize];
            // The same texts again are other messages, or they would be dropped as repeats.
            message.message_id += i64::from(round > 0) * 10_000_000;
            batch.push_with(b"", |out| message.encode_into(out));
            produced += 1;
        }
        if !batch.is_empty() {
            drop(broker.append(vec![(at.clone(), batch)]).await?);
        }
    }
    Ok(produced)
}

/// When outputs came, and how long after the ones before.
async fn observe(broker: Arc<dyn Broker>, phase: watch::Receiver<Phase>) -> Result<Vec<(Instant, Duration)>> {
    let at = TopicPartition::new(topics::ATTRIBUTED, 0);
    let mut follower = Follower::open(broker, at, None, READ_BYTES, phase).await?;
    let mut pauses = Vec::new();
    let mut last = None;
    while follower.next().await?.is_some() {
        let now = Instant::now();
        if let Some(last) = last.replace(now) {
            pauses.push((now, now - last));
        }
    }
    Ok(pauses)
}

/// Rows, those with a wrong list, and swaps after the first.
async fn check(broker: &dyn Broker) -> Result<(u64, u64, usize)> {
    let mut swaps = Vec::new();
    for batch in broker.read(&TopicPartition::new(topics::COIN_SWAPS, 0), 0, usize::MAX).await? {
        for record in batch.iter() {
            let swap = CoinSwap::decode(record.value)?;
            swaps.push((swap.input_offset, swap.version));
        }
    }
    let at = TopicPartition::new(topics::ATTRIBUTED, 0);
    let end = broker.bounds(&at).await?.end;
    let (mut next, mut wrong) = (0, 0);
    while next < end {
        for batch in broker.read(&at, next, READ_BYTES).await? {
            for record in batch.iter() {
                let row = Attributed::decode(record.value)?.attribution;
                let in_force = swaps.iter().rfind(|swap| swap.0 <= row.input_offset);
                wrong += u64::from(in_force.map(|swap| swap.1) != Some(row.coin_list_version));
            }
            next = batch.end_offset();
        }
    }
    Ok((end, wrong, swaps.len() - 1))
}
