//! A message as it was received, on topic `messages`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, check_schema, is_false};

/// One Telegram message. Key: the chat id. Identity: (`chat_id`, `message_id`), its version `edit_date`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u16,
    /// Marked id of the chat it was posted in, see [`crate::peer`].
    pub chat_id: i64,
    /// What kind of chat that is, as far as the source tells.
    pub chat_kind: ChatKind,
    /// Title of the chat when the source names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_title: Option<String>,
    /// Id of the message, unique within its chat only.
    pub message_id: i64,
    /// When it was posted, Unix seconds.
    pub date: i64,
    /// When it was last edited, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit_date: Option<i64>,
    /// Marked id of who posted it; absent for anonymous channel posts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_id: Option<i64>,
    /// Display name of the sender, or the pseudonym that an anonymised dump has instead of an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_name: Option<String>,
    /// The text or the caption, without formatting. Empty for bare media.
    pub text: String,
    /// Formatting and links in the text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
    /// Id of the message it replies to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to_message_id: Option<i64>,
    /// Marked id of the chat of the message it replies to, only when that is another chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to_chat_id: Option<i64>,
    /// Id of the thread's or forum topic's first message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<i64>,
    /// Where it was forwarded from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// The inline bot it was made with: `@name`, its id in decimal, or empty when the source says only that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via_bot: Option<String>,
    /// Album: messages with the same id were sent together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grouped_id: Option<i64>,
    /// View counter when received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub views: Option<i64>,
    /// Forward counter when received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwards: Option<i64>,
    /// Number of comments or replies when received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replies: Option<i64>,
    /// Reactions when received.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// What is attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<Media>,
    /// Buttons under the message, row by row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Vec<Button>>,
    /// A channel post, as opposed to a person's message.
    #[serde(skip_serializing_if = "is_false")]
    pub post: bool,
    /// Sent without a notification.
    #[serde(skip_serializing_if = "is_false")]
    pub silent: bool,
    /// Pinned when received.
    #[serde(skip_serializing_if = "is_false")]
    pub pinned: bool,
    /// Was scheduled by its author.
    #[serde(skip_serializing_if = "is_false")]
    pub scheduled: bool,
    /// How it reached us.
    pub source: Source,
    /// When it was received, Unix seconds: by the live producer, the time of the update; from a file, the file's
    /// modification time (so that reading the file again gives the same bytes); absent for a pipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<i64>,
    /// When it was found deleted on Telegram, Unix seconds. Such a record is a tombstone: it stands behind the message
    /// in its partition, repeats `chat_id` and `message_id`, and has no content of its own (`date` is 0).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<i64>,
    /// Fields written by a newer minor version: kept and passed on.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The kind of a chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// A broadcast channel, or a channel-like chat whose exact kind the source does not tell.
    #[default]
    Channel,
    /// A large group.
    Supergroup,
    /// A basic group.
    Group,
    /// A conversation with one person, a bot or oneself.
    User,
}

/// A stretch of the text with a meaning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entity {
    /// Telegram's name in snake case: `bold`, `url`, `text_url`, `mention`, `hashtag`, `cashtag`, `code`, `pre`, …
    pub kind: String,
    /// Where it begins, in UTF-16 code units, as Telegram counts.
    pub offset: u32,
    /// How long it is, in UTF-16 code units.
    pub length: u32,
    /// The link of a `text_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Marked id of the user of a `mention_name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// The language of a `pre`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// Where a forwarded message came from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Forward {
    /// Marked id of the original author or channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_id: Option<i64>,
    /// Name or pseudonym of the original author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    /// When the original was posted, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<i64>,
    /// Id of the original in its channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<i64>,
    /// Signature of the original channel post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// One kind of reaction and how many gave it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reaction {
    /// The emoji, `custom:<document id>` for a custom one, `paid` for stars.
    pub emoji: String,
    /// How many.
    pub count: i64,
}

/// What is attached to a message: facts about it, never its bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Media {
    /// `photo`, `video`, `animation`, `sticker`, `voice`, `video_note`, `audio`, `document`, `web_page`, `poll`,
    /// `contact`, `geo`, `venue`, `dice`, `game`, `invoice`, `story`, `giveaway`, `unsupported`, …
    pub kind: String,
    /// MIME type of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Name of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Address of a web page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Title of a web page, song or venue; question of a poll; emoji of a sticker or dice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Answers of a poll.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
}

/// A button under a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Button {
    /// Its caption.
    pub text: String,
    /// The link it opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// How a record reached us.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// By which producer.
    pub kind: SourceKind,
    /// The file's name without its folder (`-` for a pipe), or the account's label.
    pub name: String,
    /// In a file: which record of it, counted from 1 over everything in the file, broken ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

/// The producers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A Telegram Desktop export, `result.json`.
    #[default]
    Desktop,
    /// A dump of Telethon's `Message.to_dict()`, one JSON object a line.
    Telethon,
    /// A live account.
    Telegram,
}

impl ChatKind {
    /// The name as it is written in records, tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Supergroup => "supergroup",
            Self::Group => "group",
            Self::User => "user",
        }
    }
}

impl SourceKind {
    /// The name as it is written in records, tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Telethon => "telethon",
            Self::Telegram => "telegram",
        }
    }
}

crate::record!(Message, "message");

/// What attribution needs of a [`Message`], borrowed from the record: reading it skips everything else.
#[derive(Debug, Clone, Deserialize)]
pub struct MessageHead<'a> {
    /// See [`Message::schema`].
    pub schema: u16,
    /// See [`Message::chat_id`].
    pub chat_id: i64,
    /// See [`Message::message_id`].
    pub message_id: i64,
    /// See [`Message::date`].
    pub date: i64,
    /// See [`Message::edit_date`].
    #[serde(default)]
    pub edit_date: Option<i64>,
    /// See [`Message::text`].
    #[serde(borrow)]
    pub text: Cow<'a, str>,
    /// See [`Message::reply_to_message_id`].
    #[serde(default)]
    pub reply_to_message_id: Option<i64>,
    /// See [`Message::reply_to_chat_id`].
    #[serde(default)]
    pub reply_to_chat_id: Option<i64>,
    /// See [`Message::deleted_at`].
    #[serde(default)]
    pub deleted_at: Option<i64>,
}

impl<'a> MessageHead<'a> {
    /// Reads a record's value.
    pub fn decode(value: &'a [u8]) -> Result<Self, Error> {
        let head: Self =
            serde_json::from_slice(value).map_err(|source| Error::Json { what: "message", source })?;
        check_schema(head.schema)?;
        Ok(head)
    }
}
