//! The rows of table `events`, from the topic of that name.

use tickertape_broker::RecordRef;
use tickertape_records::Event;

use super::copy::Rows;
use super::messages::{json, out_of_range_dates};

/// The columns in the order in which [`add`] writes them.
pub(super) const COLUMNS: &[&str] = &[
    "chat_id",
    "message_id",
    "date",
    "received_at",
    "actor_id",
    "target_message_id",
    "source_position",
    "kind",
    "action",
    "chat_kind",
    "chat_title",
    "actor_name",
    "title",
    "members",
    "details",
    "source_kind",
    "source_name",
];

/// Adds the row of a record, or says what is wrong with the record.
pub(super) fn add(record: RecordRef<'_>, rows: &mut Rows) -> Result<(), String> {
    let event = Event::decode(record.value).map_err(|error| error.to_string())?;
    let source_position = event.source.position.map(i64::try_from).transpose();
    let source_position = source_position.map_err(|_| "source.position is beyond 64 bits with a sign")?;

    rows.begin(record.offset, COLUMNS.len());
    rows.bigint(event.chat_id);
    rows.bigint(event.message_id);
    rows.timestamp(event.date);
    rows.optional(event.received_at, Rows::timestamp);
    rows.optional(event.actor_id, Rows::bigint);
    rows.optional(event.target_message_id, Rows::bigint);
    rows.optional(source_position, Rows::bigint);
    rows.text(event.kind.name());
    rows.text(&event.action);
    rows.text(event.chat_kind.name());
    rows.optional(event.chat_title.as_deref(), Rows::text);
    rows.optional(event.actor_name.as_deref(), Rows::text);
    rows.optional(event.title.as_deref(), Rows::text);
    rows.optional((!event.members.is_empty()).then(|| json(&event.members)).as_deref(), Rows::jsonb);
    rows.optional(details(&event).as_deref(), Rows::jsonb);
    rows.text(event.source.kind.name());
    rows.text(&event.source.name);
    Ok(())
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
