//! How the account is and where: reported at the start, every few minutes, on demand, and when it ends.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::Ordering;

use grammers_client::tl;
use tickertape_broker::Phase;
use tickertape_records::{AccountState, AccountStatus, Membership, Report};
use tokio::sync::watch;

use super::chats::Facts;
use super::outbox::{Outgoing, json};
use super::store::Kind;
use super::{Control, pause};
use crate::error::{Error, Result};

/// Dialogs in one answer.
const DIALOGS_AT_ONCE: i32 = 100;

impl Control {
    pub(super) async fn report_state(&self, mut phase: watch::Receiver<Phase>) -> Result<()> {
        let mut next = i64::MIN;
        loop {
            let now = self.now();
            if now >= next && !self.is_gone() {
                match self.state().await {
                    Ok(records) => {
                        self.store.put_out(&records).await?;
                        self.outgoing.notify_one();
                        next = now + self.options.report_every;
                    }
                    Err(error) => match self.noticed(error).await? {
                        error @ (Error::Log(_) | Error::Ledger(_)) => return Err(error),
                        Error::Flood { until, .. } => next = until,
                        error => {
                            tracing::warn!(account = self.label(), %error, "the account's state is not known")
                        }
                    },
                }
            }
            if !pause(&mut phase, tokio::time::sleep(self.options.pace)).await {
                break;
            }
        }
        if !self.is_gone() {
            let status = AccountStatus { state: AccountState::Offline, ..self.status().await? };
            let record = self.report(Report::State(status)).await?;
            self.store.put_out(&[record]).await?;
        }
        Ok(())
    }

    /// The account's state, and what changed about its chats, which is stored.
    pub(super) async fn state(&self) -> Result<Vec<Outgoing>> {
        let _membership = self.membership.lock().await;
        let request = tl::functions::users::GetUsers { id: vec![tl::enums::InputUser::UserSelf] };
        let me = self.connection.invoke(&request).await?;
        let premium = me.iter().any(|user| matches!(user, tl::enums::User::User(user) if user.premium));
        let (dialogs, chats) = self.dialogs().await?;
        if !self.connection.session().is_bot() {
            self.compare(&chats).await?;
        }
        let status = AccountStatus { premium, dialogs, ..self.status().await? };
        Ok(vec![self.report(Report::State(status)).await?])
    }

    /// What can be told without asking Telegram.
    async fn status(&self) -> Result<AccountStatus> {
        let now = self.now();
        let (joins, lookups) = (self.store.used(Kind::Join).await?, self.store.used(Kind::Lookup).await?);
        let waits = [self.connection.limited_until(), Some(joins.not_before), Some(lookups.not_before)];
        let limited_until = waits.into_iter().flatten().filter(|until| *until > now).max();
        let chats: Vec<i64> = self.store.chats().await?.into_iter().map(|(chat_id, _)| chat_id).collect();
        let session = self.connection.session();
        Ok(AccountStatus {
            state: if limited_until.is_some() { AccountState::Limited } else { AccountState::Online },
            user_id: session.user_id(),
            premium: false,
            bot: session.is_bot(),
            dialogs: u32::try_from(chats.len()).unwrap_or(u32::MAX),
            chats,
            limited_until,
            joins_left: joins.left(self.account.joins(), now),
            reason: None,
        })
    }

    /// The account is signed out or banned: it has no chats any more that anyone could rely on.
    pub(super) async fn report_gone(&self, error: &Error) -> Result<()> {
        self.gone.store(true, Ordering::Relaxed);
        let banned = error.is("USER_DEACTIVATED*") || error.is("PHONE_NUMBER_BANNED");
        let status = AccountStatus {
            state: if banned { AccountState::Banned } else { AccountState::SignedOut },
            user_id: self.connection.session().user_id(),
            bot: self.connection.session().is_bot(),
            reason: Some(error.to_string()),
            ..AccountStatus::default()
        };
        let record = self.report(Report::State(status)).await?;
        self.store.put_out(&[record]).await?;
        self.outgoing.notify_one();
        Ok(())
    }

    /// Tells of chats that are new, look different, or are gone.
    async fn compare(&self, chats: &BTreeMap<i64, Facts>) -> Result<()> {
        let known = self.store.chats().await?;
        let described: HashMap<i64, Option<String>> = known.into_iter().collect();
        let (mut here, mut records) = (Vec::new(), Vec::new());
        for (chat_id, facts) in chats {
            let text = json(&facts.channel("", Membership::Member, 0));
            if described.get(chat_id) != Some(&Some(text.clone())) {
                records.push(self.channel_record(facts).await?);
                here.push((*chat_id, text));
            }
        }
        let gone: Vec<i64> =
            described.keys().copied().filter(|chat_id| !chats.contains_key(chat_id)).collect();
        for chat_id in &gone {
            let reason = self.why_lost(*chat_id).await?;
            records.push(self.report(Report::Lost { chat_id: *chat_id, reason }).await?);
        }
        if !here.is_empty() || !gone.is_empty() {
            self.store.listed(&here, &gone, &records).await?;
            self.outgoing.notify_one();
            self.changed();
        }
        Ok(())
    }

