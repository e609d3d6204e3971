//! Every real stage at once, between a Telegram on loopback and a local CoinGecko: two accounts, sixty channels of the
//! configuration, links in messages to forty more of which half are irrelevant, one account banned midway, one channel
//! falling silent, the coin list changing twice. Whatever the order and the delays, the end is the same.
//!
//! Time is turned by the test: a step is a minute for all who look at the clock, and lasts as long as it lasts.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod expected;
mod stages;
mod telegram;

use std::time::{Duration, Instant};

use stages::Stages;
use telegram::{ACCOUNTS, LINKED, SEEDED, Telegram};
use tickertape_postgres_server::Server;
use tokio::task::JoinSet;

/// Orders that are played at once: most of one is waiting.
const AT_ONCE: usize = 3;
/// Simulated seconds of a step.
const STEP: i64 = 60;
/// A channel without a message for so many steps is silent.
const SILENT_STEPS: i64 = 100;
/// How far storing may be behind what is posted, in steps.
const BEHIND: u32 = 20;
/// Long before this many steps everything has settled.
const LAST: u32 = 1_000;

/// How many orders to try: one with every test, more with `make end-to-end ORDERS=50`.
fn orders() -> u64 {
    std::env::var("TICKERTAPE_ORDERS").ok().and_then(|orders| orders.parse().ok()).unwrap_or(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_the_same_from_any_order() {
    let Some(server) = Server::shared() else { return };
    let mut playing = JoinSet::new();
    for seed in 1..=orders() {
        if playing.len() == AT_ONCE {
            playing.join_next().await.unwrap().unwrap();
        }
        let server = server.clone();
        playing.spawn(async move {
            let began = Instant::now();
            let steps = play(&server, seed).await;
            println!("order {seed}: settled after {steps} steps in {:.1} s", began.elapsed().as_secs_f64());
        });
    }
    while let Some(played) = playing.join_next().await {
        played.unwrap();
    }
}

async fn play(server: &Server, seed: u64) -> u32 {
    let mut random = Random(seed);
    let banned = random.below(2) as usize;
    let banned_at = 20 + random.below(60) as u32;
    let lists_at = [10 + random.below(60) as u32, 80 + random.below(60) as u32];
    let telegram = Telegram::new().await;
    let mut stages = Stages::start(server, &telegram).await;
    // Every link is seen in two messages of two chats.
    let mut links: Vec<(u32, i64, i64)> = (SEEDED..SEEDED + LINKED)
        .flat_map(|number| [(number, number % 20), (number, (number + 1) % 20)])
        .map(|(number, seen_in)| (5 + random.below(120) as u32, number, seen_in))
        .collect();
    // Something speaks of the channel that falls silent too late to matter: a link that is known already.
    links.push((100, telegram::SILENT, 0));

    let (mut step, mut quiet, mut posted) = (0, 0, std::collections::VecDeque::new());
    while quiet < 3 {
        step += 1;
        if step == LAST {
            panic!("seed {seed}: not settled: {:#?}", expected::wrong(&stages, &telegram, banned).await);
        }
        let now = stages.turn(STEP);
        if step == banned_at {
            telegram.ban(banned);
        }
        if let Some(at) = lists_at.iter().position(|at| *at == step) {
            stages.until_stored_under(at as i64 + 1).await; // each list has its time
            stages.list_coins(&["zebracoin", "yakcoin"][..=at]);
        }
        for &(_, number, seen_in) in links.iter().filter(|link| link.0 == step) {
            telegram.mention(number, seen_in, now);
        }
        match random.below(40) {
            0 => telegram.loopback.hang_up(),
            1 => telegram.loopback.drop_pushes(3),
            2 => stages.restart(random.below(ACCOUNTS.len() as u64) as usize).await,
            3 => stages.kill_manager().await,
            _ => {}
        }
        posted.push_back(telegram.speak(step, now));
        // Time must not run away from those who store, or every channel would seem silent.
        if posted.len() > BEHIND as usize {
            let (chat, id) = posted.pop_front().unwrap();
            stages.until_stored_or_gone(chat, id, &telegram).await;
        }
        tokio::time::sleep(Duration::from_millis(20 + random.below(100))).await;
        if step > 250 && step % 5 == 0 {
            let settled = expected::wrong(&stages, &telegram, banned).await.is_empty();
            quiet = if settled { quiet + 1 } else { 0 };
        }
    }
    expected::at_rest(&stages, &telegram, banned).await;
    stages.stop().await;
    step
}

/// SplitMix64: small and seeded.
pub(crate) struct Random(u64);

impl Random {
    /// From 0 up to, not including, `below`.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}
