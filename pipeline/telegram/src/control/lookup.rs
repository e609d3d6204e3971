//! Looking at chats without joining them: names, descriptions, previews, what was found before.

use grammers_client::tl;
use tickertape_links::Target;
use tickertape_records::{FailureReason, Preview, PreviewMessage, peer};

use super::Control;
use super::act::{Failure, target};
use super::chats::{self, Facts};
use crate::error::{Error, Result};

/// The latest messages of a preview.
const MESSAGES: i32 = 50;

impl Control {
    /// Remembers the chat's access hash; gives back what is known of it.
    pub(super) fn met(&self, chat: &tl::enums::Chat) -> Option<Facts> {
        self.connection.session().remember(std::slice::from_ref(chat));
        Facts::of(chat)
    }

    pub(super) fn input_channel(&self, chat_id: i64) -> tl::enums::InputChannel {
        let channel_id = peer::bare(chat_id);
        let access_hash = self.connection.session().channel_hash(channel_id).unwrap_or(0);
        tl::types::InputChannel { channel_id, access_hash }.into()
    }

    pub(super) fn input_peer(&self, chat_id: i64) -> tl::enums::InputPeer {
        let bare = peer::bare(chat_id);
        if chats::is_channel(chat_id) {
            let access_hash = self.connection.session().channel_hash(bare).unwrap_or(0);
            tl::types::InputPeerChannel { channel_id: bare, access_hash }.into()
        } else {
            tl::types::InputPeerChat { chat_id: bare }.into()
        }
    }

    /// The full description of a chat whose access hash is known.
    pub(super) async fn full(&self, chat_id: i64) -> Result<Facts> {
        let tl::enums::messages::ChatFull::Full(full) = if chats::is_channel(chat_id) {
            let request = tl::functions::channels::GetFullChannel { channel: self.input_channel(chat_id) };
            self.connection.invoke(&request).await?
        } else {
            let request = tl::functions::messages::GetFullChat { chat_id: peer::bare(chat_id) };
            self.connection.invoke(&request).await?
        };
        let facts =
            full.chats.iter().filter_map(|chat| self.met(chat)).find(|facts| facts.chat_id == chat_id);
        let nonsense = || Error::Nonsense {
            method: "channels.getFullChannel",
            reason: "the chat itself is not in it".to_owned(),
        };
        Ok(facts.ok_or_else(nonsense)?.with_full(&full.full_chat))
    }

    /// Whether following the link takes a look-up of a name.
    pub(super) async fn needs_lookup(&self, link: &str) -> Result<bool> {
        let is_name =
            tickertape_links::parse(link).is_some_and(|link| matches!(link.target, Target::Name(_)));
        Ok(is_name && self.known(link).await?.is_none())
    }

    /// The chat that a name belonged to at the last look, if it can still be asked for.
    async fn known(&self, link: &str) -> Result<Option<i64>> {
        let since = self.now() - self.options.preview_fresh;
        let chat_id = self.store.preview(link, since).await?.and_then(|preview| preview.chat_id);
        Ok(chat_id.filter(|chat_id| {
            chats::is_channel(*chat_id)
                && self.connection.session().channel_hash(peer::bare(*chat_id)).is_some()
        }))
    }

    /// The channel that a link names, by what is known or by asking.
    pub(super) async fn chat_of(&self, target: &Target, link: &str) -> Result<i64, Failure> {
        match target {
            Target::Id(id) => match self.connection.session().channel_hash(*id) {
                Some(_) => Ok(peer::channel(*id)),
                None => {
                    let detail = "the account has never met the chat with this number";
                    Err(Failure::Refused(FailureReason::Private, detail.to_owned()))
                }
            },
            Target::Name(name) => {
                if let Some(chat_id) = self.known(link).await? {
                    return Ok(chat_id);
                }
                match self.look_up(name).await? {
                    Named::Chat(facts) => {
                        self.store.remember_preview(link, &facts.preview(), self.now()).await?;
                        Ok(facts.chat_id)
                    }
                    Named::Person(_) => {
                        let detail = "it leads to a person or a bot";
                        Err(Failure::Refused(FailureReason::NotAChannel, detail.to_owned()))
                    }
                }
            }
            Target::Invite(_) => {
                Err(Failure::Refused(FailureReason::Other, "an invite names no chat".to_owned()))
            }
        }
    }

