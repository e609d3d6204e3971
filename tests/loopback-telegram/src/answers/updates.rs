//! What was missed.

use std::collections::BTreeSet;

use grammers_tl_types as tl;

use super::{Answer, KeyId, account, channel, seen};
use crate::blank;
use crate::script::ChatKind;
use crate::world::{Change, World};

/// As far back as the server looks before it says "too long"; Telegram's own bound is about this.
const TOO_LONG: usize = 5_000;
/// The most that one difference holds.
const AT_MOST: usize = 100;

pub(super) fn state(
    world: &mut World,
    key: KeyId,
    _request: tl::functions::updates::GetState,
) -> Answer<tl::functions::updates::GetState> {
    let account = account(world, key)?;
    Ok(present(world, account))
}

fn present(world: &World, account: usize) -> tl::enums::updates::State {
    let pts = world.accounts[account].pts;
    tl::types::updates::State { pts, qts: 1, date: blank::now(), seq: 1, unread_count: 0 }.into()
}

/// The common box, and a hint for each channel that changed since the client's date.
pub(super) fn difference(
    world: &mut World,
    key: KeyId,
    request: tl::functions::updates::GetDifference,
) -> Answer<tl::functions::updates::GetDifference> {
    let account = account(world, key)?;
    let known = &world.accounts[account];
    let (mut new_messages, mut other_updates) = (Vec::new(), Vec::<tl::enums::Update>::new());
    let mut chats = BTreeSet::new();
    for (pts, chat, change) in known.common.iter().filter(|(pts, ..)| *pts > request.pts) {
        let Some(update) = world.update(*chat, change, *pts) else { continue };
        chats.insert(*chat);
        match update {
            tl::enums::Update::NewMessage(new) => new_messages.push(new.message),
            other => other_updates.push(other),
        }
    }
    for (id, chat) in &world.chats {
        let changed = chat.members.contains(&account) && chat.changed_at + 1 >= request.date;
        if changed && chat.spec.kind != ChatKind::Group {
            chats.insert(*id);
            other_updates.push(tl::types::UpdateChannelTooLong { channel_id: *id, pts: None }.into());
        }
    }
    let state = present(world, account);
    if new_messages.is_empty() && other_updates.is_empty() {
        return Ok(tl::types::updates::DifferenceEmpty { date: blank::now(), seq: 1 }.into());
    }
    Ok(tl::types::updates::Difference {
        new_messages,
        new_encrypted_messages: Vec::new(),
        other_updates,
        chats: chats.iter().map(|id| seen(&world.chats[id], account)).collect(),
        users: blank::people(),
        state,
    }
    .into())
}

pub(super) fn channel_difference(
    world: &mut World,
    key: KeyId,
    request: tl::functions::updates::GetChannelDifference,
) -> Answer<tl::functions::updates::GetChannelDifference> {
    let account = account(world, key)?;
    let id = channel(world, account, &request.channel)?;
    let Some(chat) = world.chats.get_mut(&id) else { return Err((400, "CHANNEL_INVALID")) };
    let behind: Vec<(i32, Change)> = {
        let from = chat.changes.partition_point(|(pts, _)| *pts <= request.pts);
        chat.changes[from..].to_vec()
    };
    if chat.too_long > 0 || behind.len() > TOO_LONG {
        chat.too_long = chat.too_long.saturating_sub(1);
        let chat = &world.chats[&id];
        let top = chat.messages.keys().next_back().copied().unwrap_or(0);
        return Ok(tl::types::updates::ChannelDifferenceTooLong {
            r#final: true,
            timeout: None,
            dialog: blank::dialog(&chat.spec, top, chat.pts).into(),
            messages: chat.messages.values().next_back().cloned().into_iter().collect(),
            chats: vec![seen(chat, account)],
            users: blank::people(),
        }
        .into());
    }
    let pts = chat.pts;
    if behind.is_empty() {
        return Ok(tl::types::updates::ChannelDifferenceEmpty { r#final: true, pts, timeout: None }.into());
    }
    let at_most = AT_MOST.min(request.limit.max(1) as usize);
    let (mut new_messages, mut other_updates) = (Vec::new(), Vec::new());
    let mut reached = request.pts;
    for (pts, change) in behind.iter().take(at_most) {
        reached = *pts;
        match world.update(id, change, *pts) {
            Some(tl::enums::Update::NewChannelMessage(new)) => new_messages.push(new.message),
            Some(other) => other_updates.push(other),
            None => {}
        }
    }
    Ok(tl::types::updates::ChannelDifference {
        r#final: behind.len() <= at_most,
        pts: reached,
        timeout: None,
        new_messages,
        other_updates,
        chats: vec![seen(&world.chats[&id], account)],
        users: blank::people(),
    }
    .into())
}
