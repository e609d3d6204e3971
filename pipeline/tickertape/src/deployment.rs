//! What lies in `deploy/` is checked against this program: its commands are ones that it takes, its configuration one
//! that it reads, its units ones that systemd loads. None of it may hold a secret.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use serde_yaml::Value;

use crate::cli::Cli;
use crate::config::{Config, Engine};

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file)
}

fn units() -> Vec<(String, String)> {
    let entries = fs::read_dir(deploy("systemd")).expect("is there");
    let mut units: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("text"))
        })
        .collect();
    units.sort();
    units
}

fn assert_takes(arguments: &[&str]) {
    let line = ["tickertape"].iter().chain(arguments);
    if let Err(error) = Cli::try_parse_from(line) {
        panic!("{arguments:?}: {error}");
    }
    assert!(!arguments.iter().any(|argument| argument.contains("://")), "a URL can hold a password");
}

#[test]
fn the_commands_of_the_compose_file_are_commands_of_this_program() {
    let text = fs::read_to_string(deploy("compose.yaml")).expect("is there");
    let mut compose: Value = serde_yaml::from_str(&text).expect("YAML");
    compose.apply_merge().expect("its anchors fit");
    let services = compose["services"].as_mapping().expect("services");
    let mut ours = 0;
    for (name, service) in services {
        if service["image"].as_str() != Some("tickertape") {
            continue;
        }
        ours += 1;
        let command = service["command"].as_sequence().unwrap_or_else(|| panic!("{name:?} has no command"));
        assert_takes(&command.iter().map(|word| word.as_str().expect("words")).collect::<Vec<_>>());
        let environment = service["environment"].as_mapping().expect("an environment");
        assert!(environment.keys().all(|key| key.as_str() != Some("DATABASE_URL")), "a secret is a file");
    }
    assert_eq!(ours, 5, "attribute, both sinks, manage, import");
    for secret in ["database-url", "postgres-password"] {
        assert!(compose["secrets"][secret]["file"].is_string(), "{secret}");
    }
}

#[test]
fn the_units_start_commands_of_this_program_and_stop_with_time_to_drain() {
    let mut started = 0;
    for (name, unit) in units().iter().filter(|(name, _)| name.ends_with(".service")) {
        let value = |key: &str| {
            let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("{name} has no {key}"))
        };
        let words: Vec<&str> = value("ExecStart").split_whitespace().collect();
        assert_eq!(words[0], "/usr/local/bin/tickertape");
        assert_takes(&words[1..]);
        let patience: u64 = value("TimeoutStopSec").parse().expect("seconds");
        assert!(patience > crate::signals::STOP_WITHIN.as_secs());
        assert!(value("LoadCredential").starts_with("database-url:"));
        started += 1;
    }
    assert_eq!(started, 4);
}

#[test]
fn systemd_loads_the_units() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut files = Vec::new();
    for (name, unit) in units() {
        let file = dir.path().join(name);
        // It looks whether the program is there; nothing is started.
        fs::write(&file, unit.replace("/usr/local/bin/tickertape", "/bin/true")).expect("writes");
        files.push(file);
    }
    let Ok(verified) = Command::new("systemd-analyze").arg("verify").args(&files).output() else {
        eprintln!("skipped: no systemd-analyze here");
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success(), "{said}");
}

#[test]
fn the_shared_configuration_is_one_that_is_read() {
    let config = Config::load(Some(&deploy("tickertape.toml"))).expect("reads");
    assert_eq!(config.engine().expect("known"), Engine::Fluvio);
    assert_eq!(config.fluvio().endpoint.as_deref(), Some("sc:9003"));
}
