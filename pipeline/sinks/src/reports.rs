//! A report of an account, field by field: what the tables of both sinks say of its different kinds.

use tickertape_records::{AccountStatus, ClientReport, Error, Outcome, Report};
use xxhash_rust::xxh3::xxh3_64;

/// A report with the digest of its bytes, which is part of its identity: an account can say two things in a second.
pub(crate) struct DigestedReport {
    pub(crate) record: ClientReport,
    /// XXH3-64, as a number with a sign.
    pub(crate) digest: i64,
}

impl DigestedReport {
    pub(crate) fn decode(value: &[u8]) -> Result<Self, Error> {
        Ok(Self { record: ClientReport::decode(value)?, digest: xxh3_64(value).cast_signed() })
    }

    /// How the account is.
    pub(crate) fn status(&self) -> Option<&AccountStatus> {
        match &self.record.report {
            Report::State(status) => Some(status),
            Report::Answer { .. } | Report::Lost { .. } => None,
        }
    }

    /// The instruction that it answers, and what came of that.
    pub(crate) fn answer(&self) -> Option<(&str, &Outcome)> {
        match &self.record.report {
            Report::Answer { instruction, outcome } => Some((instruction, outcome)),
            Report::State(_) | Report::Lost { .. } => None,
        }
    }

    /// The chat that it is about.
    pub(crate) fn chat_id(&self) -> Option<i64> {
        match &self.record.report {
            Report::Lost { chat_id, .. } => Some(*chat_id),
            Report::Answer { outcome, .. } => match outcome {
                Outcome::Done { chat_id } | Outcome::Requested { chat_id } => *chat_id,
                Outcome::Failed { .. } => None,
            },
            Report::State(_) => None,
        }
    }

    /// Why it is not online, why the instruction failed, why the chat is lost.
    pub(crate) fn reason(&self) -> Option<&str> {
        match &self.record.report {
            Report::State(status) => status.reason.as_deref(),
            Report::Answer { outcome: Outcome::Failed { reason, .. }, .. } => Some(reason.name()),
            Report::Answer { .. } => None,
            Report::Lost { reason, .. } => Some(reason),
        }
    }

    /// A failure in Telegram's words, or ours.
    pub(crate) fn detail(&self) -> Option<&str> {
        match self.answer()?.1 {
            Outcome::Failed { detail, .. } => Some(detail),
            Outcome::Done { .. } | Outcome::Requested { .. } => None,
        }
    }

    /// Until when the account may not join or look up.
    pub(crate) fn limited_until(&self) -> Option<i64> {
        self.status()?.limited_until
    }

    /// Before when the instruction is not to be tried again.
    pub(crate) fn retry_at(&self) -> Option<i64> {
        match self.answer()?.1 {
            Outcome::Failed { retry_at, .. } => *retry_at,
            Outcome::Done { .. } | Outcome::Requested { .. } => None,
        }
    }
}
