//! Every shape of real data that is at hand, against counts taken in another way. Skipped where the data is absent.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use support::{Log, shared};
use tickertape_import::Counts;
use tickertape_records::{EventKind, Message};

/// Counts a Telethon dump with a general JSON parser.
fn count_lines(path: &Path) -> Counts {
    let mut counts = Counts::default();
    for line in BufReader::new(MultiGzDecoder::new(File::open(path).unwrap())).lines() {
        let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
        match value["_"].as_str().unwrap() {
            "Message" => counts.messages += 1,
            "MessageService" => counts.events += 1,
            other => panic!("{other}"),
        }
    }
    counts
}

/// Counts every `messages`, wherever it stands.
fn count_export(value: &Value, counts: &mut Counts) {
    for message in value["messages"].as_array().into_iter().flatten() {
        match message["type"].as_str().unwrap() {
            "message" => counts.messages += 1,
            "service" => counts.events += 1,
            other => panic!("{other}"),
        }
    }
    for chats in ["chats", "left_chats"] {
        value[chats]["list"].as_array().into_iter().flatten().for_each(|chat| count_export(chat, counts));
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn telethon_dumps_are_read_whole() {
    for folder in ["sample", "volume"] {
        let Some(folder) = shared(folder) else { continue };
        let mut wanted = Counts::default();
        let files = files(&folder);
        for file in &files {
            wanted += count_lines(file);
        }
        let log = Log::new().await;
        let summary = log.import(&[&folder]).await;
        assert_eq!(summary.appended, wanted, "{}", folder.display());
        assert_eq!((summary.imported, summary.broken), (files.len() as u64, vec![]));
        assert_eq!(log.records("messages").await.len() as u64, wanted.messages);
        assert_eq!(log.records("events").await.len() as u64, wanted.events);

        let again = log.import(&[&folder]).await;
        assert_eq!((again.appended, again.already_imported), (Counts::default(), files.len() as u64));
    }
}

#[tokio::test]
async fn desktop_exports_are_read_whole() {
    for file in ["crypto-channel.result.json", "test-group.result.json", "null-name.json", "account.json"] {
        let Some(file) = shared(&format!("desktop/{file}")) else { continue };
        let value: Value = serde_json::from_reader(File::open(&file).unwrap()).unwrap();
        let mut wanted = Counts::default();
        count_export(&value, &mut wanted);
        assert!(wanted.messages > 0);
        let log = Log::new().await;
        let summary = log.import(&[&file]).await;
        assert_eq!((summary.appended, summary.broken), (wanted, vec![]), "{}", file.display());
    }
}

#[tokio::test]
async fn a_genuine_group_export_keeps_what_it_says() {
    let Some(file) = shared("desktop/test-group.result.json") else { return };
    let log = Log::new().await;
    log.import(&[file]).await;
    let events = log.events().await;
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Created, EventKind::Added, EventKind::Added, EventKind::Kicked]);
    assert!(events.iter().all(|event| event.chat_id == -123_456_789));
    assert_eq!(events[0].members.len(), 2);
    let messages = log.messages().await;
    let media: Vec<_> = messages.iter().filter_map(|m| m.media.as_ref()).map(|m| m.kind.as_str()).collect();
    assert_eq!(media, ["photo", "voice", "animation", "sticker", "document"]);
    let by_bot: Vec<_> = messages.iter().filter_map(|m| m.via_bot.as_deref()).collect();
    assert_eq!(by_bot, ["@gif"]);
    // No `date_unixtime` in 2022: the local time is taken for UTC.
    assert_eq!(messages[0].date, 1_647_458_680);
    assert_eq!(messages[0].entities.len(), 2);
}

/// What both formats can say, in the one vocabulary.
fn comparable(message: &Message) -> Message {
    let mut message = message.clone();
    message.source = Default::default();
    message.received_at = None;
    message.chat_title = None;
    // This one has no counters, previews, flags, polls and bots.
    message.via_bot = None;
    message.views = None;
    message.forwards = None;
    message.replies = None;
    message.topic_id = None;
    message.grouped_id = None;
    message.silent = false;
    message.pinned = false;
    message.media = message.media.filter(|media| !matches!(media.kind.as_str(), "web_page" | "poll"));
    message.forward = message.forward.map(|_| Default::default());
    // Only the Desktop export gives these two a user, the anonymised dump has a pseudonym.
    message.entities.iter_mut().for_each(|entity| entity.user_id = None);
    message
}

#[tokio::test]
async fn one_channel_in_both_formats_is_the_same_messages() {
    let (Some(desktop), Some(telethon)) =
        (shared("desktop/crypto-channel.result.json"), shared("sample/1219440033.jsonl.gz"))
    else {
        return;
    };
    let mut sides = Vec::new();
    for file in [&desktop, &telethon] {
        let log = Log::new().await;
        log.import(&[file]).await;
        let messages: BTreeMap<i64, Message> =
            log.messages().await.iter().map(|message| (message.message_id, comparable(message))).collect();
        let events: Vec<_> = log
            .events()
            .await
            .into_iter()
            .map(|event| (event.message_id, event.date, event.kind, event.target_message_id))
            .collect();
        sides.push((messages, events));
    }
    let (telethon, desktop) = (sides.pop().unwrap(), sides.pop().unwrap());
    assert_eq!(desktop.0.len(), telethon.0.len());
    for (id, message) in &desktop.0 {
        let (ours, theirs) =
            (serde_json::to_value(message).unwrap(), serde_json::to_value(&telethon.0[id]).unwrap());
        for field in ours.as_object().unwrap().keys().chain(theirs.as_object().unwrap().keys()) {
            assert_eq!(ours[field], theirs[field], "{field} of message {id}");
        }
    }
    assert_eq!(desktop.1, telethon.1);
}
