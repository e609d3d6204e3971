//! What stands in a file: every column, the order of the rows, and what the file says about itself.

use std::fs::File;

use arrow_array::Array;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use parquet::basic::Compression;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use serde_json::{Value, json};
use tickertape_records::{
    Attribution, Basis, Button, ChatKind, Entity, Event, EventKind, Forward, Media, MentionCount, Message,
    Reaction, SCHEMA, Source, SourceKind, topics,
};
use tickertape_sinks::parquet::RangeLimits;

use crate::support::{House, SMALL, attributed, parquet_files, read, stream};

/// A message with something in every field.
fn full() -> Message {
    Message {
        schema: SCHEMA,
        chat_id: -1_001_234_567_890,
        chat_kind: ChatKind::Supergroup,
        chat_title: Some("Sailors & coins".into()),
        message_id: 77,
        date: 1_615_000_000,
        edit_date: Some(1_615_000_060),
        sender_id: Some(i64::MAX),
        sender_name: Some("Zoë \"Z\"".into()),
        text: "NUL \u{0} and 🚀\n$BTC".into(),
        entities: vec![Entity { kind: "cashtag".into(), offset: 11, length: 4, ..Entity::default() }],
        reply_to_message_id: Some(70),
        reply_to_chat_id: Some(-1_009),
        topic_id: Some(3),
        forward: Some(Forward { from_id: Some(5), ..Forward::default() }),
        via_bot: Some("@helper".into()),
        grouped_id: Some(13_000_000_000_000_000),
        views: Some(0),
        forwards: Some(2),
        replies: Some(4),
        reactions: vec![Reaction { emoji: "👍".into(), count: 9 }],
        media: Some(Media { kind: "photo".into(), ..Media::default() }),
        buttons: vec![vec![Button { text: "Go".into(), url: None }]],
        post: true,
        silent: true,
        pinned: true,
        scheduled: true,
        source: Source { kind: SourceKind::Telegram, name: "first".into(), position: Some(12) },
        received_at: Some(1_615_000_003),
        deleted_at: None,
        extra: json!({"effect": {"id": 5}}).as_object().expect("an object").clone(),
    }
}

fn outcome() -> Attribution {
    Attribution {
        coin_id: Some("bitcoin".into()),
        basis: Basis::Direct,
        depth: 0,
        mentions: vec![
            MentionCount {
                coin_id: "bitcoin".into(),
                count: 2,
                kinds: vec!["cashtag".into(), "name".into()],
            },
            MentionCount { coin_id: "ripple".into(), count: 1, kinds: vec!["ticker".into()] },
        ],
        coin_list_version: 12,
        revision: 0,
        input_offset: 0,
        sequence: 0,
    }
}

/// The cells of one row, by the names of their columns; dates as microseconds.
pub(crate) fn row(batch: &RecordBatch, row: usize) -> Value {
    let cell = |column: &dyn Array| cell(column, row);
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    Value::Object(columns.map(|(field, column)| (field.name().clone(), cell(column.as_ref()))).collect())
}

fn cell(column: &dyn Array, row: usize) -> Value {
    use arrow_schema::DataType::{Boolean, Int64, List, Struct, Timestamp, Utf8};
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        Timestamp(_, zone) => {
            assert_eq!(zone.as_deref(), Some("UTC"));
            column.as_primitive::<TimestampMicrosecondType>().value(row).into()
        }
        Utf8 => column.as_string::<i32>().value(row).into(),
        Boolean => column.as_boolean().value(row).into(),
        List(_) => {
            let items = column.as_list::<i32>().value(row);
            (0..items.len()).map(|item| cell(items.as_ref(), item)).collect()
        }
        Struct(fields) => {
            let columns = column.as_struct().columns();
            let cells = fields.iter().zip(columns).map(|(field, of)| (field.name().clone(), cell(of, row)));
            Value::Object(cells.collect())
        }
        other => panic!("no column should be {other}"),
    }
}

