//! Pairs and lists: which side of `ETH/BTC` a word stands on, and what is glued to it in `BTCUSDT`.
//!
//! Only the surroundings of a hit are read, and only when a separator stands beside it.

use std::iter::successors;

use hashbrown::{HashMap, HashSet};
use tickertape_coins::Rules;

use crate::text::{Class, class_after, class_before};

/// A word of at most 16 ASCII letters and digits, in lower case, as a number.
type Packed = u128;

/// Elements of a chain like `btc/eth/sol` that are read to either side of a hit.
const CHAIN_REACH: usize = 8;

/// Spaces allowed to either side of a slash.
const SPACES: usize = 2;

/// What a word can be in a pair.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Element {
    /// The listed coin it stands for.
    pub(crate) coin: Option<u16>,
    quote: Option<Quote>,
    /// A quote that comes first with a slash too.
    first_with_slash: bool,
    /// Money that is never a base.
    money_first: bool,
    /// Beside a hyphen, no base.
    no_base: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    /// Money, stablecoins and contract marks.
    Money,
    /// A coin in which others are priced.
    Coin,
}

/// On which side of a pair a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// In no pair, or in a list where each stands for itself.
    Alone,
    /// What is traded.
    Base,
    /// What it is priced in.
    Quote,
}

/// Every word that has a meaning in a pair.
#[derive(Debug)]
pub(crate) struct Elements {
    known: HashMap<Packed, Element>,
    everyday: HashSet<Packed>,
}

struct Neighbour<'t> {
    separator: u8,
    /// With `$` or `#` before it.
    tagged: bool,
    word: &'t str,
    start: usize,
    end: usize,
}

impl Elements {
    /// The quotes of the rules; coins are added by [`Elements::add_coin`].
    pub(crate) fn new(rules: &Rules) -> Self {
        let mut known: HashMap<Packed, Element> = HashMap::new();
        let quotes = &rules.quotes;
        for (words, quote) in [(&quotes.coins, Quote::Coin), (&quotes.money, Quote::Money)] {
            for key in words.iter().filter_map(|word| pack(word)) {
                known.entry(key).or_default().quote = Some(quote);
            }
        }
        for key in quotes.first_with_slash.iter().filter_map(|word| pack(word)) {
            known.entry(key).or_default().first_with_slash = true;
        }
        for key in quotes.money_first.iter().filter_map(|word| pack(word)) {
            known.entry(key).or_default().money_first = true;
        }
        for key in quotes.no_base.iter().filter_map(|word| pack(word)) {
            known.entry(key).or_default().no_base = true;
        }
        let everyday = rules.everyday_words().filter_map(pack).collect();
        Self { known, everyday }
    }

    /// Makes a coin's form known, if it is a word of ASCII letters and digits. The first coin to claim a word keeps it.
    pub(crate) fn add_coin(&mut self, form: &str, coin: u16) {
        if let Some(key) = pack(form) {
            self.known.entry(key).or_default().coin.get_or_insert(coin);
        }
    }

    /// Whether a word of a text is a coin or a quote.
    pub(crate) fn is_known(&self, word: &str) -> bool {
        pack(word).is_some_and(|key| self.known.contains_key(&key))
    }

    /// Whether a quote, a contract month or both are glued to a base that ends at `end`, and then the word ends.
    pub(crate) fn glued_quote(&self, text: &str, end: usize) -> bool {
        let tail = word_at(text, end);
        if tail.is_empty() || tail.len() > 12 {
            return false;
        }
        let closed = match class_after(text, end + tail.len()) {
            Class::Spaced => false,
            Class::Underscore => self.quote(word_at(text, end + tail.len() + 1)).is_some(),
            _ => true,
        };
        if !closed {
            return false;
        }
        let is_quote = |word: &str| {
            pack(word).is_some_and(|key| self.known.get(&key).is_some_and(|e| e.quote.is_some()))
        };
        if is_quote(tail) || is_month(tail) {
            return true;
        }
        // BTCUSDZ19, BTCUSDT0326
        (3..tail.len()).any(|cut| is_quote(&tail[..cut]) && is_contract(&tail[cut..]))
    }

