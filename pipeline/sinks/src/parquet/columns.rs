//! Parts that tables build their columns of.

use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, ListArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use tickertape_records as records;

/// First and last Unix second of the years 1 to 9999: what every reader of the archive can show as a date.
const SHOWABLE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// A date in microseconds, none when it is outside the years 1 to 9999.
pub(super) fn micros(unix_seconds: i64) -> Option<i64> {
    SHOWABLE.contains(&unix_seconds).then(|| unix_seconds * 1_000_000)
}

/// The nearest date that [`micros`] can hold.
pub(super) fn nearest_showable(unix_seconds: i64) -> i64 {
    unix_seconds.clamp(*SHOWABLE.start(), *SHOWABLE.end())
}

pub(super) fn timestamp(name: &str) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true)
}

pub(super) fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

pub(super) fn optional(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// A list whose items are called as the Parquet specification calls them.
pub(super) fn list_of(item: DataType) -> DataType {
    DataType::List(element(item))
}

fn element(item: DataType) -> FieldRef {
    Arc::new(required("element", item))
}

/// A column of dates.
pub(super) struct Timestamps(TimestampMicrosecondBuilder);

impl Default for Timestamps {
    fn default() -> Self {
        Self(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
    }
}

impl Timestamps {
    pub(super) fn append_option(&mut self, micros: Option<i64>) {
        self.0.append_option(micros);
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        column(&mut self.0)
    }
}

/// Where each list of a column of lists ends.
#[derive(Debug)]
pub(super) struct Ends(Vec<i32>);

impl Default for Ends {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl Ends {
    /// Ends the list of this row.
    pub(super) fn push(&mut self, items_so_far: usize) {
        let end = i32::try_from(items_so_far).expect("a chunk of rows holds far less than 2^31 list items");
        self.0.push(end);
    }

    /// The column whose items are `items`.
    pub(super) fn finish(&mut self, items: ArrayRef) -> ArrayRef {
        let ends = std::mem::take(self).0;
        let field = element(items.data_type().clone());
        Arc::new(ListArray::new(field, OffsetBuffer::new(ends.into()), items, None))
    }
}

/// Values that their column cannot hold, to be kept in `extra` under the names of their fields.
#[derive(Debug, Default)]
pub(super) struct Misfits(Vec<(&'static str, String)>);

impl Misfits {
    /// The date as a timestamp, or none and kept here.
    pub(super) fn date(&mut self, field: &'static str, unix_seconds: i64) -> Option<i64> {
        let micros = micros(unix_seconds);
        if micros.is_none() {
            self.0.push((field, unix_seconds.to_string()));
        }
        micros
    }

    /// The number with a sign, or none and kept here.
    pub(super) fn signed(&mut self, field: &'static str, number: u64) -> Option<i64> {
        let signed = i64::try_from(number).ok();
        if signed.is_none() {
            self.0.push((field, number.to_string()));
        }
        signed
    }

    /// `extra`, a JSON object or none, with what was kept here put in front.
    pub(super) fn join(self, extra: Option<String>) -> Option<String> {
        if self.0.is_empty() {
            return extra;
        }
        let kept: Vec<String> = self.0.iter().map(|(field, value)| format!("\"{field}\":{value}")).collect();
        let rest = extra.as_deref().and_then(|json| json.strip_prefix('{')).unwrap_or("}");
        let comma = if rest == "}" { "" } else { "," };
        Some(format!("{{{}{comma}{rest}", kept.join(",")))
    }
}

/// The columns about a record's source, which every table has.
#[derive(Debug, Default)]
pub(super) struct SourceColumns {
    kind: StringBuilder,
    name: StringBuilder,
    position: Int64Builder,
}

impl SourceColumns {
    pub(super) fn fields() -> [Field; 3] {
        [
            required("source_kind", DataType::Utf8),
            required("source_name", DataType::Utf8),
            optional("source_position", DataType::Int64),
        ]
    }

    pub(super) fn append(&mut self, source: &records::Source, misfits: &mut Misfits) {
        self.kind.append_value(source.kind.name());
        self.name.append_value(&source.name);
        let position = source.position.and_then(|position| misfits.signed("source_position", position));
        self.position.append_option(position);
    }

    pub(super) fn finish(&mut self) -> [ArrayRef; 3] {
        [column(&mut self.kind), column(&mut self.name), column(&mut self.position)]
    }
}

/// The column collected in a builder, without the room it had for more.
pub(super) fn column(builder: &mut dyn ArrayBuilder) -> ArrayRef {
    let mut column = builder.finish();
    if let Some(column) = Arc::get_mut(&mut column) {
        column.shrink_to_fit();
    }
    column
}
