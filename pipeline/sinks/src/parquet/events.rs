//! The table `events`, from topic of the same name: what happened to chats. `docs/archive.md` is its contract.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{Int64Builder, StringBuilder};
use arrow_schema::{DataType, Schema, SchemaRef};
use tickertape_records::{self as records, Event};

use super::columns::{Ends, Misfits, SourceColumns, Timestamps};
use super::columns::{column, list_of, optional, required, timestamp};
use super::table::{Identity, Table};

/// Rows of `events`, column by column.
#[derive(Default)]
pub(super) struct Events {
    chat_id: Int64Builder,
    chat_kind: StringBuilder,
    chat_title: StringBuilder,
    message_id: Int64Builder,
    date: Timestamps,
    kind: StringBuilder,
    action: StringBuilder,
    actor_id: Int64Builder,
    actor_name: StringBuilder,
    target_message_id: Int64Builder,
    title: StringBuilder,
    member_ends: Ends,
    members: StringBuilder,
    members_so_far: usize,
    details: StringBuilder,
    source: SourceColumns,
    received_at: Timestamps,
    offset: Int64Builder,
    extra: StringBuilder,
}

impl Table for Events {
    const NAME: &'static str = "events";
    const DICTIONARY: &'static [&'static str] = &[
        "chat_id",
        "chat_kind",
        "chat_title",
        "kind",
        "action",
        "actor_id",
        "actor_name",
        "details",
        "source_kind",
        "source_name",
        "received_at",
    ];
    const DELTA: &'static [&'static str] =
        &["message_id", "date", "target_message_id", "source_position", "offset"];
    type Record<'a> = Event;

    fn schema() -> SchemaRef {
        let (int64, utf8) = (DataType::Int64, DataType::Utf8);
        let mut fields = vec![
            required("chat_id", int64.clone()),
            required("chat_kind", utf8.clone()),
            optional("chat_title", utf8.clone()),
            required("message_id", int64.clone()),
            timestamp("date"),
            required("kind", utf8.clone()),
            required("action", utf8.clone()),
            optional("actor_id", int64.clone()),
            optional("actor_name", utf8.clone()),
            optional("target_message_id", int64.clone()),
            optional("title", utf8.clone()),
            required("members", list_of(utf8.clone())),
            optional("details", utf8.clone()),
        ];
        fields.extend(SourceColumns::fields());
        fields.extend([timestamp("received_at"), required("offset", int64), optional("extra", utf8)]);
        Arc::new(Schema::new(fields))
    }

    fn decode(value: &[u8]) -> Result<Event, records::Error> {
        Event::decode(value)
    }

    fn identity(event: &Event) -> Identity {
        Identity {
            chat_id: event.chat_id,
            message_id: event.message_id,
            date: event.date,
            received_at: event.received_at,
            revision: 0,
            input: None,
        }
    }

    fn append(&mut self, offset: u64, event: &Event) {
        let mut misfits = Misfits::default();
        self.chat_id.append_value(event.chat_id);
        self.chat_kind.append_value(event.chat_kind.name());
        self.chat_title.append_option(event.chat_title.as_deref());
        self.message_id.append_value(event.message_id);
        self.date.append_option(misfits.date("date", event.date));
        self.kind.append_value(event.kind.name());
        self.action.append_value(&event.action);
        self.actor_id.append_option(event.actor_id);
        self.actor_name.append_option(event.actor_name.as_deref());
        self.target_message_id.append_option(event.target_message_id);
        self.title.append_option(event.title.as_deref());
        for member in &event.members {
            self.members.append_value(member);
        }
        self.members_so_far += event.members.len();
        self.member_ends.push(self.members_so_far);
        let details = (!event.details.is_empty())
            .then(|| serde_json::to_string(&event.details).expect("a JSON object can be written as JSON"));
        self.details.append_option(details);
        self.source.append(&event.source, &mut misfits);
        let received_at = event.received_at.and_then(|date| misfits.date("received_at", date));
        self.received_at.append_option(received_at);
        self.offset.append_value(offset as i64);
        self.extra.append_option(misfits.join(None));
    }

    fn finish(&mut self) -> Vec<ArrayRef> {
        self.members_so_far = 0;
        let mut columns = vec![
            column(&mut self.chat_id),
            column(&mut self.chat_kind),
            column(&mut self.chat_title),
            column(&mut self.message_id),
            self.date.finish(),
            column(&mut self.kind),
            column(&mut self.action),
            column(&mut self.actor_id),
            column(&mut self.actor_name),
            column(&mut self.target_message_id),
            column(&mut self.title),
            self.member_ends.finish(column(&mut self.members)),
            column(&mut self.details),
        ];
        columns.extend(self.source.finish());
        columns.extend([self.received_at.finish(), column(&mut self.offset), column(&mut self.extra)]);
        columns
    }
}
