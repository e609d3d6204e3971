//! PostgreSQL 17 inside this process, for everyone who has no server: one connection, one directory.
//!
//! It survives a killed process, not a power cut: it runs without fsync. What a power cut destroys can be built
//! again from the log.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use pglite_oxide::PgliteServer;

use super::error::{Error, Result};

/// The longest path of a socket on Linux is 107 bytes, on macOS 103.
#[cfg(unix)]
const MAX_SOCKET_PATH: usize = 100;

/// A running embedded server.
pub struct Embedded {
    server: PgliteServer,
    dir: PathBuf,
}

impl Embedded {
    /// Starts the server on a directory that no other process uses, for this process.
    pub(super) async fn start(dir: PathBuf) -> Result<Self> {
        Self::start_at(dir, None).await
    }

    /// Starts the server on a directory that no other process uses, for one client at a time on a port of 127.0.0.1:
    /// any user of this machine can connect while it runs.
    ///
    /// # Errors
    /// [`Error::Embedded`], with advice.
    pub async fn serve(dir: PathBuf, port: u16) -> Result<Self> {
        Self::start_at(dir, Some(port)).await
    }

    async fn start_at(dir: PathBuf, port: Option<u16>) -> Result<Self> {
        let failed = |dir: &Path, reason: String| {
            let advice = if reason.contains("already in use") {
                "another process uses it: stop that, or choose another directory with --data, another port with --port"
            } else {
                "check that the directory is writable and has room; or set DATABASE_URL to use a server"
            };
            Error::Embedded { dir: dir.display().to_string(), reason, advice }
        };
        let started = tokio::task::spawn_blocking(move || match start(&dir, port) {
            Ok(server) => Ok(Self { server, dir }),
            Err(reason) => Err(failed(&dir, reason)),
        });
        started.await.expect("starting does not panic, and nobody cancels it")
    }

    /// Where its one connection can be had.
    pub fn url(&self) -> String {
        self.server.database_url()
    }

    /// Stops it; its connection must be closed.
    ///
    /// # Errors
    /// [`Error::Embedded`]; what was committed is safe.
    pub async fn stop(self) -> Result<()> {
        let stopped = tokio::task::spawn_blocking(move || {
            self.server.shutdown().map_err(|error| Error::Embedded {
                dir: self.dir.display().to_string(),
                reason: format!("{error:#}"),
                advice: "what was committed is safe",
            })
        });
        stopped.await.expect("stopping does not panic, and nobody cancels it")
    }
}

fn start(dir: &Path, port: Option<u16>) -> Result<PgliteServer, String> {
    std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    let dir = std::path::absolute(dir).map_err(|error| error.to_string())?;
    let server = PgliteServer::builder().path(&dir).database("postgres");
    if let Some(port) = port {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        return server.tcp(address).start().map_err(|error| format!("{error:#}"));
    }
    #[cfg(unix)]
    let server = {
        // Its only guard are the rights on its directory: over TCP any user of the machine could come in.
        let socket = dir.join(".s.PGSQL.5432");
        if socket.as_os_str().len() <= MAX_SOCKET_PATH { server.unix(socket) } else { server }
    };
    server.start().map_err(|error| format!("{error:#}"))
}
