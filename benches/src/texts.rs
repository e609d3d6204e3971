//! Real messages to measure with, where they are.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;

/// A path below the folder of real messages; none where it is absent.
pub(crate) fn shared(below: &str) -> Option<PathBuf> {
    let path = Path::new(&std::env::var_os("TICKERTAPE_SHARED")?).join(below);
    path.exists().then_some(path)
}

/// A message as far as attribution looks at it.
pub(crate) struct Message {
    pub(crate) chat_id: i64,
    pub(crate) message_id: i64,
    pub(crate) date: i64,
    pub(crate) reply_to: Option<i64>,
    pub(crate) text: String,
}

/// Every message of the volume set, chat by chat in the order of its ids; none where it is absent.
pub(crate) fn volume() -> Option<Vec<Message>> {
    let mut dumps: Vec<PathBuf> =
        fs::read_dir(shared("data/telegram/volume")?).ok()?.flatten().map(|entry| entry.path()).collect();
    dumps.sort();
    let mut messages = Vec::new();
    for dump in dumps {
        let reader = MultiGzDecoder::new(BufReader::new(File::open(dump).ok()?));
        for line in BufReader::new(reader).lines() {
            let record: Value = serde_json::from_str(&line.ok()?).ok()?;
            let Some(text) = record["message"].as_str() else { continue };
            let date =
                record["date"].as_str().and_then(|date| date.parse::<chrono::DateTime<chrono::Utc>>().ok());
            messages.push(Message {
                chat_id: record["peer_id"]["channel_id"].as_i64()?,
                message_id: record["id"].as_i64()?,
                date: date?.timestamp(),
                reply_to: record["reply_to"]["reply_to_msg_id"].as_i64(),
                text: text.to_owned(),
            });
        }
    }
    Some(messages)
}
