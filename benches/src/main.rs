//! tickertape
fn main() {}
