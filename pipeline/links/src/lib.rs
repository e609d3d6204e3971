//! Telegram links in any form, found in text and normalised.
//!
//! A link is something a chat can be reached by: its public name, an invite, or the number of a chat one is in
//! already. Everything else that Telegram puts under the same addresses (stickers, proxies, phone numbers, the start
//! parameters of bots, themes, …) leads to no chat and is no [`Link`]. Pure: no I/O, no clock.
//!
//! ```
//! use tickertape_links::{find, parse};
//!
//! let link = parse("HTTP://Telegram.me/s/Bitcoin_News/512?single").expect("a post of a channel");
//! assert_eq!(link.to_string(), "https://t.me/bitcoin_news");
//! assert_eq!(link.message, Some(512));
//!
//! let found = find("see @Bitcoin_News (t.me/+AbCd_123), not https://t.me/addstickers/Cats!");
//! let links: Vec<String> = found.iter().map(|found| found.link.to_string()).collect();
//! assert_eq!(links, ["https://t.me/bitcoin_news", "https://t.me/+AbCd_123"]);
//! ```

mod address;
mod find;
mod parse;

use std::fmt;

pub use find::{Found, find, mention};
pub use parse::parse;

/// A link to a chat. Its text is the normal form of the chat, by which two links to the same chat are known as such.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// The chat.
    pub target: Target,
    /// The message in it that the link points at.
    pub message: Option<i64>,
    /// The first message of the thread or forum topic of that message.
    pub thread: Option<i64>,
}

/// How a link names its chat.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// By its public name, in lower case, without `@`. It may turn out to be a person's or a bot's.
    Name(String),
    /// By the secret part of an invite link. Upper and lower case differ.
    Invite(String),
    /// By the bare id of a channel or supergroup, which only its members can follow.
    Id(i64),
}

impl Link {
    /// A link to a chat as a whole.
    pub fn to(target: Target) -> Self {
        Self { target, message: None, thread: None }
    }

    /// The link to the chat of this link, without message and thread.
    pub fn chat(&self) -> Self {
        Self::to(self.target.clone())
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "https://t.me/{name}"),
            Self::Invite(hash) => write!(f, "https://t.me/+{hash}"),
            Self::Id(id) => write!(f, "https://t.me/c/{id}"),
        }
    }
}
