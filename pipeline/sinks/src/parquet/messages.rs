//! The table `messages`, from topic `attributed`: every message with its coin. `docs/archive.md` is its contract.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, StructArray};
use arrow_schema::{DataType, Fields, Schema, SchemaRef};
use tickertape_records::{self as records, Attributed, MentionCount};

use super::columns::{Ends, Misfits, SourceColumns, Timestamps};
use super::columns::{column, list_of, micros, nearest_showable, optional, required, timestamp};
use super::table::{Identity, Table};

/// Rows of `messages`, column by column.
#[derive(Default)]
pub(super) struct Messages {
    chat_id: Int64Builder,
    chat_kind: StringBuilder,
    chat_title: StringBuilder,
    message_id: Int64Builder,
    date: Timestamps,
    edit_date: Timestamps,
    sender_id: Int64Builder,
    sender_name: StringBuilder,
    text: StringBuilder,
    entities: StringBuilder,
    reply_to_message_id: Int64Builder,
    reply_to_chat_id: Int64Builder,
    topic_id: Int64Builder,
    forward: StringBuilder,
    via_bot: StringBuilder,
    grouped_id: Int64Builder,
    views: Int64Builder,
    forwards: Int64Builder,
    replies: Int64Builder,
    reactions: StringBuilder,
    media: StringBuilder,
    buttons: StringBuilder,
    post: BooleanBuilder,
    silent: BooleanBuilder,
    pinned: BooleanBuilder,
    scheduled: BooleanBuilder,
    source: SourceColumns,
    received_at: Timestamps,
    deleted_at: Timestamps,
    coin_id: StringBuilder,
    basis: StringBuilder,
    depth: Int64Builder,
    mentions: Mentions,
    coin_list_version: Int64Builder,
    revision: Int64Builder,
    input_offset: Int64Builder,
    sequence: Int64Builder,
    offset: Int64Builder,
    extra: StringBuilder,
}

