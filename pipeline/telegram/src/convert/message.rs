//! A message with every field that the record has.

use grammers_client::tl;
use tickertape_records::{Button, Entity, Forward, Message, Reaction, SCHEMA, peer};

use super::peers::{kind_of, marked};
use super::{Origin, media, words};

pub(super) fn message(message: &tl::types::Message, origin: &Origin<'_>) -> Message {
    let chat_id = marked(&message.peer_id);
    let facts = origin.people.chat(chat_id);
    let sender_id = message.from_id.as_ref().map(marked).filter(|id| *id != chat_id);
    let reply = message.reply_to.as_ref().map(|header| reply(header, chat_id)).unwrap_or_default();
    Message {
        schema: SCHEMA,
        chat_id,
        chat_kind: facts.map_or_else(|| kind_of(&message.peer_id), |facts| facts.kind),
        chat_title: facts.map(|facts| facts.title.clone()),
        message_id: i64::from(message.id),
        date: i64::from(message.date),
        edit_date: message.edit_date.map(i64::from),
        sender_id,
        sender_name: sender_id.and_then(|id| origin.people.name(id)).or_else(|| message.post_author.clone()),
        text: message.message.clone(),
        entities: message.entities.iter().flatten().map(entity).collect(),
        reply_to_message_id: reply.message_id,
        reply_to_chat_id: reply.chat_id,
        topic_id: reply.topic_id,
        forward: message.fwd_from.as_ref().map(|header| forward(header, origin)),
        via_bot: message.via_bot_id.map(|id| id.to_string()),
        grouped_id: message.grouped_id,
        views: message.views.map(i64::from),
        forwards: message.forwards.map(i64::from),
        replies: message
            .replies
            .as_ref()
            .map(|tl::enums::MessageReplies::Replies(all)| i64::from(all.replies)),
        reactions: message.reactions.as_ref().map(reactions).unwrap_or_default(),
        media: message.media.as_ref().and_then(media::media),
        buttons: message.reply_markup.as_ref().map(buttons).unwrap_or_default(),
        post: message.post,
        silent: message.silent,
        pinned: message.pinned,
        scheduled: message.from_scheduled,
        source: origin.source(),
        received_at: Some(origin.received_at),
        ..Message::default()
    }
}

/// What a message replies to.
#[derive(Default)]
struct Reply {
    message_id: Option<i64>,
    chat_id: Option<i64>,
    topic_id: Option<i64>,
}

fn reply(header: &tl::enums::MessageReplyHeader, chat_id: i64) -> Reply {
    // A reply to a story has no message to point at.
    let tl::enums::MessageReplyHeader::Header(header) = header else { return Reply::default() };
    let message_id = header.reply_to_msg_id.map(i64::from);
    // In a forum every message "replies" to its topic. Only one that names the topic apart replies to another.
    if header.forum_topic && header.reply_to_top_id.is_none() {
        return Reply { topic_id: message_id, ..Reply::default() };
    }
    Reply {
        message_id,
        chat_id: header
            .reply_to_peer_id
            .as_ref()
            .map(marked)
            .filter(|id| *id != chat_id && message_id.is_some()),
        topic_id: header.reply_to_top_id.map(i64::from),
    }
}

fn forward(header: &tl::enums::MessageFwdHeader, origin: &Origin<'_>) -> Forward {
    let tl::enums::MessageFwdHeader::Header(header) = header;
    let from_id = header.from_id.as_ref().map(marked);
    Forward {
        from_id,
        from_name: header.from_name.clone().or_else(|| from_id.and_then(|id| origin.people.name(id))),
        date: Some(i64::from(header.date)),
        message_id: header.channel_post.map(i64::from),
        author: header.post_author.clone(),
    }
}

fn entity(entity: &tl::enums::MessageEntity) -> Entity {
    use tl::enums::MessageEntity as E;
    let (url, user_id, language) = match entity {
        E::TextUrl(link) => (Some(link.url.clone()), None, None),
        E::MentionName(mention) => (None, Some(peer::user(mention.user_id)), None),
        E::Pre(code) => (None, None, Some(code.language.clone()).filter(|language| !language.is_empty())),
        _ => (None, None, None),
    };
    Entity {
        kind: words::entity_kind(words::name(entity)),
        offset: u32::try_from(entity.offset()).unwrap_or(0),
        length: u32::try_from(entity.length()).unwrap_or(0),
        url,
        user_id,
        language,
    }
}

fn reactions(all: &tl::enums::MessageReactions) -> Vec<Reaction> {
    let tl::enums::MessageReactions::Reactions(all) = all;
    let one = |tl::enums::ReactionCount::Count(counted): &tl::enums::ReactionCount| {
        let emoji = match &counted.reaction {
            tl::enums::Reaction::Emoji(emoji) => emoji.emoticon.clone(),
            tl::enums::Reaction::CustomEmoji(custom) => format!("custom:{}", custom.document_id),
            tl::enums::Reaction::Paid => "paid".to_owned(),
            tl::enums::Reaction::Empty => return None,
        };
        Some(Reaction { emoji, count: i64::from(counted.count) })
    };
    all.results.iter().filter_map(one).collect()
}

/// Only inline buttons belong to a message; the others replace the reader's keyboard.
fn buttons(markup: &tl::enums::ReplyMarkup) -> Vec<Vec<Button>> {
    let tl::enums::ReplyMarkup::ReplyInlineMarkup(markup) = markup else { return Vec::new() };
    let button = |tl::enums::KeyboardInlineButton::Button(button): &tl::enums::KeyboardInlineButton| {
        use tl::enums::InlineButtonType as T;
        let url = match &button.r#type {
            T::Url(to) => Some(to.url.clone()),
            T::UrlAuth(to) => Some(to.url.clone()),
            T::WebView(to) => Some(to.url.clone()),
            _ => None,
        };
        Button { text: button.text.clone(), url }
    };
    let row = |tl::enums::KeyboardInlineButtonRow::Row(row): &tl::enums::KeyboardInlineButtonRow| {
        row.buttons.iter().map(button).collect()
    };
    markup.rows.iter().map(row).collect()
}
