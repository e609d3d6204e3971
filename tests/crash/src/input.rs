//! What the input holds, read without any of the program's own code.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// (chat id as the program marks it, message id).
pub(crate) type Identity = (i64, i64);

/// What must be found exactly once.
pub(crate) struct Identities {
    pub(crate) messages: BTreeSet<Identity>,
    pub(crate) events: BTreeSet<Identity>,
}

pub(crate) fn identities(path: &Path) -> Result<Identities> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text)?;
    } else {
        text = String::from_utf8(bytes)?;
    }
    let mut found = Identities { messages: BTreeSet::new(), events: BTreeSet::new() };
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let record: Value = serde_json::from_str(line).context("the input must be a Telethon dump")?;
        let chat = record["peer_id"]["channel_id"].as_i64().context("a record without a channel")?;
        let id = record["id"].as_i64().context("a record without an id")?;
        let identity = (-1_000_000_000_000 - chat, id);
        let kind = if record["_"] == "MessageService" { &mut found.events } else { &mut found.messages };
        kind.insert(identity);
    }
    Ok(found)
}
