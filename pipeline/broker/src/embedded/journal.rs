//! Looks through the store's journals before the store opens them, and cuts off an append that a power cut left
//! half-written.
//!
//! The store itself would refuse to open for a half-written append in which the disk wrote a later part before an
//! earlier one, and would silently leave out everything behind some kinds of damage. The writer syncs each write
//! before it begins the next, so only the last one may be broken and was not acknowledged then; a whole write behind
//! a broken one means that the disk lost something it had confirmed.
//!
//! A journal (fjall's format 3, little-endian) is a sequence of writes, then zeros. A write is: 1, number of items
//! `u32`, sequence number `u64`; its items; 3, XXH3-64 of the items `u64`, `FJL\x03`. An item is: 2, kind `u8`,
//! compression `u8`, keyspace `u64`, key length `u16`, value length `u32`, stored length `u32`, key, value; or: 4,
//! keyspace `u64`.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: &[u8; 4] = b"FJL\x03";

/// Where a journal is damaged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage {
    journal: PathBuf,
    position: u64,
}

/// Checks all journals in `store`, and cuts off a last write that is not whole.
///
/// That is not always in the last journal: after a failed write the store may still begin another one.
pub(super) fn mend(store: &Path) -> io::Result<Result<(), Damage>> {
    let mut broken: Vec<(File, Damage)> = Vec::new();
    for journal in journals(store)? {
        let file = File::options().read(true).write(true).open(&journal)?;
        let mut reader = BufReader::with_capacity(1 << 16, &file);
        let mut whole = 0;
        while let Some(length) = write_length(&mut reader)? {
            whole += length;
        }
        reader.seek(SeekFrom::Start(whole))?;
        let rest = without_final_zeros(&mut reader)?;
        let follows = !broken.is_empty() && whole > 0;
        if !rest.is_empty() {
            broken.push((file, Damage { journal, position: whole }));
        }
        if follows || has_whole_write(&rest)? {
            return Ok(Err(broken.swap_remove(0).1));
        }
    }
    for (file, damage) in broken {
        tracing::warn!(journal = %damage.journal.display(), at = damage.position, "cut off an unfinished append");
        file.set_len(damage.position)?;
        file.sync_all()?;
    }
    Ok(Ok(()))
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} is damaged at byte {}; restore the directory from a copy, or move it away and import again",
            self.journal.display(),
            self.position
        )
    }
}

/// The journals, oldest first.
pub(super) fn journals(store: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(store)? {
        let path = entry?.path();
        let number =
            path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse::<u64>().ok());
        journals.extend(number.map(|number| (number, path)));
    }
    journals.sort();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

/// What is left, without the zeros that a journal is laid out with.
fn without_final_zeros(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut rest = Vec::new();
    let mut zeros = 0;
    let mut chunk = vec![0; 1 << 16];
    loop {
        let read = reader.read(&mut chunk)?;
        let Some(last) = chunk[..read].iter().rposition(|&byte| byte != 0) else {
            if read == 0 {
                return Ok(rest);
            }
            zeros += read;
            continue;
        };
        rest.resize(rest.len() + zeros, 0);
        rest.extend_from_slice(&chunk[..=last]);
        zeros = read - last - 1;
    }
}

/// Whether a whole write begins anywhere in `bytes`.
fn has_whole_write(bytes: &[u8]) -> io::Result<bool> {
    for start in 0..bytes.len() {
        if bytes[start] == START && write_length(&mut &bytes[start..])?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Length of the write that begins here, none when it is not whole.
fn write_length(reader: &mut impl Read) -> io::Result<Option<u64>> {
    let mut parser = Parser { reader, length: 0, items: Xxh3::new() };
    match parser.write() {
        Ok(is_whole) => Ok(is_whole.then_some(parser.length)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

struct Parser<'a, R> {
    reader: &'a mut R,
    length: u64,
    items: Xxh3,
}

impl<R: Read> Parser<'_, R> {
    fn write(&mut self) -> io::Result<bool> {
        let [START, c0, c1, c2, c3] = self.array()? else { return Ok(false) };
        let _sequence_number: [u8; 8] = self.array()?;
        for _ in 0..u32::from_le_bytes([c0, c1, c2, c3]) {
            match self.item_bytes()? {
                [ITEM] => {
                    let _kind_compression_keyspace: [u8; 10] = self.item_bytes()?;
                    let key = u16::from_le_bytes(self.item_bytes()?);
                    let _value: [u8; 4] = self.item_bytes()?;
                    let stored = u32::from_le_bytes(self.item_bytes()?);
                    self.skip_item_bytes(u64::from(key) + u64::from(stored))?;
                }
                [CLEAR] => self.skip_item_bytes(8)?,
                _ => return Ok(false),
            }
        }
        let [tag] = self.array()?;
        let checksum = u64::from_le_bytes(self.array()?);
        let trailer: [u8; 4] = self.array()?;
        Ok(tag == END && checksum == self.items.digest() && trailer == *TRAILER)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.length += N as u64;
        Ok(bytes)
    }

    /// Bytes that the checksum covers.
    fn item_bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let bytes = self.array()?;
        self.items.update(&bytes);
        Ok(bytes)
    }

    fn skip_item_bytes(&mut self, mut count: u64) -> io::Result<()> {
        let mut chunk = [0; 1 << 13];
        self.length += count;
        while count > 0 {
            let part = &mut chunk[..count.min(1 << 13) as usize];
            self.reader.read_exact(part)?;
            self.items.update(part);
            count -= part.len() as u64;
        }
        Ok(())
    }
}
