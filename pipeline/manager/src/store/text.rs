//! Text that Postgres can hold: U+0000, which it cannot, is U+2400 instead, as in every other table.

use serde::Serialize;

/// The value as JSON without U+0000.
pub(super) fn json<T: Serialize>(value: &T) -> String {
    let written = serde_json::to_string(value).expect("every key is a string");
    if !written.contains("\\u0000") {
        return written;
    }
    let mut storable = String::with_capacity(written.len());
    let mut rest = written.as_str();
    while let Some(at) = rest.find('\\') {
        storable.push_str(&rest[..at]);
        // An escape is taken as a whole: the u0000 behind an escaped backslash is text.
        let escape = if rest[at..].starts_with("\\u0000") { 6 } else { 2 };
        storable.push_str(if escape == 6 { "\u{2400}" } else { &rest[at..at + escape] });
        rest = &rest[at + escape..];
    }
    storable + rest
}

/// The text without U+0000.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_becomes_its_picture_and_nothing_else_changes() {
        let text = "a\0b \\u0000 \"quoted\" \n \u{1} end\\";
        let stored: String = serde_json::from_str(&json(&text)).expect("JSON");
        assert_eq!(stored, text.replace('\0', "\u{2400}"));
        assert_eq!(plain(text), stored);
    }
}
