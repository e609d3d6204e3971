//! The link tests of two other clients, where their files are at hand: `TICKERTAPE_SHARED` names their folder.

use std::path::PathBuf;

use serde_json::Value;
use tickertape_links::{Link, Target, parse};

fn vectors(name: &str) -> Option<Vec<Value>> {
    let Some(folder) = std::env::var_os("TICKERTAPE_SHARED").map(PathBuf::from) else {
        eprintln!("skipped: TICKERTAPE_SHARED does not name the folder with data/vectors/{name}");
        return None;
    };
    let text = std::fs::read_to_string(folder.join("data/vectors").join(name)).expect("readable");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect())
}

/// The chat, message and thread that a TDLib answer names in `tg://` form.
fn named_in(args: &Value) -> Option<Link> {
    let url = args[0].as_str()?;
    let (_, query) = url.split_once('?')?;
    let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let target = match parameter("domain") {
        Some(domain) if domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
            Target::Name(domain.to_lowercase())
        }
        Some(_) => return None, // no chat can have that name
        None => Target::Id(parameter("channel")?.parse().ok()?), // a channel's number is a number
    };
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let message = parameter("post").and_then(number);
    Some(Link { target, message, thread: parameter("thread").and_then(number).filter(|_| message.is_some()) })
}

#[test]
fn tdlib() {
    let Some(vectors) = vectors("tdlib-links.jsonl") else { return };
    let mut wrong = Vec::new();
    let (mut chats, mut decoys) = (0, 0);
    for vector in &vectors {
        let url = vector["url"].as_str().expect("a url");
        let args = &vector["expected"]["args"];
        let name = || args[0].as_str().map(|name| Link::to(Target::Name(name.to_lowercase())));
        let expected = match vector["expected"]["type"].as_str() {
            Some("message" | "chat_boost") => named_in(args),
            Some(
                "public_chat"
                | "video_chat"
                | "direct_messages_chat"
                | "story"
                | "live_story"
                | "story_album"
                | "gift_collection",
            ) => name(),
            Some("chat_invite") => args[0].as_str().map(|hash| Link::to(Target::Invite(hash.to_owned()))),
            _ => None,
        };
        *(if expected.is_some() { &mut chats } else { &mut decoys }) += 1;
        let got = parse(url);
        if got != expected {
            wrong.push(format!("{url:?}: {got:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(chats > 150 && decoys > 800, "{chats} chats, {decoys} decoys");
}

#[test]
fn mtcute() {
    let Some(vectors) = vectors("mtcute-links.jsonl") else { return };
    for vector in &vectors {
        let url = vector["url"].as_str().expect("a url");
        let function = vector["fn"].as_str().expect("a function");
        // A function that says `null` only says that the link is not of its kind.
        let answer = vector["expected_js"].as_str().filter(|answer| *answer != "null");
        let Some(answer) = answer else { continue };
        // Without rights, Telegram's own client takes this for the name alone; so do we.
        if function == "botAddToChannel" && !url.contains("admin=") {
            continue;
        }
        let field = |name: &str| {
            let (_, rest) = answer.split_once(&format!("{name}: "))?;
            let value: String = rest
                .trim_start_matches('\'')
                .chars()
                .take_while(|c| c.is_alphanumeric() || "_-".contains(*c))
                .collect();
            Some(value)
        };
        let number = |name: &str| field(name).and_then(|value| value.parse().ok());
        let target = match function {
            "chatInvite" => field("hash").map(Target::Invite),
            "message" | "videoChat" | "boost" | "publicUsername" => {
                field("username").map(Target::Name).or_else(|| number("channelId").map(Target::Id))
            }
            _ => None,
        };
        let message = if function == "message" { number(" id").or_else(|| number("{ id")) } else { None };
        let expected = target.map(|target| Link { target, message, thread: number("threadId") });
        assert_eq!(parse(url), expected, "{function} {url}");
    }
}
