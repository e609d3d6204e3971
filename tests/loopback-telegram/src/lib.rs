//! A Telegram on loopback, for tests: sign-in, history, live pushes, and everything that can go wrong.
//!
//! [`Loopback::start`] listens on 127.0.0.1 and speaks MTProto as grammers does, from grammers' own crates. A client
//! reaches it with a session from [`Loopback::signed_in`] or [`Loopback::signed_out`], which names the loopback as its
//! data centre and carries a key, so no handshake takes place.
//!
//! The test writes the script: it adds accounts and chats, posts, edits and deletes, and says what goes wrong:
//!
//! | what | how |
//! |---|---|
//! | flood waits | [`Loopback::flood`]; [`Loopback::early`] counts who came back before the time |
//! | the line breaks | [`Loopback::hang_up`] |
//! | the line stays open and mute | [`Loopback::mute_lines`], [`Loopback::mute_everything`] |
//! | updates are lost, or come in another order | [`Loopback::drop_pushes`], [`Loopback::swap_pushes`] |
//! | too much was missed | [`Loopback::answer_too_long`] |
//! | an account is banned | [`Loopback::ban`] |
//! | any other answer | [`Loopback::on`] |
//!
//! What the chats hold in the end is asked of [`Loopback::chat`], and compared with what the program under test
//! stored. It must never be more forgiving than Telegram: what a test needs and Telegram refuses is refused here.

mod answers;
mod blank;
mod crypto;
mod line;
mod script;
mod server;
mod world;

pub use blank::{BOT, callback_button, message, now, reply_to, url_button};
pub use script::{AccountSpec, ChatKind, ChatSpec};
pub use server::{DC, Loopback, Refusal};
pub use world::{AccountId, ChatState, WorldMessage};
