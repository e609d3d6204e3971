//! A message with its coin, on topic `attributed`: the whole message, so that no sink needs a join.
//!
//! The value is the bytes of the message record with one more field, `attribution`, written before the closing
//! brace: what the producer wrote reaches the sinks unchanged, unknown fields included, and is never re-encoded.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use tickertape_attribution::{CoinCount, Matcher, Tally};

use crate::message::{ChatKind, Source};
use crate::{Error, check_schema};

/// The outcome of attribution for one version of one message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// CoinGecko's slug, `bitcoin`; absent when the message has no coin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coin_id: Option<String>,
    /// How the coin was found, or why there is none.
    pub basis: Basis,
    /// Steps up the reply chain to the ancestor that gave the coin: 0 unless `basis` is `inherited`.
    #[serde(default)]
    pub depth: u32,
    /// Every coin mentioned in this message's own text, most mentioned first, then in market-cap order.
    #[serde(default)]
    pub mentions: Vec<MentionCount>,
    /// The version of the coin list that was in force.
    pub coin_list_version: u64,
    /// 0 when first emitted; higher each time the same message is emitted again, because it was edited or an
    /// ancestor became known or changed. Sinks keep the highest.
    #[serde(default)]
    pub revision: u32,
    /// Offset on `messages` of the record that caused this one. With `sequence` it never decreases along a
    /// partition of `attributed`, by which a repeated append is recognised and dropped.
    pub input_offset: u64,
    /// Counts the records that one input caused: 0 is the input's own, the rest revise its descendants.
    #[serde(default)]
    pub sequence: u32,
}

/// How a message got its coin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Its own text mentions this coin most.
    Direct,
    /// The nearest ancestor with a coin gave it.
    Inherited,
    /// Its own text mentions several coins equally often, and no ancestor has a coin.
    Tie,
    /// Its own text mentions no coin, and no ancestor has one.
    #[default]
    None,
}

impl Basis {
    /// The name as it is written in records, tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Inherited => "inherited",
            Self::Tie => "tie",
            Self::None => "none",
        }
    }
}

/// One coin's mentions in one text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MentionCount {
    /// CoinGecko's slug.
    pub coin_id: String,
    /// Occurrences.
    pub count: u32,
    /// The forms seen, each once: `cashtag`, `hashtag`, `pair`, `name`, `ticker`, `alias`.
    pub kinds: Vec<Cow<'static, str>>,
}

impl MentionCount {
    /// The counts of the text that was tallied last, most mentioned first.
    pub fn of(tally: &Tally, matcher: &Matcher) -> Vec<Self> {
        let count = |count: &CoinCount| Self {
            coin_id: matcher.coin_id(count.coin).to_owned(),
            count: count.count,
            kinds: count.kinds().map(|kind| Cow::Borrowed(kind.name())).collect(),
        };
        tally.counts().iter().map(count).collect()
    }
}

impl Attribution {
    /// Writes the attributed record for `message`, the value of a valid message record, to the end of `out`.
    pub fn encode_onto(&self, message: &[u8], out: &mut Vec<u8>) {
        let body = message.trim_ascii_end();
        let body = body.strip_suffix(b"}").expect("a message record that was decoded ends with a brace");
        out.extend_from_slice(body);
        out.extend_from_slice(br#","attribution":"#);
        serde_json::to_writer(&mut *out, self).expect("writing to memory cannot fail");
        out.push(b'}');
    }
}

/// An attributed record as the sinks read it, borrowed from its bytes; nested values stay the JSON they are.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "each field is described at crate::Message")]
pub struct Attributed<'a> {
    pub schema: u16,
    pub chat_id: i64,
    pub chat_kind: ChatKind,
    pub chat_title: Option<Cow<'a, str>>,
    pub message_id: i64,
    pub date: i64,
    pub edit_date: Option<i64>,
    pub sender_id: Option<i64>,
    pub sender_name: Option<Cow<'a, str>>,
    pub text: Cow<'a, str>,
    pub entities: Option<&'a RawValue>,
    pub reply_to_message_id: Option<i64>,
    pub reply_to_chat_id: Option<i64>,
    pub topic_id: Option<i64>,
    pub forward: Option<&'a RawValue>,
    pub via_bot: Option<Cow<'a, str>>,
    pub grouped_id: Option<i64>,
    pub views: Option<i64>,
    pub forwards: Option<i64>,
    pub replies: Option<i64>,
    pub reactions: Option<&'a RawValue>,
    pub media: Option<&'a RawValue>,
    pub buttons: Option<&'a RawValue>,
    pub post: bool,
    pub silent: bool,
    pub pinned: bool,
    pub scheduled: bool,
    pub source: Source,
    pub received_at: Option<i64>,
    pub deleted_at: Option<i64>,
    pub attribution: Attribution,
    /// Fields that this build does not know, in the order in which they stand.
    pub extra: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Attributed<'a> {
    /// Reads a record's value.
    pub fn decode(value: &'a [u8]) -> Result<Self, Error> {
        let row: Self =
            serde_json::from_slice(value).map_err(|source| Error::Json { what: "attributed", source })?;
        check_schema(row.schema)?;
        Ok(row)
    }