pub(crate) async fn rows_of(topic: &str, table: &str, values: &[Vec<u8>]) -> Vec<(String, Value)> {
    let house = House::new().await;
    house.append(topic, values, 10).await;
    house.drain(topic, "archive", SMALL).await.expect("drains");
    let mut rows = Vec::new();
    for name in parquet_files(&house.path("archive"), table) {
        for batch in read(&house.path("archive").join(&name)) {
            rows.extend((0..batch.num_rows()).map(|n| (name.clone(), row(&batch, n))));
        }
    }
    rows
}

#[tokio::test]
async fn every_field_of_a_message_has_its_column() {
    let rows = rows_of(topics::ATTRIBUTED, "messages", &[attributed(&full(), &outcome())]).await;
    let expected = json!({
        "chat_id": -1_001_234_567_890_i64, "chat_kind": "supergroup", "chat_title": "Sailors & coins",
        "message_id": 77, "date": 1_615_000_000_000_000_i64, "edit_date": 1_615_000_060_000_000_i64,
        "sender_id": i64::MAX, "sender_name": "Zoë \"Z\"", "text": "NUL \u{0} and 🚀\n$BTC",
        "entities": r#"[{"kind":"cashtag","offset":11,"length":4}]"#,
        "reply_to_message_id": 70, "reply_to_chat_id": -1009, "topic_id": 3, "forward": r#"{"from_id":5}"#,
        "via_bot": "@helper", "grouped_id": 13_000_000_000_000_000_i64, "views": 0, "forwards": 2, "replies": 4,
        "reactions": r#"[{"emoji":"👍","count":9}]"#, "media": r#"{"kind":"photo"}"#,
        "buttons": r#"[[{"text":"Go"}]]"#, "post": true, "silent": true, "pinned": true, "scheduled": true,
        "source_kind": "telegram", "source_name": "first", "source_position": 12,
        "received_at": 1_615_000_003_000_000_i64, "deleted_at": null, "coin_id": "bitcoin", "basis": "direct", "depth": 0,
        "mentions": [{"coin_id": "bitcoin", "count": 2, "kinds": ["cashtag", "name"]},
                     {"coin_id": "ripple", "count": 1, "kinds": ["ticker"]}],
        "coin_list_version": 12, "revision": 0, "input_offset": 0, "sequence": 0, "offset": 0,
        "extra": r#"{"effect":{"id":5}}"#,
    });
    assert_eq!(rows, [("messages/month=2021-03/attributed-0-0-0.parquet".to_owned(), expected)]);
}

