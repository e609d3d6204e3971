//! A Fluvio cluster for tests. Where none is named, tests say so and skip.
//!
//! `TICKERTAPE_FLUVIO=host:port` names one that runs: tests make topics of their own there and delete them.
//! `TICKERTAPE_FLUVIO_RUN=/path/to/fluvio-run` names the program of which a private cluster is made, one SC and one
//! SPU on free loopback ports in a temporary directory; only that one is ever killed.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test support: whatever fails here fails the test"
)]

pub mod bare;

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use fluvio::metadata::customspu::CustomSpuSpec;
use fluvio::{Fluvio, FluvioClusterConfig};
use tempfile::TempDir;

const HOST: &str = "127.0.0.1";
const SPU: i32 = 5001;
/// Generous: a cluster is there within a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster that is not going to be killed.
pub enum Place {
    /// The one that `TICKERTAPE_FLUVIO` names.
    Named(String),
    /// One made of `TICKERTAPE_FLUVIO_RUN`.
    Private(Cluster),
}

impl Place {
    /// The cluster that is named, or else a private one; none where neither is there.
    pub async fn find() -> Option<Self> {
        match std::env::var("TICKERTAPE_FLUVIO") {
            Ok(endpoint) => Some(Self::Named(endpoint)),
            Err(_) => Cluster::start().await.map(Self::Private),
        }
    }

    /// Address of the SC.
    pub fn endpoint(&self) -> String {
        match self {
            Self::Named(endpoint) => endpoint.clone(),
            Self::Private(cluster) => cluster.endpoint(),
        }
    }

    /// What it is, for whoever reads a figure.
    pub fn what(&self) -> String {
        match self {
            Self::Named(endpoint) => format!("the cluster at {endpoint}"),
            Self::Private(_) => "a private cluster of one SC and one SPU on loopback".into(),
        }
    }
}

/// A cluster of a test's own, which it may kill. Dropping it kills it for good.
pub struct Cluster {
    program: PathBuf,
    dir: TempDir,
    ports: [u16; 4],
    sc: Mutex<Option<Child>>,
    spu: Mutex<Option<Child>>,
}

impl Cluster {
    /// Starts one; none where `TICKERTAPE_FLUVIO_RUN` names no program.
    pub async fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("TICKERTAPE_FLUVIO_RUN").map(PathBuf::from) else {
            println!("skipped: TICKERTAPE_FLUVIO_RUN names no fluvio-run to make a cluster of");
            return None;
        };
        let dir = tempfile::Builder::new().prefix("tickertape-fluvio").tempdir_in("/tmp").unwrap();
        std::fs::create_dir(dir.path().join("meta")).unwrap();
        std::fs::create_dir(dir.path().join("spu")).unwrap();
        // Held until all four are chosen, so that they differ.
        let held = [(); 4].map(|()| TcpListener::bind((HOST, 0)).unwrap());
        let ports = [0, 1, 2, 3].map(|i: usize| held[i].local_addr().unwrap().port());
        drop(held);
        let cluster = Self { program, dir, ports, sc: Mutex::default(), spu: Mutex::default() };
        cluster.start_sc();
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = cluster.register_spu().await {
            assert!(Instant::now() < deadline, "{error}\n{}", cluster.log("sc"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        cluster.start_spu();
        Some(cluster)
    }

    /// Address of the SC.
    pub fn endpoint(&self) -> String {
        format!("{HOST}:{}", self.ports[0])
    }

    /// Starts the SC.
    pub fn start_sc(&self) {
        let arguments = [
            "sc".to_owned(),
            "--local".to_owned(),
            self.path("meta"),
            "--bind-public".to_owned(),
            format!("{HOST}:{}", self.ports[0]),
            "--bind-private".to_owned(),
            format!("{HOST}:{}", self.ports[1]),
        ];
        *self.sc.lock().unwrap() = Some(self.spawn("sc", &arguments));
    }

    /// Starts the SPU.
    pub fn start_spu(&self) {
        let arguments = [
            "spu".to_owned(),
            "-i".to_owned(),
            SPU.to_string(),
            "-p".to_owned(),
            format!("{HOST}:{}", self.ports[2]),
            "-v".to_owned(),
            format!("{HOST}:{}", self.ports[3]),
            "--sc-addr".to_owned(),
            format!("{HOST}:{}", self.ports[1]),
            "--log-base-dir".to_owned(),
            self.path("spu"),
        ];
        *self.spu.lock().unwrap() = Some(self.spawn("spu", &arguments));
    }

    /// Kills the SC as a power cut would, without a word.
    pub fn kill_sc(&self) {
        kill(&self.sc);
    }

    /// Kills the SPU as a power cut would, without a word.
    pub fn kill_spu(&self) {
        kill(&self.spu);
    }

    /// Lets the SPU accept and say nothing (`true`), or go on where it was.
    pub fn freeze_spu(&self, frozen: bool) {
        let id = self.spu.lock().unwrap().as_ref().unwrap().id().to_string();
        let signal = if frozen { "-STOP" } else { "-CONT" };
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// What the `sc` or the `spu` logged.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name).with_extension("log")).unwrap_or_default()
    }

    async fn register_spu(&self) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let connect = Fluvio::connect_with_config(&FluvioClusterConfig::new(self.endpoint())).await;
        let admin = connect.map_err(|error| text(&error))?.admin().await;
        let mut spec = CustomSpuSpec { id: SPU, ..Default::default() };
        spec.public_endpoint.port = self.ports[2];
        spec.public_endpoint.ingress.push(Default::default());
        spec.public_endpoint.ingress[0].hostname = Some(HOST.into());
        spec.private_endpoint.port = self.ports[3];
        spec.private_endpoint.host = HOST.into();
        admin.create(format!("custom-spu-{SPU}"), false, spec).await.map_err(|error| text(&error))
    }

    fn spawn(&self, name: &str, arguments: &[String]) -> Child {
        let log =
            File::options().create(true).append(true).open(self.dir.path().join(name).with_extension("log"));
        let log = log.unwrap();
        Command::new(&self.program)
            .args(arguments)
            .env("RUST_LOG", "warn")
            .env("FLUVIO_METRIC_SPU", self.path("spu.sock"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    fn path(&self, name: &str) -> String {
        let path: &Path = self.dir.path();
        path.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        kill(&self.spu);
        kill(&self.sc);
    }
}

fn kill(process: &Mutex<Option<Child>>) {
    if let Some(mut child) = process.lock().unwrap().take() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
