//! Which process has which partition: a lease is an advisory lock in Postgres, held by a connection of its own.
//!
//! The lock goes with the connection, so a killed process hands its partitions on at once, and nothing can be stale:
//! who takes part and who has what is read from `pg_locks`. A process that loses its connection, or gets no answer on
//! it, has no lease any more and stops those stages without finishing anything.
//!
//! A lease keeps two processes from doing the same work. It is not what keeps data right: for a moment after a
//! connection broke two can be at one partition, and then the sinks' own positions and the input offset in each
//! attributed record are what tells a repeat from news.

mod connection;
mod hold;
mod share;
#[cfg(test)]
mod tests;

pub(crate) use connection::{Server, SetupLock, claim};
pub(crate) use hold::{Holding, hold};
