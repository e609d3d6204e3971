//! `tickertape log copy`: from the embedded log to a Fluvio cluster, with everything that was stored from it.
//!
//! Every record gets the offset it had, so all positions keep their meaning; what changes is the epoch they belong to.
//! First all topics are copied and compared, then attribution's checkpoints are removed, then the stored positions are
//! handed over. Killed in between, it is run again: what is there is compared and gone on with.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use sqlx::{AssertSqlSafe, PgPool};
use tickertape_broker::{BatchBuilder, Broker, Embedded, Fluvio, Offset, TopicPartition, TopicSpec};
use tickertape_records::{CoinSwap, topics};
use tickertape_sinks::parquet::{self, Archive};
use tickertape_sinks::postgres::Database;

use crate::cli::Common;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::{db, engine};

/// Bytes read and appended at once.
const PORTION: usize = 1 << 20;
/// The tables that hold positions of topics.
const POSITIONS: [&str; 2] = ["positions", "manager.positions"];

/// The epoch of each topic on one log.
type Epochs = BTreeMap<String, u64>;

/// Copies what the data directory holds to the cluster of the configuration.
pub(crate) async fn run(common: &Common) -> Result<()> {
    let config = Config::load(common.config.as_deref())?;
    let data = DataDir::new(&common.data);
    ensure!(data.log().is_dir(), "there is no embedded log in {}", data.log().display());
    let from = Embedded::open(&data.log())?;
    let to = Fluvio::connect(config.fluvio()).await?;
    let (old, new) = copy(&from, &to, &config).await?;

    let checkpoints = config.checkpoints(&data);
    if checkpoints.is_dir() {
        // They are of the old epoch; the chains are built again from the messages.
        fs::remove_dir_all(&checkpoints)
            .with_context(|| format!("cannot remove {}", checkpoints.display()))?;
    }
    let archive = Archive::local(&data.archive())?;
    for topic in from.topics().await? {
        for partition in 0..topic.partitions {
            let at = TopicPartition::new(&topic.name, partition);
            parquet::adopt(&archive, &at, old[&topic.name], new[&topic.name]).await?;
        }
    }
    let database = Database::open(db::target(&config, &data)?).await?;
    let adopted = adopt_positions(database.pool(), &old, &new).await;
    database.close().await?;
    adopted?;
    eprintln!("done: set log.engine = \"fluvio\" in the configuration; the embedded log is no longer needed");
    Ok(())
}

/// Copies every topic; returns its epochs there and here.
async fn copy(from: &dyn Broker, to: &dyn Broker, config: &Config) -> Result<(Epochs, Epochs)> {
    let (mut old, mut new) = (Epochs::new(), Epochs::new());
    let topics = from.topics().await?;
    for topic in &topics {
        for partition in 0..topic.partitions {
            let at = TopicPartition::new(&topic.name, partition);
            let start = from.bounds(&at).await?.start;
            ensure!(
                start == 0,
                "{at} begins at offset {start}: retention deleted its beginning, and what is left cannot keep its offsets \
                 on another log; drain it with `tickertape run` and begin anew with another database and data directory"
            );
        }
        let spec = TopicSpec { partitions: topic.partitions, ..engine::spec(&topic.name, config) };
        new.insert(topic.name.clone(), to.create_topic(&spec).await?.epoch);
        old.insert(topic.name.clone(), topic.epoch);
    }
    for topic in &topics {
        for partition in 0..topic.partitions {
            let at = TopicPartition::new(&topic.name, partition);
            let records = copy_partition(from, to, &at, &old, &new).await?;
            eprintln!("{at}: {records} records");
        }
    }
    Ok((old, new))
}

/// Compares what is there already, and appends the rest. Returns how many records there are.
async fn copy_partition(
    from: &dyn Broker,
    to: &dyn Broker,
    at: &TopicPartition,
    old: &Epochs,
    new: &Epochs,
) -> Result<Offset> {
    let end = from.bounds(at).await?.end;
    let there = to.bounds(at).await?;
    let differs = || {
        format!("{at} on the cluster is not a copy of the one here; delete the topic there and copy again")
    };
    ensure!(there.start == 0 && there.end <= end, differs());
    let mut next = 0;
    while next < end {
        let read = from.read(at, next, PORTION).await?;
        let mut portion = Vec::new();
        for record in read.iter().flat_map(|batch| batch.iter()) {
            portion.push((record.key.to_vec(), translate(&at.topic, record.value, old, new)?));
        }
        let first = next;
        next += portion.len() as Offset;
        let known = there.end.clamp(first, next) - first;
        compare(to, at, first, &portion[..known as usize]).await?.then_some(()).with_context(differs)?;
        let mut batch = BatchBuilder::default();
        for (key, value) in &portion[known as usize..] {
            batch.push(key, value);
        }
        if !batch.is_empty() {
            let appended = to.append(vec![(at.clone(), batch)]).await?.await?;
            ensure!(appended == [first + known], differs());
        }
    }
    // A resend after a lost acknowledgement can leave a batch twice.
    ensure!(to.bounds(at).await?.end == end, differs());
    Ok(end)
}

/// Whether the records from `first` on are these.
async fn compare(
    log: &dyn Broker,
    at: &TopicPartition,
    first: Offset,
    records: &[(Vec<u8>, Vec<u8>)],
) -> Result<bool> {
    let mut rest = records;
    while !rest.is_empty() {
        let next = first + (records.len() - rest.len()) as Offset;
        for record in log.read(at, next, PORTION).await?.iter().flat_map(|batch| batch.iter()) {
            let Some(((key, value), others)) = rest.split_first() else { return Ok(true) };
            if (record.key, record.value) != (key, value) {
                return Ok(false);
            }
            rest = others;
        }
    }
    Ok(true)
}

