//! A range of offsets while it is read, and once it is sorted.
//!
//! Rows are kept as Arrow columns in chunks as they come, with one sort key each; sorting moves keys only, and the
//! rows are gathered in their new order when a file is encoded.

use std::collections::VecDeque;
use std::ops::Range;

use arrow_array::{Array, RecordBatch};
use chrono::{DateTime, Datelike, NaiveDate};
use tickertape_broker::{Batch, Offset, RecordRef, TopicPartition};

use super::RangeLimits;
use super::columns::micros;
use super::limits::{RangeSize, Weight, fresh_day};
use super::table::{Identity, Table};

/// Rows in a chunk, and rows handed to the encoder at once.
pub(super) const CHUNK_ROWS: usize = 8192;

/// The folder of rows without a date, or with one outside the years 1 to 9999.
const UNKNOWN_MONTH: &str = "unknown";

/// Largest value that is read: a chunk's strings are addressed by 31 bits.
const MAX_VALUE_BYTES: usize = 1 << 30;

/// Input offset and sequence of an attributed record.
pub(super) type InputPosition = (u64, u32);

/// A range that is being read.
pub(super) struct OpenRange<T: Table> {
    at: TopicPartition,
    limits: RangeLimits,
    first: Offset,
    next: Offset,
    last_input: Option<InputPosition>,
    size: RangeSize,
    columns: T,
    chunks: Vec<RecordBatch>,
    keys: Vec<RowKey<T::Key>>,
    repeats: u64,
    unreadable: u64,
}

impl<T: Table> OpenRange<T> {
    /// An empty range from `first` on. `last_input` is that of the last row before it.
    pub(super) fn new(
        at: TopicPartition,
        limits: RangeLimits,
        first: Offset,
        last_input: Option<InputPosition>,
    ) -> Self {
        Self {
            at,
            limits,
            first,
            next: first,
            last_input,
            size: RangeSize::default(),
            columns: T::default(),
            chunks: Vec::new(),
            keys: Vec::new(),
            repeats: 0,
            unreadable: 0,
        }
    }

    /// Where it begins: everything before is in committed files.
    pub(super) fn first(&self) -> Offset {
        self.first
    }

    /// No record yet.
    pub(super) fn is_empty(&self) -> bool {
        self.first == self.next
    }

    /// Takes records until none is left, or until one belongs to the next range: then says so and leaves the rest.
    pub(super) fn absorb(&mut self, batches: &mut VecDeque<Batch>) -> bool {
        while let Some(batch) = batches.pop_front() {
            let beyond = batch.iter().find(|record| !self.take(*record)).map(|record| record.offset);
            if let Some(offset) = beyond {
                batches.push_front(batch.from_offset(offset));
                return true;
            }
        }
        false
    }

    /// Takes a record, unless it belongs to the next range.
    fn take(&mut self, record: RecordRef<'_>) -> bool {
        let row = if record.value.len() > MAX_VALUE_BYTES {
            Err(format!("larger than {MAX_VALUE_BYTES} bytes"))
        } else {
            T::decode(record.value).map_err(|error| error.to_string())
        };
        let row = row.map(|row| (T::identity(&row), row));
        let weight = Weight {
            bytes: record.value.len() as u64,
            fresh_day: row.as_ref().ok().and_then(|(it, _)| fresh_day(it.date?, it.received_at)),
        };
        if self.size.ends_before(weight, self.limits) {
            return false;
        }
        self.size.add(weight);
        self.next = record.offset + 1;
        match row {
            Ok((it, _)) if it.input.is_some() && it.input <= self.last_input => self.repeats += 1,
            Ok((it, row)) => {
                self.last_input = it.input.or(self.last_input);
                self.keys.push(self.key(it));
                self.columns.append(record.offset, &row);
                if self.keys.len().is_multiple_of(CHUNK_ROWS) {
                    self.finish_chunk();
                }
            }
            Err(reason) => {
                self.unreadable += 1;
                // The Postgres sink reads the same record and keeps it as a dead letter.
                tracing::warn!(at = %self.at, offset = record.offset, reason, "record left out of the archive");
            }
        }
        true
    }

    fn key(&self, it: Identity<T::Key>) -> RowKey<T::Key> {
        RowKey {
            date: it.date.and_then(micros).unwrap_or(i64::MIN),
            key: it.key,
            rank: it.rank,
            place: self.keys.len() as u32,
        }
    }

    fn finish_chunk(&mut self) {
        let chunk = RecordBatch::try_new(T::schema(), self.columns.finish());
        self.chunks.push(chunk.expect("a table's columns are those of its schema, all of one length"));
    }

