//! The rows of table `view_counts`, from topic `views`.

use tickertape_records::{Error, ViewCount, topics};

use super::copy::Rows;
use super::table::{Column, Row, extra};

impl Row for ViewCount {
    const TOPIC: &'static str = topics::VIEWS;
    const TABLE: &'static str = "view_counts";
    const KEY: &'static [&'static str] = &["chat_id", "message_id", "after_minutes"];
    const NEWEST_BY: &'static [&'static str] = &["counted_at", "views"];
    const COLUMNS: &'static [Column<Self>] = &[
        ("chat_id", |count, rows| rows.bigint(count.chat_id)),
        ("message_id", |count, rows| rows.bigint(count.message_id)),
        ("after_minutes", |count, rows| rows.bigint(count.after_minutes.into())),
        ("date", |count, rows| rows.timestamp(count.date)),
        ("counted_at", |count, rows| rows.timestamp(count.counted_at)),
        ("views", |count, rows| rows.bigint(count.views)),
        ("forwards", |count, rows| rows.optional(count.forwards, Rows::bigint)),
        ("account", |count, rows| rows.text(&count.account)),
        ("extra", |count, rows| {
            extra(rows, &[("date", Some(count.date)), ("counted_at", Some(count.counted_at))]);
        }),
    ];

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }
}
