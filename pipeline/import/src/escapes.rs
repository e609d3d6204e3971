//! Mends escapes that occur in real exports and that no strict JSON parser takes.
//!
//! - Half of a surrogate pair (`\ud83d` alone), legal in JSON and not in Unicode: becomes U+FFFD. Both are one UTF-16
//!   code unit, so the offsets of entities stay right.
//! - `\x0B`: how Telegram Desktop writes control characters (`SerializeString` in its `export_output_json.cpp`).
//!
//! Called only for a record that did not parse, so it costs the rest nothing.

/// The record with such escapes replaced, or none when it has none.
pub(crate) fn mend(record: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(record.len() + 16);
    let mut mended = false;
    let mut rest = record;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let unit = code_unit(rest);
        let length = match (rest.get(1), unit) {
            (Some(b'x'), _) if rest.get(2..4).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&rest[2..4]);
                mended = true;
                rest = &rest[4..];
                continue;
            }
            (_, Some(0xD800..=0xDBFF)) if matches!(code_unit(&rest[6..]), Some(0xDC00..=0xDFFF)) => 12,
            (_, Some(0xD800..=0xDFFF)) => {
                out.extend_from_slice(b"\\ufffd");
                mended = true;
                rest = &rest[6..];
                continue;
            }
            (_, Some(_)) => 6,
            _ => rest.len().min(2),
        };
        out.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    out.extend_from_slice(rest);
    mended.then_some(out)
}

/// The UTF-16 code unit of the `\uXXXX` that `text` begins with.
fn code_unit(text: &[u8]) -> Option<u16> {
    let hex = text.strip_prefix(b"\\u")?.get(..4)?;
    let hex = std::str::from_utf8(hex).ok().filter(|hex| !hex.starts_with('+'))?;
    u16::from_str_radix(hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str) -> Option<String> {
        mend(text.as_bytes()).map(|out| String::from_utf8(out).expect("stays UTF-8"))
    }

    #[test]
    fn half_pairs_become_the_replacement_character() {
        assert_eq!(mended(r"a\ud83d b").as_deref(), Some(r"a\ufffd b"));
        assert_eq!(mended(r"\ude80\ud83d\ude80").as_deref(), Some(r"\ufffd\ud83d\ude80"));
        assert_eq!(mended(r"\ud83d\ud83d\ude80").as_deref(), Some(r"\ufffd\ud83d\ude80"));
        assert_eq!(mended(r"\uDBFF").as_deref(), Some(r"\ufffd"));
    }

    #[test]
    fn control_characters_as_telegram_desktop_writes_them() {
        assert_eq!(mended(r"a\x0Bb\x1f").as_deref(), Some(r"a\u000Bb\u001f"));
    }

    #[test]
    fn what_is_right_or_wrong_otherwise_is_left_alone() {
        for text in
            [r"\ud83d\ude80", r"\\ud83d", r"\\x0B", r"\n\", r"\u12", r"\x1", r"\u+123", r"plain", r"\q"]
        {
            assert_eq!(mended(text), None, "{text}");
        }
    }
}
