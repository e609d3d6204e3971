//! The matcher: one pass of an automaton over the text, and checks of the surroundings of its hits only.
//!
//! The automaton finds leftmost-longest spellings. A hit that is no mention (a letter goes on, the quote of a pair)
//! gives way to the next shorter form that begins at the same place, then to whatever begins behind its first word,
//! so that nothing valid hides behind something that only looked like a match. `explain` runs the same code with an
//! observer that keeps what `mentions` drops.

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};
use tickertape_coins::{Caution, CoinList, Rules};

use crate::Error;
use crate::context::{enclosing, tag_before};
use crate::forms::{Form, Forms, Pattern};
use crate::mention::{Candidate, Kind, Mention, Standing};
use crate::pair::{Elements, Side};
use crate::text::{self, Class, Look};

/// In which case a bare ticker counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BareTickers {
    /// Any: `btc`, unless it is an ordinary word.
    #[default]
    Any,
    /// Only capitals: `BTC`.
    Uppercase,
    /// Not at all.
    Off,
}

/// What the matcher lets count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// In which case a bare ticker counts.
    pub bare_tickers: BareTickers,
}

/// Finds the coins that a text mentions. Built once per coin list; cheap to share between threads.
#[derive(Debug)]
pub struct Matcher {
    automaton: AhoCorasick,
    forms: Vec<Form>,
    patterns: Vec<Pattern>,
    elements: Elements,
    ids: Vec<String>,
    options: Options,
}

/// Hears of the candidates that are no mentions. The silent one costs nothing.
trait Observer {
    fn rejected(&mut self, place: Place, coin: Option<u16>, kind: Kind, reason: &'static str);
}

struct Silent;

impl Observer for Silent {
    fn rejected(&mut self, _: Place, _: Option<u16>, _: Kind, _: &'static str) {}
}

impl Observer for Vec<Candidate> {
    fn rejected(&mut self, place: Place, coin: Option<u16>, kind: Kind, reason: &'static str) {
        self.push(Candidate { start: place.start, end: place.end, coin, kind, counted: false, reason });
    }
}

/// The bytes of a hit, without its sign.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    end: usize,
}

/// What became of a hit.
enum Judgement {
    Mention(Mention),
    /// It stands for something that is not on the list and holds a coin's word.
    Swallowed,
    /// No mention, and nothing before this byte is one.
    Enclosed(&'static str, usize),
    /// No mention; a shorter form may be one.
    No(Kind, &'static str),
}

/// The text being read, and how it looks as a whole, which is only worked out when an ambiguous word asks.
struct Reading<'t> {
    text: &'t str,
    look: Option<Look>,
    /// The mention before the hit: its coin and its end.
    previous: Option<(u16, usize)>,
}

const GOES_ON: &str = "the word goes on";

impl Matcher {
    /// A matcher for these coins.
    pub fn new(list: &CoinList, rules: &Rules, options: Options) -> Result<Self, Error> {
        if list.coins.len() >= usize::from(u16::MAX) {
            return Err(Error::TooManyCoins { coins: list.coins.len() });
        }
        let Forms { forms, patterns, texts, elements } = Forms::new(list, rules);
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA)) // the automatic choice is three times slower at this size
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(&texts)?;
        let ids = list.coins.iter().map(|coin| coin.id.clone()).collect();
        Ok(Self { automaton, forms, patterns, elements, ids, options })
    }

    /// How many coins the list has.
    pub fn coins(&self) -> usize {
        self.ids.len()
    }

    /// CoinGecko's slug of a coin. Panics when the index is not of this matcher's list.
    pub fn coin_id(&self, coin: u16) -> &str {
        &self.ids[usize::from(coin)]
    }

    /// The automaton over all spellings: what matching costs is measured against its bare scan.
    pub fn automaton(&self) -> &AhoCorasick {
        &self.automaton
    }

    /// Puts the mentions of `text` into `out`, in the order in which they stand.
    pub fn mentions(&self, text: &str, out: &mut Vec<Mention>) {
        self.read(text, out, &mut Silent);
    }

