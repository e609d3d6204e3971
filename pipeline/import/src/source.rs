//! The bytes of an input: opened, counted, unpacked.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::UNIX_EPOCH;

use flate2::bufread::MultiGzDecoder;
use xxhash_rust::xxh3::Xxh3;

use crate::Progress;
use crate::discover::{Input, Place};

const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];
const BUFFER: usize = 256 * 1024;

/// Opens an input; what it gives is unpacked if it was gzipped.
pub(crate) fn open(input: &Input, progress: Arc<Progress>) -> io::Result<Box<dyn Read>> {
    let mut raw: Box<dyn Read> = match &input.place {
        Place::Stdin => Box::new(io::stdin().lock()),
        Place::Pipe(path) => Box::new(File::open(path)?),
        Place::File(path) => Box::new(Counted { file: File::open(path)?, left: input.bytes, progress }),
    };
    let mut magic = Vec::new();
    raw.by_ref().take(2).read_to_end(&mut magic)?;
    let gzipped = magic == GZIP_MAGIC;
    let whole = BufReader::with_capacity(BUFFER, io::Cursor::new(magic).chain(raw));
    if gzipped { Ok(Box::new(MultiGzDecoder::new(whole))) } else { Ok(Box::new(whole)) }
}

/// A file whose bytes count towards the progress when they are read, and the rest of it when it is closed.
struct Counted {
    file: File,
    left: u64,
    progress: Arc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        // A file that grows while it is read must not push the progress beyond its end.
        let counted = self.left.min(count as u64);
        self.left -= counted;
        self.progress.bytes_read.fetch_add(counted, Ordering::Relaxed);
        Ok(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.progress.bytes_read.fetch_add(self.left, Ordering::Relaxed);
    }
}

/// When a file was last changed, in Unix seconds; none where the system does not say.
pub(crate) fn modified(path: &Path) -> Option<i64> {
    let modified = path.metadata().and_then(|metadata| metadata.modified()).ok()?;
    match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).ok(),
        Err(before) => i64::try_from(before.duration().as_secs()).ok().map(|seconds| -seconds),
    }
}

/// The id by which a file is known again wherever it lies: XXH3-128 of its bytes, in hex.
pub(crate) fn file_id(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Xxh3::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(format!("{:032x}", hasher.digest128())),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
