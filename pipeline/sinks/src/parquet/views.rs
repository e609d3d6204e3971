//! The table `views`, from topic of the same name: how often posts were seen. `docs/archive.md` is its contract.

use tickertape_records::{Error, ViewCount};

use super::rows::Values::{Date, Integer, OptionalInteger, Text};
use super::rows::{Column, Row};
use super::table::Identity;

impl Row for ViewCount {
    const NAME: &'static str = "views";
    const SORTED_BY: &'static [&'static str] = &["date", "chat_id", "message_id", "after_minutes"];
    const DICTIONARY: &'static [&'static str] = &["chat_id", "after_minutes", "account"];
    const DELTA: &'static [&'static str] = &["message_id", "date", "views", "counted_at", "offset"];
    const COLUMNS: &'static [Column<Self>] = &[
        ("chat_id", Integer(|count| count.chat_id)),
        ("message_id", Integer(|count| count.message_id)),
        ("date", Date(|count| Some(count.date))),
        ("after_minutes", Integer(|count| count.after_minutes.into())),
        ("views", Integer(|count| count.views)),
        ("forwards", OptionalInteger(|count| count.forwards)),
        ("counted_at", Date(|count| Some(count.counted_at))),
        ("account", Text(|count| &count.account)),
    ];
    type Key = (i64, i64, u32);

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }

    fn identity(&self) -> Identity<Self::Key> {
        Identity {
            key: (self.chat_id, self.message_id, self.after_minutes),
            date: Some(self.date),
            received_at: Some(self.counted_at),
            rank: 0,
            input: None,
        }
    }
}
