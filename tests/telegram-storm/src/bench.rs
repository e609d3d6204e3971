//! From the push on the socket to the record on the topic, and the memory of the producer's process.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::time::{Instant, sleep, sleep_until};

use crate::check;
use crate::producer::nanoseconds;
use crate::setting::Setting;

/// What is measured.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// Messages posted, over all channels.
    #[arg(long, default_value_t = 10_000)]
    messages: usize,
    /// Channels.
    #[arg(long, default_value_t = 500)]
    channels: usize,
    /// Messages posted a second.
    #[arg(long, default_value_t = 500)]
    rate: u32,
}

pub(crate) async fn run(args: BenchArgs) -> Result<()> {
    let Some(setting) = Setting::make(args.channels).await? else { return Ok(()) };
    // Channels are not new to a producer in the middle of its life.
    for id in &setting.channels {
        setting.telegram.post(*id, "before");
    }
    let mut producer = setting.start(|command| {
        command.arg("--measure").stdout(Stdio::piped());
    })?;
    let mut told = producer.0.stdout.take().context("standard output is piped")?;
    while check::to_do(&setting).await?.is_some() {
        producer.lives()?;
        sleep(Duration::from_millis(100)).await;
    }
    let began = Instant::now();
    for number in 0..args.messages {
        sleep_until(began + Duration::from_secs_f64(number as f64 / f64::from(args.rate))).await;
        let chat = setting.channels[number * 7 % setting.channels.len()];
        setting.telegram.post(chat, &nanoseconds().to_string());
    }
    while check::to_do(&setting).await?.is_some() {
        producer.lives()?;
        sleep(Duration::from_millis(100)).await;
    }
    producer.stop().await?;
    let mut line = String::new();
    told.read_to_string(&mut line)?;
    let figures: Vec<f64> = line.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
    let &[median, slow, count, memory] = &figures[..] else {
        anyhow::bail!("the producer told {line:?}");
    };
    ensure!(count as usize == args.messages, "{count} of {} messages were seen", args.messages);
    println!(
        "{} messages/s in {} channels, push to topic: p50 {:.2} ms (wanted ≤ 5), p99 {:.2} ms (wanted ≤ 50)",
        args.rate,
        args.channels,
        median / 1e6,
        slow / 1e6
    );
    println!("resident with {} channels, at most: {:.0} MiB (wanted ≤ 150)", args.channels, memory / 1024.0);
    Ok(())
}
