//! Records as they lie on a Fluvio topic: readable by any client, and back.
//!
//! The client's own types take a buffer of its own for each record and write byte by byte; these go from and to one
//! buffer, which is several times faster. Tests hold them against the client's.

use ::fluvio::Compression as Codec;
use ::fluvio::dataplane::record::{BATCH_HEADER_SIZE, Batch as Wire, RawRecords};

use super::options::Compression;
use crate::{BatchBuilder, Offset};

/// Writes records as one batch. `now` is in Unix milliseconds: retention by age goes by it.
pub(super) fn encode<'a>(
    records: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>,
    compression: Compression,
    now: i64,
) -> Result<Wire<RawRecords>, String> {
    let codec = match compression {
        Compression::None => Codec::None,
        Compression::Gzip => Codec::Gzip,
        Compression::Snappy => Codec::Snappy,
        Compression::Lz4 => Codec::Lz4,
        Compression::Zstd => Codec::Zstd,
    };
    let count = i32::try_from(records.len()).expect("a batch holds fewer records than bytes");
    let mut raw = Vec::new();
    raw.extend_from_slice(&count.to_be_bytes());
    for (index, (key, value)) in records.enumerate() {
        let index = index as i64;
        let keyed = if key.is_empty() { 0 } else { varint_len(key.len() as i64) + key.len() };
        // attributes, time after the batch's, number in the batch, key or none, value, no headers
        let size = 1 + 1 + varint_len(index) + 1 + keyed + varint_len(value.len() as i64) + value.len() + 1;
        put_varint(&mut raw, size as i64);
        raw.extend_from_slice(&[0, 0]);
        put_varint(&mut raw, index);
        raw.push(u8::from(!key.is_empty()));
        if !key.is_empty() {
            put_varint(&mut raw, key.len() as i64);
            raw.extend_from_slice(key);
        }
        put_varint(&mut raw, value.len() as i64);
        raw.extend_from_slice(value);
        raw.push(0);
    }
    let raw = match codec {
        Codec::None => raw.into(),
        codec => codec.compress(&raw).map_err(|error| error.to_string())?,
    };
    let mut batch = Wire::<RawRecords>::default();
    batch.header.last_offset_delta = count - 1;
    batch.header.first_timestamp = now;
    batch.header.max_time_stamp = now;
    batch.header.set_compression(codec);
    *batch.mut_records() = RawRecords(raw);
    Ok(batch)
}

/// Whether all of the batch's bytes are there: a fetch response ends where it reaches its size, in the middle of a
/// batch, and the client takes what there is for the whole.
pub(super) fn is_whole(batch: &Wire<RawRecords>) -> bool {
    let schema = if batch.header.has_schema() { size_of::<u32>() } else { 0 };
    let there = BATCH_HEADER_SIZE + schema + batch.records().0.len();
    usize::try_from(batch.batch_len()).is_ok_and(|length| length == there)
}

/// Reads the records of a whole batch from the record at `from` on.
pub(super) fn decode(batch: &Wire<RawRecords>, from: Offset) -> Result<BatchBuilder, String> {
    let codec = batch.get_compression().map_err(|error| error.to_string())?;
    let plain;
    let raw: &[u8] = match codec.uncompress(&batch.records().0).map_err(|error| error.to_string())? {
        Some(bytes) => {
            plain = bytes;
            &plain
        }
        None => &batch.records().0,
    };
    let mut input = Input(raw);
    let count = input.take(4)?.try_into().map(i32::from_be_bytes).expect("four bytes");
    if i64::from(count) != i64::from(batch.last_offset_delta()) + 1 {
        return Err(format!("its header tells of {} records, it has {count}", batch.last_offset_delta() + 1));
    }
    let first = batch.base_offset as u64;
    let mut builder = BatchBuilder::default();
    for index in 0..count as u64 {
        let size = input.length()?;
        let mut record = Input(input.take(size)?);
        record.take(1)?; // attributes
        record.varint()?; // time after the batch's
        record.varint()?; // number in the batch
        let key = match record.take(1)? {
            [0] => &[],
            _ => {
                let length = record.length()?;
                record.take(length)?
            }
        };
        let length = record.length()?;
        let value = record.take(length)?;
        if first + index >= from {
            builder.push(key, value);
        }
    }
    Ok(builder)
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("a record ends beyond its batch")?;
        self.0 = rest;
        Ok(taken)
    }

    fn length(&mut self) -> Result<usize, String> {
        usize::try_from(self.varint()?).map_err(|_| "a length below nothing".into())
    }

    /// A signed number, least significant seven bits first, zigzag.
    fn varint(&mut self) -> Result<i64, String> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
            }
        }
        Err("a number without end".into())
    }
}