    async fn why_lost(&self, chat_id: i64) -> Result<String> {
        match self.full(chat_id).await {
            Ok(_) => Ok("kicked".to_owned()),
            Err(Error::Refused { name, .. }) => Ok(match name.as_str() {
                "CHANNEL_PRIVATE" | "CHAT_FORBIDDEN" => "private".to_owned(),
                "USER_BANNED_IN_CHANNEL" => "banned".to_owned(),
                "CHANNEL_INVALID" | "CHAT_ID_INVALID" | "PEER_ID_INVALID" => "deleted".to_owned(),
                other => other.to_lowercase(),
            }),
            Err(error) => Err(error),
        }
    }

    /// How many dialogs of every kind are open, and the channels and groups it is a member of.
    async fn dialogs(&self) -> Result<(u32, BTreeMap<i64, Facts>)> {
        if self.connection.session().is_bot() {
            return Ok((0, BTreeMap::new())); // bots have no list
        }
        let mut request = tl::functions::messages::GetDialogs {
            exclude_pinned: false,
            folder_id: None,
            offset_date: 0,
            offset_id: 0,
            offset_peer: tl::enums::InputPeer::Empty,
            limit: DIALOGS_AT_ONCE,
            hash: 0,
        };
        let (mut members, mut seen) = (BTreeMap::new(), HashSet::new());
        loop {
            let (dialogs, messages, chats, users, whole) = match self.connection.invoke(&request).await? {
                tl::enums::messages::Dialogs::Dialogs(all) => {
                    (all.dialogs, all.messages, all.chats, all.users, true)
                }
                tl::enums::messages::Dialogs::Slice(page) => {
                    (page.dialogs, page.messages, page.chats, page.users, false)
                }
                tl::enums::messages::Dialogs::NotModified(_) => break,
            };
            let facts: BTreeMap<i64, Facts> =
                chats.iter().filter_map(|chat| self.met(chat)).map(|facts| (facts.chat_id, facts)).collect();
            let before = seen.len();
            let mut last = None;
            for dialog in &dialogs {
                let tl::enums::Dialog::Dialog(dialog) = dialog else { continue };
                let id = marked(&dialog.peer);
                seen.insert(id);
                if let Some(facts) = facts.get(&id).filter(|facts| facts.member) {
                    members.insert(id, facts.clone());
                }
                last = Some((id, dialog));
            }
            // A page that brings nothing new is the end, whatever it says.
            let Some((id, dialog)) = last.filter(|_| !whole && seen.len() > before) else { break };
            request.exclude_pinned = true;
            request.offset_id = dialog.top_message;
            request.offset_date =
                messages.iter().find_map(|message| date(message, id, dialog.top_message)).unwrap_or(0);
            request.offset_peer = match &dialog.peer {
                tl::enums::Peer::User(user) => {
                    let hash = users.iter().find_map(|known| match known {
                        tl::enums::User::User(known) if known.id == user.user_id => known.access_hash,
                        _ => None,
                    });
                    tl::types::InputPeerUser { user_id: user.user_id, access_hash: hash.unwrap_or(0) }.into()
                }
                _ => self.input_peer(id),
            };
        }
        self.connection.session().flush()?;
        Ok((u32::try_from(seen.len()).unwrap_or(u32::MAX), members))
    }
}

fn marked(of: &tl::enums::Peer) -> i64 {
    use tickertape_records::peer;
    match of {
        tl::enums::Peer::User(user) => peer::user(user.user_id),
        tl::enums::Peer::Chat(group) => peer::group(group.chat_id),
        tl::enums::Peer::Channel(channel) => peer::channel(channel.channel_id),
    }
}

fn date(message: &tl::enums::Message, chat_id: i64, id: i32) -> Option<i32> {
    let (peer, date) = match message {
        tl::enums::Message::Message(message) => (&message.peer_id, message.date),
        tl::enums::Message::Service(service) => (&service.peer_id, service.date),
        tl::enums::Message::Empty(_) => return None,
    };
    (message.id() == id && marked(peer) == chat_id).then_some(date)
}
