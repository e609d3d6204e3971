//! The matcher against a slow, obvious model of the rules: no automaton, every form tried at every place, longest
//! first, on random texts made of what the rules are about.

mod common;

use proptest::prelude::*;
use tickertape_attribution::{Kind, Matcher, Options};
use tickertape_coins::Rules;

const COINS: [(&str, &str, &str); 6] = [
    ("bitcoin", "btc", "Bitcoin"),
    ("ethereum", "eth", "Ethereum"),
    ("bitcoin-cash", "bch", "Bitcoin Cash"),
    ("solana", "sol", "Solana"),
    ("chainlink", "link", "Chainlink"),
    ("near", "near", "Near"),
];
const ALIASES: &str = r#"
[bitcoin]
clear = ["xbt", "比特币", "биткоин", "비트코인"]
[ethereum]
clear = ["ether"]
"#;
const QUOTES: &str = r#"
money = ["usdt", "usd", "perp"]
money_first = ["usdt", "usd"]
coins = ["btc", "eth"]
first_with_slash = ["btc"]
no_base = ["etf"]
"#;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Word {
    /// Counts in any case.
    Free,
    /// A symbol that is an ordinary word.
    Ticker { everyday: bool },
    /// A name that is an everyday word, and the symbol as well.
    Both,
    /// Only as a tag.
    Tag,
}

/// Every form, its coin, how it counts, and whether a plural s may follow.
const FORMS: [(&str, usize, Word, bool); 19] = [
    ("btc", 0, Word::Free, false),
    ("bitcoin", 0, Word::Free, true),
    ("xbt", 0, Word::Free, false),
    ("比特币", 0, Word::Free, false),
    ("биткоин", 0, Word::Free, false),
    ("비트코인", 0, Word::Free, false),
    ("eth", 1, Word::Free, false),
    ("ethereum", 1, Word::Free, true),
    ("ether", 1, Word::Free, true),
    ("bch", 2, Word::Free, false),
    ("bitcoin cash", 2, Word::Free, true),
    ("bitcoin-cash", 2, Word::Free, true),
    ("bitcoincash", 2, Word::Tag, false),
    ("bitcoin_cash", 2, Word::Tag, false),
    ("sol", 3, Word::Ticker { everyday: false }, false),
    ("solana", 3, Word::Free, true),
    ("link", 4, Word::Ticker { everyday: true }, false),
    ("chainlink", 4, Word::Free, true),
    ("near", 5, Word::Both, false),
];
const MONEY: [&str; 3] = ["usdt", "usd", "perp"];

/// What texts are made of.
const PIECES: [&str; 58] = [
    "btc",
    "BTC",
    "Btc",
    "eth",
    "ETH",
    "bch",
    "sol",
    "SOL",
    "Sol",
    "link",
    "LINK",
    "near",
    "NEAR",
    "Near",
    "Bitcoin",
    "bitcoin",
    "BITCOIN",
    "Bitcoin Cash",
    "bitcoin cash",
    "bitcoin-cash",
    "BitcoinCash",
    "bitcoin_cash",
    "Ethereum",
    "ether",
    "Solana",
    "Chainlink",
    "XBT",
    "比特币",
    "биткоин",
    "Биткоин",
    "비트코인",
    "usdt",
    "USDT",
    "USD",
    "PERP",
    "Z19",
    "ETF",
    "xyz",
    "XYZ",
    "$",
    "#",
    "$$",
    "/",
    " / ",
    "-",
    "_",
    "'",
    "s",
    "S",
    "1",
    "買",
    "я",
    "한",
    "é",
    "🚀",
    "https://e.co/",
    "@",
    "the dog",
];
const JOINTS: [&str; 12] = ["", "", "", " ", " ", " ", " ", "\n", ". ", ", ", "! ", "/"];

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Gap,
    Under,
    Spaced,
    Han,
    Hangul,
}

fn class(c: Option<&char>) -> Class {
    match c {
        Some('_') => Class::Under,
        Some('比' | '特' | '币' | '買') => Class::Han,
        Some('비' | '트' | '코' | '인' | '한') => Class::Hangul,
        Some(c) if c.is_alphanumeric() => Class::Spaced,
        _ => Class::Gap,
    }
}

fn goes_on_left(before: Class, first: Class) -> bool {
    before == Class::Spaced && first == Class::Spaced || before == Class::Hangul && first == Class::Hangul
}

fn goes_on_right(last: Class, after: Class) -> bool {
    last == Class::Spaced && after == Class::Spaced
}

fn lower(chars: &[char]) -> String {
    chars.iter().collect::<String>().to_lowercase()
}

fn is_month(word: &str) -> bool {
    word == "z19"
}

fn is_quote(word: &str) -> bool {
    MONEY.contains(&word) || word == "btc" || word == "eth" || is_month(word)
}

