//! What a file is, judged by how its content begins and never by its name.

use std::io::Read;

use crate::error::Broken;
use crate::scanner::ValueScanner;
use crate::window::Window;

/// What cannot be told by then is something else: both formats show themselves in their first few hundred bytes,
/// unless an odd first record is in the way.
const LOOKED_AT: usize = 256 * 1024;

/// The formats that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Telegram Desktop's `result.json`.
    Desktop,
    /// Telethon's `Message.to_dict()`, one JSON object a line.
    Telethon,
}

/// Tells the format, leaving the window at the content's first byte.
pub(crate) fn recognise<R: Read>(window: &mut Window<R>) -> Result<Format, Broken> {
    window.skip_byte_order_mark()?;
    loop {
        if let Some(format) = judge(window.bytes()) {
            return Ok(format);
        }
        if window.bytes().len() >= LOOKED_AT || !window.fill()? {
            return Err(Broken::UnknownFormat { seen: describe(window.bytes()) });
        }
    }
}

/// The format, as soon as `content`, the beginning of a file, shows it.
fn judge(content: &[u8]) -> Option<Format> {
    let desktop = fields(content).any(|(name, value)| {
        matches!(
            (name, value[0]),
            (b"messages" | b"profile_pictures" | b"stories", b'[')
                | (
                    b"chats" | b"left_chats" | b"personal_information" | b"contacts" | b"frequent_contacts",
                    b'{'
                )
                | (b"sessions" | b"web_sessions" | b"other_data", b'{')
        )
    });
    if desktop {
        return Some(Format::Desktop);
    }
    // Any line may tell, not only the first: a broken first line costs one record and not the file.
    let telethon = content.split(|&byte| byte == b'\n').any(|line| {
        fields(line).any(|(name, value)| match name {
            b"peer_id" => true,
            b"_" => value.starts_with(b"\"Message"),
            _ => false,
        })
    });
    telethon.then_some(Format::Telethon)
}

/// The fields of the object that `content` begins with, as far as they are there: the name, and the content from the
/// first byte of the value on.
fn fields(content: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = content.trim_ascii_start().strip_prefix(b"{").unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        let name = rest.get(..ValueScanner::default().feed(rest)?)?;
        rest = rest[name.len()..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let value = Some(rest).filter(|value| !value.is_empty())?;
        let name = name.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        // An unfinished value ends the walk, after the field that has it.
        rest = ValueScanner::default().feed(rest).map_or(&[], |end| &rest[end..]);
        Some((name, value))
    })
}

/// What `content` looks like, for people.
fn describe(content: &[u8]) -> String {
    let begin = content.trim_ascii_start();
    match begin.first() {
        None => "it is empty".to_owned(),
        Some(b'[') => "it is a JSON array".to_owned(),
        Some(b'{') => {
            let names: Vec<_> =
                fields(begin).map(|(name, _)| String::from_utf8_lossy(name).into_owned()).take(8).collect();
            format!("it begins with a JSON object with the fields {}", names.join(", "))
        }
        Some(_) => format!("it begins with \"{}\"", begin[..begin.len().min(16)].escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(content: &[u8]) -> Result<Format, String> {
        recognise(&mut Window::new(content)).map_err(|error| error.to_string())
    }

    #[test]
    fn both_formats_are_known_by_their_content() {
        for content in [
            &br#"{"name":null,"type":"personal_chat","id":1,"messages":[]}"#[..],
            b"\xEF\xBB\xBF{\r\n \"about\": \"x\", \"chats\": {\"list\": []}}",
            br#"{"about":"x","contacts":{"list":[{"a":"#,
        ] {
            assert_eq!(recognised(content), Ok(Format::Desktop), "{}", content.escape_ascii());
        }
        for content in [
            &br#"{"_":"Message","id":1}"#[..],
            br#"{"date":1,"id":1,"peer_id":{"channel_id":5}}"#,
            b"{broken\n\n{\"_\": \"MessageService\"}",
            b"\xEF\xBB\xBF{\"_\":\"MessageEmpty\",\"id\":1",
        ] {
            assert_eq!(recognised(content), Ok(Format::Telethon), "{}", content.escape_ascii());
        }
    }

    #[test]
    fn anything_else_is_described() {
        for (content, seen) in [
            (&b""[..], "it is empty"),
            (b" \n", "it is empty"),
            (b"[{\"_\":\"Message\"}]", "a JSON array"),
            (b"{\"a\":1,\"b\":[2]}", "fields a, b"),
            (b"{\"_\":\"User\",\"of\":\"Message\"}", "fields _, of"),
            (b"\x89PNG\r\n", "\\x89PNG"),
        ] {
            let error = recognised(content).expect_err("is neither");
            assert!(error.contains(seen), "{error}");
            assert!(error.contains("result.json"), "{error}");
        }
    }
}
