//! Chats that bring links: how many each brought lately, so that a flood is not listened to.

use serde::{Deserialize, Serialize};

use super::State;
use super::account::day;

/// What one chat has brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCount {
    /// When the present count of new links began.
    pub window_began: i64,
    /// Links nobody knew that it brought since.
    pub new_links: u32,
    /// Links of it that were not taken in because there were too many, ever.
    pub flooded: u64,
    /// The day, counted from 1970, that the next field is about.
    pub day: i64,
    /// Channels found in it that were approved that day.
    pub approved_today: u32,
}

impl State {
    /// Counts a link that nobody knew; false when its chat brings too many.
    pub(super) fn takes_new_link(&mut self, chat_id: i64) -> bool {
        let (now, most, window) = (self.now, self.options.flood_links, self.options.flood_seconds);
        self.dirty_sources.insert(chat_id);
        let source = self.sources.entry(chat_id).or_default();
        if source.window_began + window <= now {
            (source.window_began, source.new_links) = (now, 0);
        }
        source.new_links += 1;
        if source.new_links > most {
            source.window_began = now; // it is listened to again once it has been quiet for that long
            source.flooded += 1;
        }
        source.new_links <= most
    }

    /// Counts an approval of a channel found in this chat; false when it has had its share of today.
    pub(super) fn takes_approval(&mut self, chat_id: i64) -> bool {
        let today = day(self.now);
        let most = self.options.approvals_per_source;
        let source = self.sources.entry(chat_id).or_default();
        let approved = if source.day == today { source.approved_today } else { 0 };
        if approved >= most {
            return false;
        }
        (source.day, source.approved_today) = (today, approved + 1);
        self.dirty_sources.insert(chat_id);
        true
    }
}
