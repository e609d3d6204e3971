//! A Telegram with channels and an account in them, a database, and a producer in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sqlx::PgPool;
use tempfile::TempDir;
use tickertape_loopback_telegram::{AccountSpec, ChatSpec, Loopback};
use tickertape_postgres_server::Server;
use tickertape_telegram::Session;
use tokio::time::{Instant, sleep};

/// Bare id of the first channel; the others follow.
pub(crate) const FIRST_CHANNEL: i64 = 1_500_000_001;
/// Label of the account.
pub(crate) const ACCOUNT: &str = "alpha";
/// Says where the database is; not an argument, because those are seen by everyone on the machine.
pub(crate) const DATABASE_URL: &str = "DATABASE_URL";

/// Everything but the producer.
pub(crate) struct Setting {
    pub(crate) telegram: Loopback,
    pub(crate) channels: Vec<i64>,
    pub(crate) pool: PgPool,
    pub(crate) folder: TempDir,
    database: String,
    _server: Arc<Server>,
}

impl Setting {
    /// None where no PostgreSQL is installed.
    pub(crate) async fn make(channels: usize) -> Result<Option<Self>> {
        let Some(server) = Server::shared() else { return Ok(None) };
        let database = server.create_database(&[]);
        let pool = PgPool::connect(&database).await?;
        sqlx::migrate!("../../migrations").run(&pool).await?;
        let folder = tempfile::tempdir().context("cannot make a temporary directory")?;
        let telegram = Loopback::start().await;
        let account =
            telegram.add_account(AccountSpec { channels_at_most: channels, ..AccountSpec::default() });
        let channels: Vec<i64> = (0..channels as i64).map(|number| FIRST_CHANNEL + number).collect();
        for id in &channels {
            let title = format!("Channel {id}");
            telegram.add_chat(ChatSpec { id: *id, title, participants: 10, ..ChatSpec::default() });
            telegram.add_member(account, *id);
        }
        let session = Session::open(session_file(folder.path()))?;
        telegram.signed_in(account).import_to(&session).await?;
        session.flush()?;
        Ok(Some(Self { telegram, channels, pool, folder, database, _server: server }))
    }

    /// Starts a producer; what it prints goes where `shape` says.
    pub(crate) fn start(&self, shape: impl FnOnce(&mut Command)) -> Result<Running> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("producer").arg(self.folder.path()).env(DATABASE_URL, &self.database);
        shape(&mut command);
        command.spawn().map(Running).context("cannot start the producer")
    }
}

/// A producer in a process of its own, which does not outlive this value.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Fails when it has ended by itself.
    pub(crate) fn lives(&mut self) -> Result<()> {
        match self.0.try_wait()? {
            Some(status) => bail!("the producer ended by itself with {status}"),
            None => Ok(()),
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.lives()?;
        self.0.kill().context("cannot kill the producer")?;
        self.0.wait()?;
        Ok(())
    }

    /// Stops it as an operator does, and waits for its end.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let sent = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        ensure!(sent.success(), "cannot send SIGTERM to the producer");
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.0.try_wait()? {
                ensure!(status.success(), "the producer ended with {status}");
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the producer does not stop");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended long ago
        let _ = self.0.wait();
    }
}

pub(crate) fn session_file(folder: &Path) -> PathBuf {
    folder.join("alpha.session")
}

pub(crate) fn log_folder(folder: &Path) -> PathBuf {
    folder.join("log")
}
