//! Where the command line, HTTP and the configuration leave what the user wishes.
//!
//! A wish is a row; the manager takes it at its next look. So it does not matter whether a manager runs right now, or
//! on which machine.

use std::collections::BTreeMap;

use sqlx::PgPool;

use crate::Error;
use crate::decide::{Target, Wish, WishKind};

/// A channel as a user writes it: a link in any form, `@name`, a bare name, or a marked chat id.
///
/// # Errors
/// [`Error::NotAChannel`] when it names none.
pub fn target(text: &str) -> Result<Target, Error> {
    let text = text.trim();
    if let Ok(chat_id) = text.parse::<i64>() {
        return Ok(Target::Chat(chat_id));
    }
    let bare_name = |text: &str| {
        let name = text.strip_prefix('@').unwrap_or(text);
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then(|| format!("https://t.me/{name}"))
    };
    let written = bare_name(text).unwrap_or_else(|| text.to_owned());
    tickertape_links::parse(&written)
        .map(|link| Target::Link(link.to_string()))
        .ok_or_else(|| Error::NotAChannel { text: text.to_owned() })
}

/// Leaves a wish for the manager, and returns its id.
///
/// # Errors
/// When the database does not answer.
pub async fn submit(pool: &PgPool, kind: WishKind, target: Target) -> Result<i64, Error> {
    let wish = serde_json::to_string(&Wish { kind, target }).expect("every key is a string");
    sqlx::query_scalar("INSERT INTO manager.wishes (wish) VALUES ($1::text::jsonb) RETURNING id")
        .bind(wish)
        .fetch_one(pool)
        .await
        .map_err(Error::writing)
}

/// What came of each of these wishes; none while the manager has not looked at it.
///
/// # Errors
/// When the database does not answer.
pub async fn outcomes(pool: &PgPool, ids: &[i64]) -> Result<BTreeMap<i64, Option<String>>, Error> {
    let found: Vec<(i64, Option<String>)> =
        sqlx::query_as("SELECT id, outcome FROM manager.wishes WHERE id = ANY($1)")
            .bind(ids)
            .fetch_all(pool)
            .await
            .map_err(Error::reading)?;
    Ok(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_named_by_link_name_or_id() {
        let link = |link: &str| Some(Target::Link(link.into()));
        for (text, expected) in [
            ("@Bitcoin_News", link("https://t.me/bitcoin_news")),
            (" bitcoin_news ", link("https://t.me/bitcoin_news")),
            ("t.me/Bitcoin_News/15", link("https://t.me/bitcoin_news")),
            ("https://t.me/+AbCd_12345678", link("https://t.me/+AbCd_12345678")),
            ("-1001234567890", Some(Target::Chat(-1_001_234_567_890))),
            ("https://example.com/bitcoin_news", None),
            ("two words", None),
            ("", None),
        ] {
            assert_eq!(target(text).ok(), expected, "{text}");
        }
    }
}
