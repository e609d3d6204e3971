//! Links and mentions in running text.
//!
//! Every form holds a dot, a colon or an `@`, so the text between them is skipped at the speed of memory. Each
//! stretch without blanks is looked at once, which keeps the time linear in hostile text too.

use std::ops::Range;

use memchr::memchr3;

use crate::address::{is_name, is_reserved};
use crate::{Link, Target, parse};

/// A link in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// What it leads to.
    pub link: Link,
}

/// Every link and mention of a text, in order. The same chat may come several times.
pub fn find(text: &str) -> Vec<Found> {
    let bytes = text.as_bytes();
    let (mut found, mut done, mut from) = (Vec::new(), 0, 0);
    while let Some(at) = bytes.get(from..).and_then(|rest| memchr3(b'.', b':', b'@', rest)) {
        let at = from + at;
        if !may_begin(bytes, at) {
            from = at + 1;
            continue;
        }
        let start =
            bytes[done..at].iter().rposition(|byte| !is_of_address(*byte)).map_or(done, |p| done + p + 1);
        let end = bytes[at..].iter().position(|byte| !is_of_address(*byte)).map_or(bytes.len(), |p| at + p);
        // The stretch is ASCII, so every position in it is a boundary.
        stretch(text, start..end, &mut found);
        (done, from) = (end, end.max(at + 1));
    }
    found
}

/// Reads a mention, `@name`.
pub fn mention(text: &str) -> Option<Link> {
    let name = text.strip_prefix('@')?.to_ascii_lowercase();
    (name.len() >= 4 && is_name(&name) && !is_reserved(&name)).then_some(Link::to(Target::Name(name)))
}

/// Whether a link may have this dot, colon or `@` in it: cheap, and wrong only on the safe side.
fn may_begin(bytes: &[u8], at: usize) -> bool {
    let follows = |word: &[u8]| {
        bytes.get(at + 1..at + 1 + word.len()).is_some_and(|next| next.eq_ignore_ascii_case(word))
    };
    match bytes[at] {
        b'.' => follows(b"me") || follows(b"dog"),
        b':' => at >= 2 && bytes[at - 2..at].eq_ignore_ascii_case(b"tg"),
        _ => bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic),
    }
}

fn is_of_address(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&+=%".contains(&byte)
}

fn stretch(text: &str, mut range: Range<usize>, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut from = range.start;
    while let Some(at) = bytes[from..range.end].iter().position(|byte| b".:@".contains(byte)) {
        let at = from + at;
        if !may_begin(bytes, at) {
            from = at + 1;
            continue;
        }
        let hit = if bytes[at] == b'@' { mention_at(text, at, &range) } else { address_at(text, at, &range) };
        from = match hit {
            Hit::Link(hit) => {
                range.start = hit.range.end.max(at + 1);
                found.push(hit);
                range.start
            }
            // What stands in the parameters of another address is not for the reader.
            Hit::OtherAddress => return,
            Hit::Nothing => at + 1,
        };
    }
}

enum Hit {
    Link(Found),
    OtherAddress,
    Nothing,
}

fn mention_at(text: &str, at: usize, range: &Range<usize>) -> Hit {
    let before = text[..at].chars().next_back();
    if before.is_some_and(|c| c.is_alphanumeric() || "_./@".contains(c)) {
        return Hit::Nothing; // an e-mail address, a profile on another site
    }
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = text.as_bytes()[at + 1..range.end].iter().take_while(|byte| word(byte)).count();
    let end = at + 1 + length;
    if length > 32 || text.as_bytes().get(end) == Some(&b'@') {
        return Hit::Nothing;
    }
    mention(&text[at..end]).map_or(Hit::Nothing, |link| Hit::Link(Found { range: at..end, link }))
}

fn address_at(text: &str, at: usize, range: &Range<usize>) -> Hit {
    // `range` begins behind the address before it.
    let bytes = text.as_bytes();
    let of_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._%".contains(byte);
    let host = bytes[range.start..at]
        .iter()
        .rposition(|byte| !of_host(byte))
        .map_or(range.start, |p| range.start + p + 1);
    let mut start = host;
    let lead = &text[range.start..host];
    if bytes[at] == b':' {
        start = at - 2; // `tg:`
        let whole =
            start == range.start || (start > range.start && !bytes[start - 1].is_ascii_alphanumeric());
        if !whole {
            return Hit::Nothing;
        }
    } else if let Some(scheme) = lead.strip_suffix("://") {
        let word = scheme.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
        let scheme = &scheme[scheme.len() - word..];
        // Words run into the scheme: `Joinhttps://…`.
        let scheme = ["https", "http"].iter().find(|known| {
            scheme.len() >= known.len() && scheme[scheme.len() - known.len()..].eq_ignore_ascii_case(known)
        });
        let Some(scheme) = scheme else { return Hit::OtherAddress };
        start = host - 3 - scheme.len();
    } else if lead.ends_with(['/', '@']) && lead.len() > 1 {
        return Hit::OtherAddress;
    }
    if text[range.start..start].contains("://") {
        return Hit::OtherAddress;
    }
    let mut end = range.end;
    // Another address without a blank between.
    if let Some(p) = next_scheme(&bytes[at..end])
        && !bytes[..at + p].ends_with(b"=")
    {
        end = at + p; // as a parameter's value it would belong to this one
    }
    // A sentence ends where its last address ends.
    let address = text[start..end].trim_end_matches(|c: char| ".:!?~&=#$@-".contains(c));
    // A hash may well end in these.
    let hash_end = text[start..end].trim_end_matches(|c: char| ".:!?~&=#$@".contains(c));
    let invite = parse(hash_end).filter(|link| matches!(link.target, Target::Invite(_)));
    match invite.map(|link| (link, hash_end)).or_else(|| Some((parse(address)?, address))) {
        Some((link, address)) => Hit::Link(Found { range: start..start + address.len(), link }),
        None if start == range.start || bytes[at] != b':' => Hit::OtherAddress,
        None => Hit::Nothing,
    }
}

fn next_scheme(bytes: &[u8]) -> Option<usize> {
    bytes.windows(7).position(|window| {
        window[..4].eq_ignore_ascii_case(b"http")
            && (&window[4..] == b"://" || window[4..].eq_ignore_ascii_case(b"s:/"))
    })
}
