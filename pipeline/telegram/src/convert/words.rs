//! The words of the schema, and the one word of ours for each.

use grammers_client::tl;

/// The name of a value in Telegram's schema: `messageEntityBold`.
pub(super) fn name(value: &impl tl::Serializable) -> &'static str {
    let id = value.to_bytes().first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    tl::name_for_id(id)
}

pub(super) fn entity_kind(name: &str) -> String {
    match name.trim_start_matches("input").trim_start_matches("Message").trim_start_matches("messageEntity") {
        "Phone" => "phone_number".to_owned(),
        "Email" => "email_address".to_owned(),
        "BankCard" => "bank_card_number".to_owned(),
        "Strike" => "strikethrough".to_owned(),
        "Blockquote" => "block_quote".to_owned(),
        "EntityMentionName" => "mention_name".to_owned(),
        other => snake_case(other),
    }
}

pub(super) fn media_kind(name: &str) -> String {
    match name.trim_start_matches("messageMedia") {
        "GeoLive" => "geo".to_owned(),
        "ToDo" => "todo_list".to_owned(),
        other => snake_case(other),
    }
}

/// As Telethon writes it: `MessageActionChatAddUser`.
pub(super) fn class(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// `TextUrl` → `text_url`.
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_exports() {
        for (theirs, ours) in [
            ("messageEntityUrl", "url"),
            ("messageEntityTextUrl", "text_url"),
            ("messageEntityPhone", "phone_number"),
            ("messageEntityEmail", "email_address"),
            ("messageEntityBankCard", "bank_card_number"),
            ("messageEntityStrike", "strikethrough"),
            ("messageEntityBlockquote", "block_quote"),
            ("messageEntityMentionName", "mention_name"),
            ("inputMessageEntityMentionName", "mention_name"),
            ("messageEntityCashtag", "cashtag"),
        ] {
            assert_eq!(entity_kind(theirs), ours);
        }
        for (theirs, ours) in [
            ("messageMediaPhoto", "photo"),
            ("messageMediaGeoLive", "geo"),
            ("messageMediaToDo", "todo_list"),
            ("messageMediaGiveawayResults", "giveaway_results"),
        ] {
            assert_eq!(media_kind(theirs), ours);
        }
        assert_eq!(class("messageActionPinMessage"), "MessageActionPinMessage");
    }
}
