//! A real PostgreSQL server for tests: private, thrown away at the end. Where none is installed, tests say so and skip.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test support: whatever fails here fails the test"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// One server serves all tests that run at the same time; the last one stops it.
static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A server of our own in a temporary directory, reached through a socket there.
pub struct Server {
    programs: PathBuf,
    dir: TempDir,
    process: Mutex<Child>,
}

impl Server {
    /// The server that tests share; none where no PostgreSQL is installed.
    pub fn shared() -> Option<Arc<Self>> {
        let mut shared = SHARED.lock().unwrap();
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// A server of a test's own, that it may stop.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            println!(
                "skipped: no PostgreSQL in /usr/lib/postgresql/*/bin or on the PATH (Debian: apt install postgresql)"
            );
            return None;
        };
        let dir = tempfile::Builder::new().prefix("tickertape-postgres").tempdir_in("/tmp").unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(dir.path()));
        }
        let data = dir.path().join("data");
        run(as_server(&programs.join("initdb"))
            .args([
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "-D",
            ])
            .arg(&data));
        let process = Mutex::new(launch(&programs, dir.path()));
        let server = Self { programs, dir, process };
        server.wait_until_ready();
        Some(server)
    }

    /// The URL of a database on this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@localhost:5432/{database}?host={}", self.dir.path().display())
    }

    /// Makes an empty database and returns its URL.
    pub fn create_database(&self, options: &[&str]) -> String {
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        run(as_server(&self.programs.join("createdb"))
            .arg("-h")
            .arg(self.dir.path())
            .args(["-U", "postgres"])
            .args(options)
            .arg(&name));
        self.url(&name)
    }

    /// Stops the server as a crash would, and starts it again.
    pub fn crash_and_restart(&self) {
        let mut process = self.process.lock().unwrap();
        self.stop("immediate");
        process.wait().unwrap();
        *process = launch(&self.programs, self.dir.path());
        drop(process);
        self.wait_until_ready();
    }

    fn stop(&self, mode: &str) {
        let mut stop = as_server(&self.programs.join("pg_ctl"));
        stop.args(["stop", "--silent", "-m", mode, "-D"]).arg(self.dir.path().join("data"));
        let _ = stop.stdout(Stdio::null()).status();
    }

    fn wait_until_ready(&self) {
        let ready = self.programs.join("pg_isready");
        let started = Instant::now();
        loop {
            let ready = Command::new(&ready).arg("-q").arg("-h").arg(self.dir.path()).status().unwrap();
            if ready.success() {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop("immediate");
        let _ = self.process.lock().unwrap().wait();
    }
}

fn launch(programs: &Path, dir: &Path) -> Child {
    as_server(&programs.join("postgres"))
        .arg("-D")
        .arg(dir.join("data"))
        .arg("-k")
        .arg(dir)
        .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "port=5432"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A command with the rights of the server, which refuses to run as root.
fn as_server(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn is_root() -> bool {
    let user = Command::new("id").arg("-u").output().unwrap();
    user.stdout == b"0\n"
}

/// Where the newest installed PostgreSQL has its programs.
fn programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, programs)| programs.join("postgres").exists())
        .max();
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest
        .map(|(_, programs)| programs)
        .or_else(|| std::env::split_paths(&path).find(|programs| programs.join("postgres").exists()))
}
