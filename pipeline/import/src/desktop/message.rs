//! One element of `messages`.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tickertape_records::{Button, Forward, Message, Reaction, SCHEMA};

use super::media::{self, Contact, Invoice, Poll};
use super::service;
use super::text::RichText;
use super::walk::Chat;
use crate::flush::Record;
use crate::json::{Peer, Text, Timestamp};

/// The fields that are read, in the order in which Telegram Desktop writes them.
#[derive(Deserialize)]
pub(super) struct Element<'a> {
    id: i64,
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    date: Option<&'a RawValue>,
    date_unixtime: Option<Timestamp>,
    #[serde(borrow)]
    edited: Option<&'a RawValue>,
    edited_unixtime: Option<Timestamp>,
    from: Option<String>,
    from_id: Option<Peer>,
    author: Option<String>,
    /// Null for an account that is gone, which is still a forward.
    #[serde(default, deserialize_with = "present")]
    forwarded_from: Option<Option<String>>,
    forwarded_from_id: Option<Peer>,
    reply_to_message_id: Option<i64>,
    reply_to_peer_id: Option<Peer>,
    via_bot: Option<String>,
    pub(super) photo: Option<IgnoredAny>,
    pub(super) file: Option<String>,
    pub(super) file_name: Option<String>,
    #[serde(borrow)]
    pub(super) media_type: Option<Text<'a>>,
    pub(super) sticker_emoji: Option<String>,
    pub(super) title: Option<String>,
    pub(super) mime_type: Option<String>,
    pub(super) contact_information: Option<Contact>,
    pub(super) location_information: Option<IgnoredAny>,
    pub(super) place_name: Option<String>,
    pub(super) game_title: Option<String>,
    pub(super) game_link: Option<String>,
    pub(super) invoice_information: Option<Invoice>,
    pub(super) poll: Option<Poll>,
    pub(super) giveaway_information: Option<IgnoredAny>,
    pub(super) giveaway_results: Option<IgnoredAny>,
    pub(super) paid_stars_amount: Option<IgnoredAny>,
    pub(super) todo_list: Option<IgnoredAny>,
    text: Option<RichText>,
    #[serde(borrow)]
    text_entities: Option<&'a RawValue>,
    inline_bot_buttons: Option<Vec<Vec<InlineButton>>>,
    reactions: Option<Vec<Reacted>>,
}

#[derive(Deserialize)]
struct InlineButton {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    text: String,
    data: Option<String>,
}

#[derive(Deserialize)]
struct Reacted {
    #[serde(rename = "type")]
    kind: Option<String>,
    count: i64,
    emoji: Option<String>,
    document_id: Option<String>,
}

/// Tells a field that is null from one that is not there.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What an element says, or why it cannot be understood.
pub(crate) fn decode(chat: &Chat, element: &[u8]) -> Result<Record, String> {
    let wire: Element<'_> = serde_json::from_slice(element).map_err(|error| error.to_string())?;
    match wire.kind.as_ref().map(|kind| kind.0.as_ref()) {
        Some("message") => wire.message(chat).map(Record::Message),
        Some("service") => service::decode(chat, element).map(Record::Event),
        Some("unsupported") => Err(
            "Telegram Desktop did not know this kind of message and exported nothing but its id; export again \
             with a newer version"
                .into(),
        ),
        Some(kind) => Err(format!("unknown type {kind:?}; it should be message or service")),
        None => Err("missing field `type`".into()),
    }
}

