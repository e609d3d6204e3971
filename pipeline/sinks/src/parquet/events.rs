//! The table `events`, from topic of the same name: what happened to chats. `docs/archive.md` is its contract.

use tickertape_records::{Error, Event};

use super::rows::Values::{Date, Integer, Json, OptionalInteger, OptionalText, Text, Texts, Unsigned};
use super::rows::{Column, Row, json};
use super::table::Identity;

impl Row for Event {
    const NAME: &'static str = "events";
    const SORTED_BY: &'static [&'static str] = &["date", "chat_id", "message_id"];
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
    const COLUMNS: &'static [Column<Self>] = &[
        ("chat_id", Integer(|event| event.chat_id)),
        ("chat_kind", Text(|event| event.chat_kind.name())),
        ("chat_title", OptionalText(|event| event.chat_title.as_deref())),
        ("message_id", Integer(|event| event.message_id)),
        ("date", Date(|event| Some(event.date))),
        ("kind", Text(|event| event.kind.name())),
        ("action", Text(|event| &event.action)),
        ("actor_id", OptionalInteger(|event| event.actor_id)),
        ("actor_name", OptionalText(|event| event.actor_name.as_deref())),
        ("target_message_id", OptionalInteger(|event| event.target_message_id)),
        ("title", OptionalText(|event| event.title.as_deref())),
        ("members", Texts(|event| &event.members)),
        ("details", Json(|event| (!event.details.is_empty()).then(|| json(&event.details)))),
        ("source_kind", Text(|event| event.source.kind.name())),
        ("source_name", Text(|event| &event.source.name)),
        ("source_position", Unsigned(|event| event.source.position)),
        ("received_at", Date(|event| event.received_at)),
    ];
    type Key = (i64, i64);

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }

    fn identity(&self) -> Identity<Self::Key> {
        Identity {
            key: (self.chat_id, self.message_id),
            date: Some(self.date),
            received_at: self.received_at,
            rank: 0,
            input: None,
        }
    }
}
