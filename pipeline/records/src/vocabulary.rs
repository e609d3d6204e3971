//! Our word for each class of Telegram's schema: entities and media.
//!
//! Named as in TDLib, in snake case. A class that is missing here keeps its own name in snake case, so that something
//! new in Telegram is kept and not lost.

/// The kind of an entity, from its class: `MessageEntityTextUrl` → `text_url`. What is in snake case already stays.
pub fn entity_kind(class: &str) -> String {
    match class {
        "MessageEntityPhone" => "phone_number".into(),
        "MessageEntityEmail" => "email_address".into(),
        "MessageEntityBankCard" => "bank_card_number".into(),
        "MessageEntityStrike" => "strikethrough".into(),
        "MessageEntityBlockquote" => "block_quote".into(),
        "InputMessageEntityMentionName" => "mention_name".into(),
        _ => snake_case(class.strip_prefix("MessageEntity").unwrap_or(class)),
    }
}

/// The kind of what is attached, from its class: `MessageMediaPhoto` → `photo`. What is in snake case already stays.
pub fn media_kind(class: &str) -> String {
    match class {
        "MessageMediaGeoLive" => "geo".into(),
        "MessageMediaToDo" => "todo_list".into(),
        _ => snake_case(class.strip_prefix("MessageMedia").unwrap_or(class)),
    }
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
