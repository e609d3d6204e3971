//! The states of a channel and the one table of the ways between them.
//!
//! Nothing but [`super::State`] moves a channel, and it refuses a way that does not stand here.

use serde::{Deserialize, Serialize};

/// What we make of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelState {
    /// A link to it was seen; nothing is decided.
    Discovered,
    /// Wanted: the next account with room gets it.
    Candidate,
    /// One account was told to join, or waits for an admin to let it in.
    Joining,
    /// One account follows it.
    Followed,
    /// Followed, but silent for too long.
    Inactive,
    /// Given up after it was followed; whoever is still in it is told to leave.
    Left,
    /// Not wanted: irrelevant, spam, or the user said so.
    Rejected,
    /// Its link leads nowhere, or to nothing that can be followed.
    Broken,
    /// It has banned or removed the account that followed it.
    Banned,
}

use ChannelState::{Banned, Broken, Candidate, Discovered, Followed, Inactive, Joining, Left, Rejected};

impl ChannelState {
    /// Every state, in the order of their declaration.
    pub const ALL: [Self; 9] =
        [Discovered, Candidate, Joining, Followed, Inactive, Left, Rejected, Broken, Banned];

    /// The name as it is written in tables.
    pub fn name(self) -> &'static str {
        match self {
            Discovered => "discovered",
            Candidate => "candidate",
            Joining => "joining",
            Followed => "followed",
            Inactive => "inactive",
            Left => "left",
            Rejected => "rejected",
            Broken => "broken",
            Banned => "banned",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether one account holds it, or is about to.
    pub fn is_owned(self) -> bool {
        matches!(self, Joining | Followed | Inactive)
    }

    /// Which of two entries of the same chat stays when they turn out to be one: the higher.
    pub(super) fn rank(self) -> u8 {
        match self {
            Followed => 8,
            Inactive => 7,
            Joining => 6,
            Candidate => 5,
            Banned => 4,
            Left => 3,
            Rejected => 2,
            Broken => 1,
            Discovered => 0,
        }
    }
}

/// Every way from one state to another, and when it is taken. `docs/manager.md` shows this table.
pub const TRANSITIONS: [(ChannelState, ChannelState, &str); 37] = [
    (Discovered, Candidate, "the user or the configuration wants it, or it is relevant and approved"),
    (Discovered, Followed, "an account is a member already"),
    (Discovered, Rejected, "irrelevant, spam, a look-alike, no channel, or the user said so"),
    (Discovered, Broken, "its link leads nowhere"),
    (Candidate, Joining, "an account with room was told to join"),
    (Candidate, Followed, "a working account is a member already"),
    (Candidate, Rejected, "the user said so, or it is another entry's chat"),
    (
        Candidate,
        Broken,
        "no account can join it: too many failed attempts, no link to join by, or all are banned there",
    ),
    (Joining, Followed, "the account is in"),
    (Joining, Candidate, "the join failed for now or expired, or the account fell silent or died"),
    (Joining, Left, "the user removed it"),
    (Joining, Rejected, "it leads to a person or bot, or is another entry's chat"),
    (Joining, Broken, "nothing is there, it is private, or nobody let the account in"),
    (Joining, Banned, "the account is banned there"),
    (Followed, Inactive, "no message for too long"),
    (Followed, Candidate, "its account fell silent, died, or is no longer a member"),
    (Followed, Left, "the user removed it, or the account was taken out by hand"),
    (Followed, Rejected, "it is another entry's chat"),
    (Followed, Broken, "it was deleted or made private"),
    (Followed, Banned, "its account was removed or banned"),
    (Inactive, Followed, "a message came"),
    (Inactive, Candidate, "its account fell silent, died, or is no longer a member"),
    (Inactive, Left, "still silent after it was asked once more, or the user removed it"),
    (Inactive, Rejected, "it is another entry's chat"),
    (Inactive, Broken, "it was deleted or made private"),
    (Inactive, Banned, "its account was removed or banned"),
    (Left, Candidate, "the user wants it again"),
    (Left, Rejected, "it is another entry's chat"),
    (Rejected, Discovered, "under a new coin list or preview it is relevant"),
    (Rejected, Candidate, "the user wants it after all"),
    (Broken, Candidate, "the user wants it tried again"),
    (Broken, Followed, "an account is a member after all"),
    (Broken, Discovered, "its link leads somewhere again"),
    (Broken, Rejected, "the user said so, or it is another entry's chat"),
    (Banned, Candidate, "the user wants another account to try"),
    (Banned, Rejected, "the user said so, or it is another entry's chat"),
    (Banned, Followed, "another account is a member"),
];

/// Whether the table has this way.
pub fn allowed(from: ChannelState, to: ChannelState) -> bool {
    TRANSITIONS.iter().any(|&(a, b, _)| (a, b) == (from, to))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_documentation_shows_this_table() {
        let text = include_str!("../../../../docs/manager.md");
        let rows: String = TRANSITIONS
            .iter()
            .map(|(from, to, when)| format!("| {} | {} | {when} |\n", from.name(), to.name()))
            .collect();
        assert!(text.contains(&rows), "docs/manager.md should contain:\n{rows}");
    }

    #[test]
    fn every_way_stands_once_and_every_state_but_the_first_is_reached() {
        let ways: BTreeSet<_> = TRANSITIONS.iter().map(|&(from, to, _)| (from, to)).collect();
        assert_eq!(ways.len(), TRANSITIONS.len());
        let reached: BTreeSet<_> = ways.iter().map(|&(_, to)| to).collect();
        assert_eq!(reached.len(), ChannelState::ALL.len());
        assert!(ways.iter().all(|(from, to)| from != to));
    }
}
