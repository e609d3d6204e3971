//! The rows of table `client_reports`, from topic `clients`.

use tickertape_records::{Error, topics};

use super::copy::Rows;
use super::table::{Column, Row, check_key_date, extra, json};
use crate::reports::DigestedReport;

impl Row for DigestedReport {
    const TOPIC: &'static str = topics::CLIENTS;
    const TABLE: &'static str = "client_reports";
    const KEY: &'static [&'static str] = &["account", "reported_at", "digest"];
    const COLUMNS: &'static [Column<Self>] = &[
        ("reported_at", |it, rows| rows.timestamp(it.record.at)),
        ("digest", |it, rows| rows.bigint(it.digest)),
        ("chat_id", |it, rows| rows.optional(it.chat_id(), Rows::bigint)),
        ("user_id", |it, rows| rows.optional(it.status().and_then(|status| status.user_id), Rows::bigint)),
        ("dialogs", |it, rows| rows.optional(it.status().map(|status| status.dialogs.into()), Rows::bigint)),
        ("joins_left", |it, rows| {
            rows.optional(it.status().map(|status| status.joins_left.into()), Rows::bigint);
        }),
        ("limited_until", |it, rows| rows.optional(it.limited_until(), Rows::timestamp)),
        ("retry_at", |it, rows| rows.optional(it.retry_at(), Rows::timestamp)),
        ("premium", |it, rows| rows.optional(it.status().map(|status| status.premium), Rows::boolean)),
        ("bot", |it, rows| rows.optional(it.status().map(|status| status.bot), Rows::boolean)),
        ("account", |it, rows| rows.text(&it.record.account)),
        ("kind", |it, rows| rows.text(it.record.report.name())),
        ("state", |it, rows| rows.optional(it.status().map(|status| status.state.name()), Rows::text)),
        ("instruction_id", |it, rows| rows.optional(it.answer().map(|(id, _)| id), Rows::text)),
        ("result", |it, rows| rows.optional(it.answer().map(|(_, outcome)| outcome.name()), Rows::text)),
        ("reason", |it, rows| rows.optional(it.reason(), Rows::text)),
        ("detail", |it, rows| rows.optional(it.detail(), Rows::text)),
        ("chats", |it, rows| {
            let chats = it.status().map(|status| &status.chats).filter(|chats| !chats.is_empty());
            rows.optional(chats.map(json).as_deref(), Rows::jsonb);
        }),
        ("extra", |it, rows| {
            extra(rows, &[("limited_until", it.limited_until()), ("retry_at", it.retry_at())]);
        }),
    ];

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }

    fn check(&self) -> Result<(), String> {
        check_key_date("reported_at", self.record.at)
    }
}
