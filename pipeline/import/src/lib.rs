//! Telegram exports to records.
//!
//! Reads Telegram Desktop's `result.json` (one chat or a whole account) and dumps of Telethon's
//! `Message.to_dict()`, one JSON object a line, either plain or gzipped, and puts every record of them on the
//! log: a message on `messages`, a service message on `events`, anything that is neither on `dead-letters`.
//! Exactly one of the three for each record, so that the counts add up to what is in the file.
//!
//! The way of a record, one module a step:
//! [`discover`] which files → `source` bytes → `format` what they are → `desktop`, `lines` one record's bytes →
//! `desktop`, `telethon` its meaning → `flush` batches → [`run`] the log.
//!
//! A file is never loaded whole: memory is bounded by its largest record. How far it was read is appended together
//! with the records read, so that an import that was killed goes on where it stopped and puts the same records on
//! the log as one that was not.

mod desktop;
mod discover;
mod error;
mod escapes;
mod flush;
mod format;
mod json;
mod lines;
mod reader;
mod run;
mod scanner;
mod source;
mod telethon;
mod vocabulary;
mod window;

pub use discover::{Input, discover};
pub use error::Error;
pub use run::{BrokenFile, Counts, Progress, Summary, run};
