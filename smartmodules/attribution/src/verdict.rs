//! From mentions to one coin: count, and take the coin that alone has the highest count.

use crate::{Kind, Matcher, Mention};

/// What a text says by itself; its parents come in where it is not direct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This coin, an index into the list, is mentioned more often than every other.
    Direct(u16),
    /// Several coins share the highest count.
    Tie,
    /// No coin is mentioned.
    None,
}

/// How often one coin is mentioned, and in which forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoinCount {
    /// Index into the coin list.
    pub coin: u16,
    /// Occurrences, at least one.
    pub count: u32,
    kinds: u8,
}

impl CoinCount {
    /// The forms seen, each once, in the order of [`Kind::ALL`].
    pub fn kinds(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |&kind| self.kinds & bit(kind) != 0)
    }
}

/// Counts the mentions of one text after another without allocating.
#[derive(Debug, Clone)]
pub struct Tally {
    /// For each coin of the list its place in `counts` plus one, or 0.
    places: Vec<u16>,
    counts: Vec<CoinCount>,
}

impl Tally {
    /// A tally for the coins of this matcher.
    pub fn new(matcher: &Matcher) -> Self {
        Self { places: vec![0; matcher.coins()], counts: Vec::new() }
    }

    /// Counts the mentions of one text, forgetting the text before.
    pub fn count(&mut self, mentions: &[Mention]) -> Verdict {
        for count in self.counts.drain(..) {
            self.places[usize::from(count.coin)] = 0;
        }
        for mention in mentions {
            let place = &mut self.places[usize::from(mention.coin)];
            if *place == 0 {
                self.counts.push(CoinCount { coin: mention.coin, count: 0, kinds: 0 });
                *place = self.counts.len() as u16;
            }
            let count = &mut self.counts[usize::from(*place) - 1];
            count.count += 1;
            count.kinds |= bit(mention.kind);
        }
        self.counts.sort_unstable_by_key(|count| (std::cmp::Reverse(count.count), count.coin));
        match self.counts.as_slice() {
            [] => Verdict::None,
            [first, second, ..] if first.count == second.count => Verdict::Tie,
            [first, ..] => Verdict::Direct(first.coin),
        }
    }

    /// The coins of the text counted last, most mentioned first, then in market-cap order.
    pub fn counts(&self) -> &[CoinCount] {
        &self.counts
    }
}

fn bit(kind: Kind) -> u8 {
    1 << kind as u8
}
