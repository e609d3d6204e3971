//! The rows of table `channel_observations`, from topic `channels`.

use tickertape_records::{Channel, Error, topics};

use super::copy::Rows;
use super::table::{Column, Row, check_key_date};

impl Row for Channel {
    const TOPIC: &'static str = topics::CHANNELS;
    const TABLE: &'static str = "channel_observations";
    const KEY: &'static [&'static str] = &["chat_id", "observed_at", "account"];
    const COLUMNS: &'static [Column<Self>] = &[
        ("chat_id", |channel, rows| rows.bigint(channel.chat_id)),
        ("observed_at", |channel, rows| rows.timestamp(channel.observed_at)),
        ("participants", |channel, rows| rows.optional(channel.participants, Rows::bigint)),
        ("linked_chat_id", |channel, rows| rows.optional(channel.linked_chat_id, Rows::bigint)),
        ("scam", |channel, rows| rows.boolean(channel.scam)),
        ("verified", |channel, rows| rows.boolean(channel.verified)),
        ("account", |channel, rows| rows.text(&channel.account)),
        ("membership", |channel, rows| rows.text(channel.membership.name())),
        ("chat_kind", |channel, rows| rows.text(channel.chat_kind.name())),
        ("username", |channel, rows| rows.optional(channel.username.as_deref(), Rows::text)),
        ("title", |channel, rows| rows.text(&channel.title)),
        ("about", |channel, rows| rows.optional(channel.about.as_deref(), Rows::text)),
    ];

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }

    fn check(&self) -> Result<(), String> {
        check_key_date("observed_at", self.observed_at)
    }
}