    /// Every place of `text` that looks like a mention, in order, with what became of it and why.
    pub fn explain(&self, text: &str) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        let mut mentions = Vec::new();
        self.read(text, &mut mentions, &mut candidates);
        candidates.extend(mentions.iter().map(|mention| Candidate {
            start: mention.start,
            end: mention.end,
            coin: Some(mention.coin),
            kind: mention.kind,
            counted: true,
            reason: why(mention.kind),
        }));
        candidates.sort_by_key(|candidate| (candidate.start, candidate.end, !candidate.counted));
        candidates
    }

    fn read<O: Observer>(&self, text: &str, out: &mut Vec<Mention>, observer: &mut O) {
        out.clear();
        let mut reading = Reading { text, look: None, previous: None };
        let mut pending = false;
        let mut at = 0;
        while let Some(hit) = self.automaton.find(Input::new(text).range(at..)) {
            let mut pattern = &self.patterns[hit.pattern().as_usize()];
            at = hit.start() + usize::from(pattern.step);
            let start = hit.start() + usize::from(pattern.lead);
            let before = text::class_before(text, start);
            // An underscore joins too, unless it makes a pair; that takes a closer look.
            let form = &self.forms[pattern.form as usize];
            if before != Class::Underscore && text::joined_left(before, form.left_edge) {
                let place = Place { start, end: start + usize::from(pattern.length) };
                observer.rejected(place, form.coin, Kind::Ticker, "the word begins earlier");
                continue;
            }
            loop {
                let form = &self.forms[pattern.form as usize];
                let place = Place { start, end: start + usize::from(pattern.length) };
                match self.judge(&mut reading, form, place, before) {
                    Judgement::Mention(mention) => {
                        pending |= mention.standing == Standing::Pending;
                        at = mention.end;
                        reading.previous = Some((mention.coin, mention.end));
                        out.push(mention);
                        break;
                    }
                    Judgement::Swallowed => {
                        observer.rejected(place, None, Kind::Name, "a name or phrase that is not the coin");
                        at = place.end;
                        break;
                    }
                    Judgement::Enclosed(reason, end) => {
                        observer.rejected(place, form.coin, Kind::Ticker, reason);
                        at = at.max(end);
                        break;
                    }
                    Judgement::No(kind, reason) => {
                        observer.rejected(place, form.coin, kind, reason);
                        let Some(shorter) = pattern.shorter else { break };
                        pattern = &self.patterns[shorter as usize];
                        if usize::from(pattern.lead) != start - hit.start() {
                            break;
                        }
                    }
                }
            }
        }
        if pending {
            settle(out, observer);
        }
    }

    fn judge(&self, reading: &mut Reading<'_>, form: &Form, place: Place, before: Class) -> Judgement {
        let text = reading.text;
        let Place { start, mut end } = place;
        let after = text::class_after(text, end);
        let goes_on = text::joined_right(form.right_edge, after);
        let Some(coin) = form.coin else {
            return if goes_on { Judgement::No(Kind::Name, GOES_ON) } else { Judgement::Swallowed };
        };
        let tag = tag_before(text, start);
        let outer = start - tag.map_or(0, |(width, _)| width);

        let side = if beside_separator(text, outer, end) {
            self.elements.side(text, (outer, end), coin, reading.previous)
        } else {
            Side::Alone
        };
        let mut is_pair = side == Side::Base;
        if before == Class::Underscore && !is_pair {
            return Judgement::No(Kind::Ticker, "joined by an underscore");
        }
        if goes_on && !(is_pair && after == Class::Underscore) {
            if after == Class::Underscore {
                return Judgement::No(Kind::Ticker, "joined by an underscore");
            } else if form.is_word && self.elements.glued_quote(text, end) {
                is_pair = true;
            } else if form.takes_plural && plural_follows(text, end) {
                end += 1;
            } else {
                return Judgement::No(Kind::Ticker, GOES_ON);
            }
        }
        if side == Side::Quote {
            return Judgement::No(Kind::Pair, "the quote of a pair");
        }

        let (kind, standing) = if is_pair {
            (Kind::Pair, Standing::Evidence)
        } else if let Some((_, kind)) = tag {
            (kind, Standing::Evidence)
        } else {
            match self.bare(reading, form, Place { start, end }) {
                Ok(bare) => bare,
                Err((kind, reason)) => return Judgement::No(kind, reason),
            }
        };
        if let Some((reason, run_end)) = enclosing(text, outer, end) {
            return Judgement::Enclosed(reason, run_end);
        }
        Judgement::Mention(Mention { start: outer, end, coin, kind, standing })
    }

    /// Whether a form counts without a sign and without a quote behind it.
    fn bare(
        &self,
        reading: &mut Reading<'_>,
        form: &Form,
        place: Place,
    ) -> Result<(Kind, Standing), (Kind, &'static str)> {
        let word = &reading.text[place.start..place.end];
        let is_upper = text::is_upper(word);
        let symbol = form.symbol.filter(|_| match self.options.bare_tickers {
            BareTickers::Any => true,
            BareTickers::Uppercase => is_upper,
            BareTickers::Off => false,
        });
        let named = form.name.map(|caution| (Kind::Name, caution));
        let named = named.or(form.alias.map(|caution| (Kind::Alias, caution)));
        let as_ticker = symbol.map(|caution| self.bare_ticker(reading, caution, is_upper));
        let as_name =
            named.map(|(kind, caution)| (kind, self.bare_name(reading, form, caution, place, is_upper)));
        let ticker = as_ticker.map(|standing| (Kind::Ticker, standing));
        let choices = if is_upper { [ticker, as_name] } else { [as_name, ticker] };
        let mut best = Err((Kind::Ticker, "as a bare word it never counts"));
        for (kind, standing) in choices.into_iter().flatten() {
            best = match (best, standing) {
                (Err(_), Ok(Standing::Pending)) => Ok((kind, Standing::Pending)),
                (_, Ok(standing)) if standing != Standing::Pending => return Ok((kind, standing)),
                (Err(_), Err(reason)) => Err((kind, reason)),
                (best, _) => best,
            };
        }
        best
    }

    fn bare_ticker(
        &self,
        reading: &mut Reading<'_>,
        caution: Caution,
        is_upper: bool,
    ) -> Result<Standing, &'static str> {
        match caution {
            Caution::Clear => Ok(Standing::Evidence),
            Caution::Never => Err("as a bare word it never counts"),
            Caution::Ambiguous | Caution::Everyday if is_upper => {
                let look = self.look(reading);
                let speaks = !look.in_capitals || look.beyond_latin;
                Ok(if speaks { Standing::Counted } else { Standing::Pending })
            }
            Caution::Ambiguous if self.look(reading).beyond_latin => Ok(Standing::Counted),
            Caution::Ambiguous | Caution::Everyday => Err("an ordinary word, and not in capitals"),
        }
    }

    fn bare_name(
        &self,
        reading: &mut Reading<'_>,
        form: &Form,
        caution: Caution,
        place: Place,
        is_upper: bool,
    ) -> Result<Standing, &'static str> {
        match caution {
            Caution::Clear => return Ok(Standing::Evidence),
            Caution::Never => return Err("the company rather than the coin"),
            Caution::Ambiguous | Caution::Everyday => {}
        }
        let text = reading.text;
        let word = &text[place.start..place.end];
        let is_capitalised = text::is_capitalised(word);
        if !is_capitalised && caution == Caution::Everyday {
            return Err("an ordinary word in small letters");
        }
        // "The Graph": whatever the first capital is due to, the second is not.
        let inner = word.contains(' ');
        let look = self.look(reading);
        let by_script = form.is_latin && look.beyond_latin;
        let by_capital = is_capitalised
            && !(is_upper && look.in_capitals)
            && (is_upper || inner || !text::opens_sentence(text, place.start))
            && (caution != Caution::Everyday || is_upper || inner || !text::in_title(text, place.end));
        Ok(if by_script || by_capital { Standing::Counted } else { Standing::Pending })
    }

    fn look(&self, reading: &mut Reading<'_>) -> Look {
        *reading.look.get_or_insert_with(|| text::look(reading.text, |word| self.elements.is_known(word)))
    }
}

