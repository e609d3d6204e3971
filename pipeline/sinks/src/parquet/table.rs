//! What a table is: how a record of its topic becomes a row, and how its columns are best encoded.
//!
//! `messages` collects its rows by hand, for speed; every other table is a list of columns, see [`super::rows`].

use arrow_array::ArrayRef;
use arrow_schema::SchemaRef;
use tickertape_records as records;

/// One table of the archive. A value of it collects rows, column by column.
pub(super) trait Table: Default + Send + 'static {
    /// The table's folder.
    const NAME: &'static str;
    /// The columns by which rows are sorted within a file, all ascending: the date that decides the month, then what
    /// [`Table::Key`] begins with.
    const SORTED_BY: &'static [&'static str];
    /// The columns whose values repeat so much that a dictionary pays.
    const DICTIONARY: &'static [&'static str];
    /// The columns of numbers that grow from row to row, or nearly.
    const DELTA: &'static [&'static str];
    /// What is read from the topic.
    type Record<'a>;
    /// By what a repeat is known within a range.
    type Key: Ord + Send;

    /// The columns, in order.
    fn schema() -> SchemaRef;
    /// Reads a record's value.
    fn decode(value: &[u8]) -> Result<Self::Record<'_>, records::Error>;
    /// What decides where the row goes and whether it stays.
    fn identity(record: &Self::Record<'_>) -> Identity<Self::Key>;
    /// Adds a row.
    fn append(&mut self, offset: u64, record: &Self::Record<'_>);
    /// Takes the rows collected so far, as columns.
    fn finish(&mut self) -> Vec<ArrayRef>;
}

/// What decides where a row goes and whether it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity<K> {
    pub(super) key: K,
    /// Unix seconds; none for a row that belongs to no month.
    pub(super) date: Option<i64>,
    /// Unix seconds.
    pub(super) received_at: Option<i64>,
    /// Of two rows with the same key the one that ranks higher stays, among equals the later.
    pub(super) rank: u32,
    /// Input offset and sequence, by which a repeated append is recognised.
    pub(super) input: Option<(u64, u32)>,
}
