//! Rows in the form that `COPY … FROM STDIN (FORMAT binary)` reads.
//!
//! The form is fixed by PostgreSQL's documentation of COPY: per row the number of fields as `i16`, per field its
//! length as `i32` (-1 for null) and its bytes, all big-endian. Nothing here knows a table or a server.

use std::borrow::Cow;
use std::ops::Range;

use tickertape_broker::Offset;

/// What stands before the first row: the signature, no flags, no header extension.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands behind the last row.
pub(super) const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

/// The years that every client can show: Python's and JavaScript's calendars end there, Postgres' goes on.
const FIRST_SECOND: i64 = -62_135_596_800; // 0001-01-01T00:00:00Z
const LAST_SECOND: i64 = 253_402_300_799; // 9999-12-31T23:59:59Z
/// Postgres counts from here, 2000-01-01T00:00:00Z, in microseconds.
const POSTGRES_EPOCH: i64 = 946_684_800;

/// A date that no calendar has, which is stored as infinity.
pub(super) fn out_of_range(unix_seconds: i64) -> bool {
    !(FIRST_SECOND..=LAST_SECOND).contains(&unix_seconds)
}

/// Rows, each with the offset of the record it came from.
#[derive(Debug, Default)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    /// Where each row begins, and its record.
    rows: Vec<(usize, Offset)>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The bytes of some rows, without header and trailer.
    pub(super) fn bytes(&self, rows: Range<usize>) -> &[u8] {
        &self.bytes[self.starts_at(rows.start)..self.starts_at(rows.end)]
    }

    /// The record that a row came from.
    pub(super) fn record(&self, row: usize) -> Offset {
        self.rows[row].1
    }

    /// Takes rows out, given in order.
    pub(super) fn remove(&mut self, rows: impl Iterator<Item = usize>) {
        let all = std::mem::take(self);
        let mut begin = 0;
        for end in rows.chain([all.len()]) {
            let moved = all.starts_at(begin) - self.bytes.len();
            self.rows.extend(all.rows[begin..end].iter().map(|(start, record)| (start - moved, *record)));
            self.bytes.extend_from_slice(all.bytes(begin..end));
            begin = end + 1;
        }
    }

    /// Begins a row; its fields follow, one call each.
    pub(super) fn begin(&mut self, record: Offset, fields: usize) {
        self.rows.push((self.bytes.len(), record));
        let fields = i16::try_from(fields).expect("a table has at most 1600 columns");
        self.bytes.extend_from_slice(&fields.to_be_bytes());
    }

    pub(super) fn null(&mut self) {
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.field(&[u8::from(value)]);
    }

    pub(super) fn bigint(&mut self, value: i64) {
        self.field(&value.to_be_bytes());
    }

    /// A `timestamptz` from Unix seconds; plus or minus infinity where it is [`out_of_range`].
    pub(super) fn timestamp(&mut self, unix_seconds: i64) {
        let value = match unix_seconds {
            ..FIRST_SECOND => i64::MIN,
            FIRST_SECOND..=LAST_SECOND => (unix_seconds - POSTGRES_EPOCH) * 1_000_000,
            _ => i64::MAX,
        };
        self.bigint(value);
    }

    pub(super) fn text(&mut self, value: &str) {
        self.field(storable(value).as_bytes());
    }

    /// A `jsonb` from valid JSON.
    pub(super) fn jsonb(&mut self, json: &str) {
        const VERSION: u8 = 1;
        let json = storable_json(json);
        self.length(1 + json.len());
        self.bytes.push(VERSION);
        self.bytes.extend_from_slice(json.as_bytes());
    }

    /// Writes the value with `write`, or a null.
    pub(super) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    fn field(&mut self, value: &[u8]) {
        self.length(value.len());
        self.bytes.extend_from_slice(value);
    }

    fn length(&mut self, length: usize) {
        // A batch is cut at a few MiB and one record at the log's limit, far below 2 GiB.
        let length = i32::try_from(length).expect("a field is below 2 GiB");
        self.bytes.extend_from_slice(&length.to_be_bytes());
    }

    fn starts_at(&self, row: usize) -> usize {
        self.rows.get(row).map_or(self.bytes.len(), |(start, _)| *start)
    }
}

