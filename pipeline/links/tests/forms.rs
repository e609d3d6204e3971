//! Every form by hand: what is a link to a chat, what looks like one and is none, and what text makes of them.

use tickertape_links::{Target, find, mention, parse};

fn normal(url: &str) -> Option<String> {
    parse(url).map(|link| link.to_string())
}

#[test]
fn every_form_of_a_public_name() {
    for url in [
        "t.me/Coin_Talk",
        "telegram.me/coin_talk",
        "telegram.dog/coin_talk/",
        "http://t.me/coin_talk",
        "HTTPS://T.ME/COIN_TALK",
        "www.t.me/coin_talk",
        "coin_talk.t.me",
        "https://t.me/s/coin_talk",
        "https://t.me/s/coin_talk/77?before=12",
        "t.me/coin%5Ftalk",
        "https://t.me/coin_talk?utm=1#top",
        "https://t.me/coin_talk?boost",
        "https://t.me/coin_talk?livestream=abc",
        "https://t.me/coin_talk/s/4",
        "tg://resolve?domain=coin_talk",
        "tg:resolve?domain=Coin_Talk&post=4",
        "tg://boost?domain=coin_talk",
    ] {
        assert_eq!(normal(url).as_deref(), Some("https://t.me/coin_talk"), "{url}");
    }
}

#[test]
fn every_form_of_an_invite() {
    for url in [
        "https://t.me/+AbC-_d1",
        "t.me/joinchat/AbC-_d1",
        "telegram.me/JoinChat/AbC-_d1/",
        "https://t.me/%2BAbC-_d1",
        "tg://join?invite=AbC-_d1",
        "TG:join?invite=AbC-_d1&x=1",
    ] {
        assert_eq!(normal(url).as_deref(), Some("https://t.me/+AbC-_d1"), "{url}");
    }
}

#[test]
fn messages_threads_and_private_chats() {
    let cases = [
        ("t.me/coin_talk/9", Target::Name("coin_talk".into()), Some(9), None),
        ("t.me/coin_talk/9/12?single", Target::Name("coin_talk".into()), Some(12), Some(9)),
        ("t.me/coin_talk/9?thread=3&comment=4", Target::Name("coin_talk".into()), Some(9), Some(3)),
        ("https://t.me/c/1234567890/5", Target::Id(1_234_567_890), Some(5), None),
        ("https://t.me/c/1234567890/5/6", Target::Id(1_234_567_890), Some(6), Some(5)),
        ("https://t.me/c/1234567890", Target::Id(1_234_567_890), None, None),
        ("tg://privatepost?channel=1234567890&post=5", Target::Id(1_234_567_890), Some(5), None),
    ];
    for (url, target, message, thread) in cases {
        let link = parse(url).expect(url);
        assert_eq!((&link.target, link.message, link.thread), (&target, message, thread), "{url}");
    }
}

#[test]
fn what_leads_to_no_chat() {
    for url in [
        "https://t.me/addstickers/Cats",
        "https://t.me/addemoji/Cats",
        "https://t.me/addlist/abcdef",
        "https://t.me/proxy?server=1.2.3.4&port=443&secret=00",
        "https://t.me/socks?server=1.2.3.4&port=1080",
        "tg://proxy?server=1.2.3.4&port=443&secret=00",
        "https://t.me/share/url?url=https://t.me/coin_talk",
        "https://t.me/+491701234567",
        "tg://resolve?phone=491701234567",
        "https://t.me/some_bot?start=ref42",
        "https://t.me/some_bot?startgroup=x",
        "https://t.me/some_bot/app?startapp=1",
        "tg://resolve?domain=some_bot&start=ref42",
        "https://t.me/setlanguage/tr",
        "https://t.me/addtheme/dark",
        "https://t.me/bg/abc",
        "https://t.me/login/12345",
        "https://t.me/iv?url=https://example.org",
        "https://t.me/",
        "https://t.me",
        "web.t.me",
        "https://t.men/coin_talk",
        "https://nott.me/coin_talk",
        "https://t.me.example.org/coin_talk",
        "https://t.me:8443/coin_talk",
        "https://user@t.me/coin_talk",
        "ftp://t.me/coin_talk",
        "tg://settings/theme",
        "t.me/-coin",
        "t.me/coin__talk",
        "t.me/0coin",
        "t.me/coin%FFtalk",
        "",
    ] {
        assert_eq!(normal(url), None, "{url}");
    }
}

#[test]
fn text_gives_its_links_in_order() {
    let cases: &[(&str, &[&str])] = &[
        ("join t.me/coin_talk.", &["https://t.me/coin_talk"]),
        ("(https://t.me/coin_talk), now!", &["https://t.me/coin_talk"]),
        ("[talk](https://t.me/coin_talk)", &["https://t.me/coin_talk"]),
        ("加入t.me/coin_talk群", &["https://t.me/coin_talk"]),
        ("Канал:https://t.me/coin_talk", &["https://t.me/coin_talk"]),
        ("JOIN👉t.me/+AbC_d1👈", &["https://t.me/+AbC_d1"]),
        ("t.me/+AbC_d1-.", &["https://t.me/+AbC_d1-"]),
        ("a@t.me/x, b@c.me", &[]),
        ("@coin_talk and @Other_Talk!", &["https://t.me/coin_talk", "https://t.me/other_talk"]),
        ("mail me@coin_talk.org or x.com/@coin_talk", &[]),
        ("@abc @0abcd @coin_ @proxy", &[]),
        (
            "https://t.me/coin_talkhttps://t.me/other_talk",
            &["https://t.me/coin_talk", "https://t.me/other_talk"],
        ),
        ("https://example.org/?u=https://t.me/coin_talk", &[]),
        ("https://example.org/t.me/coin_talk", &[]),
        ("https://t.me/share/url?url=https://t.me/coin_talk", &[]),
        ("tg://resolve?domain=coin_talk, ok", &["https://t.me/coin_talk"]),
        ("first line\nhttps://t.me/coin_talk/12\nlast", &["https://t.me/coin_talk"]),
        ("price 3.14:2.71 @ 5", &[]),
        ("https://t.me/some_bot?start=1 t.me/coin_talk", &["https://t.me/coin_talk"]),
    ];
    for (text, expected) in cases {
        let found = find(text);
        let links: Vec<String> = found.iter().map(|found| found.link.to_string()).collect();
        assert_eq!(links, *expected, "{text}");
        for found in found {
            assert!(!text[found.range].is_empty());
        }
    }
}

#[test]
fn a_mention_is_a_name_and_nothing_else() {
    assert_eq!(mention("@Coin_Talk").map(|link| link.to_string()).as_deref(), Some("https://t.me/coin_talk"));
    for text in ["coin_talk", "@", "@abc", "@coin talk", "@joinchat", "@coin_talk_", "@кошки"] {
        assert_eq!(mention(text), None, "{text}");
    }
}