fn put_varint(out: &mut Vec<u8>, number: i64) {
    let mut rest = zigzag(number);
    while rest > 0x7f {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn varint_len(number: i64) -> usize {
    (64 - (zigzag(number) | 1).leading_zeros() as usize).div_ceil(7)
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "whatever fails here fails the test")]
mod tests {
    use ::fluvio::dataplane::record::{Record, RecordData, RecordKey, RecordSet};
    use ::fluvio::dataplane::{Decoder, Encoder};
    use proptest::prelude::*;

    use super::*;

    const ALL: [Compression; 5] =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

    type Records = Vec<(Vec<u8>, Vec<u8>)>;

    fn wire(records: &Records, compression: Compression) -> Wire<RawRecords> {
        encode(records.iter().map(|(k, v)| (&k[..], &v[..])), compression, 1_700_000_000_000).unwrap()
    }

    /// As it comes back from a cluster, cut to `cut` bytes.
    fn sent(batch: Wire<RawRecords>, base: i64, cut: Option<usize>) -> Option<Wire<RawRecords>> {
        let mut bytes = Vec::new();
        batch.base_offset(base).encode(&mut bytes, 0).unwrap();
        bytes.truncate(cut.unwrap_or(usize::MAX));
        let mut response = (bytes.len() as i32).to_be_bytes().to_vec();
        response.extend_from_slice(&bytes);
        let mut set = RecordSet::<RawRecords>::default();
        set.decode(&mut &response[..], 0).unwrap();
        set.batches.pop()
    }

    fn records() -> impl Strategy<Value = Records> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..200);
        prop::collection::vec((bytes(), bytes()), 1..70)
    }

    proptest! {
        #[test]
        fn records_come_back_from_any_offset(all in records(), compression in 0..5usize, skip in 0..80usize) {
            let batch = sent(wire(&all, ALL[compression]), 1000, None).unwrap();
            prop_assert!(is_whole(&batch));
            let read = decode(&batch, 1000 + skip as u64).unwrap();
            let read: Records = read.iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
            prop_assert_eq!(&read[..], &all[skip.min(all.len())..]);
        }

        #[test]
        fn the_clients_types_write_and_read_the_same(all in records()) {
            let theirs: Vec<Record> = all.iter().map(|(key, value)| {
                let value = RecordData::from(value.clone());
                if key.is_empty() { Record::new(value) } else { Record::new_key_value(RecordKey::from(key.clone()), value) }
            }).collect();
            let theirs: Wire<RawRecords> = Wire::from(theirs).try_into().unwrap();
            let ours = wire(&all, Compression::None);
            prop_assert_eq!(&theirs.records().0, &ours.records().0);
            prop_assert_eq!(theirs.header.last_offset_delta, ours.header.last_offset_delta);
        }

        #[test]
        fn a_cut_batch_is_never_whole_nor_read_as_such(all in records(), compression in 0..5usize, at in 0.0..1.0f64) {
            let batch = wire(&all, ALL[compression]);
            let size = { let mut b = Vec::new(); batch.clone().encode(&mut b, 0).unwrap(); b.len() };
            let cut = (size as f64 * at) as usize;
            if let Some(batch) = sent(batch, 5, Some(cut)) {
                prop_assert!(!is_whole(&batch));
            }
        }

        #[test]
        fn arbitrary_bytes_are_an_error_not_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut batch = Wire::<RawRecords>::default();
            batch.header.last_offset_delta = 3;
            *batch.mut_records() = RawRecords(bytes.into());
            let _ = decode(&batch, 0);
        }
    }

    #[test]
    fn lengths_of_numbers_are_what_is_written() {
        for number in (0..63).flat_map(|bit| [1i64 << bit, -(1i64 << bit), (1i64 << bit) - 1]) {
            let mut out = Vec::new();
            put_varint(&mut out, number);
            assert_eq!(out.len(), varint_len(number));
            assert_eq!(Input(&out).varint(), Ok(number));
        }
    }
}
