//! What a power cut leaves behind: a journal whose end is cut off, or was written in part.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use tickertape_broker::{
    BatchBuilder, Broker, Embedded, Error, Result, Retention, TopicPartition, TopicSpec,
};

const APPENDS: u64 = 12;

fn partitions() -> [TopicPartition; 2] {
    [TopicPartition::new("messages", 0), TopicPartition::new("events", 0)]
}

/// Append `i`: `i % 5 + 1` records for each partition, whose values all say `i`.
fn batches(i: u64) -> Vec<(TopicPartition, BatchBuilder)> {
    let mut batch = BatchBuilder::default();
    for _ in 0..=i % 5 {
        batch.push(&i.to_be_bytes(), &[i as u8 + 1; 700]);
    }
    partitions().into_iter().map(|at| (at, batch.clone())).collect()
}

/// A closed log and the length of its journal after each append.
async fn log(dir: &Path) -> Vec<u64> {
    let log = Embedded::open(dir).unwrap();
    for name in ["messages", "events"] {
        let spec = TopicSpec { name: name.into(), partitions: 1, retention: Retention::default() };
        log.create_topic(&spec).await.unwrap();
    }
    let mut lengths = vec![used(&fs::read(journal(dir)).unwrap())];
    for i in 0..APPENDS {
        log.append(batches(i)).await.unwrap().await.unwrap();
        lengths.push(used(&fs::read(journal(dir)).unwrap()));
    }
    lengths
}

fn journal(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir.join("store")).unwrap();
    let mut journals: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .collect();
    assert_eq!(journals.len(), 1);
    journals.remove(0)
}

/// Journals are laid out ahead with zeros.
fn used(journal: &[u8]) -> u64 {
    journal.iter().rposition(|&byte| byte != 0).map_or(0, |last| last as u64 + 1)
}

/// A copy of the log in `dir` with another journal.
fn with_journal(dir: &Path, content: &[u8]) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_without_journal(dir, copy.path());
    fs::write(copy.path().join("store").join(journal(dir).file_name().unwrap()), content).unwrap();
    copy
}

fn copy_without_journal(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_without_journal(&entry.path(), &target);
        } else if entry.path().extension().is_none_or(|extension| extension != "jnl") {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// How many appends the log holds: the first ones, whole, and the same in both partitions.
async fn appends(dir: &Path) -> Result<u64> {
    let log = Embedded::open(dir)?;
    let mut found = Vec::new();
    for at in partitions() {
        if log.topic(&at.topic).await?.is_none() {
            found.push(0);
            continue;
        }
        let batches = log.read(&at, 0, usize::MAX).await?;
        let keys: Vec<u64> = batches
            .iter()
            .flat_map(|batch| {
                batch.iter().map(|r| u64::from_be_bytes(r.key.try_into().unwrap())).collect::<Vec<_>>()
            })
            .collect();
        let count = keys.last().map_or(0, |last| last + 1);
        let expected: Vec<u64> = (0..count).flat_map(|i| vec![i; i as usize % 5 + 1]).collect();
        assert_eq!(keys, expected, "{at}");
        found.push(count);
    }
    assert_eq!(found[0], found[1], "in both partitions or in none");
    Ok(found[0])
}

/// The log goes on behind what is left.
async fn append_behind(dir: &Path, found: u64) {
    let log = Embedded::open(dir).unwrap();
    for name in ["messages", "events"] {
        let spec = TopicSpec { name: name.into(), partitions: 1, retention: Retention::default() };
        log.create_topic(&spec).await.unwrap();
    }
    log.append(batches(found)).await.unwrap().await.unwrap();
    drop(log);
    assert_eq!(appends(dir).await.unwrap(), found + 1);
}

#[tokio::test]
async fn a_journal_cut_anywhere_keeps_every_append_before_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    let lengths = log(dir.path()).await;
    let content = fs::read(journal(dir.path())).unwrap();
    let end = lengths[APPENDS as usize];
    let cuts = (0..end).step_by(1499).chain(lengths.iter().flat_map(|&l| [l - 1, l, (l + 1).min(end)]));
    for cut in cuts {
        let copy = with_journal(dir.path(), &content[..cut as usize]);
        let found = appends(copy.path()).await.unwrap();
        let acknowledged = lengths[1..].iter().filter(|&&length| length <= cut).count() as u64;
        assert_eq!(found, acknowledged, "cut at {cut} of {end}");
        append_behind(copy.path(), found).await;
    }
}

#[tokio::test]
async fn a_last_append_written_in_part_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let lengths = log(dir.path()).await;
    let content = fs::read(journal(dir.path())).unwrap();
    let [start, end] =
        [lengths[APPENDS as usize - 1], lengths[APPENDS as usize]].map(|length| length as usize);
    for hole in (start..end).step_by(512) {
        let mut torn = content.clone();
        torn[hole..(hole + 512).min(end)].fill(0);
        torn.truncate(end + 4096);
        let copy = with_journal(dir.path(), &torn);
        let found = appends(copy.path()).await;
        assert!(
            matches!(found, Ok(found) if found == APPENDS - 1),
            "hole at {} of {}: {found:?}",
            hole - start,
            end - start
        );
        append_behind(copy.path(), APPENDS - 1).await;
    }
}

#[tokio::test]
async fn damage_further_back_is_never_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let lengths = log(dir.path()).await;
    let content = fs::read(journal(dir.path())).unwrap();
    let mut refused = 0;
    for at in (0..lengths[APPENDS as usize - 1] as usize).step_by(197) {
        let mut damaged = content.clone();
        damaged[at] ^= 0x55;
        let copy = with_journal(dir.path(), &damaged);
        match appends(copy.path()).await {
            // A few bytes mean nothing to the log: the store's own sequence numbers.
            Ok(found) => assert_eq!(found, APPENDS, "byte {at}"),
            Err(Error::Storage { doing: "opened", reason, .. }) if reason.contains("damaged at byte") => {
                refused += 1
            }
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    assert!(refused > 200, "{refused}");
}
