//! What Telegram says of a chat → the records' fields.

use grammers_client::tl;
use tickertape_records::{Channel, ChatKind, Membership, Preview, SCHEMA, peer};

/// A chat, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Facts {
    pub(super) chat_id: i64,
    pub(super) kind: ChatKind,
    pub(super) username: Option<String>,
    pub(super) title: String,
    pub(super) about: Option<String>,
    pub(super) participants: Option<i64>,
    pub(super) linked_chat_id: Option<i64>,
    pub(super) scam: bool,
    pub(super) verified: bool,
    pub(super) member: bool,
    pub(super) by_request: bool,
}

impl Facts {
    /// None for the shell of a chat that is closed to the account.
    pub(super) fn of(chat: &tl::enums::Chat) -> Option<Self> {
        match chat {
            tl::enums::Chat::Chat(group) => Some(Self {
                chat_id: peer::group(group.id),
                kind: ChatKind::Group,
                title: group.title.clone(),
                participants: Some(i64::from(group.participants_count)),
                member: !group.left && !group.deactivated,
                ..Self::default()
            }),
            tl::enums::Chat::Channel(channel) => {
                let more = channel.usernames.iter().flatten().find_map(|name| match name {
                    tl::enums::Username::Username(name) if name.active => Some(name.username.clone()),
                    _ => None,
                });
                Some(Self {
                    chat_id: peer::channel(channel.id),
                    kind: if channel.megagroup || channel.gigagroup {
                        ChatKind::Supergroup
                    } else {
                        ChatKind::Channel
                    },
                    username: channel.username.clone().or(more).map(|name| name.to_lowercase()),
                    title: channel.title.clone(),
                    participants: channel.participants_count.map(i64::from),
                    scam: channel.scam || channel.fake,
                    verified: channel.verified,
                    member: !channel.left,
                    by_request: channel.join_request,
                    ..Self::default()
                })
            }
            _ => None,
        }
    }

    /// With what only the full description tells.
    pub(super) fn with_full(mut self, full: &tl::enums::ChatFull) -> Self {
        match full {
            tl::enums::ChatFull::ChannelFull(full) => {
                self.about = Some(full.about.clone());
                self.participants = full.participants_count.map(i64::from).or(self.participants);
                self.linked_chat_id = full.linked_chat_id.map(peer::channel);
            }
            tl::enums::ChatFull::Full(full) => self.about = Some(full.about.clone()),
            _ => {}
        }
        self
    }

    pub(super) fn channel(&self, account: &str, membership: Membership, observed_at: i64) -> Channel {
        Channel {
            schema: SCHEMA,
            chat_id: self.chat_id,
            chat_kind: self.kind,
            username: self.username.clone(),
            title: self.title.clone(),
            about: self.about.clone(),
            participants: self.participants,
            linked_chat_id: self.linked_chat_id,
            scam: self.scam,
            verified: self.verified,
            account: account.to_owned(),
            membership,
            observed_at,
        }
    }

    pub(super) fn preview(&self) -> Preview {
        Preview {
            chat_id: (self.chat_id != 0).then_some(self.chat_id),
            chat_kind: self.kind,
            username: self.username.clone(),
            title: self.title.clone(),
            about: self.about.clone(),
            participants: self.participants,
            scam: self.scam,
            verified: self.verified,
            by_request: self.by_request,
            ..Preview::default()
        }
    }
}

/// An invite that tells of its chat.
pub(super) fn invited(invite: &tl::types::ChatInvite) -> Facts {
    Facts {
        kind: match (invite.channel, invite.megagroup) {
            (true, false) => ChatKind::Channel,
            (true, true) => ChatKind::Supergroup,
            (false, _) => ChatKind::Group,
        },
        title: invite.title.clone(),
        about: invite.about.clone(),
        participants: Some(i64::from(invite.participants_count)),
        scam: invite.scam || invite.fake,
        verified: invite.verified,
        by_request: invite.request_needed,
        ..Facts::default()
    }
}

/// A person or a bot.
pub(super) fn person(user: &tl::enums::User) -> Option<Preview> {
    let tl::enums::User::User(user) = user else { return None };
    let names = [user.first_name.as_deref(), user.last_name.as_deref()];
    Some(Preview {
        chat_id: Some(peer::user(user.id)),
        chat_kind: ChatKind::User,
        username: user.username.as_ref().map(|name| name.to_lowercase()),
        title: names.into_iter().flatten().collect::<Vec<_>>().join(" "),
        scam: user.scam || user.fake,
        verified: user.verified,
        ..Preview::default()
    })
}

/// The chats named in an answer that is made of updates.
pub(super) fn of_updates(updates: &tl::enums::Updates) -> Vec<tl::enums::Chat> {
    match updates {
        tl::enums::Updates::Updates(updates) => updates.chats.clone(),
        tl::enums::Updates::Combined(updates) => updates.chats.clone(),
        _ => Vec::new(),
    }
}

/// Whether a marked id is that of a channel or supergroup.
pub(super) fn is_channel(chat_id: i64) -> bool {
    chat_id < 0 && peer::channel(peer::bare(chat_id)) == chat_id
}
