//! What the account itself put on topic `messages`, read back: links to tell of, posts to count, gates to look at.
//!
//! Read from the log and not from the socket, so that nothing is forgotten when the process is killed between the two.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::try_join_all;
use tickertape_broker::{Follower, Phase, TopicPartition};
use tickertape_links::{Target, find, mention, parse};
use tickertape_records::{ChatKind, FoundIn, Link, Message, SCHEMA, SourceKind, peer, topics};
use tokio::sync::watch;

use super::Control;
use super::outbox::json;
use super::store::{Due, Reached, Seen};
use super::views::COUNTS;
use crate::error::Result;

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;
/// Messages that may wait to be looked at as gates.
const GATES_AT_ONCE: usize = 100;
/// Seconds after joining in which a gate may ask.
pub(super) const GATE_TIME: i64 = 300;

impl Control {
    /// Follows every partition.
    pub(super) async fn observe(&self, phase: watch::Receiver<Phase>) -> Result<()> {
        let partitions = self.partitions(topics::MESSAGES).await?;
        try_join_all((0..partitions).map(|partition| self.observe_partition(partition, phase.clone())))
            .await
            .map(drop)
    }

    async fn observe_partition(&self, partition: u32, phase: watch::Receiver<Phase>) -> Result<()> {
        let at = TopicPartition::new(topics::MESSAGES, partition);
        let epoch = self.epoch(topics::MESSAGES).await?;
        let stored = self.store.position(topics::MESSAGES, partition).await?;
        let mut follower = Follower::open(Arc::clone(&self.broker), at, stored, READ_BYTES, phase).await?;
        // Most messages are someone else's: those that do not even hold the name are not decoded.
        let name = format!("\"{}\"", self.label());
        while let Some(batches) = follower.next().await? {
            let now = self.now();
            let mut seen = Seen::default();
            for record in batches.iter().flat_map(|batch| batch.iter()) {
                if !std::str::from_utf8(record.value).is_ok_and(|value| value.contains(&name)) {
                    continue;
                }
                // What cannot be read is attribution's to complain of, once.
                let Ok(message) = Message::decode(record.value) else { continue };
                let ours = message.source.kind == SourceKind::Telegram && message.source.name == self.label();
                if !ours || message.deleted_at.is_some() {
                    continue;
                }
                for (link, found_in) in links(&message) {
                    let record = self.link_record(&message, link, found_in, now);
                    let value = json(&record);
                    seen.links.push((record, value));
                }
                seen.views.extend(dues(&message));
                self.may_be_gate(&message, now);
            }
            let reached = Reached { topic: topics::MESSAGES, partition, epoch, next: follower.position() };
            self.store.observed(&reached, &seen, now).await?;
        }
        Ok(())
    }

    fn link_record(&self, message: &Message, link: String, found_in: FoundIn, now: i64) -> Link {
        Link {
            schema: SCHEMA,
            link,
            chat_id: message.chat_id,
            message_id: message.message_id,
            date: message.date,
            found_in,
            preview: None,
            account: self.label().to_owned(),
            received_at: now,
        }
    }

    fn may_be_gate(&self, message: &Message, now: i64) {
        if self.account.answer_gates
            && message.chat_kind != ChatKind::Channel
            && now - message.date <= GATE_TIME
        {
            let mut queue = self.gate_queue();
            if queue.len() == GATES_AT_ONCE {
                queue.pop_front();
            }
            queue.push_back((message.chat_id, message.message_id));
        }
    }
}

/// The links of a message in their normal form, each once, with the first part of the message that holds it. Links to
/// the message's own chat by its number are left out: every forward within a chat is one.
fn links(message: &Message) -> BTreeMap<String, FoundIn> {
    let mut links = BTreeMap::new();
    let mut add = |link: tickertape_links::Link, found_in| {
        if link.target != Target::Id(peer::bare(message.chat_id)) {
            links.entry(link.to_string()).or_insert(found_in);
        }
    };
    for found in find(&message.text) {
        add(found.link, FoundIn::Text);
    }
    for entity in &message.entities {
        let shown = match entity.kind.as_str() {
            "text_url" => entity.url.as_deref().and_then(parse),
            "url" => part(&message.text, entity.offset, entity.length).and_then(|text| parse(&text)),
            "mention" => part(&message.text, entity.offset, entity.length).and_then(|text| mention(&text)),
            _ => None,
        };
        if let Some(link) = shown {
            add(link, FoundIn::Entity);
        }
    }
    for url in message.buttons.iter().flatten().filter_map(|button| button.url.as_deref()) {
        if let Some(link) = parse(url) {
            add(link, FoundIn::Button);
        }
    }
    if let Some(url) = message.media.as_ref().and_then(|media| media.url.as_deref())
        && let Some(link) = parse(url)
    {
        add(link, FoundIn::Entity);
    }
    let from = message.forward.as_ref().and_then(|forward| forward.from_id);
    if let Some(from) = from.filter(|from| super::chats::is_channel(*from)) {
        add(tickertape_links::Link::to(Target::Id(peer::bare(from))), FoundIn::Forward);
    }
    links
}

