//! Where nothing is a mention: links, @usernames and e-mail addresses.
//!
//! Only the run of characters around one hit is looked at, so that a text without hits costs nothing.

use crate::mention::Kind;

/// Longest stretch to either side of a hit that is searched for the link around it, in bytes: links in messages are
/// shorter, and the cost of a hit stays bounded.
const REACH: usize = 1024;

/// Endings by which a dotted word without a scheme is a host.
const TOP_DOMAINS: &str = "com org net io co info biz app dev xyz tech site online store shop club pro live news world \
    finance exchange network money cash fund fi markets trade trading capital digital global group \
    games game space website top vip link page blog media market academy foundation community ai gg \
    tv ly cc eu ru ua uk us de fr cn jp kr br ir nl pl tr ch ca eth sol";
/// Endings that are words too: they make a host only before a path.
const WORD_DOMAINS: &str = "me to in is it so at be as my id gl es im";

/// Why the hit `start..end` is no mention wherever it stands in such a run, and where the run ends.
pub(crate) fn enclosing(text: &str, start: usize, end: usize) -> Option<(&'static str, usize)> {
    let bytes = text.as_bytes();
    let opens = start == 0 || bytes[start - 1].is_ascii_whitespace();
    if opens && bytes.get(end).is_none_or(u8::is_ascii_whitespace) {
        return None;
    }
    let before = &text[run_start(text, start)..start];
    let after = &text[end..run_end(text, end)];
    // Of a hit that goes on behind a space only the beginning lies in the run.
    let run_end = run_end(text, start);
    if before.contains("://") || before.ends_with("www.") || before.contains("/www.") {
        return Some(("inside a link", run_end));
    }
    if let Some((local, behind_at)) = before.rsplit_once('@') {
        if behind_at.is_empty() {
            return Some(("part of an @username or an address", end));
        }
        let domain_end = end + after.bytes().take_while(|&b| is_host_byte(b)).count();
        let domain = &text[start - behind_at.len()..domain_end];
        if local.bytes().next_back().is_some_and(is_local_byte) && is_host(domain, true) {
            return Some(("inside an e-mail address", run_end));
        }
    }
    if let Some((local, domain)) = after.split_once('@')
        && local.bytes().all(is_local_byte)
        && is_host(domain, true)
    {
        return Some(("inside an e-mail address", run_end));
    }
    // A host without a scheme: before the hit with a path up to it, or around the hit.
    let before = before.trim_start_matches(|c: char| c.is_ascii_punctuation());
    if let Some(slash) = before.find(['/', '?', '#'])
        && is_host(&before[..slash], true)
    {
        return Some(("inside a link", run_end));
    }
    let host_before = before.len() - before.bytes().rev().take_while(|&b| is_host_byte(b)).count();
    let host_after = after.bytes().take_while(|&b| is_host_byte(b)).count();
    if host_after == 0 && !before.contains('.') || before[host_before..].is_empty() && !after.starts_with('.')
    {
        return None;
    }
    let host = &text[start - (before.len() - host_before)..end + host_after];
    let has_path = after[host_after..].starts_with(['/', '?']);
    let closed = after[host_after..].chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '_');
    (closed && is_host(host, has_path)).then_some(("inside a link", run_end))
}

/// Whether `host` is dotted and ends like a host. A dot that closes a sentence is none of it.
fn is_host(host: &str, has_path: bool) -> bool {
    let host = host.split(['/', ':', '?']).next().unwrap_or_default().trim_end_matches(['.', '-']);
    let Some((name, top)) = host.rsplit_once('.') else { return false };
    if name.is_empty() || !name.bytes().all(is_host_byte) {
        return false;
    }
    let is_lower = !top.bytes().any(|b| b.is_ascii_uppercase());
    let known = |tops: &str| tops.split(' ').any(|known| known.eq_ignore_ascii_case(top));
    // "BTC.Top" is two sentences; "BITCOIN.COM" is a host.
    let is_cased = is_lower || ["com", "org", "me"].iter().any(|known| known.eq_ignore_ascii_case(top));
    is_cased && !host.contains("..") && (known(TOP_DOMAINS) || has_path && known(WORD_DOMAINS))
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
}

/// What stands before the @ of an e-mail address.
fn is_local_byte(byte: u8) -> bool {
    is_host_byte(byte) || byte == b'_' || byte == b'+'
}

/// What a link does not contain: spaces, quotes, the punctuation of other scripts, emoji.
fn ends_run(c: char) -> bool {
    match c {
        '<' | '>' | '"' | '|' => true,
        '\0'..='\x7F' => c.is_ascii_whitespace(),
        '\u{2190}'..='\u{2BFF}' | '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{301F}' => true,
        '\u{FE0F}' | '\u{FF01}'..='\u{FF0F}' | '\u{FF1A}'..='\u{FF20}' | '\u{1F000}'..='\u{1FFFF}' => true,
        '\u{00AB}' | '\u{00BB}' | '\u{2018}'..='\u{201F}' => true,
        _ => c.is_whitespace(),
    }
}

fn run_start(text: &str, at: usize) -> usize {
    let floor = text.floor_char_boundary(at.saturating_sub(REACH));
    text[floor..at].rfind(ends_run).map_or(floor, |found| {
        let delimiter = floor + found;
        delimiter + text[delimiter..].chars().next().map_or(1, char::len_utf8)
    })
}

fn run_end(text: &str, at: usize) -> usize {
    let ceiling = text.ceil_char_boundary(at.saturating_add(REACH).min(text.len()));
    text[at..ceiling].find(ends_run).map_or(ceiling, |found| at + found)
}

/// The sign before a hit, if it makes a tag of it: its width in bytes and the tag's kind.
///
/// `$` makes none after a letter, a digit or an underscore (US$), `#` always does. Both exist in full width.
pub(crate) fn tag_before(text: &str, start: usize) -> Option<(usize, Kind)> {
    use crate::text::{Class, class_before};
    let bytes = text.as_bytes();
    let (width, kind) = match bytes.get(start.checked_sub(1)?)? {
        b'$' => (1, Kind::Cashtag),
        b'#' => (1, Kind::Hashtag),
        0x84 if bytes[..start].ends_with("＄".as_bytes()) => (3, Kind::Cashtag),
        0x83 if bytes[..start].ends_with("＃".as_bytes()) => (3, Kind::Hashtag),
        _ => return None,
    };
    let stands_free = !matches!(class_before(text, start - width), Class::Spaced | Class::Underscore);
    (kind == Kind::Hashtag || stands_free).then_some((width, kind))
}
