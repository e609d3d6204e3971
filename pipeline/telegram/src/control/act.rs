//! What an instruction does at Telegram, and how to find out whether it was done.

use grammers_client::tl;
use tickertape_links::Target;
use tickertape_records::{
    Action, FailureReason, FoundIn, Link, Membership as Standing, Outcome, SCHEMA, peer, topics,
};

use super::Control;
use super::chats::{self, Facts};
use super::outbox::{Outgoing, json};
use super::store::Membership;
use crate::error::{Error, Result};

/// What came of an action.
pub(super) struct Act {
    pub(super) outcome: Outcome,
    /// What else there is to tell.
    pub(super) records: Vec<Outgoing>,
    pub(super) membership: Option<Membership>,
}

impl Act {
    pub(super) fn only(outcome: Outcome) -> Self {
        Self { outcome, records: Vec::new(), membership: None }
    }
}

/// Why an action was not done.
pub(super) enum Failure {
    /// For good.
    Refused(FailureReason, String),
    /// By an error that decides itself what is next.
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match reason(&error) {
            Some(reason) => Self::Refused(reason, error.to_string()),
            None => Self::Error(error),
        }
    }
}

/// The reason that Telegram's name for an error stands for.
fn reason(error: &Error) -> Option<FailureReason> {
    let Error::Refused { name, .. } = error else { return None };
    Some(match name.as_str() {
        "CHANNELS_TOO_MUCH" | "USER_CHANNELS_TOO_MUCH" => FailureReason::TooManyChannels,
        "INVITE_HASH_EXPIRED"
        | "INVITE_HASH_INVALID"
        | "INVITE_HASH_EMPTY"
        | "USERNAME_NOT_OCCUPIED"
        | "USERNAME_INVALID"
        | "CHANNEL_INVALID"
        | "CHAT_INVALID"
        | "CHAT_ID_INVALID"
        | "PEER_ID_INVALID" => FailureReason::NotFound,
        "CHANNEL_PRIVATE" | "CHAT_FORBIDDEN" | "INVITE_REVOKED_MISSING" => FailureReason::Private,
        "USER_BANNED_IN_CHANNEL" | "USER_KICKED" => FailureReason::BannedThere,
        _ => return None,
    })
}

impl Control {
    /// Does it.
    pub(super) async fn act(&self, action: &Action) -> Result<Act, Failure> {
        match action {
            Action::Join { link } => self.join(link).await,
            Action::Leave { chat_id } => self.leave(*chat_id).await,
            Action::Describe { chat_id } => {
                let facts = self.full(*chat_id).await?;
                self.described(&facts, Outcome::Done { chat_id: Some(*chat_id) }).await
            }
            Action::Resolve { link, seen_in } => self.resolve(link, *seen_in).await,
            Action::Report => {
                let records = self.state().await?;
                let done = Outcome::Done { chat_id: None };
                Ok(Act { outcome: done, records, membership: None })
            }
        }
    }

    /// Whether it was done before a kill. None: it was not, or it may be done again without harm.
    pub(super) async fn happened(&self, action: &Action) -> Result<Option<Act>> {
        let facts = match action {
            Action::Join { link } => match self.look(link).await {
                Ok(facts) => facts,
                Err(Failure::Error(error)) => return Err(error),
                Err(Failure::Refused(..)) => None, // the second try will say so
            },
            Action::Leave { chat_id } => match self.full(*chat_id).await {
                Ok(facts) => Some(facts),
                Err(error) if reason(&error).is_some() => None,
                Err(error) => return Err(error),
            },
            Action::Describe { .. } | Action::Resolve { .. } | Action::Report => None,
        };
        let Some(facts) = facts else { return Ok(None) };
        match action {
            Action::Join { .. } if facts.member => Ok(Some(self.joined(facts).await?)),
            Action::Leave { chat_id } if !facts.member => Ok(Some(left(*chat_id))),
            _ => Ok(None),
        }
    }

    /// The chat that a link leads to, as the account stands to it now; none when it cannot be told without joining.
    async fn look(&self, link: &str) -> Result<Option<Facts>, Failure> {
        match target(link)? {
            Target::Invite(hash) => {
                match self.connection.invoke(&tl::functions::messages::CheckChatInvite { hash }).await? {
                    tl::enums::ChatInvite::Already(already) => Ok(self.met(&already.chat)),
                    _ => Ok(None),
                }
            }
            target => {
                let chat_id = self.chat_of(&target, link).await?;
                Ok(Some(self.full(chat_id).await?))
            }
        }
    }

