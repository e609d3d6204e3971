//! What holds for any text at all.

use proptest::prelude::*;
use tickertape_links::{find, mention, parse};

/// Text in which links are likely, and broken in every way.
fn linkish() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("t.me".to_owned()),
        Just("https://".to_owned()),
        Just("telegram.dog".to_owned()),
        Just("tg:".to_owned()),
        Just("resolve?domain=".to_owned()),
        Just("joinchat/".to_owned()),
        Just("privatepost?channel=12&post=".to_owned()),
        Just("/c/".to_owned()),
        Just("/s/".to_owned()),
        Just("/+".to_owned()),
        Just("%2e%FF".to_owned()),
        "[a-zA-Z0-9_]{1,8}",
        "[@/?&=.:#+% -]",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_panics_and_ranges_are_in_order(text in prop_oneof![linkish(), ".*"]) {
        let _ = (parse(&text), mention(&text));
        let mut behind = 0;
        for found in find(&text) {
            prop_assert!(found.range.start >= behind && found.range.start < found.range.end);
            prop_assert!(text.get(found.range.clone()).is_some());
            behind = found.range.end;
        }
    }

    #[test]
    fn the_normal_form_is_its_own(text in linkish()) {
        for link in parse(&text).into_iter().chain(find(&text).into_iter().map(|found| found.link)) {
            let again = parse(&link.to_string());
            prop_assert_eq!(again, Some(link.chat()), "{}", text);
        }
    }

    #[test]
    fn what_text_shows_as_an_address_is_one(text in linkish()) {
        for found in find(&text) {
            let shown = &text[found.range];
            prop_assert_eq!(parse(shown).or_else(|| mention(shown)), Some(found.link), "{}", shown);
        }
    }
}

/// A megabyte made to be slow: each of these took the square of its length in a careless finder.
#[test]
fn hostile_text_is_read_once() {
    for piece in ["t.me.", "tg:", "@a", "https://t.me/a", "http://", "a.me", "@", "!tg:x"] {
        let text = piece.repeat(20_000);
        let _ = find(&text);
    }
}
