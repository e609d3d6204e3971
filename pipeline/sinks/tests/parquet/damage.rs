//! What a crash left behind is cleared away; what a crash cannot explain is an error that names it.

use std::fs;

use tickertape_broker::{self as broker, Broker};
use tickertape_records::topics::{ATTRIBUTED, MESSAGES};
use tickertape_sinks::parquet::{Error, Result};

use crate::support::{Counts, House, SMALL, create, files, parquet_files, stream};

/// A drained archive of three ranges: 0-699, 700-1399, 1400-1499.
async fn drained() -> House {
    let house = House::new().await;
    house.append(ATTRIBUTED, &stream(1_500), 100).await;
    drain(&house).await.expect("drains");
    house
}

async fn drain(house: &House) -> Result<Counts> {
    house.drain(ATTRIBUTED, "archive", SMALL).await
}

fn file_of(house: &House, range: &str) -> String {
    let names = parquet_files(&house.path("archive"), "messages");
    names.into_iter().find(|name| name.ends_with(&format!("{range}.parquet"))).expect("a file of the range")
}

#[tokio::test]
async fn a_range_without_its_commit_is_written_again_the_same() {
    let house = drained().await;
    let archive = house.path("archive");
    let before = files(&archive);
    fs::remove_file(archive.join("messages/_commits/attributed-0-1400-1499.json")).expect("there");
    fs::remove_file(archive.join(file_of(&house, "1400-1499"))).expect("there");
    fs::write(archive.join("_staging/attributed-0-1400-1499.parquet.month=2021-01.messages.tmp"), "half")
        .expect("the sink made the folder");
    drain(&house).await.expect("drains");
    assert!(files(&archive) == before);
}

#[tokio::test]
async fn files_of_a_drain_that_was_killed_do_not_stay_when_the_stream_went_on() {
    let house = drained().await;
    let archive = house.path("archive");
    fs::remove_file(archive.join("messages/_commits/attributed-0-1400-1499.json")).expect("there");
    house.append(ATTRIBUTED, &stream(2_000)[1_500..], 100).await;
    drain(&house).await.expect("drains");
    house.drain(ATTRIBUTED, "undisturbed", SMALL).await.expect("drains");
    assert!(files(&archive) == files(&house.path("undisturbed")));
}

#[tokio::test]
async fn a_topic_that_was_reset_is_noticed_and_nothing_is_touched() {
    let house = drained().await;
    let before = files(&house.path("archive"));
    house.log.delete_topic(ATTRIBUTED).await.expect("deleted");
    create(&house.log, ATTRIBUTED).await;
    house.append(ATTRIBUTED, &stream(2_000), 100).await;
    let error = drain(&house).await.expect_err("another epoch");
    assert!(matches!(error, Error::Broker(broker::Error::TopicReset { .. })), "{error}");
    assert!(files(&house.path("archive")) == before);
}

#[tokio::test]
async fn missing_and_changed_files_are_named() {
    let house = drained().await;
    let name = file_of(&house, "-0-699");
    let path = house.path("archive").join(&name);
    let bytes = fs::read(&path).expect("there");

    fs::write(&path, &bytes[..bytes.len() - 1]).expect("writable");
    let error = drain(&house).await.expect_err("cut").to_string();
    assert!(error.contains(&name) && error.contains("attributed-0-0-699.json"), "{error}");

    fs::remove_file(&path).expect("there");
    let error = drain(&house).await.expect_err("gone");
    assert!(matches!(&error, Error::MissingFile { file, .. } if *file == name), "{error}");

    fs::write(&path, &bytes).expect("writable");
    drain(&house).await.expect("whole again");
}

#[tokio::test]
async fn lost_and_damaged_commit_records_are_named() {
    let house = drained().await;
    let commits = house.path("archive").join("messages/_commits");
    let middle = commits.join("attributed-0-700-1399.json");
    let record = fs::read_to_string(&middle).expect("there");

    fs::write(&middle, &record[..record.len() / 2]).expect("writable");
    let error = drain(&house).await.expect_err("half");
    assert!(
        matches!(&error, Error::DamagedCommit { commit, .. } if commit.ends_with("-700-1399.json")),
        "{error}"
    );

    fs::write(&middle, record.replace("\"first_offset\": 700", "\"first_offset\": 600")).expect("writable");
    let error = drain(&house).await.expect_err("about another range");
    assert!(matches!(error, Error::DamagedCommit { .. }), "{error}");

    let of_schema =
        |schema: u16| record.replace("\"archive_schema\": 2", &format!("\"archive_schema\": {schema}"));
    fs::write(&middle, of_schema(3)).expect("writable");
    let error = drain(&house).await.expect_err("of a newer program");
    assert!(matches!(error, Error::DamagedCommit { .. }) && error.to_string().contains('3'), "{error}");
    fs::write(&middle, of_schema(1)).expect("writable");
    drain(&house).await.expect("an older archive is gone on with");

    fs::remove_file(&middle).expect("there");
    let error = drain(&house).await.expect_err("a hole");
    assert!(matches!(error, Error::MissingCommit { expected: 700, found: 1400, .. }), "{error}");

    // Without any of them nobody may take the files for leftovers of a crash.
    fs::remove_dir_all(&commits).expect("there");
    let before = files(&house.path("archive"));
    let error = drain(&house).await.expect_err("no commit record");
    assert!(matches!(error, Error::UnknownFile { .. }), "{error}");
    assert!(files(&house.path("archive")) == before);
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let house = drained().await;
    let month = house.path("archive").join("messages/month=2021-02");
    for name in ["mine.parquet", "attributed-1-0-699.parquet", "attributed-0-x-y.parquet"] {
        fs::write(month.join(name), "not ours").expect("writable");
    }
    house.append(ATTRIBUTED, &stream(2_000)[1_500..], 100).await;
    drain(&house).await.expect("drains");
    assert_eq!(fs::read(month.join("attributed-1-0-699.parquet")).expect("still there"), b"not ours");
}

#[tokio::test]
async fn a_topic_without_a_table_is_refused() {
    let house = House::new().await;
    create(&house.log, MESSAGES).await;
    let error = house.drain(MESSAGES, "archive", SMALL).await.expect_err("no table");
    assert!(matches!(&error, Error::NoTable { topic } if topic == MESSAGES), "{error}");
}
