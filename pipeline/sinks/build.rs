//! Rebuilds the crate when a migration is added: the compiler itself sees only those it already knows.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
