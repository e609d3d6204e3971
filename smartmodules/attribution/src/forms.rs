//! The surface forms: every text by which a listed coin goes, made from the coin list and the rules.

use hashbrown::HashMap;
use tickertape_coins::{Caution, CoinList, Rules};

use crate::pair::Elements;
use crate::text::{Class, class};

/// A text that is searched for, and what it means.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    /// The coin; none for a phrase that swallows a coin's word without meaning it.
    pub(crate) coin: Option<u16>,
    /// As the coin's symbol, how freely it counts bare.
    pub(crate) symbol: Option<Caution>,
    /// As the coin's name.
    pub(crate) name: Option<Caution>,
    /// As an alias.
    pub(crate) alias: Option<Caution>,
    /// Its first character, where a word may go on to the left.
    pub(crate) left_edge: Class,
    /// Its last character, where a word may go on to the right.
    pub(crate) right_edge: Class,
    /// Only ASCII letters and digits, so that a quote can be glued to it.
    pub(crate) is_word: bool,
    /// A plural `s` may follow.
    pub(crate) takes_plural: bool,
    /// Begins with a Latin letter.
    pub(crate) is_latin: bool,
}

/// One spelling of a form, as the automaton looks for it.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// Which form.
    pub(crate) form: u32,
    /// Bytes before the form: the sign that a short symbol is only searched with.
    pub(crate) lead: u8,
    /// Bytes of the form.
    pub(crate) length: u16,
    /// How far behind the pattern's beginning the next candidate can begin.
    pub(crate) step: u16,
    /// The longest other pattern that this one begins with: the next best when this one is no mention.
    pub(crate) shorter: Option<u32>,
}

/// Everything to search for.
#[derive(Debug)]
pub(crate) struct Forms {
    /// What is meant.
    pub(crate) forms: Vec<Form>,
    /// What is searched for, parallel to `texts`.
    pub(crate) patterns: Vec<Pattern>,
    /// The patterns' texts; ASCII in lower case.
    pub(crate) texts: Vec<String>,
    /// The words of pairs.
    pub(crate) elements: Elements,
}

#[derive(Clone, Copy)]
enum Role {
    Symbol,
    Name,
    Alias,
    /// Only counts behind a `$` or `#`.
    Tag,
}

/// Symbols up to this length are not searched for bare, which would stop at every such letter of a text.
const SHORT: usize = 2;

/// What may be glued to a short symbol: MUSDT is a pair, MUST a word.
const GLUED_TO_SHORT: [&str; 4] = ["usdt", "usdc", "fdusd", "perp"];

#[derive(Default)]
struct Builder {
    forms: Vec<Form>,
    by_text: HashMap<String, u32>,
    patterns: HashMap<String, Pattern>,
}

impl Forms {
    /// The forms of these coins. Where two coins share one, the better-ranked has it; symbols and names go before
    /// aliases, and those before phrases that swallow.
    pub(crate) fn new(list: &CoinList, rules: &Rules) -> Self {
        let mut builder = Builder::default();
        let mut elements = Elements::new(rules);
        for (coin, entry) in (0_u16..).zip(&list.coins) {
            let symbol = entry.symbol.trim_start_matches(['$', '#']).to_lowercase();
            builder.add(&symbol, Some(coin), Role::Symbol, rules.symbol_caution(entry));
            let name = entry.name.to_lowercase();
            let caution = rules.name_caution(entry);
            builder.add(&name, Some(coin), Role::Name, caution);
            builder.add(&name.replace(' ', "-"), Some(coin), Role::Name, caution);
        }
        for (coin, entry) in (0_u16..).zip(&list.coins) {
            for tag in tag_forms(&entry.name) {
                builder.add(&tag, Some(coin), Role::Tag, Caution::Never);
            }
            for alias in rules.coins.get(&entry.id).map_or(&[][..], |rules| &rules.aliases) {
                builder.add(&alias.form, Some(coin), Role::Alias, alias.caution);
            }
        }
        let swallowed =
            list.coins.iter().filter_map(|coin| rules.coins.get(&coin.id)).flat_map(|r| &r.swallow);
        for phrase in swallowed.chain(&rules.other_names) {
            builder.add(&phrase.to_lowercase(), None, Role::Tag, Caution::Never);
        }
        for (text, &form) in &builder.by_text {
            if let Some(coin) = builder.forms[form as usize].coin {
                elements.add_coin(text, coin);
            }
        }
        builder.finish(elements)
    }
}

