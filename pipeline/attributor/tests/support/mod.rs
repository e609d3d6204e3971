//! A log of its own for each test, and messages to put on it.
#![allow(dead_code, reason = "no test uses all of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tickertape_attribution::chain::ChainConfig;
use tickertape_attributor::{Options, Progress, run};
use tickertape_broker::{BatchBuilder, Broker, Embedded, Phase, TopicPartition, TopicSpec};
use tickertape_coins::{Coin, CoinList};
use tickertape_records::{CoinListRecord, CoinSwap, ListedCoin, Message, SCHEMA, key, topics};
use tokio::sync::watch;

/// Partitions of the topics that hold messages.
pub(crate) const PARTITIONS: u32 = 2;

pub(crate) struct House {
    directory: TempDir,
    pub(crate) broker: Arc<dyn Broker>,
}

impl House {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let broker: Arc<dyn Broker> = Arc::new(Embedded::open(&directory.path().join("log")).expect("opens"));
        let house = Self { directory, broker };
        for name in topics::ALL {
            house.create(name).await;
        }
        house
    }

    pub(crate) async fn create(&self, name: &str) {
        let spec = TopicSpec { name: name.into(), partitions: PARTITIONS, retention: Default::default() };
        self.broker.create_topic(&spec).await.expect("creates");
    }

    pub(crate) fn checkpoints(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.checkpoints().join("messages-0.checkpoint")
    }

    pub(crate) async fn append(&self, values: &[Vec<u8>]) {
        self.append_to(0, values).await;
    }

    pub(crate) async fn append_to(&self, partition: u32, values: &[Vec<u8>]) {
        let mut batch = BatchBuilder::default();
        for value in values {
            batch.push(key(CHAT).as_bytes(), value);
        }
        self.put(TopicPartition::new(topics::MESSAGES, partition), batch).await;
    }

    /// Puts a list on the topic, unless it is the newest there.
    pub(crate) async fn publish(&self, list: &CoinList) -> u64 {
        let at = TopicPartition::new(topics::COIN_LISTS, 0);
        let values = self.records(topics::COIN_LISTS).await;
        let coins: Vec<_> = list.coins.iter().map(listed).collect();
        let newest = values.last().and_then(|value| CoinListRecord::decode(value).ok());
        if newest.is_some_and(|newest| newest.coins == coins) {
            return values.len() as u64;
        }
        let version = values.len() as u64 + 1;
        let record = CoinListRecord { schema: SCHEMA, version, as_of: list.as_of.clone(), coins };
        let mut batch = BatchBuilder::default();
        batch.push_with(b"", |out| record.encode_into(out));
        self.put(at, batch).await;
        version
    }

    pub(crate) async fn put(&self, at: TopicPartition, batch: BatchBuilder) {
        self.broker.append(vec![(at, batch)]).await.expect("room").await.expect("durable");
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            matching: tickertape_attribution::Options::default(),
            chain: ChainConfig::default(),
            checkpoints: self.checkpoints().to_owned(),
        }
    }

    /// Runs the stage with this list until everything appended is attributed.
    pub(crate) async fn attribute(&self, list: &CoinList) -> Arc<Progress> {
        self.publish(list).await;
        self.drain(0).await.expect("attributes")
    }

    /// Runs the stage until everything appended is attributed.
    pub(crate) async fn drain(&self, partition: u32) -> Result<Arc<Progress>, tickertape_attributor::Error> {
        let progress = Arc::new(Progress::default());
        let (_phase, phase) = watch::channel(Phase::Draining);
        run(self.broker.clone(), partition, self.options(), progress.clone(), phase).await?;
        Ok(progress)
    }

    /// What a replay from the first record writes, on a machine that has nothing but the log.
    pub(crate) async fn replayed(&self) -> Vec<Vec<u8>> {
        self.broker.delete_topic(topics::ATTRIBUTED).await.expect("deletes");
        self.create(topics::ATTRIBUTED).await;
        _ = std::fs::remove_file(self.checkpoint());
        self.drain(0).await.expect("replays");
        self.records(topics::ATTRIBUTED).await
    }

    pub(crate) async fn records(&self, topic: &str) -> Vec<Vec<u8>> {
        self.records_of(topic, 0).await
    }

    pub(crate) async fn records_of(&self, topic: &str, partition: u32) -> Vec<Vec<u8>> {
        let at = TopicPartition::new(topic, partition);
        let batches = self.broker.read(&at, 0, usize::MAX).await.expect("reads");
        batches.iter().flat_map(|batch| batch.iter().map(|record| record.value.to_vec())).collect()
    }

    /// (input offset, version) of each swap of a partition.
    pub(crate) async fn swaps(&self, partition: u32) -> Vec<(u64, u64)> {
        let values = self.records_of(topics::COIN_SWAPS, partition).await;
        let swap = |value: &Vec<u8>| CoinSwap::decode(value).expect("a swap");
        values.iter().map(swap).map(|swap| (swap.input_offset, swap.version)).collect()
    }
}

fn listed(coin: &Coin) -> ListedCoin {
    ListedCoin { id: coin.id.clone(), symbol: coin.symbol.clone(), name: coin.name.clone(), rank: coin.rank }
}

/// The coins of the story: a short list is built in a moment.
pub(crate) fn short_list() -> CoinList {
    let mut list = CoinList::snapshot();
    list.coins.retain(|coin| ["bitcoin", "ethereum", "solana", "dogecoin"].contains(&coin.id.as_str()));
    list
}

/// The same without one of them.
pub(crate) fn list_without(id: &str) -> CoinList {
    let mut list = short_list();
    list.coins.retain(|coin| coin.id != id);
    list
}

const CHAT: i64 = -1_000_000_000_007;

pub(crate) fn message(id: i64, text: &str, reply_to: Option<i64>) -> Vec<u8> {
    let message = Message {
        schema: SCHEMA,
        chat_id: CHAT,
        message_id: id,
        date: 1_600_000_000 + id,
        text: text.into(),
        reply_to_message_id: reply_to,
        ..Message::default()
    };
    let mut value = Vec::new();
    message.encode_into(&mut value);
    value
}

pub(crate) fn deletion(id: i64) -> Vec<u8> {
    let tombstone = Message {
        schema: SCHEMA,
        chat_id: CHAT,
        message_id: id,
        deleted_at: Some(1_600_001_000),
        ..Message::default()
    };
    let mut value = Vec::new();
    tombstone.encode_into(&mut value);
    value
}

/// Replies in chains, repeats, ties, a deletion, a broken record; in small appends so that there is somewhere to stop.
pub(crate) fn story() -> Vec<Vec<Vec<u8>>> {
    let texts = ["$BTC", "ok", "#eth or #btc", "nice", "Solana", "?", "$DOGE $DOGE", "hm"];
    let value = |i: i64| match i {
        17 => b"not json".to_vec(),
        29 => deletion(27),
        _ => message(i - i / 13 % 2, texts[(i % 8) as usize], (i % 3 != 0).then_some(i - 1 + i % 5)),
    };
    (0..12).map(|batch| (0..8).map(|i| value(1 + batch * 8 + i)).collect()).collect()
}
