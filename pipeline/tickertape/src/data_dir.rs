//! The data directory: what lies where.

use std::path::{Path, PathBuf};

/// Everything the program keeps, under one directory.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The embedded log.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// The reply chains of attribution.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// The embedded database.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    /// The session files of the accounts, secrets all of them.
    pub(crate) fn sessions(&self) -> PathBuf {
        self.0.join("sessions")
    }

    /// The Parquet files.
    pub(crate) fn archive(&self) -> PathBuf {
        self.0.join("archive")
    }
}
