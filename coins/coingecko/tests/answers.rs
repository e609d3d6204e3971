//! Everything that can come instead of a list, over real sockets.
#![allow(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use tickertape_coingecko::{Client, Fetched, Key, Options, Reason};

/// One answer of the server.
struct Said {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn said(status: u16, body: impl Into<Vec<u8>>) -> Said {
    Said { status, headers: Vec::new(), body: body.into() }
}

struct CoinGecko {
    url: String,
    calls: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

/// Answers each call in turn; the last answer goes on for ever.
async fn coingecko(answers: Vec<Said>) -> CoinGecko {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (answers, counted, noted) = (Arc::new(answers), calls.clone(), seen.clone());
    let app = Router::new().fallback(move |request: Request| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        noted.lock().unwrap().push((request.uri().to_string(), request.headers().clone()));
        let said = &answers[call.min(answers.len() - 1)];
        let mut response = Response::builder().status(said.status);
        for (name, value) in &said.headers {
            response = response.header(*name, value);
        }
        let response = response.body(Body::from(said.body.clone())).unwrap();
        async move { response }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v3/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    CoinGecko { url, calls, seen }
}

fn options(url: &str) -> Options {
    Options {
        url: Some(url.to_owned()),
        backoff: Duration::from_millis(1),
        timeout: Duration::from_secs(30),
        ..Options::default()
    }
}

async fn fetch(server: &CoinGecko) -> (Result<Fetched, Reason>, u32) {
    let mut calls = 0;
    let fetched = Client::new(options(&server.url)).unwrap().fetch(&mut calls).await;
    assert_eq!(calls as usize, server.calls.load(Ordering::SeqCst), "every call is counted");
    (fetched, calls)
}

const LIST: &str = r#"[{"id":"bitcoin","symbol":"btc","name":"Bitcoin","market_cap_rank":1}]"#;

#[tokio::test]
async fn two_calls_bring_both_lists() {
    let stable = r#"[{"id":"tether","symbol":"usdt","name":"Tether"}]"#;
    let server = coingecko(vec![said(200, LIST), said(200, stable)]).await;
    let (fetched, calls) = fetch(&server).await;
    assert_eq!(fetched, Ok(Fetched { markets: LIST.into(), stablecoins: stable.into() }));
    assert_eq!(calls, 2);
    let seen = server.seen.lock().unwrap();
    let wanted = "/api/v3/coins/markets?vs_currency=usd&order=market_cap_desc&per_page=95&page=1";
    assert_eq!(seen[0].0, wanted);
    assert!(seen[1].0.ends_with("&category=stablecoins"), "{}", seen[1].0);
}

#[tokio::test]
async fn a_key_goes_into_its_header_and_nowhere_else() {
    for (key, header) in [
        (Key::Demo("CG-secret".into()), "x-cg-demo-api-key"),
        (Key::Pro("CG-secret".into()), "x-cg-pro-api-key"),
    ] {
        let server = coingecko(vec![said(200, LIST)]).await;
        let options = Options { key, ..options(&server.url) };
        assert!(!format!("{options:?}").contains("secret"));
        Client::new(options).unwrap().fetch(&mut 0).await.unwrap();
        for (uri, headers) in server.seen.lock().unwrap().iter() {
            assert_eq!(headers.get(header).unwrap(), "CG-secret");
            assert!(!uri.contains("secret"), "{uri}");
        }
    }
}

#[tokio::test]
async fn what_passes_is_asked_again_and_what_does_not_is_not() {
    let mut limited = said(429, "Throttled");
    limited.headers.push(("retry-after", "0".into()));
    let server = coingecko(vec![limited, said(503, "<html>"), said(200, LIST)]).await;
    let (fetched, calls) = fetch(&server).await;
    assert!(fetched.is_ok() && calls == 4, "{fetched:?} after {calls}");

    for (status, body, name, wanted) in [
        (404, r#"{"error":"coin not found"}"#, "refused", 1),
        (200, r#"{"status":{"error_code":429,"error_message":"slow down"}}"#, "rate_limited", 3),
        (200, r#"{"error":"quota"}"#, "refused", 1),
        (200, "[]", "empty", 1),
        (200, &LIST[..40], "unreadable", 1),
        (200, "error code: 1015", "rate_limited", 3),
        (302, "", "redirected", 1),
        (500, "oops", "refused", 3),
    ] {
        let mut answer = said(status, body);
        answer.headers.push(("location", "/elsewhere".into()));
        let (fetched, calls) = fetch(&coingecko(vec![answer]).await).await;
        let reason = fetched.expect_err("refused");
        assert_eq!((reason.name(), calls), (name, wanted), "{status} {body}: {reason}");
    }
}

#[tokio::test]
async fn a_long_wait_is_not_sat_out_and_is_named() {
    let mut limited = said(429, "{}");
    limited.headers.push(("retry-after", "3600".into()));
    let (fetched, calls) = fetch(&coingecko(vec![limited]).await).await;
    let reason = fetched.expect_err("refused");
    assert!(matches!(reason, Reason::RateLimited { retry_after: Some(3600), .. }) && calls == 1, "{reason}");
    assert!(reason.to_string().contains("again in 3600 s"), "{reason}");
}

#[tokio::test]
async fn an_endless_body_is_cut_and_a_mute_server_is_given_up() {
    let (fetched, _) = fetch(&coingecko(vec![said(200, vec![b' '; 5 << 20])]).await).await;
    assert_eq!(fetched.expect_err("refused").name(), "too_large");

    // Takes connections and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let options = Options { timeout: Duration::from_millis(50), ..options(&url) };
    let mut calls = 0;
    let reason = Client::new(options.clone()).unwrap().fetch(&mut calls).await.expect_err("gives up");
    assert_eq!(
        (reason.to_string().as_str(), calls),
        ("CoinGecko cannot be reached: it did not answer in time", 3)
    );
    drop(listener);
    let reason = Client::new(options).unwrap().fetch(&mut 0).await.expect_err("nobody is there");
    assert_eq!(reason.name(), "unreachable", "{reason}");
}

#[tokio::test]
async fn coingeckos_real_refusals_each_have_their_reason() {
    let shared = std::env::var_os("TICKERTAPE_SHARED").map(PathBuf::from).unwrap_or_default();
    let folder = shared.join("data/coingecko/error-bodies");
    if !folder.exists() {
        eprintln!("skipped: the real bodies are absent (set TICKERTAPE_SHARED)");
        return;
    }
    for (file, status, name) in [
        ("403-cloudflare-access-denied-excerpt.html", 403, "refused"),
        ("403-cloudflare-captcha-excerpt.html", 403, "refused"),
        ("404-coin-not-found.json", 404, "refused"),
        ("429-cloudflare-1015.txt", 429, "rate_limited"),
        ("429-json.json", 429, "rate_limited"),
        ("429-throttled.txt", 429, "rate_limited"),
        ("504-cloudflare-excerpt.html", 504, "refused"),
    ] {
        let body = std::fs::read(folder.join(file)).unwrap();
        for status in [status, 200] {
            let (fetched, _) = fetch(&coingecko(vec![said(status, body.clone())]).await).await;
            let reason = fetched.expect_err("refused");
            assert_eq!(reason.name(), name, "{file} under {status}: {reason}");
            assert!(!reason.to_string().contains('<'), "{reason}");
        }
    }
    for file in ["429-headers-2022-09-29.txt", "429-headers-2026.txt"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let seconds = text.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
        let mut limited = said(429, "");
        limited.headers.push(("retry-after", seconds.trim().to_owned()));
        let server = coingecko(vec![limited]).await;
        let client = Client::new(options(&server.url)).unwrap();
        // Real seconds are not sat out here: that it does not ask again meanwhile is enough.
        let asked = tokio::time::timeout(Duration::from_secs(1), client.fetch(&mut 0)).await;
        assert!(asked.is_err() && server.calls.load(Ordering::SeqCst) == 1, "waits {seconds} s");
    }
}
