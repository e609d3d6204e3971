//! Whether an answer becomes the coin list: a pure decision, so that every way to be wrong can be tested.
//!
//! It must never let a list through that would take the coins from most messages: the list in force is always at
//! hand and was good yesterday.

use std::collections::BTreeSet;

use tickertape_coins::{CoinList, MarketsOptions, ids_of_markets};

use crate::Reason;

/// More than this share of the coins in force has to be in the new list. Between neighbours of a hundred real top
/// fifties, half a day apart, it was never below 0.96.
const KEPT_SHARE: f64 = 0.5;

/// The bodies of the two calls, as they came.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Of `/coins/markets`.
    pub markets: &'a [u8],
    /// Of `/coins/markets?category=stablecoins`.
    pub stablecoins: &'a [u8],
}

/// What becomes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// This is the list now. It may hold the same coins as before.
    Accept(CoinList),
    /// The list in force stays, and why.
    Keep(Reason),
}

/// Judges an answer by itself and against the list in force. The list is cut to `size` coins after stablecoins:
/// those of the answer and those of `known_stablecoins`, because the category forgets what is small or dead.
pub fn judge(
    in_force: &CoinList,
    answer: Answer<'_>,
    size: usize,
    known_stablecoins: &BTreeSet<String>,
) -> Judgement {
    match read(in_force, answer, size, known_stablecoins) {
        Ok(list) => Judgement::Accept(list),
        Err(reason) => Judgement::Keep(reason),
    }
}

fn read(
    in_force: &CoinList,
    answer: Answer<'_>,
    size: usize,
    known_stablecoins: &BTreeSet<String>,
) -> Result<CoinList, Reason> {
    let mut exclude = ids_of_markets(answer.stablecoins)?;
    if exclude.contains("bitcoin") {
        return Err(Reason::Unreadable("the category of stablecoins holds bitcoin".to_owned()));
    }
    exclude.extend(known_stablecoins.iter().cloned());
    let list = CoinList::from_markets(answer.markets, &MarketsOptions { size, exclude })?;
    let found = list.coins.len();
    if list.coins.iter().all(|coin| coin.id != "bitcoin") {
        return Err(Reason::NoBitcoin { found });
    }
    if found * 2 <= size {
        return Err(Reason::TooFew { found, wanted: size });
    }
    let ids: BTreeSet<&str> = list.coins.iter().map(|coin| coin.id.as_str()).collect();
    // A shorter list that was asked for is not missing coins.
    let before: Vec<_> = in_force.coins.iter().take(size).collect();
    let kept = before.iter().filter(|coin| ids.contains(coin.id.as_str())).count();
    if (kept as f64) <= KEPT_SHARE * before.len() as f64 {
        return Err(Reason::TooDifferent { kept, before: before.len() });
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(ids: &[&str]) -> Vec<u8> {
        let row = |(rank, id): (usize, &&str)| {
            format!(r#"{{"id":"{id}","symbol":"{id}","name":"{id}","market_cap_rank":{}}}"#, rank + 1)
        };
        let rows: Vec<_> = ids.iter().enumerate().map(row).collect();
        format!("[{}]", rows.join(",")).into_bytes()
    }

    fn list(ids: &[&str]) -> CoinList {
        let everything = MarketsOptions { size: 100, exclude: BTreeSet::new() };
        CoinList::from_markets(&body(ids), &everything).expect("a list")
    }

    fn judged(in_force: &[&str], markets: &[u8], stablecoins: &[u8]) -> Result<Vec<String>, Reason> {
        let known = BTreeSet::from(["oldusd".to_owned()]);
        match judge(&list(in_force), Answer { markets, stablecoins }, 4, &known) {
            Judgement::Accept(list) => Ok(list.coins.into_iter().map(|coin| coin.id).collect()),
            Judgement::Keep(reason) => Err(reason),
        }
    }

    const BEFORE: [&str; 4] = ["bitcoin", "a", "b", "c"];

    #[test]
    fn a_list_is_taken_without_stablecoins_and_cut_to_size() {
        let markets = body(&["bitcoin", "usd", "a", "oldusd", "d", "b", "c"]);
        assert_eq!(
            judged(&BEFORE, &markets, &body(&["usd"])),
            Ok(["bitcoin", "a", "d", "b"].map(str::to_owned).into())
        );
    }

    #[test]
    fn implausible_lists_are_not() {
        let stable = body(&["usd"]);
        let cases: [(&[&str], Reason); 3] = [
            (&["a", "b", "c", "d"], Reason::NoBitcoin { found: 4 }),
            (&["bitcoin", "a"], Reason::TooFew { found: 2, wanted: 4 }),
            (&["bitcoin", "a", "x", "y"], Reason::TooDifferent { kept: 2, before: 4 }),
        ];
        for (ids, reason) in cases {
            assert_eq!(judged(&BEFORE, &body(ids), &stable), Err(reason));
        }
        assert_eq!(judged(&BEFORE, b"[]", &stable), Err(Reason::Empty));
        assert_eq!(judged(&BEFORE, &body(&BEFORE), b"[]"), Err(Reason::Empty));
        assert!(judged(&BEFORE, &body(&BEFORE), &body(&["bitcoin"])).is_err());
    }

    #[test]
    fn an_answer_cut_anywhere_is_not() {
        let whole = body(&BEFORE);
        for cut in 0..whole.len() {
            let reason = judged(&BEFORE, &whole[..cut], &body(&["usd"])).expect_err("refuses");
            assert!(matches!(reason, Reason::Unreadable(_)), "cut at {cut}: {reason}");
        }
    }

    #[test]
    fn half_the_coins_is_the_border() {
        let coins: Vec<String> = (0..9).map(|n| format!("c{n}")).collect();
        let mut before = vec!["bitcoin"];
        before.extend(coins[..3].iter().map(String::as_str));
        for kept in 0..=3 {
            let mut after = vec!["bitcoin"];
            after.extend(coins[3 - kept..].iter().map(String::as_str).take(3));
            let taken = judged(&before, &body(&after), &body(&["usd"])).is_ok();
            assert_eq!(taken, kept + 1 > 2, "{kept} and bitcoin of four stay");
        }
    }
}
