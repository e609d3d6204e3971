//! The names of the topics, and which partition a chat belongs to.

/// Producers → attribution: every message as it was received.
pub const MESSAGES: &str = "messages";
/// Attribution → sinks: the whole message with its outcome.
pub const ATTRIBUTED: &str = "attributed";
/// Producers → sinks: joined, left, title, photo, pin and the like.
pub const EVENTS: &str = "events";
/// Producers → manager: a channel link seen in a message, with what it leads to.
pub const LINKS: &str = "links";
/// Producers → manager, sinks: name, description and participants of a chat, as they change.
pub const CHANNELS: &str = "channels";
/// Producers → manager: how each account is, and what came of its instructions.
pub const CLIENTS: &str = "clients";
/// Producers → sinks: a post's views after 5, 20 and 60 minutes, and whenever Telegram tells of them.
pub const VIEWS: &str = "views";
/// Manager → one producer: join, leave, describe, resolve, report.
pub const INSTRUCTIONS: &str = "instructions";
/// Anyone → sinks: a record that could not be understood, as it was, and why.
pub const DEAD_LETTERS: &str = "dead-letters";
/// Whoever refreshes the list → attribution: each coin list, numbered.
pub const COIN_LISTS: &str = "coin-lists";
/// Attribution → attribution: from which message on each list is in force. Partitioned as `messages`.
pub const COIN_SWAPS: &str = "coin-swaps";
/// Import → import: how far each file has been read.
pub const IMPORTS: &str = "imports";

/// Every topic of this build, in the order of the data flow.
pub const ALL: [&str; 12] = [
    COIN_LISTS,
    COIN_SWAPS,
    INSTRUCTIONS,
    IMPORTS,
    MESSAGES,
    EVENTS,
    LINKS,
    CHANNELS,
    CLIENTS,
    VIEWS,
    ATTRIBUTED,
    DEAD_LETTERS,
];

/// The topics whose records belong to a chat, and so to its partition: all four have the same number of them.
pub const BY_CHAT: [&str; 4] = [MESSAGES, ATTRIBUTED, EVENTS, COIN_SWAPS];

/// The partition of a chat: all its records land there, in order.
///
/// Fibonacci hashing of the id: spreads the dense ranges that Telegram hands out, and is the same on every
/// machine and in every version, which a replay depends on.
pub fn partition_of(chat_id: i64, partitions: u32) -> u32 {
    let spread = (chat_id as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    ((spread * u64::from(partitions)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_in_range_and_all_used() {
        for partitions in [1, 2, 3, 16] {
            let mut used = vec![0; partitions as usize];
            for bare in 1_000_000_000..1_000_001_000_i64 {
                used[partition_of(crate::peer::channel(bare), partitions) as usize] += 1;
            }
            let fair = 1000 / partitions as i32;
            assert!(used.iter().all(|&n| n > fair / 2), "{partitions}: {used:?}");
        }
    }
}
