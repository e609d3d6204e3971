//! What can be set of the Fluvio engine, and the defaults.

use std::time::Duration;

use serde::Deserialize;

/// How to reach a Fluvio cluster and how to write to and read from it.
///
/// The defaults are for a cluster in the same network; `docs/fluvio.md` says what was measured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Address of the cluster's SC, `host:port`. Without one, the profile says where the cluster is.
    pub endpoint: Option<String>,
    /// Name of a profile in `~/.fluvio/config`, as `fluvio profile` lists them; it may ask for TLS, which takes a
    /// build with the feature `fluvio-tls`. With neither endpoint nor profile, the current profile is taken.
    pub profile: Option<String>,
    /// Copies of each partition of the topics that are created here; at most the number of SPUs. A batch is
    /// acknowledged when all copies that are in sync have it.
    pub replicas: u32,
    /// How batches are compressed. Readers need no setting: each batch says how.
    pub compression: Compression,
    /// Size of a batch before compression, in bytes; a larger record is a batch of its own. A cluster refuses
    /// batches above 2 MiB as it is delivered.
    pub batch_bytes: usize,
    /// How long an append may wait for others to share its batch, in milliseconds. While one request is on its way
    /// the next ones collect anyway, so that only a stream of single records over a slow network gains.
    pub linger_ms: u64,
    /// Bytes of appends that may wait to be acknowledged, over all partitions; the next append waits for room.
    pub queue_bytes: usize,
    /// Size of one fetch, in bytes as they lie on the cluster. Raised by itself for a batch that is larger.
    pub max_bytes: usize,
    /// After this long without an answer a request counts as lost and its connection as dead, in milliseconds.
    pub request_timeout_ms: u64,
    /// How long to go on trying while the cluster is away, in seconds, before a stage is told.
    pub give_up_seconds: u64,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// DEFLATE.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    #[default]
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            endpoint: None,
            profile: None,
            replicas: 1,
            compression: Compression::Lz4,
            batch_bytes: 256 * 1024,
            linger_ms: 0,
            queue_bytes: 16 * 1024 * 1024,
            max_bytes: 8 * 1024 * 1024,
            request_timeout_ms: 10_000,
            give_up_seconds: 300,
        }
    }
}

impl Options {
    /// The defaults, for the cluster whose SC is at `endpoint`.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: Some(endpoint.into()), ..Self::default() }
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(super) fn give_up_after(&self) -> Duration {
        Duration::from_secs(self.give_up_seconds)
    }

    pub(super) fn linger(&self) -> Duration {
        Duration::from_millis(self.linger_ms)
    }

    /// The cluster, as messages name it.
    pub(super) fn cluster(&self) -> String {
        match (&self.endpoint, &self.profile) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(profile)) => format!("profile {profile}"),
            (None, None) => "the current profile".into(),
        }
    }
}
