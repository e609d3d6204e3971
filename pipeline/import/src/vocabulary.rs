//! The words of both sources, and the one word of ours for each: entities, media, events.
//!
//! Telegram's own classes are those of [`tickertape_records::vocabulary`]; here are the words of Telegram Desktop.

use tickertape_records::{EventKind, vocabulary};

/// The kind of an entity, from Telethon's class or Telegram Desktop's `type`.
pub(crate) fn entity_kind(source: &str) -> String {
    match source {
        "link" => "url".into(),
        "text_link" => "text_url".into(),
        "phone" => "phone_number".into(),
        "email" => "email_address".into(),
        "bank_card" => "bank_card_number".into(),
        "blockquote" => "block_quote".into(),
        _ => vocabulary::entity_kind(source),
    }
}

/// The kind of what is attached, from Telethon's class, or from Telegram Desktop's `media_type` or the field that
/// only this kind has.
pub(crate) fn media_kind(source: &str) -> String {
    match source {
        "voice_message" => "voice".into(),
        "video_message" => "video_note".into(),
        "video_file" => "video".into(),
        "audio_file" => "audio".into(),
        "contact_information" => "contact".into(),
        "location_information" => "geo".into(),
        "place_name" => "venue".into(),
        "game_title" => "game".into(),
        "invoice_information" => "invoice".into(),
        "giveaway_information" => "giveaway".into(),
        "paid_stars_amount" => "paid_media".into(),
        _ => vocabulary::media_kind(source),
    }
}

/// Whom an action that names its members happened to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Whom {
    /// The one who did it, and nobody else.
    Oneself,
    /// Somebody else.
    Others,
    /// The source does not say.
    Unknown,
}

/// What a service message says, from Telethon's class or Telegram Desktop's `action`.
pub(crate) fn event_kind(action: &str, whom: Whom) -> EventKind {
    match action {
        "MessageActionChatCreate" | "MessageActionChannelCreate" | "create_group" | "create_channel" => {
            EventKind::Created
        }
        // One who adds himself came by himself; in a public group that is how Telegram records it.
        "MessageActionChatAddUser" | "invite_members" if whom == Whom::Oneself => EventKind::Joined,
        "MessageActionChatAddUser" | "invite_members" => EventKind::Added,
        "MessageActionChatJoinedByLink"
        | "MessageActionChatJoinedByRequest"
        | "join_group_by_link"
        | "join_group_by_request" => EventKind::JoinedByLink,
        "MessageActionChatDeleteUser" | "remove_members" if whom == Whom::Others => EventKind::Kicked,
        "MessageActionChatDeleteUser" | "remove_members" => EventKind::Left,
        "MessageActionChatEditTitle" | "edit_group_title" => EventKind::Title,
        "MessageActionChatEditPhoto"
        | "MessageActionChatDeletePhoto"
        | "edit_group_photo"
        | "delete_group_photo" => EventKind::Photo,
        "MessageActionPinMessage" | "pin_message" => EventKind::Pin,
        "MessageActionChatMigrateTo"
        | "MessageActionChannelMigrateFrom"
        | "migrate_to_supergroup"
        | "migrate_from_group" => EventKind::Migrate,
        "MessageActionTopicCreate" | "MessageActionTopicEdit" | "topic_created" | "topic_edit" => {
            EventKind::Topic
        }
        _ => EventKind::Other,
    }
}

/// Compares the members of an action with who did it, by whatever names both.
pub(crate) fn whom(actor: Option<&str>, members: &[String]) -> Whom {
    match (actor, members) {
        (_, []) | (None, _) => Whom::Unknown,
        (Some(actor), [member]) if member == actor => Whom::Oneself,
        _ => Whom::Others,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sources_speak_one_language() {
        for (telethon, desktop, ours) in [
            ("MessageEntityUrl", "link", "url"),
            ("MessageEntityTextUrl", "text_link", "text_url"),
            ("MessageEntityPhone", "phone", "phone_number"),
            ("MessageEntityEmail", "email", "email_address"),
            ("MessageEntityBankCard", "bank_card", "bank_card_number"),
            ("MessageEntityStrike", "strikethrough", "strikethrough"),
            ("MessageEntityBlockquote", "blockquote", "block_quote"),
            ("MessageEntityMentionName", "mention_name", "mention_name"),
            ("MessageEntityBotCommand", "bot_command", "bot_command"),
            ("MessageEntityCustomEmoji", "custom_emoji", "custom_emoji"),
            ("MessageEntityHashtag", "hashtag", "hashtag"),
        ] {
            assert_eq!((entity_kind(telethon), entity_kind(desktop)), (ours.into(), ours.into()));
        }
        for (telethon, desktop, ours) in [
            ("MessageMediaPhoto", "photo", "photo"),
            ("MessageMediaPoll", "poll", "poll"),
            ("MessageMediaGeoLive", "location_information", "geo"),
            ("MessageMediaVenue", "place_name", "venue"),
            ("MessageMediaGiveawayResults", "giveaway_results", "giveaway_results"),
            ("MessageMediaToDo", "todo_list", "todo_list"),
        ] {
            assert_eq!((media_kind(telethon), media_kind(desktop)), (ours.into(), ours.into()));
        }
    }

    #[test]
    fn coming_and_going_depend_on_who_did_it() {
        let sole = ["7".to_owned()];
        assert_eq!(event_kind("invite_members", whom(Some("7"), &sole)), EventKind::Joined);
        assert_eq!(event_kind("invite_members", whom(Some("8"), &sole)), EventKind::Added);
        assert_eq!(event_kind("remove_members", whom(Some("7"), &sole)), EventKind::Left);
        assert_eq!(event_kind("remove_members", whom(Some("8"), &sole)), EventKind::Kicked);
        assert_eq!(event_kind("remove_members", whom(Some("8"), &[])), EventKind::Left);
        assert_eq!(event_kind("MessageActionStarGift", Whom::Unknown), EventKind::Other);
    }
}
