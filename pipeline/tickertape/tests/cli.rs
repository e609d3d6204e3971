//! The program as a user meets it: commands in, standard output and exit codes out.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

struct User {
    home: TempDir,
}

impl User {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary directory") }
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn tickertape(&self, arguments: &[&str]) -> Output {
        self.tickertape_with(arguments, "")
    }

    fn tickertape_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tickertape"))
            .args(arguments)
            .env("TICKERTAPE_DATA", self.data())
            .env_remove("DATABASE_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("takes its input");
        child.wait_with_output().expect("ends")
    }

    fn query(&self, sql: &str) -> String {
        let output = self.tickertape(&["db", "query", sql]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        stdout(&output)
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn sample() -> String {
    Path::new(ROOT).join("examples/sample-export").display().to_string()
}

#[test]
fn the_sample_is_stored_once_however_often_it_is_read() {
    let user = User::new();
    let first = user.tickertape(&["run", &sample()]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert!(stdout(&first).starts_with("678 messages in "), "{}", stdout(&first));

    let counts = "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM events), (SELECT count(*) FROM dead_letters)";
    assert_eq!(user.query(counts), "count\tcount\tcount\n678\t12\t1\n");
    let again = user.tickertape(&["run", &sample()]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert!(stdout(&again).starts_with("Nothing new"), "{}", stdout(&again));
    assert_eq!(user.query(counts), "count\tcount\tcount\n678\t12\t1\n");
}

#[test]
fn a_pipe_is_read_and_its_repeats_add_nothing() {
    let user = User::new();
    let dump = concat!(
        r#"{"_":"Message","id":1,"peer_id":{"channel_id":7},"date":"2021-01-01T00:00:00+00:00","message":"$BTC up"}"#,
        "\n",
        r#"{"_":"Message","id":2,"peer_id":{"channel_id":7},"date":"2021-01-01T00:01:00+00:00","message":"same","reply_to":{"reply_to_msg_id":1}}"#,
        "\n",
        "not json\n",
    );
    for _ in 0..2 {
        let output = user.tickertape_with(&["run", "-"], dump);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    assert_eq!(
        user.query("SELECT message_id, coin_id, basis, depth FROM messages ORDER BY 1"),
        "message_id\tcoin_id\tbasis\tdepth\n1\tbitcoin\tdirect\t0\n2\tbitcoin\tinherited\t1\n"
    );
    assert_eq!(user.query("SELECT count(*) FROM dead_letters"), "count\n1\n");
}

#[test]
fn a_file_that_ends_too_early_is_named_and_what_was_whole_is_kept() {
    let user = User::new();
    let whole = std::fs::read(Path::new(&sample()).join("result.json")).expect("the sample is there");
    let torn = user.home.path().join("torn.json");
    std::fs::write(&torn, &whole[..whole.len() / 2]).expect("writes");
    let output = user.tickertape(&["run", &torn.display().to_string()]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stdout(&output).contains("torn.json"), "{}", stdout(&output));
    let stored = user.query("SELECT count(*) > 100 FROM messages");
    assert_eq!(stored, "?column?\nt\n");
}

#[test]
fn explain_answers_line_by_line() {
    let user = User::new();
    let lines = "{\"key\":1,\"text\":\"$BTC and Bitcoin\"}\n{\"key\":[\"b\"],\"text\":\"$BTC $ETH\"}\n{\"key\":null,\"text\":\"gm\"}\n";
    let output = user.tickertape_with(&["explain", "--jsonl"], lines);
    let wanted = concat!(
        r#"{"key":1,"coin_id":"bitcoin","basis":"direct","mentions":{"bitcoin":2}}"#,
        "\n",
        r#"{"key":["b"],"coin_id":null,"basis":"tie","mentions":{"bitcoin":1,"ethereum":1}}"#,
        "\n",
        r#"{"key":null,"coin_id":null,"basis":"none","mentions":{}}"#,
        "\n"
    );
    assert_eq!(stdout(&output), wanted);

    let shown = stdout(&user.tickertape(&["explain", "the link: $LINK \x1b[2J"]));
    assert!(shown.contains("[$LINK]") && !shown.contains('\x1b'), "{shown:?}");
    let wrong = user.tickertape_with(&["explain", "--jsonl"], "{\"key\":1}\n");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("line 1"), "{}", stderr(&wrong));
}

#[test]
fn mistakes_are_answered_with_what_to_do() {
    let user = User::new();
    let missing = user.tickertape(&["run", "/no/such/export"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("/no/such/export"), "{}", stderr(&missing));

    let coins = user.home.path().join("coins.json");
    std::fs::write(&coins, r#"{"status":{"error_code":429,"error_message":"slow down"}}"#).expect("writes");
    let limited = user.tickertape(&["explain", "x", "--coins", &coins.display().to_string()]);
    assert_eq!(limited.status.code(), Some(1));
    assert!(stderr(&limited).contains("429"), "{}", stderr(&limited));

    assert_eq!(user.tickertape(&["run", "--no-such-flag"]).status.code(), Some(2));
}

#[test]
fn the_printed_configuration_is_one_that_is_read() {
    let user = User::new();
    let file = user.home.path().join("tickertape.toml");
    std::fs::write(&file, stdout(&user.tickertape(&["default-config"]))).expect("writes");
    let doctor = user.tickertape(&["doctor", "--config", &file.display().to_string()]);
    assert_eq!(doctor.status.code(), Some(0), "{}{}", stdout(&doctor), stderr(&doctor));
    assert!(!stdout(&doctor).contains("FAIL"), "{}", stdout(&doctor));

    std::fs::write(&file, "[log]\npartition = 2\n").expect("writes");
    let wrong = user.tickertape(&["doctor", "--config", &file.display().to_string()]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stdout(&wrong).contains("log.partition"), "{}", stdout(&wrong));
}
