//! What happened to a chat, on topic `events`: Telegram's service messages.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::message::{ChatKind, Source};

/// One service message. Key: the chat id. Identity: (`chat_id`, `message_id`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u16,
    /// Marked id of the chat, see [`crate::peer`].
    pub chat_id: i64,
    /// What kind of chat that is.
    pub chat_kind: ChatKind,
    /// Title of the chat when the source names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_title: Option<String>,
    /// Id of the service message; shares its numbering with the chat's messages.
    pub message_id: i64,
    /// When it happened, Unix seconds.
    pub date: i64,
    /// What happened.
    pub kind: EventKind,
    /// The action as the source names it: `MessageActionChatAddUser`, `invite_members`, …
    pub action: String,
    /// Marked id of who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<i64>,
    /// Display name or pseudonym of who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// The message it is about: the pinned one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_message_id: Option<i64>,
    /// The new title of the chat or of the forum topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whom it happened to: names or marked ids in decimal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Everything else the source says of it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// How it reached us.
    pub source: Source,
    /// When it was received, as in [`crate::Message::received_at`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<i64>,
}

/// What happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The chat was made.
    Created,
    /// Someone came by themselves.
    Joined,
    /// Someone came by an invite link or an approved request.
    JoinedByLink,
    /// Someone was brought in by another.
    Added,
    /// Someone went by themselves.
    Left,
    /// Someone was removed by another.
    Kicked,
    /// The title changed.
    Title,
    /// The photo changed or was removed.
    Photo,
    /// A message was pinned.
    Pin,
    /// A message was unpinned.
    Unpin,
    /// A basic group became a supergroup.
    Migrate,
    /// A forum topic was made or changed.
    Topic,
    /// Anything else; `action` names it.
    #[default]
    Other,
}

impl EventKind {
    /// The name as it is written in records, tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Joined => "joined",
            Self::JoinedByLink => "joined_by_link",
            Self::Added => "added",
            Self::Left => "left",
            Self::Kicked => "kicked",
            Self::Title => "title",
            Self::Photo => "photo",
            Self::Pin => "pin",
            Self::Unpin => "unpin",
            Self::Migrate => "migrate",
            Self::Topic => "topic",
            Self::Other => "other",
        }
    }
}

crate::record!(Event, "event");
