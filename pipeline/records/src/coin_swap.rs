//! From which message on a coin list is in force, on topic `coin-swaps`: what a replay of attribution goes by.

use serde::{Deserialize, Serialize};

/// One coin list coming into force in one partition of `messages`: that of the same number as the partition of
/// `coin-swaps` on which this lies. Key: empty. Acknowledged before the first output under the new list is appended.
///
/// The records of a partition are in the order of their `input_offset`; of several with the same one the last holds.
/// An append that was repeated after a lost acknowledgement leaves the same record twice, which means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoinSwap {
    /// Layout version, [`crate::SCHEMA`].
    pub schema: u16,
    /// Offset on `messages` of the first record that is attributed with this list.
    pub input_offset: u64,
    /// The list's version on topic `coin-lists`.
    pub version: u64,
    /// Epoch of topic `messages`, in hex, to which `input_offset` belongs.
    pub messages_epoch: String,
    /// Epoch of topic `coin-lists`, in hex, to which `version` belongs.
    pub coin_lists_epoch: String,
    /// Epoch of topic `attributed`, in hex, that was written when this was decided: with another one, records behind
    /// what is written now may once have been attributed already.
    pub attributed_epoch: String,
}

crate::record!(CoinSwap, "coin swap");
