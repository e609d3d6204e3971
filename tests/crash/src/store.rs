//! What a data directory holds after a run: the rows of the database and the files of the archive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::input::{Identities, Identity};

/// Everything that must not depend on kills.
pub(crate) struct Contents {
    /// Table → its rows as text, in key order.
    tables: BTreeMap<&'static str, String>,
    /// Path below the archive → bytes.
    archive: BTreeMap<PathBuf, Bytes>,
}

/// Each table's rows as text, in the order of its key. Positions count: a kill must not leave another offset.
const TABLES: [(&str, &str); 4] = [
    ("messages", "SELECT m::text FROM messages m ORDER BY chat_id, message_id"),
    ("events", "SELECT e::text FROM events e ORDER BY chat_id, message_id"),
    ("dead_letters", "SELECT id, reason, record FROM dead_letters ORDER BY id"),
    ("positions", "SELECT topic, partition, epoch, next_offset FROM positions ORDER BY topic, partition"),
];

impl Contents {
    pub(crate) fn read(tickertape: &Path, data: &Path) -> Result<Self> {
        let mut tables = BTreeMap::new();
        for (table, sql) in TABLES {
            tables.insert(table, query(tickertape, data, sql)?);
        }
        let root = data.join("archive");
        let mut archive = BTreeMap::new();
        for path in files(&root)? {
            let below = path.strip_prefix(&root)?.to_owned();
            archive.insert(below, fs::read(&path)?.into());
        }
        Ok(Self { tables, archive })
    }

    pub(crate) fn parquet_files(&self) -> usize {
        self.archive.keys().filter(|path| is_parquet(path)).count()
    }

    /// Every identity once in Postgres and once in Parquet, and nothing else.
    pub(crate) fn holds_exactly(&self, expected: &Identities) -> Result<()> {
        for (table, identities) in [("messages", &expected.messages), ("events", &expected.events)] {
            let rows = self.tables[table].lines().skip(1).count();
            ensure!(
                rows == identities.len(),
                "{table} in Postgres: {rows} rows, {} expected",
                identities.len()
            );
            self.archived(table, identities)?;
        }
        Ok(())
    }

    fn archived(&self, table: &str, expected: &BTreeSet<Identity>) -> Result<()> {
        let mut found = BTreeSet::new();
        for (path, bytes) in
            self.archive.iter().filter(|(path, _)| path.starts_with(table) && is_parquet(path))
        {
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone())
                .and_then(|builder| builder.build())
                .with_context(|| format!("{} is not readable", path.display()))?;
            for batch in reader {
                for identity in identities(&batch?)? {
                    ensure!(found.insert(identity), "{table} in Parquet: {identity:?} is there twice");
                }
            }
        }
        ensure!(
            found == *expected,
            "{table} in Parquet: {} missing, {} unexpected",
            expected.difference(&found).count(),
            found.difference(expected).count()
        );
        Ok(())
    }

    /// Byte for byte what the other holds.
    pub(crate) fn equals(&self, other: &Self) -> Result<()> {
        for (table, rows) in &self.tables {
            if let Some((ours, theirs)) = rows.lines().zip(other.tables[table].lines()).find(|(a, b)| a != b)
            {
                bail!("{table} differs from the undisturbed run:\n  {ours}\n  {theirs}");
            }
            ensure!(rows == &other.tables[table], "{table} has another number of rows than undisturbed");
        }
        let (ours, theirs): (Vec<_>, Vec<_>) =
            (self.archive.keys().collect(), other.archive.keys().collect());
        ensure!(ours == theirs, "other files than in the undisturbed run: {ours:?} instead of {theirs:?}");
        for (path, bytes) in &self.archive {
            ensure!(bytes == &other.archive[path], "{} differs from the undisturbed run", path.display());
        }
        Ok(())
    }
}

fn identities(batch: &RecordBatch) -> Result<Vec<Identity>> {
    let column = |name: &str| {
        let column = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
        column.as_primitive_opt::<Int64Type>().with_context(|| format!("{name} is not int64"))
    };
    let (chats, messages) = (column("chat_id")?, column("message_id")?);
    Ok(chats.values().iter().copied().zip(messages.values().iter().copied()).collect())
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "parquet")
}

fn query(tickertape: &Path, data: &Path, sql: &str) -> Result<String> {
    let output = Command::new(tickertape)
        .args(["db", "--data"])
        .arg(data)
        .args(["query", sql])
        .env_remove("DATABASE_URL")
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the database cannot be read: {said}");
    Ok(String::from_utf8(output.stdout)?)
}

fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).with_context(|| format!("cannot list {}", root.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// Copies a directory whole.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().context("a directory entry has a name")?);
        if path.is_dir() {
            copy(&path, &target)?;
        } else if path.is_file() {
            fs::copy(&path, &target)?; // not a socket, which a killed database leaves behind
        }
    }
    Ok(())
}
