//! A real log and a real database for the manager, and a producer that is a script.
#![allow(dead_code, reason = "each of the tests that share this uses a part of it")]
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tickertape_broker::{BatchBuilder, Broker, Embedded, Retention, TopicPartition, TopicSpec};
use tickertape_coins::CoinList;
use tickertape_records::{CoinListRecord, Instruction, ListedCoin, SCHEMA, topics};

use crate::world::Said;

/// A database with the tables of this build.
pub async fn database(url: &str) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(4).connect(url).await.unwrap();
    sqlx::migrate!("../../migrations").run(&pool).await.unwrap();
    pool
}

pub async fn log(dir: &Path) -> Embedded {
    let log = Embedded::open(dir).unwrap();
    for name in topics::ALL {
        let spec = TopicSpec { name: name.to_owned(), partitions: 1, retention: Retention::default() };
        log.create_topic(&spec).await.unwrap();
    }
    log
}

/// Appends records to the topics they belong to.
pub async fn append(log: &dyn Broker, records: &[Said]) {
    let mut batches = [topics::CLIENTS, topics::CHANNELS, topics::LINKS]
        .map(|topic| (TopicPartition::new(topic, 0), BatchBuilder::default()));
    for record in records {
        match record {
            Said::Client(report) => {
                batches[0].1.push_with(report.account.as_bytes(), |out| report.encode_into(out));
            }
            Said::Channel(seen) => {
                batches[1].1.push_with(seen.chat_id.to_string().as_bytes(), |out| seen.encode_into(out));
            }
            Said::Link(link) => {
                batches[2].1.push_with(link.chat_id.to_string().as_bytes(), |out| link.encode_into(out));
            }
        }
    }
    let batches: Vec<_> = batches.into_iter().filter(|(_, batch)| !batch.is_empty()).collect();
    if !batches.is_empty() {
        log.append(batches).await.unwrap().await.unwrap();
    }
}

/// Every record of topic `instructions`, repeats included, from `from` on.
pub async fn instructions(log: &dyn Broker, from: u64) -> Vec<Instruction> {
    let at = TopicPartition::new(topics::INSTRUCTIONS, 0);
    let (mut next, end) = (from, log.bounds(&at).await.unwrap().end);
    let mut found = Vec::new();
    while next < end {
        for batch in log.read(&at, next, 1 << 20).await.unwrap() {
            found.extend(batch.iter().map(|record| Instruction::decode(record.value).unwrap()));
            next = batch.end_offset();
        }
    }
    found
}

/// The instructions without their repeats.
pub fn distinct(instructions: Vec<Instruction>) -> Vec<Instruction> {
    let mut seen = BTreeSet::new();
    instructions.into_iter().filter(|instruction| seen.insert(instruction.id.clone())).collect()
}

/// Puts the built-in coin list with these coins behind it in force.
pub async fn publish(log: &dyn Broker, more: &[&str]) {
    let at = TopicPartition::new(topics::COIN_LISTS, 0);
    let version = log.bounds(&at).await.unwrap().end + 1;
    let list = CoinList::snapshot();
    let known = list.coins.into_iter().map(|coin| ListedCoin {
        id: coin.id,
        symbol: coin.symbol,
        name: coin.name,
        rank: coin.rank,
    });
    let new = more.iter().enumerate().map(|(place, name)| ListedCoin {
        id: (*name).into(),
        symbol: (*name).into(),
        name: (*name).into(),
        rank: 100 + place as u32,
    });
    let coins = known.chain(new).collect();
    let record = CoinListRecord { schema: SCHEMA, version, as_of: "2026-01-01".into(), coins };
    let mut batch = BatchBuilder::default();
    batch.push_with(b"", |out| record.encode_into(out));
    log.append(vec![(at, batch)]).await.unwrap().await.unwrap();
}

/// SplitMix64: small and seeded.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 up to, not including, `below`.
    pub fn below(&mut self, below: u64) -> u64 {
        self.next() % below
    }
}
