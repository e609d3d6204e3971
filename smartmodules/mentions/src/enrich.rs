//! From a record of topic `messages` to the same record with what it says by itself.
//!
//! The value's bytes stay as they are; the field is written before the closing brace:
//!
//! ```json
//! "own":{"coin_id":"bitcoin","basis":"direct","mentions":[{"coin_id":"bitcoin","count":2,"kinds":["name"]}],"coin_list_version":1}
//! ```
//!
//! `basis` is `direct`, `tie` or `none`; what a message inherits from the one it answers is in topic `attributed`. A
//! record that cannot be understood gets `"own":{"error":"…"}`; one that is no JSON object, to which no field can be
//! added, is passed on as it is.

use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tickertape_attribution::{BareTickers, Matcher, Mention, Options, Tally, Verdict};
use tickertape_coins::{CoinList, Rules};
use tickertape_records::{Basis, CoinListRecord, MentionCount, MessageHead};

/// Parameter: the value of a record of topic `coin-lists`. Default: the list that came with the program.
pub const COIN_LIST: &str = "coin_list";
/// Parameter: `any` (default), `uppercase` or `off`, as `attribution.bare_tickers` in the configuration.
pub const BARE_TICKERS: &str = "bare_tickers";

/// Why there is no enricher.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The coin list is not what topic `coin-lists` holds.
    #[error("parameter {COIN_LIST}: {0}; give it the value of a record of topic coin-lists")]
    CoinList(tickertape_records::Error),
    /// The coin list does not make a matcher.
    #[error("parameter {COIN_LIST}: {0}")]
    Matcher(tickertape_attribution::Error),
    /// No such setting.
    #[error("parameter {BARE_TICKERS} is {0:?}; it must be \"any\", \"uppercase\" or \"off\"")]
    BareTickers(String),
    /// A record came before the parameters.
    #[error("the SmartModule was not initialised")]
    NotInitialised,
}

/// What a message says by itself.
#[derive(Debug, Serialize)]
pub struct Own<'a> {
    /// CoinGecko's slug of the coin mentioned most; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coin_id: Option<&'a str>,
    /// `direct`, `tie` or `none`.
    pub basis: Basis,
    /// Every coin mentioned, as in [`tickertape_records::Attribution::mentions`].
    pub mentions: Vec<MentionCount>,
    /// Version of the coin list.
    pub coin_list_version: u64,
}

/// Reads one record after another.
pub struct Enricher {
    matcher: Matcher,
    version: u64,
    mentions: Vec<Mention>,
    tally: Tally,
}

impl Enricher {
    /// Made of the parameters, as they are given to the SmartModule.
    pub fn new(coin_list: Option<&str>, bare_tickers: Option<&str>) -> Result<Self, Error> {
        let list = match coin_list {
            None => CoinList::snapshot(),
            Some(record) => CoinListRecord::decode(record.as_bytes()).map_err(Error::CoinList)?.into_list(),
        };
        let bare_tickers = match bare_tickers {
            None | Some("any") => BareTickers::Any,
            Some("uppercase") => BareTickers::Uppercase,
            Some("off") => BareTickers::Off,
            Some(other) => return Err(Error::BareTickers(other.to_owned())),
        };
        let matcher =
            Matcher::new(&list, &Rules::builtin(), Options { bare_tickers }).map_err(Error::Matcher)?;
        let tally = Tally::new(&matcher);
        Ok(Self { matcher, version: list.version, mentions: Vec::new(), tally })
    }

    /// What a text says by itself.
    pub fn read(&mut self, text: &str) -> Own<'_> {
        self.mentions.clear();
        self.matcher.mentions(text, &mut self.mentions);
        let (coin_id, basis) = match self.tally.count(&self.mentions) {
            Verdict::Direct(coin) => (Some(self.matcher.coin_id(coin)), Basis::Direct),
            Verdict::Tie => (None, Basis::Tie),
            Verdict::None => (None, Basis::None),
        };
        let mentions = MentionCount::of(&self.tally, &self.matcher);
        Own { coin_id, basis, mentions, coin_list_version: self.version }
    }

    /// The record's value with the field `own`.
    pub fn enrich(&mut self, value: &[u8]) -> Vec<u8> {
        let mut own = Vec::with_capacity(128);
        let written = match MessageHead::decode(value) {
            Ok(head) => serde_json::to_writer(&mut own, &self.read(&head.text)),
            Err(_) if !is_object(value) => return value.to_vec(),
            Err(error) => serde_json::to_writer(&mut own, &json!({ "error": error.to_string() })),
        };
        written.expect("writing to memory cannot fail");
        let body = value.trim_ascii_end();
        let body = body.strip_suffix(b"}").expect("an object ends with a brace");
        let mut out = Vec::with_capacity(value.len() + own.len() + 8);
        out.extend_from_slice(body);
        if !body.trim_ascii_end().ends_with(b"{") {
            out.push(b',');
        }
        out.extend_from_slice(br#""own":"#);
        out.extend_from_slice(&own);
        out.push(b'}');
        out
    }
}

fn is_object(value: &[u8]) -> bool {
    value.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(value).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn enriched(value: &str) -> Value {
        let mut enricher = Enricher::new(None, None).expect("the default list");
        serde_json::from_slice(&enricher.enrich(value.as_bytes())).expect("still JSON")
    }

    #[test]
    fn a_message_gets_what_it_says_by_itself_and_keeps_the_rest() {
        let record = enriched(
            r#"{"schema":1,"chat_id":1,"message_id":2,"date":3,"text":"Bitcoin and $BTC, $ETH","paid":{"a":[1]}} "#,
        );
        assert_eq!(record["paid"], json!({"a": [1]}));
        assert_eq!(record["own"]["coin_id"], "bitcoin");
        assert_eq!(record["own"]["basis"], "direct");
        assert_eq!(
            record["own"]["mentions"][0],
            json!({"coin_id": "bitcoin", "count": 2, "kinds": ["cashtag", "name"]})
        );
    }

    #[test]
    fn a_broken_record_is_passed_on_with_its_reason_or_as_it_is() {
        let schema = enriched(r#"{"schema":9,"chat_id":1,"message_id":2,"date":3,"text":""}"#);
        assert!(schema["own"]["error"].as_str().is_some_and(|e| e.contains("schema 9")), "{schema}");
        assert!(enriched("{ }")["own"]["error"].is_string());
        let mut enricher = Enricher::new(None, None).expect("the default list");
        for broken in ["", "[1]", "{\"a\":}", "{\"text\": \"", "null", "\u{fffd}"] {
            assert_eq!(enricher.enrich(broken.as_bytes()), broken.as_bytes());
        }
    }

    #[test]
    fn wrong_parameters_are_named() {
        let error = |list, tickers| Enricher::new(list, tickers).err().expect("refused").to_string();
        assert!(error(Some("{}"), None).contains("coin_list"));
        assert!(error(None, Some("some")).contains("bare_tickers"));
    }
}
