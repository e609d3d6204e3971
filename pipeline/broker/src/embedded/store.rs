//! The storage crate underneath: how it is opened, locked and configured, and what its errors mean.
//!
//! Every partition is a keyspace of its own. Its keys only ever grow, so its tables never overlap, and compaction
//! moves them down without rewriting them; retention drops whole tables. Partitions that shared a keyspace would be
//! rewritten again and again.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fjall::config::{BlockSizePolicy, CompressionPolicy, FilterPolicy};
use fjall::{AbstractTree, CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::journal;
use super::reclaim::Reclaim;
use crate::{Error, Result};

/// Keeps other processes out. Not the store's own lock file: that one is not there before the store is.
const LOCK: &str = "lock";
/// The store.
const STORE: &str = "store";
/// A store that is being created. One that was killed half-way could neither be opened nor created again, so it is
/// created under this name first.
const STORE_NEW: &str = "store.new";

/// Write buffers of all partitions together; the largest is flushed beyond this. Tables are never merged, so this is
/// also how large they are.
const ACTIVE_BYTES: u64 = 16 * 1024 * 1024;
/// Full write buffers of one partition that wait to be flushed. The store sleeps for ever in a commit when four are
/// waiting in one keyspace and its flushing thread has died of a full disk, so it never comes to four. Not those of all
/// partitions: to be rid of a journal the store flushes every idle one, which is nothing to wait for.
const SEALED: usize = 2;
/// Blocks of recently read tables. Readers go through the log once, so this only has to bridge neighbouring reads.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// Journals on disk before idle partitions are flushed to be rid of the oldest.
const JOURNAL_BYTES: u64 = 128 * 1024 * 1024;
/// Open files, well below the usual limit of 1024 for a process.
const OPEN_FILES: usize = 256;
/// Small batches share a block up to this size; larger ones have a block each.
const BLOCK_BYTES: u32 = 64 * 1024;

/// The open store.
pub(super) struct Store {
    // Dropped in this order: the store is closed before the next process is let in.
    database: Database,
    journals: Mutex<Reclaim>,
    dir: PathBuf,
    _lock: File,
}

impl Store {
    /// Opens the store in `dir`, creating it if need be.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let lock = lock(dir)?;
        let failed = |error: fjall::Error| storage(dir, "opened", &error);
        let store = dir.join(STORE);
        if !store.exists() {
            create(dir, &store).map_err(failed)?;
        }
        journal::mend(&store).map_err(|error| failed(error.into()))?.map_err(|damage| Error::Storage {
            path: dir.display().to_string(),
            doing: "opened",
            reason: damage.to_string(),
        })?;
        let database = configure(&store).open().map_err(failed)?;
        let journals = Mutex::new(Reclaim::new(&store));
        Ok(Self { database, journals, dir: dir.to_owned(), _lock: lock })
    }

    /// The directory, for messages.
    pub(super) fn path(&self) -> String {
        self.dir.display().to_string()
    }

    /// An error of the store, for people.
    pub(super) fn error(&self, doing: &'static str, error: &fjall::Error) -> Error {
        storage(&self.dir, doing, error)
    }

    /// The keyspace of this name, created if need be.
    pub(super) fn keyspace(&self, name: &str) -> Result<Keyspace> {
        self.database.keyspace(name, options).map_err(|e| self.error("opened", &e))
    }

    /// Whether there is a keyspace of this name.
    pub(super) fn has_keyspace(&self, name: &str) -> bool {
        self.database.keyspace_exists(name)
    }

    /// The names of all keyspaces.
    pub(super) fn keyspaces(&self) -> Vec<String> {
        self.database.list_keyspace_names().iter().map(|name| name.to_string()).collect()
    }

    /// Removes everything from a keyspace, which stays behind empty: the store would give the number of a deleted one
    /// to the next that is created, and could then mistake it for the deleted one.
    pub(super) fn clear(&self, keyspace: &Keyspace) -> Result<()> {
        let cleared = keyspace.clear().and_then(|()| self.database.persist(PersistMode::SyncData));
        cleared.map_err(|e| self.error("written", &e))
    }

    /// A write that takes effect as a whole or not at all; durable when committed.
    pub(super) fn write(&self) -> fjall::OwnedWriteBatch {
        self.database.batch().durability(Some(PersistMode::SyncData))
    }

    /// Keeps the write buffers of `partitions` within bounds: seals the largest when all together are too large, and
    /// waits for the flushing of sealed ones. Called before each commit, by the one thread that commits.
    pub(super) fn make_room<'a>(&self, partitions: impl Iterator<Item = &'a Keyspace> + Clone) -> Result<()> {
        let active = |keyspace: &Keyspace| keyspace.tree.active_memtable().size();
        let is_behind = || partitions.clone().any(|keyspace| keyspace.sealed_memtable_count() >= SEALED);
        while is_behind() {
            // A dead flushing thread shows here and nowhere else.
            self.database.persist(PersistMode::Buffer).map_err(|e| self.error("written", &e))?;
            std::thread::sleep(Duration::from_millis(1));
        }
        if partitions.clone().map(active).sum::<u64>() > ACTIVE_BYTES
            && let Some(largest) = partitions.clone().max_by_key(|keyspace| active(keyspace))
        {
            largest.rotate_memtable().map_err(|e| self.error("written", &e))?;
            // Often enough: a journal holds several full write buffers.
            self.journals.lock().unwrap_or_else(PoisonError::into_inner).look();
        }
        Ok(())
    }
}