impl Table for Messages {
    const NAME: &'static str = "messages";
    const SORTED_BY: &'static [&'static str] = &["date", "chat_id", "message_id", "revision"];
    const DICTIONARY: &'static [&'static str] = &[
        "chat_id",
        "chat_kind",
        "chat_title",
        "sender_id",
        "sender_name",
        "reply_to_chat_id",
        "topic_id",
        "via_bot",
        "media",
        "source_kind",
        "source_name",
        "received_at",
        "deleted_at",
        "coin_id",
        "basis",
        "depth",
        "mentions.list.element.coin_id",
        "mentions.list.element.count",
        "mentions.list.element.kinds.list.element",
        "coin_list_version",
        "revision",
        "sequence",
    ];
    const DELTA: &'static [&'static str] = &[
        "message_id",
        "date",
        "edit_date",
        "reply_to_message_id",
        "views",
        "source_position",
        "input_offset",
        "offset",
    ];
    type Record<'a> = Attributed<'a>;
    /// A deletion is a row of its own, and replaces no message. It sorts before one, as its revision does.
    type Key = (i64, i64, Kind);

    fn schema() -> SchemaRef {
        let (int64, utf8) = (DataType::Int64, DataType::Utf8);
        let flag = |name| required(name, DataType::Boolean);
        let mut fields = vec![
            required("chat_id", int64.clone()),
            required("chat_kind", utf8.clone()),
            optional("chat_title", utf8.clone()),
            required("message_id", int64.clone()),
            timestamp("date"),
            timestamp("edit_date"),
            optional("sender_id", int64.clone()),
            optional("sender_name", utf8.clone()),
            required("text", utf8.clone()),
            optional("entities", utf8.clone()),
            optional("reply_to_message_id", int64.clone()),
            optional("reply_to_chat_id", int64.clone()),
            optional("topic_id", int64.clone()),
            optional("forward", utf8.clone()),
            optional("via_bot", utf8.clone()),
            optional("grouped_id", int64.clone()),
            optional("views", int64.clone()),
            optional("forwards", int64.clone()),
            optional("replies", int64.clone()),
            optional("reactions", utf8.clone()),
            optional("media", utf8.clone()),
            optional("buttons", utf8.clone()),
            flag("post"),
            flag("silent"),
            flag("pinned"),
            flag("scheduled"),
        ];
        fields.extend(SourceColumns::fields());
        fields.extend([
            timestamp("received_at"),
            timestamp("deleted_at"),
            optional("coin_id", utf8.clone()),
            required("basis", utf8.clone()),
            required("depth", int64.clone()),
            required("mentions", Mentions::data_type()),
            optional("coin_list_version", int64.clone()),
            required("revision", int64.clone()),
            required("input_offset", int64.clone()),
            required("sequence", int64.clone()),
            required("offset", int64),
            optional("extra", utf8),
        ]);
        Arc::new(Schema::new(fields))
    }

    fn decode(value: &[u8]) -> Result<Attributed<'_>, records::Error> {
        Attributed::decode(value)
    }

    fn identity(message: &Attributed<'_>) -> Identity<Self::Key> {
        let outcome = &message.attribution;
        let (kind, date, rank) = match message.deleted_at {
            None => (Kind::Message, Some(message.date), outcome.revision),
            // The earlier, the higher: of several the first is the one that found it.
            Some(at) => (Kind::Deletion, None, u32::MAX - at.clamp(0, i64::from(u32::MAX)) as u32),
        };
        Identity {
            key: (message.chat_id, message.message_id, kind),
            date,
            received_at: message.received_at,
            rank,
            input: Some((outcome.input_offset, outcome.sequence)),
        }
    }

    fn append(&mut self, offset: u64, message: &Attributed<'_>) {
        let mut misfits = Misfits::default();
        self.chat_id.append_value(message.chat_id);
        self.chat_kind.append_value(message.chat_kind.name());
        self.chat_title.append_option(message.chat_title.as_deref());
        self.message_id.append_value(message.message_id);
        let date = message.deleted_at.is_none().then_some(message.date);
        self.date.append_option(date.and_then(|date| misfits.date("date", date)));
        self.edit_date.append_option(message.edit_date.and_then(|date| misfits.date("edit_date", date)));
        self.sender_id.append_option(message.sender_id);
        self.sender_name.append_option(message.sender_name.as_deref());
        self.text.append_value(&message.text);
        self.entities.append_option(message.entities.map(|json| json.get()));
        self.reply_to_message_id.append_option(message.reply_to_message_id);
        self.reply_to_chat_id.append_option(message.reply_to_chat_id);
        self.topic_id.append_option(message.topic_id);
        self.forward.append_option(message.forward.map(|json| json.get()));
        self.via_bot.append_option(message.via_bot.as_deref());
        self.grouped_id.append_option(message.grouped_id);
        self.views.append_option(message.views);
        self.forwards.append_option(message.forwards);
        self.replies.append_option(message.replies);
        self.reactions.append_option(message.reactions.map(|json| json.get()));
        self.media.append_option(message.media.map(|json| json.get()));
        self.buttons.append_option(message.buttons.map(|json| json.get()));
        self.post.append_value(message.post);
        self.silent.append_value(message.silent);
        self.pinned.append_value(message.pinned);
        self.scheduled.append_value(message.scheduled);
        self.source.append(&message.source, &mut misfits);
        let received_at = message.received_at.and_then(|date| misfits.date("received_at", date));
        self.received_at.append_option(received_at);
        // Never null in a deletion: it is what tells one from a message.
        let deleted_at = message
            .deleted_at
            .and_then(|at| misfits.date("deleted_at", at).or_else(|| micros(nearest_showable(at))));
        self.deleted_at.append_option(deleted_at);

        let outcome = &message.attribution;
        self.coin_id.append_option(outcome.coin_id.as_deref());
        self.basis.append_value(outcome.basis.name());
        self.depth.append_value(outcome.depth.into());
        self.mentions.append(&outcome.mentions);
        let version = misfits.signed("coin_list_version", outcome.coin_list_version);
        self.coin_list_version.append_option(version);
        self.revision.append_value(outcome.revision.into());
        self.input_offset.append_value(outcome.input_offset as i64);
        self.sequence.append_value(outcome.sequence.into());
        self.offset.append_value(offset as i64);
        self.extra.append_option(misfits.join(message.extra_json()));
    }

    fn finish(&mut self) -> Vec<ArrayRef> {
        let mut columns = vec![
            column(&mut self.chat_id),
            column(&mut self.chat_kind),
            column(&mut self.chat_title),
            column(&mut self.message_id),
            self.date.finish(),
            self.edit_date.finish(),
            column(&mut self.sender_id),
            column(&mut self.sender_name),
            column(&mut self.text),
            column(&mut self.entities),
            column(&mut self.reply_to_message_id),
            column(&mut self.reply_to_chat_id),
            column(&mut self.topic_id),
            column(&mut self.forward),
            column(&mut self.via_bot),
            column(&mut self.grouped_id),
            column(&mut self.views),
            column(&mut self.forwards),
            column(&mut self.replies),
            column(&mut self.reactions),
            column(&mut self.media),
            column(&mut self.buttons),
            column(&mut self.post),
            column(&mut self.silent),
            column(&mut self.pinned),
            column(&mut self.scheduled),
        ];
        columns.extend(self.source.finish());
        columns.extend([
            self.received_at.finish(),
            self.deleted_at.finish(),
            column(&mut self.coin_id),
            column(&mut self.basis),
            column(&mut self.depth),
            self.mentions.finish(),
            column(&mut self.coin_list_version),
            column(&mut self.revision),
            column(&mut self.input_offset),
            column(&mut self.sequence),
            column(&mut self.offset),
            column(&mut self.extra),
        ]);
        columns
    }
}

/// What a row of `messages` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Deletion,
    Message,
}

/// The column `mentions`: `list<struct<coin_id, count, kinds: list<string>>>`.
#[derive(Default)]
struct Mentions {
    ends: Ends,
    coin_id: StringBuilder,
    count: Int64Builder,
    kind_ends: Ends,
    kinds: StringBuilder,
    mentions: usize,
    kinds_so_far: usize,
}

impl Mentions {
    fn fields() -> Fields {
        Fields::from(vec![
            required("coin_id", DataType::Utf8),
            required("count", DataType::Int64),
            required("kinds", list_of(DataType::Utf8)),
        ])
    }

    fn data_type() -> DataType {
        list_of(DataType::Struct(Self::fields()))
    }

    fn append(&mut self, mentions: &[MentionCount]) {
        for mention in mentions {
            self.coin_id.append_value(&mention.coin_id);
            self.count.append_value(mention.count.into());
            for kind in &mention.kinds {
                self.kinds.append_value(kind);
            }
            self.kinds_so_far += mention.kinds.len();
            self.kind_ends.push(self.kinds_so_far);
        }
        self.mentions += mentions.len();
        self.ends.push(self.mentions);
    }

    fn finish(&mut self) -> ArrayRef {
        let kinds = self.kind_ends.finish(column(&mut self.kinds));
        let items = vec![column(&mut self.coin_id), column(&mut self.count), kinds];
        let items = StructArray::new(Self::fields(), items, None);
        (self.mentions, self.kinds_so_far) = (0, 0);
        self.ends.finish(Arc::new(items))
    }
}
