//! What can go wrong with an archive and what to do about it.

use std::path::PathBuf;

use tickertape_broker as broker;

/// Result of an archive operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An archive operation that failed. No committed file is ever changed, so nothing committed is lost.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log cannot be read, or it is not the one that the archive was written from.
    #[error("the Parquet archive cannot read its topic: {0}")]
    Broker(#[from] broker::Error),
    /// No table of the archive is filled from this topic.
    #[error("topic {topic} has no table in the Parquet archive: it is no history")]
    NoTable {
        /// Which topic.
        topic: String,
    },
    /// The object store refused.
    #[error("{path} in the Parquet archive cannot be {doing}: {source}")]
    Store {
        /// The object or the folder.
        path: String,
        /// `listed`, `read`, `written`, `deleted`.
        doing: &'static str,
        /// What the store said.
        source: object_store::Error,
    },
    /// The local disk refused: full, read-only, broken.
    #[error("{} in the Parquet archive cannot be written: {source}; make room or mend the disk, then start again: nothing committed is lost", .path.display())]
    Disk {
        /// The file or the folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Rows could not be encoded: a bug.
    #[error("{file} cannot be encoded: {source}; this is a bug in tickertape, please report it")]
    Encode {
        /// The file.
        file: String,
        /// What the encoder said.
        source: ::parquet::errors::ParquetError,
    },
    /// A commit record is not what was written.
    #[error(
        "commit record {commit} is damaged: {reason}; restore it from a copy, or move the whole table away and start over from the log"
    )]
    DamagedCommit {
        /// The commit record.
        commit: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A commit record names a file that is gone.
    #[error(
        "{file} is missing, though {commit} says it was written; restore it from a copy, or move the whole table away and start over from the log"
    )]
    MissingFile {
        /// The file.
        file: String,
        /// The commit record that names it.
        commit: String,
    },
    /// A file is not as long as its commit record says.
    #[error(
        "{file} has {found} bytes, {commit} says {expected}; restore it from a copy, or move the whole table away and start over from the log"
    )]
    ChangedFile {
        /// The file.
        file: String,
        /// The commit record that names it.
        commit: String,
        /// Its size when it was committed.
        expected: u64,
        /// Its size now.
        found: u64,
    },
    /// A commit record between two others is gone.
    #[error(
        "a commit record is missing: {commit} begins at offset {found}, the one before it ends at {expected}; restore it from a copy, or move the whole table away and start over from the log"
    )]
    MissingCommit {
        /// The first commit record behind the hole.
        commit: String,
        /// Where it should begin.
        expected: u64,
        /// Where it begins.
        found: u64,
    },
    /// Another sink wrote the same records, cut at another offset.
    #[error("another sink writes this partition into the same archive, see {commit}; stop one of them")]
    Taken {
        /// The commit record of the other one.
        commit: String,
    },
    /// A file is there that no commit record names and no crash explains.
    #[error(
        "{file} belongs to no commit record and is not what a crash leaves behind; restore the commit records from a copy, or move the whole table away and start over from the log"
    )]
    UnknownFile {
        /// The file.
        file: String,
    },
}
