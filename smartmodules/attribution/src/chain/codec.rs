//! Little-endian numbers to a writer and from a slice, framed so that damage is noticed: magic, layout version,
//! body, length of the body, XXH3-64 of everything before.
//!
//! Must never panic on any bytes, nor trust them for more memory than they fill themselves.

use std::io;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use super::checkpoint::CheckpointError;

const MAGIC: [u8; 8] = *b"ttchain\n";
/// To be raised with every change of the body, and when identities are scrambled differently.
pub(super) const VERSION: u32 = 1;
const HEADER: usize = MAGIC.len() + size_of::<u32>();
const TRAILER: usize = 2 * size_of::<u64>();

/// Bytes gathered before they are hashed and handed on.
const PIECE: usize = 1 << 16;

/// Writes the frame and what goes into it.
pub(super) struct Writer<W> {
    out: W,
    digest: Xxh3Default,
    piece: Vec<u8>,
    /// Bytes handed on.
    written: u64,
}

impl<W: io::Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        let mut piece = Vec::with_capacity(PIECE + 64);
        piece.extend(MAGIC);
        piece.extend(VERSION.to_le_bytes());
        Self { out, digest: Xxh3Default::new(), piece, written: 0 }
    }

    pub(super) fn u8(&mut self, number: u8) -> io::Result<()> {
        self.bytes(&[number])
    }

    pub(super) fn u16(&mut self, number: u16) -> io::Result<()> {
        self.bytes(&number.to_le_bytes())
    }

    pub(super) fn u32(&mut self, number: u32) -> io::Result<()> {
        self.bytes(&number.to_le_bytes())
    }

    pub(super) fn u64(&mut self, number: u64) -> io::Result<()> {
        self.bytes(&number.to_le_bytes())
    }

    pub(super) fn i64(&mut self, number: i64) -> io::Result<()> {
        self.bytes(&number.to_le_bytes())
    }

    /// How many of something follow.
    pub(super) fn count(&mut self, count: usize) -> io::Result<()> {
        self.u64(count as u64)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE { self.hand_on() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        let length = self.written + self.piece.len() as u64 - HEADER as u64;
        self.u64(length)?;
        self.hand_on()?;
        self.out.write_all(&self.digest.digest().to_le_bytes())?;
        self.out.flush()
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.digest.update(&self.piece);
        self.out.write_all(&self.piece)?;
        self.written += self.piece.len() as u64;
        self.piece.clear();
        Ok(())
    }
}

/// Reads what a [`Writer`] wrote, after its frame was found whole.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks the frame, and the checksum last: so the error names the nearest cause.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        let Some(after_magic) = bytes.strip_prefix(&MAGIC) else { return Err(CheckpointError::Foreign) };
        let found = Self { rest: after_magic }.u32()?;
        if found != VERSION {
            return Err(CheckpointError::Version { found });
        }
        let Some(length) = bytes.len().checked_sub(HEADER + TRAILER) else {
            return Err(CheckpointError::Length);
        };
        let (hashed, checksum) = bytes.split_at(bytes.len() - size_of::<u64>());
        let body = &bytes[HEADER..HEADER + length];
        if (Self { rest: &hashed[HEADER + length..] }).u64()? != length as u64 {
            return Err(CheckpointError::Length);
        }
        if (Self { rest: checksum }).u64()? != xxh3_64(hashed) {
            return Err(CheckpointError::Checksum);
        }
        Ok(Self { rest: body })
    }

    pub(super) fn u8(&mut self) -> Result<u8, CheckpointError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, CheckpointError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, CheckpointError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, CheckpointError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, CheckpointError> {
        self.array().map(i64::from_le_bytes)
    }

    /// Whether the body was read to its end.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many of something follow: not to be trusted with memory.
    pub(super) fn count(&mut self) -> Result<usize, CheckpointError> {
        usize::try_from(self.u64()?).map_err(|_| CheckpointError::Length)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], CheckpointError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(CheckpointError::Length)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(CheckpointError::Length)?;
        self.rest = rest;
        Ok(*bytes)
    }
}
