//! Who may ask: a bearer token, or a program of this machine.
//!
//! On a loopback address without a token everybody on this machine may ask. A web page in a browser there may not:
//! one that makes its own name lead here gives itself away by `Host`, one that posts across by `Origin`.

use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Problem;

/// The environment variable that holds the token. Never an argument: every user of the machine can read those.
pub const TOKEN_VARIABLE: &str = "TICKERTAPE_HTTP_TOKEN";
/// A shorter token can be guessed.
const SHORTEST: usize = 16;

/// What a request must bring.
#[derive(Clone)]
pub struct Guard {
    token: Option<Arc<str>>,
}

/// An address that must not be listened on like this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Everybody who reaches the address could ask.
    #[error(
        "{address} can be reached from other machines, and there is no token: set {TOKEN_VARIABLE} to one, or listen on 127.0.0.1"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The token is too short.
    #[error(
        "the token in {TOKEN_VARIABLE} is shorter than {SHORTEST} characters; make one with: openssl rand -hex 24"
    )]
    Short,
}

impl Guard {
    /// The guard of this address.
    ///
    /// # Errors
    /// When the address can be reached from elsewhere without a token, or when the token is too short.
    pub fn new(address: SocketAddr, token: Option<&str>) -> Result<Self, Refused> {
        let token = token.map(str::trim).filter(|token| !token.is_empty());
        match token {
            Some(token) if token.len() < SHORTEST => Err(Refused::Short),
            None if !address.ip().is_loopback() => Err(Refused::Open { address }),
            token => Ok(Self { token: token.map(Arc::from) }),
        }
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(token) = &self.token else { return same_machine(text(header::HOST), text(header::ORIGIN)) };
        let given = text(header::AUTHORIZATION).and_then(|value| value.split_once(' '));
        match given {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") && same(given.trim(), token) => {
                Ok(())
            }
            _ => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "the token is missing or wrong",
                format!("send the header Authorization: Bearer with the token in {TOKEN_VARIABLE}"),
            )),
        }
    }
}

/// Lets a request pass or answers what is missing.
pub(crate) async fn pass(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) if problem.status == StatusCode::UNAUTHORIZED.as_u16() => {
            ([(header::WWW_AUTHENTICATE, "Bearer")], problem).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

/// Takes as long for a wrong text as for the right one of the same length.
fn same(given: &str, token: &str) -> bool {
    let (given, token) = (given.as_bytes(), token.as_bytes());
    let mut different = given.len() ^ token.len();
    for (place, byte) in given.iter().enumerate() {
        different |= usize::from(byte ^ token[place % token.len()]);
    }
    black_box(different) == 0
}

fn same_machine(host: Option<&str>, origin: Option<&str>) -> Result<(), Problem> {
    let is_local = host.is_none_or(|host| {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    let is_own = origin.is_none_or(|origin| origin.strip_prefix("http://") == host);
    if is_local && is_own {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "without a token only programs of this machine are answered, and no web page",
        format!("ask http://127.0.0.1 or http://localhost directly, or set {TOKEN_VARIABLE} and send it"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn elsewhere_than_loopback_demands_a_token() {
        for open in ["0.0.0.0:9464", "[::]:9464", "192.168.1.2:9464"] {
            let refused = Guard::new(address(open), None).err();
            assert_eq!(refused, Some(Refused::Open { address: address(open) }));
            assert!(Guard::new(address(open), Some(" ")).is_err(), "blank is none");
            assert_eq!(Guard::new(address(open), Some("short")).err(), Some(Refused::Short));
            assert!(Guard::new(address(open), Some("0123456789abcdef")).is_ok());
        }
        assert!(Guard::new(address("127.0.0.1:9464"), None).is_ok());
        assert!(Guard::new(address("[::1]:9464"), None).is_ok());
    }

    #[test]
    fn only_the_same_token_is_the_same() {
        let token = "0123456789abcdef";
        assert!(same(token, token));
        for wrong in ["", "0", "0123456789abcdeg", "0123456789abcdef0", "0123456789abcdef0123456789abcdef"] {
            assert!(!same(wrong, token), "{wrong}");
        }
    }

    #[test]
    fn a_web_page_is_not_a_program_of_this_machine() {
        for host in ["127.0.0.1:9464", "localhost:9464", "LOCALHOST", "[::1]:9464", "127.0.0.1"] {
            assert!(same_machine(Some(host), None).is_ok(), "{host}");
        }
        for host in ["evil.example:9464", "10.0.0.1:9464", "", "localhost.evil.example"] {
            assert!(same_machine(Some(host), None).is_err(), "{host}");
        }
        assert!(same_machine(Some("localhost:9464"), Some("http://localhost:9464")).is_ok());
        assert!(same_machine(Some("localhost:9464"), Some("https://evil.example")).is_err());
        assert!(same_machine(Some("localhost:9464"), Some("null")).is_err());
    }
}
