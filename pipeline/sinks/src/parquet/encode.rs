//! How a file is encoded: one place for compression, page sizes, dictionaries and metadata.

use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::errors::Result;
use ::parquet::file::metadata::{KeyValue, SortingColumn};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::schema::types::ColumnPath;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::interleave::interleave_record_batch;

use super::range::{CHUNK_ROWS, Month, SortedRange};
use super::table::Table;

/// The version of the archive's layout and columns, in every file and commit record.
///
/// 2 added to `messages` the column `deleted_at` and the rows that have it; an archive of 1 is gone on with.
pub const ARCHIVE_SCHEMA: u16 = 2;

/// Rows in a row group: what a reader skips or reads as a whole.
const ROW_GROUP_ROWS: usize = 128 << 10;

/// Uncompressed size of a data page: what a reader skips by the page index.
const PAGE_BYTES: usize = 1 << 20;

/// Level 3: higher ones cost far more time than they save room on short texts.
const ZSTD_LEVEL: i32 = 3;

/// The program as files and commit records name it.
pub(super) const PROGRAM: &str = concat!("tickertape ", env!("CARGO_PKG_VERSION"));

/// One file of a range, as bytes.
pub(super) fn encode<T: Table>(range: &SortedRange, month: &Month) -> Result<Vec<u8>> {
    let schema = T::schema();
    let options = ArrowWriterOptions::new()
        .with_properties(properties::<T>(&schema, range)?)
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema, options)?;
    let mut start = month.rows.start;
    while start < month.rows.end {
        let end = month.rows.end.min(start + CHUNK_ROWS);
        let (chunks, places) = range.places(start..end);
        let chunks: Vec<&RecordBatch> = chunks.iter().collect();
        writer.write(&interleave_record_batch(&chunks, &places)?)?;
        start = end;
    }
    writer.into_inner()
}

/// What a file says about itself. Not the topic's epoch, which is drawn at random: the same stream gives the same
/// bytes.
fn metadata(range: &SortedRange) -> Vec<KeyValue> {
    [
        ("tickertape.program", PROGRAM.to_owned()),
        ("tickertape.archive_schema", ARCHIVE_SCHEMA.to_string()),
        ("tickertape.topic", range.at.topic.clone()),
        ("tickertape.partition", range.at.partition.to_string()),
        ("tickertape.first_offset", range.first.to_string()),
        ("tickertape.last_offset", range.last().to_string()),
    ]
    .map(|(key, value)| KeyValue::new(key.to_owned(), value))
    .into()
}

fn properties<T: Table>(schema: &SchemaRef, range: &SortedRange) -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("zstd has this level");
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_data_page_row_count_limit(usize::MAX)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_dictionary_enabled(false)
        .set_sorting_columns(Some(sorting::<T>(schema)?))
        .set_key_value_metadata(Some(metadata(range)))
        .set_column_bloom_filter_enabled(ColumnPath::from("chat_id"), true);
    for path in T::DICTIONARY {
        properties = properties.set_column_dictionary_enabled(column_path(path), true);
    }
    for path in T::DELTA {
        properties = properties.set_column_encoding(column_path(path), Encoding::DELTA_BINARY_PACKED);
    }
    // A file of a quiet month is small, and there a compressor for each empty column takes longer than the rows.
    for path in range.empty_columns() {
        properties = properties.set_column_compression(column_path(path), Compression::UNCOMPRESSED);
    }
    Ok(properties.build())
}

fn column_path(path: &str) -> ColumnPath {
    ColumnPath::new(path.split('.').map(str::to_owned).collect())
}

/// The sorting columns by their place among the leaves of the schema, where a nested column has several.
fn sorting<T: Table>(schema: &SchemaRef) -> Result<Vec<SortingColumn>> {
    let leaves = ArrowSchemaConverter::new().convert(schema)?;
    let place = |name: &str| leaves.columns().iter().position(|leaf| leaf.path().string() == name);
    Ok(T::SORTED_BY
        .iter()
        .filter_map(|name| place(name))
        .map(|place| SortingColumn { column_idx: place as i32, descending: false, nulls_first: true })
        .collect())
}