    /// On which side of a pair the hit `start..end` of `coin` stands; `start` is before its sign. `previous` is the
    /// mention before it, its coin and its end, which makes the words of "Bitcoin Cash/BTC" one base.
    pub(crate) fn side(
        &self,
        text: &str,
        (start, end): (usize, usize),
        coin: u16,
        previous: Option<(u16, usize)>,
    ) -> Side {
        let left = left_of(text, start);
        let right = right_of(text, end);
        if left.is_none() && right.is_none() {
            return Side::Alone;
        }
        let me =
            Element { coin: Some(coin), ..self.element(text[start..end].trim_start_matches(['$', '#'])) };
        if self.is_list(text, me, start, end) {
            return Side::Alone;
        }
        if let Some(left) = &left {
            let mut other = self.element(left.word);
            if let Some((coin, _)) = previous.filter(|&(_, end)| end == left.end) {
                other.coin = Some(coin);
            }
            let same = other.coin.is_some() && other.coin == me.coin;
            match (other.quote, me.quote) {
                _ if same => {}
                (Some(Quote::Money), None) => return Side::Base,
                (Some(Quote::Money), Some(_)) if other.money_first => return Side::Base,
                (_, Some(_)) if self.is_base(left, other) => return Side::Quote,
                (Some(Quote::Coin), None) if comes_first(other, left.separator) => return Side::Base,
                _ => {}
            }
        }
        if let Some(right) = &right {
            let other = self.element(right.word);
            let same = other.coin.is_some() && other.coin == me.coin;
            match (me.quote, other.quote) {
                _ if same => {}
                (_, Some(_)) => return Side::Base,
                (Some(Quote::Coin), None)
                    if comes_first(me, right.separator) && self.follows_quote(right, other) =>
                {
                    return Side::Quote;
                }
                _ => {}
            }
        }
        Side::Alone
    }

    /// Three or more words in a row are a list (`btc/ltc/eos`), whatever each could be quoted in: if three of them
    /// are listed coins, or two are and all look like symbols, with no money among them and no quote at the end.
    fn is_list(&self, text: &str, me: Element, start: usize, end: usize) -> bool {
        let (mut words, mut coins, mut symbols) = (1, 1, true);
        let mut last = me;
        let left = successors(left_of(text, start), |n| left_of(text, n.start)).take(CHAIN_REACH);
        let right = successors(right_of(text, end), |n| right_of(text, n.end)).take(CHAIN_REACH);
        for (neighbour, is_right) in left.map(|n| (n, false)).chain(right.map(|n| (n, true))) {
            let element = self.element(neighbour.word);
            words += 1;
            coins += usize::from(element.coin.is_some());
            symbols &= (2..=5).contains(&neighbour.word.len()) && element.quote != Some(Quote::Money);
            if is_right {
                last = element;
            }
        }
        coins >= 3 || words >= 3 && coins == 2 && symbols && last.quote.is_none()
    }

    /// Whether what stands left of a quote can be what it prices. A slash needs a word; a hyphen, which joins
    /// ordinary words too (non-BTC), needs the looks of a ticker.
    fn is_base(&self, left: &Neighbour<'_>, element: Element) -> bool {
        let word = left.word;
        if element.coin.is_some() || element.quote.is_some() || left.tagged {
            return true;
        }
        let ticker_like = (2..=12).contains(&word.len()) && word.bytes().any(|b| b.is_ascii_alphabetic());
        if !ticker_like || left.separator != b'-' {
            return ticker_like;
        }
        if element.no_base {
            return false;
        }
        !word.bytes().any(|b| b.is_ascii_lowercase())
            || word.len() >= 3
                && word.len() <= 6
                && pack(word).is_some_and(|key| !self.everyday.contains(&key))
    }

    /// Whether what stands right of a quote that came first is its base: a listed coin, or after a hyphen or an
    /// underscore a ticker in capitals (BTC-XVG, but BTC-ETF is about bitcoin).
    fn follows_quote(&self, right: &Neighbour<'_>, element: Element) -> bool {
        if element.coin.is_some() {
            return true;
        }
        let word = right.word;
        right.separator != b'/'
            && !element.no_base
            && (2..=5).contains(&word.len())
            && word.bytes().any(|b| b.is_ascii_uppercase())
            && !word.bytes().any(|b| b.is_ascii_lowercase())
    }

    fn element(&self, word: &str) -> Element {
        let known = pack(word).and_then(|key| self.known.get(&key)).copied().unwrap_or_default();
        match known.quote {
            None if is_contract(word) => Element { quote: Some(Quote::Money), ..known },
            _ => known,
        }
    }