fn coin_of(word: &str) -> Option<usize> {
    let ascii = word.bytes().all(|b| b.is_ascii_alphanumeric());
    FORMS.iter().find(|form| ascii && form.0 == word).map(|form| form.1)
}

/// The row of words, joined by separators, in which `start..end` stands: (word, its separator to the right, tagged).
fn row(text: &[char], start: usize, end: usize) -> (Vec<(String, char, bool)>, usize) {
    let word = |c: char| c.is_ascii_alphanumeric();
    let mut words = vec![(lower(&text[start..end]).trim_start_matches(['$', '#']).to_owned(), ' ', false)];
    let mut at = start;
    loop {
        let mut i = at;
        let mut spaces = 0;
        while i > 0 && text[i - 1] == ' ' && spaces < 2 {
            i -= 1;
            spaces += 1;
        }
        if i == 0 || !(text[i - 1] == '/' || spaces == 0 && matches!(text[i - 1], '-' | '_')) {
            break;
        }
        let separator = text[i - 1];
        i -= 1;
        let mut spaces = 0;
        while separator == '/' && i > 0 && text[i - 1] == ' ' && spaces < 2 {
            i -= 1;
            spaces += 1;
        }
        let stop = i;
        while i > 0 && word(text[i - 1]) {
            i -= 1;
        }
        if i == stop || i > 0 && class(text.get(i - 1)) == Class::Spaced {
            break;
        }
        let name: String = text[i..stop].iter().collect();
        let mut signs = 0;
        while i > 0 && signs < 2 && matches!(text[i - 1], '$' | '#') {
            i -= 1;
            signs += 1;
        }
        words.insert(0, (name, separator, signs > 0));
        at = i;
        if words.len() > 9 {
            break;
        }
    }
    let me = words.len() - 1;
    let mut at = end;
    loop {
        let mut i = at;
        let mut spaces = 0;
        while text.get(i) == Some(&' ') && spaces < 2 {
            i += 1;
            spaces += 1;
        }
        let Some(&separator) = text.get(i) else { break };
        if !(separator == '/' || spaces == 0 && matches!(separator, '-' | '_')) {
            break;
        }
        i += 1;
        let mut spaces = 0;
        while separator == '/' && text.get(i) == Some(&' ') && spaces < 2 {
            i += 1;
            spaces += 1;
        }
        let mut signs = 0;
        while signs < 2 && matches!(text.get(i), Some('$' | '#')) {
            i += 1;
            signs += 1;
        }
        let from = i;
        while text.get(i).is_some_and(|&c| word(c)) {
            i += 1;
        }
        if i == from || class(text.get(i)) == Class::Spaced {
            break;
        }
        words.last_mut().expect("never empty").1 = separator;
        words.push((text[from..i].iter().collect(), ' ', signs > 0));
        at = i;
        if words.len() > me + 8 {
            break;
        }
    }
    (words, me)
}

#[derive(PartialEq)]
enum Side {
    Alone,
    Base,
    Quote,
}

/// `previous` is the mention before, its coin and its end.
fn side(text: &[char], start: usize, end: usize, coin: usize, previous: Option<(usize, usize)>) -> Side {
    let (words, me) = row(text, start, end);
    let low: Vec<String> = words.iter().map(|word| word.0.to_lowercase()).collect();
    let coins: Vec<Option<usize>> =
        low.iter().enumerate().map(|(i, word)| if i == me { Some(coin) } else { coin_of(word) }).collect();
    let listed = coins.iter().flatten().count();
    let money = |word: &str| MONEY.contains(&word) || is_month(word);
    let others = || low.iter().enumerate().filter(|(i, _)| *i != me).map(|(_, word)| word);
    let symbols = others().all(|word| (2..=5).contains(&word.len()) && !money(word));
    let ends_in_quote = is_quote(low.last().expect("never empty"));
    if listed >= 3 || listed == 2 && words.len() >= 3 && symbols && !ends_in_quote {
        return Side::Alone;
    }
    let my = low[me].as_str();
    if me > 0 {
        let (other, separator, tagged) = (&low[me - 1], words[me - 1].1, words[me - 1].2);
        let written = &words[me - 1].0;
        // A name of two words is one base: its mention ended where the separator begins.
        let gap =
            |&(_, end): &(usize, usize)| text[end..start].iter().all(|c| " /-_".contains(*c)) && end < start;
        let left = previous.filter(gap).map(|(coin, _)| coin).or(coins[me - 1]);
        if left != Some(coin) {
            if money(other) && (!is_quote(my) || ["usdt", "usd"].contains(&other.as_str())) {
                return Side::Base;
            }
            let ticker_like = (2..=12).contains(&other.len()) && other.chars().any(|c| c.is_alphabetic());
            let hyphened = other != "etf"
                && (*written == written.to_uppercase()
                    || (3..=6).contains(&other.len())
                        && !["the", "dog", "near", "link", "cash"].contains(&other.as_str()));
            let base =
                left.is_some() || is_quote(other) || tagged || ticker_like && (separator != '-' || hyphened);
            if is_quote(my) && base {
                return Side::Quote;
            }
            if !is_quote(my) && (other == "btc" || other == "eth" && separator != '/') {
                return Side::Base;
            }
        }
    }
    if me + 1 < words.len() && coins[me + 1] != Some(coin) {
        let (other, separator) = (&low[me + 1], words[me].1);
        let written = &words[me + 1].0;
        if is_quote(other) {
            return Side::Base;
        }
        if my == "btc" || my == "eth" && separator != '/' {
            let unlisted = separator != '/'
                && other != "etf"
                && (2..=5).contains(&other.len())
                && *written == written.to_uppercase()
                && written.chars().any(|c| c.is_alphabetic());
            if coins[me + 1].is_some() || unlisted {
                return Side::Quote;
            }
        }
    }
    Side::Alone
}

