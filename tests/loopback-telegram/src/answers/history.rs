//! Messages: dialogs, pages of history, counters, buttons.

use grammers_tl_types as tl;

use super::{Answer, KeyId, account, channel, peer, seen};
use crate::blank;
use crate::world::{Change, World};

pub(super) fn dialogs(
    world: &mut World,
    key: KeyId,
    request: tl::functions::messages::GetDialogs,
) -> Answer<tl::functions::messages::GetDialogs> {
    let account = account(world, key)?;
    if world.accounts[account].spec.bot_token.is_some() {
        return Err((400, "BOT_METHOD_INVALID"));
    }
    let behind = match &request.offset_peer {
        tl::enums::InputPeer::Channel(input) => input.channel_id,
        tl::enums::InputPeer::Chat(input) => input.chat_id,
        _ => 0,
    };
    let mine: Vec<_> = world.chats.iter().filter(|(_, chat)| chat.members.contains(&account)).collect();
    let count = mine.len() as i32;
    let page: Vec<_> =
        mine.into_iter().filter(|(id, _)| **id > behind).take(request.limit.clamp(1, 100) as usize).collect();
    let mut answer = tl::types::messages::DialogsSlice {
        count,
        dialogs: Vec::new(),
        messages: Vec::new(),
        chats: Vec::new(),
        users: blank::people(),
    };
    for (_, chat) in page {
        let top = chat.messages.values().next_back();
        answer
            .dialogs
            .push(blank::dialog(&chat.spec, top.map_or(0, tl::enums::Message::id), chat.pts).into());
        answer.messages.extend(top.cloned());
        answer.chats.push(seen(chat, account));
    }
    Ok(answer.into())
}

/// Telegram's offsets: newest first, from the first message older than `offset_id` (or `offset_date`), moved by
/// `add_offset`.
pub(super) fn history(
    world: &mut World,
    key: KeyId,
    request: tl::functions::messages::GetHistory,
) -> Answer<tl::functions::messages::GetHistory> {
    let account = account(world, key)?;
    if world.accounts[account].spec.bot_token.is_some() {
        return Err((400, "BOT_METHOD_INVALID"));
    }
    let id = peer(world, account, &request.peer)?;
    let chat = &world.chats[&id];
    // Counted from the newest, without walking a long history.
    let older = |id: i32| chat.messages.range(..id).count();
    let total = chat.messages.len();
    let start = if request.offset_id > 0 {
        total - older(request.offset_id)
    } else if request.offset_date > 0 {
        chat.messages.values().rev().take_while(|message| date(message) >= request.offset_date).count()
    } else {
        0
    } as i64;
    let from = (start + i64::from(request.add_offset)).max(0);
    let to = (start + i64::from(request.add_offset) + i64::from(request.limit.clamp(0, 100))).max(0);
    let messages = chat
        .messages
        .values()
        .rev()
        .skip(from as usize)
        .take((to - from).max(0) as usize)
        .filter(|message| {
            message.id() > request.min_id && (request.max_id == 0 || message.id() < request.max_id)
        })
        .cloned()
        .collect();
    Ok(tl::types::messages::ChannelMessages {
        inexact: false,
        pts: chat.pts,
        count: total as i32,
        offset_id_offset: None,
        messages,
        topics: Vec::new(),
        chats: vec![seen(chat, account)],
        users: blank::people(),
    }
    .into())
}

fn date(message: &tl::enums::Message) -> i32 {
    match message {
        tl::enums::Message::Message(message) => message.date,
        tl::enums::Message::Service(service) => service.date,
        tl::enums::Message::Empty(_) => 0,
    }
}

pub(super) fn by_id(
    world: &mut World,
    key: KeyId,
    request: tl::functions::channels::GetMessages,
) -> Answer<tl::functions::channels::GetMessages> {
    let account = account(world, key)?;
    let id = channel(world, account, &request.channel)?;
    let chat = &world.chats[&id];
    let messages: Vec<tl::enums::Message> = request
        .id
        .iter()
        .filter_map(|input| match input {
            tl::enums::InputMessage::Id(input) => Some(input.id),
            _ => None,
        })
        .map(|id| {
            let empty = || tl::types::MessageEmpty { id, peer_id: None }.into();
            chat.messages.get(&id).cloned().unwrap_or_else(empty)
        })
        .collect();
    Ok(tl::types::messages::ChannelMessages {
        inexact: false,
        pts: chat.pts,
        count: messages.len() as i32,
        offset_id_offset: None,
        messages,
        topics: Vec::new(),
        chats: vec![seen(chat, account)],
        users: blank::people(),
    }
    .into())
}

pub(super) fn views(
    world: &mut World,
    key: KeyId,
    request: tl::functions::messages::GetMessagesViews,
) -> Answer<tl::functions::messages::GetMessagesViews> {
    let account = account(world, key)?;
    let id = peer(world, account, &request.peer)?;
    let chat = &world.chats[&id];
    let views = request
        .id
        .iter()
        .map(|id| {
            let (views, forwards) = match chat.messages.get(id) {
                Some(tl::enums::Message::Message(message)) => (message.views, message.forwards),
                _ => (None, None),
            };
            tl::types::MessageViews { views, forwards, replies: None }.into()
        })
        .collect();
    Ok(tl::types::messages::MessageViews { views, chats: vec![seen(chat, account)], users: Vec::new() }
        .into())
}

pub(super) fn press(
    world: &mut World,
    key: KeyId,
    request: tl::functions::messages::GetBotCallbackAnswer,
) -> Answer<tl::functions::messages::GetBotCallbackAnswer> {
    let account = account(world, key)?;
    let id = peer(world, account, &request.peer)?;
    if !world.chats[&id].messages.contains_key(&request.msg_id) {
        return Err((400, "MESSAGE_ID_INVALID"));
    }
    world.presses.push((account, id, request.msg_id, request.data.unwrap_or_default()));
    Ok(tl::types::messages::BotCallbackAnswer {
        alert: false,
        has_url: false,
        native_ui: false,
        message: Some("ok".to_owned()),
        url: None,
        cache_time: 0,
    }
    .into())
}

/// What an account says in a group; the update goes to everyone in it, the answer is empty.
pub(super) fn send(
    world: &mut World,
    key: KeyId,
    request: tl::functions::messages::SendMessage,
) -> Answer<tl::functions::messages::SendMessage> {
    let account = account(world, key)?;
    let id = peer(world, account, &request.peer)?;
    let user_id = world.accounts[account].user_id;
    let Some(chat) = world.chats.get_mut(&id) else { return Err((400, "PEER_ID_INVALID")) };
    if !chat.members.contains(&account) {
        return Err((403, "CHAT_WRITE_FORBIDDEN"));
    }
    let number = chat.next_id;
    chat.next_id += 1;
    let mut message = blank::message(&chat.spec, number, &request.message);
    message.from_id = Some(tl::types::PeerUser { user_id }.into());
    if let Some(tl::enums::InputReplyTo::Message(reply)) = request.reply_to {
        message.reply_to = Some(blank::reply_to(reply.reply_to_msg_id).into());
    }
    chat.messages.insert(number, message.into());
    world.change(id, Change::New(number));
    Ok(tl::types::Updates {
        updates: vec![tl::types::UpdateMessageId { id: number, random_id: request.random_id }.into()],
        users: Vec::new(),
        chats: Vec::new(),
        date: blank::now(),
        seq: 0,
    }
    .into())
}
