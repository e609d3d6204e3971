//! Who and where: marked ids, and the names that came along with a message.

use std::collections::HashMap;

use grammers_client::tl;
use tickertape_records::{ChatKind, peer};

/// The marked id of a peer.
pub(crate) fn marked(of: &tl::enums::Peer) -> i64 {
    match of {
        tl::enums::Peer::User(user) => peer::user(user.user_id),
        tl::enums::Peer::Chat(group) => peer::group(group.chat_id),
        tl::enums::Peer::Channel(channel) => peer::channel(channel.channel_id),
    }
}

/// What is known of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChatFacts {
    pub(crate) chat_id: i64,
    pub(crate) kind: ChatKind,
    pub(crate) title: String,
    /// The account is in it.
    pub(crate) member: bool,
}

/// The facts of a chat that is a group or a channel; none for an empty shell.
pub(crate) fn chat_facts(chat: &tl::enums::Chat) -> Option<ChatFacts> {
    match chat {
        tl::enums::Chat::Chat(group) => Some(ChatFacts {
            chat_id: peer::group(group.id),
            kind: ChatKind::Group,
            title: group.title.clone(),
            member: !group.left && !group.deactivated,
        }),
        tl::enums::Chat::Channel(channel) => Some(ChatFacts {
            chat_id: peer::channel(channel.id),
            kind: if channel.megagroup || channel.gigagroup {
                ChatKind::Supergroup
            } else {
                ChatKind::Channel
            },
            title: channel.title.clone(),
            member: !channel.left,
        }),
        _ => None,
    }
}

/// The people and chats that Telegram named beside messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    names: HashMap<i64, String>,
    chats: HashMap<i64, ChatFacts>,
}

impl People {
    pub(crate) fn new(users: &[tl::enums::User], chats: &[tl::enums::Chat]) -> Self {
        let mut people = Self::default();
        for user in users {
            if let tl::enums::User::User(user) = user {
                let names = [user.first_name.as_deref(), user.last_name.as_deref()];
                let name: Vec<&str> = names.into_iter().flatten().filter(|name| !name.is_empty()).collect();
                if !name.is_empty() {
                    people.names.insert(peer::user(user.id), name.join(" "));
                }
            }
        }
        for facts in chats.iter().filter_map(chat_facts) {
            people.names.insert(facts.chat_id, facts.title.clone());
            people.chats.insert(facts.chat_id, facts);
        }
        people
    }

    /// Adds a chat that is known from before.
    pub(crate) fn know(&mut self, facts: &ChatFacts) {
        self.chats.entry(facts.chat_id).or_insert_with(|| facts.clone());
    }

    pub(crate) fn name(&self, id: i64) -> Option<String> {
        self.names.get(&id).cloned()
    }

    pub(crate) fn chat(&self, id: i64) -> Option<&ChatFacts> {
        self.chats.get(&id)
    }

    pub(crate) fn chats(&self) -> impl Iterator<Item = &ChatFacts> {
        self.chats.values()
    }
}

/// Kind of a chat whose facts did not come along.
pub(super) fn kind_of(of: &tl::enums::Peer) -> ChatKind {
    match of {
        tl::enums::Peer::User(_) => ChatKind::User,
        tl::enums::Peer::Chat(_) => ChatKind::Group,
        tl::enums::Peer::Channel(_) => ChatKind::Channel,
    }
}
