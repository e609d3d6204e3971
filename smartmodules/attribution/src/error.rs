//! What can go wrong when a matcher is built; matching itself cannot fail.

/// A coin list that no matcher can be built from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More coins than an index of 16 bits can name.
    #[error("the coin list has {coins} coins, a matcher takes at most {}; cut the list with `size`", u16::MAX - 1)]
    TooManyCoins {
        /// How many there are.
        coins: usize,
    },
    /// The automaton over all words would be too large.
    #[error("the words of the coin list make too large an automaton ({0}); cut the list with `size`")]
    Automaton(#[from] aho_corasick::BuildError),
}
