//! The list of dialogs, read page by page to its end.

use std::collections::{HashMap, HashSet};

use grammers_client::tl;

use crate::connection::Connection;
use crate::convert::{chat_facts, marked};
use crate::error::Result;
use crate::updates::input_peer;

/// Dialogs on one page, as many as Telegram gives.
const AT_ONCE: i32 = 100;

/// What an account has open.
#[derive(Default)]
pub(crate) struct Dialogs {
    /// How many dialogs there are of every kind, people included.
    pub(crate) open: usize,
    /// The groups and channels that it is a member of.
    pub(crate) members: Vec<(tl::types::Dialog, tl::enums::Chat)>,
}

/// Asks for the whole list, and remembers the access hash of every chat in it. Empty for bots, which have none. Every
/// wait is given back.
pub(crate) async fn dialogs(connection: &Connection) -> Result<Dialogs> {
    let mut all = Dialogs::default();
    if connection.session().is_bot() {
        return Ok(all);
    }
    let mut request = tl::functions::messages::GetDialogs {
        exclude_pinned: false,
        folder_id: None,
        offset_date: 0,
        offset_id: 0,
        offset_peer: tl::enums::InputPeer::Empty,
        limit: AT_ONCE,
        hash: 0,
    };
    let mut seen = HashSet::new();
    loop {
        let (dialogs, messages, chats, users, count) = match connection.ask(&request).await? {
            tl::enums::messages::Dialogs::Dialogs(whole) => {
                (whole.dialogs, whole.messages, whole.chats, whole.users, 0)
            }
            tl::enums::messages::Dialogs::Slice(page) => {
                (page.dialogs, page.messages, page.chats, page.users, page.count.unsigned_abs() as usize)
            }
            tl::enums::messages::Dialogs::NotModified(_) => break,
        };
        connection.session().remember(&chats);
        let chats: HashMap<i64, tl::enums::Chat> =
            chats.into_iter().filter_map(|chat| Some((chat_facts(&chat)?.chat_id, chat))).collect();
        let before = seen.len();
        let mut last = None;
        for dialog in dialogs {
            let tl::enums::Dialog::Dialog(dialog) = dialog else { continue };
            let id = marked(&dialog.peer);
            last = Some((id, dialog.clone()));
            if !seen.insert(id) {
                continue;
            }
            let chat = chats.get(&id);
            if let Some(chat) = chat.filter(|chat| chat_facts(chat).is_some_and(|facts| facts.member)) {
                all.members.push((dialog, chat.clone()));
            }
        }
        // Pinned dialogs may come again, and a short page is no sign of the end; one without news is.
        let more = seen.len() > before && seen.len() < count;
        let Some((id, dialog)) = last.filter(|_| more) else { break };
        request.exclude_pinned = true;
        request.offset_id = dialog.top_message;
        request.offset_peer = input_peer(connection, id);
        if let tl::enums::InputPeer::User(person) = &mut request.offset_peer {
            person.access_hash = users.iter().find_map(|user| hash_of(user, person.user_id)).unwrap_or(0);
        }
        request.offset_date =
            messages.iter().find_map(|message| date_of(message, id, dialog.top_message)).unwrap_or(0);
    }
    all.open = seen.len();
    Ok(all)
}

fn hash_of(user: &tl::enums::User, id: i64) -> Option<i64> {
    match user {
        tl::enums::User::User(user) if user.id == id => user.access_hash,
        _ => None,
    }
}

/// When this message of this chat was posted; none for any other.
fn date_of(message: &tl::enums::Message, chat_id: i64, id: i32) -> Option<i32> {
    let (of, date) = match message {
        tl::enums::Message::Message(message) => (&message.peer_id, message.date),
        tl::enums::Message::Service(service) => (&service.peer_id, service.date),
        tl::enums::Message::Empty(_) => return None,
    };
    (message.id() == id && marked(of) == chat_id).then_some(date)
}
