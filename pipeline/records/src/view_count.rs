//! A channel post's views some minutes after it was posted, on topic `views`.

use serde::{Deserialize, Serialize};

/// One count. Key: the chat id. Identity: (`chat_id`, `message_id`, `after_minutes`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ViewCount {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u16,
    /// Marked id of the channel.
    pub chat_id: i64,
    /// The post.
    pub message_id: i64,
    /// When it was posted, Unix seconds.
    pub date: i64,
    /// Minutes after `date`. 5, 20 and 60 are counted for every post; at others Telegram told of it by itself.
    pub after_minutes: u32,
    /// Views.
    pub views: i64,
    /// Forwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwards: Option<i64>,
    /// When they were counted, Unix seconds: later than due when the producer was down.
    pub counted_at: i64,
    /// Label of the account that counted.
    pub account: String,
}

crate::record!(ViewCount, "view count");
