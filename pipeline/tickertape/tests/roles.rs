//! Roles as processes of their own, on a real Fluvio cluster and a real PostgreSQL: two share the partitions, one is
//! killed, the other goes on, and every message is stored once.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tempfile::TempDir;
use tickertape_fluvio_cluster::{Cluster, bare};
use tickertape_postgres_server::Server as Postgres;
use tickertape_records::topics;

const PARTITIONS: usize = 4;
const CHATS: usize = 60;

/// A cluster, a database and a directory that the processes share.
struct Place {
    dir: TempDir,
    cluster: Cluster,
    url: String,
    pool: PgPool,
    _postgres: std::sync::Arc<Postgres>,
    imported: usize,
}

/// Killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Process {
    fn terminate(mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        assert!(self.0.wait().expect("ends").success(), "SIGTERM is not an error");
    }
}

impl Place {
    async fn new() -> Option<Self> {
        let cluster = Cluster::start().await?;
        let postgres = Postgres::shared()?;
        let url = postgres.create_database(&[]);
        let pool = PgPool::connect(&url).await.expect("connects");
        let dir = tempfile::tempdir().expect("a temporary directory");
        Some(Self { dir, cluster, url, pool, _postgres: postgres, imported: 0 })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickertape"));
        command
            .args(arguments)
            .env("TICKERTAPE_DATA", self.dir.path())
            .env("TICKERTAPE_COINS_REFRESH_HOURS", "0")
            .env("DATABASE_URL", &self.url)
            .env("TICKERTAPE_LOG_ENGINE", "fluvio")
            .env("TICKERTAPE_LOG_PARTITIONS", PARTITIONS.to_string())
            .env("TICKERTAPE_FLUVIO_ENDPOINT", self.cluster.endpoint())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Runs to its end on that engine; what it printed.
    fn run(&self, engine: &str, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        let output = command
            .env("TICKERTAPE_LOG_ENGINE", engine)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .expect("runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    fn start(&self, arguments: &[&str]) -> Process {
        Process(self.command(arguments).spawn().expect("starts"))
    }

    /// Imports `messages` new messages into each chat, while whoever runs runs.
    fn import(&mut self, messages: usize) {
        let path = self.file();
        let mut file = std::fs::File::create(&path).expect("creates");
        for message in self.imported..self.imported + messages {
            for chat in 1..=CHATS {
                writeln!(
                    file,
                    r#"{{"_":"Message","id":{},"peer_id":{{"channel_id":{chat}}},"date":"2021-01-01T00:00:00+00:00","message":"$BTC"}}"#,
                    message + 1
                )
                .expect("writes");
            }
        }
        self.imported += messages;
        let status = self.command(&["import", &path.display().to_string()]).status().expect("runs");
        assert!(status.success(), "import: {status}");
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join(format!("{}.jsonl", self.imported))
    }

    async fn rows(&self) -> usize {
        let rows = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM messages").fetch_one(&self.pool).await;
        rows.unwrap_or(0) as usize // there is no such table before the first process has made it
    }

    /// How many partitions each `sink postgres` has.
    async fn shares(&self) -> Vec<i64> {
        sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND objsubid = 2 \
             AND objid::bigint < 2147483648 AND datname = current_database() AND application_name LIKE 'tickertape sink postgres%' \
             GROUP BY pid ORDER BY 1 DESC",
        )
        .fetch_all(&self.pool)
        .await
        .expect("answers")
    }

    async fn until_shares(&self, wanted: &[i64]) {
        eventually(&format!("shares of {wanted:?}"), async || self.shares().await == wanted).await;
    }

    async fn until_stored(&self) {
        let wanted = self.imported * CHATS;
        eventually(&format!("{wanted} rows"), async || self.rows().await >= wanted).await;
        let found: (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(DISTINCT (chat_id, message_id)) FROM messages WHERE coin_id = 'bitcoin'",
        )
        .fetch_one(&self.pool)
        .await
        .expect("answers");
        assert_eq!(found, (wanted as i64, wanted as i64), "each once, and each with its coin");
    }
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(180), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sink_is_replaced_by_the_other_and_nothing_is_lost_or_doubled() {
    let Some(mut place) = Place::new().await else { return };
    place.import(50);
    let attribution = [place.start(&["attribute"]), place.start(&["attribute"])];
    let first = place.start(&["sink", "postgres"]);
    let second = place.start(&["sink", "postgres"]);
    place.until_shares(&[2, 2]).await;
    place.until_stored().await;

    place.import(50);
    drop(first); // SIGKILL
    place.import(50);
    place.until_shares(&[4]).await;
    place.until_stored().await;

    let third = place.start(&["sink", "postgres"]);
    place.until_shares(&[2, 2]).await;
    let [killed, left] = attribution;
    place.import(50);
    drop(killed);
    second.terminate();
    place.import(50);
    place.until_stored().await;
    drop((left, third));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_moves_without_its_checkpoint_is_read_again_and_nothing_changes() {
    let Some(mut place) = Place::new().await else { return };
    place.import(100);
    let sink = place.start(&["sink", "postgres"]);
    let first = place.start(&["attribute"]);
    place.until_stored().await;
    first.terminate(); // has written its checkpoints
    let checkpoints = place.dir.path().join("checkpoints");
    assert!(checkpoints.read_dir().expect("is there").count() > 0);
    std::fs::remove_dir_all(&checkpoints).expect("removes"); // as if the next one were another machine
    place.import(20);
    let next = place.start(&["attribute"]);
    place.until_stored().await;
    drop((sink, next));
}

#[tokio::test(flavor = "multi_thread")]
async fn run_drains_a_shared_log_only_when_nobody_else_is_at_it() {
    let Some(mut place) = Place::new().await else { return };
    place.import(10);
    let sink = place.start(&["sink", "postgres"]);
    place.until_shares(&[4]).await;
    assert_eq!(place.command(&["run"]).stderr(Stdio::null()).status().expect("runs").code(), Some(1));
    sink.terminate();
    assert!(place.command(&["run"]).status().expect("runs").success());
    place.until_stored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_log_moves_to_the_cluster_and_nothing_is_stored_twice() {
    let Some(mut place) = Place::new().await else { return };
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/sample-export");
    place.run("embedded", &["run", sample]);
    let stored = place.rows().await;
    assert_eq!(archived(place.dir.path()), stored);

    place.run("embedded", &["log", "copy"]);
    place.run("embedded", &["log", "copy"]); // as after a kill at its end
    assert!(place.run("fluvio", &["run", sample]).starts_with("Nothing new"));
    assert_eq!((place.rows().await, archived(place.dir.path())), (stored, stored));

    place.import(20);
    place.run("fluvio", &["run"]);
    let wanted = stored + 20 * CHATS;
    assert_eq!((place.rows().await, archived(place.dir.path())), (wanted, wanted));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installed_smartmodule_says_what_each_message_mentions() {
    let Some(mut place) = Place::new().await else { return };
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    let module = target.join("smartmodule/tickertape-mentions.wasm");
    if !module.exists() {
        eprintln!("skipped: the SmartModule is not built; run: make smartmodule");
        return;
    }
    place.run("fluvio", &["smartmodule", "install", module.to_str().expect("text")]);
    place.run("fluvio", &["smartmodule", "install", module.to_str().expect("text")]); // replaces it
    place.import(2);
    let (endpoint, name) = (place.cluster.endpoint(), Some("tickertape-mentions"));
    let marked = (1..=CHATS as i64).map(|chat| -1_000_000_000_000 - chat);
    let there = 2 * marked.filter(|chat| topics::partition_of(*chat, PARTITIONS as u32) == 0).count();
    let mut values: Vec<serde_json::Value> = Vec::new();
    let read = |value: &[u8]| values.push(serde_json::from_slice(value).expect("JSON"));
    let seen = bare::consume_through(&endpoint, "messages", there as u64, name, read).await;
    assert_eq!(seen.records, there as u64);
    assert!(values.iter().all(|value| value["own"]["coin_id"] == "bitcoin"), "{:?}", values[0]);
}

/// Messages in the archive, as its commit records count them.
fn archived(data: &std::path::Path) -> usize {
    let commits = data.join("archive/messages/_commits").read_dir().expect("is there");
    let rows = commits.map(|commit| {
        let bytes = std::fs::read(commit.expect("readable").path()).expect("reads");
        let commit: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        commit["rows"].as_u64().expect("a number") as usize
    });
    rows.sum()
}

/// On the embedded engine: one process, no lease, and the same endpoints.
#[test]
fn up_answers_probes_and_stops_within_its_time() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let address = format!("127.0.0.1:{port}");
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/sample-export");
    let mut up = Command::new(env!("CARGO_BIN_EXE_tickertape"));
    up.args(["up", "--listen", &address, "--log-format", "json", "-v", sample])
        .env("TICKERTAPE_DATA", dir.path())
        .env("TICKERTAPE_COINS_REFRESH_HOURS", "0") // a test asks nobody outside
        .env_remove("DATABASE_URL")
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    let mut up = Process(up.spawn().expect("starts"));
    let began = Instant::now();
    while probe(&address, "/ready").is_none_or(|answer| !answer.starts_with("HTTP/1.0 200")) {
        assert!(began.elapsed() < Duration::from_secs(180), "{:?}", probe(&address, "/ready"));
        std::thread::sleep(Duration::from_millis(100));
    }
    let health = probe(&address, "/health").expect("answers");
    assert!(health.starts_with("HTTP/1.0 200") && health.contains(r#""alive":true"#), "{health}");
    let mut said = up.0.stderr.take().expect("piped");
    up.terminate();
    let mut logs = String::new();
    said.read_to_string(&mut logs).expect("text");
    for line in logs.lines().filter(|line| line.starts_with('{')) {
        let line: serde_json::Value = serde_json::from_str(line).expect("one JSON object a line");
        assert!(
            line["time"].is_string() && line["level"].is_string() && line["target"].is_string(),
            "{line}"
        );
    }

    // What `up` has stored is what `run` finds stored.
    let run = Command::new(env!("CARGO_BIN_EXE_tickertape"))
        .args(["run", sample])
        .env("TICKERTAPE_DATA", dir.path())
        .env_remove("DATABASE_URL")
        .output()
        .expect("runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

fn probe(address: &str, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect(address).ok()?;
    write!(socket, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    Some(answer)
}
