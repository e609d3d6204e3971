//! The SmartModule on an SPU: records a second of a stream through it beside the same stream without it and beside the
//! native code, in alternating rounds.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use tickertape_broker::fluvio::Options;
use tickertape_broker::{Broker, Fluvio, TopicPartition};
use tickertape_fluvio_cluster::{Cluster, bare};
use tickertape_mentions::enrich::Enricher;
use tickertape_records::topics;

use crate::{stages, workload};

const MESSAGES: usize = 100_000;
const ROUNDS: usize = 3;
const NAME: &str = "tickertape-mentions";

/// Prints the figures; needs a `fluvio-run` and the module beside the binary, where `make smartmodule` puts it.
pub(crate) async fn run(binary: &Path) -> Result<()> {
    let Some(cluster) = Cluster::start().await else { return Ok(()) };
    let module = binary.with_file_name("../smartmodule/tickertape-mentions.wasm");
    let module = std::fs::read(module).context("the SmartModule is not built; run: make smartmodule")?;
    let log = Fluvio::connect(Options::new(cluster.endpoint())).await?;
    log.install_smartmodule(NAME, &module).await?;
    stages::prepare(&log, 1).await?;
    let messages = workload::messages(MESSAGES);
    for messages in messages.chunks(1_000) {
        let at = TopicPartition::new(topics::MESSAGES, 0);
        log.append(vec![(at, stages::batch(messages))]).await?.await?;
    }
    let values: Vec<Vec<u8>> = messages.iter().map(encoded).collect();
    let mut native = Enricher::new(None, None)?;
    let (mut plain, mut through, mut natively) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (name, rates) in [(None, &mut plain), (Some(NAME), &mut through)] {
            let began = Instant::now();
            let mut last = began;
            let note = |_: &[u8]| last = Instant::now();
            let seen =
                bare::consume_through(&cluster.endpoint(), topics::MESSAGES, MESSAGES as u64, name, note)
                    .await;
            rates.push((seen.records as f64 / (last - began).as_secs_f64(), seen.missed));
        }
        let began = Instant::now();
        for value in &values {
            std::hint::black_box(native.enrich(value));
        }
        natively.push((MESSAGES as f64 / began.elapsed().as_secs_f64(), 0));
    }
    println!("SmartModule on an SPU, {MESSAGES} messages, median of {ROUNDS} rounds:");
    for (what, mut rates) in [("stream without", plain), ("stream through", through), ("native", natively)] {
        rates.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (rate, missed) = rates[ROUNDS / 2];
        println!("  {what}: {rate:.0} records/s (the client missed {missed})");
    }
    Ok(())
}

fn encoded(message: &tickertape_records::Message) -> Vec<u8> {
    let mut value = Vec::new();
    message.encode_into(&mut value);
    value
}
