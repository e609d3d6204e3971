//! What becomes of every field, in both formats.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Log, PARTITIONS};
use tickertape_records::topics::{self, partition_of};

/// The records that a file with this content becomes, without what is the same for all of them.
async fn records(log: &Log, topic: &str, content: &str) -> Vec<Value> {
    let imported = log.import_content("result.json", content).await;
    assert!(imported.summary.broken.is_empty(), "{:?}", imported.summary.broken);
    assert!(imported.dead().is_empty(), "{:?}", imported.dead());
    let mut values = Vec::new();
    for (partition, key, value) in imported.records(topic) {
        let mut value: Value = serde_json::from_slice(value).unwrap();
        let chat = value["chat_id"].as_i64().unwrap();
        assert_eq!((*partition, &key[..]), (partition_of(chat, PARTITIONS), chat.to_string().as_bytes()));
        let fields = value.as_object_mut().unwrap();
        assert_eq!(fields.remove("schema"), Some(json!(1)));
        assert_eq!(fields.remove("received_at"), Some(json!(imported.modified)));
        assert_eq!(fields["source"]["name"], "result.json");
        fields["source"].as_object_mut().unwrap().remove("name");
        values.push(value);
    }
    values
}

fn chat(kind: &str, messages: &[Value]) -> String {
    let chat = json!({"name": "Kaffeekasse", "type": kind, "id": 42, "messages": messages});
    // serde_json sorts the fields; a real export has these three before the messages.
    let messages = serde_json::to_string_pretty(&chat["messages"]).unwrap();
    format!(r#"{{"name": "Kaffeekasse", "type": "{kind}", "id": 42, "messages": {messages}}}"#)
}

/// `value` with these fields changed; null takes one away.
fn with(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = change.clone();
        }
    }
    value
}

#[tokio::test]
async fn a_desktop_message_with_everything() {
    let log = Log::new().await;
    let message = json!({
        "id": 7, "type": "message",
        "date": "2024-05-01T14:00:00", "date_unixtime": "1714564800",
        "edited": "2024-05-01T15:00:00", "edited_unixtime": "1714568400",
        "from": "Mira", "from_id": "user11", "author": "M.",
        "forwarded_from": "Old Paper", "forwarded_from_id": "channel99",
        "reply_to_message_id": 5, "reply_to_peer_id": "channel98",
        "via_bot": "@chartbot",
        "file": "(File not included. Change data exporting settings to download.)",
        "file_name": "chart.mp4", "media_type": "video_file", "mime_type": "video/mp4",
        "text": [{"type": "cashtag", "text": "$ADA"}, " up ", {"type": "text_link", "text": "more", "href": "https://example.org"}],
        "text_entities": [],
        "inline_bot_buttons": [
            [{"type": "url", "text": "Chart", "data": "https://example.org/c"}, {"type": "callback", "text": "👍", "data": "", "dataBase64": "eA"}],
        ],
        "reactions": [
            {"type": "emoji", "count": 3, "emoji": "🔥", "recent": [{"from": "x", "from_id": "user1", "date": "2024-05-01T14:00:00"}]},
            {"type": "custom_emoji", "count": 2, "document_id": "123"},
            {"type": "paid", "count": 1},
        ],
    });
    let whole = json!({
        "chat_id": -1_000_000_000_042_i64, "chat_kind": "supergroup", "chat_title": "Kaffeekasse",
        "message_id": 7, "date": 1_714_564_800, "edit_date": 1_714_568_400,
        "sender_id": 11, "sender_name": "Mira", "text": "$ADA up more",
        "entities": [
            {"kind": "cashtag", "offset": 0, "length": 4},
            {"kind": "text_url", "offset": 8, "length": 4, "url": "https://example.org"},
        ],
        "reply_to_message_id": 5, "reply_to_chat_id": -1_000_000_000_098_i64,
        "forward": {"from_id": -1_000_000_000_099_i64, "from_name": "Old Paper"},
        "via_bot": "@chartbot",
        "reactions": [
            {"emoji": "🔥", "count": 3}, {"emoji": "custom:123", "count": 2}, {"emoji": "paid", "count": 1},
        ],
        "media": {"kind": "video", "mime_type": "video/mp4", "file_name": "chart.mp4"},
        "buttons": [[{"text": "Chart", "url": "https://example.org/c"}, {"text": "👍"}]],
        "source": {"kind": "desktop", "position": 1},
    });
    let got =
        records(&log, topics::MESSAGES, &chat("public_supergroup", std::slice::from_ref(&message))).await;
    assert_eq!(got, std::slice::from_ref(&whole));

    // A channel's own post: the sender is the chat itself, the signature is what names a person.
    let changes = json!({"from_id": "channel42", "reply_to_peer_id": "channel42", "forwarded_from": null,
        "forwarded_from_id": null});
    let got =
        records(&log, topics::MESSAGES, &chat("private_channel", &[with(message.clone(), changes)])).await;
    let changes = json!({"chat_kind": "channel", "post": true, "sender_id": null, "sender_name": "M.",
        "reply_to_chat_id": null, "forward": null});
    assert_eq!(got, [with(whole.clone(), changes)]);

    // Before 2021 and 2022: numbers for ids, one list for the text, local time alone, nothing new.
    let old = json!({
        "id": 7, "type": "message", "date": "2020-05-01T14:00:00", "edited": "1970-01-01T00:00:00",
        "from": null, "from_id": (1_i64 << 32) + 11, "forwarded_from": null, "text": "", "photo": "photos/p.jpg",
        "text_entities": [{"type": "plain", "text": "later"}],
    });
    let old = chat("private_group", &[old]).replace("\"id\": 42", &format!("\"id\": {}", (2_i64 << 32) + 42));
    let got = records(&log, topics::MESSAGES, &old).await;
    assert_eq!(
        got,
        [json!({
            "chat_id": -42, "chat_kind": "group", "chat_title": "Kaffeekasse", "message_id": 7,
            "date": 1_588_341_600, "sender_id": 11, "text": "later", "forward": {},
            "media": {"kind": "photo"}, "source": {"kind": "desktop", "position": 1},
        })]
    );
}

