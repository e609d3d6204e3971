//! Which rows come to rest in which files: each record once, and the same files however the stream is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use tickertape_broker::{Phase, TopicPartition};
use tickertape_records::{Attributed, topics};
use tickertape_sinks::Progress;
use tickertape_sinks::parquet::{Archive, RangeLimits, run};
use tokio::sync::watch;

use crate::support::{Counts, House, SMALL, files, parquet_files, read, stream};

/// The offsets in each month of a range, as a slow reading of the rules gives them.
fn expected(values: &[Vec<u8>], first: usize, last: usize) -> BTreeMap<String, BTreeSet<i64>> {
    let mut last_input = None;
    let mut newest = BTreeMap::<(i64, i64, bool), (u32, usize, Option<i64>)>::new();
    for (offset, value) in values.iter().enumerate().take(last + 1) {
        let Ok(row) = Attributed::decode(value) else { continue };
        let input = (row.attribution.input_offset, row.attribution.sequence);
        if last_input.is_some_and(|last| input <= last) {
            continue;
        }
        last_input = Some(input);
        if offset < first {
            continue;
        }
        // A deletion is no version of its message, and has no date.
        let deletes = row.deleted_at.is_some();
        let version = (row.attribution.revision, offset, (!deletes).then_some(row.date));
        let kept = newest.entry((row.chat_id, row.message_id, deletes)).or_insert(version);
        *kept = version.max(*kept);
    }
    let mut months: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for (_, offset, date) in newest.into_values() {
        let month = date
            .and_then(|date| chrono::DateTime::from_timestamp(date, 0))
            .filter(|date| (1..=9999).contains(&chrono::Datelike::year(date)))
            .map_or("unknown".to_owned(), |date| date.format("%Y-%m").to_string());
        months.entry(month).or_default().insert(offset as i64);
    }
    months
}

fn offsets(file: &Path) -> BTreeSet<i64> {
    let batches = read(file);
    let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    let offsets: BTreeSet<i64> = batches
        .iter()
        .flat_map(|batch| batch["offset"].as_primitive::<Int64Type>().values().to_vec())
        .collect();
    assert_eq!(offsets.len(), rows, "an offset twice in {}", file.display());
    offsets
}

#[tokio::test]
async fn every_record_is_in_its_range_and_month_once() {
    let house = House::new().await;
    let values = stream(5_000);
    house.append(topics::ATTRIBUTED, &values, 64).await;
    let counts = house.drain(topics::ATTRIBUTED, "archive", SMALL).await.expect("drains");

    let readable = values.iter().filter(|value| Attributed::decode(value).is_ok()).count() as u64;
    assert_eq!(counts, Counts { records: readable, dead_letters: 5_000 - readable });
    assert!(counts.dead_letters > 0, "the stream has broken records");

    let archive = house.path("archive");
    let mut wanted = BTreeMap::new();
    for first in (0..5_000).step_by(700) {
        let last = (first + 699).min(4_999);
        for (month, offsets) in expected(&values, first, last) {
            wanted.insert(format!("messages/month={month}/attributed-0-{first}-{last}.parquet"), offsets);
        }
    }
    let found: BTreeMap<_, _> = parquet_files(&archive, "messages")
        .into_iter()
        .map(|name| (name.clone(), offsets(&archive.join(name))))
        .collect();
    assert_eq!(found, wanted);
    assert!(found.keys().any(|name| name.contains("month=unknown")), "the stream has absurd dates");

    let again = house.drain(topics::ATTRIBUTED, "archive", SMALL).await.expect("drains");
    assert_eq!(again, Counts { records: 0, dead_letters: 0 });
    assert_eq!(parquet_files(&archive, "messages").len(), found.len());
}

