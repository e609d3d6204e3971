//! One line: a message, or a service message.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tickertape_records::{Button, ChatKind, Entity, Forward, Message, Reaction, SCHEMA, peer};

use super::media::Attachment;
use super::service;
use crate::flush::Record;
use crate::json::{Label, Peer, Replies, Text, Timestamp, non_empty};
use crate::vocabulary::entity_kind;

#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(rename = "_", borrow)]
    class: Option<Text<'a>>,
    pub(super) id: i64,
    peer_id: Option<Peer>,
    pub(super) date: Option<Timestamp>,
    edit_date: Option<Timestamp>,
    message: Option<String>,
    #[serde(borrow)]
    entities: Option<Vec<Marked<'a>>>,
    pub(super) from_id: Option<Peer>,
    post_author: Option<String>,
    fwd_from: Option<ForwardHeader>,
    pub(super) reply_to: Option<ReplyHeader>,
    via_bot_id: Option<i64>,
    /// In anonymised dumps: only that it was so.
    via_bot: Option<bool>,
    grouped_id: Option<i64>,
    views: Option<i64>,
    forwards: Option<i64>,
    replies: Option<Replies>,
    reactions: Option<Reactions>,
    #[serde(borrow)]
    media: Option<Attachment<'a>>,
    #[serde(borrow)]
    reply_markup: Option<Markup<'a>>,
    post: Option<bool>,
    silent: Option<bool>,
    pinned: Option<bool>,
    from_scheduled: Option<bool>,
    #[serde(borrow)]
    pub(super) action: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Marked<'a> {
    #[serde(rename = "_", borrow)]
    class: Cow<'a, str>,
    offset: u32,
    length: u32,
    url: Option<String>,
    user_id: Option<Peer>,
    language: Option<String>,
}

#[derive(Deserialize)]
struct ForwardHeader {
    from_id: Option<Peer>,
    from_name: Option<String>,
    date: Option<Timestamp>,
    channel_post: Option<i64>,
    post_author: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ReplyHeader {
    pub(super) reply_to_msg_id: Option<i64>,
    reply_to_peer_id: Option<Peer>,
    reply_to_top_id: Option<i64>,
    forum_topic: Option<bool>,
}

#[derive(Deserialize)]
struct Reactions {
    #[serde(default)]
    results: Vec<ReactionCount>,
}

#[derive(Deserialize)]
struct ReactionCount {
    reaction: ReactionShape,
    count: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ReactionShape {
    Emoji {
        emoticon: String,
    },
    Custom {
        document_id: i64,
    },
    /// As it was until 2022.
    Bare(String),
    /// `ReactionPaid`.
    Paid(IgnoredAny),
}

#[derive(Deserialize)]
struct Markup<'a> {
    #[serde(rename = "_", borrow)]
    class: Option<Text<'a>>,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Bare(Vec<MarkupButton>),
    Object { buttons: Vec<MarkupButton> },
}

#[derive(Deserialize)]
struct MarkupButton {
    #[serde(default)]
    text: Label,
    url: Option<String>,
}

/// What a line says, or why it cannot be understood.
pub(crate) fn decode(line: &[u8]) -> Result<Record, String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    match line.class.as_ref().map(|class| class.0.as_ref()) {
        Some("MessageService") => service::decode(line).map(Record::Event),
        None if line.action.is_some() => service::decode(line).map(Record::Event),
        Some("Message") | None => line.message().map(Record::Message),
        Some("MessageEmpty") => Err("a deleted message, of which Telegram gives nothing but the id".into()),
        Some(class) => Err(format!("a {class}, not a message; dump messages alone")),
    }
}