#[tokio::test]
async fn a_telethon_message_with_everything() {
    let log = Log::new().await;
    let message = json!({
        "_": "Message", "id": 7, "peer_id": {"_": "PeerChannel", "channel_id": 42},
        "date": "2024-05-01T12:00:00+00:00", "edit_date": "2024-05-01 13:00:00+00:00",
        "message": "$ADA up more", "out": false, "mentioned": false, "media_unread": false, "silent": true,
        "post": true, "from_scheduled": true, "legacy": false, "edit_hide": false, "pinned": true, "noforwards": true,
        "from_id": {"_": "PeerUser", "user_id": 11}, "post_author": null, "saved_peer_id": null,
        "fwd_from": {"_": "MessageFwdHeader", "date": 1_714_000_000, "imported": false,
            "from_id": {"_": "PeerChannel", "channel_id": 99}, "from_name": null, "channel_post": 3,
            "post_author": "Ed", "saved_from_peer": null},
        "via_bot_id": 13,
        "reply_to": {"_": "MessageReplyHeader", "reply_to_msg_id": 5, "reply_to_top_id": 2, "forum_topic": true,
            "reply_to_peer_id": {"_": "PeerChannel", "channel_id": 98}, "quote": false, "quote_entities": []},
        "media": {"_": "MessageMediaDocument", "nopremium": false, "video": true, "document": {"_": "Document", "id": 1,
            "mime_type": "video/mp4", "thumbs": null, "attributes": [
                {"_": "DocumentAttributeVideo", "duration": 1.5, "w": 1, "h": 1, "round_message": false},
                {"_": "DocumentAttributeFilename", "file_name": "chart.mp4"}]}},
        "reply_markup": {"_": "ReplyInlineMarkup", "rows": [{"_": "KeyboardButtonRow", "buttons": [
            {"_": "KeyboardButtonUrl", "text": "Chart", "url": "https://example.org/c"},
            {"_": "KeyboardButtonCallback", "text": "👍", "data": "eA==", "requires_password": false}]}]},
        "entities": [{"_": "MessageEntityCashtag", "offset": 0, "length": 4},
            {"_": "MessageEntityTextUrl", "offset": 8, "length": 4, "url": "https://example.org"}],
        "views": 100, "forwards": 9, "replies": {"_": "MessageReplies", "replies": 4, "replies_pts": 1, "comments": true},
        "grouped_id": 77, "reactions": {"_": "MessageReactions", "results": [
            {"_": "ReactionCount", "reaction": {"_": "ReactionEmoji", "emoticon": "🔥"}, "count": 3, "chosen_order": null},
            {"_": "ReactionCount", "reaction": {"_": "ReactionCustomEmoji", "document_id": 123}, "count": 2},
            {"_": "ReactionCount", "reaction": {"_": "ReactionPaid"}, "count": 1},
            {"_": "ReactionCount", "reaction": "👎", "count": 4}]},
        "restriction_reason": [], "ttl_period": null,
    });
    let whole = json!({
        "chat_id": -1_000_000_000_042_i64, "chat_kind": "channel", "message_id": 7,
        "date": 1_714_564_800, "edit_date": 1_714_568_400, "sender_id": 11, "text": "$ADA up more",
        "entities": [
            {"kind": "cashtag", "offset": 0, "length": 4},
            {"kind": "text_url", "offset": 8, "length": 4, "url": "https://example.org"},
        ],
        "reply_to_message_id": 5, "reply_to_chat_id": -1_000_000_000_098_i64, "topic_id": 2,
        "forward": {"from_id": -1_000_000_000_099_i64, "date": 1_714_000_000, "message_id": 3, "author": "Ed"},
        "via_bot": "13", "grouped_id": 77, "views": 100, "forwards": 9, "replies": 4,
        "reactions": [
            {"emoji": "🔥", "count": 3}, {"emoji": "custom:123", "count": 2}, {"emoji": "paid", "count": 1},
            {"emoji": "👎", "count": 4},
        ],
        "media": {"kind": "video", "mime_type": "video/mp4", "file_name": "chart.mp4"},
        "buttons": [[{"text": "Chart", "url": "https://example.org/c"}, {"text": "👍"}]],
        "post": true, "silent": true, "pinned": true, "scheduled": true,
        "source": {"kind": "telethon", "position": 1},
    });
    let got = records(&log, topics::MESSAGES, &message.to_string()).await;
    assert_eq!(got, std::slice::from_ref(&whole));

    // A dump made small and anonymous, of a forum message that replies to nothing but its topic.
    let small = json!({
        "id": 7, "peer_id": {"channel_id": 42}, "date": 1_714_564_800, "from_id": {"user": "u1f"}, "via_bot": true,
        "fwd_from": {"from_id": {"user": "u2e"}, "has_from_name": true}, "replies": 4,
        "reply_to": {"reply_to_msg_id": 2, "forum_topic": true}, "post_author": "ignored", "message": null,
        "media": {"_": "MessageMediaPoll", "poll": {"question": "Up?", "answers": ["yes", {"text": {"text": "no"}}]}},
        "reply_markup": {"_": "ReplyKeyboardMarkup", "rows": [[{"text": "menu"}]]},
    });
    let got = records(&log, topics::MESSAGES, &small.to_string()).await;
    assert_eq!(
        got,
        [json!({
            "chat_id": -1_000_000_000_042_i64, "chat_kind": "channel", "message_id": 7, "date": 1_714_564_800,
            "sender_name": "u1f", "text": "", "topic_id": 2, "forward": {"from_name": "u2e"}, "via_bot": "",
            "replies": 4, "media": {"kind": "poll", "title": "Up?", "answers": ["yes", "no"]},
            "source": {"kind": "telethon", "position": 1},
        })]
    );
}

