//! Finding chats, joining and leaving them.

use grammers_tl_types as tl;

use super::{Answer, KeyId, account, channel, seen};
use crate::blank;
use crate::script::ChatKind;
use crate::server::Refusal;
use crate::world::{Change, World};

pub(super) fn resolve(
    world: &mut World,
    key: KeyId,
    request: tl::functions::contacts::ResolveUsername,
) -> Answer<tl::functions::contacts::ResolveUsername> {
    let account = account(world, key)?;
    let named =
        |name: &Option<String>| name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&request.username));
    let chat =
        world.chats.values().find(|chat| named(&chat.spec.username)).ok_or((400, "USERNAME_NOT_OCCUPIED"))?;
    Ok(tl::types::contacts::ResolvedPeer {
        peer: blank::peer(&chat.spec),
        chats: vec![seen(chat, account)],
        users: Vec::new(),
    }
    .into())
}

pub(super) fn full_channel(
    world: &mut World,
    key: KeyId,
    request: tl::functions::channels::GetFullChannel,
) -> Answer<tl::functions::channels::GetFullChannel> {
    let account = account(world, key)?;
    let id = channel(world, account, &request.channel)?;
    let chat = &world.chats[&id];
    Ok(tl::types::messages::ChatFull {
        full_chat: blank::channel_full(&chat.spec, chat.pts).into(),
        chats: vec![seen(chat, account)],
        users: Vec::new(),
    }
    .into())
}

pub(super) fn full_chat(
    _world: &mut World,
    _key: KeyId,
    _request: tl::functions::messages::GetFullChat,
) -> Answer<tl::functions::messages::GetFullChat> {
    Err((400, "CHAT_ID_INVALID")) // nothing asks for a basic group yet
}

pub(super) fn join(
    world: &mut World,
    key: KeyId,
    request: tl::functions::channels::JoinChannel,
) -> Answer<tl::functions::channels::JoinChannel> {
    let account = account(world, key)?;
    let id = channel(world, account, &request.channel)?;
    enter(
        world,
        account,
        id,
        tl::enums::MessageAction::ChatAddUser(tl::types::MessageActionChatAddUser {
            users: vec![world.accounts[account].user_id],
        }),
    )
}

pub(super) fn join_by_invite(
    world: &mut World,
    key: KeyId,
    request: tl::functions::messages::ImportChatInvite,
) -> Answer<tl::functions::messages::ImportChatInvite> {
    let account = account(world, key)?;
    let id = invited(world, &request.hash)?;
    enter(world, account, id, tl::types::MessageActionChatJoinedByLink { inviter_id: blank::SOMEONE }.into())
}

fn invited(world: &World, hash: &str) -> Result<i64, Refusal> {
    let chat = world.chats.iter().find(|(_, chat)| chat.spec.invite.as_deref() == Some(hash));
    chat.map(|(id, _)| *id).ok_or((400, "INVITE_HASH_EXPIRED"))
}

fn enter(
    world: &mut World,
    account: usize,
    id: i64,
    action: tl::enums::MessageAction,
) -> Result<tl::enums::messages::ChatInviteJoinResult, Refusal> {
    let joined = world.chats.values().filter(|chat| chat.members.contains(&account)).count();
    let room = world.accounts[account].spec.channels_at_most;
    let Some(chat) = world.chats.get_mut(&id) else { return Err((400, "CHANNEL_INVALID")) };
    if chat.banned.contains(&account) {
        return Err((400, "USER_BANNED_IN_CHANNEL"));
    }
    if chat.members.contains(&account) {
        return Err((400, "USER_ALREADY_PARTICIPANT"));
    }
    if joined >= room {
        return Err((400, "CHANNELS_TOO_MUCH"));
    }
    if chat.spec.by_request {
        chat.requested.insert(account);
        return Err((400, "INVITE_REQUEST_SENT"));
    }
    chat.members.insert(account);
    let channel: tl::enums::Update = tl::types::UpdateChannel { channel_id: id }.into();
    let answer = tl::types::Updates {
        updates: vec![channel],
        users: Vec::new(),
        chats: vec![seen(chat, account)],
        date: blank::now(),
        seq: 0,
    };
    // A broadcast channel says nothing when someone comes.
    if chat.spec.kind != ChatKind::Channel {
        let number = chat.next_id;
        chat.next_id += 1;
        chat.messages.insert(number, blank::service(&chat.spec, number, action).into());
        world.change(id, Change::New(number));
    }
    Ok(tl::types::messages::ChatInviteJoinResultOk { updates: answer.into() }.into())
}

pub(super) fn check_invite(
    world: &mut World,
    key: KeyId,
    request: tl::functions::messages::CheckChatInvite,
) -> Answer<tl::functions::messages::CheckChatInvite> {
    let account = account(world, key)?;
    let id = invited(world, &request.hash)?;
    let chat = &world.chats[&id];
    if chat.members.contains(&account) {
        return Ok(tl::types::ChatInviteAlready { chat: seen(chat, account) }.into());
    }
    Ok(blank::invite(&chat.spec).into())
}

pub(super) fn leave(
    world: &mut World,
    key: KeyId,
    request: tl::functions::channels::LeaveChannel,
) -> Answer<tl::functions::channels::LeaveChannel> {
    let account = account(world, key)?;
    let id = channel(world, account, &request.channel)?;
    depart(world, account, id)
}

pub(super) fn leave_group(
    world: &mut World,
    key: KeyId,
    request: tl::functions::messages::DeleteChatUser,
) -> Answer<tl::functions::messages::DeleteChatUser> {
    let account = account(world, key)?;
    depart(world, account, request.chat_id)
}

fn depart(world: &mut World, account: usize, id: i64) -> Result<tl::enums::Updates, Refusal> {
    let Some(chat) = world.chats.get_mut(&id) else { return Err((400, "PEER_ID_INVALID")) };
    if !chat.members.remove(&account) {
        return Err((400, "USER_NOT_PARTICIPANT"));
    }
    Ok(tl::types::Updates {
        updates: vec![tl::types::UpdateChannel { channel_id: id }.into()],
        users: Vec::new(),
        chats: vec![seen(chat, account)],
        date: blank::now(),
        seq: 0,
    }
    .into())
}
