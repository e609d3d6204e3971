//! Marked ids: one number that says which chat, and of what kind.
//!
//! Telegram numbers users, basic groups and channels separately, so user 5 and group 5 are different chats. The
//! Bot API and Telethon fold the kind into the number, and so do we: a user is `id`, a basic group `-id`, a
//! channel or supergroup `-1_000_000_000_000 - id` (written `-100…` in decimal).

const CHANNEL_MARK: i64 = -1_000_000_000_000;

/// The marked id of a user.
pub fn user(bare: i64) -> i64 {
    bare
}

/// The marked id of a basic group.
pub fn group(bare: i64) -> i64 {
    -bare
}

/// The marked id of a channel or supergroup.
pub fn channel(bare: i64) -> i64 {
    CHANNEL_MARK - bare
}

/// The bare id, as Telegram Desktop exports and `t.me/c/…` links write it.
pub fn bare(marked: i64) -> i64 {
    if marked < CHANNEL_MARK { CHANNEL_MARK - marked } else { marked.abs() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_those_of_the_bot_api() {
        assert_eq!(channel(1_177_444_353), -1_001_177_444_353);
        for (marked, id) in [(channel(7), 7), (group(7), 7), (user(7), 7)] {
            assert_eq!(bare(marked), id);
        }
    }
}
