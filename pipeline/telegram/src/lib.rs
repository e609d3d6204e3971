//! The live producer: Telegram accounts to records.