impl Element<'_> {
    fn message(mut self, chat: &Chat) -> Result<Message, String> {
        let date = date(self.date_unixtime, self.date)?.ok_or("missing field `date`")?;
        let edit_date = date_of_edit(self.edited_unixtime, self.edited)?;
        let mut rich = self.text.take().unwrap_or_default();
        // Both fields hold the same pieces; a text is read twice only where one of them is empty.
        if let (true, Some(pieces)) = (rich.text.is_empty(), self.text_entities) {
            rich = serde_json::from_str(pieces.get()).map_err(|error| format!("text_entities: {error}"))?;
        }
        let media = media::attached(&mut self);
        let sender_id = self.from_id.as_ref().and_then(sender_id);
        // What an anonymous admin or a channel writes bears the chat itself as its sender.
        let (sender_id, sender_name) = if sender_id == Some(chat.id) {
            (None, self.author)
        } else {
            (sender_id, self.from.or(self.author))
        };
        Ok(Message {
            schema: SCHEMA,
            chat_id: chat.id,
            chat_kind: chat.kind,
            chat_title: chat.title.clone(),
            message_id: self.id,
            date,
            edit_date,
            sender_id,
            sender_name,
            text: rich.text,
            entities: rich.entities,
            reply_to_message_id: self.reply_to_message_id,
            reply_to_chat_id: self
                .reply_to_peer_id
                .and_then(|peer| peer.marked())
                .filter(|&id| id != chat.id && self.reply_to_message_id.is_some()),
            forward: forward(self.forwarded_from, self.forwarded_from_id),
            via_bot: self.via_bot,
            reactions: self.reactions.into_iter().flatten().map(Reaction::from).collect(),
            media,
            buttons: self
                .inline_bot_buttons
                .into_iter()
                .flatten()
                .map(|row| row.into_iter().map(Button::from).collect())
                .collect(),
            post: chat.broadcast,
            ..Message::default()
        })
    }
}

/// The date that counts: with `…_unixtime` beside it, the local one is not even looked at.
fn date(unixtime: Option<Timestamp>, local: Option<&RawValue>) -> Result<Option<i64>, String> {
    match (unixtime, local) {
        (Some(date), _) => Ok(Some(date.0)),
        (None, Some(local)) => {
            let parsed = serde_json::from_str::<Timestamp>(local.get());
            parsed.map(|date| Some(date.0)).map_err(|error| error.to_string())
        }
        (None, None) => Ok(None),
    }
}

/// Exports before 2021 write the first of January 1970, in local time, where nothing was edited.
fn date_of_edit(unixtime: Option<Timestamp>, local: Option<&RawValue>) -> Result<Option<i64>, String> {
    const A_DAY: i64 = 24 * 60 * 60;
    Ok(date(unixtime, local)?.filter(|date| date.abs() > A_DAY))
}

/// The marked id of a `from_id`. It was a number before 2021: the bare id of a user at first, later with the kind
/// in its upper half, 1 for users, 2 for groups and channels alike, of which channels are what people export.
pub(super) fn sender_id(peer: &Peer) -> Option<i64> {
    match *peer {
        Peer::Number(id) => match id >> 32 {
            1 => Peer::User(id & 0xFFFF_FFFF).marked(),
            2 => Peer::Channel(id & 0xFFFF_FFFF).marked(),
            _ => Peer::User(id).marked(),
        },
        _ => peer.marked(),
    }
}

fn forward(name: Option<Option<String>>, peer: Option<Peer>) -> Option<Forward> {
    if name.is_none() && peer.is_none() {
        return None;
    }
    Some(Forward {
        from_id: peer.as_ref().and_then(sender_id),
        from_name: name.flatten(),
        ..Forward::default()
    })
}

impl From<InlineButton> for Button {
    fn from(button: InlineButton) -> Self {
        let is_link = matches!(button.kind.as_deref(), Some("url" | "auth" | "web_view" | "simple_web_view"));
        Self { text: button.text, url: button.data.filter(|data| is_link && !data.is_empty()) }
    }
}

impl From<Reacted> for Reaction {
    fn from(reaction: Reacted) -> Self {
        let emoji = match (reaction.emoji, reaction.document_id) {
            (Some(emoji), _) => emoji,
            (None, Some(document)) => format!("custom:{document}"),
            (None, None) => reaction.kind.unwrap_or_default(),
        };
        Self { emoji, count: reaction.count }
    }
}
