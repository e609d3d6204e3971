//! Telegram Desktop's machine-readable export, `result.json`: one chat, or a whole account.
//!
//! What is written there is defined by `export_output_json.cpp` of Telegram Desktop and by nothing else; fields came
//! and went with its versions, so none but the id is taken for granted.

mod media;
mod message;
mod service;
mod text;
mod walk;

pub(crate) use message::decode;
pub(crate) use walk::Walk;