    async fn join(&self, link: &str) -> Result<Act, Failure> {
        let target = target(link)?;
        let (chat_id, joined) = match target {
            Target::Invite(hash) => {
                let request = tl::functions::messages::ImportChatInvite { hash };
                (None, self.connection.invoke(&request).await)
            }
            target => {
                let chat_id = self.chat_of(&target, link).await?;
                let request = tl::functions::channels::JoinChannel { channel: self.input_channel(chat_id) };
                (Some(chat_id), self.connection.invoke(&request).await)
            }
        };
        let facts = match joined {
            Ok(tl::enums::messages::ChatInviteJoinResult::Ok(joined)) => {
                let chats = chats::of_updates(&joined.updates);
                chats.iter().find_map(|chat| self.met(chat))
            }
            Ok(tl::enums::messages::ChatInviteJoinResult::WebView(_)) => {
                let detail = "a bot wants to be talked to before it lets anyone in";
                return Err(Failure::Refused(FailureReason::Private, detail.to_owned()));
            }
            Err(error) if error.is("USER_ALREADY_PARTICIPANT") => self.look(link).await?,
            Err(error) if error.is("INVITE_REQUEST_SENT") => {
                return Ok(Act::only(Outcome::Requested { chat_id }));
            }
            Err(error) => return Err(error.into()),
        };
        match (facts, chat_id) {
            (Some(facts), _) => Ok(self.joined(facts).await?),
            (None, Some(chat_id)) => Ok(self.joined(self.full(chat_id).await?).await?),
            (None, None) => {
                let detail = "Telegram let the account in without saying where";
                Err(Failure::Refused(FailureReason::Other, detail.to_owned()))
            }
        }
    }

    /// It is in; the description is a courtesy that may fail.
    async fn joined(&self, seen: Facts) -> Result<Act> {
        let chat_id = seen.chat_id;
        let facts = self.full(chat_id).await.unwrap_or(Facts { member: true, ..seen });
        let record = self.channel_record(&Facts { member: true, ..facts }).await?;
        Ok(Act {
            outcome: Outcome::Done { chat_id: Some(chat_id) },
            records: vec![record],
            membership: Some(Membership::Joined { chat_id, at: self.now() }),
        })
    }

    async fn leave(&self, chat_id: i64) -> Result<Act, Failure> {
        let outcome = if chats::is_channel(chat_id) {
            let request = tl::functions::channels::LeaveChannel { channel: self.input_channel(chat_id) };
            self.connection.invoke(&request).await
        } else {
            let request = tl::functions::messages::DeleteChatUser {
                revoke_history: false,
                chat_id: peer::bare(chat_id),
                user_id: tl::enums::InputUser::UserSelf,
            };
            self.connection.invoke(&request).await
        };
        match outcome {
            Ok(_) => Ok(left(chat_id)),
            Err(error) if error.is("USER_NOT_PARTICIPANT") => Ok(left(chat_id)),
            Err(error) => match reason(&error) {
                // Whom a chat has thrown out is out of it.
                Some(FailureReason::Private | FailureReason::BannedThere) => Ok(left(chat_id)),
                _ => Err(error.into()),
            },
        }
    }

    async fn described(&self, facts: &Facts, outcome: Outcome) -> Result<Act, Failure> {
        let record = self.channel_record(facts).await?;
        Ok(Act { outcome, records: vec![record], membership: None })
    }

    async fn resolve(&self, link: &str, seen_in: (i64, i64)) -> Result<Act, Failure> {
        let preview = self.preview(link).await?;
        self.store.remember_preview(link, &preview, self.now()).await?;
        let outcome = match (&preview.unavailable, preview.chat_kind) {
            (Some(why), _) => {
                let reason = match why.as_str() {
                    "private" => FailureReason::Private,
                    "banned" => FailureReason::BannedThere,
                    _ => FailureReason::NotFound,
                };
                Outcome::Failed { reason, detail: why.clone(), retry_at: None }
            }
            (None, tickertape_records::ChatKind::User) => Outcome::Failed {
                reason: FailureReason::NotAChannel,
                detail: "it leads to a person or a bot".to_owned(),
                retry_at: None,
            },
            (None, _) => Outcome::Done { chat_id: preview.chat_id },
        };
        let record = Link {
            schema: SCHEMA,
            link: link.to_owned(),
            chat_id: seen_in.0,
            message_id: seen_in.1,
            found_in: FoundIn::Text,
            preview: Some(preview),
            account: self.label().to_owned(),
            received_at: self.now(),
            ..Link::default()
        };
        let record = self.about_chat(topics::LINKS, seen_in.0, json(&record)).await?;
        Ok(Act { outcome, records: vec![record], membership: None })
    }

    pub(super) async fn channel_record(&self, facts: &Facts) -> Result<Outgoing> {
        let standing = if facts.member { Standing::Member } else { Standing::Outside };
        let record = facts.channel(self.label(), standing, self.now());
        self.about_chat(topics::CHANNELS, facts.chat_id, json(&record)).await
    }
}

fn left(chat_id: i64) -> Act {
    Act {
        outcome: Outcome::Done { chat_id: Some(chat_id) },
        records: Vec::new(),
        membership: Some(Membership::Left { chat_id }),
    }
}

/// What a link in an instruction leads to.
pub(super) fn target(link: &str) -> Result<Target, Failure> {
    tickertape_links::parse(link)
        .map(|link| link.target)
        .ok_or_else(|| Failure::Refused(FailureReason::NotAChannel, format!("{link} is no link to a chat")))
}
