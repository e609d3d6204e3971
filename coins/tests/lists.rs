//! Reading coin lists: what CoinGecko sends, what it sends instead, and what people save from it.

use std::path::PathBuf;

use tickertape_coins::{CoinList, Error, MarketsOptions, ids_of_markets};

fn shared(file: &str) -> Option<Vec<u8>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let folder = std::env::var_os("TICKERTAPE_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let read = std::fs::read(folder.join(file)).ok();
    if read.is_none() {
        eprintln!("skipped: {file} is absent (set TICKERTAPE_SHARED)");
    }
    read
}

fn row(id: &str, symbol: &str, rank: u32) -> String {
    format!(
        r#"{{"id":"{id}","symbol":"{symbol}","name":"{id} coin","market_cap_rank":{rank},"last_updated":"2024-05-01T00:00:00.000Z"}}"#
    )
}

fn read(text: &str) -> Result<CoinList, Error> {
    CoinList::from_bytes(text.as_bytes(), &MarketsOptions::default())
}

#[test]
fn a_market_list_becomes_a_coin_list() {
    let rows = [row("beta", "b\u{200b} ", 2), row("tether", "usdt", 3), row("alpha", "a", 1)];
    let list = read(&format!("[{}]", rows.join(","))).expect("reads");
    let coins: Vec<(&str, &str, u32)> =
        list.coins.iter().map(|coin| (coin.id.as_str(), coin.symbol.as_str(), coin.rank)).collect();
    assert_eq!(coins, [("alpha", "a", 1), ("beta", "b", 2)]);
    assert_eq!((list.version, list.as_of.as_str()), (1_714_521_600, "2024-05-01T00:00:00.000Z"));
    assert_eq!(read(&serde_json::to_string(&list).expect("JSON")).expect("reads back"), list);
}

#[test]
fn size_and_exclusions_are_the_callers() {
    let text = format!("[{}]", [row("a", "a", 1), row("b", "b", 2), row("c", "c", 3)].join(","));
    let exclude = ids_of_markets(format!("[{}]", row("a", "a", 1)).as_bytes()).expect("ids");
    let list = CoinList::from_markets(text.as_bytes(), &MarketsOptions { size: 1, exclude }).expect("reads");
    assert_eq!(list.coins.iter().map(|coin| coin.id.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_bad_row_is_named() {
    for (bad, wanted) in [
        (r#"{"id":"x","name":"X"}"#, r#"row 2 of the coin list ("x"): `symbol` is missing"#),
        (r#"{"id":"x","symbol":null,"name":"X"}"#, "`symbol` is not a text"),
        (
            r#"{"id":"x","symbol":"x","name":"X","market_cap_rank":"1st"}"#,
            "`market_cap_rank` is not a whole number",
        ),
        (r#"{"id":" ","symbol":"x","name":"X"}"#, "the id is empty"),
        (r#"{"id":"first","symbol":"x","name":"X"}"#, "an earlier row"),
        ("7", "row 2 of the coin list: it is not a JSON object"),
    ] {
        let error = read(&format!("[{},{bad}]", row("first", "f", 1))).expect_err("refuses").to_string();
        assert!(error.contains(wanted) && error.contains("row 2"), "{error}");
    }
}

#[test]
fn what_is_no_list_is_recognised() {
    for (body, wanted) in [
        (r#"{"status":{"error_code":429,"error_message":"slow down"}}"#, "(code 429): slow down"),
        (r#"{"error":"coin not found"}"#, "coin not found"),
        ("<!DOCTYPE html><html><head><title>Wait</title>", r#"a web page, "Wait""#),
        ("error code: 1015", "error code: 1015"),
        ("{}", "is a JSON object, but should be"),
        ("3", "is a bare JSON value"),
        ("bitcoin,btc", "not JSON"),
        ("", "not JSON"),
        ("[]", "is empty"),
    ] {
        let error = read(body).expect_err("refuses").to_string();
        assert!(error.contains(wanted), "{body}: {error}");
    }
    let only_stable = read(&format!("[{}]", row("tether", "usdt", 1))).expect_err("refuses");
    assert!(matches!(only_stable, Error::Empty { excluded: 1 }), "{only_stable}");
}

#[test]
fn coingeckos_real_errors_are_recognised() {
    for file in [
        "403-cloudflare-access-denied-excerpt.html",
        "403-cloudflare-captcha-excerpt.html",
        "404-coin-not-found.json",
        "429-cloudflare-1015.txt",
        "429-json.json",
        "429-throttled.txt",
        "504-cloudflare-excerpt.html",
    ] {
        let Some(body) = shared(&format!("data/coingecko/error-bodies/{file}")) else { return };
        let error = CoinList::from_bytes(&body, &MarketsOptions::default()).expect_err("refuses");
        assert!(matches!(error, Error::Refused { .. }), "{file}: {error}");
    }
}

#[test]
fn a_real_list_loses_its_stablecoins_only() {
    let Some(bytes) = shared("data/coingecko/markets-2021-12-02-top50.json") else { return };
    let list = CoinList::from_bytes(&bytes, &MarketsOptions::default()).expect("reads");
    assert_eq!(list.coins.len(), 45);
    assert_eq!(list.coins[0].id, "bitcoin");
    assert!(list.coins.iter().all(|coin| coin.id != "tether" && coin.id != "terrausd"));
}

#[test]
fn the_snapshot_is_fifty_coins_in_order() {
    let list = CoinList::snapshot();
    assert_eq!(list.coins.len(), 50);
    assert!(list.coins.windows(2).all(|pair| pair[0].rank < pair[1].rank));
    let exclude = MarketsOptions::default().exclude;
    assert!(list.coins.iter().all(|coin| !exclude.contains(&coin.id)));
}
