//! Dumps of Telethon's `Message.to_dict()`, one JSON object a line.
//!
//! Scripts that write them differ: some drop what is null, some drop the `_` of nested objects, some replace people
//! by pseudonyms. Whatever is missing is taken for unknown; only the id, the chat and the date must be there.

mod media;
mod message;
mod service;

pub(crate) use message::decode;
