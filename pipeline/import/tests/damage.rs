//! Broken records cost themselves, broken files what cannot be read of them, and nothing costs anything else.
#![allow(clippy::unwrap_used, clippy::unbuffered_bytes)]

mod support;

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use support::Log;
use tickertape_import::Counts;
use tickertape_records::{DeadLetter, Origin};

fn line(id: usize) -> String {
    format!(
        r#"{{"_":"Message","id":{id},"peer_id":{{"channel_id":77}},"date":1600000000,"message":"Nachricht {id} über $ADA"}}"#
    )
}

fn lines(ids: impl IntoIterator<Item = usize>) -> String {
    ids.into_iter().map(|id| line(id) + "\n").collect()
}

fn element(id: usize) -> String {
    format!(r#"{{"id": {id}, "type": "message", "date_unixtime": "1600000000", "text": "é[{{\"{id}\"}}]"}}"#)
}

fn export(elements: &[String]) -> String {
    format!(
        r#"{{"name": "Münzen", "type": "public_channel", "id": 5, "messages": [{}]}}"#,
        elements.join(",\n ")
    )
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn position(letter: &DeadLetter) -> u64 {
    match &letter.origin {
        Origin::File { position, .. } => *position,
        Origin::Topic { .. } => panic!("{letter:?}"),
    }
}

#[tokio::test]
async fn a_broken_line_is_a_dead_letter_and_the_others_go_on() {
    let log = Log::new().await;
    let broken: [(&[u8], &str); 10] = [
        (b"{\"_\":\"Message\",\"id\":2,", "EOF"),
        (b"not JSON at all", "expected"),
        (br#"{"_":"Message","peer_id":{"channel_id":7},"date":1}"#, "missing field `id`"),
        (br#"{"_":"Message","id":2,"peer_id":{"channel_id":7}}"#, "missing field `date`"),
        (br#"{"_":"Message","id":2,"date":1}"#, "missing field `peer_id`"),
        (br#"{"_":"Message","id":2,"peer_id":{},"date":1}"#, "names no chat"),
        (br#"{"_":"Message","id":2,"id":3,"peer_id":{"channel_id":7},"date":1}"#, "duplicate field"),
        (br#"{"_":"Message","id":99999999999999999999,"peer_id":{"channel_id":7},"date":1}"#, "invalid type"),
        (br#"{"_":"MessageEmpty","id":2}"#, "deleted"),
        (
            b"{\"_\":\"Message\",\"id\":2,\"peer_id\":{\"channel_id\":7},\"date\":1,\"message\":\"\xFF\"}",
            "invalid unicode",
        ),
    ];
    for (bad, reason) in broken {
        let content = [lines([1]).as_bytes(), bad, b"\n", lines([3]).as_bytes()].concat();
        let imported = log.import_content("dump.jsonl", content).await;
        assert_eq!(imported.ids(), [1, 3], "{reason}");
        let [letter] = &imported.dead()[..] else { panic!("{:?}", imported.dead()) };
        assert!(letter.reason.contains(reason), "{:?} does not say {reason:?}", letter.reason);
        assert_eq!(position(letter), 2);
        match std::str::from_utf8(bad) {
            Ok(text) => assert_eq!(letter.record, text),
            Err(_) => assert!(letter.record.starts_with("hex:7b22")),
        }
        assert!(imported.summary.broken.is_empty());
    }
}

#[tokio::test]
async fn a_broken_element_is_a_dead_letter_and_the_others_go_on() {
    let log = Log::new().await;
    let broken = [
        ("5", "invalid type"),
        ("null", "invalid type"),
        ("[]", "invalid"),
        ("\"text\"", "invalid type"),
        ("{}", "missing field `id`"),
        (r#"{"id": 2, "type": "message", "text": "no date"}"#, "missing field `date`"),
        (r#"{"id": 2, "date": "1", "text": ""}"#, "missing field `type`"),
        (r#"{"id": 2, "type": "unsupported"}"#, "newer version"),
        (r#"{"id": 2, "type": "letter"}"#, "unknown type"),
        (r#"{"id": 2, "type": "service"}"#, "missing field `date`"),
        (r#"{"id": 2, "type": "message", "date": "1", "text": [1 2]}"#, "expected"),
        ("@@", "expected"),
        (r#"{"id": 2, "type": "message", "date": "soon", "text": ""}"#, "not a date"),
        (r#"{"id": 2, "type": "service", "date": "1", "amount": 1e999}"#, "number out of range"),
    ];
    for (bad, reason) in broken {
        let imported = log.import_content("result.json", export(&[element(1), bad.into(), element(3)])).await;
        assert_eq!(imported.ids(), [1, 3], "{bad}");
        let [letter] = &imported.dead()[..] else { panic!("{bad}: {:?}", imported.dead()) };
        assert!(letter.reason.contains(reason), "{:?} does not say {reason:?}", letter.reason);
        assert_eq!((position(letter), letter.record.as_str()), (2, bad));
        assert!(imported.summary.broken.is_empty(), "{:?}", imported.summary);
    }
}

#[tokio::test]
async fn odd_but_lawful_values_survive() {
    let log = Log::new().await;
    let text = r#"a\ud83d b\u0000 \x0B🚀 \ud83d\ude80"#;
    let wanted = "a\u{FFFD} b\0 \u{B}🚀 🚀";
    let desktop = export(&[
        format!(
            r#"{{"id": -999999999, "type": "message", "date": "0001-01-01T00:00:00", "text": "{text}"}}"#
        ),
        r#"{"id": 2, "type": "message", "date_unixtime": "99999999999999", "text": "", "new": 1e400}"#.into(),
    ]);
    let imported = log.import_content("result.json", desktop).await;
    assert_eq!(imported.ids(), [-999_999_999, 2], "{:?}", imported.dead());

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dump");
    let line = format!(
        r#"{{"_":"Message","id":9223372036854775807,"peer_id":{{"channel_id":997852516352}},"date":-62135596800,"message":"{text}","views":9223372036854775807,"grouped_id":-9223372036854775808}}"#
    );
    fs::write(&file, line).unwrap();
    log.import(&[file]).await;
    let mut messages = log.messages().await;
    messages.retain(|message| message.source.name == "dump");
    assert_eq!(messages[0].text, wanted);
    assert_eq!((messages[0].message_id, messages[0].date), (i64::MAX, -62_135_596_800));
    assert_eq!((messages[0].views, messages[0].grouped_id), (Some(i64::MAX), Some(i64::MIN)));
}

#[tokio::test]
async fn marks_line_ends_and_packing_make_no_difference() {
    let log = Log::new().await;
    let plain = lines(1..=5);
    let (front, back) = (lines(1..=2), lines(3..=5));
    let mark = b"\xEF\xBB\xBF";
    for (name, content) in [
        ("plain", plain.clone().into_bytes()),
        ("windows", [mark, plain.replace('\n', "\r\n").as_bytes()].concat()),
        ("no last line end", plain.trim_end().into()),
        ("gzip", gzip(plain.as_bytes())),
        ("members", [gzip(front.as_bytes()), gzip(b""), gzip(back.as_bytes())].concat()),
        ("misleading.png", gzip(&[mark, plain.as_bytes()].concat())),
    ] {
        let imported = log.import_content(name, content).await;
        assert_eq!((imported.ids(), imported.dead().len()), (vec![1, 2, 3, 4, 5], 0), "{name}");
        assert_eq!((imported.summary.imported, imported.summary.broken.len()), (1, 0), "{name}");
    }
    let packed = [mark, export(&[element(1), element(2)]).replace('\n', "\r\n").as_bytes()].concat();
    assert_eq!(log.import_content("result.json.gz", gzip(&packed)).await.ids(), [1, 2]);
}

/// Writes one file per content and imports them all; the messages and the reason of each.
async fn import_all(contents: &[Vec<u8>]) -> Vec<(Vec<i64>, Option<String>)> {
    let dir = tempfile::tempdir().unwrap();
    let path = |n: usize| dir.path().join(format!("{n:05}"));
    let paths: Vec<_> = (0..contents.len()).map(path).collect();
    for (path, content) in paths.iter().zip(contents) {
        fs::write(path, content).unwrap();
    }
    let log = Log::new().await;
    let summary = log.import(&paths).await;
    let mut results = vec![(Vec::new(), None); contents.len()];
    for message in log.messages().await {
        results[message.source.name.parse::<usize>().unwrap()].0.push(message.message_id);
    }
    for broken in summary.broken {
        let name = Path::new(&broken.path).file_name().unwrap().to_str().unwrap();
        results[name.parse::<usize>().unwrap()].1 = Some(broken.reason);
    }
    results
}

#[tokio::test]
async fn an_export_cut_anywhere_keeps_every_whole_message() {
    let elements = [element(1), element(2), element(3)];
    let export = export(&elements);
    let ends: Vec<_> = elements.iter().map(|e| export.find(e.as_str()).unwrap() + e.len()).collect();
    let cuts: Vec<_> = (1..export.len()).map(|cut| export.as_bytes()[..cut].to_vec()).collect();
    for (cut, (ids, reason)) in (1..export.len()).zip(import_all(&cuts).await) {
        assert_eq!(ids.len(), ends.iter().filter(|&&end| end <= cut).count(), "cut at {cut}: {reason:?}");
        let reason = reason.unwrap_or_else(|| panic!("cut at {cut}: nothing is said"));
        let known = reason.contains("not a supported format") || reason.contains("ends too early");
        assert!(known, "cut at {cut}: {reason}");
    }
}

#[tokio::test]
async fn a_packed_dump_cut_or_damaged_anywhere_keeps_what_can_be_unpacked() {
    let text = lines(1..=60);
    let original: HashSet<&[u8]> = text.as_bytes().split_inclusive(|&byte| byte == b'\n').collect();
    let packed = [gzip(lines(1..=40).as_bytes()), gzip(lines(41..=60).as_bytes())].concat();
    let cuts = (3..packed.len()).map(|cut| packed[..cut].to_vec());
    let flips = (2..packed.len()).step_by(3).map(|at| {
        let mut damaged = packed.clone();
        damaged[at] ^= 0x55;
        damaged
    });
    let contents: Vec<_> = cuts.chain(flips).collect();
    let mut broken = 0;
    for (content, (ids, reason)) in contents.iter().zip(import_all(&contents).await) {
        // Byte by byte, so that nothing that stands before the damage is held back.
        let mut unpacked = Vec::new();
        let failed =
            MultiGzDecoder::new(&content[..]).bytes().find_map(|byte| byte.map(|b| unpacked.push(b)).err());
        let wanted =
            unpacked.split_inclusive(|&byte| byte == b'\n').filter(|line| original.contains(line)).count();
        assert!(ids.len() >= wanted, "{} of {wanted}: {failed:?}, {reason:?}", ids.len());
        assert_eq!(failed.is_some(), reason.is_some(), "{failed:?}, {reason:?}");
        broken += usize::from(reason.is_some());
    }
    assert!(broken > contents.len() / 2);
}

#[tokio::test]
async fn garbage_ends_a_file_where_it_stands() {
    let log = Log::new().await;
    for (content, ids, records, said) in [
        (export(&[element(1), "}".into(), element(3)]), vec![1], 1, "\"}\""),
        (export(&[element(1), ",".into(), element(3)]), vec![1], 1, "a value"),
        // What is not closed takes the next with it, and both are in the dead letter.
        (export(&[element(1), "{\"text\": [1}".into(), element(3)]), vec![1], 2, "a comma"),
        (export(&[element(1)]).replace("}]}", "}}"), vec![1], 1, "}"),
        (export(&[element(1), element(2)]).replace(",\n", "\n"), vec![1], 1, "a comma"),
        (export(&[element(1)]) + "{}", vec![1], 1, "end of the file"),
        (export(&[element(1)]).replace("\"type\": \"public_channel\", ", ""), vec![], 0, "`type` and `id`"),
        (export(&[element(1)]).replace("\"id\": 5", "\"id\": \"five\""), vec![], 0, "`id` is unreadable"),
    ] {
        let imported = log.import_content("result.json", &content).await;
        assert_eq!(imported.ids(), ids, "{content}: {:?}", imported.summary);
        let [broken] = &imported.summary.broken[..] else { panic!("{content}: {:?}", imported.summary) };
        assert!(broken.reason.contains(said), "{:?} does not say {said:?}", broken.reason);
        assert!(broken.reason.contains(&format!("behind record {records}")), "{}", broken.reason);
        assert_eq!(imported.summary.imported, 0);
    }
}

#[tokio::test]
async fn a_chat_of_an_unknown_kind_costs_its_messages_alone() {
    let log = Log::new().await;
    let chat = |kind: &str, id: usize| {
        format!(r#"{{"name": null, "type": {kind}, "id": {id}, "messages": [{}]}}"#, element(id))
    };
    let account = format!(
        r#"{{"about": "x", "contacts": {{"list": [{{"a": "]}}"}}]}}, "chats": {{"about": "", "list": [{}, {}, 5, {}]}}, "left_chats": {{"list": [{}]}}}}"#,
        chat("\"public_channel\"", 1),
        chat("\"hologram\"", 2),
        chat("null", 3).replace("null, \"id\"", "\"\", \"id\""),
        chat("\"private_supergroup\"", 4),
    );
    let imported = log.import_content("result.json", account).await;
    let mut ids = imported.ids();
    ids.sort_unstable();
    assert_eq!(ids, [1, 4]);
    assert_eq!(imported.dead().iter().map(position).collect::<Vec<_>>(), [2, 3]);
    assert!(imported.dead()[0].reason.contains("hologram"));
}

#[tokio::test]
async fn what_is_no_export_is_an_error_only_when_it_was_named() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("photo.jpg", b"\xFF\xD8\xFF\xE0".to_vec()),
        ("other.json", b"{\"a\": 1}".to_vec()),
        ("packed.gz", gzip(b"hello")),
        ("empty", vec![]),
    ] {
        fs::write(dir.path().join(name), content).unwrap();
    }
    fs::write(dir.path().join("result.json"), export(&[element(1)])).unwrap();

    let log = Log::new().await;
    let summary = log.import(&[dir.path()]).await;
    assert_eq!((summary.imported, summary.passed_over, summary.broken.len()), (1, 4, 0));

    let summary = log.import(&[dir.path().join("photo.jpg"), dir.path().join("empty")]).await;
    let reasons: Vec<_> = summary.broken.iter().map(|broken| broken.reason.as_str()).collect();
    assert!(reasons[0].contains("it is empty") && reasons[1].contains("\\xff\\xd8"), "{reasons:?}");
}

#[tokio::test]
async fn a_broken_file_is_not_appended_again_and_one_that_was_mended_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("result.json");
    let whole = export(&[element(1), element(2)]);
    fs::write(&file, &whole[..whole.len() - 10]).unwrap();
    let log = Log::new().await;
    for appended in [1, 0] {
        let summary = log.import(&[&file]).await;
        assert_eq!((summary.appended.messages, summary.broken.len()), (appended, 1));
    }
    fs::write(&file, whole).unwrap();
    let summary = log.import(&[&file]).await;
    assert_eq!((summary.appended, summary.imported), (Counts { messages: 2, ..Counts::default() }, 1));
}

#[tokio::test]
async fn a_record_beyond_all_bounds_is_shown_and_passed_over() {
    let log = Log::new().await;
    let huge = element(2).replace("é", &"x".repeat(17 << 20));
    let imported = log.import_content("result.json", export(&[element(1), huge.clone(), element(3)])).await;
    assert_eq!(imported.ids(), [1, 3]);
    assert!(imported.dead()[0].reason.contains("16 MiB"), "{}", imported.dead()[0].reason);
    assert!(imported.dead()[0].record.starts_with(r#"{"id": 2"#) && imported.dead()[0].record.len() < 2000);

    let imported = log.import_content("dump", lines([1]) + &huge + "\n" + &lines([3])).await;
    assert_eq!((imported.ids(), position(&imported.dead()[0])), (vec![1, 3], 2));

    // One that is merely broken is kept to its first MiB, whole characters only.
    let broken = log.import_content("dump", lines([1]) + "{" + &"é".repeat(1 << 20)).await.dead();
    assert_eq!((broken[0].record.len(), broken[0].record.chars().last()), ((1 << 20) - 1, Some('é')));
}
