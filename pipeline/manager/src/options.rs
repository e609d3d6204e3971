//! What can be chosen. Every default stands here and in the configuration file, and nowhere else.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Who says that a relevant channel is followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approve {
    /// The manager.
    Auto,
    /// The user, with `tickertape channels approve`. The default: joining costs an account reputation.
    #[default]
    Manual,
}

/// What becomes of a channel that stays silent after it was asked once more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenInactive {
    /// It is left, which makes room for another.
    #[default]
    Leave,
    /// It is kept, marked inactive.
    Keep,
}

/// The manager's rules. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Channels to follow: links or `@names`.
    pub channels: Vec<String>,
    /// Who approves of relevant channels found in messages.
    pub approve: Approve,
    /// The score, 0 to 1, from which a channel is relevant. See [`crate::relevance`].
    pub relevance: f64,
    /// Languages that are followed, as ISO 639-1 codes; empty follows all. A text too short to tell passes.
    pub languages: Vec<String>,
    /// In how many different messages a link must be seen before it counts.
    pub min_sightings: u32,
    /// How many links nobody knew yet one chat may bring within [`Options::flood_seconds`]; more is an invite flood.
    pub flood_links: u32,
    /// The time over which links of one chat are counted, and for which a flooding chat is not listened to.
    pub flood_seconds: i64,
    /// How many channels found in one chat are approved a day.
    pub approvals_per_source: u32,
    /// How many dialogs an account may have. Telegram allows 500.
    pub dialogs: u32,
    /// How many dialogs an account with Telegram Premium may have.
    pub dialogs_premium: u32,
    /// Places of an account that stay free, for its owner.
    pub margin: u32,
    /// How many joins an account is told a day (UTC).
    pub joins_per_day: u32,
    /// The least time between two joins of an account; up to half of it is added at random.
    pub join_gap_seconds: i64,
    /// How many links an account is told to look up a day (UTC).
    pub lookups_per_day: u32,
    /// An account without a report for this long is silent, and its channels are handed out again.
    pub silent_seconds: i64,
    /// How long an instruction may wait until it is begun.
    pub deadline_seconds: i64,
    /// How long after its deadline an answer is waited for.
    pub answer_seconds: i64,
    /// How often a join or a look-up is tried before its channel is broken.
    pub attempts: u32,
    /// How long to wait before something that failed is tried again, if Telegram does not say.
    pub retry_seconds: i64,
    /// How long to wait for an admin to let an account in.
    pub request_seconds: i64,
    /// A channel without a message for this long is inactive.
    pub inactive_seconds: i64,
    /// How long an inactive channel has after it was asked once more.
    pub inactive_wait_seconds: i64,
    /// What then becomes of it.
    pub when_inactive: WhenInactive,
    /// How often a followed channel is described again.
    pub describe_seconds: i64,
    /// How often the manager looks at the clock.
    pub tick_seconds: u64,
    /// How often the newest message of every followed channel is looked up.
    pub activity_seconds: i64,
    /// How texts are matched, as for messages: not a key of its own.
    #[serde(skip)]
    pub matching: tickertape_attribution::Options,
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

impl Default for Options {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            approve: Approve::Manual,
            relevance: 0.3,
            languages: Vec::new(),
            min_sightings: 2,
            flood_links: 20,
            flood_seconds: HOUR,
            approvals_per_source: 5,
            dialogs: 500,
            dialogs_premium: 1_000,
            margin: 3,
            joins_per_day: 20,
            join_gap_seconds: 10 * 60,
            lookups_per_day: 100,
            silent_seconds: 15 * 60,
            deadline_seconds: HOUR,
            answer_seconds: 10 * 60,
            attempts: 5,
            retry_seconds: HOUR,
            request_seconds: 7 * DAY,
            inactive_seconds: 7 * DAY,
            inactive_wait_seconds: DAY,
            when_inactive: WhenInactive::Leave,
            describe_seconds: DAY,
            tick_seconds: 5,
            activity_seconds: 6 * HOUR,
            matching: tickertape_attribution::Options::default(),
        }
    }
}

impl Options {
    /// Refuses values with which nothing sensible would happen.
    ///
    /// # Errors
    /// [`Error::Option`], which names the key.
    pub fn check(&self) -> Result<(), Error> {
        let positive = [
            ("flood_seconds", self.flood_seconds),
            ("join_gap_seconds", self.join_gap_seconds.max(1)),
            ("silent_seconds", self.silent_seconds),
            ("deadline_seconds", self.deadline_seconds),
            ("answer_seconds", self.answer_seconds),
            ("retry_seconds", self.retry_seconds),
            ("request_seconds", self.request_seconds),
            ("inactive_seconds", self.inactive_seconds),
            ("inactive_wait_seconds", self.inactive_wait_seconds),
            ("describe_seconds", self.describe_seconds),
            ("activity_seconds", self.activity_seconds),
            ("tick_seconds", i64::try_from(self.tick_seconds).unwrap_or(i64::MAX)),
            ("attempts", i64::from(self.attempts)),
        ];
        for (option, value) in positive {
            if !(1..=10 * 365 * DAY).contains(&value) {
                let reason = format!("{value} is not between 1 and ten years of seconds");
                return Err(Error::Option { option, reason });
            }
        }
        if !(0.0..=1.0).contains(&self.relevance) {
            let reason = format!("{} is not between 0 and 1", self.relevance);
            return Err(Error::Option { option: "relevance", reason });
        }
        if let Some(code) = self.languages.iter().find(|code| !crate::relevance::knows_language(code)) {
            let reason = format!("{code:?} is not the ISO 639-1 code of a language this build can tell");
            return Err(Error::Option { option: "languages", reason });
        }
        Ok(())
    }
}
