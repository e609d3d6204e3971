//! What a test can say: who and what exists, what happens, what goes wrong, and how it ended.

use std::sync::atomic::Ordering;

use grammers_tl_types as tl;

use crate::blank;
use crate::line::Outgoing;
use crate::server::Loopback;
use crate::world::{Account, AccountId, Change, Chat, ChatState, WorldMessage};

/// An account that can sign in.
#[derive(Debug, Clone)]
pub struct AccountSpec {
    /// With `+`; empty for a bot.
    pub phone: String,
    /// The code it is sent.
    pub code: String,
    /// Asks for a second factor. Any password is right, unless [`Loopback::refuse_passwords`] says otherwise.
    pub password: bool,
    /// Signs in with this instead.
    pub bot_token: Option<String>,
    /// Telegram Premium.
    pub premium: bool,
    /// How many channels it may join.
    pub channels_at_most: usize,
}

impl Default for AccountSpec {
    fn default() -> Self {
        Self {
            phone: "+10000000001".to_owned(),
            code: "12345".to_owned(),
            password: false,
            bot_token: None,
            premium: false,
            channels_at_most: 500,
        }
    }
}

/// The kinds of chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChatKind {
    /// A broadcast channel.
    #[default]
    Channel,
    /// A large group.
    Supergroup,
    /// A basic group, whose messages are numbered together with every other of the account.
    Group,
}

/// A chat to be added.
#[derive(Debug, Clone, Default)]
pub struct ChatSpec {
    /// Bare id.
    pub id: i64,
    /// What it is.
    pub kind: ChatKind,
    /// Title.
    pub title: String,
    /// Public name.
    pub username: Option<String>,
    /// Description.
    pub about: String,
    /// Subscribers.
    pub participants: i32,
    /// The secret part of its invite link.
    pub invite: Option<String>,
    /// An admin must let people in.
    pub by_request: bool,
    /// Has forum topics.
    pub forum: bool,
}

impl Loopback {
    /// Adds an account.
    pub fn add_account(&self, spec: AccountSpec) -> AccountId {
        let mut world = self.world();
        let number = world.accounts.len();
        let user_id = 7_770_001 + number as i64;
        world.accounts.push(Account { spec, user_id, banned: false, pts: 100, common: Vec::new() });
        AccountId(number)
    }

    /// Adds a chat without members or messages.
    pub fn add_chat(&self, spec: ChatSpec) -> i64 {
        let id = spec.id;
        let chat = Chat {
            spec,
            pts: 1,
            messages: Default::default(),
            deleted: Default::default(),
            next_id: 1,
            changes: Vec::new(),
            members: Default::default(),
            requested: Default::default(),
            banned: Default::default(),
            too_long: 0,
            changed_at: 0,
        };
        self.world().chats.insert(id, chat);
        id
    }

    /// Puts an account into a chat, as if it had always been there: no message tells of it.
    pub fn add_member(&self, account: AccountId, chat_id: i64) {
        if let Some(chat) = self.world().chats.get_mut(&chat_id) {
            chat.members.insert(account.0);
        }
    }

    /// Throws an account out of a chat for good; it learns so only by being refused.
    pub fn ban_from(&self, account: AccountId, chat_id: i64) {
        if let Some(chat) = self.world().chats.get_mut(&chat_id) {
            chat.members.remove(&account.0);
            chat.banned.insert(account.0);
        }
    }

    /// Changes what a chat is called and the like; nothing is pushed.
    pub fn describe_chat(&self, chat_id: i64, change: impl FnOnce(&mut ChatSpec)) {
        if let Some(chat) = self.world().chats.get_mut(&chat_id) {
            change(&mut chat.spec);
        }
    }

    /// Posts a text.
    pub fn post(&self, chat_id: i64, text: &str) -> i32 {
        self.post_with(chat_id, text, |_| {})
    }

