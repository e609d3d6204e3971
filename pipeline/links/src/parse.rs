//! One address → the chat it leads to. The rules are those of Telegram's own clients, in their order: which parameter
//! wins when an address carries several is part of what it means.

use crate::address::{Address, is_name, is_reserved};
use crate::{Link, Target};

/// Reads one address, with or without `https://`. None when it leads to no chat.
pub fn parse(url: &str) -> Option<Link> {
    let address = Address::read(url.trim())?;
    if address.app { app(&address) } else { site(&address) }
}

/// `tg:` addresses.
fn app(address: &Address<'_>) -> Option<Link> {
    match address.part(0) {
        "resolve" => {
            let domain = address.parameter("domain")?;
            if let Some(post) = address.parameter("post").as_deref().and_then(number) {
                let thread = address.parameter("thread").as_deref().and_then(number);
                return Some(Link { message: Some(post), thread, ..named(&domain)? });
            }
            let passport = domain == "telegrampassport" && address.parameter("bot_id").is_some();
            let web_app = address.parameter("appname").is_some_and(|app| is_short_name(&app));
            (!passport && !web_app && !is_for_a_bot(address)).then(|| named(&domain)).flatten()
        }
        "join" => invite(&address.parameter("invite")?),
        "privatepost" => {
            let id = address.parameter("channel").as_deref().and_then(whole_number)?;
            let message = address.parameter("post").as_deref().and_then(number)?;
            let thread = address.parameter("thread").as_deref().and_then(number);
            Some(Link { target: Target::Id(id), message: Some(message), thread })
        }
        "boost" => match address.parameter("domain") {
            Some(domain) => named(&domain),
            None => {
                address.parameter("channel").as_deref().and_then(number).map(|id| Link::to(Target::Id(id)))
            }
        },
        _ => None,
    }
}

/// Addresses of Telegram's sites.
fn site(address: &Address<'_>) -> Option<Link> {
    let first = address.part(0);
    if let Some(hash) = first.strip_prefix(['+', ' ']) {
        return invite(hash);
    }
    match first.to_ascii_lowercase().as_str() {
        "joinchat" => return invite(address.part(1)),
        "c" => return by_id(address),
        "boost" => {
            if address.path.len() == 2 && is_name(address.part(1)) {
                return named(address.part(1));
            }
            if let Some(id) = address.parameter("c").as_deref().and_then(number) {
                return Some(Link::to(Target::Id(id)));
            }
        }
        "newbot" if is_name(address.part(1)) && (address.part(2).is_empty() || is_name(address.part(2))) => {
            return None;
        }
        _ => {}
    }
    let link = named(first)?;
    if let Some(message) = number(address.part(1)) {
        return Some(match number(address.part(2)) {
            Some(in_thread) => Link { message: Some(in_thread), thread: Some(message), ..link },
            None => {
                let thread = address.parameter("thread").as_deref().and_then(number);
                Link { message: Some(message), thread, ..link }
            }
        });
    }
    let web_app = address.path.len() == 2 && is_short_name(address.part(1));
    // A voice chat is joined through its chat, whatever else the address says.
    let voice = ["boost", "videochat", "voicechat", "livestream", "direct"];
    if voice.iter().any(|name| address.parameter(name).is_some()) {
        return Some(link);
    }
    (!web_app && !is_for_a_bot(address)).then_some(link)
}

/// `t.me/c/…`: a post, its thread, or the chat alone.
fn by_id(address: &Address<'_>) -> Option<Link> {
    let id = number(address.part(1))?;
    let link = Link::to(Target::Id(id));
    match (number(address.part(2)), number(address.part(3))) {
        (Some(thread), Some(message)) => Some(Link { message: Some(message), thread: Some(thread), ..link }),
        (Some(message), None) => {
            let thread = address.parameter("thread").as_deref().and_then(number);
            Some(Link { message: Some(message), thread, ..link })
        }
        // Boosting, and our own normal form.
        (None, _) => {
            let whole =
                address.is_bare() && address.path.len() == 2 && whole_number(address.part(1)).is_some();
            (whole || address.parameter("boost").is_some()).then_some(link)
        }
    }
}

/// Parameters that only a bot understands.
fn is_for_a_bot(address: &Address<'_>) -> bool {
    let is = |name: &str, valid: fn(&str) -> bool| address.parameter(name).is_some_and(|value| valid(&value));
    if ["voicechat", "videochat", "livestream", "direct", "story", "album", "collection"]
        .iter()
        .any(|name| address.parameter(name).is_some())
    {
        return false;
    }
    let attached = match address.parameter("attach").filter(|attach| !attach.is_empty()) {
        Some(attach) => is_name(&attach),
        None => address.parameter("startattach").is_some(),
    };
    attached
        || is("start", is_word)
        || is("startgroup", is_word)
        || (address.parameter("startchannel").is_some() && is("admin", |rights| !rights.is_empty()))
        || is("game", is_short_name)
        || (is("startapp", is_word) && address.parameter("appname").is_none())
        || is("ref", |value| !value.is_empty() && is_word(value))
}

fn named(name: &str) -> Option<Link> {
    let name = name.to_ascii_lowercase();
    // Telegram's own paths are nobody's name; `a` alone would be one, and is harmless.
    (is_name(&name) && (name == "a" || !is_reserved(&name))).then_some(Link::to(Target::Name(name)))
}

fn invite(hash: &str) -> Option<Link> {
    let is_phone = hash.bytes().all(|byte| byte.is_ascii_digit());
    (!hash.is_empty() && hash.len() <= 64 && !is_phone && is_word(hash))
        .then(|| Link::to(Target::Invite(hash.to_owned())))
}

/// Letters of base64 in addresses; may be empty.
fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The short name of a game or an app.
fn is_short_name(text: &str) -> bool {
    text.len() >= 3 && is_name(text)
}

/// The number at the start, as Telegram reads it; above zero.
fn number(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().ok().filter(|number| *number > 0)
}

fn whole_number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| number(text)).flatten()
}
