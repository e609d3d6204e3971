//! Why the list in force stays, said so that it can be stored and shown.

use tickertape_coins::Error;

/// Why an answer is no list, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Too many calls, by the account of CoinGecko or of what stands before it.
    #[error("CoinGecko allows no more calls for now{}: {message}", .retry_after.map_or_else(String::new, |seconds| format!(" (again in {seconds} s)")))]
    RateLimited {
        /// Seconds to wait, when the answer names them.
        retry_after: Option<u64>,
        /// What the body says.
        message: String,
    },
    /// CoinGecko, or what stands before it, refused.
    #[error("CoinGecko refused{}: {message}", .code.map_or_else(String::new, |code| format!(" (code {code})")))]
    Refused {
        /// The HTTP status, or the code that the body names.
        code: Option<u64>,
        /// What the body says.
        message: String,
    },
    /// The body is no market list: cut off, another format, a row that is no coin.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// The body goes on and on.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// How much is read at most.
        limit: usize,
    },
    /// The answer points elsewhere, where a key must not go.
    #[error("CoinGecko's address answers with a redirect (status {status}); check coins.url")]
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// No answer, or not in time.
    #[error("CoinGecko cannot be reached: {0}")]
    Unreachable(String),
    /// The month's calls are used up.
    #[error("the {budget} calls of this month are used up; the next month begins with new ones")]
    OverBudget {
        /// Calls a month.
        budget: u64,
    },
    /// No coin is in it.
    #[error("the answer is an empty list")]
    Empty,
    /// A list without the largest coin is not the list of the largest.
    #[error("bitcoin is missing from the {found} coins of the answer")]
    NoBitcoin {
        /// Coins in it.
        found: usize,
    },
    /// Half of the coins that were asked for, or fewer.
    #[error("the answer has {found} coins, {wanted} were asked for")]
    TooFew {
        /// Coins in it, stablecoins left out.
        found: usize,
        /// Coins asked for.
        wanted: usize,
    },
    /// Half of the coins in force, or more, would go at once.
    #[error("only {kept} of the {before} coins in force are in the answer")]
    TooDifferent {
        /// Coins that stay.
        kept: usize,
        /// Coins in force.
        before: usize,
    },
}

impl Reason {
    /// Its name in tables and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate_limited",
            Self::Refused { .. } => "refused",
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge { .. } => "too_large",
            Self::Redirected { .. } => "redirected",
            Self::Unreachable(_) => "unreachable",
            Self::OverBudget { .. } => "over_budget",
            Self::Empty => "empty",
            Self::NoBitcoin { .. } => "no_bitcoin",
            Self::TooFew { .. } => "too_few",
            Self::TooDifferent { .. } => "too_different",
        }
    }

    /// Asking again soon may help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unreachable(_) => true,
            Self::Refused { code, .. } => code.is_some_and(|code| code >= 500),
            _ => false,
        }
    }
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused { code: Some(429), message } => Self::RateLimited { retry_after: None, message },
            // Cloudflare's 1015 and CoinGecko's own word for it come without a code.
            Error::Refused { code: None, message }
                if message.contains("1015") || message.contains("Throttled") =>
            {
                Self::RateLimited { retry_after: None, message }
            }
            Error::Refused { code, message } => Self::Refused { code, message },
            Error::Empty { .. } => Self::Empty,
            other => Self::Unreadable(other.to_string()),
        }
    }
}
