//! Telegram links in any form, found in text and normalised.