/// A stretch of text, counted in UTF-16 as Telegram counts.
fn part(text: &str, offset: u32, length: u32) -> Option<String> {
    let units: Vec<u16> = text.encode_utf16().skip(offset as usize).take(length as usize).collect();
    String::from_utf16(&units).ok()
}

/// The counts of a channel's post. One that was received when all of them were past comes from history and has none.
fn dues(message: &Message) -> impl Iterator<Item = Due> + use<> {
    let last = COUNTS.iter().max().copied().unwrap_or_default();
    let fresh = message.received_at.is_some_and(|at| at <= message.date + i64::from(last) * 60);
    let counted =
        message.post && message.chat_kind == ChatKind::Channel && message.edit_date.is_none() && fresh;
    let (chat_id, message_id, date) = (message.chat_id, message.message_id, message.date);
    COUNTS.into_iter().filter(move |_| counted).map(move |after_minutes| Due {
        chat_id,
        message_id,
        after_minutes,
        date,
    })
}

#[cfg(test)]
mod tests {
    use tickertape_records::{Button, Entity, Forward};

    use super::*;

    fn message(text: &str) -> Message {
        Message {
            chat_id: peer::channel(5),
            message_id: 9,
            date: 1_000,
            received_at: Some(1_001),
            post: true,
            text: text.to_owned(),
            ..Message::default()
        }
    }

    #[test]
    fn a_link_is_told_once_with_where_it_stands_first() {
        let mut message = message("🚀 see @Coin_Talk and here");
        message.entities = vec![
            Entity { kind: "mention".into(), offset: 7, length: 10, ..Entity::default() },
            Entity {
                kind: "text_url".into(),
                offset: 22,
                length: 4,
                url: Some("t.me/+AbC_d".into()),
                ..Entity::default()
            },
        ];
        let button = |url: &str| Button { text: "go".into(), url: Some(url.into()) };
        message.buttons = vec![vec![button("https://t.me/coin_talk/5"), button("https://t.me/third_talk")]];
        message.forward = Some(Forward { from_id: Some(peer::channel(77)), ..Forward::default() });
        let expected = [
            ("https://t.me/+AbC_d", FoundIn::Entity),
            ("https://t.me/c/77", FoundIn::Forward),
            ("https://t.me/coin_talk", FoundIn::Text),
            ("https://t.me/third_talk", FoundIn::Button),
        ];
        let found = links(&message);
        let found: Vec<_> = found.iter().map(|(link, place)| (link.as_str(), *place)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn people_and_the_chat_itself_are_no_links() {
        let mut message = message("https://t.me/c/5/8");
        message.forward = Some(Forward { from_id: Some(42), ..Forward::default() });
        message.entities = vec![Entity { kind: "url".into(), offset: 90, length: 9, ..Entity::default() }];
        assert!(links(&message).is_empty());
    }

    #[test]
    fn posts_are_counted_and_history_is_not() {
        let counted = |message: &Message| dues(message).map(|due| due.after_minutes).collect::<Vec<_>>();
        let post = message("");
        assert_eq!(counted(&post), [5, 20, 60]);
        assert_eq!(counted(&Message { received_at: Some(1_000 + 3_600), ..post.clone() }), [5, 20, 60]);
        assert!(counted(&Message { received_at: Some(1_000 + 3_601), ..post.clone() }).is_empty());
        assert!(counted(&Message { edit_date: Some(1_002), ..post.clone() }).is_empty());
        assert!(counted(&Message { post: false, ..post.clone() }).is_empty());
        assert!(counted(&Message { chat_kind: ChatKind::Supergroup, ..post }).is_empty());
    }
}
