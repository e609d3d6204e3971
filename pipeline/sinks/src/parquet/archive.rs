//! Where an archive lies: an object store, or a folder, in which every write is on the disk before it returns.
//!
//! `object_store` renames a file into place but never syncs it. A commit record is the sink's position, so in a local
//! folder files are written here instead: to a temporary name, synced, renamed, and the folder synced. A file is
//! there whole or not at all, after a power cut too.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::{Path, PathPart};
use object_store::{ObjectStore, ObjectStoreExt};

use super::off_thread;
use super::{Error, RangeLimits, Result};

/// Holds files that are not yet whole; in a local archive only. Readers skip folders that begin with `_`.
const STAGING: &str = "_staging";

/// A place for tables of Parquet files. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The folder, when the store is one.
    local: Option<PathBuf>,
    limits: RangeLimits,
}

impl Archive {
    /// An archive under `prefix` of any object store whose `put` is atomic and durable, as S3 and its like are.
    pub fn open(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix, local: None, limits: RangeLimits::default() }
    }

    /// An archive in a folder, which is made if it is not there.
    pub fn local(dir: &std::path::Path) -> Result<Self> {
        let made = make_folder(dir).and_then(|()| dir.canonicalize());
        let dir = made.map_err(|source| Error::Disk { path: dir.to_owned(), source })?;
        let store = LocalFileSystem::new_with_prefix(&dir).map_err(|source| Error::Store {
            path: dir.display().to_string(),
            doing: "read",
            source,
        })?;
        Ok(Self { local: Some(dir), ..Self::open(Arc::new(store), Path::default()) })
    }

    /// The same archive with other limits for the ranges that will be written.
    #[must_use]
    pub fn with_limits(mut self, limits: RangeLimits) -> Self {
        self.limits = limits;
        self
    }

    pub(super) fn limits(&self) -> RangeLimits {
        self.limits
    }

    /// The files below `folder`, or all when it is empty, with their sizes, named relative to it.
    pub(super) async fn list(&self, folder: &str) -> Result<BTreeMap<String, u64>> {
        let folder = if folder.is_empty() { self.prefix.clone() } else { self.path(folder) };
        let listed = self.store.list(Some(&folder)).try_collect::<Vec<_>>().await;
        let listed =
            listed.map_err(|source| Error::Store { path: folder.to_string(), doing: "listed", source })?;
        let prefix = if folder.as_ref().is_empty() { String::new() } else { format!("{folder}/") };
        Ok(listed
            .into_iter()
            .filter_map(|file| {
                let name = file.location.as_ref().strip_prefix(&prefix)?;
                Some((name.to_owned(), file.size))
            })
            .collect())
    }

    /// The bytes of a file.
    pub(super) async fn read(&self, file: &str) -> Result<Bytes> {
        let path = self.path(file);
        let read = async { self.store.get(&path).await?.bytes().await };
        read.await.map_err(|source| Error::Store { path: path.to_string(), doing: "read", source })
    }

    /// Writes a file whole, over the one that may be there; durable when it returns.
    pub(super) async fn write(&self, file: &str, bytes: Bytes) -> Result<()> {
        let path = self.path(file);
        if let Some(root) = self.local.clone() {
            return off_thread(move || write_synced(root, path.as_ref(), &bytes)).await;
        }
        let put = self.store.put(&path, bytes.into()).await;
        put.map(drop).map_err(|source| Error::Store { path: path.to_string(), doing: "written", source })
    }

    /// Deletes a file.
    pub(super) async fn delete(&self, file: &str) -> Result<()> {
        let path = self.path(file);
        let deleted = self.store.delete(&path).await;
        deleted.map_err(|source| Error::Store { path: path.to_string(), doing: "deleted", source })
    }

    /// Deletes what a killed process left half written, of the files whose names begin with `stem`.
    pub(super) async fn clear_staging(&self, stem: &str) -> Result<()> {
        for file in self.list(STAGING).await?.into_keys().filter(|name| name.starts_with(stem)) {
            self.delete(&format!("{STAGING}/{file}")).await?;
        }
        Ok(())
    }

    fn path(&self, file: &str) -> Path {
        self.prefix.parts().chain(file.split('/').map(PathPart::from)).collect()
    }
}

/// A name in the staging folder for a file of the archive: its last part first, so that a topic's files share a
/// beginning. No two writers have the same one: they would write into each other's file, and one would rename it.
fn staging_name(file: &str) -> String {
    let own = RandomState::new().hash_one(std::process::id());
    format!("{}.{own:016x}.tmp", file.rsplit('/').collect::<Vec<_>>().join("."))
}

fn write_synced(root: PathBuf, file: &str, bytes: &[u8]) -> Result<()> {
    let target = root.join(file);
    let staged = root.join(STAGING).join(staging_name(file));
    let write = || -> io::Result<()> {
        let folder = target.parent().expect("a file of the archive lies in the archive's folder");
        make_folder(&root.join(STAGING))?;
        make_folder(folder)?;
        let mut out = File::create(&staged)?;
        out.write_all(bytes)?;
        out.sync_all()?;
        fs::rename(&staged, &target)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| Error::Disk { path: target.clone(), source })
}

/// Makes a folder and those above it, and syncs what names them: a file is not durable before its folder is.
fn make_folder(folder: &std::path::Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(std::path::Path::new("."));
    make_folder(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let above = if above.as_os_str().is_empty() { std::path::Path::new(".") } else { above };
    File::open(above)?.sync_all()
}
