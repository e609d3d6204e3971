//! The table `links`, from topic of the same name: links to chats seen in messages. `docs/archive.md` is its contract.

use tickertape_records::{Error, Link};

use super::rows::Values::{Date, Flag, Integer, Json, OptionalFlag, OptionalInteger, OptionalText, Text};
use super::rows::{Column, Row, json};
use super::table::Identity;

impl Row for Link {
    const NAME: &'static str = "links";
    const SORTED_BY: &'static [&'static str] = &["date", "chat_id", "message_id"];
    const DICTIONARY: &'static [&'static str] = &[
        "chat_id",
        "found_in",
        "target_kind",
        "target_username",
        "target_title",
        "target_about",
        "unavailable",
        "account",
    ];
    const DELTA: &'static [&'static str] = &["message_id", "date", "received_at", "offset"];
    const COLUMNS: &'static [Column<Self>] = &[
        ("chat_id", Integer(|link| link.chat_id)),
        ("message_id", Integer(|link| link.message_id)),
        ("date", Date(|link| Some(link.date))),
        ("link", Text(|link| &link.link)),
        ("found_in", Text(|link| link.found_in.name())),
        ("previewed", Flag(|link| link.preview.is_some())),
        ("target_chat_id", OptionalInteger(|link| link.target()?.chat_id)),
        ("target_kind", OptionalText(|link| Some(link.target()?.chat_kind.name()))),
        ("target_username", OptionalText(|link| link.target()?.username.as_deref())),
        ("target_title", OptionalText(|link| Some(link.target()?.title.as_str()))),
        ("target_about", OptionalText(|link| link.target()?.about.as_deref())),
        ("target_participants", OptionalInteger(|link| link.target()?.participants)),
        ("target_scam", OptionalFlag(|link| Some(link.target()?.scam))),
        ("target_verified", OptionalFlag(|link| Some(link.target()?.verified))),
        ("target_by_request", OptionalFlag(|link| Some(link.target()?.by_request))),
        (
            "target_messages",
            Json(|link| {
                link.target().filter(|chat| !chat.messages.is_empty()).map(|chat| json(&chat.messages))
            }),
        ),
        ("unavailable", OptionalText(|link| link.preview.as_ref()?.unavailable.as_deref())),
        ("account", Text(|link| &link.account)),
        ("received_at", Date(|link| Some(link.received_at))),
    ];
    type Key = (i64, i64, String);

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }

    fn identity(&self) -> Identity<Self::Key> {
        Identity {
            key: (self.chat_id, self.message_id, self.link.clone()),
            date: Some(self.date),
            received_at: Some(self.received_at),
            // A look at what it leads to is not undone by a repeat from before it.
            rank: u32::from(self.preview.is_some()),
            input: None,
        }
    }
}