fn lock(dir: &Path) -> Result<File> {
    let failed = |error: io::Error| storage(dir, "opened", &error.into());
    fs::create_dir_all(dir).map_err(failed)?;
    let file =
        File::options().create(true).truncate(false).write(true).open(dir.join(LOCK)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: dir.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn create(dir: &Path, store: &Path) -> fjall::Result<()> {
    let new = dir.join(STORE_NEW);
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    drop(configure(&new).open()?);
    fs::rename(&new, store)?;
    File::open(dir)?.sync_all()?;
    Ok(())
}

fn configure(store: &Path) -> fjall::DatabaseBuilder<Database> {
    Database::builder(store)
        .cache_size(CACHE_BYTES)
        .max_journaling_size(JOURNAL_BYTES)
        // Recovery checks a journal by compressing it once more, which another version of LZ4 may do differently.
        .journal_compression(CompressionType::None)
        .max_cached_files(Some(OPEN_FILES))
        // Two would pass messages to each other in a busy loop while one of them works.
        .worker_threads(1)
}

fn options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(u64::MAX) // see `Store::make_room`
        .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
        .filter_policy(FilterPolicy::disabled()) // nothing is looked up that may not be there
        .compaction_strategy(Arc::new(fjall::compaction::Leveled::default()))
}

fn storage(dir: &Path, doing: &'static str, error: &fjall::Error) -> Error {
    Error::Storage { path: dir.display().to_string(), doing, reason: reason(dir, error) }
}

fn reason(dir: &Path, error: &fjall::Error) -> String {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => io_reason(error),
        fjall::Error::Poisoned => match probe(dir) {
            Err(error) => io_reason(&error),
            Ok(()) => "an earlier write failed; start again".into(),
        },
        other => other.to_string(),
    }
}

fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            format!("{error}; free some space, then start again")
        }
        _ => error.to_string(),
    }
}

/// The store does not say why its background thread died: tries to write as much as it would.
fn probe(dir: &Path) -> io::Result<()> {
    let path = dir.join("probe");
    let written =
        fs::write(&path, vec![1; ACTIVE_BYTES as usize]).and_then(|()| File::open(&path)?.sync_all());
    let removed = fs::remove_file(&path);
    written.and(removed)
}
