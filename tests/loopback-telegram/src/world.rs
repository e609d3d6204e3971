//! What exists: accounts, chats, messages, and the numbered events of which updates and differences are made.
//!
//! Every change of a channel gets the next `pts` of that channel. A difference is the events behind a `pts`, with each
//! message as it is now: what was posted and deleted in between appears in neither form.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use grammers_tl_types::{self as tl, Serializable};

use crate::blank;
use crate::line::Line;
use crate::script::{AccountSpec, ChatKind, ChatSpec};

/// An account, by the order in which it was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub(crate) usize);

/// A message as it is in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldMessage {
    /// Text, or empty for a service message.
    pub text: String,
    /// Posted, Unix seconds.
    pub date: i32,
    /// Last edited, Unix seconds.
    pub edit_date: Option<i32>,
    /// Joined, pinned, renamed, …
    pub service: bool,
    /// It was deleted; the rest is as it was before.
    pub deleted: bool,
}

/// A chat as it is in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatState {
    /// Every message there ever was, by id.
    pub messages: BTreeMap<i32, WorldMessage>,
    /// Accounts in it.
    pub members: BTreeSet<usize>,
    /// Its present `pts`.
    pub pts: i32,
}

/// One numbered change of a channel.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    New(i32),
    Edit(i32),
    Delete(Vec<i32>),
    Pin { ids: Vec<i32>, pinned: bool },
}

impl Change {
    pub(crate) fn count(&self) -> i32 {
        match self {
            Self::Delete(ids) | Self::Pin { ids, .. } => ids.len() as i32,
            Self::New(_) | Self::Edit(_) => 1,
        }
    }
}

pub(crate) struct Account {
    pub(crate) spec: AccountSpec,
    pub(crate) user_id: i64,
    pub(crate) banned: bool,
    /// The common box: `pts` and what happened at each step.
    pub(crate) pts: i32,
    pub(crate) common: Vec<(i32, i64, Change)>,
}

pub(crate) struct Chat {
    pub(crate) spec: ChatSpec,
    pub(crate) pts: i32,
    pub(crate) messages: BTreeMap<i32, tl::enums::Message>,
    pub(crate) deleted: BTreeMap<i32, tl::enums::Message>,
    pub(crate) next_id: i32,
    /// (`pts` behind it, what happened), channels only.
    pub(crate) changes: Vec<(i32, Change)>,
    pub(crate) members: BTreeSet<usize>,
    pub(crate) requested: BTreeSet<usize>,
    pub(crate) banned: BTreeSet<usize>,
    /// How many differences are still to be answered with "too long".
    pub(crate) too_long: u32,
    pub(crate) changed_at: i32,
}

/// What the script wants to go wrong.
#[derive(Default)]
pub(crate) struct Faults {
    /// Method → how often still, and how many seconds to wait.
    pub(crate) floods: HashMap<String, (u32, u32)>,
    /// (key, method) → when a wait was asked for, and until when, since 1970.
    pub(crate) flooded_until: HashMap<([u8; 8], String), (Duration, Duration)>,
    pub(crate) early: u32,
    pub(crate) mute_everything: bool,
    pub(crate) drop_pushes: u32,
    pub(crate) swap_pushes: u32,
    /// A push held back until the next one has gone.
    pub(crate) held: Option<(usize, Arc<Vec<u8>>)>,
    pub(crate) refuse_passwords: u32,
}

pub(crate) struct Key {
    pub(crate) bytes: [u8; 256],
    pub(crate) account: Option<usize>,
    /// Waits for its second factor.
    pub(crate) half_signed_in: Option<usize>,
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) accounts: Vec<Account>,
    /// By bare id.
    pub(crate) chats: BTreeMap<i64, Chat>,
    pub(crate) keys: HashMap<[u8; 8], Key>,
    pub(crate) lines: Vec<Line>,
    pub(crate) next_line: u64,
    pub(crate) lines_opened: u64,
    pub(crate) faults: Faults,
    /// Method → how often it was asked.
    pub(crate) asked: HashMap<String, u64>,
    /// (api id, device) of each introduction.
    pub(crate) introductions: Vec<(i32, String)>,
    /// (account, chat, message, data) of each button pressed.
    pub(crate) presses: Vec<(usize, i64, i32, Vec<u8>)>,
    /// Ids of basic groups and people come from one sequence.
    pub(crate) next_common_id: i32,
}

impl World {
    pub(crate) fn account_of(&self, key: [u8; 8]) -> Option<usize> {
        self.keys.get(&key).and_then(|key| key.account)
    }

