//! Whether a channel is about coins: its name, description and latest messages under the rules of attribution.
//!
//! The score is the share of its messages that mention a coin, plus [`IN_NAME`] when its name does and
//! [`IN_ABOUT`] when its description does, at most 1. Fewer messages than [`ENOUGH_MESSAGES`] count as if the rest
//! mentioned none, so that two lucky messages prove nothing. The same matcher and the same coin list are used as for
//! messages: what is called relevant is what will be attributed.

use lingua::{IsoCode639_1, LanguageDetector, LanguageDetectorBuilder};
use serde::{Deserialize, Serialize};
use tickertape_attribution::{Matcher, Mention};
use tickertape_coins::{CoinList, Rules};
use tickertape_records::Preview;

use crate::{Error, Options};

/// What a coin in the name adds to the score.
pub const IN_NAME: f64 = 0.15;
/// What a coin in the description adds to the score.
pub const IN_ABOUT: f64 = 0.15;
/// From so many messages on, their share is taken as it is.
pub const ENOUGH_MESSAGES: usize = 5;

/// Characters that are shown to the language detector: more does not make it surer.
const LANGUAGE_CHARACTERS: usize = 1_500;
/// Letters below which a language is a guess.
const FEWEST_LETTERS: usize = 40;

/// What a preview is worth, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// It is worth following.
    pub relevant: bool,
    /// From 0 to 1.
    pub score: f64,
    /// Its language as an ISO 639-1 code; none when there is too little text to tell.
    pub language: Option<String>,
    /// Why, for people.
    pub reasons: Vec<String>,
}

/// Weighs previews under one coin list.
pub struct Scale {
    matcher: Matcher,
    detector: LanguageDetector,
}

impl Scale {
    /// A scale for this coin list.
    ///
    /// # Errors
    /// [`Error::CoinList`] when the list cannot be used.
    pub fn new(list: &CoinList, options: &Options) -> Result<Self, Error> {
        let detector = LanguageDetectorBuilder::from_all_languages()
            .with_low_accuracy_mode() // trigrams alone: as sure from forty letters on, in a third of the memory
            .build();
        Ok(Self { matcher: matcher(list, options)?, detector })
    }

    /// Weighs by another coin list from now on.
    ///
    /// # Errors
    /// [`Error::CoinList`] when the list cannot be used; the old one stays.
    pub fn change_list(&mut self, list: &CoinList, options: &Options) -> Result<(), Error> {
        self.matcher = matcher(list, options)?;
        Ok(())
    }

    /// What this preview is worth.
    pub fn weigh(&self, preview: &Preview, options: &Options) -> Verdict {
        let mut mentions = Vec::new();
        let texts = preview.messages.iter().map(|message| message.text.as_str());
        let texts: Vec<&str> = texts.filter(|text| !text.trim().is_empty()).collect();
        let with_coin = texts.iter().filter(|text| !self.coins(text, &mut mentions).is_empty()).count();
        let about = preview.about.as_deref().unwrap_or_default();
        let username = preview.username.as_deref().unwrap_or_default().replace('_', " ");
        let in_name = self.coins(&format!("{} {username}", preview.title), &mut mentions);
        let in_about = self.coins(about, &mut mentions);

        let mut score = with_coin as f64 / texts.len().max(ENOUGH_MESSAGES) as f64;
        let mut reasons = vec![match texts.len() {
            0 => "its messages cannot be read without joining".to_owned(),
            all => format!("{with_coin} of {all} messages mention a coin"),
        }];
        for (coins, worth, place) in [(in_name, IN_NAME, "name"), (in_about, IN_ABOUT, "description")] {
            if !coins.is_empty() {
                score += worth;
                reasons.push(format!("its {place} mentions {}", coins.join(", ")));
            }
        }
        let score = (score.min(1.0) * 1000.0).round() / 1000.0;
        let enough = score >= options.relevance;
        reasons.push(format!(
            "score {score:.2}, {:.2} is {}",
            options.relevance,
            if enough { "enough" } else { "needed" }
        ));
        let language = self.language(&preview.title, about, &texts);
        let spoken = self.is_followed(language.as_deref(), options);
        if !spoken {
            let language = language.as_deref().unwrap_or_default();
            reasons
                .push(format!("its language is {language}, followed are {}", options.languages.join(", ")));
        }
        Verdict { relevant: enough && spoken, score, language, reasons }
    }

    fn is_followed(&self, language: Option<&str>, options: &Options) -> bool {
        options.languages.is_empty()
            || language.is_none_or(|language| options.languages.iter().any(|followed| followed == language))
    }

    /// Ids of the coins that a text mentions, each once.
    fn coins(&self, text: &str, mentions: &mut Vec<Mention>) -> Vec<&str> {
        mentions.clear();
        self.matcher.mentions(text, mentions);
        let mut coins: Vec<u16> = mentions.iter().map(|mention| mention.coin).collect();
        coins.sort_unstable();
        coins.dedup();
        coins.into_iter().map(|coin| self.matcher.coin_id(coin)).collect()
    }

    fn language(&self, title: &str, about: &str, texts: &[&str]) -> Option<String> {
        let words = [title, about].into_iter().chain(texts.iter().copied()).flat_map(str::split_whitespace);
        // Links, names and numbers are of no language.
        let words = words.filter(|word| {
            !word.contains("://")
                && !word.starts_with(['@', '$', '#'])
                && word.chars().any(char::is_alphabetic)
        });
        let mut sample = String::new();
        for word in words {
            sample.push_str(word);
            sample.push(' ');
            if sample.len() >= LANGUAGE_CHARACTERS {
                break;
            }
        }
        if sample.chars().filter(|character| character.is_alphabetic()).count() < FEWEST_LETTERS {
            return None;
        }
        let language = self.detector.detect_language_of(sample)?;
        Some(language.iso_code_639_1().to_string().to_lowercase())
    }
}

/// Whether this is the code of a language that can be told.
pub fn knows_language(code: &str) -> bool {
    lingua::Language::all().into_iter().any(|language| {
        let known: IsoCode639_1 = language.iso_code_639_1();
        known.to_string().eq_ignore_ascii_case(code)
    })
}

fn matcher(list: &CoinList, options: &Options) -> Result<Matcher, Error> {
    Matcher::new(list, &Rules::builtin(), options.matching)
        .map_err(|error| Error::CoinList { version: list.version, reason: error.to_string() })
}
