//! Gives the space of deleted journals back in small steps.
//!
//! The store deletes a journal, 64 MB, in one call, and while ext4 frees that much at once every sync waits for it:
//! 40 ms, each time 64 MB were written. But a deleted file that is still open somewhere keeps its space. So every
//! journal is opened here while it exists, and shortened little by little when it does not any more.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::journal::journals;

/// Freed at once; a sync waits about 3 ms for it.
const STEP_BYTES: u64 = 4 * 1024 * 1024;
/// From one step to the next, so that those who sync get their turn.
const STEP_PAUSE: Duration = Duration::from_millis(2);

/// The journals of a store, as of the last look.
pub(super) struct Reclaim {
    store: PathBuf,
    open: Vec<(PathBuf, File)>,
}

impl Reclaim {
    pub(super) fn new(store: &Path) -> Self {
        Self { store: store.to_owned(), open: Vec::new() }
    }

    /// Opens what is new, and begins to free what was deleted. To be called more often than journals come and go; one
    /// that was missed is freed by its deletion, all at once.
    pub(super) fn look(&mut self) {
        let (deleted, open) =
            std::mem::take(&mut self.open).into_iter().partition(|(_, file)| is_deleted(file));
        self.open = open;
        for (path, file) in deleted {
            let begun =
                std::thread::Builder::new().name("log-reclaim".into()).spawn(move || free_in_steps(&file));
            if let Err(error) = begun {
                tracing::debug!(path = %path.display(), %error, "a deleted journal is freed at once");
            }
        }
        for path in journals(&self.store).unwrap_or_default() {
            if self.open.iter().all(|(known, _)| *known != path)
                && let Ok(file) = File::options().write(true).open(&path)
            {
                self.open.push((path, file));
            }
        }
    }
}

/// Whether no folder has the file any more: only then is it nobody's.
fn is_deleted(file: &File) -> bool {
    file.metadata().is_ok_and(|file| file.nlink() == 0)
}

/// Frees the space of a deleted file in steps small enough for everyone else on its disk. One that some folder still
/// has stays as it is.
pub fn free_in_steps(file: &File) {
    if is_deleted(file)
        && let Err(error) = shorten(file)
    {
        tracing::debug!(%error, "a deleted file is freed at once");
    }
}

fn shorten(file: &File) -> io::Result<()> {
    let mut length = file.metadata()?.len();
    while length > 0 {
        length = length.saturating_sub(STEP_BYTES);
        file.set_len(length)?;
        std::thread::sleep(STEP_PAUSE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_journal_is_shortened_once_it_is_deleted_and_not_before() {
        let store = tempfile::tempdir().expect("a temporary directory");
        let journal = |number: u32| store.path().join(format!("{number}.jnl"));
        let [deleted, linked, kept] = [0, 1, 2].map(|number| {
            let file = File::create_new(journal(number)).expect("is new");
            file.set_len(3 * STEP_BYTES + 1).expect("is laid out");
            file
        });
        fs::hard_link(journal(1), store.path().join("a copy")).expect("links");
        let mut reclaim = Reclaim::new(store.path());
        reclaim.look();
        for number in [0, 1] {
            fs::remove_file(journal(number)).expect("is deleted");
        }
        let length = |file: &File| file.metadata().expect("is open").len();
        assert_eq!(length(&deleted), 3 * STEP_BYTES + 1, "deleting alone frees nothing");

        reclaim.look();
        let began = Instant::now();
        while length(&deleted) > 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "it is not freed");
            std::thread::sleep(STEP_PAUSE);
        }
        assert_eq!((length(&linked), length(&kept)), (3 * STEP_BYTES + 1, 3 * STEP_BYTES + 1));
        assert_eq!(reclaim.open.len(), 2, "the freed one is let go of");
    }
}
