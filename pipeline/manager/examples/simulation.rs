//! Thirty days of 50 accounts and 10,000 channels against a make-believe Telegram, as fast as they can be decided:
//! `make manager-sim`. Every step is checked: one owner a channel, no account over its limit, joins within the day's
//! share and pace, no instruction lost or repeated. Prints what it did; any breach ends it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a breach should end it, and its figures are its output"
)]

#[path = "../tests/support/checked.rs"]
mod checked;
#[path = "../tests/support/world.rs"]
mod world;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use checked::Checked;
use tickertape_manager::decide::{ChannelState, Event, Target, Wish, WishKind};
use tickertape_manager::{Approve, Options};
use tickertape_records::{AccountState, Instruction};
use world::{Door, World};

const ACCOUNTS: usize = 50;
const CHANNELS: i64 = 10_000;
/// Of the channels: those in the configuration; the others are found by links.
const CONFIGURED: i64 = 3_000;
const DAYS: i64 = 30;
const DAY: i64 = 86_400;
const START: i64 = 1_800_000_000;
const TICK: i64 = 60;
const REPORT_EVERY: i64 = 5;

fn main() {
    let began = Instant::now();
    let mut random = Random(7);
    let mut world = World::default();
    let labels: Vec<String> = (0..ACCOUNTS).map(|number| format!("account-{number:02}")).collect();
    for (number, label) in labels.iter().enumerate() {
        world.add_actor(label, number % 10 == 0, 20 + (number as u32 % 7) * 40);
    }
    let chats: Vec<i64> = (0..CHANNELS)
        .map(|number| {
            let door = match number % 50 {
                17 => Door::Nothing,
                23 => Door::Bans,
                31 => Door::Request(3 * 3600),
                _ => Door::Open,
            };
            world.add_chat(number, door, number % 4 != 1)
        })
        .collect();
    let silent_from: BTreeMap<i64, i64> = chats
        .iter()
        .step_by(20)
        .map(|&chat_id| (chat_id, START + (5 + random.below(15) as i64) * DAY))
        .collect();
    let options = Options { approve: Approve::Auto, ..Options::default() };
    let mut manager = Checked::new(options.clone());
    for &chat_id in &chats[..CONFIGURED as usize] {
        let target = Target::Link(world.chats[&chat_id].link.clone());
        manager.wish(&Wish { kind: WishKind::Configure, target }, START);
    }

    let mut told: VecDeque<(i64, Instruction)> = VecDeque::new();
    let (mut records, mut ticks, mut slowest) = (0_u64, 0_u64, 0.0_f64);
    let mut back_at: BTreeMap<usize, i64> = BTreeMap::new();
    for minute in 0..DAYS * DAY / TICK {
        let now = START + minute * TICK;
        let mut said = world.let_in(now);
        // Every second link is found in the first twenty days, twice, in one of the channels of the configuration.
        if now < START + 20 * DAY && minute % 4 == 0 {
            let number = CONFIGURED + (minute / 4) % (CHANNELS - CONFIGURED);
            let source = chats[random.below(CONFIGURED as u64) as usize];
            for message in 0..2 {
                let seen_in = (source, minute * 2 + message);
                said.push(world.sighting(&labels[0], chats[number as usize], seen_in, now, message == 0));
            }
        }
        // Now and then an account goes away for hours, is made to wait, or is banned for good.
        if random.below(500) == 0 {
            let who = random.below(ACCOUNTS as u64) as usize;
            let actor = world.actors.get_mut(&labels[who]).unwrap();
            match random.below(12) {
                0 => actor.state = AccountState::Banned,
                1..6 => actor.limited_until = Some(now + 3600 * (1 + random.below(20) as i64)),
                _ => {
                    actor.runs = false;
                    back_at.insert(who, now + 600 * (1 + random.below(100) as i64));
                }
            }
        }
        for (&who, _) in back_at.iter().filter(|&(_, &at)| at <= now) {
            world.actors.get_mut(&labels[who]).unwrap().runs = true;
        }
        back_at.retain(|_, at| *at > now);
        while told.front().is_some_and(|&(at, _)| at <= now) {
            let Some((_, instruction)) = told.pop_front() else { break };
            said.extend(world.execute(&instruction, now));
        }
        if minute % REPORT_EVERY == 0 {
            said.extend(labels.iter().filter_map(|label| world.report(label, now)));
        }
        records += said.len() as u64;
        for said in said {
            manager.observe(said, now);
        }
        if minute % (options.activity_seconds / TICK) == 0 {
            let heard: Vec<i64> = manager.state.followed_chats().collect();
            for chat_id in heard {
                let last_message_at = silent_from.get(&chat_id).map_or(now, |&from| from.min(now));
                manager.event(Event::Activity { chat_id, last_message_at }, now);
            }
            manager.event(Event::ActivityKnown(now), now);
        }
        let deciding = Instant::now();
        let new = manager.tick(now);
        slowest = slowest.max(deciding.elapsed().as_secs_f64());
        ticks += 1;
        told.extend(new.into_iter().map(|instruction| (now + TICK, instruction)));
        if minute % 500 == 0 {
            manager.tick_again(now);
            manager.check_all();
        }
        if minute % 10_000 == 9_999 {
            manager.crash();
        }
    }
    manager.check_all();

    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for channel in manager.state.channels().values() {
        *states.entry(channel.state.name()).or_default() += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{CHANNELS} channels, {ACCOUNTS} accounts, {DAYS} days in {seconds:.1} s, the make-believe Telegram included"
    );
    println!("{records} records, {ticks} ticks (the slowest {:.1} ms)", slowest * 1_000.0);
    println!(
        "{} decisions (instructions and steps between states), {:.0} a second",
        manager.decisions,
        manager.decisions as f64 / seconds
    );
    println!(
        "{} joins; at most {} an account and day, {} are allowed; most dialogs of an account {}",
        manager.joins_total, manager.most_joins, options.joins_per_day, world.most_dialogs
    );
    println!("instructions: {:?}", manager.told);
    println!("channels at the end: {states:?}");
    println!("{} steps checked, none broke a rule", manager.steps);
    assert!(states[ChannelState::Followed.name()] > 5_000, "most of what is wanted is followed: {states:?}");
}

/// SplitMix64: small and seeded.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}
