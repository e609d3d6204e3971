//! Service messages: what happened to a chat.

use grammers_client::tl;
use serde_json::{Map, Value};
use tickertape_records::{Event, EventKind, SCHEMA, peer};

use super::peers::{kind_of, marked};
use super::{Origin, words};

pub(super) fn event(service: &tl::types::MessageService, origin: &Origin<'_>) -> Event {
    use tl::enums::MessageAction as A;
    let chat_id = marked(&service.peer_id);
    let facts = origin.people.chat(chat_id);
    let actor_id = service.from_id.as_ref().map(marked).filter(|id| *id != chat_id);
    let mut event = Event {
        schema: SCHEMA,
        chat_id,
        chat_kind: facts.map_or_else(|| kind_of(&service.peer_id), |facts| facts.kind),
        chat_title: facts.map(|facts| facts.title.clone()),
        message_id: i64::from(service.id),
        date: i64::from(service.date),
        action: words::class(words::name(&service.action)),
        actor_id,
        actor_name: actor_id.and_then(|id| origin.people.name(id)),
        source: origin.source(),
        received_at: Some(origin.received_at),
        ..Event::default()
    };
    let members = |users: &[i64]| users.iter().map(|id| peer::user(*id).to_string()).collect();
    let mut details = Map::new();
    let mut detail = |name: &str, value: Value| details.insert(name.to_owned(), value);
    event.kind = match &service.action {
        A::ChatCreate(created) => {
            event.title = Some(created.title.clone());
            event.members = members(&created.users);
            EventKind::Created
        }
        A::ChannelCreate(created) => {
            event.title = Some(created.title.clone());
            EventKind::Created
        }
        A::ChatAddUser(added) => {
            event.members = members(&added.users);
            // One who adds himself came by himself; in a public group that is how Telegram records it.
            let oneself = matches!(&added.users[..], [user] if Some(peer::user(*user)) == actor_id);
            if oneself { EventKind::Joined } else { EventKind::Added }
        }
        A::ChatJoinedByLink(joined) => {
            detail("inviter_id", joined.inviter_id.into());
            EventKind::JoinedByLink
        }
        A::ChatJoinedByRequest => EventKind::JoinedByLink,
        A::ChatDeleteUser(removed) => {
            event.members = members(&[removed.user_id]);
            let others = actor_id.is_some_and(|actor| actor != peer::user(removed.user_id));
            if others { EventKind::Kicked } else { EventKind::Left }
        }
        A::ChatEditTitle(edited) => {
            event.title = Some(edited.title.clone());
            EventKind::Title
        }
        A::ChatEditPhoto(_) | A::ChatDeletePhoto => EventKind::Photo,
        A::PinMessage => {
            if let Some(tl::enums::MessageReplyHeader::Header(header)) = &service.reply_to {
                event.target_message_id = header.reply_to_msg_id.map(i64::from);
            }
            EventKind::Pin
        }
        A::ChatMigrateTo(moved) => {
            detail("channel_id", peer::channel(moved.channel_id).into());
            EventKind::Migrate
        }
        A::ChannelMigrateFrom(moved) => {
            event.title = Some(moved.title.clone());
            detail("chat_id", peer::group(moved.chat_id).into());
            EventKind::Migrate
        }
        A::TopicCreate(topic) => {
            event.title = Some(topic.title.clone());
            EventKind::Topic
        }
        A::TopicEdit(topic) => {
            event.title.clone_from(&topic.title);
            for (name, flag) in [("closed", topic.closed), ("hidden", topic.hidden)] {
                if let Some(flag) = flag {
                    detail(name, flag.into());
                }
            }
            EventKind::Topic
        }
        A::CustomAction(custom) => {
            detail("message", custom.message.clone().into());
            EventKind::Other
        }
        _ => EventKind::Other,
    };
    event.details = details;
    event
}

/// See [`super::unpinned`].
pub(super) fn unpinned(chat_id: i64, message_id: i64, event_id: i64, origin: &Origin<'_>) -> Event {
    let facts = origin.people.chat(chat_id);
    Event {
        schema: SCHEMA,
        chat_id,
        chat_kind: facts.map(|facts| facts.kind).unwrap_or_default(),
        chat_title: facts.map(|facts| facts.title.clone()),
        message_id: event_id,
        date: origin.received_at,
        kind: EventKind::Unpin,
        action: "updatePinnedChannelMessages".to_owned(),
        target_message_id: Some(message_id),
        source: origin.source(),
        received_at: Some(origin.received_at),
        ..Event::default()
    }
}
