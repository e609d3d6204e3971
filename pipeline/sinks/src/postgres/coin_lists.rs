//! The rows of table `coin_list_records`, from topic `coin-lists`.

use tickertape_records::{CoinListRecord, Error, topics};

use super::table::{Column, Row, json, signed};

impl Row for CoinListRecord {
    const TOPIC: &'static str = topics::COIN_LISTS;
    const TABLE: &'static str = "coin_list_records";
    const KEY: &'static [&'static str] = &["version"];
    const COLUMNS: &'static [Column<Self>] = &[
        ("version", |list, rows| rows.bigint(list.version as i64)), // as checked
        ("as_of", |list, rows| rows.text(&list.as_of)),
        ("coins", |list, rows| rows.jsonb(&json(&list.coins))),
    ];

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }

    fn check(&self) -> Result<(), String> {
        signed("version", self.version).map(drop)
    }
}
