//! Reading CoinGecko's `/coins/markets` answer, and recognising what CoinGecko sends instead of one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Coin, CoinList, Error, Rules};

/// What to make of a market list.
#[derive(Debug, Clone)]
pub struct MarketsOptions {
    /// How many coins to keep, counted after the exclusions.
    pub size: usize,
    /// CoinGecko ids to leave out: those of its `stablecoins` category, or the checked-in list where that is not at
    /// hand.
    pub exclude: BTreeSet<String>,
}

impl Default for MarketsOptions {
    /// The top 50 after the checked-in stablecoins.
    fn default() -> Self {
        Self { size: 50, exclude: Rules::builtin().stablecoins }
    }
}

impl CoinList {
    /// Reads CoinGecko's `/coins/markets` answer; `version` and `as_of` come from its newest `last_updated`.
    ///
    /// One bad row refuses the whole list, because a list with a hole would move every message of that coin.
    pub fn from_markets(bytes: &[u8], options: &MarketsOptions) -> Result<Self, Error> {
        let rows = rows(bytes)?;
        let found = rows.len();
        let mut as_of = String::new();
        let mut coins = Vec::with_capacity(found);
        for (index, row) in rows.iter().enumerate() {
            let updated = row.get("last_updated").and_then(Value::as_str).unwrap_or_default();
            if updated > as_of.as_str() {
                as_of = updated.to_owned();
            }
            coins.push(coin(index, row)?);
        }
        let mut list = Self::new(seconds_since_1970(&as_of).unwrap_or(0), as_of, coins)?;
        list.coins.retain(|coin| !options.exclude.contains(&coin.id));
        list.coins.truncate(options.size);
        if list.coins.is_empty() {
            return Err(Error::Empty { excluded: found });
        }
        Ok(list)
    }
}

/// The ids in a `/coins/markets` answer, for [`MarketsOptions::exclude`] from `?category=stablecoins`.
pub fn ids_of_markets(bytes: &[u8]) -> Result<BTreeSet<String>, Error> {
    rows(bytes)?.iter().enumerate().map(|(index, row)| text(index, row, "id")).collect()
}

fn rows(bytes: &[u8]) -> Result<Vec<Value>, Error> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(error) => return Err(not_json(bytes, &error)),
    };
    match value {
        Value::Array(rows) if rows.is_empty() => Err(Error::Empty { excluded: 0 }),
        Value::Array(rows) => Ok(rows),
        Value::Object(body) => {
            let status = body.get("status").or_else(|| body.get("error")).unwrap_or(&Value::Null);
            let message = [status.get("error_message"), body.get("error"), body.get("error_message")]
                .into_iter()
                .flatten()
                .find_map(Value::as_str);
            let code = [status.get("error_code"), body.get("error_code")]
                .into_iter()
                .flatten()
                .find_map(Value::as_u64);
            match (message, code) {
                (None, None) => Err(Error::Shape { found: "a JSON object" }),
                _ => Err(Error::Refused { code, message: message.unwrap_or("no reason given").to_owned() }),
            }
        }
        _ => Err(Error::Shape { found: "a bare JSON value" }),
    }
}

/// Names the pages and lines that CoinGecko and Cloudflare send instead of JSON.
fn not_json(bytes: &[u8], error: &serde_json::Error) -> Error {
    let body = String::from_utf8_lossy(bytes);
    let body = body.trim();
    let title = body.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    let message = match title {
        Some((title, _)) => format!("a web page, {:?}", title.trim()),
        None if body.starts_with('<') => "a web page".to_owned(),
        None if body.starts_with("error code:") || body.starts_with("Throttled") => format!("{body:?}"),
        None => {
            let begin = body.chars().take(40).collect();
            return Error::NotJson { reason: error.to_string(), begin };
        }
    };
    Error::Refused { code: None, message }
}

fn coin(index: usize, row: &Value) -> Result<Coin, Error> {
    // Coins that CoinGecko has not ranked keep the place in which they stand.
    let rank = match row.get("market_cap_rank") {
        None | Some(Value::Null) => index as u64 + 1,
        Some(rank) => {
            rank.as_u64().ok_or_else(|| bad(index, row, "`market_cap_rank` is not a whole number"))?
        }
    };
    Ok(Coin {
        id: text(index, row, "id")?,
        symbol: text(index, row, "symbol")?,
        name: text(index, row, "name")?,
        rank: u32::try_from(rank).map_err(|_| bad(index, row, "`market_cap_rank` is too large"))?,
    })
}

fn text(index: usize, row: &Value, field: &str) -> Result<String, Error> {
    match row.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(bad(index, row, &format!("`{field}` is not a text"))),
        None if row.is_object() => Err(bad(index, row, &format!("`{field}` is missing"))),
        None => Err(bad(index, row, "it is not a JSON object")),
    }
}

fn bad(index: usize, row: &Value, problem: &str) -> Error {
    let id = row.get("id").and_then(Value::as_str).map(str::to_owned);
    Error::Row { row: index + 1, id, problem: problem.to_owned() }
}

/// Seconds of `2021-12-02T18:01:15.039Z`; none when it is not written like that.
fn seconds_since_1970(date: &str) -> Option<u64> {
    let digits = |from: usize, to: usize| date.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    // Days from civil, Howard Hinnant's: years begin in March so that the leap day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let days_to_1970 = 719_469;
    Some(days.checked_sub(days_to_1970)? * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::seconds_since_1970;

    #[test]
    fn dates_are_counted_from_1970() {
        assert_eq!(seconds_since_1970("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds_since_1970("2021-12-02T18:01:15.039Z"), Some(1_638_468_075));
        assert_eq!(seconds_since_1970("2024-02-29T23:59:59.000Z"), Some(1_709_251_199));
        assert_eq!(seconds_since_1970("soon"), None);
        assert_eq!(seconds_since_1970(""), None);
    }
}
