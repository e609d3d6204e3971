//! The rows of table `instructions_sent`, from topic `instructions`.

use tickertape_records::{Action, Error, Instruction, topics};

use super::copy::Rows;
use super::table::{Column, Row, extra};

impl Row for Instruction {
    const TOPIC: &'static str = topics::INSTRUCTIONS;
    const TABLE: &'static str = "instructions_sent";
    const KEY: &'static [&'static str] = &["id"];
    const COLUMNS: &'static [Column<Self>] = &[
        ("issued_at", |instruction, rows| rows.timestamp(instruction.issued_at)),
        ("deadline", |instruction, rows| rows.timestamp(instruction.deadline)),
        ("chat_id", |instruction, rows| rows.optional(chat_id(&instruction.action), Rows::bigint)),
        ("seen_in_chat_id", |instruction, rows| {
            rows.optional(seen_in(&instruction.action).map(|(chat_id, _)| chat_id), Rows::bigint);
        }),
        ("seen_in_message_id", |instruction, rows| {
            rows.optional(seen_in(&instruction.action).map(|(_, message_id)| message_id), Rows::bigint);
        }),
        ("id", |instruction, rows| rows.text(&instruction.id)),
        ("account", |instruction, rows| rows.text(&instruction.account)),
        ("action", |instruction, rows| rows.text(instruction.action.name())),
        ("link", |instruction, rows| rows.optional(link(&instruction.action), Rows::text)),
        ("extra", |instruction, rows| {
            let dates =
                [("issued_at", Some(instruction.issued_at)), ("deadline", Some(instruction.deadline))];
            extra(rows, &dates);
        }),
    ];

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }
}

fn chat_id(action: &Action) -> Option<i64> {
    match action {
        Action::Leave { chat_id } | Action::Describe { chat_id } => Some(*chat_id),
        Action::Join { .. } | Action::Resolve { .. } | Action::Report => None,
    }
}

fn seen_in(action: &Action) -> Option<(i64, i64)> {
    match action {
        Action::Resolve { seen_in, .. } => Some(*seen_in),
        Action::Join { .. } | Action::Leave { .. } | Action::Describe { .. } | Action::Report => None,
    }
}

fn link(action: &Action) -> Option<&str> {
    match action {
        Action::Join { link } | Action::Resolve { link, .. } => Some(link),
        Action::Leave { .. } | Action::Describe { .. } | Action::Report => None,
    }
}
