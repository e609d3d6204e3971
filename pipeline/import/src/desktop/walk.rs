//! The way through `result.json` to its messages, never holding more than one value of it.
//!
//! ```text
//! { "name", "type", "id", "messages": [ … ] }                                  one chat
//! { …, "chats": { "list": [ chat, … ] }, "left_chats": { "list": [ … ] } }     a whole account
//! ```

use std::io::Read;

use serde::de::DeserializeOwned;
use tickertape_records::{ChatKind, peer};

use crate::error::Broken;
use crate::json::MAX_BARE_ID;
use crate::scanner::ValueScanner;
use crate::window::{Found, MAX_RECORD, Window};

/// A key or a chat's header field longer than this is not one.
const MAX_SMALL: usize = 64 * 1024;

/// The chat whose messages are being read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chat {
    pub(crate) id: i64,
    pub(crate) kind: ChatKind,
    pub(crate) title: Option<String>,
    /// Posts are the channel's own; in any other chat somebody wrote them.
    pub(crate) broadcast: bool,
}

/// What was read of a chat before its messages.
#[derive(Debug, Default)]
struct Header {
    id: Option<i64>,
    kind: Option<String>,
    title: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Level {
    /// The outermost object: a chat, or what holds `chats` and `left_chats`.
    Root,
    /// `chats` or `left_chats`.
    Chats,
    List,
    Chat,
    Messages,
}

/// Where in the file we are.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    levels: Vec<Level>,
    /// Something was read in the innermost level, so that a comma must come before the next.
    inside: bool,
    begun: bool,
    header: Header,
    chat: Option<Result<Chat, String>>,
}

impl Walk {
    /// The chat of the record found last, or why it is unknown.
    pub(crate) fn chat(&self) -> Result<&Chat, String> {
        self.chat.as_ref().expect("a record is found inside a chat").as_ref().map_err(String::clone)
    }

    /// The next element of a `messages`; none at the end of the file.
    pub(crate) fn next<R: Read>(&mut self, window: &mut Window<R>) -> Result<Option<Found>, Broken> {
        if !self.begun {
            self.begun = true;
            expect(window, b'{', "an object")?;
            self.enter(Level::Root);
        }
        while let Some(&level) = self.levels.last() {
            let close = if matches!(level, Level::List | Level::Messages) { b']' } else { b'}' };
            let mut byte = token(window)?;
            if byte == close {
                window.consume(1);
                self.levels.pop();
                self.inside = true;
                continue;
            }
            if self.inside {
                expect(window, b',', "a comma or the end of the list")?;
                byte = token(window)?;
            }
            self.inside = true;
            match level {
                Level::Messages => return value(window, byte, MAX_RECORD).map(Some),
                Level::List if byte == b'{' => {
                    window.consume(1);
                    self.header = Header::default();
                    self.enter(Level::Chat);
                }
                Level::List => skip(window, byte)?,
                Level::Root | Level::Chats | Level::Chat => self.field(level, window)?,
            }
        }
        match next_token(window)? {
            None => Ok(None),
            Some(byte) => Err(garbage(byte, "the end of the file")),
        }
    }

    fn enter(&mut self, level: Level) {
        self.levels.push(level);
        self.inside = false;
    }

    /// Reads one `"key": value` of an object, or enters the value.
    fn field<R: Read>(&mut self, level: Level, window: &mut Window<R>) -> Result<(), Broken> {
        let name: String = small(window, "name of a field")?;
        expect(window, b':', "a colon")?;
        let byte = token(window)?;
        match (level, name.as_str(), byte) {
            (Level::Root | Level::Chat, "name", _) => self.header.title = small(window, "`name`")?,
            (Level::Root | Level::Chat, "type", _) => self.header.kind = small(window, "`type`")?,
            (Level::Root | Level::Chat, "id", _) => self.header.id = small(window, "`id`")?,
            (Level::Root | Level::Chat, "messages", b'[') => {
                window.consume(1);
                self.chat = Some(self.header.chat()?);
                self.enter(Level::Messages);
            }
            (Level::Root, "chats" | "left_chats", b'{') => {
                window.consume(1);
                self.enter(Level::Chats);
            }
            (Level::Chats, "list", b'[') => {
                window.consume(1);
                self.enter(Level::List);
            }
            _ => skip(window, byte)?,
        }
        Ok(())
    }
}

