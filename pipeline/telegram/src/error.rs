//! What can go wrong between an account and Telegram, and what to do.

use grammers_client::InvocationError;

/// Result of something asked of Telegram or of what the producer stores.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Something the producer could not do. Nothing that was acknowledged before is lost.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Telegram makes the account wait longer than we wait in place.
    #[error(
        "{method}: Telegram asks to wait until {until} (Unix seconds); nothing is asked before that moment"
    )]
    Flood {
        /// The request's name.
        method: &'static str,
        /// Not to be asked again before this moment, Unix seconds.
        until: i64,
    },
    /// Telegram answered with an error.
    #[error("{method}: Telegram refuses: {code} {name}")]
    Refused {
        /// The request's name.
        method: &'static str,
        /// As in HTTP: 400 bad request, 401 signed out, 403 forbidden, 406, 500.
        code: i32,
        /// Telegram's name for it, such as `CHANNEL_PRIVATE`, digits taken out.
        name: String,
        /// The number in the name, where there is one.
        value: Option<u32>,
    },
    /// The connection broke or stayed mute, again and again.
    #[error("{method}: no answer from Telegram: {reason}; it is asked again later")]
    Unreachable {
        /// The request's name.
        method: &'static str,
        /// What happened the last time.
        reason: String,
    },
    /// The answer was not what the protocol says.
    #[error("{method}: the answer makes no sense: {reason}")]
    Nonsense {
        /// The request's name.
        method: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The session file cannot be used.
    #[error("session file {path}: {reason}")]
    Session {
        /// Which file.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The log refused.
    #[error("the log: {0}")]
    Log(#[from] tickertape_broker::Error),
    /// The database refused.
    #[error("the gap ledger in Postgres: {0}")]
    Ledger(#[from] sqlx::Error),
}

impl Error {
    /// Names the error that grammers gave for `method`. Flood waits and broken connections are handled before.
    pub(crate) fn from_invocation(method: &'static str, error: InvocationError) -> Self {
        match error {
            InvocationError::Rpc(rpc) => {
                Self::Refused { method, code: rpc.code, name: rpc.name, value: rpc.value }
            }
            InvocationError::Deserialize(error) => Self::Nonsense { method, reason: error.to_string() },
            other => Self::Unreachable { method, reason: other.to_string() },
        }
    }

    /// Whether Telegram answered with this error; a trailing `*` matches the rest: `AUTH_KEY_*`.
    pub fn is(&self, pattern: &str) -> bool {
        let Self::Refused { name, .. } = self else { return false };
        match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        }
    }

    /// Whether the account is signed out, deactivated or banned: nothing works until someone signs in again.
    pub fn is_account_gone(&self) -> bool {
        matches!(self, Self::Refused { code: 401, name, .. } if name != "SESSION_PASSWORD_NEEDED")
            || self.is("AUTH_KEY_DUPLICATED")
            || self.is("USER_DEACTIVATED*")
    }
}
