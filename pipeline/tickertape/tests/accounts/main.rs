//! Accounts as a user meets them: the real program against the loopback Telegram.

mod following;
mod signing_in;
mod support;
mod terminal;
