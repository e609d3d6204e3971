//! The API as a client meets it: over a socket, from a source that is made up.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use tickertape_http::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a stranger wrote, as it must come back.
const STRANGE: &str = "</script><script>alert(1)</script>\u{202e}\"\\\n\0";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[derive(Default)]
struct MadeUp {
    asked: Mutex<Vec<String>>,
}

impl MadeUp {
    fn note(&self, what: impl Into<String>) {
        self.asked.lock().unwrap().push(what.into());
    }
}

fn channel() -> Channel {
    Channel {
        number: 7,
        chat_id: Some(-1_001_234_567_890),
        links: vec!["https://t.me/signals".into()],
        state: "followed".into(),
        since: 1_800_000_000,
        reason: STRANGE.into(),
        account: Some("anna".into()),
        username: Some("signals".into()),
        title: STRANGE.into(),
        about: Some(STRANGE.into()),
        participants: Some(1_000),
        score: Some(0.85),
        language: Some("en".into()),
        score_reasons: vec!["14 of 20 messages mention a coin".into()],
        last_message_at: None,
    }
}

fn refresh() -> CoinRefresh {
    CoinRefresh { at: 1, outcome: "changed".into(), reason: None, version: 2, calls: 2 }
}

#[async_trait]
impl Source for MadeUp {
    async fn accounts(&self) -> Result<Vec<Account>, Problem> {
        Ok(Vec::new())
    }
    async fn channels(&self, page: &ChannelsPage) -> Result<Channels, Problem> {
        self.note(format!("{page:?}"));
        Ok(Channels { channels: vec![channel()], next: Some(7) })
    }
    async fn channel(&self, name: &str) -> Result<ChannelDetails, Problem> {
        self.note(name);
        if name == "@unknown" {
            return Err(Problem::not_found("@unknown is not known", "add it"));
        }
        Ok(ChannelDetails { channel: channel(), steps: Vec::new() })
    }
    async fn wish(&self, wish: Wish, channels: &[String]) -> Result<Vec<WishOutcome>, Problem> {
        self.note(format!("{wish:?} {channels:?}"));
        Ok(channels.iter().map(|channel| WishOutcome { channel: channel.clone(), outcome: None }).collect())
    }
    async fn links(&self, _: &Page) -> Result<Links, Problem> {
        Ok(Links { links: Vec::new(), next: None })
    }
    async fn coin_list(&self, version: Option<u64>) -> Result<CoinList, Problem> {
        Ok(CoinList { version: version.unwrap_or(2), as_of: "2026-01-01".into(), coins: Vec::new() })
    }
    async fn coin_history(&self, _: u32) -> Result<CoinHistory, Problem> {
        Ok(CoinHistory { calls_this_month: 2, monthly_calls: 10_000, refreshes: vec![refresh()] })
    }
    async fn coin_differences(&self, _: u64, _: u64) -> Result<Vec<CoinDifference>, Problem> {
        Ok(Vec::new())
    }
    async fn refresh_coins(&self) -> Result<CoinRefresh, Problem> {
        self.note("refresh");
        Ok(refresh())
    }
    async fn lag(&self) -> Result<Vec<Lag>, Problem> {
        Err(Problem::unavailable("the log does not answer", "look at the cluster"))
    }
    async fn dead_letters(&self, _: &Page) -> Result<DeadLetters, Problem> {
        Ok(DeadLetters { dead_letters: Vec::new(), next: None })
    }
    async fn figures(&self) -> Figures {
        Figures {
            records: vec![("import", 3), ("postgres", 2)],
            dead_letters: vec![("attribute", 1)],
            attributed: vec![("direct", 2), ("none", 1)],
            revisions: Some(1),
            lag: vec![Lag {
                stage: "postgres".into(),
                topic: "attributed".into(),
                partition: 0,
                position: 2,
                end: 3,
                lag: 1,
            }],
            channels: vec![("followed".into(), 5)],
            accounts: vec![("online".into(), 2)],
            accounts_working: Some(2),
            instructions_open: Some(0),
            coin_list_version: Some(2),
            coin_list_accepted_at: Some(1_800_000_000),
            coingecko_calls: Some((4, 10_000)),
        }
    }
}

struct Server {
    address: SocketAddr,
    source: Arc<MadeUp>,
}

async fn serve(token: Option<&str>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let source = Arc::new(MadeUp::default());
    let guard = Guard::new(address, token).unwrap();
    let routes = routes(Arc::new(Health::default()), source.clone(), guard);
    tokio::spawn(answer(listener, routes, std::future::pending()));
    Server { address, source }
}

impl Server {
    /// The status, the head and the body of the answer.
    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let host =
            if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, _, body) = self.ask("GET", path, "", "").await;
        (status, serde_json::from_str(&body).unwrap())
    }

    async fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let (status, _, body) = self.ask("POST", path, "Content-Type: application/json\r\n", body).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.source.asked.lock().unwrap())
    }
}

#[tokio::test]
async fn what_strangers_wrote_comes_back_as_it_was_and_as_json_alone() {
    let server = serve(None).await;
    let (status, head, body) = server.ask("GET", "/channels?state=followed&limit=1&after=3", "", "").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/json"), "{head}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["channels"][0]["title"], STRANGE);
    assert_eq!(body["next"], 7);
    let asked = server.asked().remove(0);
    assert!(asked.contains("limit: 1") && asked.contains("after: Some(3)"), "{asked}");
    assert_eq!(server.get("/channels/https:%2F%2Ft.me%2Fsignals").await.0, 200);
    assert_eq!(server.asked(), ["https://t.me/signals"]);
}

