//! Pure attribution: text to mentions to coin, and the parent chain.

pub mod chain;
