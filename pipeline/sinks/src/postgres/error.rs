//! What can go wrong with the database, whose fault it is and what to do.

use std::borrow::Cow;

use tickertape_broker::{Offset, TopicPartition};

/// Result of work on the database.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Work on the database that failed and that trying again would not mend.
///
/// What was committed before it stays; what was not is written when the sink runs again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or one that is of no use.
    #[error("cannot open the database {url}: {reason}; {advice}")]
    Open {
        /// The URL without its password.
        url: String,
        /// What the server or the system said.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The embedded server does not start.
    #[error("cannot start the embedded Postgres in {dir}: {reason}; {advice}")]
    Embedded {
        /// Its directory.
        dir: String,
        /// What the system or the server said.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The embedded server cannot be opened to other programs.
    #[error("cannot open the database to other programs: {reason}; {advice}")]
    Serve {
        /// What the system said.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The tables are not those of this build.
    #[error("cannot bring the tables of {url} up to date: {reason}; {advice}")]
    Migrate {
        /// The URL without its password.
        url: String,
        /// What the server said.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// A topic that has no table.
    #[error("topic {topic} has no table in Postgres: nothing on it is meant to be asked for")]
    NoTable {
        /// The topic.
        topic: String,
    },
    /// The position is not where this sink left it.
    #[error(
        "{at}: the position in Postgres is no longer at offset {expected}: another sink writes this partition into the same database; stop one of them"
    )]
    Taken {
        /// Which partition.
        at: TopicPartition,
        /// Where this sink had left it.
        expected: Offset,
    },
    /// The log refused.
    #[error(transparent)]
    Log(#[from] tickertape_broker::Error),
    /// The database refused.
    #[error("{at}: cannot write to Postgres: {reason}; {advice}")]
    Write {
        /// Which partition was being written.
        at: TopicPartition,
        /// What the server or the connection said.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
}

/// What a failure of the database calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The connection or the server is in trouble: try again.
    Transient,
    /// A row with this key is there already.
    Conflict,
    /// One row cannot be stored, whatever is tried.
    Data,
    /// Nothing changes by itself.
    Permanent,
}

/// Sorts a failure by its SQLSTATE (PostgreSQL documentation, appendix A).
pub(super) fn kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => Kind::Transient,
        sqlx::Error::Protocol(_) => Kind::Transient, // what a connection cut in the middle of an answer looks like
        sqlx::Error::Database(database) => match database.code().as_deref().unwrap_or_default() {
            "23505" => Kind::Conflict,
            // The rows are not what the table wants: every one would be refused, so the table was changed.
            "22P03" | "22P04" => Kind::Permanent,
            code if code.starts_with("22") || code.starts_with("54") => Kind::Data,
            // Serialization failure, deadlock, out of memory, too many connections, lock or query given up on.
            "40001" | "40P01" | "53200" | "53300" | "55P03" | "57014" => Kind::Transient,
            // Another sink makes the same partition of a table right now, which IF NOT EXISTS does not see.
            "42P07" => Kind::Transient,
            // The server shuts down, crashed, or starts.
            "57P01" | "57P02" | "57P03" | "57P05" => Kind::Transient,
            code if code.starts_with("08") => Kind::Transient,
            _ => Kind::Permanent,
        },
        _ => Kind::Permanent,
    }
}

/// What was said, without the address or the credentials that were used.
pub(super) fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => match database.code() {
            Some(code) => format!("{} (SQLSTATE {code})", database.message()),
            None => database.message().to_owned(),
        },
        other => other.to_string(),
    }
}

/// What to do about a failure that does not mend itself.
pub(super) fn advice(error: &sqlx::Error) -> &'static str {
    let code = match error {
        sqlx::Error::Database(database) => database.code().unwrap_or_default(),
        _ => Cow::Borrowed(""),
    };
    match (error, code.as_ref()) {
        (sqlx::Error::Configuration(_), _) => {
            "write DATABASE_URL as postgres://user:password@host:5432/database, with special characters percent-encoded"
        }
        (sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut, _) => {
            "check that the server runs and that host and port of DATABASE_URL are right"
        }
        (sqlx::Error::Tls(_), _) => "check sslmode and certificates in DATABASE_URL",
        (_, "28000" | "28P01") => "check user and password in DATABASE_URL, and the server's pg_hba.conf",
        (_, "3D000") => "create the database with createdb, or name another one in DATABASE_URL",
        (_, "42501") => "grant the user of DATABASE_URL the right to create and write tables in this schema",
        (_, "25006") => "this server only reads: point DATABASE_URL at the primary",
        (_, "53100") => "the server's disk is full: make room, then start again; nothing committed is lost",
        (_, "53300") => "the server has no connection left: raise max_connections or close others",
        (_, code) if code.starts_with("42") || code.starts_with("22") => {
            "the tables were changed by hand: undo that, or write into a fresh database"
        }
        _ => "look into the server's log; start again when it is mended, nothing committed is lost",
    }
}
