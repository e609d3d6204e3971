//! An address taken apart: which of Telegram's, its path and its parameters, percent-encoding undone once.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Telegram's own sites, where a path names a chat.
const SITES: [&str; 3] = ["t.me", "telegram.me", "telegram.dog"];

/// What was asked for, and with which parameters.
pub(crate) struct Address<'a> {
    /// The parts of the path. Never empty; the first may be.
    pub(crate) path: Vec<String>,
    query: &'a str,
    /// `tg:` instead of a web address.
    pub(crate) app: bool,
}

impl<'a> Address<'a> {
    pub(crate) fn read(url: &'a str) -> Option<Self> {
        if let Some(rest) = strip_ignoring_case(url, "tg:") {
            return Self::app(rest.strip_prefix("//").unwrap_or(rest));
        }
        let rest = strip_ignoring_case(url, "https://").or_else(|| strip_ignoring_case(url, "http://"));
        Self::site(rest.unwrap_or(url))
    }

    fn app(rest: &'a str) -> Option<Self> {
        let (place, query) = cut(rest);
        let method = place.trim_end_matches('/');
        let is_name = |c: char| c.is_ascii_alphabetic() || c == '_';
        (!method.is_empty() && method.chars().all(is_name)).then(|| Self {
            path: vec![method.to_ascii_lowercase()],
            query,
            app: true,
        })
    }

    fn site(rest: &'a str) -> Option<Self> {
        let (place, query) = cut(rest);
        let (host, path) = place.split_once('/').map_or((place, None), |(host, path)| (host, Some(path)));
        let host = decode(host)?.to_ascii_lowercase();
        let host = match host.rsplit_once(':') {
            Some((host, "80" | "443")) => host,
            Some(_) => return None,
            None => &host,
        };
        let host = host.strip_prefix("www.").unwrap_or(host);
        let mut parts = Vec::new();
        if !SITES.contains(&host) {
            let name = SITES.iter().find_map(|site| host.strip_suffix(site)?.strip_suffix('.'))?;
            if name.len() < 4 || !is_name(name) || is_reserved(name) || ["boost", "auth"].contains(&name) {
                return None;
            }
            parts.push(name.to_owned());
        }
        if let Some(path) = path {
            for part in path.split('/') {
                parts.push(decode(part)?.into_owned());
            }
        }
        // The web preview of a channel: any number of them, as Telegram has it.
        let previews =
            parts.iter().take_while(|part| *part == "s").count().min(parts.len().saturating_sub(1));
        parts.drain(..previews);
        (!parts.is_empty()).then_some(Self { path: parts, query, app: false })
    }

    /// The value of a parameter: empty when it stands without one; none when it is absent or not text.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key)? == name).then(|| decode(value)).flatten().map(Cow::into_owned)
        })
    }

    /// Whether there are parameters at all.
    pub(crate) fn is_bare(&self) -> bool {
        self.query.is_empty()
    }

    /// A part of the path.
    pub(crate) fn part(&self, index: usize) -> &str {
        self.path.get(index).map_or("", String::as_str)
    }
}

/// The place and its parameters; what stands behind `#` is the browser's own business.
fn cut(rest: &str) -> (&str, &str) {
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    rest.split_once('?').unwrap_or((rest, ""))
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

pub(crate) fn strip_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// Whether Telegram would let this be a public name. Shorter than four letters none is given out today.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.ends_with('_')
        && !name.contains("__")
}

/// Whether the path is Telegram's own, so that no chat can have it for a name. In lower case.
pub(crate) fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 32] = [
        "a",
        "addemoji",
        "addlist",
        "addstickers",
        "addstyle",
        "addtheme",
        "auction",
        "b",
        "bg",
        "c",
        "call",
        "confirmphone",
        "contact",
        "contacts",
        "giftcode",
        "i",
        "invoice",
        "iv",
        "joinchat",
        "k",
        "login",
        "m",
        "msg",
        "nft",
        "proxy",
        "setlanguage",
        "settings",
        "share",
        "socks",
        "stars",
        "web",
        "z",
    ];
    RESERVED.contains(&name)
}
