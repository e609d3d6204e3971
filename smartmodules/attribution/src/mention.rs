//! Mentions: which coin stands where in a text, and in which form.

use serde::{Deserialize, Serialize};

/// The form of a mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `$BTC`
    Cashtag,
    /// `#BTC`, `#BitcoinCash`
    Hashtag,
    /// `BTCUSDT`, `BTC/USDT`, `BTC-PERP`: the base.
    Pair,
    /// `Bitcoin`
    Name,
    /// `BTC`
    Ticker,
    /// `биткоин`, `ether`
    Alias,
}

impl Kind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [Self; 6] =
        [Self::Cashtag, Self::Hashtag, Self::Pair, Self::Name, Self::Ticker, Self::Alias];

    /// The name as it is written in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cashtag => "cashtag",
            Self::Hashtag => "hashtag",
            Self::Pair => "pair",
            Self::Name => "name",
            Self::Ticker => "ticker",
            Self::Alias => "alias",
        }
    }
}

/// One mention of one coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    /// Where it begins: a byte offset, with the sign of a tag.
    pub start: usize,
    /// Where it ends: a byte offset. Of a pair only the base is covered.
    pub end: usize,
    /// Index into the coin list.
    pub coin: u16,
    /// Its form.
    pub kind: Kind,
    /// What it means for other mentions while the text is being read; nothing afterwards.
    pub(crate) standing: Standing,
}

/// How a mention found so far bears on the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Counts, and speaks for ambiguous mentions of the same coin.
    Evidence,
    /// Counts.
    Counted,
    /// Counts only if there is evidence for its coin.
    Pending,
}

/// A place that looks like a mention, and what became of it: for people who ask why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
    /// Index into the coin list; none for a phrase that holds a coin's word without meaning it.
    pub coin: Option<u16>,
    /// Its form; of a candidate that does not count, the nearest.
    pub kind: Kind,
    /// Whether it is a mention.
    pub counted: bool,
    /// Why it counts or does not.
    pub reason: &'static str,
}
