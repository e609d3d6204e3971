//! The module in the real engine says what the native code says, byte for byte.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "tests")]

use std::path::PathBuf;

use serde_json::{Value, json};
use tickertape_attribution::{Matcher, Options, Tally, Verdict};
use tickertape_coins::{CoinList, Rules};
use tickertape_mentions::enrich::Enricher;
use tickertape_records::{CoinListRecord, ListedCoin, MessageHead, SCHEMA};
use tickertape_smartmodule_test::{Engine, messages, module};

/// Records that one call of the module gets: a batch of the log is about as large.
const BATCH: usize = 500;

fn built() -> Option<Vec<u8>> {
    let module = module();
    if module.is_none() {
        println!("skipped: the SmartModule is not built (make smartmodule)");
    }
    module
}

/// Sends the values through the engine and compares each with the native code.
fn compare(values: &[Vec<u8>], list: Option<&str>) -> usize {
    let Some(module) = built() else { return 0 };
    let params: Vec<_> = list.iter().map(|list| ("coin_list", *list)).collect();
    let mut engine = Engine::new(module, &params).unwrap();
    let mut native = Enricher::new(list, None).unwrap();
    let mut compared = 0;
    for batch in values.chunks(BATCH) {
        let outputs = engine.process(batch).unwrap();
        assert_eq!(outputs.len(), batch.len());
        for (value, output) in batch.iter().zip(&outputs) {
            assert_eq!(output, &native.enrich(value), "{}", String::from_utf8_lossy(value));
            compared += 1;
        }
    }
    compared
}

#[test]
fn ten_thousand_generated_messages_come_out_equal() {
    if module().is_some() {
        assert_eq!(compare(&messages::generate(10_000), None), 10_000);
    } else {
        built();
    }
}

#[test]
fn the_module_agrees_with_the_matcher_itself() {
    let Some(module) = built() else { return };
    let mut engine = Engine::new(module, &[]).unwrap();
    let matcher = Matcher::new(&CoinList::snapshot(), &Rules::builtin(), Options::default()).unwrap();
    let (mut tally, mut mentions) = (Tally::new(&matcher), Vec::new());
    let values = messages::generate(2_000);
    let (mut coins, mut broken) = (0, 0);
    for (value, output) in values.iter().zip(engine.process(&values).unwrap()) {
        let Ok(head) = MessageHead::decode(value) else {
            let reason =
                serde_json::from_slice::<Value>(&output).map(|record| record["own"]["error"].is_string());
            assert!(reason.unwrap_or(&output == value), "{}", String::from_utf8_lossy(&output));
            broken += 1;
            continue;
        };
        mentions.clear();
        matcher.mentions(&head.text, &mut mentions);
        let record: Value = serde_json::from_slice(&output).unwrap();
        let expected = match tally.count(&mentions) {
            Verdict::Direct(coin) => json!([matcher.coin_id(coin), "direct"]),
            Verdict::Tie => json!([null, "tie"]),
            Verdict::None => json!([null, "none"]),
        };
        assert_eq!(json!([record["own"]["coin_id"], record["own"]["basis"]]), expected);
        coins += usize::from(!expected[0].is_null());
    }
    assert!(coins > 500 && broken > 50, "{coins} with a coin, {broken} broken: the messages test nothing");
}

#[test]
fn the_golden_messages_come_out_equal_under_their_own_list() {
    let shared = std::env::var_os("TICKERTAPE_SHARED").map(PathBuf::from);
    let Some(golden) =
        shared.and_then(|shared| std::fs::read_to_string(shared.join("attribution-golden.jsonl")).ok())
    else {
        println!("skipped: no attribution-golden.jsonl under TICKERTAPE_SHARED");
        return;
    };
    let values: Vec<Vec<u8>> = golden
        .lines()
        .enumerate()
        .map(|(i, line)| {
            let text = serde_json::from_str::<Value>(line).unwrap()["text"].clone();
            json!({"schema": 1, "chat_id": 1, "message_id": i, "date": 1, "text": text})
                .to_string()
                .into_bytes()
        })
        .collect();
    let coins = CoinList::snapshot().coins.into_iter().rev().take(30);
    let coins =
        coins.map(|c| ListedCoin { id: c.id, symbol: c.symbol, name: c.name, rank: c.rank }).collect();
    let list = CoinListRecord { schema: SCHEMA, version: 12, as_of: "2021-12-02".into(), coins };
    let mut record = Vec::new();
    list.encode_into(&mut record);
    let compared = compare(&values, None) + compare(&values, Some(std::str::from_utf8(&record).unwrap()));
    assert!(module().is_none() || compared == 2 * values.len());
}

#[test]
fn wrong_parameters_are_refused_when_it_starts() {
    let Some(module) = built() else { return };
    let error = Engine::new(module, &[("bare_tickers", "some")]).err().unwrap();
    assert!(format!("{error:#}").contains("bare_tickers"), "{error:#}");
}
