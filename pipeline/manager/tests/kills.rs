//! SIGKILL at random instants, again and again: the state and the instructions are those of a manager that was left
//! alone.
//!
//! Six rounds. In each, a scripted producer does what the instructions of the round before say and puts on the topics
//! what comes of it; then a child process runs the manager until all is read, killed as often as chance has it.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "support/stage.rs"]
mod stage;
#[path = "support/world.rs"]
mod world;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stage::Random;
use tickertape_broker::Phase;
use tickertape_manager::{Approve, Options};
use tickertape_postgres_server::Server;
use tickertape_records::AccountState;
use tokio::sync::watch;
use world::{Door, World};

/// Tells the child which log to use, which database, and what time it is.
const CHILD: &str = "TICKERTAPE_TEST_MANAGER";
const ACCOUNTS: [&str; 3] = ["anna", "boris", "clara"];
const CHATS: i64 = 120;
const START: i64 = 1_800_000_000;
const ROUNDS: i64 = 6;
const DISTURBED: u64 = 4;

fn options() -> Options {
    Options {
        channels: (0..20).map(|number| format!("https://t.me/chat_{number:05}")).collect(),
        approve: Approve::Auto,
        approvals_per_source: 50,
        flood_links: 100,
        join_gap_seconds: 1,
        joins_per_day: 1_000,
        tick_seconds: 1,
        ..Options::default()
    }
}

/// Not a test of its own: the child's life.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let mut order = order.split('\n');
    let (dir, url, now) = (order.next().unwrap(), order.next().unwrap(), order.next().unwrap());
    let now: i64 = now.parse().unwrap();
    let log = Arc::new(stage::log(Path::new(dir)).await);
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    let (_sender, phase) = watch::channel(Phase::Draining);
    tickertape_manager::run(log, pool, options(), Arc::new(move || now), phase).await.unwrap();
}

fn spawn(dir: &Path, url: &str, now: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, format!("{}\n{url}\n{now}", dir.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs the child to its end, killing it now and then; returns how often, and how long the last life was.
fn drain(
    dir: &Path,
    url: &str,
    now: i64,
    mut random: Option<&mut Random>,
    calm: Duration,
) -> (u32, Duration) {
    let mut kills = 0;
    loop {
        let began = Instant::now();
        let mut child = spawn(dir, url, now);
        let until = random
            .as_mut()
            .filter(|_| kills < 12)
            .map(|random| calm.mul_f64(random.below(1_200) as f64 / 1_000.0));
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "after {kills} kills: {status}");
                return (kills, began.elapsed());
            }
            if until.is_some_and(|until| began.elapsed() >= until) {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                break;
            }
            std::thread::sleep(Duration::from_micros(300));
        }
    }
}

