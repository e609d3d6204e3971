//! Tags as other networks read them: Telegram's own entity rules, and the conformance tests of two others.
//!
//! Each vector's words are made a coin list of their own, so that exactly its tags should be found. Where our rules
//! and theirs differ, the line is listed here with the reason; a line that begins or ceases to differ fails.

mod common;

use serde_json::Value;
use tickertape_attribution::{BareTickers, Kind, Matcher, Options};
use tickertape_coins::{CoinList, Rules};

const ANY_CASE: &str = "theirs are capitals only; for us $btc is a cashtag";
const LETTERS: &str = "theirs are Latin letters without digits; ours are whatever the coin list has";
const LIMIT: &str = "theirs have a least or greatest length; ours are bounded by the coin list";
const SIGN_BEHIND: &str = "theirs may not adjoin another sign; signs hide nothing with us";
const AFTER_LETTER: &str = "for us # makes a tag after a letter too";
const INSTANCE: &str = "theirs may carry @account; for us the tag ends there";
const JOINERS: &str = "theirs may hold a middle dot or a half-space; with us both are boundaries";
const UNDERSCORE: &str = "theirs may be followed by an underscore; with us it joins";
const PUNCTUATION: &str = "theirs take a mark of punctuation for a letter of its script";
const FOLDING: &str = "the small letter of İ is two characters, and no symbol is written with it";
const COLON: &str = "theirs is no tag before ://; for us it ends at the colon";

/// Finds the tags of `text` among `words`, as they are written there.
fn tags(rules: &Rules, words: &[String], text: &str, kind: Kind) -> Vec<String> {
    let coins: Vec<(&str, &str, &str)> =
        words.iter().map(|word| (word.as_str(), word.as_str(), "")).collect();
    let list = if coins.is_empty() { CoinList::snapshot() } else { common::list(&coins) };
    let options = Options { bare_tickers: BareTickers::Off };
    let matcher = Matcher::new(&list, rules, options).expect("builds");
    let mut mentions = Vec::new();
    matcher.mentions(text, &mut mentions);
    let tags = mentions.iter().filter(|mention| mention.kind == kind);
    tags.map(|mention| text[mention.start..mention.end].to_owned()).collect()
}

/// The lines of `file` on which we differ, counted from 1.
fn differing(file: &str, kind: Kind, expected: impl Fn(&Value) -> Option<Vec<String>>) -> Option<Vec<usize>> {
    let rules = Rules::builtin();
    let bytes = common::shared(&format!("data/vectors/{file}"))?;
    let mut differing = Vec::new();
    for (index, line) in String::from_utf8(bytes).expect("UTF-8").lines().enumerate() {
        let vector: Value = serde_json::from_str(line).expect("JSON");
        let Some(expected) = expected(&vector) else { continue };
        let text = vector["text"].as_str().expect("a text");
        let signs = ['$', '#', '＃'];
        let mut words: Vec<String> =
            expected.iter().map(|tag| tag.trim_start_matches(signs).to_lowercase()).collect();
        let runs = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        words.extend(runs.map(str::to_lowercase));
        words.sort();
        words.dedup();
        let bare = |tag: &String| tag.trim_start_matches(signs).to_owned();
        let found: Vec<String> = tags(&rules, &words, text, kind).iter().map(bare).collect();
        if found != expected.iter().map(bare).collect::<Vec<_>>() {
            eprintln!("{file}:{}: {text:?}\n  theirs {expected:?}\n  ours {found:?}", index + 1);
            differing.push(index + 1);
        }
    }
    Some(differing)
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn check(
    file: &str,
    kind: Kind,
    expected: impl Fn(&Value) -> Option<Vec<String>>,
    known: &[(&[usize], &str)],
) {
    let Some(differing) = differing(file, kind, expected) else { return };
    let mut listed: Vec<usize> = known.iter().flat_map(|(lines, _)| lines.iter().copied()).collect();
    listed.sort_unstable();
    let reasons: Vec<&str> = known.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(
        differing, listed,
        "the lines of {file} that differ are not those listed, whose reasons are {reasons:#?}"
    );
}

#[test]
fn telegram_cashtags() {
    let cashtag = |vector: &Value| (vector["kind"] == "cashtag").then(|| strings(&vector["expected"]));
    check(
        "tdlib-entities.jsonl",
        Kind::Cashtag,
        cashtag,
        &[
            (&[60, 61, 62, 63, 64, 65, 101], ANY_CASE),
            (&[69, 70, 71, 85, 86, 98, 103, 108, 109, 111], LETTERS),
            (&[78, 79, 102], LIMIT),
            (&[83, 84, 89], SIGN_BEHIND),
            (&[110], PUNCTUATION),
        ],
    );
}

#[test]
fn telegram_hashtags() {
    let hashtag = |vector: &Value| (vector["kind"] == "hashtag").then(|| strings(&vector["expected"]));
    check(
        "tdlib-entities.jsonl",
        Kind::Hashtag,
        hashtag,
        &[
            (&[29, 41], AFTER_LETTER),
            (&[30, 34], SIGN_BEHIND),
            (&[37, 40, 51, 55], LIMIT),
            (&[49], INSTANCE),
            (&[50], JOINERS),
        ],
    );
}

#[test]
fn twitter_cashtags() {
    let all = |vector: &Value| Some(strings(&vector["expected"]));
    check(
        "twitter-text-cashtags.jsonl",
        Kind::Cashtag,
        all,
        &[(&[3, 4], LETTERS), (&[6], UNDERSCORE), (&[7], SIGN_BEHIND), (&[8], LIMIT)],
    );
}

#[test]
fn twitter_hashtags() {
    let all = |vector: &Value| Some(strings(&vector["expected"]));
    check(
        "twitter-text-hashtags.jsonl",
        Kind::Hashtag,
        all,
        &[(&[33], AFTER_LETTER), (&[43], FOLDING), (&[47], COLON), (&[54, 56, 64], JOINERS)],
    );
    check("twitter-text-hashtags_from_astral.jsonl", Kind::Hashtag, all, &[]);
}

#[test]
fn mastodon_hashtags() {
    let first =
        |vector: &Value| Some(vector["first_match"].as_str().into_iter().map(str::to_owned).collect());
    check("mastodon-hashtags.jsonl", Kind::Hashtag, first, &[(&[18], JOINERS)]);
}
