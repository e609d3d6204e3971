//! Going on with an archive after its topics were copied to another log, record for record at the same offsets.

use tickertape_broker::{self as broker, TopicPartition};

use super::commit::{COMMITS, range_in, read_commit};
use super::{Archive, Result};

/// Says that the partition's archive, written from epoch `from` of the topic, is continued from epoch `to`.
///
/// Only the newest commit record tells where to go on, so it alone is written anew, in one step. Said twice it changes
/// nothing, and an archive that holds nothing of the partition is left as it is.
///
/// # Errors
/// [`broker::Error::TopicReset`] when the archive was written from neither of the two.
pub async fn adopt(archive: &Archive, at: &TopicPartition, from: u64, to: u64) -> Result<()> {
    let files = archive.list("").await?;
    let newest = files.into_keys().filter_map(|name| {
        let (_, record) = name.split_once(&format!("/{COMMITS}/"))?;
        Some((range_in(record, at, ".json")?, name))
    });
    let Some((range, name)) = newest.max() else { return Ok(()) };
    let (mut commit, name) = read_commit(archive.clone(), at.clone(), range, name).await?;
    if commit.epoch == to {
        return Ok(());
    }
    if commit.epoch != from {
        let topic = at.topic.clone();
        return Err(broker::Error::TopicReset { topic, stored: commit.epoch, current: from }.into());
    }
    commit.epoch = to;
    archive.write(&name, commit.encode().into()).await
}
