//! What stands in the tables of history beside the messages, and deletions among these.

use serde_json::{Value as Json, json};
use tickertape_records::{Attribution, Basis, Link, Message, Preview, SCHEMA, ViewCount, topics};

use crate::contents::rows_of;
use crate::samples::{JUNE, Value, channel, done, failed, link, lost, previewed, state, views};
use crate::support::{House, SMALL, attributed, deletion, parquet_files, stream};

const MICROS: i64 = 1_000_000;

/// A row without the columns that hold nothing.
fn said(row: &Json) -> Json {
    let row = row.as_object().expect("an object").clone();
    row.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

#[tokio::test]
async fn a_deletion_is_a_row_of_its_own_without_a_date() {
    let message = |id, text: &str| Message {
        schema: SCHEMA,
        chat_id: -1_001_000_000_001,
        message_id: id,
        date: JUNE + id,
        text: text.into(),
        ..Message::default()
    };
    let at = |message: &Message, deleted_at| Message { deleted_at: Some(deleted_at), ..deletion(message) };
    let story = [
        (message(1, "first"), 0),
        (at(&message(1, ""), JUNE + 100), 0),
        (message(1, "edited"), 1),
        (at(&message(1, ""), JUNE + 200), 0),
        (at(&message(2, ""), i64::MAX), 0),
        (message(3, "stays"), 0),
    ];
    let values: Vec<_> = (0..)
        .zip(&story)
        .map(|(input_offset, (message, revision))| {
            attributed(message, &Attribution { input_offset, revision: *revision, ..Attribution::default() })
        })
        .collect();
    let rows = rows_of(topics::ATTRIBUTED, "messages", &values).await;
    let found: Vec<_> = rows
        .iter()
        .map(|(file, row)| {
            let month = file.split('/').nth(1).expect("a month");
            let columns = ["message_id", "date", "deleted_at", "text", "offset", "extra"];
            (month, columns.map(|column| row[column].clone()).into_iter().collect::<Json>())
        })
        .collect();
    let june = "month=2021-06";
    let date = |seconds: i64| seconds * MICROS;
    assert_eq!(
        found,
        [
            (june, json!([1, date(JUNE + 1), null, "edited", 2, null])),
            (june, json!([3, date(JUNE + 3), null, "stays", 5, null])),
            ("month=unknown", json!([1, null, date(JUNE + 100), "", 1, null])),
            (
                "month=unknown",
                json!([2, null, date(253_402_300_799), "", 4, format!(r#"{{"deleted_at":{}}}"#, i64::MAX)])
            ),
        ]
    );
    assert_eq!(rows[2].1["basis"], Basis::None.name());
}

#[tokio::test]
async fn every_field_of_a_link_has_its_column() {
    let gone = Preview { unavailable: Some("private".into()), ..Preview::default() };
    // What was seen in a look is not undone by repeats from before it.
    let values = [
        link(1),
        previewed(1, JUNE + 60),
        link(1),
        Link { preview: Some(gone), received_at: i64::MIN, ..link(2) },
        link(3),
    ];
    let rows = rows_of(topics::LINKS, "links", &values.map(|link| link.value())).await;
    let messages = format!(r#"[{{"message_id":3,"date":{JUNE},"text":"$BTC\u0000"}}]"#);
    let expected = json!({
        "chat_id": -1_001_000_000_001_i64, "message_id": 1, "date": (JUNE + 1) * MICROS,
        "link": "https://t.me/coins1", "found_in": "button", "previewed": true,
        "target_chat_id": -1_001_000_000_002_i64, "target_kind": "supergroup", "target_username": "coins1",
        "target_title": "Coins \0 & \"more\"", "target_about": "Монеты 🚀", "target_participants": 12,
        "target_scam": true, "target_verified": true, "target_by_request": true, "target_messages": messages,
        "account": "first", "received_at": (JUNE + 60) * MICROS, "offset": 1,
    });
    assert_eq!(rows.len(), 3);
    assert_eq!(said(&rows[0].1), expected);
    let gone = said(&rows[1].1);
    assert_eq!(
        (&gone["unavailable"], &gone["extra"]),
        (&json!("private"), &json!(r#"{"received_at":-9223372036854775808}"#))
    );
    assert_eq!((gone.get("target_title"), gone.get("target_scam")), (None, None));
    assert_eq!(rows[2].1["previewed"], false);
}

#[tokio::test]
async fn every_field_of_a_channel_and_a_view_count_has_its_column() {
    let rows =
        rows_of(topics::CHANNELS, "channels", &[channel(1).value(), channel(2).value(), channel(1).value()])
            .await;
    let expected = json!({
        "chat_id": -1_001_000_000_003_i64, "chat_kind": "channel", "observed_at": (JUNE + 1) * MICROS,
        "username": "moon", "title": "To the moon 1", "about": "Nothing\0but", "participants": 1001,
        "linked_chat_id": i64::MIN, "scam": true, "verified": true, "account": "first",
        "membership": "requested", "offset": 2,
    });
    assert_eq!((rows.len(), said(&rows[0].1)), (2, expected));
    assert_eq!(rows[0].0, "channels/month=2021-06/channels-0-0-2.parquet");

    let hour = ViewCount { after_minutes: 60, ..views(1) };
    let rows = rows_of(topics::VIEWS, "views", &[hour.value(), views(1).value()]).await;
    let expected = json!({
        "chat_id": -1_001_000_000_003_i64, "message_id": 1, "date": (JUNE + 1) * MICROS, "after_minutes": 20,
        "views": i64::MAX, "forwards": 4, "counted_at": (JUNE + 1201) * MICROS, "account": "first", "offset": 1,
    });
    assert_eq!((rows.len(), said(&rows[0].1)), (2, expected));
}

#[tokio::test]
async fn every_kind_of_report_has_its_columns() {
    let values = [state(1), failed(2), done(3), lost(4), state(1)].map(|report| report.value());
    let rows = rows_of(topics::CLIENTS, "clients", &values).await;
    let found: Vec<_> = rows
        .iter()
        .map(|(_, row)| {
            let mut row = said(row);
            row.as_object_mut().expect("an object").remove("digest").expect("every report has one");
            row
        })
        .collect();
    let at = |n: i64| (JUNE + n) * MICROS;
    let expected = [
        json!({
            "account": "first", "reported_at": at(1), "kind": "state", "state": "limited", "user_id": 7, "premium": true,
            "bot": false, "dialogs": u32::MAX, "joins_left": 3, "limited_until": at(61),
            "chats": "[-1001000000003,-5]", "reason": "FLOOD_WAIT_60", "offset": 4,
        }),
        json!({
            "account": "first", "reported_at": at(2), "kind": "answer", "instruction_id": "i-2", "result": "failed",
            "retry_at": at(602), "reason": "too_many_channels", "detail": "CHANNELS_TOO_MUCH\0", "offset": 1,
        }),
        json!({
            "account": "first", "reported_at": at(3), "kind": "answer", "instruction_id": "i-3", "result": "done",
            "chat_id": -5, "offset": 2,
        }),
        json!({
            "account": "first", "reported_at": at(4), "kind": "lost", "chat_id": -5, "reason": "kicked", "offset": 3,
        }),
    ];
    assert_eq!(found, expected);
}

/// A log that is not atomic over topics may append the last batches of a partition again, in order.
#[tokio::test]
async fn batches_appended_again_change_nothing_wherever_a_range_or_a_run_ended() {
    let values = stream(2_500);
    let calm = House::new().await;
    calm.append(topics::ATTRIBUTED, &values, 50).await;
    calm.drain(topics::ATTRIBUTED, "archive", SMALL).await.expect("drains");
    let rows = |house: &House| {
        let mut rows = Vec::new();
        for name in parquet_files(&house.path("archive"), "messages") {
            for batch in crate::support::read(&house.path("archive").join(name)) {
                rows.extend((0..batch.num_rows()).map(|n| {
                    let row = crate::contents::row(&batch, n);
                    ["chat_id", "message_id", "revision", "input_offset", "sequence", "deleted_at"]
                        .map(|column| row[column].to_string())
                }));
            }
        }
        rows.sort();
        rows
    };
    // Which of two revisions is kept depends on where ranges end, and repeats move that: so one range a month.
    let wanted = newest(rows(&calm));
    for restarts in [false, true] {
        let house = House::new().await;
        let batches: Vec<_> = values.chunks(50).collect();
        for (n, batch) in batches.iter().enumerate() {
            house.append(topics::ATTRIBUTED, batch, 50).await;
            // Around the end of the first range, of the second, and now and then: one batch again, or the last three.
            if n % 14 == 13 || n % 5 == 2 {
                let again = if n % 2 == 0 { 3 } else { 1 };
                for batch in &batches[(n + 1).saturating_sub(again)..=n] {
                    house.append(topics::ATTRIBUTED, batch, 50).await;
                }
            }
            if restarts && n % 7 == 6 {
                house.drain(topics::ATTRIBUTED, "archive", SMALL).await.expect("drains");
            }
        }
        house.drain(topics::ATTRIBUTED, "archive", SMALL).await.expect("drains");
        let found = rows(&house);
        let mut once = found.clone();
        once.dedup();
        assert_eq!(once.len(), found.len(), "rows twice, restarts: {restarts}");
        assert!(newest(found) == wanted, "other rows, restarts: {restarts}");
    }
}

/// Of each message the row with the highest revision, and its deletions.
fn newest(rows: Vec<[String; 6]>) -> Vec<[String; 6]> {
    let mut newest: Vec<[String; 6]> = Vec::new();
    for row in rows {
        match newest.last_mut() {
            Some(last) if last[..2] == row[..2] && last[5] == "null" && row[5] == "null" => *last = row,
            _ => newest.push(row),
        }
    }
    newest
}
