//! What a table is that takes the records of one topic as they are: its columns, its key, and which row stays.
//!
//! Such a table is one file beside this one, which says how a record becomes a row; [`TABLES`] lists them. `messages`
//! and `dead_letters` have ways of their own, see [`super::batch`].

use tickertape_broker::RecordRef;
use tickertape_records as records;

use super::copy::{Rows, out_of_range};
use crate::reports::DigestedReport;

/// Every table of this kind.
pub(super) static TABLES: [RowTable; 7] = [
    RowTable::of::<records::Event>(),
    RowTable::of::<records::Link>(),
    RowTable::of::<records::Channel>(),
    RowTable::of::<DigestedReport>(),
    RowTable::of::<records::ViewCount>(),
    RowTable::of::<records::Instruction>(),
    RowTable::of::<records::CoinListRecord>(),
];

/// A column: its name, and what writes its field of a record's row.
pub(super) type Column<R> = (&'static str, fn(&R, &mut Rows));

/// A record that is one row of one table.
pub(super) trait Row: Sized + 'static {
    /// The topic it lies on.
    const TOPIC: &'static str;
    /// The table it goes to.
    const TABLE: &'static str;
    /// The columns by which a repeat is known.
    const KEY: &'static [&'static str];
    /// Of two rows with the same key the one with more in these columns stays; among equals, the first.
    const NEWEST_BY: &'static [&'static str] = &[];
    /// Every column that is written, in any order.
    const COLUMNS: &'static [Column<Self>];

    /// Reads a record's value.
    fn decode(value: &[u8]) -> Result<Self, records::Error>;

    /// What keeps it out of the table, if anything does.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A [`Row`] as a value: all that writing needs to know.
#[derive(Debug)]
pub(super) struct RowTable {
    pub(super) topic: &'static str,
    pub(super) name: &'static str,
    pub(super) key: &'static [&'static str],
    pub(super) newest_by: &'static [&'static str],
    pub(super) columns: fn() -> Vec<&'static str>,
    /// Adds the row of a record, or says what is wrong with the record.
    pub(super) add: fn(RecordRef<'_>, &mut Rows) -> Result<(), String>,
}

impl RowTable {
    const fn of<R: Row>() -> Self {
        Self {
            topic: R::TOPIC,
            name: R::TABLE,
            key: R::KEY,
            newest_by: R::NEWEST_BY,
            columns: || R::COLUMNS.iter().map(|(name, _)| *name).collect(),
            add: |record, rows| {
                let row = R::decode(record.value).map_err(|error| error.to_string())?;
                row.check()?;
                rows.begin(record.offset, R::COLUMNS.len());
                for (_, write) in R::COLUMNS {
                    write(&row, rows);
                }
                Ok(())
            },
        }
    }

    /// The statement that moves the staged rows into the table.
    pub(super) fn merge(&self) -> String {
        let columns = (self.columns)();
        let (name, listed) = (self.name, columns.join(", "));
        if self.newest_by.is_empty() {
            return format!(
                "INSERT INTO {name} ({listed}) SELECT {listed} FROM staged_{name} ON CONFLICT DO NOTHING"
            );
        }
        let list = |of: &str, columns: &[&str]| -> String {
            columns.iter().map(|column| format!("{of}.{column}")).collect::<Vec<_>>().join(", ")
        };
        let changes: Vec<_> = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        let newest: String = self.newest_by.iter().map(|column| format!("{column} DESC, ")).collect();
        let key = self.key.join(", ");
        format!(
            "INSERT INTO {name} ({listed}) SELECT {listed} FROM (\
             SELECT DISTINCT ON ({key}) * FROM staged_{name} ORDER BY {key}, {newest}ctid) AS kept \
             ON CONFLICT ({key}) DO UPDATE SET {} WHERE ({}) > ({})",
            changes.join(", "),
            list("excluded", self.newest_by),
            list(name, self.newest_by),
        )
    }
}

/// A JSON text of anything that consists of strings, numbers, lists and objects with string keys.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("strings, numbers, lists and objects of them are always JSON")
}

/// `"out_of_range":{…}` with those of the dates that no calendar has.
pub(super) fn out_of_range_dates(dates: &[(&str, Option<i64>)]) -> Option<String> {
    let fields: Vec<String> = dates
        .iter()
        .filter_map(|(name, seconds)| seconds.filter(|s| out_of_range(*s)).map(|s| format!("\"{name}\":{s}")))
        .collect();
    (!fields.is_empty()).then(|| format!("\"out_of_range\":{{{}}}", fields.join(",")))
}

/// The column `extra` of a table that keeps nothing else there.
pub(super) fn extra(rows: &mut Rows, dates: &[(&str, Option<i64>)]) {
    let dates = out_of_range_dates(dates).map(|dates| format!("{{{dates}}}"));
    rows.optional(dates.as_deref(), Rows::jsonb);
}

/// Refuses a date that no calendar has where it is part of a key: two of them would be taken for one.
pub(super) fn check_key_date(name: &str, unix_seconds: i64) -> Result<(), String> {
    match out_of_range(unix_seconds) {
        true => Err(format!("{name} {unix_seconds} is outside the years 1 to 9999")),
        false => Ok(()),
    }
}

/// A number that a column with a sign must hold.
pub(super) fn signed(name: &str, number: u64) -> Result<i64, String> {
    i64::try_from(number).map_err(|_| format!("{name} {number} is beyond 64 bits with a sign"))
}
