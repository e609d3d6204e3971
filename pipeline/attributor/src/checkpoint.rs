//! The reply chains on disk: one file a partition, replaced whole, that names the offset up to which it covers.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tickertape_attribution::chain::{Chain, ChainConfig};
use tickertape_broker::embedded::free_in_steps;

use crate::Error;

/// What a checkpoint covers; the first line of the file, as JSON. The chains follow as they write themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Epoch of topic `messages`.
    pub(crate) epoch: u64,
    /// Every input before this offset is in the chains.
    pub(crate) next_offset: u64,
}

pub(crate) fn path(directory: &Path, partition: u32) -> PathBuf {
    directory.join(format!("messages-{partition}.checkpoint"))
}

/// Replaces the checkpoint by a snapshot: after a crash either the old one or the new one is there.
pub(crate) fn save(path: &Path, header: &Header, chain: Chain) -> Result<(), Error> {
    replace(path, header, chain)
        .map_err(|source| Error::Checkpoint { path: path.display().to_string(), source })
}

fn replace(path: &Path, header: &Header, chain: Chain) -> std::io::Result<()> {
    let directory = path.parent().expect("a checkpoint lies in a directory");
    fs::create_dir_all(directory)?;
    let unfinished = path.with_extension("unfinished");
    let mut file = BufWriter::with_capacity(PIECE_BYTES, Steady(File::create(&unfinished)?));
    serde_json::to_writer(&mut file, header)?;
    file.write_all(b"\n")?;
    chain.checkpoint(&mut file)?;
    drop(chain); // while the disk works, the stage need not copy what it changes
    file.into_inner()?.0.sync_all()?;
    let old = File::options().write(true).open(path);
    fs::rename(&unfinished, path)?;
    File::open(directory)?.sync_all()?;
    if let Ok(old) = old {
        free_in_steps(&old);
    }
    Ok(())
}

/// Written to the disk at once; whoever else syncs meanwhile waits for it.
const PIECE_BYTES: usize = 2 * 1024 * 1024;

/// Syncs every piece: hundreds of megabytes synced at the end would hold up the log's next sync for as long.
struct Steady(File);

impl Write for Steady {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        let written = self.0.write(piece)?;
        self.0.sync_data()?;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// The checkpoint, or why there is none that can be used: the stage then reads its input from the start.
pub(crate) fn load(path: &Path, config: &ChainConfig) -> Result<(Header, Chain), String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let line_end = bytes.iter().position(|&byte| byte == b'\n').ok_or("it has no header")?;
    let header = serde_json::from_slice(&bytes[..line_end]).map_err(|error| error.to_string())?;
    let chain = Chain::restore(*config, &bytes[line_end + 1..]).map_err(|error| error.to_string())?;
    Ok((header, chain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_a_torn_one_says_so() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = path(directory.path(), 3);
        let header = Header { epoch: 7, next_offset: 12 };
        save(&path, &header, Chain::new(ChainConfig::default())).expect("saves");
        assert_eq!(load(&path, &ChainConfig::default()).expect("loads").0, header);

        let whole = fs::read(&path).expect("is there");
        for cut in (0..whole.len()).step_by(1 + whole.len() / 200) {
            fs::write(&path, &whole[..cut]).expect("writes");
            assert!(load(&path, &ChainConfig::default()).is_err(), "cut to {cut} of {}", whole.len());
        }
    }
}
