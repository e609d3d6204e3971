//! Telegram exports to records.
