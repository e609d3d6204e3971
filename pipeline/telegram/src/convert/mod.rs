//! Telegram's values → records: pure, and total: whatever Telegram says gives a record, never an error.
//!
//! Words are those of the import crate (TDLib's names in snake case), so that a message reads the same whether it came
//! live or from an export. What is new in Telegram keeps its own name in snake case.

mod event;
mod media;
mod message;
mod peers;
mod words;

use grammers_client::tl;
use tickertape_records::{Event, Message, SCHEMA, Source, SourceKind};

pub(crate) use peers::{ChatFacts, People, chat_facts, marked};

/// A message of either kind, as a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Converted {
    Message(Box<Message>),
    Event(Box<Event>),
}

/// What a record says of how it came.
pub(crate) struct Origin<'a> {
    /// Label of the account.
    pub(crate) account: &'a str,
    /// Now, Unix seconds.
    pub(crate) received_at: i64,
    /// The names that came with the message.
    pub(crate) people: &'a People,
}

impl Origin<'_> {
    fn source(&self) -> Source {
        Source { kind: SourceKind::Telegram, name: self.account.to_owned(), position: None }
    }
}

/// The record of a message; none for the shell that Telegram leaves of a deleted one.
pub(crate) fn convert(message: &tl::enums::Message, origin: &Origin<'_>) -> Option<Converted> {
    match message {
        tl::enums::Message::Message(message) => {
            Some(Converted::Message(Box::new(message::message(message, origin))))
        }
        tl::enums::Message::Service(service) => {
            Some(Converted::Event(Box::new(event::event(service, origin))))
        }
        tl::enums::Message::Empty(_) => None,
    }
}

/// The record that says a message is gone.
pub(crate) fn tombstone(chat_id: i64, message_id: i64, origin: &Origin<'_>) -> Message {
    let facts = origin.people.chat(chat_id);
    Message {
        schema: SCHEMA,
        chat_id,
        chat_kind: facts.map(|facts| facts.kind).unwrap_or_default(),
        message_id,
        source: origin.source(),
        received_at: Some(origin.received_at),
        deleted_at: Some(origin.received_at),
        ..Message::default()
    }
}

/// That a message of a channel is no longer pinned: Telegram tells it without a message of its own.
pub(crate) fn unpinned(chat_id: i64, message_id: i64, event_id: i64, origin: &Origin<'_>) -> Event {
    event::unpinned(chat_id, message_id, event_id, origin)
}
