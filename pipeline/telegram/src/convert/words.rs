//! The words of the schema as this client writes them, and ours for each.

use grammers_client::tl;
use tickertape_records::vocabulary;

/// The name of a value in Telegram's schema: `messageEntityBold`.
pub(super) fn name(value: &impl tl::Serializable) -> &'static str {
    let id = value.to_bytes().first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    tl::name_for_id(id)
}

pub(super) fn entity_kind(name: &str) -> String {
    vocabulary::entity_kind(&class(name))
}

pub(super) fn media_kind(name: &str) -> String {
    vocabulary::media_kind(&class(name))
}

/// As Telethon writes it: `MessageActionChatAddUser`.
pub(super) fn class(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
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