    /// Posts a message that `shape` gives more than a text.
    pub fn post_with(&self, chat_id: i64, text: &str, shape: impl FnOnce(&mut tl::types::Message)) -> i32 {
        self.add(chat_id, |spec, id| {
            let mut message = blank::message(spec, id, text);
            shape(&mut message);
            message.into()
        })
    }

    /// Posts a service message: joined, pinned, renamed, …
    pub fn service(&self, chat_id: i64, action: impl Into<tl::enums::MessageAction>) -> i32 {
        self.add(chat_id, |spec, id| blank::service(spec, id, action.into()).into())
    }

    fn add(&self, chat_id: i64, make: impl FnOnce(&ChatSpec, i32) -> tl::enums::Message) -> i32 {
        let mut world = self.world();
        let common = world.chats.get(&chat_id).is_some_and(|chat| chat.spec.kind == ChatKind::Group);
        if common {
            world.next_common_id += 1;
        }
        let common_id = world.next_common_id;
        let Some(chat) = world.chats.get_mut(&chat_id) else { return 0 };
        let id = if common { common_id } else { chat.next_id };
        chat.next_id = id + 1;
        let message = make(&chat.spec, id);
        chat.messages.insert(id, message);
        world.change(chat_id, Change::New(id));
        id
    }

    /// Skips ids, as messages do that were deleted before anyone saw them.
    pub fn skip_ids(&self, chat_id: i64, count: i32) {
        if let Some(chat) = self.world().chats.get_mut(&chat_id) {
            chat.next_id += count;
        }
    }

    /// Edits a text; the edit date is later than the one before. False when the message is gone.
    pub fn edit(&self, chat_id: i64, id: i32, text: &str) -> bool {
        let mut world = self.world();
        let Some(tl::enums::Message::Message(message)) =
            world.chats.get_mut(&chat_id).and_then(|chat| chat.messages.get_mut(&id))
        else {
            return false;
        };
        text.clone_into(&mut message.message);
        message.edit_date = Some(blank::now().max(message.edit_date.unwrap_or(message.date) + 1));
        world.change(chat_id, Change::Edit(id));
        true
    }

    /// Deletes messages, and pushes that unless none of them is there.
    pub fn delete(&self, chat_id: i64, ids: &[i32]) {
        let mut world = self.world();
        let Some(chat) = world.chats.get_mut(&chat_id) else { return };
        let there: Vec<i32> = ids.iter().copied().filter(|id| chat.messages.contains_key(id)).collect();
        for id in &there {
            if let Some(message) = chat.messages.remove(id) {
                chat.deleted.insert(*id, message);
            }
        }
        if !there.is_empty() {
            world.change(chat_id, Change::Delete(there));
        }
    }

    /// Pins or unpins a message of a channel; the service message of a pin is the test's to post.
    pub fn pin(&self, chat_id: i64, id: i32, pinned: bool) {
        let mut world = self.world();
        if let Some(tl::enums::Message::Message(message)) =
            world.chats.get_mut(&chat_id).and_then(|chat| chat.messages.get_mut(&id))
        {
            message.pinned = pinned;
        }
        world.change(chat_id, Change::Pin { ids: vec![id], pinned });
    }

    /// Sets the counters of a post and pushes them.
    pub fn view(&self, chat_id: i64, id: i32, views: i32, forwards: i32) {
        let mut world = self.world();
        if let Some(tl::enums::Message::Message(message)) =
            world.chats.get_mut(&chat_id).and_then(|chat| chat.messages.get_mut(&id))
        {
            (message.views, message.forwards) = (Some(views), Some(forwards));
        }
        world.tell(chat_id, tl::types::UpdateChannelMessageViews { channel_id: chat_id, id, views }.into());
        world.tell(
            chat_id,
            tl::types::UpdateChannelMessageForwards { channel_id: chat_id, id, forwards }.into(),
        );
    }

    /// The next `times` requests of the method are answered with a wait of so many seconds.
    pub fn flood(&self, method: &str, times: u32, seconds: u32) {
        self.world().faults.floods.insert(method.to_owned(), (times, seconds));
    }