/// Text as Postgres can hold it: U+0000, which it cannot, becomes U+2400, the picture of it.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.as_bytes().contains(&0) { text.replace('\0', "\u{2400}").into() } else { text.into() }
}

/// JSON as `jsonb` can hold it: an escaped U+0000 becomes U+2400, half a surrogate pair becomes U+FFFD.
fn storable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(r"\u") {
        return json.into();
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at..];
        out.push_str(&rest[..at]);
        let (replacement, length) = match unit(escape) {
            Some(0) => (r"\u2400", 6),
            Some(0xD800..=0xDBFF) => match unit(&escape[6..]) {
                Some(0xDC00..=0xDFFF) => (&escape[..12], 12),
                _ => (r"\ufffd", 6),
            },
            Some(0xDC00..=0xDFFF) => (r"\ufffd", 6),
            Some(_) => (&escape[..6], 6),
            None => (&escape[..2], 2),
        };
        out.push_str(replacement);
        rest = &escape[length..];
    }
    out.push_str(rest);
    out.into()
}

/// The code unit of an escape `\uXXXX` at the beginning of `json`.
fn unit(json: &str) -> Option<u16> {
    u16::from_str_radix(json.strip_prefix(r"\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_lengths_and_big_endian_bytes() {
        let mut rows = Rows::default();
        rows.begin(7, 4);
        rows.bigint(-2);
        rows.null();
        rows.text("é");
        rows.jsonb("[]");
        let expected: &[u8] = b"\0\x04\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff\xff\0\0\0\x02\xc3\xa9\0\0\0\x03\x01[]";
        assert_eq!(rows.bytes(0..1), expected);
    }

    #[test]
    fn rows_taken_out_leave_the_others_whole() {
        let mut rows = Rows::default();
        for (offset, text) in [(5, "first"), (6, "the second"), (8, "third"), (9, "")] {
            rows.begin(offset, 1);
            rows.text(text);
        }
        let (first, third) = (rows.bytes(0..1).to_vec(), rows.bytes(2..3).to_vec());
        rows.remove([1, 3].into_iter());
        assert_eq!((rows.len(), rows.record(0), rows.record(1)), (2, 5, 8));
        assert_eq!((rows.bytes(0..1), rows.bytes(1..2)), (&first[..], &third[..]));
        assert_eq!(rows.bytes(0..2), [first, third].concat());
    }

    #[test]
    fn dates_beyond_the_calendar_are_infinite() {
        let stored = |seconds| {
            let mut rows = Rows::default();
            rows.timestamp(seconds);
            i64::from_be_bytes(rows.bytes[4..].try_into().expect("eight bytes"))
        };
        assert_eq!(stored(946_684_801), 1_000_000);
        assert_eq!(stored(0), -946_684_800_000_000);
        assert_eq!(stored(LAST_SECOND), 252_455_615_999_000_000);
        assert_eq!((stored(LAST_SECOND + 1), stored(i64::MAX)), (i64::MAX, i64::MAX));
        assert_eq!((stored(FIRST_SECOND - 1), stored(i64::MIN)), (i64::MIN, i64::MIN));
    }

    #[test]
    fn json_loses_only_what_postgres_refuses() {
        for (json, stored) in [
            (r#"{"a":"b"}"#, r#"{"a":"b"}"#),
            (r#""\u0000\u00e9""#, r#""\u2400\u00e9""#),
            (r#""\\u0000""#, r#""\\u0000""#),
            (
                r#""\ud83d\ude80 \ud83d! \ude80\n\ud83d\u0000""#,
                r#""\ud83d\ude80 \ufffd! \ufffd\n\ufffd\u2400""#,
            ),
            (r#""é\uD83Dé""#, r#""é\ufffdé""#),
        ] {
            assert_eq!(storable_json(json), stored);
        }
    }
}
