//! A batch of records in one buffer: written once by the producer, stored and read as it is.
//!
//! Layout, little-endian: record count `u32`, then per record key length `u32` and value length `u32`, then all keys
//! and values one after another.

use bytes::Bytes;

use crate::{Error, Offset, TopicPartition};

/// Collects records for one append to one partition.
#[derive(Debug, Default, Clone)]
pub struct BatchBuilder {
    lengths: Vec<(u32, u32)>,
    data: Vec<u8>,
}

impl BatchBuilder {
    /// Adds a record. Key and value are at most 4 GiB each.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        self.push_with(key, |out| out.extend_from_slice(value));
    }

    /// Adds a record whose value `write` appends to the buffer, which saves a copy.
    pub fn push_with(&mut self, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        self.data.extend_from_slice(key);
        let value_starts = self.data.len();
        write(&mut self.data);
        let value_len =
            self.data.len().checked_sub(value_starts).expect("a value is appended, nothing removed");
        self.lengths.push((length(key.len()), length(value_len)));
    }

    /// Takes the records out, leaving room for as many again: buffers that grow from nothing for each append cost a
    /// tenth of an import in fresh pages.
    pub fn take(&mut self) -> Self {
        let room = Self {
            lengths: Vec::with_capacity(self.lengths.len()),
            data: Vec::with_capacity(self.data.len()),
        };
        std::mem::replace(self, room)
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// No record yet.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Size of keys and values in bytes.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// The records in order, each as key and value.
    #[cfg(feature = "fluvio")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &self.data[..];
        self.lengths.iter().map(move |&(key, value)| {
            let (record, behind) = rest.split_at(key as usize + value as usize);
            rest = behind;
            record.split_at(key as usize)
        })
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        Self::encode_joined(&[self], &mut out);
        out
    }

    /// Writes the stored form of all the records of `parts`, in order, as one batch to the end of `out`.
    pub(crate) fn encode_joined(parts: &[&Self], out: &mut Vec<u8>) {
        let records = parts.iter().map(|part| part.len()).sum();
        let data: usize = parts.iter().map(|part| part.bytes()).sum();
        out.reserve(4 + 8 * records + data);
        out.extend_from_slice(&length(records).to_le_bytes());
        for (key, value) in parts.iter().flat_map(|part| &part.lengths) {
            out.extend_from_slice(&key.to_le_bytes());
            out.extend_from_slice(&value.to_le_bytes());
        }
        for part in parts {
            out.extend_from_slice(&part.data);
        }
    }
}

fn length(n: usize) -> u32 {
    u32::try_from(n).expect("no record or batch reaches 4 GiB: producers cut batches at a few MiB")
}

/// Records of one partition, in offset order.
#[derive(Debug, Clone)]
pub struct Batch {
    first: Offset,
    /// Records left out at the front, because the reader asked to start behind them.
    skipped: u32,
    count: u32,
    bytes: Bytes,
}

/// A record in a [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Its offset.
    pub offset: Offset,
    /// Its key.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

impl Batch {
    /// Reads a stored batch whose first record has offset `first`; checks that its lengths add up.
    pub fn decode(at: &TopicPartition, first: Offset, bytes: Bytes) -> Result<Self, Error> {
        let damaged =
            |reason: &str| Error::Damaged { at: at.clone(), offset: first, reason: reason.to_owned() };
        let count = bytes
            .first_chunk::<4>()
            .map(|raw| u32::from_le_bytes(*raw))
            .ok_or_else(|| damaged("no header"))?;
        let batch = Self { first, skipped: 0, count, bytes };
        let header = batch.data_starts();
        if batch.bytes.len() < header {
            return Err(damaged("shorter than its header says"));
        }
        let data: usize = (0..count).map(|i| batch.lengths(i)).map(|(key, value)| key + value).sum();
        if header + data != batch.bytes.len() {
            return Err(damaged("its lengths do not add up"));
        }
        Ok(batch)
    }

    /// The same batch without the records before `offset`.
    #[must_use]
    pub fn from_offset(mut self, offset: Offset) -> Self {
        let wanted = offset.saturating_sub(self.first).min(u64::from(self.count));
        self.skipped = self.skipped.max(wanted as u32);
        self
    }

    /// Offset of the first record.
    pub fn first_offset(&self) -> Offset {
        self.first + u64::from(self.skipped)
    }

    /// Offset behind the last record.
    pub fn end_offset(&self) -> Offset {
        self.first + u64::from(self.count)
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        (self.count - self.skipped) as usize
    }

    /// No record is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size in memory.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = RecordRef<'_>> {
        let mut position = self.data_starts();
        (0..self.count)
            .map(move |i| {
                let (key, value) = self.lengths(i);
                let record = RecordRef {
                    offset: self.first + u64::from(i),
                    key: &self.bytes[position..position + key],
                    value: &self.bytes[position + key..position + key + value],
                };
                position += key + value;
                record
            })
            .skip(self.skipped as usize)
    }

    fn data_starts(&self) -> usize {
        4 + 8 * self.count as usize
    }

    fn lengths(&self, i: u32) -> (usize, usize) {
        let at = 4 + 8 * i as usize;
        let read =
            |at: usize| u32::from_le_bytes(self.bytes[at..at + 4].try_into().expect("four bytes")) as usize;
        (read(at), read(at + 4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> (TopicPartition, Bytes) {
        let mut builder = BatchBuilder::default();
        builder.push(b"a", b"one");
        builder.push(b"", b"");
        builder.push(b"ccc", b"three");
        (TopicPartition::new("messages", 0), builder.encode().into())
    }

    #[test]
    fn what_was_pushed_is_read_from_any_offset() {
        let (at, bytes) = stored();
        let batch = Batch::decode(&at, 10, bytes).expect("whole");
        let all: Vec<_> = batch.iter().map(|r| (r.offset, r.key, r.value)).collect();
        assert_eq!(all, [(10, &b"a"[..], &b"one"[..]), (11, b"", b""), (12, b"ccc", b"three")]);

        let tail = batch.from_offset(12);
        assert_eq!((tail.first_offset(), tail.end_offset(), tail.len()), (12, 13, 1));
        assert_eq!(tail.iter().next().map(|r| r.value), Some(&b"three"[..]));
    }

    #[test]
    fn a_cut_or_grown_batch_is_damaged() {
        let (at, bytes) = stored();
        for cut in 0..bytes.len() {
            assert!(Batch::decode(&at, 0, bytes.slice(..cut)).is_err(), "cut to {cut}");
        }
        let mut grown = bytes.to_vec();
        grown.push(0);
        assert!(Batch::decode(&at, 0, grown.into()).is_err());
    }
}
