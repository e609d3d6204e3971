//! A small storm with every test run; `make telegram-test` is the full one.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

#[test]
fn a_small_storm_loses_and_doubles_nothing() {
    let status = Command::new(env!("CARGO_BIN_EXE_tickertape-telegram-storm"))
        .args(["storm", "--messages", "2000", "--channels", "10", "--rate", "500", "--kills", "2"])
        .status()
        .unwrap();
    assert!(status.success());
}
