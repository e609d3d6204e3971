//! Commit records: which ranges are written, and so where reading goes on.
//!
//! A range's record is written last and names all its files. The records of a partition, one behind the other, are
//! the sink's only position.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tickertape_broker::{Offset, TopicPartition};

use super::encode::{ARCHIVE_SCHEMA, PROGRAM};
use super::range::{InputPosition, SortedRange};
use super::{Archive, Error, Result};

/// Holds the commit records of a table. Readers skip folders that begin with `_`.
pub(super) const COMMITS: &str = "_commits";

/// Records read at once when an archive is opened: hides the latency of an object store.
const READS_AT_ONCE: usize = 16;

/// One range that is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Commit {
    /// Layout of this record and of the files, [`ARCHIVE_SCHEMA`].
    pub(super) archive_schema: u16,
    /// Who wrote it.
    pub(super) program: String,
    pub(super) topic: String,
    pub(super) partition: u32,
    /// Epoch of the topic.
    #[serde(with = "hex")]
    pub(super) epoch: u64,
    pub(super) first_offset: Offset,
    pub(super) last_offset: Offset,
    /// Input offset and sequence of the last row so far: what comes at or before it is a repeated append.
    pub(super) last_input: Option<InputPosition>,
    /// Rows in all files.
    pub(super) rows: u64,
    /// Records left out because a newer revision of the message is in the same range.
    pub(super) superseded: u64,
    /// Records left out because they had been appended before.
    pub(super) repeats: u64,
    /// Records left out because they could not be understood.
    pub(super) unreadable: u64,
    pub(super) files: Vec<CommittedFile>,
}

/// One file of a range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CommittedFile {
    /// Below the table's folder.
    pub(super) name: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Commit {
    pub(super) fn new(range: &SortedRange, epoch: u64, files: Vec<CommittedFile>) -> Self {
        Self {
            archive_schema: ARCHIVE_SCHEMA,
            program: PROGRAM.to_owned(),
            topic: range.at.topic.clone(),
            partition: range.at.partition,
            epoch,
            first_offset: range.first,
            last_offset: range.last(),
            last_input: range.last_input,
            rows: range.rows(),
            superseded: range.superseded,
            repeats: range.repeats,
            unreadable: range.unreadable,
            files,
        }
    }

    /// Writes the record; the range counts when this returns.
    pub(super) async fn write(&self, archive: &Archive, table: &str) -> Result<()> {
        let at = TopicPartition::new(self.topic.clone(), self.partition);
        let own = format!("{}.json", range_name(&at, self.first_offset, self.last_offset));
        let same_start = format!("{}{}-", stem(&at), self.first_offset);
        let commits = archive.list(&format!("{table}/{COMMITS}")).await?;
        if let Some(other) = commits.into_keys().find(|name| name.starts_with(&same_start) && *name != own) {
            return Err(Error::Taken { commit: format!("{table}/{COMMITS}/{other}") });
        }
        let name = format!("{table}/{COMMITS}/{own}");
        archive.write(&name, self.encode().into()).await
    }

    /// The record as it lies in the archive.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("a commit record can be written as JSON");
        json.push(b'\n');
        json
    }
}

/// What the files of a partition's range are called: `attributed-0-0-4095`.
pub(super) fn range_name(at: &TopicPartition, first: Offset, last: Offset) -> String {
    format!("{}{first}-{last}", stem(at))
}

/// How the names of a partition's files begin.
pub(super) fn stem(at: &TopicPartition) -> String {
    format!("{}-{}-", at.topic, at.partition)
}

/// The range in a file's name, when the file is of this partition.
pub(super) fn range_in(name: &str, at: &TopicPartition, extension: &str) -> Option<(Offset, Offset)> {
    let range = name.strip_prefix(&stem(at))?.strip_suffix(extension)?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// What an archive holds of one partition.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Epoch and offset to go on from; none when nothing is committed.
    pub(super) position: Option<(u64, Offset)>,
    pub(super) last_input: Option<InputPosition>,
    /// Files of a range whose commit record was never written: to be replaced or deleted, for it may end elsewhere
    /// this time.
    pub(super) uncommitted: Vec<String>,
}