#[tokio::test]
async fn every_error_says_what_and_what_to_do() {
    let server = serve(None).await;
    for (path, status) in [
        ("/nothing", 404),
        ("/channels/@unknown", 404),
        ("/channels?limit=0", 400),
        ("/channels?limit=501", 400),
        ("/channels?limit=many", 400),
        ("/links?nonsense=1", 400),
        ("/coins/diff?before=1", 400),
        ("/coins?version=-1", 400),
        ("/lag", 503),
        ("/coins/refresh", 405),
    ] {
        let (answered, problem) = server.get(path).await;
        assert_eq!((answered, &problem["status"]), (status, &json!(status)), "{path}: {problem}");
        assert!(!problem["what"].as_str().unwrap().is_empty(), "{path}: {problem}");
        assert!(!problem["what_to_do"].as_str().unwrap().is_empty(), "{path}: {problem}");
    }
    let many = json!({ "channels": vec!["@a"; 1_001] }).to_string();
    for (body, status) in [("", 400), ("{}", 422), (r#"{"channels": []}"#, 400), (many.as_str(), 400)] {
        assert_eq!(server.post("/channels/add", body).await.0, status, "{body:.40}");
    }
    assert!(server.asked().iter().all(|asked| !asked.starts_with("Add")), "nothing was wished");
}

#[tokio::test]
async fn what_is_wished_reaches_the_source() {
    let server = serve(None).await;
    let body = r#"{"channels": ["@signals", "-1001234567890"]}"#;
    for (path, wish) in [("add", "Add"), ("remove", "Remove"), ("approve", "Approve"), ("reject", "Reject")] {
        let (status, said) = server.post(&format!("/channels/{path}"), body).await;
        assert_eq!((status, &said[1]["channel"]), (200, &json!("-1001234567890")), "{said}");
        assert_eq!(server.asked(), [format!(r#"{wish} ["@signals", "-1001234567890"]"#)]);
    }
    assert_eq!(server.post("/coins/refresh", "").await.1["version"], 2);
    assert_eq!(server.asked(), ["refresh"]);
}

#[tokio::test]
async fn with_a_token_only_health_is_open() {
    let server = serve(Some(TOKEN)).await;
    let document: Value = serde_json::from_str(
        &server.ask("GET", "/openapi.json", &format!("Authorization: Bearer {TOKEN}\r\n"), "").await.2,
    )
    .unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{channel}", "@signals");
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let (without, head, _) = server.ask(&method, &path, "", "").await;
            let wrong = format!("Authorization: Bearer {}\r\n", TOKEN.replace('f', "e"));
            let (with_wrong, ..) = server.ask(&method, &path, &wrong, "").await;
            if ["/health", "/ready"].contains(&path.as_str()) {
                assert_ne!(without, 401, "{path}");
                continue;
            }
            assert_eq!((without, with_wrong), (401, 401), "{method} {path}");
            assert!(head.contains("www-authenticate: bearer"), "{head}");
            let right = format!("authorization: bearer {TOKEN}\r\n");
            let (with_right, ..) = server.ask(&method, &path, &right, "").await;
            assert!(![401, 403, 404, 405].contains(&with_right), "{method} {path}: {with_right}");
        }
    }
}

#[tokio::test]
async fn without_a_token_a_web_page_is_turned_away() {
    let server = serve(None).await;
    for headers in ["Host: evil.example\r\n", "Origin: https://evil.example\r\n", "Origin: null\r\n"] {
        let (status, ..) = server.ask("POST", "/coins/refresh", headers, "").await;
        assert_eq!(status, 403, "{headers}");
        assert_ne!(server.ask("GET", "/health", headers, "").await.0, 403);
    }
    assert!(server.asked().is_empty());
}

/// Names of the metrics in the text that a running router exports.
async fn exported() -> BTreeSet<String> {
    let (status, head, text) = serve(None).await.ask("GET", "/metrics", "", "").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/openmetrics-text"), "{head}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
}

/// Every word of the text that is the name of one of our metrics.
fn metrics_in(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("tickertape_"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_metric_is_named_by_the_rule() {
    for name in exported().await {
        assert!(name.starts_with("tickertape_"), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
    }
}

#[tokio::test]
async fn the_documentation_lists_exactly_what_is_exported() {
    let documented: BTreeSet<String> = include_str!("../../../docs/metrics.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.split(['`', '{']).next().unwrap().to_owned())
        .filter(|name| name.starts_with("tickertape_"))
        .collect();
    assert_eq!(documented, exported().await);
}

#[tokio::test]
async fn dashboard_and_alerts_use_only_what_is_exported() {
    let exported = exported().await;
    let dashboard: Value =
        serde_json::from_str(include_str!("../../../deploy/grafana/tickertape.json")).unwrap();
    let mut expressions = Vec::new();
    collect(&dashboard, &mut expressions);
    assert!(expressions.len() >= 10, "a dashboard of {} expressions", expressions.len());
    let alerts = include_str!("../../../deploy/prometheus/tickertape.rules.yaml");
    let rules: Vec<_> = alerts.lines().filter(|line| line.trim_start().starts_with("expr:")).collect();
    assert!(rules.len() >= 4, "{rules:?}");
    expressions.extend(rules.into_iter().map(str::to_owned));
    for expression in expressions {
        let named = metrics_in(&expression);
        assert!(!named.is_empty(), "{expression} asks for nothing of ours");
        let unknown: Vec<_> = named.difference(&exported).collect();
        assert!(unknown.is_empty(), "{expression}: {unknown:?} is not exported");
    }
}

/// Every expression of a dashboard, wherever it stands.
fn collect(value: &Value, expressions: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if key == "expr" => expressions.push(text.clone()),
                    value => collect(value, expressions),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, expressions)),
        _ => {}
    }
}
