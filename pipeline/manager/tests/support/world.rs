//! A make-believe Telegram and the producers in front of it: what is told to accounts is done, and reported.
//!
//! Nothing here knows the manager's rules: it holds the truth about chats and members, against which the manager's
//! state is compared.
#![allow(dead_code, reason = "each of the programs that share this uses a part of it")]
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};

use tickertape_records::{
    AccountState, AccountStatus, Action, Channel, ChatKind, ClientReport, FailureReason, FoundIn,
    Instruction, Link, Membership, Outcome, Preview, PreviewMessage, Report, SCHEMA, peer,
};

/// What becomes of those who join a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Open,
    /// An admin must let them in, and does after so many seconds; never if negative.
    Request(i64),
    /// Whoever joins is banned.
    Bans,
    /// Nothing is there.
    Nothing,
}

#[derive(Debug, Clone)]
pub struct Chat {
    pub id: i64,
    pub link: String,
    pub username: Option<String>,
    pub title: String,
    pub door: Door,
    pub relevant: bool,
    /// What its messages say.
    pub text: String,
    pub members: BTreeSet<String>,
    pub requests: BTreeMap<String, i64>,
    pub banned: BTreeSet<String>,
}

#[derive(Debug, Clone)]
pub struct Actor {
    pub label: String,
    pub state: AccountState,
    /// It runs and answers.
    pub runs: bool,
    pub premium: bool,
    /// Dialogs that are none of the manager's.
    pub own_dialogs: u32,
    pub limited_until: Option<i64>,
}

/// A record for one of the manager's topics.
#[derive(Debug, Clone)]
pub enum Said {
    Client(ClientReport),
    Channel(Channel),
    Link(Link),
}

#[derive(Debug, Clone, Default)]
pub struct World {
    pub chats: BTreeMap<i64, Chat>,
    pub by_link: BTreeMap<String, i64>,
    pub actors: BTreeMap<String, Actor>,
    /// Which chats each account is in: the members of the chats, seen from the other side.
    inside: BTreeMap<String, BTreeSet<i64>>,
    /// Chats in which somebody waits to be let in.
    waiting: BTreeSet<i64>,
    /// Ids of instructions that were carried out: a repeated one is dropped.
    pub done: BTreeSet<String>,
    /// The most dialogs any account ever had.
    pub most_dialogs: u32,
}

impl World {
    pub fn add_chat(&mut self, number: i64, door: Door, relevant: bool) -> i64 {
        let id = peer::channel(number);
        let name = format!("chat_{number:05}");
        // Every fifth is known by an invite link alone.
        let (link, username) = match number % 5 {
            4 => (format!("https://t.me/+Invite{number}"), None),
            _ => (format!("https://t.me/{name}"), Some(name)),
        };
        self.by_link.insert(link.clone(), id);
        let chat = Chat {
            id,
            link,
            username,
            title: format!("Signals {number}"),
            door,
            relevant,
            text: if relevant { "$BTC breaks out, $ETH follows" } else { "Fresh bread every morning" }.into(),
            members: BTreeSet::new(),
            requests: BTreeMap::new(),
            banned: BTreeSet::new(),
        };
        self.chats.insert(id, chat);
        id
    }

    pub fn add_actor(&mut self, label: &str, premium: bool, own_dialogs: u32) {
        let actor = Actor {
            label: label.into(),
            state: AccountState::Online,
            runs: true,
            premium,
            own_dialogs,
            limited_until: None,
        };
        self.actors.insert(label.into(), actor);
    }

    pub fn put_in(&mut self, label: &str, chat_id: i64) {
        self.chats.get_mut(&chat_id).unwrap().members.insert(label.into());
        self.inside.entry(label.into()).or_default().insert(chat_id);
    }

    pub fn take_out(&mut self, label: &str, chat_id: i64) -> bool {
        self.inside.entry(label.into()).or_default().remove(&chat_id);
        self.chats.get_mut(&chat_id).unwrap().members.remove(label)
    }