    fn quote(&self, word: &str) -> Option<Quote> {
        self.element(word).quote
    }
}

/// BTC-XLM is quote-first, and so is BTC/XLM, but eth/sol is a list.
fn comes_first(quote: Element, separator: u8) -> bool {
    separator != b'/' || quote.first_with_slash
}

fn pack(word: &str) -> Option<Packed> {
    if word.is_empty() || word.len() > 16 || !word.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    Some(word.bytes().fold(0, |packed, byte| packed << 8 | Packed::from(byte.to_ascii_lowercase())))
}

/// A futures month, `Z19`: the exchanges' letters for the twelve months, then the year.
fn is_month(word: &str) -> bool {
    let [letter, year @ ..] = word.as_bytes() else { return false };
    b"FGHJKMNQUVXZ".contains(&letter.to_ascii_uppercase())
        && year.len() == 2
        && year.iter().all(u8::is_ascii_digit)
}

/// A contract: a futures month, `0326`, `210326`, `26MAR21`.
fn is_contract(word: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let day_of = |part: &str| {
        digits(part) && matches!((part[..2].parse::<u8>(), part[2..].parse::<u8>()), (Ok(1..=12), Ok(1..=31)))
    };
    match word.len() {
        3 => is_month(word),
        4 => day_of(word),
        6 => digits(word) && day_of(&word[2..]),
        7 => {
            let month = word[2..5].to_ascii_uppercase();
            const MONTHS: [&str; 12] =
                ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
            digits(&word[..2]) && MONTHS.contains(&month.as_str()) && digits(&word[5..])
        }
        _ => false,
    }
}

/// The run of ASCII letters and digits that begins at `at`; empty when it goes on in another script.
fn word_at(text: &str, at: usize) -> &str {
    let bytes = &text.as_bytes()[at.min(text.len())..];
    let length = bytes.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    match class_after(text, at + length) {
        Class::Spaced => "",
        _ => &text[at.min(text.len())..at + length],
    }
}

fn word_before(text: &str, end: usize) -> &str {
    let length = text.as_bytes()[..end].iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
    match class_before(text, end - length) {
        Class::Spaced => "",
        _ => &text[end - length..end],
    }
}

/// What stands right of `end` behind a separator: `/` with or without spaces, `-` or `_`.
fn right_of(text: &str, end: usize) -> Option<Neighbour<'_>> {
    let bytes = text.as_bytes();
    let mut at = end;
    let separator = match *bytes.get(at)? {
        separator @ (b'-' | b'_') => {
            at += 1;
            separator
        }
        b'/' | b' ' => {
            at += bytes[at..].iter().take(SPACES).take_while(|&&b| b == b' ').count();
            if bytes.get(at) != Some(&b'/') {
                return None;
            }
            at += 1;
            at += bytes[at..].iter().take(SPACES).take_while(|&&b| b == b' ').count();
            b'/'
        }
        _ => return None,
    };
    let start = at;
    at += bytes[at..].iter().take(2).take_while(|b| matches!(b, b'$' | b'#')).count();
    let word = word_at(text, at);
    (!word.is_empty()).then(|| Neighbour { separator, tagged: at > start, word, start, end: at + word.len() })
}

/// What stands left of `start` before a separator.
fn left_of(text: &str, start: usize) -> Option<Neighbour<'_>> {
    let bytes = text.as_bytes();
    let spaces = |at: usize| bytes[..at].iter().rev().take(SPACES).take_while(|&&b| b == b' ').count();
    let mut at = start;
    let separator = match *bytes.get(at.checked_sub(1)?)? {
        separator @ (b'-' | b'_') => {
            at -= 1;
            separator
        }
        b'/' | b' ' => {
            at -= spaces(at);
            if at == 0 || bytes[at - 1] != b'/' {
                return None;
            }
            at -= 1;
            at -= spaces(at);
            b'/'
        }
        _ => return None,
    };
    let end = at;
    let word = word_before(text, end);
    at -= word.len();
    let signs = bytes[..at].iter().rev().take(2).take_while(|b| matches!(b, b'$' | b'#')).count();
    (!word.is_empty()).then(|| Neighbour { separator, tagged: signs > 0, word, start: at - signs, end })
}