impl Line<'_> {
    /// Marked id and kind of the chat. Of a channel Telethon's messages do not tell whether it is a broadcast channel
    /// or a supergroup.
    pub(super) fn chat(&self) -> Result<(i64, ChatKind), String> {
        let chat = self.peer_id.as_ref().ok_or("missing field `peer_id`")?;
        let id = chat.marked().ok_or("`peer_id` names no chat")?;
        let kind = match chat {
            Peer::User(_) => ChatKind::User,
            Peer::Group(_) => ChatKind::Group,
            Peer::Number(marked) if *marked > 0 => ChatKind::User,
            Peer::Number(marked) if *marked > peer::channel(0) => ChatKind::Group,
            _ => ChatKind::Channel,
        };
        Ok((id, kind))
    }

    fn message(self) -> Result<Message, String> {
        let (chat_id, chat_kind) = self.chat()?;
        let date = self.date.ok_or("missing field `date`")?;
        let sender_id = self.from_id.as_ref().and_then(Peer::marked).filter(|&id| id != chat_id);
        let reply = self.reply_to.map(|header| header.reply(chat_id)).unwrap_or_default();
        Ok(Message {
            schema: SCHEMA,
            chat_id,
            chat_kind,
            message_id: self.id,
            date: date.0,
            edit_date: self.edit_date.map(|date| date.0),
            sender_id,
            sender_name: self.from_id.and_then(Peer::pseudonym).or(self.post_author),
            text: self.message.unwrap_or_default(),
            entities: self.entities.into_iter().flatten().map(Entity::from).collect(),
            reply_to_message_id: reply.message_id,
            reply_to_chat_id: reply.chat_id,
            topic_id: reply.topic_id,
            forward: self.fwd_from.map(Forward::from),
            via_bot: match (self.via_bot_id, self.via_bot) {
                (Some(id), _) => Some(id.to_string()),
                (None, Some(true)) => Some(String::new()),
                _ => None,
            },
            grouped_id: self.grouped_id,
            views: self.views,
            forwards: self.forwards,
            replies: self.replies.map(|replies| replies.0),
            reactions: self.reactions.into_iter().flat_map(|all| all.results).map(Reaction::from).collect(),
            media: self.media.and_then(Attachment::media),
            buttons: self.reply_markup.map(Markup::buttons).unwrap_or_default(),
            post: self.post == Some(true),
            silent: self.silent == Some(true),
            pinned: self.pinned == Some(true),
            scheduled: self.from_scheduled == Some(true),
            ..Message::default()
        })
    }
}

/// What a message replies to.
#[derive(Default)]
struct Reply {
    message_id: Option<i64>,
    chat_id: Option<i64>,
    topic_id: Option<i64>,
}

impl ReplyHeader {
    fn reply(self, chat_id: i64) -> Reply {
        // In a forum every message "replies" to its topic. Only one that names the topic apart replies to another.
        if self.forum_topic == Some(true) && self.reply_to_top_id.is_none() {
            return Reply { topic_id: self.reply_to_msg_id, ..Reply::default() };
        }
        Reply {
            message_id: self.reply_to_msg_id,
            chat_id: self
                .reply_to_peer_id
                .and_then(|peer| peer.marked())
                .filter(|&id| id != chat_id && self.reply_to_msg_id.is_some()),
            topic_id: self.reply_to_top_id,
        }
    }
}

impl From<Marked<'_>> for Entity {
    fn from(entity: Marked<'_>) -> Self {
        Self {
            kind: entity_kind(&entity.class),
            offset: entity.offset,
            length: entity.length,
            url: entity.url,
            user_id: entity.user_id.and_then(|user| user.marked()),
            language: entity.language.and_then(non_empty),
        }
    }
}

impl From<ForwardHeader> for Forward {
    fn from(header: ForwardHeader) -> Self {
        Self {
            from_id: header.from_id.as_ref().and_then(Peer::marked),
            from_name: header.from_name.or_else(|| header.from_id.and_then(Peer::pseudonym)),
            date: header.date.map(|date| date.0),
            message_id: header.channel_post,
            author: header.post_author,
        }
    }
}

impl From<ReactionCount> for Reaction {
    fn from(counted: ReactionCount) -> Self {
        let emoji = match counted.reaction {
            ReactionShape::Emoji { emoticon } | ReactionShape::Bare(emoticon) => emoticon,
            ReactionShape::Custom { document_id } => format!("custom:{document_id}"),
            ReactionShape::Paid(_) => "paid".to_owned(),
        };
        Self { emoji, count: counted.count }
    }
}

impl Markup<'_> {
    /// Only inline buttons belong to a message; the others replace the reader's keyboard.
    fn buttons(self) -> Vec<Vec<Button>> {
        if self.class.is_some_and(|class| class.0 != "ReplyInlineMarkup") {
            return Vec::new();
        }
        let row = |row| match row {
            Row::Bare(buttons) | Row::Object { buttons } => {
                buttons.into_iter().map(|button| Button { text: button.text.0, url: button.url }).collect()
            }
        };
        self.rows.into_iter().map(row).collect()
    }
}