#[tokio::test]
async fn how_the_stream_was_batched_makes_no_difference() {
    let values = stream(3_000);
    let mut archives = Vec::new();
    for portion in [1, 37, 3_000] {
        let house = House::new().await;
        house.append(topics::ATTRIBUTED, &values, portion).await;
        house.drain(topics::ATTRIBUTED, "archive", SMALL).await.expect("drains");
        let mut files = files(&house.path("archive"));
        files.retain(|name, _| name.ends_with(".parquet")); // commit records name the log's epoch
        archives.push(files);
    }
    assert!(archives[0] == archives[1] && archives[0] == archives[2], "other files from other batches");
}

#[tokio::test]
async fn records_are_cut_by_size_too() {
    let house = House::new().await;
    let values = stream(400);
    house.append(topics::ATTRIBUTED, &values, 64).await;
    let bytes = 20_000;
    let limits = RangeLimits { records: 1_000, bytes };
    house.drain(topics::ATTRIBUTED, "archive", limits).await.expect("drains");
    let ranges: BTreeSet<(usize, usize)> = files(&house.path("archive"))
        .into_keys()
        .filter_map(|name| {
            let range = name.strip_prefix("messages/_commits/attributed-0-")?.strip_suffix(".json")?;
            let (first, last) = range.split_once('-')?;
            Some((first.parse().ok()?, last.parse().ok()?))
        })
        .collect();
    assert!(ranges.len() > 4);
    for (first, last) in ranges {
        let size = |until: usize| values[first..until].iter().map(|value| value.len() as u64).sum::<u64>();
        assert!(size(last + 1) <= bytes);
        assert!(last == 399 || size(last + 2) > bytes);
    }
}

#[tokio::test]
async fn a_stop_gives_up_the_open_range_and_a_drain_writes_it() {
    let house = House::new().await;
    let values = stream(1_000);
    house.append(topics::ATTRIBUTED, &values, 10).await;
    let archive = Archive::local(&house.path("archive")).expect("a folder").with_limits(SMALL);
    let progress = Arc::new(Progress::default());
    let (phase, watching) = watch::channel(Phase::Running);
    let sink = {
        let (archive, log, progress) = (archive.clone(), house.log.clone(), progress.clone());
        let at = TopicPartition::new(topics::ATTRIBUTED, 0);
        tokio::spawn(async move { run(&archive, log, at, watching, progress).await })
    };
    let commit = house.path("archive").join("messages/_commits/attributed-0-0-699.json");
    while !commit.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    phase.send(Phase::Stopping).expect("the sink listens");
    sink.await.expect("no panic").expect("stops");
    assert!(parquet_files(&house.path("archive"), "messages").iter().all(|name| name.contains("-0-699.")));

    house.drain(topics::ATTRIBUTED, "archive", SMALL).await.expect("drains");
    house.drain(topics::ATTRIBUTED, "undisturbed", SMALL).await.expect("drains");
    assert!(files(&house.path("archive")) == files(&house.path("undisturbed")));

    // More of the stream after the drain: its range begins where the drain ended.
    house.append(topics::ATTRIBUTED, &stream(1_200)[1_000..], 10).await;
    house.drain(topics::ATTRIBUTED, "archive", SMALL).await.expect("drains");
    let last = house.path("archive").join("messages/_commits/attributed-0-1000-1199.json");
    assert!(fs::exists(last).expect("a readable folder"));
}

/// One that does not know yet that it was replaced, and its successor.
#[tokio::test(flavor = "multi_thread")]
async fn two_writers_of_one_partition_leave_what_one_alone_would() {
    let house = House::new().await;
    house.append(topics::ATTRIBUTED, &stream(6_000), 500).await;
    house.drain(topics::ATTRIBUTED, "undisturbed", SMALL).await.expect("drains");
    let undisturbed = files(&house.path("undisturbed"));
    for round in 0..10 {
        let archive = format!("shared-{round}");
        let write = || house.drain(topics::ATTRIBUTED, &archive, SMALL);
        // One may fail, when the other cleared away what it was about to rename; never may both leave damage.
        let _ = tokio::join!(write(), write(), write());
        write().await.expect("drains");
        assert!(files(&house.path(&archive)) == undisturbed, "round {round}");
    }
}
