//! A window onto a stream of bytes: what was read and is not yet used up.
//!
//! It grows only while one value is larger than it, so its size is bounded by whoever bounds the values.

use std::io::{self, Read};

/// How much is asked of the reader at once.
const CHUNK: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A record larger than this is not read but becomes a dead letter: the largest that Telegram allows is far below
/// 1 MiB, so this is not a message, and memory has to be bounded by something.
pub(crate) const MAX_RECORD: usize = 16 * 1024 * 1024;
/// How much of a record that is too large its dead letter shows.
const SHOWN: usize = 1024;

/// The next record of a stream.
#[derive(Debug)]
pub(crate) enum Found {
    /// It is the first `length` bytes in the window, and `advance` are to be consumed to come behind it.
    Record { length: usize, advance: usize },
    /// It exceeds [`MAX_RECORD`] and was passed over; this is how it began.
    Oversized { beginning: Vec<u8> },
}

pub(crate) struct Window<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    consumed: u64,
    /// Found behind bytes that had to be handed out first.
    failed: Option<io::Error>,
}

impl<R: Read> Window<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, buffer: vec![0; 4 * CHUNK], start: 0, end: 0, consumed: 0, failed: None }
    }

    /// What is there.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Uses up the first `count` bytes of what is there.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        self.consumed += count as u64;
    }

    /// How many bytes were used up, of the content: for a gzipped file, of what is inside.
    pub(crate) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Reads more; false at the end of the stream.
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.buffer.len() - self.end < CHUNK {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buffer.len() - self.end < CHUNK {
                self.buffer.resize(2 * self.buffer.len(), 0);
            }
        }
        let room = &mut self.buffer[self.end..self.end + CHUNK];
        room.fill(0);
        loop {
            match self.reader.read(room) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A decoder that meets damage has already written what stood before it. How much that is it does
                // not say, but JSON holds no NUL bytes, so it reaches to the last byte that is not one.
                Err(error) => {
                    let kept = room.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
                    if kept == 0 {
                        return Err(error);
                    }
                    self.end += kept;
                    self.failed = Some(error);
                    return Ok(true);
                }
            }
        }
    }

    /// The first bytes of what is there, to show of a record that is too large.
    pub(crate) fn beginning(&self) -> Vec<u8> {
        self.bytes()[..self.bytes().len().min(SHOWN)].to_vec()
    }

    /// Steps over a byte order mark, which Windows programs put before UTF-8.
    pub(crate) fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        while self.bytes().len() < BYTE_ORDER_MARK.len() && self.fill()? {}
        if self.bytes().starts_with(BYTE_ORDER_MARK) {
            self.consume(BYTE_ORDER_MARK.len());
        }
        Ok(())
    }
}
