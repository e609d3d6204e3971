//! A channel link seen in a message, on topic `links`.

use serde::{Deserialize, Serialize};

use crate::message::ChatKind;

/// One link to a chat, seen in one message. Key: the chat it was seen in. Identity: (`chat_id`, `message_id`, `link`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u16,
    /// Its normal form, by which the same chat linked in two ways is known again: `https://t.me/name` in lower case,
    /// `https://t.me/+hash` for an invite, `https://t.me/c/1234567890` for a chat known by id only.
    pub link: String,
    /// Marked id of the chat it was seen in.
    pub chat_id: i64,
    /// The message it was seen in.
    pub message_id: i64,
    /// When that message was posted, Unix seconds.
    pub date: i64,
    /// In which part of the message.
    pub found_in: FoundIn,
    /// What it leads to, as far as that can be seen without joining; absent when nobody has looked yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// Label of the account that saw it.
    pub account: String,
    /// When this record was made, Unix seconds.
    pub received_at: i64,
}

impl Link {
    /// What it leads to, when somebody has looked and Telegram told.
    pub fn target(&self) -> Option<&Preview> {
        self.preview.as_ref().filter(|preview| preview.unavailable.is_none())
    }
}

/// The part of a message that held a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundIn {
    /// Its text, as written.
    #[default]
    Text,
    /// Formatting: the target of a linked word, or a mention.
    Entity,
    /// A button under it.
    Button,
    /// Where it was forwarded from.
    Forward,
}

impl FoundIn {
    /// The name as it is written in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Entity => "entity",
            Self::Button => "button",
            Self::Forward => "forward",
        }
    }
}

/// What a link leads to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preview {
    /// Marked id of the chat; absent when an invite does not tell it before one joins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<i64>,
    /// What kind of chat. A link may lead to a person or bot, which nobody follows.
    pub chat_kind: ChatKind,
    /// Public name without `@`, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Title.
    pub title: String,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Subscribers or members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participants: Option<i64>,
    /// Telegram marks it as a scam or a fake.
    #[serde(skip_serializing_if = "crate::is_false")]
    pub scam: bool,
    /// Telegram marks it as genuine.
    #[serde(skip_serializing_if = "crate::is_false")]
    pub verified: bool,
    /// Joining needs an admin's consent.
    #[serde(skip_serializing_if = "crate::is_false")]
    pub by_request: bool,
    /// Its latest messages, newest first, at most 50; empty when they cannot be read without joining.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<PreviewMessage>,
    /// Why nothing is known, when Telegram said so: `expired`, `not_found`, `private`, …; the rest is then empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// One message of a preview.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewMessage {
    /// Its id in its chat.
    pub message_id: i64,
    /// When it was posted, Unix seconds.
    pub date: i64,
    /// Text or caption.
    pub text: String,
}

crate::record!(Link, "link");
