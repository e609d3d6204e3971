//! The rows of table `links_seen`, from topic `links`.

use tickertape_records::{Error, Link, topics};

use super::copy::Rows;
use super::table::{Column, Row, extra, json};

impl Row for Link {
    const TOPIC: &'static str = topics::LINKS;
    const TABLE: &'static str = "links_seen";
    const KEY: &'static [&'static str] = &["chat_id", "message_id", "link"];
    // A link is recorded when it is seen, and again each time somebody has looked where it leads.
    const NEWEST_BY: &'static [&'static str] = &["previewed", "received_at"];
    const COLUMNS: &'static [Column<Self>] = &[
        ("chat_id", |link, rows| rows.bigint(link.chat_id)),
        ("message_id", |link, rows| rows.bigint(link.message_id)),
        ("date", |link, rows| rows.timestamp(link.date)),
        ("received_at", |link, rows| rows.timestamp(link.received_at)),
        ("target_chat_id", |link, rows| {
            rows.optional(link.target().and_then(|chat| chat.chat_id), Rows::bigint);
        }),
        ("target_participants", |link, rows| {
            rows.optional(link.target().and_then(|chat| chat.participants), Rows::bigint);
        }),
        ("previewed", |link, rows| rows.boolean(link.preview.is_some())),
        ("target_scam", |link, rows| rows.optional(link.target().map(|chat| chat.scam), Rows::boolean)),
        ("target_verified", |link, rows| {
            rows.optional(link.target().map(|chat| chat.verified), Rows::boolean)
        }),
        ("target_by_request", |link, rows| {
            rows.optional(link.target().map(|chat| chat.by_request), Rows::boolean);
        }),
        ("link", |link, rows| rows.text(&link.link)),
        ("found_in", |link, rows| rows.text(link.found_in.name())),
        ("account", |link, rows| rows.text(&link.account)),
        ("target_kind", |link, rows| {
            rows.optional(link.target().map(|chat| chat.chat_kind.name()), Rows::text)
        }),
        ("target_username", |link, rows| {
            rows.optional(link.target().and_then(|chat| chat.username.as_deref()), Rows::text);
        }),
        ("target_title", |link, rows| {
            rows.optional(link.target().map(|chat| chat.title.as_str()), Rows::text)
        }),
        ("target_about", |link, rows| {
            rows.optional(link.target().and_then(|chat| chat.about.as_deref()), Rows::text);
        }),
        ("target_messages", |link, rows| {
            let messages = link.target().map(|chat| &chat.messages).filter(|messages| !messages.is_empty());
            rows.optional(messages.map(json).as_deref(), Rows::jsonb);
        }),
        ("unavailable", |link, rows| {
            let preview = link.preview.as_ref();
            rows.optional(preview.and_then(|preview| preview.unavailable.as_deref()), Rows::text);
        }),
        ("extra", |link, rows| {
            extra(rows, &[("date", Some(link.date)), ("received_at", Some(link.received_at))]);
        }),
    ];

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }
}
