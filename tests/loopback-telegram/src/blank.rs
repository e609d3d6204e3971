//! Telegram's values with everything optional left out.
//!
//! The generated types have dozens of fields and no default. The least of each is parsed from its wire form, in which
//! a flag word of zero leaves all of them out.

use std::net::SocketAddrV4;
use std::time::{SystemTime, UNIX_EPOCH};

use grammers_tl_types::{self as tl, Deserializable, Serializable};

use crate::script::{ChatKind, ChatSpec};
use crate::server::DC;
use crate::world::Account;

/// The one person who writes in groups.
pub(crate) const SOMEONE: i64 = 555_000;
/// The one bot: a message is its own when its `from_id` says so.
pub const BOT: i64 = 555_001;

#[derive(Default)]
struct Wire(Vec<u8>);

impl Wire {
    fn put(mut self, value: impl Serializable) -> Self {
        value.serialize(&mut self.0);
        self
    }

    fn read<T: Deserializable>(self) -> T {
        T::from_bytes(&self.0).expect("the least form of a value is complete")
    }
}

/// Unix seconds.
pub fn now() -> i32 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i32)
}

/// A button that opens an address.
pub fn url_button(text: &str, url: &str) -> tl::enums::ReplyMarkup {
    button(text, tl::types::InlineButtonTypeUrl { url: url.to_owned() }.into())
}

/// A button that calls the bot back.
pub fn callback_button(text: &str, data: &[u8]) -> tl::enums::ReplyMarkup {
    let kind = tl::types::InlineButtonTypeCallback { requires_password: false, data: data.to_vec() };
    button(text, kind.into())
}

