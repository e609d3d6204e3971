//! Reads history: a page of a gap, oldest first, and where a first backfill begins.

use grammers_client::tl;

use crate::connection::Connection;
use crate::coverage::Fetch;
use crate::error::Result;
use crate::updates::input_peer;

/// Messages on one page, as many as Telegram gives.
const PAGE: i32 = 100;

/// How much history of a chat is wanted when it is followed for the first time. Both bounds hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FirstBackfill {
    /// Nothing posted before this moment, Unix seconds.
    pub since: Option<i64>,
    /// At most so many of the newest messages.
    pub limit: Option<u32>,
}

/// A page of history.
pub(crate) struct Page {
    /// Ascending, within the fetch.
    pub(crate) messages: Vec<tl::enums::Message>,
    pub(crate) users: Vec<tl::enums::User>,
    pub(crate) chats: Vec<tl::enums::Chat>,
    /// Nothing of the fetch is left behind this page.
    pub(crate) ended: bool,
}

/// The oldest messages of a range.
pub(crate) async fn page(connection: &Connection, chat_id: i64, fetch: Fetch) -> Result<Page> {
    let (messages, users, chats) = history(connection, chat_id, |request| {
        request.offset_id = i32::try_from(fetch.from).unwrap_or(i32::MAX);
        (request.add_offset, request.limit) = (-PAGE, PAGE); // from that id on upwards
    })
    .await?;
    let mut messages: Vec<_> = messages
        .into_iter()
        .filter(|message| is_there(message) && i64::from(message.id()) >= fetch.from)
        .collect();
    messages.sort_by_key(tl::enums::Message::id);
    // A short page is no sign of the end; an empty one is, and so is one that reaches beyond.
    let ended = messages.last().is_none_or(|last| i64::from(last.id()) >= fetch.to);
    messages.retain(|message| i64::from(message.id()) <= fetch.to);
    Ok(Page { messages, users, chats, ended })
}

/// The id where the first backfill of a chat begins.
pub(crate) async fn start(connection: &Connection, chat_id: i64, wanted: FirstBackfill) -> Result<i64> {
    let mut floor = 1;
    if let Some(limit) = wanted.limit {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let (messages, ..) = history(connection, chat_id, |request| {
            (request.add_offset, request.limit) = ((limit - 1).max(0), 1);
        })
        .await?;
        if let Some(message) = messages.first() {
            floor = i64::from(message.id()) + i64::from(limit == 0);
        }
    }
    if let Some(since) = wanted.since {
        let (messages, ..) = history(connection, chat_id, |request| {
            request.offset_date = i32::try_from(since).unwrap_or(i32::MAX);
            (request.add_offset, request.limit) = (-1, 1); // the oldest that is not older
        })
        .await?;
        if let Some(message) = messages.first() {
            let older = date(message) < since;
            floor = floor.max(i64::from(message.id()) + i64::from(older));
        }
    }
    Ok(floor)
}

/// What is left of a deleted message is no message.
fn is_there(message: &tl::enums::Message) -> bool {
    !matches!(message, tl::enums::Message::Empty(_))
}

fn date(message: &tl::enums::Message) -> i64 {
    match message {
        tl::enums::Message::Message(message) => i64::from(message.date),
        tl::enums::Message::Service(service) => i64::from(service.date),
        tl::enums::Message::Empty(_) => 0,
    }
}

type Answer = (Vec<tl::enums::Message>, Vec<tl::enums::User>, Vec<tl::enums::Chat>);

async fn history(
    connection: &Connection,
    chat_id: i64,
    ask: impl FnOnce(&mut tl::functions::messages::GetHistory),
) -> Result<Answer> {
    let mut request = tl::functions::messages::GetHistory {
        peer: input_peer(connection, chat_id),
        offset_id: 0,
        offset_date: 0,
        add_offset: 0,
        limit: 0,
        max_id: 0,
        min_id: 0,
        hash: 0,
    };
    ask(&mut request);
    Ok(match connection.invoke(&request).await? {
        tl::enums::messages::Messages::Messages(all) => (all.messages, all.users, all.chats),
        tl::enums::messages::Messages::Slice(part) => (part.messages, part.users, part.chats),
        tl::enums::messages::Messages::ChannelMessages(part) => (part.messages, part.users, part.chats),
        tl::enums::messages::Messages::NotModified(_) => Answer::default(),
    })
}
