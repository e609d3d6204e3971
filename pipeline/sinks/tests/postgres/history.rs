//! The tables of the remaining topics: every field, repeats, and records that are no rows.

use serde_json::{Value as Json, json};
use tickertape_records::{Action, Channel, ClientReport, CoinListRecord, Link, Preview, ViewCount};
use tickertape_sinks::postgres::{Database, TOPICS};

use crate::samples::{
    JUNE, Value, channel, coin_list, done, failed, instruction, link, lost, previewed, state, views,
};
use crate::support::{Counts, Log, drain, in_each, text, texts};

/// The rows of a table as JSON, by a column.
async fn rows(database: &Database, table: &str, by: &str) -> Vec<Json> {
    let rows = texts(database, &format!("SELECT to_jsonb(t)::text FROM {table} t ORDER BY {by}")).await;
    rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_a_link_has_its_column() {
    in_each(async |database| {
        let log = Log::new().await;
        let gone = Preview { unavailable: Some("expired".into()), ..Preview::default() };
        let records = [
            previewed(1, JUNE + 60),
            Link { date: i64::MAX, ..link(2) },
            Link { preview: Some(gone), chat_id: 0, message_id: 0, date: 0, ..link(3) },
        ];
        log.append("links", &records.map(|link| link.value())).await;
        assert_eq!(drain(&database, &log, "links").await.unwrap(), Counts { records: 3, dead_letters: 0 });
        let found = rows(&database, "links_seen", "link").await;
        let first = json!({
            "chat_id": -1_001_000_000_001_i64, "message_id": 1, "date": "2021-06-01T00:00:01+00:00",
            "received_at": "2021-06-01T00:01:00+00:00", "target_chat_id": -1_001_000_000_002_i64,
            "target_participants": 12, "previewed": true, "target_scam": true, "target_verified": true,
            "target_by_request": true, "link": "https://t.me/coins1", "found_in": "button", "account": "first",
            "target_kind": "supergroup", "target_username": "coins1", "target_title": "Coins ␀ & \"more\"",
            "target_about": "Монеты 🚀",
            "target_messages": [{"message_id": 3, "date": JUNE, "text": "$BTC␀"}],
            "unavailable": null, "extra": null,
        });
        assert_eq!(found[0], first);
        assert_eq!((&found[1]["date"], &found[1]["previewed"]), (&json!("infinity"), &json!(false)));
        assert_eq!(found[1]["extra"], json!({"out_of_range": {"date": i64::MAX}}));
        assert_eq!((&found[2]["unavailable"], &found[2]["previewed"]), (&json!("expired"), &json!(true)));
        assert_eq!((&found[2]["target_kind"], &found[2]["target_title"]), (&Json::Null, &Json::Null));
    })
    .await;
}

/// A look at a link is not undone by a repeat from before it, and the newest look stays, however they come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_look_at_a_link_stays() {
    in_each(async |database| {
        let log = Log::new().await;
        let looks =
            |id: i64| [link(id).value(), previewed(id, JUNE + 50).value(), previewed(id, JUNE + 90).value()];
        let [unseen, early, late] = looks(1);
        for record in [&unseen, &early, &unseen, &late, &early, &unseen] {
            log.append("links", std::slice::from_ref(record)).await;
            drain(&database, &log, "links").await.unwrap();
        }
        let [unseen, early, late] = looks(2);
        log.append("links", &[late.clone(), unseen.clone(), early.clone(), unseen, early, late]).await;
        log.append("links", &[link(3).value(), Link { account: "second".into(), ..link(3) }.value()]).await;
        drain(&database, &log, "links").await.unwrap();
        let found = texts(
            &database,
            "SELECT concat_ws('|', message_id, previewed, extract(epoch FROM received_at)::bigint, account) \
             FROM links_seen ORDER BY message_id",
        )
        .await;
        let late = JUNE + 90;
        assert_eq!(
            found,
            [format!("1|t|{late}|first"), format!("2|t|{late}|first"), format!("3|f|{}|first", JUNE + 5)]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_a_channel_and_a_view_count_has_its_column() {
    in_each(async |database| {
        let log = Log::new().await;
        // The second is the same moment by another account, the third is no moment at all.
        let other = Channel { account: "second".into(), ..channel(1) };
        let records = [channel(1), other, Channel { observed_at: i64::MAX, ..channel(2) }, channel(1)];
        log.append("channels", &records.map(|channel| channel.value())).await;
        let counts = drain(&database, &log, "channels").await.unwrap();
        assert_eq!(counts, Counts { records: 3, dead_letters: 1 });
        let found = rows(&database, "channel_observations", "account").await;
        let first = json!({
            "chat_id": -1_001_000_000_003_i64, "observed_at": "2021-06-01T00:00:01+00:00", "participants": 1001,
            "linked_chat_id": i64::MIN, "scam": true, "verified": true, "account": "first",
            "membership": "requested", "chat_kind": "channel", "username": "moon", "title": "To the moon 1",
            "about": "Nothing␀but",
        });
        assert_eq!((found.len(), &found[0], &found[1]["account"]), (2, &first, &json!("second")));
        let reason = text(&database, "SELECT reason FROM dead_letters").await;
        assert_eq!(reason, format!("observed_at {} is outside the years 1 to 9999", i64::MAX));

        let late = ViewCount { counted_at: i64::MIN, after_minutes: 60, ..views(1) };
        log.append("views", &[views(1), late, ViewCount { views: 5, ..views(1) }].map(|count| count.value())).await;
        drain(&database, &log, "views").await.unwrap();
        let found = rows(&database, "view_counts", "after_minutes").await;
        let first = json!({
            "chat_id": -1_001_000_000_003_i64, "message_id": 1, "after_minutes": 20,
            "date": "2021-06-01T00:00:01+00:00", "counted_at": "2021-06-01T00:20:01+00:00", "views": i64::MAX,
            "forwards": 4, "account": "first", "extra": null,
        });
        assert_eq!((found.len(), &found[0], &found[1]["counted_at"]), (2, &first, &json!("-infinity")));
        assert_eq!(found[1]["extra"], json!({"out_of_range": {"counted_at": i64::MIN}}));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_report_has_its_columns() {
    in_each(async |database| {
        let log = Log::new().await;
        // All in one second: told apart by what they say, and a repeat is known by it.
        let records = [state(1), failed(1), done(1), lost(1), state(1), failed(1)];
        log.append("clients", &records.map(|report| report.value())).await;
        log.append("clients", &[done(1).value(), ClientReport { at: i64::MIN, ..lost(1) }.value()]).await;
        let counts = drain(&database, &log, "clients").await.unwrap();
        assert_eq!(counts, Counts { records: 7, dead_letters: 1 });
        let said = |row: &Json| -> Json {
            let row = row.as_object().unwrap().clone();
            row.into_iter().filter(|(name, value)| !value.is_null() && name != "digest").collect()
        };
        let found: Vec<Json> =
            rows(&database, "client_reports", "kind, result").await.iter().map(said).collect();
        let at = "2021-06-01T00:00:01+00:00";
        let expected = [
            json!({"account": "first", "reported_at": at, "kind": "answer", "instruction_id": "i-1", "result": "done", "chat_id": -5}),
            json!({
                "account": "first", "reported_at": at, "kind": "answer", "instruction_id": "i-1", "result": "failed",
                "reason": "too_many_channels", "detail": "CHANNELS_TOO_MUCH␀", "retry_at": "2021-06-01T00:10:01+00:00",
            }),
            json!({"account": "first", "reported_at": at, "kind": "lost", "chat_id": -5, "reason": "kicked"}),
            json!({
                "account": "first", "reported_at": at, "kind": "state", "state": "limited", "user_id": 7, "premium": true,
                "bot": false, "dialogs": u32::MAX, "joins_left": 3, "chats": [-1_001_000_000_003_i64, -5],
                "limited_until": "2021-06-01T00:01:01+00:00", "reason": "FLOOD_WAIT_60",
            }),
        ];
        assert_eq!(found, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instructions_and_coin_lists_arrive_once() {
    in_each(async |database| {
        let log = Log::new().await;
        let link = || "https://t.me/+hash".to_owned();
        let actions = [
            Action::Join { link: link() },
            Action::Leave { chat_id: -5 },
            Action::Describe { chat_id: -6 },
            Action::Resolve { link: link(), seen_in: (-7, 8) },
            Action::Report,
        ];
        let records: Vec<_> = (1..).zip(actions).map(|(n, action)| instruction(n, action).value()).collect();
        log.append("instructions", &records).await;
        drain(&database, &log, "instructions").await.unwrap();
        log.append("instructions", &records).await;
        drain(&database, &log, "instructions").await.unwrap();
        let found = texts(
            &database,
            "SELECT concat_ws('|', id, account, issued_at, deadline - issued_at, action, link, chat_id, seen_in_chat_id, \
             seen_in_message_id) FROM instructions_sent ORDER BY id",
        )
        .await;
        let row = |n: i64, rest: &str| format!("i-{n}|first|2021-06-01 00:00:0{n}+00|01:00:00|{rest}");
        let expected = [
            row(1, "join|https://t.me/+hash"),
            row(2, "leave|-5"),
            row(3, "describe|-6"),
            row(4, "resolve|https://t.me/+hash|-7|8"),
            row(5, "report"),
        ];
        assert_eq!(found, expected);

        let lists = [coin_list(1), coin_list(2), coin_list(1), CoinListRecord { version: u64::MAX, ..coin_list(1) }];
        log.append("coin-lists", &lists.map(|list| list.value())).await;
        let counts = drain(&database, &log, "coin-lists").await.unwrap();
        assert_eq!(counts, Counts { records: 3, dead_letters: 1 });
        let found = texts(&database, "SELECT concat_ws('|', version, as_of, coins) FROM coin_list_records").await;
        let coins = r#"[{"id": "bitcoin", "name": "Bitcoin", "rank": 1, "symbol": "btc"}]"#;
        assert_eq!(found, [format!("1|2021-06-01|{coins}"), format!("2|2021-06-01|{coins}")]);
    })
    .await;
}

/// On every topic a record that cannot be read costs itself alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_a_dead_letter_on_every_topic() {
    in_each(async |database| {
        let log = Log::new().await;
        for topic in TOPICS {
            log.append(topic, &[b"{\"schema\":9}".to_vec(), b"?".to_vec()]).await;
            let counts = drain(&database, &log, topic).await.unwrap();
            assert_eq!(counts, Counts { records: 0, dead_letters: 2 }, "{topic}");
        }
        let found = "SELECT count(*) || ' ' || count(DISTINCT topic) FROM dead_letters";
        assert_eq!(text(&database, found).await, format!("{} {}", 2 * TOPICS.len(), TOPICS.len()));
    })
    .await;
}