    pub(crate) fn flag_line(
        &mut self,
        key: [u8; 8],
        outgoing: tokio::sync::mpsc::UnboundedSender<crate::line::Outgoing>,
    ) -> Line {
        self.next_line += 1;
        self.lines_opened += 1;
        let mute = Arc::new(AtomicBool::new(self.faults.mute_everything));
        let line = Line { number: self.next_line, key, outgoing, mute };
        self.lines.push(line.clone());
        line
    }

    /// Adds a change to a chat and tells everyone in it.
    pub(crate) fn change(&mut self, chat_id: i64, change: Change) {
        let Some(chat) = self.chats.get_mut(&chat_id) else { return };
        chat.changed_at = blank::now();
        let members: Vec<usize> = chat.members.iter().copied().collect();
        if chat.spec.kind == ChatKind::Group {
            for account in members {
                let Some(known) = self.accounts.get_mut(account) else { continue };
                known.pts += change.count();
                let pts = known.pts;
                known.common.push((pts, chat_id, change.clone()));
                let update = self.update(chat_id, &change, pts);
                self.push(chat_id, account, update);
            }
            return;
        }
        chat.pts += change.count();
        let pts = chat.pts;
        chat.changes.push((pts, change.clone()));
        let Some(update) = self.update(chat_id, &change, pts) else { return };
        let bytes = Arc::new(self.container(chat_id, vec![update]));
        for account in members {
            self.deliver(account, Arc::clone(&bytes));
        }
    }

    /// Sends an update that has no number, such as a view counter.
    pub(crate) fn tell(&mut self, chat_id: i64, update: tl::enums::Update) {
        let members: Vec<usize> =
            self.chats.get(&chat_id).into_iter().flat_map(|c| c.members.clone()).collect();
        for account in members {
            self.push(chat_id, account, Some(update.clone()));
        }
    }

    fn push(&mut self, chat_id: i64, account: usize, update: Option<tl::enums::Update>) {
        if let Some(update) = update {
            let bytes = Arc::new(self.container(chat_id, vec![update]));
            self.deliver(account, bytes);
        }
    }

    fn container(&self, chat_id: i64, updates: Vec<tl::enums::Update>) -> Vec<u8> {
        let chats = self.chats.get(&chat_id).map(|chat| blank::chat(&chat.spec, false)).into_iter().collect();
        let updates: tl::enums::Updates =
            tl::types::Updates { updates, users: blank::people(), chats, date: blank::now(), seq: 0 }.into();
        updates.to_bytes()
    }

    /// A change as an update; none when the message it is about is gone.
    pub(crate) fn update(&self, chat_id: i64, change: &Change, pts: i32) -> Option<tl::enums::Update> {
        let chat = self.chats.get(&chat_id)?;
        let pts_count = change.count();
        let common = chat.spec.kind == ChatKind::Group;
        Some(match change {
            Change::New(id) => {
                let message = chat.messages.get(id)?.clone();
                if common {
                    tl::types::UpdateNewMessage { message, pts, pts_count }.into()
                } else {
                    tl::types::UpdateNewChannelMessage { message, pts, pts_count }.into()
                }
            }
            Change::Edit(id) => {
                let message = chat.messages.get(id)?.clone();
                if common {
                    tl::types::UpdateEditMessage { message, pts, pts_count }.into()
                } else {
                    tl::types::UpdateEditChannelMessage { message, pts, pts_count }.into()
                }
            }
            Change::Delete(ids) if common => {
                tl::types::UpdateDeleteMessages { messages: ids.clone(), pts, pts_count }.into()
            }
            Change::Delete(ids) => tl::types::UpdateDeleteChannelMessages {
                channel_id: chat_id,
                messages: ids.clone(),
                pts,
                pts_count,
            }
            .into(),
            Change::Pin { ids, pinned } => tl::types::UpdatePinnedChannelMessages {
                pinned: *pinned,
                channel_id: chat_id,
                messages: ids.clone(),
                pts,
                pts_count,
            }
            .into(),
        })
    }

    fn deliver(&mut self, account: usize, bytes: Arc<Vec<u8>>) {
        let faults = &mut self.faults;
        if faults.drop_pushes > 0 {
            faults.drop_pushes -= 1;
            return;
        }
        if faults.swap_pushes > 0 && faults.held.is_none() {
            faults.swap_pushes -= 1;
            faults.held = Some((account, bytes));
            return;
        }
        let held = faults.held.take();
        self.send(account, &bytes);
        if let Some((account, bytes)) = held {
            self.send(account, &bytes);
        }
    }

    fn send(&self, account: usize, bytes: &Arc<Vec<u8>>) {
        for line in self.lines.iter().filter(|line| self.account_of(line.key) == Some(account)) {
            line.send(Arc::clone(bytes));
        }
    }
}