fn glued(text: &[char], end: usize) -> bool {
    let length = text[end..].iter().take_while(|c| c.is_ascii_alphanumeric()).count();
    let tail = lower(&text[end..end + length]);
    let after = end + length;
    let closed = match class(text.get(after)) {
        Class::Spaced => false,
        Class::Under => {
            let length = text[after + 1..].iter().take_while(|c| c.is_ascii_alphanumeric()).count();
            class(text.get(after + 1 + length)) != Class::Spaced
                && is_quote(&lower(&text[after + 1..after + 1 + length]))
        }
        _ => true,
    };
    let split = (3..tail.len())
        .any(|cut| is_quote(&tail[..cut]) && !is_month(&tail[..cut]) && is_month(&tail[cut..]));
    closed && (is_quote(&tail) || split)
}

/// (capitals prevail, other scripts prevail)
fn look(text: &str) -> (bool, bool) {
    let (mut upper, mut small, mut latin, mut other) = (0, 0, 0, 0);
    for token in text.split_whitespace().filter(|t| !t.contains("://") && !t.starts_with('@')) {
        for word in token.split(|c: char| !c.is_alphabetic()) {
            let known =
                coin_of(&word.to_lowercase()).is_some() || is_quote(&word.to_lowercase()) || word == "ETF";
            if word.is_ascii() && (word.len() < 2 || known) {
                continue;
            }
            upper += word.chars().filter(|c| c.is_uppercase()).count();
            small += word.chars().filter(|c| c.is_lowercase()).count();
            latin += word.chars().filter(|c| (*c as u32) < 0x250).count();
            other += word.chars().filter(|c| (*c as u32) >= 0x250).count();
        }
    }
    (upper > small, other > latin)
}

fn opens_sentence(text: &[char], start: usize) -> bool {
    for c in text[..start].iter().rev() {
        match c {
            '\n' | '.' | '!' => return true,
            ',' | ':' | '/' | '@' => return false,
            c if class(Some(c)) != Class::Gap => return false,
            _ => {}
        }
    }
    true
}

#[derive(Clone, Copy, PartialEq)]
enum Found {
    Proof,
    Counts,
    Waits,
}