    pub fn chats_of(&self, label: &str) -> Vec<i64> {
        self.inside.get(label).into_iter().flatten().copied().collect()
    }

    pub fn dialogs(&self, label: &str) -> u32 {
        self.actors[label].own_dialogs + self.inside.get(label).map_or(0, |chats| chats.len() as u32)
    }

    fn said(label: &str, at: i64, report: Report) -> Said {
        Said::Client(ClientReport { schema: SCHEMA, account: label.into(), at, report })
    }

    /// How the account is, if it runs.
    pub fn report(&self, label: &str, at: i64) -> Option<Said> {
        let actor = &self.actors[label];
        if !actor.runs {
            return None;
        }
        let status = AccountStatus {
            state: actor.state,
            user_id: Some(1),
            premium: actor.premium,
            bot: false,
            dialogs: self.dialogs(label),
            chats: self.chats_of(label),
            limited_until: actor.limited_until.filter(|&until| until > at),
            joins_left: 1_000,
            reason: None,
        };
        Some(Self::said(label, at, Report::State(status)))
    }

    pub fn observation(&self, label: &str, chat_id: i64, at: i64) -> Said {
        let chat = &self.chats[&chat_id];
        let membership = if chat.members.contains(label) {
            Membership::Member
        } else if chat.banned.contains(label) {
            Membership::Banned
        } else {
            Membership::Outside
        };
        Said::Channel(Channel {
            schema: SCHEMA,
            chat_id,
            chat_kind: ChatKind::Channel,
            username: chat.username.clone(),
            title: chat.title.clone(),
            about: Some("Daily news".into()),
            participants: Some(1_000),
            account: label.into(),
            membership,
            observed_at: at,
            ..Channel::default()
        })
    }

    /// A link to the chat, seen by an account in a message.
    pub fn sighting(&self, label: &str, chat_id: i64, seen_in: (i64, i64), at: i64, preview: bool) -> Said {
        let chat = &self.chats[&chat_id];
        Said::Link(Link {
            schema: SCHEMA,
            link: chat.link.clone(),
            chat_id: seen_in.0,
            message_id: seen_in.1,
            date: at,
            found_in: FoundIn::Text,
            preview: preview.then(|| self.preview(chat, at)),
            account: label.into(),
            received_at: at,
        })
    }

    fn preview(&self, chat: &Chat, at: i64) -> Preview {
        if chat.door == Door::Nothing {
            return Preview { unavailable: Some("not_found".into()), ..Preview::default() };
        }
        let message = |message_id| PreviewMessage { message_id, date: at, text: chat.text.clone() };
        Preview {
            chat_id: chat.username.is_some().then_some(chat.id),
            chat_kind: ChatKind::Channel,
            username: chat.username.clone(),
            title: chat.title.clone(),
            about: Some(if chat.relevant { "Bitcoin first".into() } else { "A bakery".into() }),
            participants: Some(1_000),
            by_request: matches!(chat.door, Door::Request(_)),
            messages: (1..=20).map(message).collect(),
            ..Preview::default()
        }
    }

    /// Admins let in those whose time has come; returns what accounts see of it.
    pub fn let_in(&mut self, now: i64) -> Vec<Said> {
        let mut entered = Vec::new();
        for chat_id in self.waiting.clone() {
            let chat = self.chats.get_mut(&chat_id).unwrap();
            let after = match chat.door {
                Door::Request(after) if after >= 0 => after,
                _ => continue,
            };
            let ready: Vec<String> = chat
                .requests
                .iter()
                .filter(|&(_, &at)| at + after <= now)
                .map(|(label, _)| label.clone())
                .collect();
            chat.requests.retain(|label, _| !ready.contains(label));
            if chat.requests.is_empty() {
                self.waiting.remove(&chat_id);
            }
            entered.extend(ready.into_iter().map(|label| (label, chat_id)));
        }
        entered
            .into_iter()
            .map(|(label, chat_id)| {
                self.put_in(&label, chat_id);
                self.observation(&label, chat_id, now)
            })
            .collect()
    }

