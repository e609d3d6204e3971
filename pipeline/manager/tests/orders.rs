//! The manager on a real log and a real database, with a scripted producer: two accounts, sixty channels of the
//! configuration, links to forty more of which half are irrelevant, one account banned midway, one channel falling
//! silent, the coin list changing twice, the manager killed now and then. Whatever the order and the delays, the end
//! is the same.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "support/stage.rs"]
mod stage;
#[path = "support/world.rs"]
mod world;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use stage::Random;
use tickertape_broker::{Broker, Phase};
use tickertape_manager::decide::{ChannelState, Target, WishKind};
use tickertape_manager::{Approve, Clock, Options, load_channels, wishes};
use tickertape_postgres_server::Server;
use tickertape_records::{AccountState, Instruction};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use world::{Door, Said, World};

const ACCOUNTS: [&str; 2] = ["anna", "boris"];
const SEEDED: i64 = 60;
const LINKED: i64 = 40;
const START: i64 = 1_800_000_000;
/// Simulated seconds a step.
const STEP: i64 = 300;
/// The account that is banned.
const BANNED: &str = "anna";
/// The channel of the configuration that falls silent.
const SILENT: i64 = 7;
/// Long before this many steps everything has settled.
const LAST: u32 = 2_000;

/// How many orders to try: a few with every test, fifty with `make manager-orders`.
fn orders() -> u64 {
    std::env::var("TICKERTAPE_ORDERS").ok().and_then(|orders| orders.parse().ok()).unwrap_or(5)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_the_same_from_any_order() {
    let Some(server) = Server::shared() else { return };
    for seed in 1..=orders() {
        let began = Instant::now();
        let steps = Play::new(&server, seed).await.run().await;
        println!("order {seed}: settled after {steps} steps in {:.1} s", began.elapsed().as_secs_f64());
    }
}

struct Play {
    random: Random,
    seed: u64,
    world: World,
    chats: Vec<i64>,
    log: Arc<dyn Broker>,
    url: String,
    pool: PgPool,
    clock: Arc<AtomicI64>,
    options: Options,
    manager: JoinHandle<Result<(), tickertape_manager::Error>>,
    /// What was said and is not on a topic yet, with the step at which it will be; order is kept within a stream.
    streams: BTreeMap<String, VecDeque<(u32, Said)>>,
    /// Instructions that were read, with the step at which they are carried out.
    told: Vec<(u32, Instruction)>,
    read: u64,
    step: u32,
    _dir: tempfile::TempDir,
    _phase: watch::Sender<Phase>,
}

fn door(number: i64) -> Door {
    match number {
        11 => Door::Nothing,
        12 => Door::Bans,
        13 => Door::Request(3_000),
        _ => Door::Open,
    }
}

impl Play {
    async fn new(server: &Server, seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log: Arc<dyn Broker> = Arc::new(stage::log(dir.path()).await);
        let url = server.create_database(&[]);
        let pool = stage::database(&url).await;
        let mut world = World::default();
        let chats: Vec<i64> = (0..SEEDED + LINKED)
            .map(|number| world.add_chat(number, door(number), number < SEEDED + LINKED / 2))
            .collect();
        // Five of the relevant ones speak only of a coin that the first list does not have.
        for number in SEEDED..SEEDED + 5 {
            let chat = world.chats.get_mut(&chats[number as usize]).unwrap();
            chat.text = "$ZEBRACOIN up again".into();
        }
        for label in ACCOUNTS {
            world.add_actor(label, false, 20);
        }
        let options = Options {
            channels: (0..SEEDED).map(|number| world.chats[&chats[number as usize]].link.clone()).collect(),
            approve: Approve::Auto,
            approvals_per_source: 50,
            flood_links: 100,
            joins_per_day: 500,
            join_gap_seconds: 100,
            inactive_seconds: 80 * STEP,
            inactive_wait_seconds: 5 * STEP,
            activity_seconds: STEP,
            tick_seconds: 1,
            ..Options::default()
        };
        let clock = Arc::new(AtomicI64::new(START));
        let (sender, _) = watch::channel(Phase::Running);
        stage::publish(&*log, &[]).await;
        let mut play = Self {
            random: Random(seed),
            seed,
            world,
            chats,
            manager: tokio::spawn(async { Ok(()) }),
            log,
            url,
            pool,
            clock,
            options,
            streams: BTreeMap::new(),
            told: Vec::new(),
            read: 0,
            step: 0,
            _dir: dir,
            _phase: sender,
        };
        play.start_manager();
        play
    }

    fn start_manager(&mut self) {
        let clock = self.clock.clone();
        let clock: Clock = Arc::new(move || clock.load(Ordering::Relaxed));
        // Connections of its own, which end with it as those of a process do: one whose BEGIN was under way is left
        // inside a transaction, and no pool should lend it to another.
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy(&self.url).unwrap();
        let run = tickertape_manager::run(
            self.log.clone(),
            pool,
            self.options.clone(),
            clock,
            self._phase.subscribe(),
        );
        self.manager = tokio::spawn(run);
    }

    async fn run(mut self) -> u32 {
        let banned_at = 10 + self.random.below(40) as u32;
        let lists_at = [5 + self.random.below(60) as u32, 70 + self.random.below(60) as u32];
        // Every link is seen in two messages, and now and then the same record comes twice.
        let mut sightings = Vec::new();
        for number in SEEDED..SEEDED + LINKED {
            for message in 0..2 {
                let at = 1 + self.random.below(100) as u32;
                sightings.push((at, number, message));
            }
        }
        let mut quiet = 0;
        while quiet < 3 {
            self.step += 1;
            assert!(self.step < LAST, "seed {}: not settled: {:#?}", self.seed, self.wrong().await);
            let now = self.clock.fetch_add(STEP, Ordering::Relaxed) + STEP;
            if self.step == banned_at {
                self.world.actors.get_mut(BANNED).unwrap().state = AccountState::Banned;
            }
            if lists_at.contains(&self.step) {
                let more: &[&str] =
                    if self.step == lists_at[0] { &["zebracoin"] } else { &["zebracoin", "yakcoin"] };
                stage::publish(&*self.log, more).await;
            }
            let step = self.step;
            for &(_, number, message) in sightings.iter().filter(|sighting| sighting.0 == step) {
                let chat_id = self.chats[number as usize];
                let seen_in = (self.chats[(number % 20) as usize], number * 10 + message);
                let preview = self.random.below(4) > 0;
                let said = self.world.sighting("boris", chat_id, seen_in, now, preview);
                let repeats = 1 + u64::from(self.random.below(5) == 0);
                self.say((0..repeats).map(|_| said.clone()));
            }
            let let_in = self.world.let_in(now);
            self.say(let_in);
            self.carry_out(now);
            for label in ACCOUNTS {
                let report = self.world.report(label, now);
                self.say(report);
            }
            self.write_messages(now).await;
            if self.random.below(25) == 0 {
                self.manager.abort(); // as a kill: what is under way never ends
                _ = (&mut self.manager).await;
                self.start_manager();
            }
            self.deliver(now).await;
            let settled = self.step > 230 && self.told.is_empty() && self.wrong().await.is_empty();
            quiet = if settled { quiet + 1 } else { 0 };
        }
        self.manager.abort();
        self.pool.close().await;
        self.step
    }

    fn say(&mut self, said: impl IntoIterator<Item = Said>) {
        for said in said {
            let stream = match &said {
                Said::Client(report) => report.account.clone(),
                Said::Channel(_) => "channels".into(),
                Said::Link(_) => "links".into(),
            };
            let at = self.step + self.random.below(3) as u32;
            self.streams.entry(stream).or_default().push_back((at, said));
        }
    }

    fn carry_out(&mut self, now: i64) {
        let step = self.step;
        let (ready, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.told).into_iter().partition(|&(at, _)| at <= step);
        self.told = later;
        for (_, instruction) in ready {
            let said = self.world.execute(&instruction, now);
            self.say(said);
        }
    }

    /// Puts on the topics what is due, in an order drawn at random between streams, and waits until the manager has
    /// taken it all in and decided.
    async fn deliver(&mut self, now: i64) {
        let mut due = Vec::new();
        loop {
            let ready: Vec<&String> = self
                .streams
                .iter()
                .filter(|(_, said)| said.front().is_some_and(|&(at, _)| at <= self.step))
                .map(|(stream, _)| stream)
                .collect();
            if ready.is_empty() {
                break;
            }
            let stream = ready[self.random.below(ready.len() as u64) as usize].clone();
            due.extend(self.streams.get_mut(&stream).unwrap().pop_front().map(|(_, said)| said));
        }
        stage::append(&*self.log, &due).await;
        // The wish is answered by the first look at the clock after the record behind it: by then all is taken in.
        let nothing = Target::Link(format!("https://t.me/barrier_{}", self.step));
        let wish = wishes::submit(&self.pool, WishKind::Approve, nothing).await.unwrap();
        let wake = self.world.report("boris", now).unwrap();
        stage::append(&*self.log, &[wake]).await;
        let deadline = Instant::now() + Duration::from_secs(120);
        while wishes::outcomes(&self.pool, &[wish]).await.unwrap()[&wish].is_none() {
            assert!(!self.manager.is_finished(), "the manager ended: {:?}", (&mut self.manager).await);
            assert!(Instant::now() < deadline, "step {}: the manager does not look at its wishes", self.step);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let new = stage::instructions(&*self.log, self.read).await;
        self.read += new.len() as u64;
        for instruction in new {
            let at = self.step + 1 + self.random.below(3) as u32;
            self.told.push((at, instruction));
        }
    }

    /// Every channel speaks all the time, but for one.
    async fn write_messages(&self, now: i64) {
        let speaking: Vec<i64> =
            self.chats.iter().copied().filter(|&chat_id| chat_id != self.chats[SILENT as usize]).collect();
        sqlx::query(
            "INSERT INTO messages (chat_id, message_id, date, coin_list_version, input_offset, sequence, revision, \
             depth, post, silent, pinned, scheduled, basis, chat_kind, source_kind, source_name, text) \
             SELECT chat_id, $2, to_timestamp($3::float8), 1, 0, 0, 0, 0, true, false, false, false, 'none', \
             'channel', 'telegram', 'boris', 'hello' FROM unnest($1::bigint[]) AS t(chat_id)",
        )
        .bind(speaking)
        .bind(i64::from(self.step))
        .bind(now as f64)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Where the manager's state or Telegram is not what it should be at the end.
    async fn wrong(&self) -> Vec<String> {
        let channels = load_channels(&self.pool, &[]).await.unwrap();
        let mut wrong = Vec::new();
        for (number, &chat_id) in (0..).zip(&self.chats) {
            let chat = &self.world.chats[&chat_id];
            let expected = match number {
                SILENT => ChannelState::Left,
                11 => ChannelState::Broken,
                12 => ChannelState::Banned,
                number if number < SEEDED + LINKED / 2 => ChannelState::Followed,
                _ => ChannelState::Rejected,
            };
            let found: Vec<_> = channels
                .iter()
                .filter(|channel| channel.same_as.is_none() && channel.links.contains(&chat.link))
                .collect();
            let [channel] = found[..] else {
                wrong.push(format!("{}: {} entries", chat.link, found.len()));
                continue;
            };
            let owner = (expected == ChannelState::Followed).then_some("boris");
            let is_in = chat.members.contains("boris");
            if channel.state != expected || channel.owner.as_deref() != owner || is_in != owner.is_some() {
                wrong.push(format!(
                    "{number} {}: {:?} {} {:?}, in: {is_in}",
                    chat.link, channel.state, channel.reason, channel.owner
                ));
            }
        }
        let open: i64 = sqlx::query_scalar("SELECT count(*) FROM manager.instructions WHERE account = 'boris' AND outcome IS NULL AND kind <> 'report' AND kind <> 'describe'")
            .fetch_one(&self.pool)
            .await
            .unwrap();
        if open > 0 {
            wrong.push(format!("{open} instructions are open"));
        }
        wrong
    }
}
