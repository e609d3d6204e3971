//! How the account is and where: reported at the start, every few minutes, on demand, and when it ends.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use grammers_client::tl;
use tickertape_broker::Phase;
use tickertape_records::{AccountState, AccountStatus, Membership, Report};
use tokio::sync::watch;

use super::chats::Facts;
use super::outbox::{Outgoing, json};
use super::store::Kind;
use super::{Control, pause};
use crate::dialogs::dialogs;
use crate::error::{Error, Result};

/// Seconds of a wait that are not worth a report of their own.
const SHORT_WAIT: i64 = 60;

impl Control {
    pub(super) async fn report_state(&self, mut phase: watch::Receiver<Phase>) -> Result<()> {
        let (mut next, mut limited) = (i64::MIN, None);
        loop {
            let now = self.now();
            let waits = self.connection.limited_until().filter(|until| *until > now + SHORT_WAIT);
            if waits > limited && !self.is_gone() {
                limited = waits;
                self.tell(self.status().await?).await?;
            }
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
            self.tell(AccountStatus { state: AccountState::Offline, ..self.status().await? }).await?;
        }
        Ok(())
    }

    async fn tell(&self, status: AccountStatus) -> Result<()> {
        let record = self.report(Report::State(status)).await?;
        self.store.put_out(&[record]).await?;
        self.outgoing.notify_one();
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
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((premium, dialogs));
        let status = self.status().await?;
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
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (premium, dialogs) =
            seen.unwrap_or_else(|| (false, u32::try_from(chats.len()).unwrap_or(u32::MAX)));
        Ok(AccountStatus {
            state: if limited_until.is_some() { AccountState::Limited } else { AccountState::Online },
            user_id: session.user_id(),
            premium,
            bot: session.is_bot(),
            dialogs,
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
        self.tell(status).await
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
        // What it was told to leave is not lost, also when the answer to that is not written yet.
        let leaving = self.store.leaving().await?;
        let gone: Vec<i64> = described
            .keys()
            .copied()
            .filter(|chat_id| !chats.contains_key(chat_id) && !leaving.contains(chat_id))
            .collect();
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
        let dialogs = dialogs(&self.connection).await?;
        self.connection.session().flush()?;
        let members = dialogs.members.iter().filter_map(|(_, chat)| Facts::of(chat));
        let members = members.map(|facts| (facts.chat_id, facts)).collect();
        Ok((u32::try_from(dialogs.open).unwrap_or(u32::MAX), members))
    }
}
