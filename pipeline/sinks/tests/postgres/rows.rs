//! What stands in the tables: every field, revisions, and records that are no rows.

use serde_json::json;
use tickertape_records::{
    Action, Attribution, Basis, Button, ChatKind, DeadLetter, Entity, Event, EventKind, Forward, Media,
    MentionCount, Message, Origin, Reaction, SCHEMA, Source, SourceKind, ViewCount,
};

use crate::deletions::deletion;
use crate::records::{DATE, attributed, chat, message, outcome, plain};
use crate::samples::{self, Value};
use crate::support::{Counts, Log, drain, execute, in_each, text, texts};

/// A message that uses every field.
fn full() -> Message {
    let extra = json!({"paid": {"stars": 5}, "effect": "🎉"});
    Message {
        chat_kind: ChatKind::Supergroup,
        chat_title: Some("Coins".into()),
        edit_date: Some(DATE + 60),
        sender_id: Some(7),
        sender_name: Some("Ann".into()),
        entities: vec![Entity { kind: "bold".into(), offset: 0, length: 3, ..Entity::default() }],
        reply_to_message_id: Some(3),
        reply_to_chat_id: Some(-100),
        topic_id: Some(2),
        forward: Some(Forward { from_id: Some(9), date: Some(DATE), ..Forward::default() }),
        via_bot: Some(String::new()),
        grouped_id: Some(i64::MAX),
        views: Some(1),
        forwards: Some(2),
        replies: Some(0),
        reactions: vec![Reaction { emoji: "🚀".into(), count: 4 }],
        media: Some(Media { kind: "photo".into(), ..Media::default() }),
        buttons: vec![vec![Button { text: "Buy".into(), url: None }]],
        post: true,
        silent: true,
        pinned: true,
        scheduled: true,
        received_at: Some(DATE + 90),
        extra: extra.as_object().unwrap().clone(),
        ..message(5, "Биткоин 🚀 \"$BTC\"")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_has_its_column() {
    in_each(async |database| {
        let log = Log::new().await;
        let outcome = Attribution {
            basis: Basis::Inherited,
            depth: 2,
            coin_list_version: 3,
            input_offset: 11,
            sequence: 1,
            ..outcome(0)
        };
        log.append("attributed", &[attributed(&full(), &outcome)]).await;
        let counts = drain(&database, &log, "attributed").await.unwrap();
        assert_eq!(counts, Counts { records: 1, dead_letters: 0 });

        let row = text(&database, "SELECT to_jsonb(m)::text FROM messages m").await;
        let row: serde_json::Value = serde_json::from_str(&row).unwrap();
        let expected = json!({
            "chat_id": chat(), "message_id": 5, "date": "2021-06-01T00:00:05+00:00",
            "edit_date": "2021-06-01T00:01:00+00:00", "received_at": "2021-06-01T00:01:30+00:00",
            "sender_id": 7, "reply_to_message_id": 3, "reply_to_chat_id": -100, "topic_id": 2,
            "grouped_id": i64::MAX, "views": 1, "forwards": 2, "replies": 0, "source_position": 1,
            "coin_list_version": 3, "input_offset": 11, "sequence": 1, "revision": 0, "depth": 2,
            "post": true, "silent": true, "pinned": true, "scheduled": true,
            "basis": "inherited", "coin_id": "bitcoin",
            "mentions": {"bitcoin": 2}, "mention_kinds": {"bitcoin": ["cashtag", "name"]},
            "chat_kind": "supergroup", "chat_title": "Coins", "sender_name": "Ann", "via_bot": "",
            "source_kind": "telethon", "source_name": "made-up.jsonl", "text": "Биткоин 🚀 \"$BTC\"",
            "entities": [{"kind": "bold", "offset": 0, "length": 3}],
            "forward": {"from_id": 9, "date": DATE}, "reactions": [{"emoji": "🚀", "count": 4}],
            "media": {"kind": "photo"}, "buttons": [[{"text": "Buy"}]],
            "extra": {"paid": {"stars": 5}, "effect": "🎉"}, "deleted_at": null,
        });
        assert_eq!(row, expected);
        let partition = text(&database, "SELECT tableoid::regclass::text FROM messages").await;
        assert_eq!(partition, "messages_2021");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_and_column_is_described() {
    in_each(async |database| {
        let bare = "SELECT c.oid::regclass || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid \
             WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace \
             AND c.relname <> '_sqlx_migrations' AND attnum >= 0 AND NOT attisdropped \
             AND (col_description(c.oid, attnum) IS NULL OR obj_description(c.oid) IS NULL)";
        assert_eq!(texts(&database, bare).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgres_cannot_hold_survives_as_near_as_can_be() {
    in_each(async |database| {
        let log = Log::new().await;
        let message = |id, date| Message { date, ..message(id, "a\0b") };
        let mut lone = String::from_utf8(attributed(&message(3, DATE), &outcome(0))).unwrap();
        lone.insert_str(1, r#""odd":{"\u0000k":"\ud800 \ud83d\ude80 \u0000"},"#);
        let records = [
            attributed(&Message { edit_date: Some(-1), chat_id: i64::MIN, ..message(i64::MAX, i64::MAX) }, &outcome(0)),
            attributed(&Message { received_at: Some(i64::MIN), ..message(2, i64::MIN) }, &outcome(0)),
            lone.into_bytes(),
            attributed(&message(4, 0), &outcome(0)),
            attributed(&message(5, 253_402_300_799), &outcome(0)),
        ];
        log.append("attributed", &records).await;
        let counts = drain(&database, &log, "attributed").await.unwrap();
        assert_eq!(counts, Counts { records: 5, dead_letters: 0 });

        let rows = texts(
            &database,
            "SELECT concat_ws(' ', message_id, date, edit_date, received_at, extra, tableoid::regclass, text) \
             FROM messages ORDER BY date DESC",
        )
        .await;
        let max = i64::MAX;
        let min = i64::MIN;
        assert_eq!(
            rows,
            [
                format!(
                    r#"{max} infinity 1969-12-31 23:59:59+00 {{"out_of_range": {{"date": {max}}}}} messages_other a␀b"#
                ),
                "5 9999-12-31 23:59:59+00 messages_other a␀b".to_owned(),
                r#"3 2021-06-01 00:00:00+00 {"odd": {"␀k": "� 🚀 ␀"}} messages_2021 a␀b"#.to_owned(),
                "4 1970-01-01 00:00:00+00 messages_other a␀b".to_owned(),
                format!(
                    r#"2 -infinity -infinity {{"out_of_range": {{"date": {min}, "received_at": {min}}}}} messages_other a␀b"#
                ),
            ]
        );
        assert_eq!(text(&database, "SELECT min(chat_id)::text FROM messages").await, min.to_string());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_highest_revision_stays() {
    in_each(async |database| {
        let log = Log::new().await;
        let record = |id, text: &str, date, revision| {
            let outcome = Attribution { input_offset: date as u64, ..outcome(revision) };
            attributed(&Message { date, ..message(id, text) }, &outcome)
        };
        log.append("attributed", &plain(1..=4)).await;
        drain(&database, &log, "attributed").await.unwrap();
        execute(&database, "UPDATE messages SET deleted_at = now() WHERE message_id = 1").await;

        let revisions = [
            record(1, "edited twice", DATE + 1, 2),
            record(1, "edited once", DATE + 1, 1),
            record(2, "moved to another year", DATE + 40_000_000, 1),
            record(3, "told again with another date", DATE + 7, 0),
            record(4, "told again", DATE + 4, 0),
            record(5, "new", DATE + 5, 0),
            record(5, "new, told twice", DATE + 6, 0),
        ];
        for record in &revisions[..4] {
            log.append("attributed", std::slice::from_ref(record)).await;
            drain(&database, &log, "attributed").await.unwrap();
        }
        log.append("attributed", &revisions[4..]).await;
        // The same again, all in one batch and with nothing new.
        log.append("attributed", &revisions).await;
        drain(&database, &log, "attributed").await.unwrap();

        let rows = texts(
            &database,
            "SELECT concat_ws('|', message_id, revision, date, text, deleted_at IS NOT NULL) FROM messages ORDER BY 1",
        )
        .await;
        assert_eq!(
            rows,
            [
                "1|2|2021-06-01 00:00:01+00|edited twice|t",
                "2|1|2022-09-06 23:06:40+00|moved to another year|f",
                "3|0|2021-06-01 00:00:03+00|Bitcoin and $BTC, number 3|f",
                "4|0|2021-06-01 00:00:04+00|Bitcoin and $BTC, number 4|f",
                "5|0|2021-06-01 00:00:05+00|new|f",
            ]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_record_costs_itself_alone() {
    in_each(async |database| {
        let log = Log::new().await;
        let mut records = plain(0..1000);
        let with = |id: i64, field: &str| {
            let mut record = String::from_utf8(attributed(&message(id, "odd"), &outcome(0))).unwrap();
            record.insert_str(1, field);
            record.into_bytes()
        };
        records[10] = b"{\"schema\":1,".to_vec();
        records[11] = b"\xff\xfe".to_vec();
        records[500] = with(500, r#""huge":1e999999,"#); // JSON, but beyond a numeric
        records[501] = with(501, r#""huge":[-1e999999],"#);
        records[999] = with(999, &format!(r#""deep":{}{},"#, "[".repeat(100_000), "]".repeat(100_000)));
        log.append("attributed", &records).await;
        let counts = drain(&database, &log, "attributed").await.unwrap();
        assert_eq!(counts, Counts { records: 995, dead_letters: 5 });
        assert_eq!(text(&database, "SELECT count(*)::text FROM messages").await, "995");
        let letters = texts(
            &database,
            "SELECT concat_ws('|', id, topic, partition, log_offset, left(record, 12), left(reason, 40)) \
             FROM dead_letters ORDER BY log_offset",
        )
        .await;
        assert_eq!(
            letters[0],
            r#"topic:attributed/0/10|attributed|0|10|{"schema":1,|not a readable attributed record: EOF wh"#
        );
        assert!(letters[1].contains("hex:fffe"), "{letters:?}");
        for (letter, id) in letters[2..].iter().zip([500, 501, 999]) {
            assert!(letter.starts_with(&format!("topic:attributed/0/{id}|")), "{letter}");
            let reason = if id == 999 { "it is nested" } else { "Postgres does not accept it: " };
            assert!(letter.contains(reason), "{letter}");
        }
        assert_eq!(text(&database, "SELECT next_offset::text FROM positions").await, "1000");

        // What follows, and a revision of a row beside another bad one, is written as ever.
        let revised = attributed(&message(1, "edited"), &outcome(1));
        log.append("attributed", &[revised, with(2, r#""huge":1e999999,"#)]).await;
        let counts = drain(&database, &log, "attributed").await.unwrap();
        assert_eq!(counts, Counts { records: 1, dead_letters: 1 });
        assert_eq!(text(&database, "SELECT text FROM messages WHERE message_id = 1").await, "edited");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_others_are_met_with_a_merge() {
    in_each(async |database| {
        let log = Log::new().await;
        log.append("events", &[event(1, EventKind::Joined)]).await;
        drain(&database, &log, "events").await.unwrap();
        // One of these is there already; COPY would refuse them all.
        log.append(
            "events",
            &[event(1, EventKind::Left), event(2, EventKind::Pin), event(2, EventKind::Left)],
        )
        .await;
        drain(&database, &log, "events").await.unwrap();
        let rows = texts(&database, "SELECT concat_ws('|', message_id, kind) FROM events ORDER BY 1").await;
        assert_eq!(rows, ["1|joined", "2|pin"]);
    })
    .await;
}

fn event(id: i64, kind: EventKind) -> Vec<u8> {
    let event = Event {
        schema: SCHEMA,
        chat_id: chat(),
        message_id: id,
        date: if id == 7 { i64::MAX } else { DATE },
        kind,
        action: "MessageActionChatAddUser".into(),
        actor_id: Some(8),
        members: vec!["Bob".into(), "9".into()],
        details: json!({"inviter": 3}).as_object().unwrap().clone(),
        source: Source { kind: SourceKind::Desktop, name: "result.json".into(), position: Some(4) },
        ..Event::default()
    };
    let mut value = Vec::new();
    event.encode_into(&mut value);
    value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_dead_letters_arrive_too() {
    in_each(async |database| {
        let log = Log::new().await;
        log.append("events", &[event(7, EventKind::JoinedByLink), b"?".to_vec()]).await;
        let file = |name: &str, position| {
            let origin = Origin::File { file_id: "ab12".into(), name: name.into(), position };
            let mut value = Vec::new();
            DeadLetter::new(origin, "no date", b"{\"id\":\0}").encode_into(&mut value);
            value
        };
        let long = DeadLetter::new(
            Origin::File { file_id: "f".repeat(3000), name: String::new(), position: 1 },
            "",
            b"",
        );
        let mut too_long = Vec::new();
        long.encode_into(&mut too_long);
        let letters = [file("a.json", 3), file("a.json", 3), file("b.json", 4), b"no letter".to_vec(), too_long];
        log.append("dead-letters", &letters).await;
        assert_eq!(drain(&database, &log, "events").await.unwrap(), Counts { records: 1, dead_letters: 1 });
        assert_eq!(drain(&database, &log, "dead-letters").await.unwrap(), Counts { records: 3, dead_letters: 2 });

        let row = text(&database, "SELECT to_jsonb(e)::text FROM events e").await;
        let row: serde_json::Value = serde_json::from_str(&row).unwrap();
        let expected = json!({
            "chat_id": chat(), "message_id": 7, "date": "infinity", "received_at": null, "actor_id": 8,
            "target_message_id": null, "source_position": 4, "kind": "joined_by_link",
            "action": "MessageActionChatAddUser", "chat_kind": "channel", "chat_title": null,
            "actor_name": null, "title": null, "members": ["Bob", "9"],
            "details": {"inviter": 3, "out_of_range": {"date": i64::MAX}},
            "source_kind": "desktop", "source_name": "result.json",
        });
        assert_eq!(row, expected);
        let rows = texts(
            &database,
            "SELECT concat_ws('|', id, topic, log_offset, file_id, file_name, file_position, left(reason, 9), record) \
             FROM dead_letters WHERE id <> 'topic:dead-letters/0/4' ORDER BY id COLLATE \"C\"",
        )
        .await;
        assert_eq!(
            rows,
            [
                "file:ab12/3|ab12|a.json|3|no date|{\"id\":␀}",
                "file:ab12/4|ab12|b.json|4|no date|{\"id\":␀}",
                "topic:dead-letters/0/3|dead-letters|3|not a rea|no letter",
                "topic:events/0/1|events|1|not a rea|?",
            ]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coin_mentioned_in_any_way_is_json() {
    in_each(async |database| {
        let log = Log::new().await;
        let mentions = [("odd\"coin\0", 1), ("ripple", u32::MAX)];
        let mentions = mentions.map(|(id, count)| MentionCount { coin_id: id.into(), count, kinds: vec![] });
        let outcome =
            Attribution { coin_id: None, basis: Basis::Tie, mentions: mentions.to_vec(), ..outcome(0) };
        log.append("attributed", &[attributed(&message(1, ""), &outcome)]).await;
        drain(&database, &log, "attributed").await.unwrap();
        let row =
            text(&database, "SELECT concat_ws('|', basis, mentions, mention_kinds) FROM messages").await;
        assert_eq!(row, r#"tie|{"ripple": 4294967295, "odd\"coin␀": 1}|{"ripple": [], "odd\"coin␀": []}"#);
    })
    .await;
}

/// The questions in the documentation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documented_questions_have_answers() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/postgres.md")).unwrap();
    let questions: Vec<&str> =
        page.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(questions.len() > 3);
    in_each(async |database| {
        let log = Log::new().await;
        let child = Message { date: DATE - 86_400, reply_to_message_id: Some(1), ..message(2, "and you?") };
        let inherited = Attribution { basis: Basis::Inherited, mentions: vec![], ..outcome(0) };
        let parent = Message { date: DATE - 86_400, ..message(1, "bitcoin, bitcoin") };
        let records = [
            attributed(&parent, &outcome(0)),
            attributed(&child, &inherited),
            b"?".to_vec(),
            deletion(1, DATE),
        ];
        let join = Action::Join { link: samples::link(1).link };
        let seen = ViewCount { chat_id: chat(), ..samples::views(1) };
        for (topic, records) in [
            ("attributed", records.to_vec()),
            ("links", vec![samples::previewed(1, DATE).value()]),
            ("channels", vec![samples::channel(1).value()]),
            ("clients", vec![samples::failed(1).value()]),
            ("views", vec![seen.value()]),
            ("instructions", vec![samples::instruction(1, join).value()]),
            ("coin-lists", vec![samples::coin_list(1).value()]),
        ] {
            log.append(topic, &records).await;
            drain(&database, &log, topic).await.unwrap();
        }
        for question in &questions {
            let answers = format!(
                "SELECT count(*)::text FROM ({}) AS answers",
                question.trim_end().trim_end_matches(';')
            );
            assert_ne!(text(&database, &answers).await, "0", "{question}");
        }
    })
    .await;
}