    /// Carries out an instruction, once; none while the account does not run.
    pub fn execute(&mut self, instruction: &Instruction, now: i64) -> Vec<Said> {
        let label = instruction.account.as_str();
        let actor = self.actors[label].clone();
        if !actor.runs || !self.done.insert(instruction.id.clone()) {
            return Vec::new();
        }
        let fail = |reason, retry_at| Outcome::Failed { reason, detail: String::new(), retry_at };
        let mut said = Vec::new();
        let outcome = if matches!(actor.state, AccountState::Banned | AccountState::SignedOut) {
            fail(FailureReason::Account, None)
        } else if now > instruction.deadline {
            fail(FailureReason::Expired, None)
        } else {
            match &instruction.action {
                Action::Report => {
                    said.extend(self.report(label, now));
                    Outcome::Done { chat_id: None }
                }
                Action::Join { .. } | Action::Resolve { .. }
                    if actor.limited_until.is_some_and(|at| at > now) =>
                {
                    fail(FailureReason::Flood, actor.limited_until)
                }
                Action::Join { link } => self.join(label, actor.premium, link, now, &mut said),
                Action::Leave { chat_id } => {
                    self.take_out(label, *chat_id);
                    Outcome::Done { chat_id: Some(*chat_id) }
                }
                Action::Describe { chat_id } if self.chats[chat_id].members.contains(label) => {
                    said.push(self.observation(label, *chat_id, now));
                    Outcome::Done { chat_id: Some(*chat_id) }
                }
                Action::Describe { .. } => fail(FailureReason::Private, None),
                Action::Resolve { link, seen_in } => match self.by_link.get(link) {
                    Some(&chat_id) if self.chats[&chat_id].door != Door::Nothing => {
                        said.push(self.sighting(label, chat_id, *seen_in, now, true));
                        Outcome::Done { chat_id: None }
                    }
                    _ => fail(FailureReason::NotFound, None),
                },
            }
        };
        self.most_dialogs = self.most_dialogs.max(self.dialogs(label));
        said.push(Self::said(label, now, Report::Answer { instruction: instruction.id.clone(), outcome }));
        said
    }

    fn join(&mut self, label: &str, premium: bool, link: &str, now: i64, said: &mut Vec<Said>) -> Outcome {
        let fail = |reason| Outcome::Failed { reason, detail: String::new(), retry_at: None };
        let full = self.dialogs(label) >= if premium { 1_000 } else { 500 };
        let Some(&chat_id) = self.by_link.get(link) else { return fail(FailureReason::NotFound) };
        let chat = self.chats.get_mut(&chat_id).unwrap();
        match chat.door {
            Door::Nothing => fail(FailureReason::NotFound),
            _ if chat.members.contains(label) => Outcome::Done { chat_id: Some(chat_id) },
            _ if chat.banned.contains(label) => fail(FailureReason::BannedThere),
            _ if full => fail(FailureReason::TooManyChannels),
            Door::Bans => {
                chat.banned.insert(label.into());
                fail(FailureReason::BannedThere)
            }
            Door::Request(_) => {
                chat.requests.insert(label.into(), now);
                self.waiting.insert(chat_id);
                let chat = &self.chats[&chat_id];
                Outcome::Requested { chat_id: chat.username.is_some().then_some(chat_id) }
            }
            Door::Open => {
                self.put_in(label, chat_id);
                said.push(self.observation(label, chat_id, now));
                Outcome::Done { chat_id: Some(chat_id) }
            }
        }
    }

    /// The account is taken out of the chat by others, or by its owner's hand.
    pub fn lose(&mut self, label: &str, chat_id: i64, reason: &str, now: i64) -> Option<Said> {
        if !self.take_out(label, chat_id) {
            return None;
        }
        if reason == "banned" {
            self.chats.get_mut(&chat_id)?.banned.insert(label.into());
        }
        Some(Self::said(label, now, Report::Lost { chat_id, reason: reason.into() }))
    }
}
