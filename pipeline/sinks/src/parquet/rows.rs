//! A table as a list of columns: all that one costs whose rows are records as they are.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{BooleanBuilder, Int64Builder, StringBuilder};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use tickertape_records as records;

use super::columns::{Ends, Misfits, Timestamps, column, list_of, optional, required, timestamp};
use super::table::{Identity, Table};

/// A record that is one row of one table. The columns `offset` and `extra` follow those it names.
pub(super) trait Row: Sized + 'static {
    /// See [`Table::NAME`].
    const NAME: &'static str;
    /// See [`Table::SORTED_BY`].
    const SORTED_BY: &'static [&'static str];
    /// See [`Table::DICTIONARY`].
    const DICTIONARY: &'static [&'static str];
    /// See [`Table::DELTA`].
    const DELTA: &'static [&'static str];
    /// The columns in order.
    const COLUMNS: &'static [Column<Self>];
    /// See [`Table::Key`].
    type Key: Ord + Send;

    /// Reads a record's value.
    fn decode(value: &[u8]) -> Result<Self, records::Error>;
    /// What decides where the row goes and whether it stays.
    fn identity(&self) -> Identity<Self::Key>;
}

/// A column's name, and where its values come from.
pub(super) type Column<R> = (&'static str, Values<R>);

/// Where the values of a column come from, and so its type.
pub(super) enum Values<R> {
    Integer(fn(&R) -> i64),
    OptionalInteger(fn(&R) -> Option<i64>),
    /// Without a sign: what is beyond 63 bits goes to `extra`.
    Unsigned(fn(&R) -> Option<u64>),
    Text(fn(&R) -> &str),
    OptionalText(fn(&R) -> Option<&str>),
    /// A list of texts, empty rather than null.
    Texts(fn(&R) -> &[String]),
    /// A text that is JSON.
    Json(fn(&R) -> Option<String>),
    Flag(fn(&R) -> bool),
    OptionalFlag(fn(&R) -> Option<bool>),
    /// Unix seconds: what is outside the years 1 to 9999 goes to `extra`.
    Date(fn(&R) -> Option<i64>),
}

/// Rows of a table, column by column.
pub(super) struct Rows<R: Row> {
    columns: Vec<Collected<R>>,
    offset: Int64Builder,
    extra: StringBuilder,
}

/// The values of a column so far.
struct Collected<R: 'static> {
    name: &'static str,
    values: &'static Values<R>,
    builder: Builder,
}

enum Builder {
    Integers(Int64Builder),
    Texts(StringBuilder),
    Flags(BooleanBuilder),
    Dates(Timestamps),
    Lists { ends: Ends, items: StringBuilder, items_so_far: usize },
}

impl<R> Values<R> {
    fn field(&self, name: &str) -> Field {
        match self {
            Self::Integer(_) => required(name, DataType::Int64),
            Self::OptionalInteger(_) | Self::Unsigned(_) => optional(name, DataType::Int64),
            Self::Text(_) => required(name, DataType::Utf8),
            Self::OptionalText(_) | Self::Json(_) => optional(name, DataType::Utf8),
            Self::Texts(_) => required(name, list_of(DataType::Utf8)),
            Self::Flag(_) => required(name, DataType::Boolean),
            Self::OptionalFlag(_) => optional(name, DataType::Boolean),
            Self::Date(_) => timestamp(name),
        }
    }

    fn builder(&self) -> Builder {
        match self {
            Self::Integer(_) | Self::OptionalInteger(_) | Self::Unsigned(_) => {
                Builder::Integers(Int64Builder::default())
            }
            Self::Text(_) | Self::OptionalText(_) | Self::Json(_) => Builder::Texts(StringBuilder::default()),
            Self::Texts(_) => {
                Builder::Lists { ends: Ends::default(), items: StringBuilder::default(), items_so_far: 0 }
            }
            Self::Flag(_) | Self::OptionalFlag(_) => Builder::Flags(BooleanBuilder::default()),
            Self::Date(_) => Builder::Dates(Timestamps::default()),
        }
    }
}

impl<R> Collected<R> {
    fn append(&mut self, record: &R, misfits: &mut Misfits) {
        match (&mut self.builder, self.values) {
            (Builder::Integers(to), Values::Integer(of)) => to.append_value(of(record)),
            (Builder::Integers(to), Values::OptionalInteger(of)) => to.append_option(of(record)),
            (Builder::Integers(to), Values::Unsigned(of)) => {
                to.append_option(of(record).and_then(|number| misfits.signed(self.name, number)));
            }
            (Builder::Texts(to), Values::Text(of)) => to.append_value(of(record)),
            (Builder::Texts(to), Values::OptionalText(of)) => to.append_option(of(record)),
            (Builder::Texts(to), Values::Json(of)) => to.append_option(of(record)),
            (Builder::Flags(to), Values::Flag(of)) => to.append_value(of(record)),
            (Builder::Flags(to), Values::OptionalFlag(of)) => to.append_option(of(record)),
            (Builder::Dates(to), Values::Date(of)) => {
                to.append_option(of(record).and_then(|date| misfits.date(self.name, date)));
            }
            (Builder::Lists { ends, items, items_so_far }, Values::Texts(of)) => {
                of(record).iter().for_each(|item| items.append_value(item));
                *items_so_far += of(record).len();
                ends.push(*items_so_far);
            }
            _ => unreachable!("a column's builder is made by its values"),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match &mut self.builder {
            Builder::Integers(builder) => column(builder),
            Builder::Texts(builder) => column(builder),
            Builder::Flags(builder) => column(builder),
            Builder::Dates(builder) => builder.finish(),
            Builder::Lists { ends, items, items_so_far } => {
                *items_so_far = 0;
                ends.finish(column(items))
            }
        }
    }
}

impl<R: Row> Default for Rows<R> {
    fn default() -> Self {
        let collected =
            |(name, values): &'static Column<R>| Collected { name, values, builder: values.builder() };
        Self {
            columns: R::COLUMNS.iter().map(collected).collect(),
            offset: Int64Builder::default(),
            extra: StringBuilder::default(),
        }
    }
}

impl<R: Row> Table for Rows<R> {
    const NAME: &'static str = R::NAME;
    const SORTED_BY: &'static [&'static str] = R::SORTED_BY;
    const DICTIONARY: &'static [&'static str] = R::DICTIONARY;
    const DELTA: &'static [&'static str] = R::DELTA;
    type Record<'a> = R;
    type Key = R::Key;

    fn schema() -> SchemaRef {
        let mut fields: Vec<_> = R::COLUMNS.iter().map(|(name, values)| values.field(name)).collect();
        fields.extend([required("offset", DataType::Int64), optional("extra", DataType::Utf8)]);
        Arc::new(Schema::new(fields))
    }

    fn decode(value: &[u8]) -> Result<R, records::Error> {
        R::decode(value)
    }

    fn identity(record: &R) -> Identity<R::Key> {
        record.identity()
    }

    fn append(&mut self, offset: u64, record: &R) {
        let mut misfits = Misfits::default();
        for column in &mut self.columns {
            column.append(record, &mut misfits);
        }
        self.offset.append_value(offset as i64);
        self.extra.append_option(misfits.join(None));
    }

    fn finish(&mut self) -> Vec<ArrayRef> {
        let mut columns: Vec<_> = self.columns.iter_mut().map(Collected::finish).collect();
        columns.extend([column(&mut self.offset), column(&mut self.extra)]);
        columns
    }
}

/// A JSON text of anything that consists of strings, numbers, lists and objects with string keys.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("strings, numbers, lists and objects of them are always JSON")
}