    /// Ends the range: of rows with the same key the one that stays, sorted by date.
    pub(super) fn sort(mut self) -> SortedRange {
        if !self.keys.len().is_multiple_of(CHUNK_ROWS) {
            self.finish_chunk();
        }
        let mut keys = self.keys;
        let read = keys.len();
        keys.sort_unstable_by(|a, b| {
            a.key.cmp(&b.key).then_with(|| (b.rank, b.place).cmp(&(a.rank, a.place)))
        });
        keys.dedup_by(|row, kept| row.key == kept.key);
        keys.sort_unstable_by(|a, b| a.date.cmp(&b.date).then_with(|| a.key.cmp(&b.key)));
        SortedRange {
            at: self.at,
            limits: self.limits,
            first: self.first,
            next: self.next,
            last_input: self.last_input,
            months: months(&keys),
            superseded: (read - keys.len()) as u64,
            repeats: self.repeats,
            unreadable: self.unreadable,
            chunks: self.chunks,
            places: keys.into_iter().map(|row| row.place).collect(),
        }
    }
}

/// Where a row is sorted to, and where it is.
struct RowKey<K> {
    /// Microseconds; the least number when the row has no date, or one that cannot be shown.
    date: i64,
    key: K,
    rank: u32,
    /// Counts the rows of the range.
    place: u32,
}

/// A range that is to be written.
pub(super) struct SortedRange {
    pub(super) at: TopicPartition,
    limits: RangeLimits,
    pub(super) first: Offset,
    next: Offset,
    pub(super) last_input: Option<InputPosition>,
    pub(super) months: Vec<Month>,
    /// Rows that another with the same key replaced: a newer revision, or a repeat.
    pub(super) superseded: u64,
    /// Records that had been appended before.
    pub(super) repeats: u64,
    /// Records that could not be understood.
    pub(super) unreadable: u64,
    chunks: Vec<RecordBatch>,
    /// Which row as it was read is the first of the sorted ones, the second, ….
    places: Vec<u32>,
}

/// The rows of one calendar month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Month {
    /// `2021-03`, or `unknown`.
    pub(super) name: String,
    /// Which rows of the sorted range.
    pub(super) rows: Range<usize>,
}

impl SortedRange {
    /// Offset of its last record.
    pub(super) fn last(&self) -> Offset {
        self.next - 1
    }

    /// Rows that are written.
    pub(super) fn rows(&self) -> u64 {
        self.places.len() as u64
    }

    /// The range behind this one, empty.
    pub(super) fn following<T: Table>(&self) -> OpenRange<T> {
        OpenRange::new(self.at.clone(), self.limits, self.next, self.last_input)
    }

    /// The columns that hold no value in the whole range.
    pub(super) fn empty_columns(&self) -> impl Iterator<Item = &str> {
        let schema = self.chunks.first().map(RecordBatch::schema_ref);
        let fields = schema.into_iter().flat_map(|schema| schema.fields().iter().enumerate());
        let is_empty = |column: usize| {
            self.chunks.iter().all(|chunk| chunk.column(column).null_count() == chunk.num_rows())
        };
        fields.filter(move |(column, _)| is_empty(*column)).map(|(_, field)| field.name().as_str())
    }

    /// The chunks that hold the rows, and for each row of `rows` in its new order its chunk and place therein.
    pub(super) fn places(&self, rows: Range<usize>) -> (&[RecordBatch], Vec<(usize, usize)>) {
        let places = self.places[rows].iter().map(|place| *place as usize);
        (&self.chunks, places.map(|place| (place / CHUNK_ROWS, place % CHUNK_ROWS)).collect())
    }
}

/// The months of rows sorted by date.
fn months<K>(keys: &[RowKey<K>]) -> Vec<Month> {
    let mut months = Vec::new();
    let mut start = 0;
    while start < keys.len() {
        let (name, next_month) = month_of(keys[start].date);
        let end = start + keys[start..].partition_point(|row| row.date < next_month);
        months.push(Month { name, rows: start..end });
        start = end;
    }
    months
}

/// A month's name and where the next one begins, in microseconds.
fn month_of(micros: i64) -> (String, i64) {
    if micros == i64::MIN {
        return (UNKNOWN_MONTH.to_owned(), i64::MIN + 1);
    }
    let date = DateTime::from_timestamp_micros(micros).expect("a date in the years 1 to 9999").date_naive();
    let (year, month) =
        if date.month() == 12 { (date.year() + 1, 1) } else { (date.year(), date.month() + 1) };
    let next = NaiveDate::from_ymd_opt(year, month, 1).expect("the first of a month in the years 1 to 10000");
    (
        format!("{:04}-{:02}", date.year(), date.month()),
        next.and_time(Default::default()).and_utc().timestamp_micros(),
    )
}
