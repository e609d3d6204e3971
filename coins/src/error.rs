//! What can be wrong with a coin list or a data file, said so that the reader knows what to do next.

/// A coin list or a rules file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no JSON at all.
    #[error(
        "the coin list is not JSON ({reason}): it begins with {begin:?}; save the answer of CoinGecko's /coins/markets unchanged"
    )]
    NotJson {
        /// What the JSON reader says.
        reason: String,
        /// The first characters of the file.
        begin: String,
    },
    /// CoinGecko answered with an error instead of a list, which it sometimes does under status 200.
    #[error("CoinGecko answered with an error instead of a list{}: {message}; wait a minute and fetch it again", code_suffix(.code))]
    Refused {
        /// The HTTP status that the body names, if it names one.
        code: Option<u64>,
        /// What the body says.
        message: String,
    },
    /// JSON of another shape.
    #[error(
        "the coin list is {found}, but should be a JSON array as CoinGecko's /coins/markets gives it, or an object with `version`, `as_of` and `coins`"
    )]
    Shape {
        /// What stands there instead.
        found: &'static str,
    },
    /// One row is not a coin.
    #[error("row {row} of the coin list{}: {problem}; correct or remove it", name_suffix(.id))]
    Row {
        /// Counted from 1.
        row: usize,
        /// The row's id, as far as it can be read.
        id: Option<String>,
        /// What is wrong.
        problem: String,
    },
    /// No coin is left.
    #[error("the coin list is empty{}; the list in force should be kept", if *.excluded > 0 { " after its stablecoins were left out" } else { "" })]
    Empty {
        /// How many coins were left out.
        excluded: usize,
    },
    /// A rules file cannot be read.
    #[error("{file}: {problem}")]
    Rules {
        /// Its name.
        file: &'static str,
        /// What is wrong.
        problem: String,
    },
}

fn code_suffix(code: &Option<u64>) -> String {
    code.map_or_else(String::new, |code| format!(" (code {code})"))
}

fn name_suffix(id: &Option<String>) -> String {
    id.as_ref().map_or_else(String::new, |id| format!(" ({id:?})"))
}
