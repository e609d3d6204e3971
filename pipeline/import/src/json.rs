//! Values that occur in both formats and that every version and every dumping script writes differently.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, NaiveDateTime};
use serde::Deserialize;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use tickertape_records::peer;

/// No bare id reaches this, and below it none overflows when it is marked.
pub(crate) const MAX_BARE_ID: i64 = 1 << 62;

/// Text borrowed where it has no escapes; serde's own impl for `Option<Cow<str>>` always copies.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Implements `Deserialize` through a visitor that handles a few of the shapes of JSON.
macro_rules! deserialize_any {
    ($name:ident, $expecting:literal, { $($visit:item)* }) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Shapes;
                impl<'de> Visitor<'de> for Shapes {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    $($visit)*
                }
                deserializer.deserialize_any(Shapes)
            }
        }
    };
}

/// A date in Unix seconds, written as a number, as a number in a string, or as ISO 8601. Without a zone, as in
/// exports before 2021, it is local time of the exporting machine: which, nobody knows, so it is taken for UTC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Timestamp(pub(crate) i64);

deserialize_any!(Timestamp, "a date: ISO 8601 or Unix seconds", {
    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Timestamp, E> {
        Ok(Timestamp(seconds))
    }
    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Timestamp, E> {
        i64::try_from(seconds)
            .map(Timestamp)
            .map_err(|_| E::custom(format!("date {seconds} is out of range")))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
        if let Ok(seconds) = text.parse() {
            return Ok(Timestamp(seconds));
        }
        DateTime::parse_from_rfc3339(text)
            .map(|date| date.timestamp())
            .or_else(|_| text.parse::<NaiveDateTime>().map(|date| date.and_utc().timestamp()))
            .or_else(|_| {
                NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
                    .map(|date| date.and_utc().timestamp())
            })
            .map(Timestamp)
            .map_err(|error| E::custom(format!("{text:?} is not a date: {error}")))
    }
});

/// Who or where: `{"channel_id": 5}` and `{"_": "PeerChannel", "channel_id": 5}` (Telethon), `"channel5"` (Telegram
/// Desktop), a bare number (older versions of both), `{"user": "u1f…"}` (anonymised dumps).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Peer {
    User(i64),
    Group(i64),
    Channel(i64),
    Number(i64),
    Pseudonym(String),
    Unknown,
}

impl Peer {
    /// The marked id, if it has one that Telegram can have given.
    pub(crate) fn marked(&self) -> Option<i64> {
        let checked = |mark: fn(i64) -> i64, id: i64| (0..=MAX_BARE_ID).contains(&id).then(|| mark(id));
        match *self {
            Self::User(id) => checked(peer::user, id),
            Self::Group(id) => checked(peer::group, id),
            Self::Channel(id) => checked(peer::channel, id),
            Self::Number(id) => Some(id),
            Self::Pseudonym(_) | Self::Unknown => None,
        }
    }

    /// What stands for the id in an anonymised dump.
    pub(crate) fn pseudonym(self) -> Option<String> {
        if let Self::Pseudonym(name) = self { Some(name) } else { None }
    }
}

