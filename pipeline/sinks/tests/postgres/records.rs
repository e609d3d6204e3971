//! Records to write, invented.

use tickertape_records::{Attribution, Basis, MentionCount, Message, SCHEMA, Source, SourceKind, peer};

/// 2021-06-01T00:00:00Z
pub(crate) const DATE: i64 = 1_622_505_600;

pub(crate) fn chat() -> i64 {
    peer::channel(1_234_567_890)
}

/// A plain message.
pub(crate) fn message(id: i64, text: &str) -> Message {
    Message {
        schema: SCHEMA,
        chat_id: chat(),
        message_id: id,
        date: DATE + id,
        text: text.to_owned(),
        source: Source { kind: SourceKind::Telethon, name: "made-up.jsonl".into(), position: Some(1) },
        ..Message::default()
    }
}

/// The outcome for a message that names bitcoin.
pub(crate) fn outcome(revision: u32) -> Attribution {
    Attribution {
        coin_id: Some("bitcoin".into()),
        basis: Basis::Direct,
        mentions: vec![MentionCount {
            coin_id: "bitcoin".into(),
            count: 2,
            kinds: vec!["cashtag".into(), "name".into()],
        }],
        coin_list_version: 1,
        revision,
        ..Attribution::default()
    }
}

/// The value of the attributed record.
pub(crate) fn attributed(message: &Message, outcome: &Attribution) -> Vec<u8> {
    let (mut value, mut attributed) = (Vec::new(), Vec::new());
    message.encode_into(&mut value);
    outcome.encode_onto(&value, &mut attributed);
    attributed
}

/// Attributed records of plain messages.
pub(crate) fn plain(ids: impl IntoIterator<Item = i64>) -> Vec<Vec<u8>> {
    ids.into_iter()
        .map(|id| attributed(&message(id, &format!("Bitcoin and $BTC, number {id}")), &outcome(0)))
        .collect()
}
