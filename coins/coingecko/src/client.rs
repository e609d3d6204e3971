//! Asking CoinGecko: two calls, each with a time limit, a size limit and a few retries.
//!
//! It must never follow a redirect, because the key would go along, nor ask before `retry-after` is over.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode, redirect};
use tickertape_coins::ids_of_markets;
use tracing::{debug, info};

use crate::Reason;

/// Calls that one refresh makes at most: two, each tried three times.
pub const MOST_CALLS: u32 = 2 * ATTEMPTS;
/// Coins that one call can bring, with room for the stablecoins among them.
pub const MOST_COINS: usize = 200;

const ATTEMPTS: u32 = 3;
/// What CoinGecko puts on one page at most.
const PAGE: usize = 250;
/// A page of 250 coins is about 250 kB.
const MOST_BYTES: usize = 4 << 20;
/// A longer wait is for the next refresh; CoinGecko was seen to ask for up to 119 seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
const OPEN_URL: &str = "https://api.coingecko.com/api/v3";
const PRO_URL: &str = "https://pro-api.coingecko.com/api/v3";

/// The key of a plan; a secret, shown masked.
#[derive(Clone, Default)]
pub enum Key {
    /// The public API.
    #[default]
    None,
    /// A demo plan's: free, with calls of one's own.
    Demo(String),
    /// A paid plan's, which has a host of its own.
    Pro(String),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Demo(_) => "Demo(***)",
            Self::Pro(_) => "Pro(***)",
        })
    }
}

/// How to ask.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the API is; by default the host that belongs to the key.
    pub url: Option<String>,
    /// The plan's key.
    pub key: Key,
    /// How many coins are wanted after stablecoins, up to [`MOST_COINS`].
    pub size: usize,
    /// How long one call may take, its body included.
    pub timeout: Duration,
    /// The wait before the second attempt; doubles with each. An answer's `retry-after` counts if it is longer.
    pub backoff: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: None,
            key: Key::None,
            size: 50,
            timeout: Duration::from_secs(20),
            backoff: Duration::from_secs(2),
        }
    }
}

/// The bodies of both calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Of `/coins/markets`.
    pub markets: Vec<u8>,
    /// Of the same for the category of stablecoins.
    pub stablecoins: Vec<u8>,
}

/// Asks one CoinGecko.
pub struct Client {
    http: reqwest::Client,
    url: String,
    options: Options,
}

impl Client {
    /// A client; connects when it asks.
    ///
    /// # Errors
    /// [`Reason::Unreachable`] when the key cannot stand in a header or the system has no certificates.
    pub fn new(options: Options) -> Result<Self, Reason> {
        // Refused when there is one already, which then serves.
        _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        let key = match &options.key {
            Key::None => None,
            Key::Demo(key) => Some(("x-cg-demo-api-key", key)),
            Key::Pro(key) => Some(("x-cg-pro-api-key", key)),
        };
        if let Some((name, key)) = key {
            let mut value = HeaderValue::from_str(key)
                .map_err(|_| Reason::Unreachable("the API key holds characters that no key has".into()))?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("tickertape/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .connect_timeout(options.timeout.min(Duration::from_secs(10)))
            .timeout(options.timeout)
            .build()
            .map_err(|error| unreachable(&error))?;
        let own = if matches!(options.key, Key::Pro(_)) { PRO_URL } else { OPEN_URL };
        let url = options.url.as_deref().unwrap_or(own).trim_end_matches('/').to_owned();
        Ok(Self { http, url, options })
    }

    /// Both lists, or why not; `calls` counts every call made, whatever came of it.
    pub async fn fetch(&self, calls: &mut u32) -> Result<Fetched, Reason> {
        let size = self.options.size.min(MOST_COINS);
        // Of the fifty largest about five are stablecoins; half as many again leaves room.
        let rows = (size + size / 2 + 20).min(PAGE);
        let markets = self.ask(rows, None, calls).await?;
        let stablecoins = self.ask(PAGE, Some("stablecoins"), calls).await?;
        Ok(Fetched { markets, stablecoins })
    }

    async fn ask(&self, rows: usize, category: Option<&str>, calls: &mut u32) -> Result<Vec<u8>, Reason> {
        let mut backoff = self.options.backoff;
        let mut attempt = 1;
        loop {
            *calls += 1;
            let reason = match self.ask_once(rows, category).await {
                Ok(body) => return Ok(body),
                Err(reason) => reason,
            };
            let asked = match reason {
                Reason::RateLimited { retry_after, .. } => Duration::from_secs(retry_after.unwrap_or(0)),
                _ => Duration::ZERO,
            };
            let wait = backoff.max(asked);
            if attempt == ATTEMPTS || !reason.is_transient() || wait > LONGEST_WAIT {
                return Err(reason);
            }
            info!(%reason, attempt, wait = ?wait, "CoinGecko is asked again");
            tokio::time::sleep(wait).await;
            backoff *= 2;
            attempt += 1;
        }
    }

    async fn ask_once(&self, rows: usize, category: Option<&str>) -> Result<Vec<u8>, Reason> {
        let request = self.http.get(format!("{}/coins/markets", self.url)).query(&[
            ("vs_currency", "usd"),
            ("order", "market_cap_desc"),
            ("per_page", &rows.to_string()),
            ("page", "1"),
        ]);
        let request = match category {
            Some(category) => request.query(&[("category", category)]),
            None => request,
        };
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        debug!(%status, category, "CoinGecko answered");
        if status.is_redirection() {
            return Err(Reason::Redirected { status: status.as_u16() });
        }
        let retry_after = retry_after(&response);
        let body = read(response).await?;
        // What is no list says so itself, under whatever status it comes.
        let said = ids_of_markets(&body).err().map(Reason::from);
        match said {
            Some(Reason::RateLimited { message, .. }) => Err(Reason::RateLimited { retry_after, message }),
            said if status == StatusCode::TOO_MANY_REQUESTS => {
                Err(Reason::RateLimited { retry_after, message: message(said, status) })
            }
            said if !status.is_success() => {
                Err(Reason::Refused { code: Some(status.as_u16().into()), message: message(said, status) })
            }
            Some(reason) => Err(reason),
            None => Ok(body),
        }
    }
}

/// What a refusal says, or else the name of its status.
fn message(said: Option<Reason>, status: StatusCode) -> String {
    match said {
        Some(Reason::Refused { message, .. }) => message,
        _ => status.canonical_reason().unwrap_or("no reason given").to_owned(),
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Reason> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(Reason::TooLarge { limit: MOST_BYTES });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whole seconds; CoinGecko sends nothing else.
fn retry_after(response: &Response) -> Option<u64> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// The causes of a failure, which the outermost error leaves out.
fn unreachable(error: &reqwest::Error) -> Reason {
    if error.is_timeout() {
        return Reason::Unreachable("it did not answer in time".to_owned());
    }
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    Reason::Unreachable(if causes.is_empty() { error.to_string() } else { causes.join(": ") })
}