deserialize_any!(Peer, "a user, group or channel", {
    fn visit_i64<E: Error>(self, id: i64) -> Result<Peer, E> {
        Ok(Peer::Number(id))
    }
    fn visit_u64<E: Error>(self, id: u64) -> Result<Peer, E> {
        i64::try_from(id).map(Peer::Number).map_err(|_| E::custom(format!("id {id} is out of range")))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Peer, E> {
        let digits = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        let kind = &text[..text.len() - digits.len()];
        Ok(match (kind, digits.parse()) {
            ("user", Ok(id)) => Peer::User(id),
            ("chat", Ok(id)) => Peer::Group(id),
            ("channel", Ok(id)) => Peer::Channel(id),
            ("", Ok(id)) => Peer::Number(id),
            _ => Peer::Pseudonym(text.to_owned()),
        })
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Peer, A::Error> {
        let mut peer = Peer::Unknown;
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            match name.as_ref() {
                "user_id" => peer = Peer::User(map.next_value()?),
                "chat_id" => peer = Peer::Group(map.next_value()?),
                "channel_id" => peer = Peer::Channel(map.next_value()?),
                "user" => peer = Peer::Pseudonym(map.next_value()?),
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(peer)
    }
});

/// A text that newer versions wrap into an object with its entities: `"Yes"`, `{"text": "Yes", "entities": []}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Label(pub(crate) String);

deserialize_any!(Label, "a text", {
    fn visit_unit<E: Error>(self) -> Result<Label, E> {
        Ok(Label::default())
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Label, E> {
        Ok(Label(text.to_owned()))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Label, A::Error> {
        let mut label = Label::default();
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            match name.as_ref() {
                "text" => label = map.next_value()?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(label)
    }
});

/// A counter that Telethon wraps into an object and anonymised dumps do not: `3`, `{"replies": 3, …}`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Replies(pub(crate) i64);

deserialize_any!(Replies, "a number of replies", {
    fn visit_i64<E: Error>(self, count: i64) -> Result<Replies, E> {
        Ok(Replies(count))
    }
    fn visit_u64<E: Error>(self, count: u64) -> Result<Replies, E> {
        i64::try_from(count).map(Replies).map_err(|_| E::custom(format!("{count} replies are out of range")))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Replies, A::Error> {
        let mut replies = Replies(0);
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            match name.as_ref() {
                "replies" => replies = Replies(map.next_value()?),
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(replies)
    }
});

/// A text that says something.
pub(crate) fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<T: for<'de> Deserialize<'de>>(json: &str) -> Result<T, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn dates_in_every_way_they_are_written() {
        for json in [
            "1582900818",
            r#""1582900818""#,
            r#""2020-02-28T14:40:18+00:00""#,
            r#""2020-02-28 14:40:18+00:00""#,
            r#""2020-02-28T14:40:18Z""#,
            r#""2020-02-28T17:40:18.250+03:00""#,
            r#""2020-02-28T14:40:18""#,
            r#""2020-02-28 14:40:18""#,
        ] {
            assert_eq!(parse(json), Ok(Timestamp(1_582_900_818)), "{json}");
        }
        assert_eq!(parse(r#""0001-01-01T00:00:00""#), Ok(Timestamp(-62_135_596_800)));
        for json in [r#""2020-02-30T00:00:00""#, r#""yesterday""#, "1e3", "18446744073709551615", "null"] {
            assert!(parse::<Timestamp>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn peers_in_every_way_they_are_written() {
        let channel = Some(-1_000_000_000_005);
        for (json, marked) in [
            (r#"{"channel_id":5}"#, channel),
            (r#"{"_":"PeerChannel","channel_id":5}"#, channel),
            (r#"{"_":"PeerChat","chat_id":5}"#, Some(-5)),
            (r#"{"_":"PeerUser","user_id":5}"#, Some(5)),
            (r#""channel5""#, channel),
            (r#""chat5""#, Some(-5)),
            (r#""user5""#, Some(5)),
            ("5", Some(5)),
            ("-1000000000005", channel),
            (r#"{"user":"u1f"}"#, None),
            (r#"{}"#, None),
            (r#""channel9223372036854775807""#, None),
            (r#"{"channel_id":-5}"#, None),
        ] {
            assert_eq!(parse::<Peer>(json).map(|peer| peer.marked()), Ok(marked), "{json}");
        }
        assert_eq!(parse::<Peer>(r#"{"user":"u1f"}"#).map(Peer::pseudonym), Ok(Some("u1f".to_owned())));
    }

    #[test]
    fn labels_and_replies_bare_and_wrapped() {
        for json in [
            r#""Yes""#,
            r#"{"text":"Yes"}"#,
            r#"{"text":{"_":"TextWithEntities","text":"Yes","entities":[]}}"#,
        ] {
            assert_eq!(parse(json), Ok(Label("Yes".into())), "{json}");
        }
        assert_eq!(parse("3"), Ok(Replies(3)));
        assert_eq!(parse(r#"{"_":"MessageReplies","replies":3,"comments":true}"#), Ok(Replies(3)));
    }
}
