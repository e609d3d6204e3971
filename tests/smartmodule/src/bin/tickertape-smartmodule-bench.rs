//! Records a second of the SmartModule in the real engine beside the native code, in alternating rounds.
#![allow(clippy::print_stdout, reason = "its output is the figure")]

use std::time::Instant;

use anyhow::{Context, Result};
use tickertape_mentions::enrich::Enricher;
use tickertape_smartmodule_test::{Engine, messages, module};

const MESSAGES: usize = 100_000;
const BATCH: usize = 500;
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    let module = module().context("the SmartModule is not built; run: make smartmodule")?;
    let size = module.len();
    let values = messages::generate(MESSAGES);
    let mut engine = Engine::new(module, &[])?;
    let mut native = Enricher::new(None, None)?;
    let (mut in_engine, mut natively) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for batch in values.chunks(BATCH) {
            engine.process(batch)?;
        }
        in_engine.push(MESSAGES as f64 / started.elapsed().as_secs_f64());
        let started = Instant::now();
        for value in &values {
            std::hint::black_box(native.enrich(value));
        }
        natively.push(MESSAGES as f64 / started.elapsed().as_secs_f64());
    }
    let median = |mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[ROUNDS / 2]
    };
    let (in_engine, natively) = (median(in_engine), median(natively));
    println!("module {size} bytes; median of {ROUNDS} rounds of {MESSAGES} messages");
    println!(
        "engine {in_engine:.0} records/s, native {natively:.0} records/s, ratio {:.2}",
        in_engine / natively
    );
    Ok(())
}
