//! The table `channels`, from topic of the same name: what accounts saw of chats. `docs/archive.md` is its contract.

use tickertape_records::{Channel, Error};

use super::rows::Values::{Date, Flag, Integer, OptionalInteger, OptionalText, Text};
use super::rows::{Column, Row};
use super::table::Identity;

impl Row for Channel {
    const NAME: &'static str = "channels";
    const SORTED_BY: &'static [&'static str] = &["observed_at", "chat_id"];
    const DICTIONARY: &'static [&'static str] =
        &["chat_id", "chat_kind", "username", "title", "about", "linked_chat_id", "account", "membership"];
    const DELTA: &'static [&'static str] = &["observed_at", "participants", "offset"];
    const COLUMNS: &'static [Column<Self>] = &[
        ("chat_id", Integer(|channel| channel.chat_id)),
        ("chat_kind", Text(|channel| channel.chat_kind.name())),
        ("observed_at", Date(|channel| Some(channel.observed_at))),
        ("username", OptionalText(|channel| channel.username.as_deref())),
        ("title", Text(|channel| &channel.title)),
        ("about", OptionalText(|channel| channel.about.as_deref())),
        ("participants", OptionalInteger(|channel| channel.participants)),
        ("linked_chat_id", OptionalInteger(|channel| channel.linked_chat_id)),
        ("scam", Flag(|channel| channel.scam)),
        ("verified", Flag(|channel| channel.verified)),
        ("account", Text(|channel| &channel.account)),
        ("membership", Text(|channel| channel.membership.name())),
    ];
    type Key = (i64, i64, String);

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }

    fn identity(&self) -> Identity<Self::Key> {
        Identity {
            key: (self.chat_id, self.observed_at, self.account.clone()),
            date: Some(self.observed_at),
            received_at: Some(self.observed_at),
            rank: 0,
            input: None,
        }
    }
}
