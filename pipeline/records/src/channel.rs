//! What an account sees of a chat, on topic `channels`: on joining, when asked, and when it changes.

use serde::{Deserialize, Serialize};

use crate::message::ChatKind;

/// One observation of a chat. Key: the chat id. Identity: (`chat_id`, `observed_at`, `account`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Channel {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u16,
    /// Marked id of the chat, see [`crate::peer`].
    pub chat_id: i64,
    /// What kind of chat that is.
    pub chat_kind: ChatKind,
    /// Public name without `@`, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Title.
    pub title: String,
    /// Description; absent when it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Subscribers or members; absent when Telegram does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participants: Option<i64>,
    /// The chat of a channel's comments, or the channel whose comments this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked_chat_id: Option<i64>,
    /// Telegram marks it as a scam or a fake.
    #[serde(skip_serializing_if = "crate::is_false")]
    pub scam: bool,
    /// Telegram marks it as genuine.
    #[serde(skip_serializing_if = "crate::is_false")]
    pub verified: bool,
    /// Label of the account that observed it.
    pub account: String,
    /// Whether that account is a member.
    pub membership: Membership,
    /// When, Unix seconds.
    pub observed_at: i64,
}

/// How an account stands to a chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    /// It reads it as a member.
    #[default]
    Member,
    /// It has asked to join and waits for an admin.
    Requested,
    /// It is no member: never was, or went by itself.
    Outside,
    /// It was removed and cannot come back, or the chat is closed to it.
    Banned,
}

impl Membership {
    /// The name as it is written in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Requested => "requested",
            Self::Outside => "outside",
            Self::Banned => "banned",
        }
    }
}

crate::record!(Channel, "channel");