/// Everything that must not depend on kills.
#[derive(Debug, PartialEq)]
struct Ending {
    tables: Vec<(&'static str, Vec<String>)>,
    instructions: Vec<tickertape_records::Instruction>,
}

const TABLES: [(&str, &str); 9] = [
    (
        "installation",
        "SELECT concat_ws(' ', name, now, next_channel, next_instruction, coin_list) FROM manager.installation",
    ),
    (
        "positions",
        "SELECT concat_ws(' ', topic, partition, next_offset) FROM manager.positions ORDER BY topic, partition",
    ),
    ("accounts", "SELECT data::text FROM manager.accounts ORDER BY label"),
    ("channels", "SELECT data::text FROM manager.channels ORDER BY number"),
    ("previews", "SELECT concat_ws(' ', channel, preview) FROM manager.previews ORDER BY channel"),
    (
        "transitions",
        "SELECT concat_ws(' ', channel, at, from_state, to_state, reason, account) FROM manager.transitions ORDER BY id",
    ),
    (
        "history",
        "SELECT concat_ws(' ', channel, at, field, old_value, new_value) FROM manager.channel_history ORDER BY id",
    ),
    ("sources", "SELECT concat_ws(' ', chat_id, data) FROM manager.link_sources ORDER BY chat_id"),
    (
        "instructions",
        "SELECT concat_ws(' ', number, account, action, issued_at, deadline, sent, outcome) FROM manager.instructions ORDER BY number",
    ),
];

async fn play(server: &Server, mut random: Option<&mut Random>, calm: Duration) -> (Ending, u32, Duration) {
    let dir = tempfile::tempdir().unwrap();
    let url = server.create_database(&[]);
    let pool = stage::database(&url).await;
    // Drawn at the first start otherwise, and then part of every id.
    sqlx::query("INSERT INTO manager.installation VALUES (true, 'test', 0, 0, 1, 1, 0)")
        .execute(&pool)
        .await
        .unwrap();
    let mut world = World::default();
    let doors =
        [Door::Open, Door::Open, Door::Open, Door::Request(100), Door::Bans, Door::Open, Door::Nothing];
    let chats: Vec<i64> =
        (0..CHATS).map(|n| world.add_chat(n, doors[n as usize % doors.len()], n % 2 == 0)).collect();
    for label in ACCOUNTS {
        world.add_actor(label, false, 30);
    }
    let (mut kills, mut longest, mut carried_out) = (0, Duration::ZERO, 0);
    let mut script = Random(42); // of what happens, not of when it is killed
    for round in 0..ROUNDS {
        let now = START + round * 600;
        {
            let log = stage::log(dir.path()).await;
            let told = stage::distinct(stage::instructions(&log, 0).await);
            let mut said = world.let_in(now);
            if round == 3 {
                world.actors.get_mut("anna").unwrap().state = AccountState::Banned;
            }
            for instruction in &told[carried_out..] {
                said.extend(world.execute(instruction, now - 300 + script.below(200) as i64));
            }
            carried_out = told.len();
            for message in 0..400 {
                let (label, chat) = (ACCOUNTS[script.below(3) as usize], script.below(CHATS as u64) as usize);
                let seen_in = (chats[script.below(5) as usize], round * 1_000 + message);
                let at = now - 500 + message;
                said.push(world.sighting(label, chats[chat], seen_in, at, script.below(3) > 0));
            }
            for label in ACCOUNTS {
                said.extend(world.report(label, now));
            }
            stage::append(&log, &said).await;
        }
        let (killed, took) = drain(dir.path(), &url, now, random.as_deref_mut(), calm);
        kills += killed;
        longest = longest.max(took);
    }
    let mut tables = Vec::new();
    for (table, sql) in TABLES {
        tables.push((table, sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()));
    }
    let log = stage::log(dir.path()).await;
    let instructions = stage::distinct(stage::instructions(&log, 0).await);
    pool.close().await;
    (Ending { tables, instructions }, kills, longest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_manager_ends_where_one_left_alone_does() {
    if std::env::var(CHILD).is_ok() {
        return;
    }
    let Some(server) = Server::shared() else { return };
    let (calm, _, longest) = play(&server, None, Duration::ZERO).await;
    let sizes: Vec<_> = calm.tables.iter().map(|(table, rows)| (*table, rows.len())).collect();
    println!("undisturbed: {sizes:?}, {} instructions, a life of {longest:?}", calm.instructions.len());
    assert!(calm.instructions.len() > 25 && calm.tables.iter().all(|(_, rows)| !rows.is_empty()));
    let recorded = &calm.tables.last().unwrap().1;
    assert_eq!(recorded.len(), calm.instructions.len(), "what is recorded is on the topic");
    let mut all = 0;
    for seed in 1..=DISTURBED {
        let (disturbed, kills, _) = play(&server, Some(&mut Random(seed)), longest).await;
        for ((table, found), (_, expected)) in disturbed.tables.iter().zip(&calm.tables) {
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!(found, expected, "seed {seed}, {kills} kills, table {table}");
            }
            assert_eq!(found.len(), expected.len(), "seed {seed}, table {table}");
        }
        assert_eq!(disturbed.instructions, calm.instructions, "seed {seed}");
        all += kills;
    }
    println!("{DISTURBED} disturbed plays, {all} kills: the same");
    assert!(all > 0);
}