fn button(text: &str, r#type: tl::enums::InlineButtonType) -> tl::enums::ReplyMarkup {
    let button = tl::types::KeyboardInlineButton { text: text.to_owned(), style: None, r#type };
    let row = tl::types::KeyboardInlineButtonRow { buttons: vec![button.into()] };
    tl::types::ReplyInlineMarkup { force_reply: false, rows: vec![row.into()] }.into()
}

/// A reply header that names a message of the same chat.
pub fn reply_to(message_id: i32) -> tl::types::MessageReplyHeader {
    let mut header: tl::types::MessageReplyHeader = Wire::default().put(0_u32).read();
    header.reply_to_msg_id = Some(message_id);
    header
}

/// The least message of a chat: a post in a channel, something a person says elsewhere.
pub fn message(chat: &ChatSpec, id: i32, text: &str) -> tl::types::Message {
    let mut message: tl::types::Message =
        Wire::default().put(0_u32).put(0_u32).put(id).put(peer(chat)).put(now()).put(text.to_owned()).read();
    if chat.kind == ChatKind::Channel {
        message.post = true;
        (message.views, message.forwards) = (Some(1), Some(0));
    } else {
        message.from_id = Some(tl::types::PeerUser { user_id: SOMEONE }.into());
    }
    message
}

pub(crate) fn service(
    chat: &ChatSpec,
    id: i32,
    action: tl::enums::MessageAction,
) -> tl::types::MessageService {
    let mut service: tl::types::MessageService =
        Wire::default().put(0_u32).put(id).put(peer(chat)).put(now()).put(action).read();
    service.from_id = Some(tl::types::PeerUser { user_id: SOMEONE }.into());
    service
}

pub(crate) fn peer(chat: &ChatSpec) -> tl::enums::Peer {
    match chat.kind {
        ChatKind::Group => tl::types::PeerChat { chat_id: chat.id }.into(),
        ChatKind::Channel | ChatKind::Supergroup => tl::types::PeerChannel { channel_id: chat.id }.into(),
    }
}

/// The access hash of a channel. Requests that name another are refused.
pub(crate) fn hash(chat_id: i64) -> i64 {
    chat_id * 31 + 7
}

pub(crate) fn chat(chat: &ChatSpec, left: bool) -> tl::enums::Chat {
    if chat.kind == ChatKind::Group {
        let mut group: tl::types::Chat = Wire::default()
            .put(0_u32)
            .put(chat.id)
            .put(chat.title.clone())
            .put(tl::enums::ChatPhoto::Empty)
            .put(chat.participants)
            .put(now())
            .put(1_i32)
            .read();
        group.left = left;
        return group.into();
    }
    let mut channel: tl::types::Channel = Wire::default()
        .put(0_u32)
        .put(0_u32)
        .put(chat.id)
        .put(chat.title.clone())
        .put(tl::enums::ChatPhoto::Empty)
        .put(now())
        .read();
    channel.broadcast = chat.kind == ChatKind::Channel;
    channel.megagroup = chat.kind == ChatKind::Supergroup;
    channel.forum = chat.forum;
    channel.join_request = chat.by_request;
    channel.access_hash = Some(hash(chat.id));
    channel.username.clone_from(&chat.username);
    channel.participants_count = Some(chat.participants);
    channel.left = left;
    channel.into()
}

pub(crate) fn channel_full(chat: &ChatSpec, pts: i32) -> tl::types::ChannelFull {
    let photo: tl::enums::Photo = tl::types::PhotoEmpty { id: 0 }.into();
    let mut full: tl::types::ChannelFull = Wire::default()
        .put(0_u32)
        .put(0_u32)
        .put(chat.id)
        .put(chat.about.clone())
        .put(0_i32)
        .put(0_i32)
        .put(0_i32)
        .put(photo)
        .put(notify_settings())
        .put(Vec::<tl::enums::BotInfo>::new())
        .put(pts)
        .read();
    full.participants_count = Some(chat.participants);
    full
}

pub(crate) fn invite(chat: &ChatSpec) -> tl::types::ChatInvite {
    let photo: tl::enums::Photo = tl::types::PhotoEmpty { id: 0 }.into();
    let mut invite: tl::types::ChatInvite = Wire::default()
        .put(0_u32)
        .put(chat.title.clone())
        .put(photo)
        .put(chat.participants)
        .put(0_i32)
        .read();
    invite.channel = chat.kind != ChatKind::Group;
    invite.broadcast = chat.kind == ChatKind::Channel;
    invite.megagroup = chat.kind == ChatKind::Supergroup;
    invite.public = chat.username.is_some();
    invite.request_needed = chat.by_request;
    invite.about = Some(chat.about.clone());
    invite
}

pub(crate) fn dialog(chat: &ChatSpec, top: i32, pts: i32) -> tl::types::Dialog {
    let mut dialog: tl::types::Dialog = Wire::default()
        .put(0_u32)
        .put(peer(chat))
        .put(top)
        .put(0_i32)
        .put(0_i32)
        .put(0_i32)
        .put(0_i32)
        .put(0_i32)
        .put(0_i32)
        .put(notify_settings())
        .read();
    dialog.pts = (chat.kind != ChatKind::Group).then_some(pts);
    dialog
}

fn notify_settings() -> tl::enums::PeerNotifySettings {
    tl::enums::PeerNotifySettings::Settings(Wire::default().put(0_u32).read())
}

pub(crate) fn people() -> Vec<tl::enums::User> {
    let mut someone: tl::types::User = Wire::default().put(0_u32).put(0_u32).put(SOMEONE).read();
    someone.access_hash = Some(2);
    someone.first_name = Some("Some".to_owned());
    someone.last_name = Some("One".to_owned());
    let mut bot: tl::types::User = Wire::default().put(0_u32).put(0_u32).put(BOT).read();
    (bot.access_hash, bot.bot, bot.bot_info_version) = (Some(3), true, Some(1));
    bot.first_name = Some("Bot".to_owned());
    vec![someone.into(), bot.into()]
}

pub(crate) fn myself(account: &Account) -> tl::enums::User {
    let mut user: tl::types::User = Wire::default().put(0_u32).put(0_u32).put(account.user_id).read();
    user.is_self = true;
    user.access_hash = Some(1);
    user.first_name = Some("Collector".to_owned());
    user.premium = account.spec.premium;
    user.bot = account.spec.bot_token.is_some();
    user.bot_info_version = user.bot.then_some(1);
    if !account.spec.phone.is_empty() {
        user.phone = Some(account.spec.phone.trim_start_matches('+').to_owned());
    }
    user.into()
}

pub(crate) fn authorization(account: &Account) -> tl::enums::auth::Authorization {
    tl::types::auth::Authorization {
        setup_password_required: false,
        otherwise_relogin_days: None,
        tmp_sessions: None,
        future_auth_token: None,
        user: myself(account),
    }
    .into()
}

/// The prime of Telegram's second factor; the client checks that it is one.
const PRIME: &str = "C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F48198A0AA7C14058229493D22530F4DBFA336F6E0AC9\
25139543AED44CCE7C3720FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F642477FE96BB2A941D5BCD1D4AC8CC\
49880708FA9B378E3C4F3A9060BEE67CF9A4A4A695811051907E162753B56B0F6B410DBA74D8A84B2A14B3144E0EF1284754FD17ED950D59\
65B4B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929\
851F0D8115F635B105EE2E4E15D04B2454BF6F4FADF034B10403119CD8E3B92FCC5B";

pub(crate) fn password() -> tl::enums::account::Password {
    let p: Vec<u8> = (0..PRIME.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&PRIME[at..at + 2], 16).expect("hex"))
        .collect();
    let algorithm = || -> tl::enums::PasswordKdfAlgo {
        tl::types::PasswordKdfAlgoSha256Sha256Pbkdf2Hmacsha512iter100000Sha256ModPow {
            salt1: vec![1; 8],
            salt2: vec![2; 16],
            g: 3,
            p: p.clone(),
        }
        .into()
    };
    tl::types::account::Password {
        has_recovery: false,
        has_secure_values: false,
        has_password: true,
        current_algo: Some(algorithm()),
        srp_b: Some(vec![5; 256]),
        srp_id: Some(1),
        hint: Some("a hint".to_owned()),
        email_unconfirmed_pattern: None,
        new_algo: algorithm(),
        new_secure_algo: tl::enums::SecurePasswordKdfAlgo::Unknown,
        secure_random: vec![9; 256],
        pending_reset_date: None,
        login_email_pattern: None,
    }
    .into()
}

/// The client overwrites its table of data centres with this, so it names the loopback again.
pub(crate) fn config(address: SocketAddrV4) -> tl::enums::Config {
    let mut wire = Wire::default()
        .put(0_u32)
        .put(now())
        .put(now() + 3600)
        .put(false)
        .put(DC)
        .put(Vec::<tl::enums::DcOption>::new())
        .put(String::new());
    for _ in 0..17 {
        wire = wire.put(200_i32);
    }
    for _ in 0..4 {
        wire = wire.put(20_000_i32);
    }
    let mut config: tl::types::Config =
        wire.put("https://t.me/".to_owned()).put(1024_i32).put(4096_i32).put(DC).read();
    config.dc_options = vec![
        tl::types::DcOption {
            ipv6: false,
            media_only: false,
            tcpo_only: false,
            cdn: false,
            r#static: true,
            this_port_only: false,
            id: DC,
            ip_address: address.ip().to_string(),
            port: i32::from(address.port()),
            secret: None,
        }
        .into(),
    ];
    config.into()
}
