//! DuckDB, Polars, pyarrow and DataFusion read the archive as it lies and find the same rows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use serde_json::{Value, json};
use tickertape_records::{Attributed, Event, EventKind, SCHEMA, ViewCount, topics};

use crate::samples::{Value as _, channel, done, failed, link, lost, previewed, state, views};
use crate::support::{Dice, House, NEW_YEAR, SMALL, parquet_files, read, stream};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The interpreter of the virtual environment that `tests/readers/venv.sh` makes.
fn python() -> Option<PathBuf> {
    let venv =
        std::env::var_os("TICKERTAPE_VENV").map_or_else(|| Path::new(ROOT).join(".venv"), PathBuf::from);
    Some(venv.join("bin/python")).filter(|python| python.exists())
}

fn events(count: i64) -> Vec<Vec<u8>> {
    let mut dice = Dice(3);
    (0..count)
        .map(|n| {
            let event = Event {
                schema: SCHEMA,
                chat_id: -1_001_000_000_000,
                message_id: n,
                date: NEW_YEAR + n * 20_000,
                kind: [EventKind::Joined, EventKind::Added][dice.below(2)],
                action: "invite_members".into(),
                members: (0..dice.below(3)).map(|n| format!("member {n}")).collect(),
                ..Event::default()
            };
            let mut value = Vec::new();
            event.encode_into(&mut value);
            value
        })
        .collect()
}

/// Every table with its topic and records for it.
pub(crate) fn tables() -> [(&'static str, &'static str, Vec<Vec<u8>>); 6] {
    let spread = |record: fn(i64) -> Vec<u8>| (0..1_000).map(|n| record(n * 20_000)).collect();
    [
        (topics::ATTRIBUTED, "messages", stream(4_000)),
        (topics::EVENTS, "events", events(1_000)),
        (topics::LINKS, "links", spread(|n| if n % 3 == 0 { link(n) } else { previewed(n, n) }.value())),
        (topics::CHANNELS, "channels", spread(|n| channel(n).value())),
        (
            topics::CLIENTS,
            "clients",
            spread(|n| [state, failed, done, lost][(n / 20_000 % 4) as usize](n).value()),
        ),
        (
            topics::VIEWS,
            "views",
            spread(|n| {
                ViewCount { after_minutes: [5, 60][(n / 20_000 % 2) as usize], ..views(n / 40_000) }.value()
            }),
        ),
    ]
}

/// What stands in a table, as our own reader and the records say.
fn promise(archive: &Path, table: &str, values: &[Vec<u8>]) -> Value {
    let mut columns = Vec::new();
    let mut months: BTreeMap<String, usize> = BTreeMap::new();
    let mut files: BTreeMap<String, usize> = BTreeMap::new();
    let mut mentions: BTreeMap<String, u64> = BTreeMap::new();
    for name in parquet_files(archive, table) {
        let month = name.split(['=', '/']).nth(2).expect("a month in the path").to_owned();
        *files.entry(month.clone()).or_default() += 1;
        for batch in read(&archive.join(&name)) {
            columns = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
            *months.entry(month.clone()).or_default() += batch.num_rows();
            if table == "messages" {
                for offset in batch["offset"].as_primitive::<Int64Type>().values() {
                    let row = Attributed::decode(&values[*offset as usize]).expect("readable");
                    for mention in row.attribution.mentions {
                        *mentions.entry(mention.coin_id).or_default() += u64::from(mention.count);
                    }
                }
            }
        }
    }
    json!({"columns": columns, "months": months, "files": files, "mentions": mentions})
}

#[tokio::test]
async fn four_readers_find_the_same_rows() {
    let Some(python) = python() else {
        println!("skipped: no virtual environment with the readers; tests/readers/venv.sh makes it");
        return;
    };
    let house = House::new().await;
    let archive = house.path("archive");
    let mut promised = serde_json::Map::new();
    for (topic, table, values) in tables() {
        house.append(topic, &values, 100).await;
        house.drain(topic, "archive", SMALL).await.expect("drains");
        promised.insert(table.to_owned(), promise(&archive, table, &values));
    }
    let promised = Value::Object(promised);
    let expected = house.path("expected.json");
    fs::write(&expected, promised.to_string()).expect("writable");

    let readers = Command::new(python)
        .arg(Path::new(ROOT).join("tests/readers/readers.py"))
        .args([&archive, &expected])
        .output()
        .expect("python starts");
    println!("{}", String::from_utf8_lossy(&readers.stdout));
    assert!(readers.status.success(), "{}", String::from_utf8_lossy(&readers.stderr));
}

/// `docs/archive.md` is the contract: it names each column with its type, in order.
#[tokio::test]
async fn the_documented_schema_is_the_schema() {
    let document = fs::read_to_string(Path::new(ROOT).join("docs/archive.md")).expect("docs/archive.md");
    let house = House::new().await;
    for (topic, table, values) in tables() {
        house.append(topic, &values[..10], 10).await;
        house.drain(topic, "archive", SMALL).await.expect("drains");
        let archive = house.path("archive");
        let file = parquet_files(&archive, table).remove(0);
        let schema = read(&archive.join(file))[0].schema();
        let written: Vec<_> = schema
            .fields()
            .iter()
            .map(|f| (f.name().clone(), type_name(f.data_type()), f.is_nullable()))
            .collect();

        let section = document.split(&format!("\n## {table}\n")).nth(1).expect("a section of the table");
        let section = section.split("\n## ").next().expect("at least the section");
        let rows = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| column"));
        let documented: Vec<_> = rows
            .map(|line| {
                let cells: Vec<_> = line.split('|').map(str::trim).collect();
                let of = cells[2].trim_end_matches('?').replace("json", "string");
                (cells[1].to_owned(), of, cells[2].ends_with('?'))
            })
            .collect();
        assert_eq!(documented, written, "{table}");
    }
}

fn type_name(of: &arrow_schema::DataType) -> String {
    use arrow_schema::DataType::{Boolean, Int64, List, Struct, Timestamp, Utf8};
    match of {
        Int64 => "int64".into(),
        Utf8 => "string".into(),
        Boolean => "boolean".into(),
        Timestamp(..) => "timestamp".into(),
        List(item) => format!("list<{}>", type_name(item.data_type())),
        Struct(fields) => {
            let fields = fields.iter().map(|f| format!("{}: {}", f.name(), type_name(f.data_type())));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
