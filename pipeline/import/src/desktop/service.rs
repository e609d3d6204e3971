//! Service messages: what happened to a chat.

use serde::Deserialize;
use serde_json::{Map, Value};
use tickertape_records::{Event, SCHEMA};

use super::message::sender_id;
use super::walk::Chat;
use crate::json::{Peer, Timestamp};
use crate::vocabulary::{event_kind, whom};

/// Fields of a service message that say nothing beyond what [`Event`] has a field for.
const UNINTERESTING: [&str; 5] = ["type", "date", "edited", "edited_unixtime", "text_entities"];

#[derive(Deserialize)]
struct Service {
    id: i64,
    date: Option<Timestamp>,
    date_unixtime: Option<Timestamp>,
    actor: Option<String>,
    actor_id: Option<Peer>,
    action: Option<String>,
    title: Option<String>,
    new_title: Option<String>,
    #[serde(default)]
    members: Vec<Option<String>>,
    message_id: Option<i64>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

pub(super) fn decode(chat: &Chat, element: &[u8]) -> Result<Event, String> {
    let service: Service = serde_json::from_slice(element).map_err(|error| error.to_string())?;
    let date = service.date_unixtime.or(service.date).ok_or("missing field `date`")?;
    let members: Vec<String> = service.members.into_iter().flatten().collect();
    let mut details = service.rest;
    details.retain(|name, value| {
        let empty_text = name == "text" && value.as_str() == Some("");
        !empty_text && !UNINTERESTING.contains(&name.as_str())
    });
    // A free text is the one action that Telegram Desktop writes without an `action`.
    let action = service.action.unwrap_or_else(|| "information_text".to_owned());
    let actor_id = service.actor_id.as_ref().and_then(sender_id).filter(|&id| id != chat.id);
    Ok(Event {
        schema: SCHEMA,
        chat_id: chat.id,
        chat_kind: chat.kind,
        chat_title: chat.title.clone(),
        message_id: service.id,
        date: date.0,
        kind: event_kind(&action, whom(service.actor.as_deref(), &members)),
        action,
        actor_name: service.actor.filter(|_| actor_id.is_some()),
        actor_id,
        target_message_id: service.message_id,
        title: service.title.or(service.new_title),
        members,
        details,
        ..Event::default()
    })
}