    async fn look_up(&self, name: &str) -> Result<Named, Failure> {
        let request = tl::functions::contacts::ResolveUsername { username: name.to_owned(), referer: None };
        let tl::enums::contacts::ResolvedPeer::Peer(answer) = self.connection.invoke(&request).await?;
        if let Some(facts) = answer.chats.iter().find_map(|chat| self.met(chat)) {
            return Ok(Named::Chat(Box::new(facts)));
        }
        if let Some(person) = answer.users.iter().find_map(chats::person) {
            return Ok(Named::Person(Box::new(person)));
        }
        Err(Failure::Refused(FailureReason::NotFound, "nobody has this name".to_owned()))
    }

    /// What a link leads to. A chat that is not there or closed is a preview that says so.
    pub(super) async fn preview(&self, link: &str) -> Result<Preview, Failure> {
        match self.look_at(link).await {
            Err(Failure::Refused(reason, detail)) => {
                let unavailable = match reason {
                    FailureReason::Private => "private",
                    FailureReason::BannedThere => "banned",
                    FailureReason::NotFound if detail.contains("EXPIRED") => "expired",
                    FailureReason::NotFound => "not_found",
                    _ => return Err(Failure::Refused(reason, detail)),
                };
                Ok(Preview { unavailable: Some(unavailable.to_owned()), ..Preview::default() })
            }
            looked => looked,
        }
    }

    async fn look_at(&self, link: &str) -> Result<Preview, Failure> {
        let facts = match target(link)? {
            Target::Invite(hash) => {
                match self.connection.invoke(&tl::functions::messages::CheckChatInvite { hash }).await? {
                    tl::enums::ChatInvite::Invite(invite) => return Ok(chats::invited(&invite).preview()),
                    tl::enums::ChatInvite::Already(already) => self.met(&already.chat),
                    tl::enums::ChatInvite::Peek(peek) => self.met(&peek.chat),
                }
                .ok_or_else(|| Failure::Refused(FailureReason::Private, "the chat is closed".to_owned()))?
            }
            target @ Target::Id(_) => {
                let chat_id = self.chat_of(&target, link).await?;
                self.full(chat_id).await?
            }
            Target::Name(name) => match self.look_up(&name).await? {
                Named::Chat(facts) => *facts,
                Named::Person(person) => return Ok(*person),
            },
        };
        // What follows adds to what is known, and may be refused.
        let facts = match self.full(facts.chat_id).await {
            Err(Error::Refused { .. }) => facts,
            full => full?,
        };
        let messages = match self.latest(facts.chat_id).await {
            Err(Error::Refused { .. }) => Vec::new(),
            messages => messages?,
        };
        Ok(Preview { messages, ..facts.preview() })
    }

    async fn latest(&self, chat_id: i64) -> Result<Vec<PreviewMessage>> {
        let request = tl::functions::messages::GetHistory {
            peer: self.input_peer(chat_id),
            offset_id: 0,
            offset_date: 0,
            add_offset: 0,
            limit: MESSAGES,
            max_id: 0,
            min_id: 0,
            hash: 0,
        };
        let messages = match self.connection.invoke(&request).await? {
            tl::enums::messages::Messages::Messages(answer) => answer.messages,
            tl::enums::messages::Messages::Slice(answer) => answer.messages,
            tl::enums::messages::Messages::ChannelMessages(answer) => answer.messages,
            tl::enums::messages::Messages::NotModified(_) => Vec::new(),
        };
        let told = messages.into_iter().filter_map(|message| match message {
            tl::enums::Message::Message(message) => Some(PreviewMessage {
                message_id: i64::from(message.id),
                date: i64::from(message.date),
                text: message.message,
            }),
            _ => None,
        });
        Ok(told.take(MESSAGES.unsigned_abs() as usize).collect())
    }
}

/// Whom a public name belongs to.
enum Named {
    Chat(Box<Facts>),
    Person(Box<Preview>),
}