/// Lets pending mentions count where their coin has evidence, and drops them where it has none.
fn settle<O: Observer>(mentions: &mut Vec<Mention>, observer: &mut O) {
    while let Some(pending) = mentions.iter().find(|mention| mention.standing == Standing::Pending) {
        let coin = pending.coin;
        let proven = mentions.iter().any(|m| m.coin == coin && m.standing == Standing::Evidence);
        mentions.retain_mut(|mention| {
            if mention.coin != coin || mention.standing != Standing::Pending {
                return true;
            }
            mention.standing = Standing::Counted;
            if !proven {
                let place = Place { start: mention.start, end: mention.end };
                let reason = "an ordinary word, and nothing else speaks for the coin";
                observer.rejected(place, Some(coin), mention.kind, reason);
            }
            proven
        });
    }
}

fn why(kind: Kind) -> &'static str {
    match kind {
        Kind::Cashtag | Kind::Hashtag => "a tag",
        Kind::Pair => "the base of a pair",
        Kind::Name => "the coin's name",
        Kind::Ticker => "the coin's symbol",
        Kind::Alias => "another word for the coin",
    }
}

/// Whether `start..end` has something beside it that could make a pair or a list.
fn beside_separator(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let right = match bytes.get(end) {
        Some(b'/' | b'-' | b'_') => true,
        Some(b' ') => matches!(bytes.get(end + 1), Some(b'/' | b' ')),
        _ => false,
    };
    right
        || match start.checked_sub(1).map(|before| bytes[before]) {
            Some(b'/' | b'-' | b'_') => true,
            Some(b' ') => start >= 2 && matches!(bytes[start - 2], b'/' | b' '),
            _ => false,
        }
}

fn plural_follows(text: &str, end: usize) -> bool {
    matches!(text.as_bytes().get(end), Some(b's' | b'S'))
        && matches!(text::class_after(text, end + 1), Class::Gap | Class::Unspaced | Class::Hangul)
}
