//! The rules of naming: aliases, ambiguous words, quote currencies and stablecoins, read from the data files.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::braces;
use crate::list::normalised;
use crate::{Coin, Error};

/// How much it takes for a word to be a mention when it stands bare, without a `$`, a `#` or a quote behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Caution {
    /// No ordinary word: counts in any case.
    Clear,
    /// An ordinary word somewhere: counts by its capitals, in a text of another script, or beside an unambiguous
    /// mention of the same coin.
    Ambiguous,
    /// An everyday English word: the same, but never in lower case.
    Everyday,
    /// Does not count bare.
    Never,
}

/// Another word for a coin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The word, in lower case.
    pub form: String,
    /// How freely it counts.
    pub caution: Caution,
}

/// What a pair is quoted in; all in lower case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotes {
    /// Money, stablecoins and contract marks.
    pub money: Vec<String>,
    /// Those of `money` that are never a base: quote-first even before another quote.
    pub money_first: Vec<String>,
    /// Symbols of coins that others are priced in.
    pub coins: Vec<String>,
    /// Those of `coins` that are quote-first with a slash too.
    pub first_with_slash: Vec<String>,
    /// What may stand beside a quote and a hyphen without being its base.
    pub no_base: Vec<String>,
}

/// What is known about one coin beyond its symbol and name.
#[derive(Debug, Clone, Default)]
pub struct CoinRules {
    /// Other words for it.
    pub aliases: Vec<Alias>,
    /// Phrases that hold one of its words but do not mean it, in lower case.
    pub swallow: Vec<String>,
    symbol: Option<Caution>,
    name: Option<Caution>,
}

/// Everything that the matcher needs to know beside the coin list.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Per CoinGecko id.
    pub coins: BTreeMap<String, CoinRules>,
    /// Quote currencies.
    pub quotes: Quotes,
    /// CoinGecko ids of stablecoins, for when the category cannot be asked.
    pub stablecoins: BTreeSet<String>,
    /// Names of other coins that contain the name of a listed one and must not count for it.
    pub other_names: Vec<String>,
    everyday: HashSet<String>,
    elsewhere: HashSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasEntry {
    #[serde(default)]
    clear: Vec<String>,
    #[serde(default)]
    ambiguous: Vec<String>,
    #[serde(default)]
    swallow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CautionEntry {
    symbol: Option<Caution>,
    name: Option<Caution>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stablecoins {
    ids: BTreeSet<String>,
    names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OtherCoins {
    names: Vec<String>,
}

impl Rules {
    /// The rules that ship with the program.
    pub fn builtin() -> Self {
        Self::from_files(
            include_str!("../data/aliases.toml"),
            include_str!("../data/ambiguous.toml"),
            include_str!("../data/quotes.toml"),
        )
        .expect("the embedded files are read by a test")
    }

    /// The shipped rules with other aliases, ambiguous coins and quotes; texts in the format of `coins/data/`.
    pub fn from_files(aliases: &str, ambiguous: &str, quotes: &str) -> Result<Self, Error> {
        let mut coins: BTreeMap<String, CoinRules> = BTreeMap::new();
        for (id, entry) in parse::<BTreeMap<String, AliasEntry>>("aliases.toml", aliases)? {
            let rules = coins.entry(id).or_default();
            for (patterns, caution) in [(entry.clear, Caution::Clear), (entry.ambiguous, Caution::Ambiguous)]
            {
                for form in expanded(&patterns)? {
                    rules.aliases.push(Alias { form, caution });
                }
            }
            rules.swallow = expanded(&entry.swallow)?;
        }
        for (id, entry) in parse::<BTreeMap<String, CautionEntry>>("ambiguous.toml", ambiguous)? {
            let rules = coins.entry(id).or_default();
            rules.symbol = entry.symbol;
            rules.name = entry.name;
        }
        let stablecoins: Stablecoins = parse("stablecoins.toml", include_str!("../data/stablecoins.toml"))?;
        let others: OtherCoins = parse("other_coins.toml", include_str!("../data/other_coins.toml"))?;
        let words = include_str!("../data/words/english.txt").lines().filter(|line| !line.starts_with('#'));
        let lists: BTreeMap<String, String> =
            parse("words/others.toml", include_str!("../data/words/others.toml"))?;
        Ok(Self {
            coins,
            quotes: parse("quotes.toml", quotes)?,
            stablecoins: stablecoins.ids,
            other_names: stablecoins.names.into_iter().chain(others.names).collect(),
            everyday: words.map(str::to_owned).collect(),
            elsewhere: lists.values().flat_map(|list| list.split_whitespace()).map(str::to_owned).collect(),
        })
    }

    /// How freely a coin's bare symbol counts. One and two letters never do.
    pub fn symbol_caution(&self, coin: &Coin) -> Caution {
        if coin.symbol.chars().filter(|c| c.is_alphabetic()).count() < 3 {
            return Caution::Never;
        }
        let told = self.coins.get(&coin.id).and_then(|rules| rules.symbol);
        told.unwrap_or_else(|| self.word_caution(&coin.symbol))
    }

    /// How freely a coin's bare name counts: as its symbol does, if that is the same word.
    pub fn name_caution(&self, coin: &Coin) -> Caution {
        if coin.name.chars().filter(|c| c.is_alphabetic()).count() < 3 {
            return Caution::Never;
        }
        let told = self.coins.get(&coin.id).and_then(|rules| rules.name);
        told.unwrap_or_else(|| self.word_caution(&coin.name))
    }

    /// The everyday English words, in no particular order.
    pub fn everyday_words(&self) -> impl Iterator<Item = &str> {
        self.everyday.iter().map(String::as_str)
    }

    /// The general rule: a name is as ordinary as the least ordinary of its words.
    fn word_caution(&self, name: &str) -> Caution {
        let caution_of = |word: &str| {
            let word = word.to_lowercase();
            if self.everyday.contains(&word) {
                Caution::Everyday
            } else if self.elsewhere.contains(&word) {
                Caution::Ambiguous
            } else {
                Caution::Clear
            }
        };
        let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(caution_of).min().unwrap_or(Caution::Clear)
    }
}

fn parse<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<T, Error> {
    toml::from_str(text).map_err(|error| Error::Rules { file, problem: error.to_string() })
}

/// The expansions of the patterns, normalised, in lower case, each once.
fn expanded(patterns: &[String]) -> Result<Vec<String>, Error> {
    let mut forms = Vec::new();
    let mut seen = HashSet::new();
    for pattern in patterns {
        let expansions =
            braces::expand(pattern).map_err(|problem| Error::Rules { file: "aliases.toml", problem })?;
        for form in expansions {
            // The half-space of Persian words is a zero-width character that belongs there.
            let form = form.split('\u{200C}').map(normalised_word).collect::<Vec<_>>().join("\u{200C}");
            if seen.insert(form.clone()) {
                forms.push(form);
            }
        }
    }
    Ok(forms)
}

fn normalised_word(part: &str) -> String {
    normalised(part).to_lowercase()
}