    /// The unknown fields as one JSON object, or none when there are none.
    pub fn extra_json(&self) -> Option<String> {
        if self.extra.is_empty() {
            return None;
        }
        let fields: Vec<String> = self
            .extra
            .iter()
            .map(|(name, value)| format!("{}:{}", serde_json::Value::from(name.as_ref()), value.get()))
            .collect();
        Some(format!("{{{}}}", fields.join(",")))
    }
}

/// A `Cow` that borrows when the JSON string has no escapes; serde's own impl for `Option<Cow>` always copies.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

// Written by hand because `serde(flatten)`, the derived way to keep unknown fields, copies every value.
impl<'de: 'a, 'a> Deserialize<'de> for Attributed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Attributed<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attributed message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut row = Attributed::default();
                let mut outcome = None;
                while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
                    match name.as_ref() {
                        "schema" => row.schema = map.next_value()?,
                        "chat_id" => row.chat_id = map.next_value()?,
                        "chat_kind" => row.chat_kind = map.next_value()?,
                        "chat_title" => row.chat_title = map.next_value::<Option<Text<'de>>>()?.map(|t| t.0),
                        "message_id" => row.message_id = map.next_value()?,
                        "date" => row.date = map.next_value()?,
                        "edit_date" => row.edit_date = map.next_value()?,
                        "sender_id" => row.sender_id = map.next_value()?,
                        "sender_name" => {
                            row.sender_name = map.next_value::<Option<Text<'de>>>()?.map(|t| t.0)
                        }
                        "text" => row.text = map.next_value::<Text<'de>>()?.0,
                        "entities" => row.entities = map.next_value()?,
                        "reply_to_message_id" => row.reply_to_message_id = map.next_value()?,
                        "reply_to_chat_id" => row.reply_to_chat_id = map.next_value()?,
                        "topic_id" => row.topic_id = map.next_value()?,
                        "forward" => row.forward = map.next_value()?,
                        "via_bot" => row.via_bot = map.next_value::<Option<Text<'de>>>()?.map(|t| t.0),
                        "grouped_id" => row.grouped_id = map.next_value()?,
                        "views" => row.views = map.next_value()?,
                        "forwards" => row.forwards = map.next_value()?,
                        "replies" => row.replies = map.next_value()?,
                        "reactions" => row.reactions = map.next_value()?,
                        "media" => row.media = map.next_value()?,
                        "buttons" => row.buttons = map.next_value()?,
                        "post" => row.post = map.next_value()?,
                        "silent" => row.silent = map.next_value()?,
                        "pinned" => row.pinned = map.next_value()?,
                        "scheduled" => row.scheduled = map.next_value()?,
                        "source" => row.source = map.next_value()?,
                        "received_at" => row.received_at = map.next_value()?,
                        "deleted_at" => row.deleted_at = map.next_value()?,
                        "attribution" if outcome.is_none() => outcome = Some(map.next_value()?),
                        "attribution" => _ = map.next_value::<IgnoredAny>()?,
                        _ => row.extra.push((name, map.next_value()?)),
                    }
                }
                row.attribution = outcome.ok_or_else(|| serde::de::Error::missing_field("attribution"))?;
                Ok(row)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, SCHEMA};

    fn outcome() -> Attribution {
        Attribution {
            coin_id: Some("bitcoin".into()),
            basis: Basis::Direct,
            mentions: vec![MentionCount { coin_id: "bitcoin".into(), count: 2, kinds: vec!["name".into()] }],
            coin_list_version: 3,
            input_offset: 9,
            ..Attribution::default()
        }
    }

    #[test]
    fn a_message_with_its_outcome_reads_back_whole() {
        let message = Message {
            schema: SCHEMA,
            chat_id: -1_001_177_444_353,
            message_id: 5,
            date: 1_600_000_000,
            text: "Bitcoin \u{0} \"Bitcoin\" 🚀".into(),
            entities: vec![crate::Entity { kind: "bold".into(), offset: 0, length: 7, ..Default::default() }],
            views: Some(12),
            ..Message::default()
        };
        let mut value = Vec::new();
        message.encode_into(&mut value);
        let mut attributed = Vec::new();
        outcome().encode_onto(&value, &mut attributed);

        let row = Attributed::decode(&attributed).expect("reads back");
        assert_eq!(row.text, message.text);
        assert_eq!(row.views, Some(12));
        assert_eq!(row.entities.map(RawValue::get), Some(r#"[{"kind":"bold","offset":0,"length":7}]"#));
        assert_eq!(row.attribution, outcome());
        assert_eq!(row.extra_json(), None);
        assert_eq!(Message::decode(&value).expect("reads back"), message);
    }

    #[test]
    fn unknown_fields_are_kept_and_unknown_schemas_refused() {
        let value = br#"{"schema":1,"chat_id":1,"message_id":2,"date":3,"text":"","paid":{"stars":5},"source":{"kind":"telegram","name":"a"}}"#;
        let mut attributed = Vec::new();
        outcome().encode_onto(value, &mut attributed);
        let row = Attributed::decode(&attributed).expect("reads");
        assert_eq!(row.extra_json().as_deref(), Some(r#"{"paid":{"stars":5}}"#));

        let newer = br#"{"schema":2,"chat_id":1,"message_id":2,"date":3,"text":""}"#;
        let error = crate::MessageHead::decode(newer).expect_err("refuses");
        assert!(error.to_string().contains("schema 2"), "{error}");
    }
}