#[tokio::test]
async fn what_a_column_cannot_hold_is_kept_in_extra() {
    let message = Message { date: i64::MAX, edit_date: Some(-62_135_596_801), ..full() };
    let outcome = Attribution { coin_list_version: u64::MAX, ..outcome() };
    let plain = Message { extra: Default::default(), message_id: 78, ..message.clone() };
    let second = Attribution { input_offset: 1, ..outcome.clone() };
    let values = [attributed(&message, &outcome), attributed(&plain, &second)];
    let rows = rows_of(topics::ATTRIBUTED, "messages", &values).await;
    let kept =
        r#"{"date":9223372036854775807,"edit_date":-62135596801,"coin_list_version":18446744073709551615"#;
    let extras = [format!(r#"{kept},"effect":{{"id":5}}}}"#), format!("{kept}}}")];
    for ((name, row), extra) in rows.iter().zip(extras) {
        assert_eq!(name, "messages/month=unknown/attributed-0-0-1.parquet");
        assert_eq!(row["extra"], extra);
        for column in ["date", "edit_date", "coin_list_version"] {
            assert_eq!(row[column], Value::Null, "{column}");
        }
    }
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn every_field_of_an_event_has_its_column() {
    let event = Event {
        schema: SCHEMA,
        chat_id: -5,
        chat_kind: ChatKind::Group,
        chat_title: Some("Crew".into()),
        message_id: 9,
        date: 1_615_000_000,
        kind: EventKind::JoinedByLink,
        action: "join_group_by_link".into(),
        actor_id: Some(8),
        actor_name: Some("Ann".into()),
        target_message_id: Some(2),
        title: Some("New".into()),
        members: vec!["Ben".into(), "7".into()],
        details: json!({"inviter": "Cy"}).as_object().expect("an object").clone(),
        source: Source { kind: SourceKind::Desktop, name: "result.json".into(), position: None },
        received_at: None,
    };
    let mut value = Vec::new();
    event.encode_into(&mut value);
    let mut bare = Vec::new();
    Event { schema: SCHEMA, message_id: 10, date: i64::MIN, ..Event::default() }.encode_into(&mut bare);
    // The same event again replaces the first.
    let rows = rows_of(topics::EVENTS, "events", &[value.clone(), bare, value]).await;
    let expected = json!({
        "chat_id": -5, "chat_kind": "group", "chat_title": "Crew", "message_id": 9,
        "date": 1_615_000_000_000_000_i64, "kind": "joined_by_link", "action": "join_group_by_link",
        "actor_id": 8, "actor_name": "Ann", "target_message_id": 2, "title": "New", "members": ["Ben", "7"],
        "details": r#"{"inviter":"Cy"}"#, "source_kind": "desktop", "source_name": "result.json",
        "source_position": null, "received_at": null, "offset": 2, "extra": null,
    });
    assert_eq!(rows[0], ("events/month=2021-03/events-0-0-2.parquet".to_owned(), expected));
    assert_eq!(rows[1].0, "events/month=unknown/events-0-0-2.parquet");
    assert_eq!(
        (&rows[1].1["members"], &rows[1].1["extra"]),
        (&json!([]), &json!(r#"{"date":-9223372036854775808}"#))
    );
    assert_eq!(rows.len(), 2);
}

fn metadata(file: &std::path::Path) -> ParquetMetaData {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Required)
        .parse_and_finish(&File::open(file).expect("there"))
        .expect("whole metadata with a page index")
}

#[tokio::test]
async fn files_are_sorted_and_say_so() {
    let house = House::new().await;
    house.append(topics::ATTRIBUTED, &stream(2_000), 100).await;
    house.drain(topics::ATTRIBUTED, "archive", RangeLimits::default()).await.expect("drains");
    let names = parquet_files(&house.path("archive"), "messages");
    assert!(names.len() > 12);
    for name in names {
        let file = house.path("archive").join(&name);
        let sort_key = |row: &Value| ["date", "chat_id", "message_id", "revision"].map(|c| row[c].as_i64());
        let keys: Vec<_> = read(&file)
            .iter()
            .flat_map(|batch| (0..batch.num_rows()).map(|n| sort_key(&row(batch, n))).collect::<Vec<_>>())
            .collect();
        assert!(keys.is_sorted(), "{name}");

        let metadata = metadata(&file);
        let about = metadata.file_metadata();
        let pairs = about.key_value_metadata().expect("metadata");
        let value = |key: &str| {
            let pair = pairs.iter().find(|pair| pair.key == format!("tickertape.{key}"));
            pair.and_then(|pair| pair.value.as_deref()).expect("present").to_owned()
        };
        assert_eq!(value("program"), concat!("tickertape ", env!("CARGO_PKG_VERSION")));
        assert_eq!([value("archive_schema"), value("topic"), value("partition")], ["2", "attributed", "0"]);
        assert_eq!([value("first_offset"), value("last_offset")], ["0", "1999"]);

        for group in metadata.row_groups() {
            let sorted = group.sorting_columns().expect("sorting columns");
            let columns = sorted.iter().map(|by| group.column(by.column_idx as usize).column_path().string());
            assert_eq!(columns.collect::<Vec<_>>(), ["date", "chat_id", "message_id", "revision"]);
            for column in group.columns() {
                let bloom = column.column_path().string() == "chat_id";
                assert_eq!(column.bloom_filter_offset().is_some(), bloom, "{}", column.column_path());
                // An Arrow column that is null in the whole range is not worth a compressor.
                let nulls = column.statistics().and_then(|statistics| statistics.null_count_opt());
                let is_empty = nulls == Some(group.num_rows() as u64);
                assert!(
                    is_empty || matches!(column.compression(), Compression::ZSTD(_)),
                    "{}",
                    column.column_path()
                );
            }
        }
    }
}
