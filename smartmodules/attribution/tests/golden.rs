//! The golden examples of the attribution rules: every mention, every count, every coin.

mod common;

use std::collections::BTreeMap;

use serde_json::Value;
use tickertape_attribution::{Tally, Verdict};

#[test]
fn every_golden_example_comes_out_as_written() {
    let (Some(matcher), Some(golden)) =
        (common::matcher_of_2021(), common::shared("attribution-golden.jsonl"))
    else {
        return;
    };
    let mut mentions = Vec::new();
    let mut tally = Tally::new(&matcher);
    let mut wrong = Vec::new();
    let golden = String::from_utf8(golden).expect("UTF-8");
    for line in golden.lines() {
        let example: Value = serde_json::from_str(line).expect("JSON");
        let text = example["text"].as_str().expect("a text");
        matcher.mentions(text, &mut mentions);
        let verdict = tally.count(&mentions);
        let counts: BTreeMap<&str, u32> =
            tally.counts().iter().map(|count| (matcher.coin_id(count.coin), count.count)).collect();
        let coin = match verdict {
            Verdict::Direct(coin) => Some(matcher.coin_id(coin)),
            Verdict::Tie | Verdict::None => None,
        };
        if serde_json::json!(counts) != example["mentions"] || coin != example["coin_id"].as_str() {
            wrong.push(format!("{line}\n  got {counts:?} {coin:?}"));
        }
    }
    assert!(golden.lines().count() > 50, "the golden file is cut short");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
