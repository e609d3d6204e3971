//! From a file through a Fluvio cluster into Postgres and Parquet, by the real program: what is missing there and what
//! is doubled, for every batch size and compression, and while everything is killed. The client crate, as its
//! documentation shows it, reads the same topic in the same run.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sqlx::PgPool;
use tempfile::TempDir;
use tickertape_broker::fluvio::Options;
use tickertape_broker::{Broker, Fluvio, TopicPartition};
use tickertape_fluvio_cluster::{Cluster, bare};
use tickertape_postgres_server::Server;
use tickertape_records::topics;

const CHATS: u64 = 50;
const ROLES: [&[&str]; 3] = [&["attribute"], &["sink", "postgres"], &["sink", "parquet"]];

/// Every batch size with every compression.
pub(crate) async fn batches(binary: &Path, records: u64) -> Result<()> {
    let Some(mut place) = Place::new(binary, records).await? else { return Ok(()) };
    println!("fluvio batches: {records} messages from a file into Postgres and Parquet, private cluster");
    for kilobytes in [16, 64, 256, 1024] {
        for compression in ["none", "lz4", "zstd"] {
            place.begin_anew().await?;
            place.options = vec![
                ("TICKERTAPE_FLUVIO_BATCH_BYTES", (kilobytes << 10).to_string()),
                ("TICKERTAPE_FLUVIO_COMPRESSION", compression.to_owned()),
            ];
            let began = Instant::now();
            place.run(&[&place.input.display().to_string()])?;
            let took = began.elapsed().as_secs_f64();
            let found = place.found().await?;
            let bare = bare::consume(&place.cluster.endpoint(), topics::MESSAGES, place.end().await?).await;
            println!(
                "  {kilobytes:>4} KB {compression:<4}  {found}; {:.0} messages/s; bare client: missing {}",
                records as f64 / took,
                bare.missed
            );
            ensure!(found.is_whole(records), "something is missing or doubled");
        }
    }
    Ok(())
}

/// Every stage as a process of its own while ten of them, the SPU four times, the SC once and Postgres twice are
/// killed, each when another eighteenth of the messages has been stored.
pub(crate) async fn kills(binary: &Path, records: u64) -> Result<()> {
    let Some(place) = Place::new(binary, records).await? else { return Ok(()) };
    println!("fluvio kills: {records} messages, a process for each stage, on a private cluster");
    let input = place.input.display().to_string();
    let mut import = place.start(&["import", &input])?;
    let mut roles = [const { None }; ROLES.len()];
    // It makes the topics.
    while place.log.topic(topics::MESSAGES).await?.is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let endpoint = place.cluster.endpoint();
    let bare = tokio::spawn(async move { bare::consume(&endpoint, topics::MESSAGES, records).await });

    let began = Instant::now();
    let mut kills = 0;
    for (n, victim) in "s spu s pg s spu s s sc s spu s s pg spu s s".split(' ').enumerate() {
        place.until_stored(records * (n as u64 + 1) / 18, &mut roles).await?;
        let mut killed = victim.to_owned();
        match victim {
            "spu" => {
                place.cluster.kill_spu();
                tokio::time::sleep(Duration::from_millis(500)).await;
                place.cluster.start_spu();
            }
            "sc" => {
                place.cluster.kill_sc();
                tokio::time::sleep(Duration::from_millis(500)).await;
                place.cluster.start_sc();
            }
            "pg" => place.postgres.crash_and_restart(),
            _ => {
                // The import as long as it lives, then each of the others in turn.
                kills += 1;
                if kills % 4 == 1 && import.is_running()? {
                    drop(import);
                    import = place.start(&["import", &input])?;
                    killed = "import".to_owned();
                } else {
                    let role = kills % ROLES.len();
                    roles[role] = None;
                    roles[role] = Some(place.start(ROLES[role])?);
                    killed = ROLES[role].join(" ");
                }
            }
        }
        println!("  {killed} killed at {:.1} s", began.elapsed().as_secs_f64());
    }
    while !import.0.wait()?.success() {
        import = place.start(&["import", &input])?; // it came to a cluster that was away
    }
    place.until_stored(records, &mut roles).await?;
    for role in roles.into_iter().flatten() {
        role.terminate()?;
    }
    place.run(&[])?; // whatever was left
    let found = place.found().await?;
    let bare = match bare.await {
        Ok(seen) => format!("missing {}", seen.missed),
        Err(_) => "failed".to_owned(),
    };
    println!("  {found}; in {:.1} s; bare client: {bare}", began.elapsed().as_secs_f64());
    ensure!(found.is_whole(records), "something is missing or doubled");
    Ok(())
}

/// A cluster, a PostgreSQL and an input.
struct Place {
    cluster: Cluster,
    log: Fluvio,
    postgres: Arc<Server>,
    url: String,
    data: TempDir,
    input: PathBuf,
    _input: TempDir,
    binary: PathBuf,
    options: Vec<(&'static str, String)>,
}

/// What lies in the stores.
struct Found {
    rows: u64,
    distinct: u64,
    archived: u64,
    distinct_archived: u64,
}

/// Killed when dropped.
struct Process(Child);

impl Place {
    async fn new(binary: &Path, records: u64) -> Result<Option<Self>> {
        let Some(cluster) = Cluster::start().await else { return Ok(None) };
        let Some(postgres) = Server::start().map(Arc::new) else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let input = folder.path().join("input.jsonl");
        write_input(&input, records).context("cannot write the input")?;
        Ok(Some(Self {
            log: Fluvio::connect(Options::new(cluster.endpoint())).await?,
            url: postgres.create_database(&[]),
            cluster,
            postgres,
            data: tempfile::tempdir()?,
            input,
            _input: folder,
            binary: binary.to_owned(),
            options: Vec::new(),
        }))
    }

