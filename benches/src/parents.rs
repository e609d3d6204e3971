//! The parent store at ten million live messages: memory, look-ups, messages taken, and the time of a checkpoint.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use tickertape_attribution::chain::{Chain, ChainConfig, CoinRef, Node, Own, Seen};

const LIVE: usize = 10_000_000;
const CHATS: u64 = 5_000;
const LOOKUPS: u32 = 10_000_000;
const TTL_SECONDS: i64 = 8 * 24 * 60 * 60;

/// Fills a store with ten million messages within their TTL and prints its figures; one core, about 2 GB.
#[allow(clippy::print_stdout, reason = "the figures are this program's data")]
pub(crate) fn run() {
    let before = resident_bytes();
    let mut chain = Chain::new(ChainConfig { ttl_seconds: TTL_SECONDS, max_entries: 2 * LIVE });
    let mut stream = Stream::new(&mut chain);
    let mut out = Vec::new();
    let mut slowest = Duration::ZERO;
    let start = processor_time();
    while stream.sent < LIVE as u64 {
        let batch = processor_time();
        for _ in 0..1_000 {
            let seen = chain.observe(&stream.next(), &mut out);
            assert_eq!(seen, Seen::New, "the stream has no repeats");
        }
        slowest = slowest.max(processor_time().saturating_sub(batch));
    }
    let filling = processor_time().saturating_sub(start);
    let stats = chain.stats();
    assert_eq!((stats.entries, stats.expired, stats.evicted), (LIVE, 0, 0), "all are live");
    let resident = resident_bytes().saturating_sub(before);
    println!("parents: {LIVE} live messages, {} of them replies without a coin of their own", stats.links);
    println!(
        "parents: {:.1} bytes a live entry resident, {:.1} allocated (at most 32)",
        each(resident),
        each(stats.bytes)
    );
    println!(
        "parents: {:.2} M messages/s taken, slowest thousand in {slowest:.1?}",
        rate(LIVE as u32, filling)
    );

    let (hits, hitting) = stream.look_up(&chain, 0);
    let (misses, missing) = stream.look_up(&chain, 1 << 30);
    assert!(hits > LOOKUPS / 10 * 9 && misses == 0, "{hits} hits, {misses} where none should be");
    println!(
        "parents: {:.1} M look-ups/s of messages held, {:.1} M/s of others (at least 5)",
        rate(LOOKUPS, hitting),
        rate(LOOKUPS, missing)
    );

    // What a stage goes through while it saves: everything it touches is copied.
    let start = Instant::now(); // the processor's time comes in steps of milliseconds
    let snapshot = chain.clone();
    let cloning = start.elapsed();
    let mut slowest = Duration::ZERO;
    for _ in 0..500 {
        let batch = processor_time();
        for _ in 0..1_000 {
            chain.observe(&stream.next(), &mut out);
        }
        slowest = slowest.max(processor_time().saturating_sub(batch));
    }
    assert_eq!(snapshot.stats().entries, LIVE, "the snapshot stays as it was");
    drop(snapshot);
    println!("parents: a snapshot in {cloning:.1?}, slowest thousand beside it in {slowest:.1?}");

    let mut bytes = Vec::with_capacity(stats.bytes);
    let start = processor_time();
    chain.checkpoint(&mut bytes).expect("memory takes everything");
    let writing = processor_time().saturating_sub(start);
    let entries = chain.stats().entries;
    drop(chain);
    let start = processor_time();
    let config = ChainConfig { ttl_seconds: TTL_SECONDS, max_entries: 2 * LIVE };
    let restored = Chain::restore(config, &bytes).expect("what was written reads back");
    let reading = processor_time().saturating_sub(start);
    assert_eq!(restored.stats().entries, entries);
    let size = bytes.len() as u32;
    println!(
        "parents: checkpoint of {:.1} bytes an entry at {:.0} MB/s, restored at {:.0} MB/s",
        each(bytes.len()),
        rate(size, writing),
        rate(size, reading)
    );
}

/// A made-up stream in the proportions of real channels: 15 % replies, a third of them without a coin of their
/// own, 6 % edited when first seen; some chats a hundred times as busy as others.
struct Stream {
    coins: Vec<CoinRef>,
    random: u64,
    sent: u64,
    /// Newest message id by chat.
    newest: Vec<i64>,
}

impl Stream {
    fn new(chain: &mut Chain) -> Self {
        let coins = (0..50).map(|coin| chain.intern(&format!("coin-{coin}"))).collect();
        Self { coins, random: 1, sent: 0, newest: vec![0; CHATS as usize] }
    }

    /// SplitMix64.
    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(bits ^ (bits >> 31)) * u128::from(below)) >> 64) as u64
    }

    /// Drawn twice, so that chats differ in size.
    fn chat(&mut self) -> usize {
        let below = 1 + self.random(CHATS);
        self.random(below) as usize
    }

    fn next(&mut self) -> Node {
        let chat = self.chat();
        // Some ids are service messages or were deleted.
        self.newest[chat] += 1 + self.random(8) as i64 / 7;
        let message_id = self.newest[chat];
        let date = 1_600_000_000 + self.sent as i64 * TTL_SECONDS / LIVE as i64;
        let coin = self.random(50) as usize;
        let kind = self.random(100);
        let reply = (kind < 15).then(|| (chat as i64, message_id - 1 - self.random(40) as i64));
        let own = match kind {
            0..5 | 80.. => Own::None,
            _ => Own::Direct(self.coins[coin]),
        };
        let edit_date = (self.random(100) < 6).then_some(date + 60);
        self.sent += 1;
        Node { chat_id: chat as i64, message_id, date, edit_date, reply_to: reply, own, offset: self.sent }
    }

    /// Looks messages up at random, their ids moved by `shift`; gives how many were there and the time it took.
    fn look_up(&mut self, chain: &Chain, shift: i64) -> (u32, Duration) {
        let wanted: Vec<(i64, i64)> = (0..LOOKUPS)
            .map(|_| {
                let chat = self.chat();
                // Ids have gaps of one, so every second guess would miss without a second look.
                let newest = self.newest[chat].max(1) as u64;
                let id = 1 + self.random(newest) as i64;
                let id = if chain.lookup(chat as i64, id).is_some() { id } else { id + 1 };
                (chat as i64, id + shift)
            })
            .collect();
        let start = processor_time();
        let found = wanted.iter().filter(|(chat, id)| black_box(chain.lookup(*chat, *id)).is_some()).count();
        (found as u32, processor_time().saturating_sub(start))
    }
}

fn each(bytes: usize) -> f64 {
    bytes as f64 / LIVE as f64
}

/// Millions a second.
fn rate(count: u32, time: Duration) -> f64 {
    f64::from(count) / time.as_secs_f64() / 1e6
}

/// What this thread has run, as the scheduler counts it: a busy machine does not slow it.
fn processor_time() -> Duration {
    let counts =
        fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells a thread its own time");
    let nanoseconds = counts.split_whitespace().next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.expect("in nanoseconds"))
}

/// Memory that this process holds, as the kernel counts it.
fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells a process its own memory");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("among it what is resident");
    let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<usize>().ok());
    kilobytes.expect("in kB") * 1024
}