impl Builder {
    fn add(&mut self, text: &str, coin: Option<u16>, role: Role, caution: Caution) {
        let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else { return };
        // Without a letter it would be a number, and $100 a mention.
        if !text.chars().any(char::is_alphabetic) || text.len() > usize::from(u16::MAX) {
            return;
        }
        let index = *self.by_text.entry(text.to_owned()).or_insert_with(|| {
            self.forms.push(Form {
                coin,
                symbol: None,
                name: None,
                alias: None,
                left_edge: class(first),
                right_edge: class(last),
                is_word: text.bytes().all(|b| b.is_ascii_alphanumeric()),
                takes_plural: false,
                is_latin: first.is_ascii_alphabetic(),
            });
            (self.forms.len() - 1) as u32
        });
        let form = &mut self.forms[index as usize];
        if form.coin != coin {
            return;
        }
        let plural =
            caution == Caution::Clear && text.len() >= 4 && last.is_ascii_alphabetic() && last != 's';
        match role {
            Role::Symbol => form.symbol = form.symbol.or(Some(caution)),
            Role::Name => form.name = form.name.or(Some(caution)),
            Role::Alias => form.alias = form.alias.or(Some(caution)),
            Role::Tag => {}
        }
        form.takes_plural |= plural && matches!(role, Role::Name | Role::Alias);
        let is_short = text.len() <= SHORT && text.is_ascii();
        if is_short {
            self.add_short(text, index);
        } else {
            let is_name = !matches!(role, Role::Symbol);
            for spelling in spellings(text, is_name) {
                self.pattern(&spelling, index, 0, spelling.len());
            }
        }
    }

    /// A short symbol is only searched for with what makes it a mention beside it.
    fn add_short(&mut self, text: &str, form: u32) {
        for sign in ["$", "#"] {
            self.pattern(&format!("{sign}{text}"), form, 1, text.len());
        }
        for tail in ["/", " /", "-", "_"].iter().chain(&GLUED_TO_SHORT) {
            self.pattern(&format!("{text}{tail}"), form, 0, text.len());
        }
    }

    fn pattern(&mut self, text: &str, form: u32, lead: u8, length: usize) {
        let step = if lead > 0 { usize::from(lead) } else { first_word(text) };
        self.patterns.entry(text.to_owned()).or_insert(Pattern {
            form,
            lead,
            length: length as u16,
            step: step as u16,
            shorter: None,
        });
    }

    fn finish(self, elements: Elements) -> Forms {
        let mut patterns: Vec<(String, Pattern)> = self.patterns.into_iter().collect();
        patterns.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let (texts, mut patterns): (Vec<String>, Vec<Pattern>) = patterns.into_iter().unzip();
        // In sorted order a pattern's prefixes stand before it, each a prefix of the next: a stack of them.
        let mut open: Vec<usize> = Vec::new();
        for index in 0..texts.len() {
            while open.last().is_some_and(|&last| !texts[index].starts_with(&texts[last])) {
                open.pop();
            }
            patterns[index].shorter = open.last().map(|&last| last as u32);
            open.push(index);
        }
        Forms { forms: self.forms, patterns, texts, elements }
    }
}

/// A name as a tag writes it: its spaces and punctuation left out, or written as underscores.
fn tag_forms(name: &str) -> Vec<String> {
    let name = name.to_lowercase();
    let words: Vec<&str> =
        name.split(|c: char| class(c) == Class::Gap).filter(|word| !word.is_empty()).collect();
    let spaced: Vec<String> = name
        .split(' ')
        .map(|word| word.chars().filter(|&c| class(c) != Class::Gap).collect::<String>())
        .filter(|word| !word.is_empty())
        .collect();
    vec![words.concat(), words.join("_"), spaced.join("_")]
}

/// The spellings that the automaton, which only folds ASCII, must be told apart: small, capitalised and capital
/// letters beyond ASCII, and what Turkish makes of an i.
fn spellings(text: &str, is_name: bool) -> Vec<String> {
    let mut spellings = vec![text.to_owned()];
    if !text.is_ascii() {
        spellings.push(text.to_uppercase());
        spellings.push(capitalised(text, false));
        spellings.push(capitalised(text, true));
    } else if is_name && text.contains('i') {
        spellings.push(text.replace('i', "İ"));
        spellings.push(text.replace('i', "ı"));
    }
    for spelling in &mut spellings {
        spelling.make_ascii_lowercase();
    }
    spellings
}

fn capitalised(text: &str, each_word: bool) -> String {
    let mut capital = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if capital {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        capital = each_word && matches!(class(c), Class::Gap | Class::Underscore);
    }
    out
}

/// Length of the first word of a pattern: within it no other candidate can have a boundary to its left.
fn first_word(text: &str) -> usize {
    let mut chars = text.chars();
    let first = chars.next().map_or(1, char::len_utf8);
    let edge = text.chars().next().map_or(Class::Gap, class);
    if edge != Class::Spaced && edge != Class::Hangul {
        return first;
    }
    first + chars.take_while(|&c| class(c) == edge).map(char::len_utf8).sum::<usize>()
}