impl Header {
    /// The chat, or why its messages cannot be filed under one.
    fn chat(&self) -> Result<Result<Chat, String>, Broken> {
        let (Some(id), Some(kind)) = (self.id, self.kind.as_deref()) else { return Err(Broken::NoHeader) };
        if !(0..=MAX_BARE_ID).contains(&id) {
            return Ok(Err(format!("the chat's id {id} is not one that Telegram gives")));
        }
        // Before 2021 the kind stood in the upper half of this number as well: 2 for groups and channels. Their ids
        // today are still far from there; those of users are not, and theirs are left as they are.
        let bare = if id >> 32 == 2 { id & 0xFFFF_FFFF } else { id };
        let (id, kind) = match kind {
            "public_channel" | "private_channel" => (peer::channel(bare), ChatKind::Channel),
            "public_supergroup" | "private_supergroup" => (peer::channel(bare), ChatKind::Supergroup),
            "private_group" => (peer::group(bare), ChatKind::Group),
            "personal_chat" | "bot_chat" | "saved_messages" | "replies" | "verification_codes" => {
                (peer::user(id), ChatKind::User)
            }
            _ => return Ok(Err(format!("unknown chat type {kind:?}; please report it"))),
        };
        let broadcast = kind == ChatKind::Channel;
        Ok(Ok(Chat { id, kind, title: self.title.clone(), broadcast }))
    }
}

/// The next byte that is not white space, which stays in the window; none at the end of the file.
fn next_token<R: Read>(window: &mut Window<R>) -> Result<Option<u8>, Broken> {
    loop {
        let blank = window.bytes().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        window.consume(blank);
        if let Some(&byte) = window.bytes().first() {
            return Ok(Some(byte));
        }
        if !window.fill()? {
            return Ok(None);
        }
    }
}

fn token<R: Read>(window: &mut Window<R>) -> Result<u8, Broken> {
    next_token(window)?.ok_or(Broken::Truncated)
}

fn expect<R: Read>(window: &mut Window<R>, wanted: u8, name: &'static str) -> Result<(), Broken> {
    let byte = token(window)?;
    if byte != wanted {
        return Err(garbage(byte, name));
    }
    window.consume(1);
    Ok(())
}

fn garbage(byte: u8, wanted: &'static str) -> Broken {
    Broken::Garbage { found: format!("{:?}", byte.escape_ascii().to_string()), wanted }
}

/// Finds the end of the value that begins with `first`, at the start of the window.
fn value<R: Read>(window: &mut Window<R>, first: u8, limit: usize) -> Result<Found, Broken> {
    if matches!(first, b',' | b':' | b']' | b'}') {
        return Err(garbage(first, "a value"));
    }
    let mut scanner = ValueScanner::default();
    let mut scanned = 0;
    loop {
        if let Some(end) = scanner.feed(&window.bytes()[scanned..]) {
            return Ok(Found::Record { length: scanned + end, advance: scanned + end });
        }
        scanned = window.bytes().len();
        if scanned > limit {
            let beginning = window.beginning();
            window.consume(scanned);
            finish(window, scanner)?;
            return Ok(Found::Oversized { beginning });
        }
        if !window.fill()? {
            return Err(Broken::Truncated);
        }
    }
}

/// Consumes the rest of a value.
fn finish<R: Read>(window: &mut Window<R>, mut scanner: ValueScanner) -> Result<(), Broken> {
    loop {
        if let Some(end) = scanner.feed(window.bytes()) {
            window.consume(end);
            return Ok(());
        }
        window.consume(window.bytes().len());
        if !window.fill()? {
            return Err(Broken::Truncated);
        }
    }
}

/// Consumes a value, of any size.
fn skip<R: Read>(window: &mut Window<R>, first: u8) -> Result<(), Broken> {
    if matches!(first, b',' | b':' | b']' | b'}') {
        return Err(garbage(first, "a value"));
    }
    finish(window, ValueScanner::default())
}

/// Reads and consumes a value that is small by its nature.
fn small<R: Read, T: DeserializeOwned>(window: &mut Window<R>, field: &'static str) -> Result<T, Broken> {
    let first = token(window)?;
    match value(window, first, MAX_SMALL)? {
        Found::Record { length, advance } => {
            let bytes = &window.bytes()[..length];
            let parsed = serde_json::from_slice(bytes)
                .or_else(|error| match crate::escapes::mend(bytes) {
                    Some(mended) => serde_json::from_slice(&mended),
                    None => Err(error),
                })
                .map_err(|source| Broken::BadHeader { field, source })?;
            window.consume(advance);
            Ok(parsed)
        }
        Found::Oversized { .. } => {
            Err(Broken::Garbage { found: format!("a value above {MAX_SMALL} bytes"), wanted: field })
        }
    }
}
