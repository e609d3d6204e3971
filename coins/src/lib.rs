//! The coin list: what counts as a coin, and by which words it goes.