/// The record as it has to be on the other log: only `coin-swaps` names epochs.
fn translate(topic: &str, value: &[u8], old: &Epochs, new: &Epochs) -> Result<Vec<u8>> {
    if topic != topics::COIN_SWAPS {
        return Ok(value.to_vec());
    }
    let mut swap = CoinSwap::decode(value)?;
    for (topic, epoch) in [
        (topics::MESSAGES, &mut swap.messages_epoch),
        (topics::COIN_LISTS, &mut swap.coin_lists_epoch),
        (topics::ATTRIBUTED, &mut swap.attributed_epoch),
    ] {
        // Another one than the topic's own says that the topic was made anew since: that stays so.
        if *epoch == hex(old[topic]) {
            *epoch = hex(new[topic]);
        }
    }
    let mut translated = Vec::new();
    swap.encode_into(&mut translated);
    Ok(translated)
}

fn hex(epoch: u64) -> String {
    format!("{epoch:016x}")
}

/// Hands the stored positions over, all together.
async fn adopt_positions(pool: &PgPool, old: &Epochs, new: &Epochs) -> Result<()> {
    let mut transaction = pool.begin().await?;
    for table in POSITIONS {
        let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(table)
            .fetch_one(&mut *transaction)
            .await?;
        if !there {
            continue;
        }
        for (topic, old) in old {
            let sql = format!("UPDATE {table} SET epoch = $1 WHERE topic = $2 AND epoch = $3");
            let update = sqlx::query(AssertSqlSafe(sql)).bind(hex(new[topic])).bind(topic).bind(hex(*old));
            update.execute(&mut *transaction).await?;
            let sql = format!("SELECT count(*) FROM {table} WHERE topic = $1 AND epoch <> $2");
            let others: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(topic)
                .bind(hex(new[topic]))
                .fetch_one(&mut *transaction)
                .await?;
            if others > 0 {
                bail!("{table} holds positions of {topic} on yet another log; nothing of it was changed");
            }
        }
    }
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    async fn log(dir: &Path, config: &Config) -> Embedded {
        let log = Embedded::open(dir).expect("opens");
        engine::create_topics(&log, config).await.expect("creates");
        log
    }

    async fn append(log: &dyn Broker, topic: &str, values: &[Vec<u8>]) {
        let mut batch = BatchBuilder::default();
        for value in values {
            batch.push(b"key", value);
        }
        let at = TopicPartition::new(topic, 0);
        log.append(vec![(at, batch)]).await.expect("room").await.expect("durable");
    }

    async fn values(log: &dyn Broker, topic: &str) -> Vec<Vec<u8>> {
        let at = TopicPartition::new(topic, 0);
        let read = log.read(&at, 0, usize::MAX / 2).await.expect("reads");
        read.iter()
            .flat_map(|batch| batch.iter().map(|record| record.value.to_vec()).collect::<Vec<_>>())
            .collect()
    }

    async fn epoch(log: &dyn Broker, topic: &str) -> String {
        hex(log.topic(topic).await.expect("answers").expect("is there").epoch)
    }

    #[tokio::test]
    async fn a_copy_that_was_interrupted_goes_on_and_one_of_something_else_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = Config::load(None).expect("the defaults");
        let (from, to) =
            (log(&dir.path().join("from"), &config).await, log(&dir.path().join("to"), &config).await);
        let messages: Vec<Vec<u8>> =
            (0..3_000).map(|n| format!("message {n} {}", "x".repeat(1_000)).into()).collect();
        append(&from, topics::MESSAGES, &messages).await;
        let swap = CoinSwap {
            schema: tickertape_records::SCHEMA,
            input_offset: 0,
            version: 1,
            messages_epoch: epoch(&from, topics::MESSAGES).await,
            coin_lists_epoch: epoch(&from, topics::COIN_LISTS).await,
            attributed_epoch: "an earlier one".into(),
        };
        let mut encoded = Vec::new();
        swap.encode_into(&mut encoded);
        append(&from, topics::COIN_SWAPS, &[encoded]).await;

        append(&to, topics::MESSAGES, &messages[..1_234]).await; // as far as it came
        for _ in 0..2 {
            copy(&from, &to, &config).await.expect("copies");
            assert!(values(&to, topics::MESSAGES).await == messages);
            let swaps = values(&to, topics::COIN_SWAPS).await;
            let copied = CoinSwap::decode(&swaps[0]).expect("is a swap");
            assert_eq!(copied.messages_epoch, epoch(&to, topics::MESSAGES).await);
            assert_eq!(copied.coin_lists_epoch, epoch(&to, topics::COIN_LISTS).await);
            assert_eq!((swaps.len(), copied.attributed_epoch.as_str()), (1, "an earlier one"));
        }

        append(&to, topics::MESSAGES, &[b"another".to_vec()]).await;
        assert!(copy(&from, &to, &config).await.is_err(), "longer than what it is a copy of");
        append(&from, topics::MESSAGES, &[b"one".to_vec(), b"more".to_vec()]).await;
        let error = copy(&from, &to, &config).await.expect_err("another record at the same offset");
        assert!(error.to_string().contains("messages/0"), "{error}");
    }
}
