//! Service messages: what happened to a chat.

use serde::Deserialize;
use serde_json::{Map, Value};
use tickertape_records::{Event, SCHEMA};

use super::message::Line;
use crate::json::{Label, Peer};
use crate::vocabulary::{event_kind, whom};

#[derive(Default, Deserialize)]
struct Action {
    #[serde(rename = "_", default)]
    class: String,
    title: Option<Label>,
    #[serde(default)]
    users: Vec<Peer>,
    user_id: Option<Peer>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

pub(super) fn decode(line: Line<'_>) -> Result<Event, String> {
    let (chat_id, chat_kind) = line.chat()?;
    let date = line.date.ok_or("missing field `date`")?;
    let action: Action = match line.action {
        Some(action) => serde_json::from_str(action.get()).map_err(|error| format!("action: {error}"))?,
        None => Action::default(),
    };
    let members: Vec<String> = action.users.into_iter().chain(action.user_id).filter_map(name).collect();
    let actor = line.from_id.clone().and_then(name);
    Ok(Event {
        schema: SCHEMA,
        chat_id,
        chat_kind,
        message_id: line.id,
        date: date.0,
        kind: event_kind(&action.class, whom(actor.as_deref(), &members)),
        action: action.class,
        actor_id: line.from_id.as_ref().and_then(Peer::marked).filter(|&id| id != chat_id),
        actor_name: line.from_id.and_then(Peer::pseudonym),
        target_message_id: line.reply_to.and_then(|header| header.reply_to_msg_id),
        title: action.title.map(|title| title.0),
        members,
        details: action.details,
        ..Event::default()
    })
}

/// The marked id in decimal, or the pseudonym.
fn name(peer: Peer) -> Option<String> {
    peer.marked().map(|id| id.to_string()).or_else(|| peer.pseudonym())
}
