//! What lies under one key: the key is the batch's first offset, big-endian, so that keys sort as offsets do.
//!
//! Value, little-endian: time of the append `u64` (Unix milliseconds), bytes appended to the partition before it
//! `u64`, then the batch as [`BatchBuilder`] encodes it.

use bytes::Bytes;

use super::retention::Mark;
use crate::{Batch, BatchBuilder, Error, Offset, Result, TopicPartition};

/// Time and position, in front of the batch.
const HEADER: usize = 16;

/// A batch as it lies in the store.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// When it was appended, in Unix milliseconds.
    pub(super) appended_at: u64,
    /// Bytes appended to the partition before it.
    pub(super) position: u64,
    /// The records.
    pub(super) batch: Batch,
}

impl Stored {
    /// The value of a new batch that holds the records of `parts`.
    pub(super) fn encode(appended_at: u64, position: u64, parts: &[&BatchBuilder]) -> Bytes {
        let mut value = Vec::new();
        value.extend_from_slice(&appended_at.to_le_bytes());
        value.extend_from_slice(&position.to_le_bytes());
        BatchBuilder::encode_joined(parts, &mut value);
        value.into()
    }

    /// Reads what [`Self::encode`] wrote, without copying the records.
    pub(super) fn decode(at: &TopicPartition, key: &[u8], value: Bytes) -> Result<Self> {
        let first = key.try_into().map(Offset::from_be_bytes).map_err(|_| Error::Damaged {
            at: at.clone(),
            offset: 0,
            reason: format!("its key has {} bytes", key.len()),
        })?;
        let Some((appended_at, position)) = value.split_at_checked(HEADER).map(|(header, _)| numbers(header))
        else {
            return Err(Error::Damaged { at: at.clone(), offset: first, reason: "no header".into() });
        };
        let batch = Batch::decode(at, first, value.slice(HEADER..))?;
        Ok(Self { appended_at, position, batch })
    }

    /// Position of the batch behind it.
    pub(super) fn next_position(&self) -> u64 {
        self.position + self.batch.bytes() as u64
    }

    /// What retention looks at.
    pub(super) fn mark(&self) -> Mark {
        Mark { end: self.batch.end_offset(), appended_at: self.appended_at, position: self.position }
    }
}

fn numbers(header: &[u8]) -> (u64, u64) {
    let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    (number(0), number(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_parts_read_back_as_one_batch() {
        let at = TopicPartition::new("messages", 0);
        let mut parts = [BatchBuilder::default(), BatchBuilder::default()];
        parts[0].push(b"a", b"one");
        parts[0].push(b"b", b"two");
        parts[1].push(b"c", b"three");
        let value = Stored::encode(7, 100, &[&parts[0], &parts[1]]);

        let stored = Stored::decode(&at, &5_u64.to_be_bytes(), value.clone()).expect("whole");
        let records: Vec<_> = stored.batch.iter().map(|r| (r.offset, r.key, r.value)).collect();
        assert_eq!(records, [(5, &b"a"[..], &b"one"[..]), (6, b"b", b"two"), (7, b"c", b"three")]);
        assert_eq!(stored.mark(), Mark { end: 8, appended_at: 7, position: 100 });
        assert_eq!(stored.next_position(), 100 + value.len() as u64 - HEADER as u64);

        assert!(Stored::decode(&at, b"short", value.clone()).is_err());
        assert!(Stored::decode(&at, &5_u64.to_be_bytes(), value.slice(..HEADER - 1)).is_err());
    }
}