#[tokio::test]
async fn what_is_attached_has_one_name_in_both_formats() {
    let log = Log::new().await;
    let document =
        |attributes: Value| json!({"_": "MessageMediaDocument", "document": {"attributes": attributes}});
    for (desktop, telethon, media) in [
        (json!({"photo": "p.jpg"}), json!({"_": "MessageMediaPhoto"}), json!({"kind": "photo"})),
        (
            json!({"file": "a/s.webp", "media_type": "sticker", "sticker_emoji": "🙂"}),
            document(
                json!([{"_": "DocumentAttributeVideo"}, {"_": "DocumentAttributeSticker", "alt": "🙂"}, {"_": "DocumentAttributeFilename", "file_name": "s.webp"}]),
            ),
            json!({"kind": "sticker", "title": "🙂", "file_name": "s.webp"}),
        ),
        (
            json!({"file": "(File unavailable, please try again later)", "media_type": "voice_message"}),
            document(json!([{"_": "DocumentAttributeAudio", "voice": true}])),
            json!({"kind": "voice"}),
        ),
        (
            json!({"file": "s.mp3", "media_type": "audio_file", "title": "Song", "performer": "Band"}),
            document(
                json!([{"_": "DocumentAttributeAudio", "title": "Song"}, {"_": "DocumentAttributeFilename", "file_name": "s.mp3"}]),
            ),
            json!({"kind": "audio", "title": "Song", "file_name": "s.mp3"}),
        ),
        (
            json!({"file": "(x)", "media_type": "video_message"}),
            document(json!([{"_": "DocumentAttributeVideo", "round_message": true}])),
            json!({"kind": "video_note"}),
        ),
        (
            json!({"file": "(x)", "media_type": "animation"}),
            document(json!([{"_": "DocumentAttributeVideo"}, {"_": "DocumentAttributeAnimated"}])),
            json!({"kind": "animation"}),
        ),
        (
            json!({"poll": {"question": "Up?", "closed": false, "answers": [{"text": "yes", "voters": 1}]}}),
            json!({"_": "MessageMediaPoll", "poll": {"question": {"text": "Up?"}, "answers": [{"text": "yes"}]}, "results": {}}),
            json!({"kind": "poll", "title": "Up?", "answers": ["yes"]}),
        ),
        (
            json!({"contact_information": {"first_name": "Ada", "last_name": "L", "phone_number": "1"}}),
            json!({"_": "MessageMediaContact", "first_name": "Ada", "last_name": "L"}),
            json!({"kind": "contact", "title": "Ada L"}),
        ),
        (
            json!({"place_name": "Pier", "address": "x", "location_information": {"latitude": 1.5, "longitude": 2}}),
            json!({"_": "MessageMediaVenue", "title": "Pier"}),
            json!({"kind": "venue", "title": "Pier"}),
        ),
        (json!({"location_information": {}}), json!({"_": "MessageMediaGeoLive"}), json!({"kind": "geo"})),
        (
            json!({"invoice_information": {"title": "Tea", "amount": 5}}),
            json!({"_": "MessageMediaInvoice", "title": "Tea"}),
            json!({"kind": "invoice", "title": "Tea"}),
        ),
        (
            json!({"game_title": "2048"}),
            json!({"_": "MessageMediaGame", "game": {"title": "2048"}}),
            json!({"kind": "game", "title": "2048"}),
        ),
        (
            json!({"giveaway_information": {}}),
            json!({"_": "MessageMediaGiveaway"}),
            json!({"kind": "giveaway"}),
        ),
    ] {
        let desktop = with(json!({"id": 1, "type": "message", "date": 1, "text": ""}), desktop);
        let telethon =
            json!({"_": "Message", "id": 1, "peer_id": {"chat_id": 42}, "date": 1, "media": telethon});
        for content in [chat("private_group", &[desktop]), telethon.to_string()] {
            assert_eq!(records(&log, topics::MESSAGES, &content).await[0]["media"], media, "{content}");
        }
    }
}

