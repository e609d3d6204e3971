//! The HTTP API of the program: `up` on its embedded log and database, asked over a socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// A safety net: a test that waits for longer has found something.
const PATIENCE: Duration = Duration::from_secs(300);

fn tickertape(home: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickertape"));
    command
        .args(arguments)
        .env("TICKERTAPE_DATA", home.path().join("data"))
        .env("TICKERTAPE_COINS_REFRESH_HOURS", "0")
        .env("TICKERTAPE_COINS_URL", "http://127.0.0.1:9") // nobody answers there
        .env_remove("DATABASE_URL")
        .env_remove("TICKERTAPE_HTTP_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

struct Up {
    child: Child,
    address: String,
    _home: TempDir,
}

impl Drop for Up {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Up {
    /// Reads the sample export meanwhile.
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let sample = Path::new(ROOT).join("examples/sample-export").display().to_string();
        let mut child =
            tickertape(&home, &["up", &sample, "--listen", "127.0.0.1:0"]).spawn().expect("starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let address = loop {
            let line = lines.next().expect("it says where it answers").expect("text");
            if let Some((_, address)) = line.split_once("answering on http://") {
                break address.to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop)); // its log must not fill the pipe
        Self { child, address, _home: home }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            self.address
        );
        stream.write_all(request.as_bytes()).expect("takes the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        (head[9..12].parse().expect("a status"), body.to_owned())
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, answer) = self.ask("POST", path, &body.to_string());
        (status, serde_json::from_str(&answer).expect("JSON"))
    }

    /// Asks until the answer is what is waited for.
    fn until(&self, path: &str, holds: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let (_, answer) = self.ask("GET", path, "");
            if holds(&answer) {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "{path} still answers {answer}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

#[test]
fn everything_can_be_asked_and_told_while_the_stages_work() {
    let up = Up::start();
    up.until("/metrics", |text| text.contains("\ntickertape_records_total{stage=\"postgres\"} 69"));

    // What is wished is done by the manager of the same process.
    let channels = json!({ "channels": ["@Bitcoin_News", "https://t.me/+AbCd_12345678"] });
    let (status, said) = up.post("/channels/add", &channels);
    assert_eq!(status, 200, "{said}");
    assert_eq!(said[0]["channel"], "https://t.me/bitcoin_news");
    assert!(said[0]["outcome"].as_str().expect("the manager runs").starts_with("candidate"), "{said}");
    let first = up.get("/channels?limit=1");
    assert_eq!(first["channels"][0]["state"], "candidate");
    let second = up.get(&format!("/channels?limit=1&state=candidate,followed&after={}", first["next"]));
    assert_eq!(second["channels"][0]["links"][0], "https://t.me/+AbCd_12345678");
    assert_eq!(second["next"], Value::Null);
    assert_eq!(up.get("/channels?pending=true")["channels"], json!([]));
    let (_, said) = up.post("/channels/remove", &json!({ "channels": ["bitcoin_news"] }));
    assert_eq!(said[0]["outcome"], "rejected", "{said}");
    let shown = up.get("/channels/@bitcoin_news");
    assert_eq!(shown["channel"]["state"], "rejected");
    assert_eq!(shown["steps"].as_array().map(Vec::len), Some(2), "{shown}");
    let (status, problem) = up.post("/channels/add", &json!({ "channels": ["two words"] }));
    assert_eq!(status, 400, "{problem}");
    let (status, problem) = up.ask("GET", "/channels?state=unheard", "");
    assert!(status == 400 && problem.contains("discovered, candidate"), "{problem}");

    // The sample has one record that cannot be understood.
    let dead = up.get("/dead-letters?limit=1");
    assert_eq!(dead["dead_letters"].as_array().map(Vec::len), Some(1), "{dead}");
    assert_eq!(dead["next"], Value::Null);
    let list = up.get("/coins");
    assert_eq!((list["version"].as_u64(), list["coins"].as_array().map(Vec::len)), (Some(1), Some(50)));
    assert_eq!(up.get("/coins/diff?before=1&after=1"), json!([]));
    assert_eq!(up.ask("GET", "/coins?version=9", "").0, 404);
    let (status, refreshed) = up.post("/coins/refresh", &Value::Null);
    assert_eq!((status, &refreshed["version"]), (200, &json!(1)), "{refreshed}");
    assert!(refreshed["reason"].is_string(), "nobody answers there: {refreshed}");
    assert_eq!(up.get("/coins/history?limit=5")["refreshes"][0]["outcome"], refreshed["outcome"]);
    assert_eq!(up.get("/accounts"), json!([]));
    assert_eq!(up.get("/links?limit=500")["next"], Value::Null);

    let lag = up.get("/lag");
    let stages: Vec<&str> =
        lag.as_array().into_iter().flatten().filter_map(|l| l["stage"].as_str()).collect();
    // Nothing was ever on the manager's topics.
    for stage in ["attribute", "postgres", "parquet"] {
        assert!(stages.contains(&stage), "{stage} is not in {stages:?}");
    }
    up.until("/lag", |answer| {
        let lag: Vec<Value> = serde_json::from_str(answer).unwrap_or_default();
        lag.iter().filter(|lag| lag["stage"] != "parquet").all(|lag| lag["lag"] == 0)
    });

    let metrics = up.until("/metrics", |text| text.contains("tickertape_channels{"));
    for sample in [
        "tickertape_channels{state=\"candidate\"} 1",
        "tickertape_channels{state=\"rejected\"} 1",
        "tickertape_dead_letters_total{stage=\"import\"} 1",
        "tickertape_lag_records{stage=\"attribute\",topic=\"messages\",partition=\"0\"} 0",
        "tickertape_coin_list_version{} 1",
    ] {
        assert!(metrics.contains(sample), "{sample} is not in\n{metrics}");
    }
    assert!(!metrics.contains("bitcoin_news"), "{metrics}");

    // Every path that the documentation asks with curl is answered.
    let documentation = include_str!("../../../docs/http.md");
    let mut examples = 0;
    for line in documentation.lines().filter(|line| line.starts_with("curl ") && line.contains("127.0.0.1")) {
        let (_, url) = line.split_once("127.0.0.1:9464").expect("an example asks a process of this machine");
        let path = url.split(['\'', ' ']).next().expect("a path");
        let method =
            if line.contains(" --json ") || line.contains("--request POST") { "POST" } else { "GET" };
        let body =
            line.split_once("--json '").and_then(|(_, rest)| rest.split('\'').next()).unwrap_or_default();
        let (status, answer) = up.ask(method, path, body);
        assert_eq!(status, 200, "{line}: {answer}");
        examples += 1;
    }
    assert!(examples >= 10, "{examples} examples");
}

#[test]
fn an_address_that_others_reach_demands_a_token() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let arguments = ["attribute", "--listen", "0.0.0.0:0"];
    for token in [None, Some("short")] {
        let mut command = tickertape(&home, &arguments);
        if let Some(token) = token {
            command.env("TICKERTAPE_HTTP_TOKEN", token);
        }
        let output = command.output().expect("ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("TICKERTAPE_HTTP_TOKEN") && !said.contains("answering on"), "{said}");
    }
}
