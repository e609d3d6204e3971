//! The data files: they load, and they do not contradict each other or the snapshot.

use std::collections::{BTreeMap, HashSet};

use tickertape_coins::{Caution, Coin, CoinList, Rules};

fn coin(id: &str, symbol: &str, name: &str) -> Coin {
    Coin { id: id.into(), symbol: symbol.into(), name: name.into(), rank: 1 }
}

#[test]
fn no_two_coins_share_an_alias() {
    // Coins that were renamed or split: only one of each stands on any list, or the better-ranked has the word.
    let kin = [("matic-network", "polygon-ecosystem-token"), ("terra-luna", "terra-luna-2")];
    let rules = Rules::builtin();
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, entry) in &rules.coins {
        for alias in &entry.aliases {
            if let Some(other) = owners.insert(&alias.form, id) {
                assert!(kin.contains(&(other, id)), "{:?} is an alias of {other} and of {id}", alias.form);
            }
        }
    }
    assert!(owners.len() > 500, "the alias file is cut short");
}

#[test]
fn no_alias_is_the_name_or_symbol_of_another_listed_coin() {
    let rules = Rules::builtin();
    for coin in CoinList::snapshot().coins {
        for (id, entry) in rules.coins.iter().filter(|(id, _)| **id != coin.id) {
            let taken = |form: &str| form == coin.symbol.to_lowercase() || form == coin.name.to_lowercase();
            let clash = entry.aliases.iter().find(|alias| taken(&alias.form));
            assert!(clash.is_none(), "{id} has the alias {clash:?}, which is {}", coin.id);
        }
    }
}

#[test]
fn aliases_are_words() {
    for (id, entry) in Rules::builtin().coins {
        for alias in &entry.aliases {
            let letters = alias.form.chars().filter(|c| c.is_alphabetic()).count();
            assert!(letters >= 2, "{id}: {:?} is too short", alias.form);
            assert_eq!(alias.form, alias.form.trim(), "{id}");
            assert!(alias.caution <= Caution::Ambiguous, "{id}");
        }
        let forms: HashSet<&str> = entry.aliases.iter().map(|alias| alias.form.as_str()).collect();
        assert_eq!(forms.len(), entry.aliases.len(), "{id} has an alias twice");
    }
}

#[test]
fn ordinary_words_are_cautioned() {
    let rules = Rules::builtin();
    for (coin, symbol, name) in [
        (coin("bitcoin", "btc", "Bitcoin"), Caution::Clear, Caution::Clear),
        (coin("near", "near", "Near"), Caution::Everyday, Caution::Everyday),
        (coin("solana", "sol", "Solana"), Caution::Ambiguous, Caution::Clear),
        (coin("cardano", "ada", "Cardano"), Caution::Ambiguous, Caution::Clear),
        (coin("uniswap", "uni", "Uniswap"), Caution::Ambiguous, Caution::Clear),
        (coin("vechain", "vet", "VeChain"), Caution::Everyday, Caution::Clear),
        (coin("filecoin", "fil", "Filecoin"), Caution::Ambiguous, Caution::Clear),
        (coin("algorand", "algo", "Algorand"), Caution::Ambiguous, Caution::Clear),
        (coin("decentraland", "mana", "Decentraland"), Caution::Ambiguous, Caution::Clear),
        (coin("harmony", "one", "Harmony"), Caution::Never, Caution::Everyday),
        (coin("cosmos", "atom", "Cosmos"), Caution::Clear, Caution::Ambiguous),
        (coin("dogecoin", "doge", "Dogecoin"), Caution::Clear, Caution::Clear),
        (coin("tron", "trx", "TRON"), Caution::Clear, Caution::Clear),
        (coin("canton-network", "cc", "Canton"), Caution::Never, Caution::Ambiguous),
        (coin("rain", "rain", "Rain"), Caution::Everyday, Caution::Everyday),
        (coin("sky", "sky", "Sky"), Caution::Everyday, Caution::Everyday),
        (coin("story-2", "ip", "Story"), Caution::Never, Caution::Everyday),
        (coin("u", "u", "U"), Caution::Never, Caution::Never),
        // Unknown coins, by the general rule alone; a name is as ordinary as the least ordinary of its words.
        (coin("new", "win", "Big Time"), Caution::Everyday, Caution::Everyday),
        (coin("new", "qqq", "Big Quux"), Caution::Clear, Caution::Clear),
        (coin("new", "casa", "Playa"), Caution::Ambiguous, Caution::Ambiguous),
    ] {
        assert_eq!((rules.symbol_caution(&coin), rules.name_caution(&coin)), (symbol, name), "{coin:?}");
    }
}

#[test]
fn a_broken_rules_file_is_named() {
    let error = Rules::from_files("[bitcoin]\nclear = [\"a{b\"]", "", "").expect_err("refuses").to_string();
    assert!(error.contains("aliases.toml") && error.contains("a{b"), "{error}");
    let error = Rules::from_files("", "[near]\nsymbl = \"never\"", "").expect_err("refuses").to_string();
    assert!(error.contains("ambiguous.toml") && error.contains("symbl"), "{error}");
}

#[test]
fn quotes_are_lower_case_and_each_stands_once() {
    let quotes = Rules::builtin().quotes;
    let all: Vec<&String> = quotes.money.iter().chain(&quotes.coins).collect();
    assert!(all.iter().all(|quote| **quote == quote.to_lowercase()));
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    assert!(quotes.money_first.iter().all(|quote| quotes.money.contains(quote)));
    assert!(quotes.first_with_slash.iter().all(|quote| quotes.coins.contains(quote)));
}