#[tokio::test]
async fn service_messages_become_events() {
    let log = Log::new().await;
    let base = |kind: &str| {
        json!({"chat_id": -1_000_000_000_042_i64, "chat_kind": kind, "message_id": 1, "date": 5,
            "actor_id": 11})
    };
    for (desktop, telethon, ours) in [
        (
            json!({"action": "pin_message", "message_id": 3}),
            json!({"action": {"_": "MessageActionPinMessage"}, "reply_to": {"reply_to_msg_id": 3}}),
            json!({"kind": "pin", "target_message_id": 3}),
        ),
        (
            json!({"action": "edit_group_title", "title": "New"}),
            json!({"action": {"_": "MessageActionChatEditTitle", "title": "New"}}),
            json!({"kind": "title", "title": "New"}),
        ),
        (
            json!({"action": "topic_edit", "new_title": "New", "new_icon_emoji_id": 5}),
            json!({"action": {"_": "MessageActionTopicEdit", "title": "New", "new_icon_emoji_id": 5}}),
            json!({"kind": "topic", "title": "New", "details": {"new_icon_emoji_id": 5}}),
        ),
        (
            json!({"action": "group_call", "duration": 60}),
            json!({"action": {"_": "MessageActionGroupCall", "duration": 60}}),
            json!({"kind": "other", "details": {"duration": 60}}),
        ),
    ] {
        let desktop = with(
            json!({"id": 1, "type": "service", "date": "x", "date_unixtime": "5", "actor": "Mira",
                "actor_id": "user11", "text": "", "text_entities": []}),
            with(desktop, json!({"date": 5})),
        );
        let action = desktop["action"].clone();
        let got = records(&log, topics::EVENTS, &chat("public_supergroup", &[desktop])).await;
        let wanted = with(
            base("supergroup"),
            json!({"action": action, "actor_name": "Mira",
            "chat_title": "Kaffeekasse", "source": {"kind": "desktop", "position": 1}}),
        );
        assert_eq!(got, [with(wanted, ours.clone())]);

        let telethon = with(
            json!({"_": "MessageService", "id": 1, "date": 5, "peer_id": {"channel_id": 42}, "from_id": 11}),
            telethon,
        );
        let got = records(&log, topics::EVENTS, &telethon.to_string()).await;
        let wanted = with(
            base("channel"),
            json!({"action": telethon["action"]["_"],
            "source": {"kind": "telethon", "position": 1}}),
        );
        assert_eq!(got, [with(wanted, ours)]);
    }
}