    async fn begin_anew(&mut self) -> Result<()> {
        for topic in self.log.topics().await? {
            self.log.delete_topic(&topic.name).await?;
        }
        self.url = self.postgres.create_database(&[]);
        self.data = tempfile::tempdir()?;
        Ok(())
    }

    fn start(&self, arguments: &[&str]) -> Result<Process> {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env("TICKERTAPE_DATA", self.data.path())
            .env("TICKERTAPE_COINS_REFRESH_HOURS", "0")
            .env("DATABASE_URL", &self.url)
            .env("TICKERTAPE_LOG_ENGINE", "fluvio")
            .env("TICKERTAPE_FLUVIO_ENDPOINT", self.cluster.endpoint())
            .envs(self.options.iter().map(|(name, value)| (name, value)))
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Ok(Process(command.spawn().with_context(|| format!("cannot start {}", self.binary.display()))?))
    }

    /// Everything in one process, to the end of the log.
    fn run(&self, paths: &[&str]) -> Result<()> {
        let status = self.start(&[&["run"], paths].concat())?.0.wait()?;
        ensure!(status.success(), "`run` ended with {status}");
        Ok(())
    }

    /// Offset behind the last message on the log.
    async fn end(&self) -> Result<u64> {
        Ok(self.log.bounds(&TopicPartition::new(topics::MESSAGES, 0)).await?.end)
    }

    /// Waits until so many messages are in Postgres, which may be away. Starts the roles that do not run, as a service
    /// manager does: one that finds the cluster or Postgres away when it starts says so and ends.
    async fn until_stored(&self, records: u64, roles: &mut [Option<Process>; ROLES.len()]) -> Result<()> {
        let pool = PgPool::connect_lazy(&self.url)?;
        loop {
            for (role, process) in ROLES.into_iter().zip(&mut *roles) {
                let running = process.as_mut().map(Process::is_running).transpose()?;
                if running != Some(true) {
                    *process = Some(self.start(role)?);
                }
            }
            let rows = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM messages").fetch_one(&pool).await;
            if rows.is_ok_and(|rows| rows as u64 >= records) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn found(&self) -> Result<Found> {
        let pool = PgPool::connect(&self.url).await?;
        let counts = "SELECT count(*), count(DISTINCT (chat_id, message_id)) FROM messages";
        let (rows, distinct): (i64, i64) = sqlx::query_as(counts).fetch_one(&pool).await?;
        let mut identities = HashSet::new();
        let mut archived = 0;
        for month in fs::read_dir(self.data.path().join("archive/messages"))? {
            for file in fs::read_dir(month?.path())? {
                let file = file?.path();
                if file.extension().is_some_and(|extension| extension == "parquet") {
                    archived += read_identities(&file, &mut identities)?;
                }
            }
        }
        Ok(Found {
            rows: rows as u64,
            distinct: distinct as u64,
            archived,
            distinct_archived: identities.len() as u64,
        })
    }
}

impl Found {
    fn is_whole(&self, records: u64) -> bool {
        [self.rows, self.distinct, self.archived, self.distinct_archived] == [records; 4]
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "Postgres {} rows of {} messages, Parquet {} of {}",
            self.rows, self.distinct, self.archived, self.distinct_archived
        )
    }
}

impl Process {
    fn is_running(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }

    fn terminate(mut self) -> Result<()> {
        if self.is_running()? {
            let status = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
            ensure!(status.success(), "cannot stop a role");
            let status = self.0.wait()?;
            // By the signal itself when it had only just been started.
            ensure!(status.success() || status.signal().is_some(), "a role ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Adds the messages of a Parquet file; returns its rows.
fn read_identities(path: &Path, identities: &mut HashSet<(i64, i64)>) -> Result<u64> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let columns = ProjectionMask::columns(builder.parquet_schema(), ["chat_id", "message_id"]);
    let mut rows = 0;
    for batch in builder.with_projection(columns).build()? {
        let batch = batch?;
        let numbers = |name: &str| batch[name].as_primitive::<Int64Type>().values().to_vec();
        identities.extend(numbers("chat_id").into_iter().zip(numbers("message_id")));
        rows += batch.num_rows() as u64;
    }
    Ok(rows)
}

/// A Telethon dump of so many messages in fifty chats, every third a reply.
fn write_input(path: &Path, records: u64) -> Result<()> {
    const WORDS: [&str; 12] =
        ["moon", "pump", "$btc", "#eth", "long", "hodl", "entry", "target", "Solana", "whale", "chart", "gm"];
    let mut out = BufWriter::new(File::create(path)?);
    let mut state = 1_u64;
    for number in 0..records {
        let (chat, id) = (number % CHATS + 1, number / CHATS + 1);
        let mut text = String::new();
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            write!(text, "{} ", WORDS[(state >> 33) as usize % WORDS.len()])?;
        }
        let reply = match id % 3 {
            0 => format!(r#","reply_to":{{"reply_to_msg_id":{}}}"#, id - 2),
            _ => String::new(),
        };
        writeln!(
            out,
            r#"{{"_":"Message","id":{id},"peer_id":{{"channel_id":{chat}}},"date":{},"message":"{text}"{reply}}}"#,
            1_600_000_000 + number
        )?;
    }
    out.flush()?;
    Ok(())
}
