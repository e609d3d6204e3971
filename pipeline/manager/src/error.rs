//! What can end the manager, and what to do about it.

/// Why the manager ended. What was stored before is stored, and the next start goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log refused.
    #[error(transparent)]
    Log(#[from] tickertape_broker::Error),
    /// The database refused, and trying again would not help.
    #[error("the manager's tables cannot be {doing}: {source}")]
    Database {
        /// `read` or `written`.
        doing: &'static str,
        /// What sqlx said.
        source: sqlx::Error,
    },
    /// What is stored is not what this build stores.
    #[error(
        "table {table} holds what this build cannot read: {reason}; was it written by a newer tickertape?"
    )]
    Unreadable {
        /// Which table.
        table: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Another manager works on the same database.
    #[error("another manager works on this database: only one may; stop the other one")]
    Taken,
    /// A coin list cannot be used.
    #[error("coin list {version} cannot be used: {reason}")]
    CoinList {
        /// Its version.
        version: u64,
        /// What is wrong.
        reason: String,
    },
    /// A channel cannot be named like this.
    #[error(
        "{text:?} names no channel: give a link such as https://t.me/name, https://t.me/+hash, @name, or a chat id such as -1001234567890"
    )]
    NotAChannel {
        /// What was given.
        text: String,
    },
    /// An option has a value that makes no sense.
    #[error("[manager] {option}: {reason}")]
    Option {
        /// The key.
        option: &'static str,
        /// What is wrong and what to write.
        reason: String,
    },
}

impl Error {
    pub(crate) fn reading(source: sqlx::Error) -> Self {
        Self::Database { doing: "read", source }
    }

    pub(crate) fn writing(source: sqlx::Error) -> Self {
        Self::Database { doing: "written", source }
    }

    /// Whether the same may succeed a moment later: the connection was lost, the server restarts or is too busy.
    pub(crate) fn is_transient(&self) -> bool {
        let Self::Database { source, .. } = self else { return false };
        match source {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => true,
            // Connection exceptions, serialization and deadlocks, no resources, the operator's intervention.
            sqlx::Error::Database(error) => error
                .code()
                .is_some_and(|code| ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))),
            _ => false,
        }
    }
}
