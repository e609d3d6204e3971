//! How an account stands, as its tables say: what it may still do today, and which chats it is in.
//!
//! Reads only, and asks nothing of Telegram, so it can be looked at while the account is at work elsewhere.

use serde::Serialize;
use sqlx::PgPool;
use tickertape_records::Channel;

use crate::account::Account;
use crate::control::{Kind, Store};
use crate::error::Result;

/// How an account stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Joins left today.
    pub joins_left: u32,
    /// Look-ups left today.
    pub lookups_left: u32,
    /// Telegram makes it wait until then, Unix seconds.
    pub limited_until: Option<i64>,
    /// The chats it is in.
    pub chats: Vec<Followed>,
}

/// A chat that an account is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Followed {
    /// Marked id.
    pub chat_id: i64,
    /// Title, when it was last looked at.
    pub title: String,
    /// Public name.
    pub username: Option<String>,
}

impl Standing {
    /// Reads it. The tables exist.
    pub async fn read(pool: &PgPool, account: &Account, now: i64) -> Result<Self> {
        let store = Store::new(pool.clone(), account.label.clone());
        let (joins, lookups) = (store.used(Kind::Join).await?, store.used(Kind::Lookup).await?);
        let waits = store.waits().await?.into_iter().map(|(_, until)| until);
        let limited_until =
            waits.chain([joins.not_before, lookups.not_before]).filter(|until| *until > now).max();
        let chats = store.chats().await?.into_iter().map(|(chat_id, described)| {
            let channel: Channel =
                described.and_then(|described| serde_json::from_str(&described).ok()).unwrap_or_default();
            Followed { chat_id, title: channel.title, username: channel.username }
        });
        Ok(Self {
            joins_left: joins.left(account.joins(), now),
            lookups_left: lookups.left(account.lookups(), now),
            limited_until,
            chats: chats.collect(),
        })
    }
}
