//! What one transaction writes: the records read together, as rows of their topic's table.
//!
//! Pure: what it makes of the same records is always the same, and a record that is no row is a dead letter.

use tickertape_broker::{Batch, Offset, TopicPartition};
use tickertape_records::{DeadLetter, Origin, topics};

use super::copy::Rows;
use super::table::{RowTable, TABLES};
use super::{dead_letters, messages};

/// As deep as the readers of all other records go. Postgres parses JSON by recursion, and the embedded one has so
/// small a stack that it does not survive what is much deeper.
const MAX_DEPTH: usize = 128;

/// The tables, each filled from one topic.
#[derive(Debug, Clone, Copy)]
pub(super) enum Table {
    /// Partitioned, revised, and marked where a message was deleted.
    Messages,
    /// Also filled by the sinks of all other tables.
    DeadLetters,
    /// One row a record.
    Rows(&'static RowTable),
}

impl Table {
    /// The table of a topic.
    pub(super) fn of(topic: &str) -> Option<Self> {
        match topic {
            topics::ATTRIBUTED => Some(Self::Messages),
            topics::DEAD_LETTERS => Some(Self::DeadLetters),
            _ => TABLES.iter().find(|table| table.topic == topic).map(Self::Rows),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::DeadLetters => "dead_letters",
            Self::Rows(table) => table.name,
        }
    }

    /// The columns of its copied rows.
    pub(super) fn columns(self) -> Vec<&'static str> {
        match self {
            Self::Messages => messages::COLUMNS.to_vec(),
            Self::DeadLetters => Vec::new(),
            Self::Rows(table) => (table.columns)(),
        }
    }

    /// The statement that moves staged rows into the table.
    pub(super) fn merge(self) -> String {
        match self {
            Self::Messages => messages::merge(),
            Self::DeadLetters => unreachable!("dead letters are inserted, not copied"),
            Self::Rows(table) => table.merge(),
        }
    }
}

/// Rows of one table, and the stretch of the log they cover.
#[derive(Debug)]
pub(super) struct RowBatch {
    pub(super) table: Table,
    /// Offset behind the last record.
    pub(super) end: Offset,
    /// Records that were read.
    pub(super) records: u64,
    /// Those of them that are no row of their table.
    pub(super) refused: u64,
    pub(super) rows: Rows,
    /// What goes to `dead_letters`.
    pub(super) letters: Vec<DeadLetter>,
    pub(super) summary: messages::Summary,
    at: TopicPartition,
    read: Vec<Batch>,
}

impl RowBatch {
    /// Makes rows of what was read from a partition.
    pub(super) fn new(table: Table, at: TopicPartition, read: Vec<Batch>) -> Self {
        let end = read.last().map_or(0, Batch::end_offset);
        let mut batch = Self {
            table,
            end,
            records: 0,
            refused: 0,
            rows: Rows::default(),
            letters: Vec::new(),
            summary: messages::Summary::default(),
            at,
            read: Vec::new(),
        };
        for record in read.iter().flat_map(Batch::iter) {
            batch.records += 1;
            let added = match table {
                _ if too_deep(record.value) => Err(format!("it is nested more than {MAX_DEPTH} deep")),
                Table::Messages => messages::add(record, &mut batch.rows, &mut batch.summary),
                Table::Rows(table) => (table.add)(record, &mut batch.rows),
                Table::DeadLetters => DeadLetter::decode(record.value)
                    .map_err(|error| error.to_string())
                    .and_then(|letter| dead_letters::check(&letter).map(|()| batch.letters.push(letter))),
            };
            if let Err(reason) = added {
                batch.refuse(record.offset, reason, record.value);
            }
        }
        batch.read = read;
        batch
    }

    /// Takes out rows that the server does not accept, given in order; their records become dead letters.
    pub(super) fn refuse_rows(&mut self, reasons: Vec<(usize, String)>) {
        let read = std::mem::take(&mut self.read);
        let mut records = read.iter().flat_map(Batch::iter);
        for (row, reason) in &reasons {
            let offset = self.rows.record(*row);
            let record = records.find(|record| record.offset == offset);
            let value = record.expect("rows and records are in the order of offsets").value;
            self.refuse(offset, format!("Postgres does not accept it: {reason}"), value);
        }
        drop(records);
        self.read = read;
        self.rows.remove(reasons.iter().map(|(row, _)| *row));
    }

    fn refuse(&mut self, offset: Offset, reason: String, value: &[u8]) {
        self.refused += 1;
        let origin = Origin::Topic { topic: self.at.topic.clone(), partition: self.at.partition, offset };
        self.letters.push(DeadLetter::new(origin, reason, value));
    }
}

/// Whether JSON is nested beyond [`MAX_DEPTH`].
fn too_deep(json: &[u8]) -> bool {
    let opens = |byte: &u8| matches!(byte, b'[' | b'{');
    if json.iter().filter(|byte| opens(byte)).count() <= MAX_DEPTH {
        return false; // nearly every record, and much faster than what follows
    }
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, Table, too_deep};

    #[test]
    fn the_topics_that_are_said_to_have_a_table_have_one() {
        let with_a_table = |topic: &&str| Table::of(topic).is_some();
        assert!(super::super::TOPICS.iter().all(with_a_table));
        let all = tickertape_records::topics::ALL;
        assert_eq!(all.iter().filter(|topic| with_a_table(topic)).count(), super::super::TOPICS.len());
    }

    #[test]
    fn depth_is_that_of_the_nesting() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!too_deep(nested(MAX_DEPTH).as_bytes()));
        assert!(too_deep(nested(MAX_DEPTH + 1).as_bytes()));
        assert!(!too_deep(format!("[{}]", ["[{}]"; 1000].join(",")).as_bytes()));
        assert!(!too_deep(format!(r#"["\"{}"]"#, "[".repeat(1000)).as_bytes()));
        assert!(too_deep(format!(r#"["\\",{}]"#, nested(1000)).as_bytes()));
    }
}