#[tokio::test]
async fn coming_and_going() {
    let log = Log::new().await;
    let desktop = |action: &str, members: Value| {
        json!({"id": 1, "type": "service", "date": 5, "actor": "Mira", "actor_id": "user11", "action": action,
            "members": members})
    };
    let telethon = |action: Value| {
        json!({"_": "MessageService", "id": 1, "date": 5, "peer_id": {"chat_id": 42}, "from_id": {"user_id": 11},
            "action": action})
    };
    for (content, kind, members) in [
        (chat("private_group", &[desktop("invite_members", json!(["Mira"]))]), "joined", json!(["Mira"])),
        (chat("private_group", &[desktop("invite_members", json!(["Ben", null]))]), "added", json!(["Ben"])),
        (chat("private_group", &[desktop("remove_members", json!(["Mira"]))]), "left", json!(["Mira"])),
        (chat("private_group", &[desktop("remove_members", json!(["Ben"]))]), "kicked", json!(["Ben"])),
        (
            telethon(json!({"_": "MessageActionChatAddUser", "users": [11]})).to_string(),
            "joined",
            json!(["11"]),
        ),
        (
            telethon(json!({"_": "MessageActionChatAddUser", "users": [11, 12]})).to_string(),
            "added",
            json!(["11", "12"]),
        ),
        (
            telethon(json!({"_": "MessageActionChatDeleteUser", "user_id": 11})).to_string(),
            "left",
            json!(["11"]),
        ),
        (
            telethon(json!({"_": "MessageActionChatDeleteUser", "user_id": 12})).to_string(),
            "kicked",
            json!(["12"]),
        ),
    ] {
        let got = records(&log, topics::EVENTS, &content).await;
        assert_eq!((got[0]["kind"].as_str(), &got[0]["members"]), (Some(kind), &members), "{content}");
    }
}