fn judge(
    text: &[char],
    whole: &str,
    start: usize,
    form: &(&str, usize, Word, bool),
    previous: Option<(usize, usize)>,
) -> Option<(usize, usize, Found)> {
    let (name, coin, word, plural) = *form;
    let mut end = start + name.chars().count();
    let written = &text[start..end.min(text.len())];
    if end > text.len() || lower(written) != name {
        return None;
    }
    // Beyond ASCII only small, capitalised and capital spellings are searched for.
    let spelled: String = written.iter().collect();
    let first_upper: String = name.chars().next()?.to_uppercase().chain(name.chars().skip(1)).collect();
    if !name.is_ascii() && spelled != name && spelled != name.to_uppercase() && spelled != first_upper {
        return None;
    }
    let before = class(start.checked_sub(1).and_then(|i| text.get(i)));
    if goes_on_left(before, class(text.get(start))) {
        return None;
    }
    let sign = start.checked_sub(1).and_then(|i| text.get(i)).copied();
    let behind_sign = class(start.checked_sub(2).and_then(|i| text.get(i)));
    let tag = match sign {
        Some('#') => true,
        Some('$') => !matches!(behind_sign, Class::Spaced | Class::Under),
        _ => false,
    };
    let outer = start - usize::from(tag);
    let side = side(text, outer, end, coin, previous);
    let mut pair = side == Side::Base;
    if before == Class::Under && !pair {
        return None;
    }
    let after = class(text.get(end));
    if after == Class::Under && !pair {
        return None;
    }
    if goes_on_right(class(text.get(end - 1)), after) {
        if name.bytes().all(|b| b.is_ascii_alphanumeric()) && glued(text, end) {
            pair = true;
        } else if plural
            && matches!(text[end], 's' | 'S')
            && !matches!(class(text.get(end + 1)), Class::Spaced | Class::Under)
        {
            end += 1;
        } else {
            return None;
        }
    }
    if side == Side::Quote {
        return None;
    }
    let written: String = text[start..end].iter().collect();
    let upper = written == written.to_uppercase();
    let capital = written.starts_with(char::is_uppercase);
    let (in_capitals, beyond_latin) = look(whole);
    let found = if pair || tag {
        Found::Proof
    } else {
        match word {
            Word::Free => Found::Proof,
            Word::Tag => return None,
            Word::Ticker { .. } | Word::Both if upper && (!in_capitals || beyond_latin) => Found::Counts,
            Word::Ticker { .. } if upper => Found::Waits,
            Word::Ticker { everyday: false } if beyond_latin => Found::Counts,
            Word::Ticker { .. } => return None,
            Word::Both if !capital => return None,
            Word::Both if beyond_latin => Found::Counts,
            Word::Both => {
                let title =
                    text.get(end) == Some(&' ') && text.get(end + 1).is_some_and(|c| c.is_uppercase());
                let inside = !upper && !opens_sentence(text, start) && !title;
                if inside { Found::Counts } else { Found::Waits }
            }
        }
    };
    let stretch: String =
        text[..outer].iter().rev().take_while(|c| !c.is_whitespace() && **c != '🚀').collect();
    let in_link = stretch.contains("//:");
    if in_link || outer > 0 && text[outer - 1] == '@' {
        return None;
    }
    Some((end, coin, found))
}

fn model(whole: &str) -> Vec<usize> {
    let text: Vec<char> = whole.chars().collect();
    let mut forms = FORMS;
    forms.sort_by_key(|form| std::cmp::Reverse(form.0.chars().count()));
    let mut found: Vec<(usize, Found)> = Vec::new();
    let mut at = 0;
    let mut previous = None;
    while at < text.len() {
        match forms.iter().find_map(|form| judge(&text, whole, at, form, previous)) {
            Some((end, coin, standing)) => {
                found.push((coin, standing));
                previous = Some((coin, end));
                at = end;
            }
            None => at += 1,
        }
    }
    let proven = |coin: usize| found.iter().any(|&(c, f)| c == coin && f == Found::Proof);
    found.iter().filter(|&&(coin, f)| f != Found::Waits || proven(coin)).map(|&(coin, _)| coin).collect()
}

fn subject() -> Matcher {
    let rules = Rules::from_files(ALIASES, "", QUOTES).expect("the rules of this test");
    Matcher::new(&common::list(&COINS), &rules, Options::default()).expect("builds")
}

fn text() -> impl Strategy<Value = String> {
    let piece = (prop::sample::select(&PIECES[..]), prop::sample::select(&JOINTS[..]));
    prop::collection::vec(piece, 1..9)
        .prop_map(|pieces| pieces.into_iter().map(|(a, b)| [a, b].concat()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_matcher_finds_what_the_model_finds(text in text()) {
        let matcher = subject_once();
        let mut mentions = Vec::new();
        matcher.mentions(&text, &mut mentions);
        let found: Vec<usize> = mentions.iter().map(|mention| usize::from(mention.coin)).collect();
        prop_assert_eq!(found, model(&text), "{:?}\n{:#?}", text, matcher.explain(&text));
    }

    #[test]
    fn spans_lie_on_characters_in_order_and_apart(text in prop_oneof![text(), ".{0,60}"]) {
        let matcher = subject_once();
        let mut mentions = Vec::new();
        matcher.mentions(&text, &mut mentions);
        let mut last = 0;
        for mention in &mentions {
            prop_assert!(text.get(mention.start..mention.end).is_some_and(|span| !span.is_empty()));
            prop_assert!(mention.start >= last);
            last = mention.end;
        }
        let counted = matcher.explain(&text).into_iter().filter(|candidate| candidate.counted);
        let explained: Vec<(usize, usize, Option<u16>, Kind)> = counted.map(|c| (c.start, c.end, c.coin, c.kind)).collect();
        let plain: Vec<_> = mentions.iter().map(|m| (m.start, m.end, Some(m.coin), m.kind)).collect();
        prop_assert_eq!(explained, plain);
    }
}

fn subject_once() -> &'static Matcher {
    static SUBJECT: std::sync::OnceLock<Matcher> = std::sync::OnceLock::new();
    SUBJECT.get_or_init(subject)
}
