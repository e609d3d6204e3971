//! Formatted text: Telegram Desktop writes it in pieces, we keep the text and where the pieces stood.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use tickertape_records::Entity;

use crate::json::{Peer, non_empty};
use crate::vocabulary::entity_kind;

/// The value of `text` or `text_entities`: a string, or a list of strings and pieces.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct RichText {
    pub(crate) text: String,
    pub(crate) entities: Vec<Entity>,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Cow<'a, str>,
    href: Option<String>,
    user_id: Option<Peer>,
    language: Option<String>,
}

enum Part<'a> {
    Plain(Cow<'a, str>),
    Piece(Piece<'a>),
}

impl<'de> Deserialize<'de> for RichText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shapes;

        impl<'de> Visitor<'de> for Shapes {
            type Value = RichText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of its pieces")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RichText, E> {
                Ok(RichText { text: text.to_owned(), entities: Vec::new() })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<RichText, A::Error> {
                let mut rich = RichText::default();
                let mut offset = 0;
                while let Some(part) = parts.next_element()? {
                    offset += rich.push(offset, part);
                }
                Ok(rich)
            }
        }

        deserializer.deserialize_any(Shapes)
    }
}

impl RichText {
    /// Adds a part that begins at `offset`; returns its length. Both in UTF-16 code units.
    fn push(&mut self, offset: u32, part: Part<'_>) -> u32 {
        let text = match &part {
            Part::Plain(text) => text,
            Part::Piece(piece) => &piece.text,
        };
        self.text.push_str(text);
        let length = text.encode_utf16().count() as u32;
        if let Part::Piece(piece) = part
            && piece.kind != "plain"
        {
            self.entities.push(Entity {
                kind: entity_kind(&piece.kind),
                offset,
                length,
                url: piece.href,
                user_id: piece.user_id.and_then(|user| user.marked()),
                language: piece.language.and_then(non_empty),
            });
        }
        length
    }
}

impl<'de> Deserialize<'de> for Part<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shapes;

        impl<'de> Visitor<'de> for Shapes {
            type Value = Part<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a piece of text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Part<'de>, E> {
                Ok(Part::Plain(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Part<'de>, E> {
                Ok(Part::Plain(Cow::Owned(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Part<'de>, A::Error> {
                Piece::deserialize(MapAccessDeserializer::new(map)).map(Part::Piece)
            }
        }

        deserializer.deserialize_any(Shapes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(kind: &str, offset: u32, length: u32) -> Entity {
        Entity { kind: kind.into(), offset, length, ..Entity::default() }
    }

    #[test]
    fn offsets_count_utf_16_code_units() {
        let rich: RichText = serde_json::from_str(
            r##"["🚀 ", {"type":"hashtag","text":"#биток"}, {"type":"plain","text":"\n"},
                {"type":"text_link","text":"x","href":"https://example.org"},
                {"type":"pre","text":"y","language":""},
                {"type":"mention_name","text":"\ud83d\ude80","user_id":7},
                {"type":"phone","text":"+1"}]"##,
        )
        .expect("is text");
        assert_eq!(rich.text, "🚀 #биток\nxy🚀+1");
        assert_eq!(
            rich.entities,
            [
                entity("hashtag", 3, 6),
                Entity { url: Some("https://example.org".into()), ..entity("text_url", 10, 1) },
                entity("pre", 11, 1),
                Entity { user_id: Some(7), ..entity("mention_name", 12, 2) },
                entity("phone_number", 14, 2),
            ]
        );
    }

    #[test]
    fn a_bare_string_has_no_entities_and_a_number_is_no_text() {
        let rich: RichText = serde_json::from_str(r#""a\"b""#).expect("is text");
        assert_eq!(rich, RichText { text: "a\"b".into(), entities: vec![] });
        for json in ["5", "{}", "[5]", r#"[{"type":"bold"}]"#, "[[]]"] {
            assert!(serde_json::from_str::<RichText>(json).is_err(), "{json}");
        }
    }
}
