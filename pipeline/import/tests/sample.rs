//! The sample export of this repository: what `make run` shows must not change unnoticed.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::Log;
use tickertape_import::Counts;
use tickertape_records::{EventKind, Origin};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sample-export")
}

#[tokio::test]
async fn everything_in_it_is_imported() {
    let log = Log::new().await;
    let summary = log.import(&[folder()]).await;
    assert_eq!((summary.imported, summary.passed_over, summary.broken.len()), (2, 2, 0));
    assert_eq!(summary.appended, Counts { messages: 678, events: 12, dead_letters: 1 });

    let letters = log.dead_letters().await;
    assert!(letters[0].reason.contains("2025-03-09T25:61:00"), "{}", letters[0].reason);
    assert!(matches!(&letters[0].origin, Origin::File { name, .. } if name == "result.json"));

    let messages = log.messages().await;
    let chats: std::collections::BTreeSet<i64> = messages.iter().map(|message| message.chat_id).collect();
    assert_eq!(chats.len(), 4);
    assert!(messages.iter().any(|message| message.forward.is_some() && message.edit_date.is_none()));
    assert!(messages.iter().any(|message| message.edit_date.is_some()));
    assert!(messages.iter().any(|message| !message.buttons.is_empty()));
    assert!(messages.iter().any(|message| !message.reactions.is_empty()));
    let kinds: Vec<_> = log.events().await.iter().map(|event| event.kind).collect();
    for kind in
        [EventKind::Joined, EventKind::JoinedByLink, EventKind::Kicked, EventKind::Pin, EventKind::Migrate]
    {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

#[test]
fn its_generator_writes_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("generate.py");
    std::fs::copy(folder().join("generate.py"), &script).unwrap();
    let Ok(status) = Command::new("python3").arg(&script).status() else {
        #[allow(clippy::print_stdout, reason = "a test that did not run has to say so")]
        {
            println!("skipped: python3 is not there");
        }
        return;
    };
    assert!(status.success());
    // The packed file is left out: how it is packed is up to the zlib that Python was built with.
    let written = std::fs::read(dir.path().join("result.json")).unwrap();
    assert!(written == std::fs::read(folder().join("result.json")).unwrap());
}
