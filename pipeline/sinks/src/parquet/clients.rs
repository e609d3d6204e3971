//! The table `clients`, from topic of the same name: what accounts said of themselves and of their instructions.
//! `docs/archive.md` is its contract.

use tickertape_records::Error;

use super::rows::Values::{Date, Integer, Json, OptionalFlag, OptionalInteger, OptionalText, Text};
use super::rows::{Column, Row, json};
use super::table::Identity;
use crate::reports::DigestedReport;

impl Row for DigestedReport {
    const NAME: &'static str = "clients";
    const SORTED_BY: &'static [&'static str] = &["reported_at", "account"];
    const DICTIONARY: &'static [&'static str] =
        &["account", "kind", "state", "user_id", "chats", "result", "chat_id", "reason", "detail"];
    const DELTA: &'static [&'static str] = &["reported_at", "offset"];
    const COLUMNS: &'static [Column<Self>] = &[
        ("account", Text(|it| &it.record.account)),
        ("reported_at", Date(|it| Some(it.record.at))),
        ("digest", Integer(|it| it.digest)),
        ("kind", Text(|it| it.record.report.name())),
        ("state", OptionalText(|it| Some(it.status()?.state.name()))),
        ("user_id", OptionalInteger(|it| it.status()?.user_id)),
        ("premium", OptionalFlag(|it| Some(it.status()?.premium))),
        ("bot", OptionalFlag(|it| Some(it.status()?.bot))),
        ("dialogs", OptionalInteger(|it| Some(it.status()?.dialogs.into()))),
        ("joins_left", OptionalInteger(|it| Some(it.status()?.joins_left.into()))),
        ("limited_until", Date(DigestedReport::limited_until)),
        (
            "chats",
            Json(|it| {
                it.status().filter(|status| !status.chats.is_empty()).map(|status| json(&status.chats))
            }),
        ),
        ("instruction_id", OptionalText(|it| Some(it.answer()?.0))),
        ("result", OptionalText(|it| Some(it.answer()?.1.name()))),
        ("retry_at", Date(DigestedReport::retry_at)),
        ("chat_id", OptionalInteger(DigestedReport::chat_id)),
        ("reason", OptionalText(DigestedReport::reason)),
        ("detail", OptionalText(DigestedReport::detail)),
    ];
    type Key = (String, i64);

    fn decode(value: &[u8]) -> Result<Self, Error> {
        Self::decode(value)
    }

    fn identity(&self) -> Identity<Self::Key> {
        Identity {
            key: (self.record.account.clone(), self.digest),
            date: Some(self.record.at),
            received_at: Some(self.record.at),
            rank: 0,
            input: None,
        }
    }
}
