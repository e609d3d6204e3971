//! placeholder
/// placeholder
pub struct Embedded;
