//! PostgreSQL 17 inside this process, for everyone who has no server: one connection, one directory.
//!
//! It survives a killed process, not a power cut: it runs without fsync. What a power cut destroys can be built
//! again from the log.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use pglite_oxide::{DataDirArchiveFormat, Pglite, PgliteServer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::error::{Error, Result};

/// The longest path of a socket on Linux is 107 bytes, on macOS 103.
#[cfg(unix)]
const MAX_SOCKET_PATH: usize = 100;

/// Rows written between two checkpoints, in bytes. A server's background process looks after that; here is none, so
/// the write-ahead log would grow, and with it the time of the next start, as long as the program runs.
const CHECKPOINT_BYTES: u64 = 256 << 20;

/// A running embedded server.
pub(super) struct Embedded {
    /// None only while it is started again.
    server: Option<PgliteServer>,
    endpoint: Endpoint,
    dir: PathBuf,
    written: AtomicU64,
}

/// Where the server listens.
#[derive(Debug, Clone)]
enum Endpoint {
    #[cfg(unix)]
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// The two directions of a connection: from the server, to the server.
pub(super) type Streams = (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>);

impl Embedded {
    /// Starts the server on a directory that no other process uses.
    pub(super) async fn start(dir: PathBuf) -> Result<Self> {
        let started = tokio::task::spawn_blocking(move || match start(&dir) {
            Ok((server, endpoint)) => {
                Ok(Self { server: Some(server), endpoint, dir, written: AtomicU64::new(0) })
            }
            Err(reason) if reason.contains("already in use") => Err(failed(
                &dir,
                reason,
                "another tickertape uses it: stop that, or choose another directory with --data",
            )),
            Err(reason) => Err(failed(
                &dir,
                reason,
                "check that the directory is writable and has room; or set DATABASE_URL to use a server",
            )),
        });
        started.await.expect("starting does not panic, and nobody cancels it")
    }

    /// Where its one connection can be had.
    pub(super) fn url(&self) -> String {
        match &self.endpoint {
            #[cfg(unix)]
            Endpoint::Unix(socket) => {
                let host = socket.parent().unwrap_or(&self.dir).to_string_lossy();
                let host = percent_encoded(&host);
                format!("postgresql://postgres@localhost:5432/postgres?host={host}&sslmode=disable")
            }
            Endpoint::Tcp(address) => format!("postgresql://postgres@{address}/postgres?sslmode=disable"),
        }
    }

    /// Takes its one connection, after starting it again if need be: it ends with a client that breaks off in the
    /// middle of a COPY.
    pub(super) async fn connect(&mut self) -> Result<Streams> {
        if let Ok(streams) = self.endpoint.connect().await {
            return Ok(streams);
        }
        let ended = self.server.take();
        tokio::task::spawn_blocking(|| drop(ended))
            .await
            .expect("dropping does not panic, and nobody cancels it");
        *self = Self::start(self.dir.clone()).await?;
        let connected = self.endpoint.connect().await;
        connected.map_err(|error| failed(&self.dir, error.to_string(), "start the program again"))
    }

    /// Counts what was written; true when a checkpoint is due.
    pub(super) fn wrote(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let before = self.written.fetch_add(bytes, Ordering::Relaxed);
        before / CHECKPOINT_BYTES != (before + bytes) / CHECKPOINT_BYTES
    }

    /// Stops it; its connection must be closed.
    pub(super) async fn stop(self) -> Result<()> {
        let stopped = tokio::task::spawn_blocking(move || {
            let stopped = self.server.map_or(Ok(()), PgliteServer::shutdown);
            stopped.map_err(|error| failed(&self.dir, format!("{error:#}"), "what was committed is safe"))
        });
        stopped.await.expect("stopping does not panic, and nobody cancels it")
    }
}

impl Endpoint {
    async fn connect(&self) -> io::Result<Streams> {
        match self {
            #[cfg(unix)]
            Self::Unix(path) => {
                let (from, to) = UnixStream::connect(path).await?.into_split();
                Ok((Box::new(from), Box::new(to)))
            }
            Self::Tcp(address) => {
                let (from, to) = TcpStream::connect(address).await?.into_split();
                Ok((Box::new(from), Box::new(to)))
            }
        }
    }
}

fn failed(dir: &Path, reason: String, advice: &'static str) -> Error {
    Error::Embedded { dir: dir.display().to_string(), reason, advice }
}

fn start(dir: &Path) -> Result<(PgliteServer, Endpoint), String> {
    let dir = std::path::absolute(dir).map_err(|error| error.to_string())?;
    create(&dir)?;
    let server = PgliteServer::builder().path(&dir).database("postgres");
    #[cfg(unix)]
    let server = {
        // Its only guard are the rights on its directory: over TCP any user of the machine could come in.
        let socket = dir.join(".s.PGSQL.5432");
        if socket.as_os_str().len() <= MAX_SOCKET_PATH { server.unix(socket) } else { server }
    };
    let server = server.start().map_err(|error| format!("{error:#}"))?;
    #[cfg(unix)]
    if let Some(socket) = server.socket_path() {
        let endpoint = Endpoint::Unix(socket.to_owned());
        return Ok((server, endpoint));
    }
    let address = server.tcp_addr().expect("what does not listen on a socket file listens on TCP");
    Ok((server, Endpoint::Tcp(address)))
}

/// Makes the directory, unless it is there, whole or not at all.
///
/// Left to itself the crate would share the files of every new database in the user's cache and copy each when it
/// is first written: a kill in the middle of that, or an emptied cache, destroys the database.
fn create(dir: &Path) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let beside = |suffix: &str| {
        let mut name = dir.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent).map_err(said)?;
    }
    let lock = File::create(beside(".lock")).map_err(said)?;
    lock.lock().map_err(said)?;
    let made = fs::read_dir(dir).is_ok_and(|mut files| files.next().is_some());
    if made {
        return Ok(());
    }
    let new = beside(".new");
    if new.exists() {
        fs::remove_dir_all(&new).map_err(said)?;
    }
    copy_template(&new).map_err(|error| format!("{error:#}"))?;
    fs::rename(&new, dir).map_err(said)
}

/// Makes a database with all its files. Running initdb would do the same, at a peak of 715 MB instead of 500.
fn copy_template(dir: &Path) -> anyhow::Result<()> {
    let mut template = Pglite::temporary()?;
    let files = template.dump_data_dir_with_format(DataDirArchiveFormat::Tar)?;
    template.close()?;
    drop(template);
    Pglite::builder().path(dir).load_data_dir_archive(files).open()?.close()
}

/// A path as it may stand in a parameter of a URL.
#[cfg(unix)]
fn percent_encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