    /// How many requests were sent after a wait was asked for, and before it was over.
    pub fn early(&self) -> u32 {
        self.world().faults.early
    }

    /// Closes every line.
    pub fn hang_up(&self) {
        for line in &self.world().lines {
            let _ = line.outgoing.send(Outgoing::HangUp);
        }
    }

    /// The lines that are open now stay so and never say anything again; new ones work.
    pub fn mute_lines(&self) {
        for line in &self.world().lines {
            line.mute.store(true, Ordering::SeqCst);
        }
    }

    /// Every line, also those to come, is mute until this is taken back; those that were mute then remain so.
    pub fn mute_everything(&self, mute: bool) {
        self.world().faults.mute_everything = mute;
        if mute {
            self.mute_lines();
        }
    }

    /// The next `count` pushes are lost.
    pub fn drop_pushes(&self, count: u32) {
        self.world().faults.drop_pushes = count;
    }

    /// `count` times a push is overtaken by the next one.
    pub fn swap_pushes(&self, count: u32) {
        self.world().faults.swap_pushes = count;
    }

    /// The next `times` differences of the channel are answered with "too long".
    pub fn answer_too_long(&self, chat_id: i64, times: u32) {
        if let Some(chat) = self.world().chats.get_mut(&chat_id) {
            chat.too_long = times;
        }
    }

    /// The next `times` second factors are wrong.
    pub fn refuse_passwords(&self, times: u32) {
        self.world().faults.refuse_passwords = times;
    }

    /// Telegram bans the account.
    pub fn ban(&self, account: AccountId) {
        if let Some(account) = self.world().accounts.get_mut(account.0) {
            account.banned = true;
        }
    }

    /// Ends every session of the account, as its owner can from another device.
    pub fn end_sessions(&self, account: AccountId) {
        for key in self.world().keys.values_mut().filter(|key| key.account == Some(account.0)) {
            key.account = None;
        }
    }

    /// How often a method was asked, by its name in the TL schema: `messages.getHistory`.
    pub fn asked(&self, method: &str) -> u64 {
        self.world().asked.get(method).copied().unwrap_or(0)
    }

    /// How many lines are open, and how many there have been.
    pub fn lines(&self) -> (usize, u64) {
        let world = self.world();
        (world.lines.len(), world.lines_opened)
    }

    /// (api id, device) of each introduction, oldest first.
    pub fn introductions(&self) -> Vec<(i32, String)> {
        self.world().introductions.clone()
    }

    /// (account, chat, message, data) of each button pressed, oldest first.
    pub fn presses(&self) -> Vec<(AccountId, i64, i32, Vec<u8>)> {
        let presses = self.world().presses.clone();
        presses.into_iter().map(|(account, chat, id, data)| (AccountId(account), chat, id, data)).collect()
    }

    /// A chat as it is now.
    pub fn chat(&self, chat_id: i64) -> ChatState {
        let world = self.world();
        let Some(chat) = world.chats.get(&chat_id) else { return ChatState::default() };
        let here = chat.messages.iter().map(|(id, message)| (*id, told(message, false)));
        let gone = chat.deleted.iter().map(|(id, message)| (*id, told(message, true)));
        ChatState { messages: here.chain(gone).collect(), members: chat.members.clone(), pts: chat.pts }
    }
}

fn told(message: &tl::enums::Message, deleted: bool) -> WorldMessage {
    match message {
        tl::enums::Message::Message(message) => WorldMessage {
            text: message.message.clone(),
            date: message.date,
            edit_date: message.edit_date,
            service: false,
            deleted,
        },
        tl::enums::Message::Service(service) => {
            WorldMessage { text: String::new(), date: service.date, edit_date: None, service: true, deleted }
        }
        tl::enums::Message::Empty(_) => {
            WorldMessage { text: String::new(), date: 0, edit_date: None, service: false, deleted }
        }
    }
}
