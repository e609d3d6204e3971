//! The rows of table `events`, from the topic of that name.

use tickertape_records::{Error, Event, topics};

use super::copy::Rows;
use super::table::{Column, Row, json, out_of_range_dates, signed};

impl Row for Event {
    const TOPIC: &'static str = topics::EVENTS;
    const TABLE: &'static str = "events";
    const KEY: &'static [&'static str] = &["chat_id", "message_id"];
    const COLUMNS: &'static [Column<Self>] = &[
        ("chat_id", |event, rows| rows.bigint(event.chat_id)),
        ("message_id", |event, rows| rows.bigint(event.message_id)),
        ("date", |event, rows| rows.timestamp(event.date)),
        ("received_at", |event, rows| rows.optional(event.received_at, Rows::timestamp)),
        ("actor_id", |event, rows| rows.optional(event.actor_id, Rows::bigint)),
        ("target_message_id", |event, rows| rows.optional(event.target_message_id, Rows::bigint)),
        ("source_position", |event, rows| {
            rows.optional(event.source.position.map(|position| position as i64), Rows::bigint); // as checked
        }),
        ("kind", |event, rows| rows.text(event.kind.name())),
        ("action", |event, rows| rows.text(&event.action)),
        ("chat_kind", |event, rows| rows.text(event.chat_kind.name())),
        ("chat_title", |event, rows| rows.optional(event.chat_title.as_deref(), Rows::text)),
        ("actor_name", |event, rows| rows.optional(event.actor_name.as_deref(), Rows::text)),
        ("title", |event, rows| rows.optional(event.title.as_deref(), Rows::text)),
        ("members", |event, rows| {
            let members = (!event.members.is_empty()).then(|| json(&event.members));
            rows.optional(members.as_deref(), Rows::jsonb);
        }),
        ("details", |event, rows| rows.optional(details(event).as_deref(), Rows::jsonb)),
        ("source_kind", |event, rows| rows.text(event.source.kind.name())),
        ("source_name", |event, rows| rows.text(&event.source.name)),
    ];

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }

    fn check(&self) -> Result<(), String> {
        self.source.position.map_or(Ok(()), |position| signed("source.position", position).map(drop))
    }
}

/// Everything else the source says, and the dates that no calendar has.
fn details(event: &Event) -> Option<String> {
    let dates = out_of_range_dates(&[("date", Some(event.date)), ("received_at", event.received_at)]);
    match (event.details.is_empty(), dates) {
        (true, dates) => dates.map(|dates| format!("{{{dates}}}")),
        (false, None) => Some(json(&event.details)),
        (false, Some(dates)) => Some(format!("{{{dates},{}", &json(&event.details)[1..])),
    }
}
