//! A Telegram, a data directory, and the program run in it.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tempfile::TempDir;
use tickertape_loopback_telegram::{AccountId, AccountSpec, Loopback};
use tickertape_telegram::Session;

pub(crate) const PHONE: &str = "+10000000001";
pub(crate) const CODE: &str = "98765";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const HASH: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const TOKEN: &str = "4242:a-token-of-a-bot";

pub(crate) struct User {
    pub(crate) telegram: Loopback,
    pub(crate) home: TempDir,
    labels: Vec<String>,
    environment: Vec<(String, String)>,
}

/// Killed when dropped.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Process {
    /// Asks it to stop; what it had said on standard error.
    pub(crate) fn terminate(mut self) -> String {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        let status = self.0.wait().expect("ends");
        let mut said = String::new();
        if let Some(mut stderr) = self.0.stderr.take() {
            stderr.read_to_string(&mut said).expect("text");
        }
        assert!(status.success(), "SIGTERM is not an error: {said}");
        said
    }
}

impl User {
    pub(crate) async fn new() -> Self {
        let telegram = Loopback::start().await;
        let home = tempfile::tempdir().expect("a temporary directory");
        Self { telegram, home, labels: Vec::new(), environment: Vec::new() }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn session(&self, label: &str) -> PathBuf {
        self.home.path().join("data/sessions").join(format!("{label}.session"))
    }

    /// An account whose session knows where this Telegram is, as every session knows where the real one is.
    pub(crate) async fn account(&mut self, label: &str, spec: AccountSpec) -> AccountId {
        let id = self.telegram.add_account(spec);
        self.labels.push(label.to_owned());
        let session = Session::open(self.session(label)).expect("opens");
        self.telegram.signed_out().import_to(&session).await.expect("written");
        session.flush().expect("written");
        id
    }

    /// As [`Self::account`], and it has signed in before.
    pub(crate) async fn signed_in(&mut self, label: &str, spec: AccountSpec) -> AccountId {
        let id = self.account(label, spec).await;
        let session = Session::open(self.session(label)).expect("opens");
        self.telegram.signed_in(id).import_to(&session).await.expect("written");
        session.flush().expect("written");
        id
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickertape"));
        self.prepare(&mut command);
        command.args(arguments);
        command
    }

    /// Gives a command this user's environment and none of the tester's.
    pub(crate) fn prepare(&self, command: &mut Command) {
        for name in
            ["DATABASE_URL", "TELEGRAM_PHONE", "TELEGRAM_CODE", "TELEGRAM_PASSWORD", "TELEGRAM_BOT_TOKEN"]
        {
            command.env_remove(name);
        }
        command
            .current_dir(self.home.path())
            .env("TICKERTAPE_DATA", "data")
            .env("TICKERTAPE_COINS_REFRESH_HOURS", "0")
            .env("TICKERTAPE_TELEGRAM_ACCOUNTS", self.labels.join(","))
            .env("TELEGRAM_API_ID", "12345")
            .env("TELEGRAM_API_HASH", HASH)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
    }

    /// Runs to its end, with variables of its own.
    pub(crate) async fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("no panic")
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        let mut command = self.command(arguments);
        Process(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts"))
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits for something; the deadline is a safety net.
pub(crate) async fn until<F: Future<Output = bool>>(look: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !look().await {
        assert!(Instant::now() < deadline, "it never came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Rows of a table.
pub(crate) async fn count(pool: &PgPool, what: &'static str) -> i64 {
    let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {what}"));
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap_or(0) // before the first process has made the table
}