impl History {
    /// Reads the commit records and checks that everything they name is there.
    pub(super) async fn read(archive: &Archive, table: &str, at: &TopicPartition) -> Result<Self> {
        let files = archive.list(table).await?;
        let mut ranges: Vec<_> = files
            .keys()
            .filter_map(|name| {
                let record = name.strip_prefix(COMMITS)?.strip_prefix('/')?;
                Some((range_in(record, at, ".json")?, format!("{table}/{name}")))
            })
            .collect();
        ranges.sort();
        let commits: Vec<(Commit, String)> = stream::iter(ranges)
            .map(|(range, name)| read_commit(archive.clone(), at.clone(), range, name))
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;

        let mut history = Self::default();
        let mut committed = BTreeSet::new();
        for (commit, name) in &commits {
            if let Some((_, expected)) = history.position
                && expected != commit.first_offset
            {
                let found = commit.first_offset;
                return Err(Error::MissingCommit { commit: name.clone(), expected, found });
            }
            for file in &commit.files {
                check_file(&files, table, file, name)?;
                committed.insert(file.name.as_str());
            }
            history.position = Some((commit.epoch, commit.last_offset + 1));
            history.last_input = commit.last_input;
        }
        history.uncommitted = uncommitted(&files, &committed, table, at, history.position)?;
        Ok(history)
    }
}

pub(super) async fn read_commit(
    archive: Archive,
    at: TopicPartition,
    range: (Offset, Offset),
    name: String,
) -> Result<(Commit, String)> {
    let damaged = |reason: String| Error::DamagedCommit { commit: name.clone(), reason };
    let bytes = archive.read(&name).await?;
    let commit: Commit = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if commit.archive_schema > ARCHIVE_SCHEMA {
        let found = commit.archive_schema;
        return Err(damaged(format!(
            "it has archive schema {found}, this build knows up to {ARCHIVE_SCHEMA}"
        )));
    }
    let says = (commit.topic.as_str(), commit.partition, commit.first_offset, commit.last_offset);
    if says != (at.topic.as_str(), at.partition, range.0, range.1) || range.0 > range.1 {
        return Err(damaged("it is about another range than its name says".to_owned()));
    }
    Ok((commit, name))
}

fn check_file(files: &BTreeMap<String, u64>, table: &str, file: &CommittedFile, commit: &str) -> Result<()> {
    let (name, commit) = (format!("{table}/{}", file.name), commit.to_owned());
    match files.get(&file.name) {
        None => Err(Error::MissingFile { file: name, commit }),
        Some(&found) if found != file.bytes => {
            Err(Error::ChangedFile { file: name, commit, expected: file.bytes, found })
        }
        Some(_) => Ok(()),
    }
}

/// The partition's files that no commit record names. Crashes leave those of the next range only, wherever it was to
/// end; others mean that commit records were lost, and then nothing may be deleted.
fn uncommitted(
    files: &BTreeMap<String, u64>,
    committed: &BTreeSet<&str>,
    table: &str,
    at: &TopicPartition,
    position: Option<(u64, Offset)>,
) -> Result<Vec<String>> {
    let mut next_start = None;
    let mut uncommitted = Vec::new();
    for name in files.keys().filter(|name| !committed.contains(name.as_str())) {
        let Some((_, file)) = name.rsplit_once('/') else { continue };
        let Some(range) = range_in(file, at, ".parquet") else { continue };
        let follows = position.is_none_or(|(_, next)| range.0 == next);
        if !follows || *next_start.get_or_insert(range.0) != range.0 {
            return Err(Error::UnknownFile { file: format!("{table}/{name}") });
        }
        uncommitted.push(format!("{table}/{name}"));
    }
    Ok(uncommitted)
}

/// Numbers of 64 bits as text, because many readers of JSON round them.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{number:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}
