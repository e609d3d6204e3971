//! Posting, editing and deleting while everything goes wrong.
//!
//! The dice decide what happens to which channel and when something goes wrong, the same for the same seed. How the
//! two processes are interleaved they do not decide, so a failure may take some tries to be seen again.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use grammers_tl_types as tl;
use tokio::time::{Instant, sleep, sleep_until};

use crate::check::{self, Log};
use crate::random::Random;
use crate::setting::Setting;

/// Messages of a channel that may still be edited and deleted, newest last.
const YOUNG: usize = 100;
/// Between two disconnects.
const DISCONNECT: Duration = Duration::from_secs(2);
/// Between two other faults.
const FAULT: Duration = Duration::from_millis(300);
/// A safety net: what is not done then never will be.
const PATIENCE: Duration = Duration::from_secs(60);

/// How hard it blows.
#[derive(Args)]
pub(crate) struct StormArgs {
    /// Messages posted, over all channels.
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// Channels.
    #[arg(long, default_value_t = 50)]
    channels: usize,
    /// Messages posted a second.
    #[arg(long, default_value_t = 2_000)]
    rate: u32,
    /// How many times the producer is killed.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Repeats the dice of a storm that failed.
    #[arg(long)]
    seed: Option<u64>,
}

/// What was done.
#[derive(Default)]
struct Done {
    edits: u64,
    deletions: u64,
    disconnects: u64,
    faults: u64,
}

pub(crate) async fn run(args: StormArgs) -> Result<()> {
    let seed = args.seed.unwrap_or_else(|| crate::producer::nanoseconds() % 1_000_000);
    println!("seed {seed} (--seed {seed} throws the same dice)");
    let Some(setting) = Setting::make(args.channels).await? else { return Ok(()) };
    let storming = storm(&setting, &args, seed);
    let killing = kill(&setting, &args, seed);
    let (done, ()) = tokio::try_join!(storming, killing)?;
    println!(
        "{} messages, {} edits, {} deletions; {} disconnects, {} other faults, {} kills",
        args.messages, done.edits, done.deletions, done.disconnects, done.faults, args.kills
    );
    verdict(&setting).await.with_context(|| format!("seed {seed}"))
}

/// Lets a last producer finish, then believes the ledger and looks at the log.
async fn verdict(setting: &Setting) -> Result<()> {
    let began = Instant::now();
    let mut producer = setting.start(|_| {})?;
    loop {
        let Some(to_do) = check::to_do(setting).await? else { break };
        producer.lives()?;
        if began.elapsed() > PATIENCE {
            check::tell(&setting.pool).await?;
            bail!("the ledger is not closed: {to_do}");
        }
        sleep(Duration::from_millis(50)).await;
    }
    println!("all caught up {:.1} s after the storm", began.elapsed().as_secs_f64());
    producer.stop().await?;
    let log = Log::read(setting.folder.path()).await?;
    println!("gaps, all closed: {}", check::gaps(&setting.pool).await?);
    println!(
        "on the log: {} messages and {} events, {} edits, {} deletions; repeated {}; asked before its time {}",
        log.messages(),
        log.events(),
        log.edits,
        log.deletions,
        log.repeated,
        setting.telegram.early(),
    );
    log.compare(setting)?;
    println!("each message once, each edit and deletion applied, the ledger closed");
    Ok(())
}

/// Starts the producer and kills it at random instants, spread over the storm.
async fn kill(setting: &Setting, args: &StormArgs, seed: u64) -> Result<()> {
    let mut random = Random::new(seed ^ 0xdead);
    let takes = f64::from(args.messages as u32) / f64::from(args.rate);
    let began = Instant::now();
    for number in 0..args.kills {
        let producer = setting.start(|_| {})?;
        let share = (f64::from(number) + random.fraction()) / f64::from(args.kills);
        sleep_until(began + Duration::from_secs_f64(takes * share)).await;
        // Now and then before it has come to anything.
        let early = random.chance(0.2);
        sleep(Duration::from_millis(if early { 0 } else { 300 })).await;
        producer.kill()?;
        sleep(Duration::from_secs_f64(random.fraction() * 0.3)).await;
    }
    let producer = setting.start(|_| {})?;
    sleep_until(began + Duration::from_secs_f64(takes)).await;
    // The last one as well, though it is not counted: the verdict begins with a start.
    producer.kill()
}

async fn storm(setting: &Setting, args: &StormArgs, seed: u64) -> Result<Done> {
    let telegram = &setting.telegram;
    let mut random = Random::new(seed);
    let mut young: Vec<VecDeque<i32>> = vec![VecDeque::new(); args.channels];
    let mut done = Done::default();
    let began = Instant::now();
    let (mut disconnect_at, mut fault_at) = (began + DISCONNECT, began + FAULT);
    for number in 0..args.messages {
        let due = began + Duration::from_secs_f64(number as f64 / f64::from(args.rate));
        // What is late is made up for at once; what is early waits for a whole millisecond.
        if due > Instant::now() + Duration::from_millis(1) {
            sleep_until(due).await;
        }
        let which = random.below(args.channels);
        let chat = setting.channels[which];
        let id = if random.chance(0.01) {
            telegram.service(chat, tl::types::MessageActionChatEditTitle { title: format!("Title {number}") })
        } else {
            telegram.post(chat, &format!("message {number}"))
        };
        let young = &mut young[which];
        young.push_back(id);
        if young.len() > YOUNG {
            young.pop_front();
        }
        if random.chance(0.04) {
            let id = young[random.below(young.len())];
            done.edits += u64::from(telegram.edit(chat, id, &format!("edited at message {number}")));
        }
        if random.chance(0.02) {
            let ids: Vec<i32> = (0..=random.below(3)).map(|_| young[random.below(young.len())]).collect();
            telegram.delete(chat, &ids);
            let before = young.len();
            young.retain(|id| !ids.contains(id));
            done.deletions += (before - young.len()) as u64;
        }
        if random.chance(0.003) {
            telegram.skip_ids(chat, 1 + random.below(3) as i32);
        }
        if Instant::now() >= disconnect_at {
            disconnect_at += DISCONNECT;
            telegram.hang_up();
            done.disconnects += 1;
        }
        if Instant::now() >= fault_at {
            fault_at += FAULT;
            fault(setting, &mut random);
            done.faults += 1;
        }
    }
    Ok(done)
}

fn fault(setting: &Setting, random: &mut Random) {
    let telegram = &setting.telegram;
    let chat = setting.channels[random.below(setting.channels.len())];
    match random.below(12) {
        0..=2 => telegram.drop_pushes(1 + random.below(30) as u32),
        3..=5 => telegram.swap_pushes(1 + random.below(10) as u32),
        6..=8 => telegram.answer_too_long(chat, 1),
        9..=10 => {
            let methods = [
                "messages.getHistory",
                "messages.getDialogs",
                "updates.getChannelDifference",
                "updates.getDifference",
            ];
            telegram.flood(methods[random.below(methods.len())], 1, 1);
        }
        _ => telegram.mute_lines(),
    }
}
