//! An import that was killed, refused or stopped goes on where it was, and the log cannot tell.
#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use support::{Log, import_into};
use tickertape_broker::{Ack, BatchBuilder, Broker, Error, Phase, Result, TopicPartition};
use tickertape_faulty_log::{Appends, Faulty};
use tickertape_import::{Counts, Progress, discover, run};
use tickertape_records::topics;
use tokio::sync::{Notify, watch};

/// A log that takes so many appends and then does what a dying one does.
struct Dying {
    left: AtomicUsize,
    end: End,
    dead: Notify,
}

enum End {
    /// It never answers again; whoever waits is killed.
    Silent,
    /// It refuses, as a full disk does.
    Refusing,
}

#[async_trait]
impl Appends for Dying {
    async fn append(
        &self,
        log: &Arc<dyn Broker>,
        batches: Vec<(TopicPartition, BatchBuilder)>,
    ) -> Result<Ack> {
        if self.left.load(Ordering::SeqCst) == 0 {
            self.dead.notify_one();
            match self.end {
                End::Silent => std::future::pending().await,
                End::Refusing => {
                    let reason = "no space left on device".to_owned();
                    return Err(Error::Storage { path: "here".into(), doing: "written", reason });
                }
            }
        }
        self.left.fetch_sub(1, Ordering::SeqCst);
        // What was taken is on the log before the next is refused: which appends survive is then certain.
        let offsets = log.append(batches).await?.await?;
        Ok(Box::pin(async { Ok(offsets) }))
    }
}

/// A dump and an account, both of several flushes, with everything in them.
fn inputs(dir: &Path) -> Vec<PathBuf> {
    let mut dump = String::new();
    for id in 0..9000 {
        let chat = 1000 + id % 5;
        match id % 500 {
            13 => writeln!(dump, r#"{{"_":"MessageService","id":{id},"peer_id":{{"channel_id":{chat}}},"date":{id},"action":{{"_":"MessageActionPinMessage"}}}}"#),
            77 => writeln!(dump, r#"{{"_":"Message","id":{id}"#),
            _ => writeln!(dump, r#"{{"_":"Message","id":{id},"peer_id":{{"channel_id":{chat}}},"date":{id},"message":"BTC {id}"}}"#),
        }
        .unwrap();
    }
    let chat = |id: usize| {
        let messages: Vec<_> = (0..700)
            .map(|n| {
                format!(
                    r#"{{"id":{n},"type":"message","date_unixtime":"{n}","text":"{}"}}"#,
                    "ETH ".repeat(400)
                )
            })
            .collect();
        format!(r#"{{"name":"n","type":"private_supergroup","id":{id},"messages":[{}]}}"#, messages.join(","))
    };
    let account = format!(r#"{{"chats":{{"list":[{},{}]}}}}"#, chat(1), chat(2));
    [("a.jsonl", dump), ("b.json", account)]
        .map(|(name, content)| {
            let path = dir.join(name);
            fs::write(&path, content).unwrap();
            path
        })
        .to_vec()
}

async fn everything(log: &Log) -> Vec<Vec<(u32, Vec<u8>, Vec<u8>)>> {
    let mut all = Vec::new();
    for topic in topics::ALL {
        all.push(log.records(topic).await);
    }
    all
}

#[tokio::test]
async fn killed_at_any_flush_it_ends_as_if_undisturbed() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = inputs(dir.path());
    let undisturbed = Log::new().await;
    let summary = undisturbed.import(&inputs).await;
    assert_eq!(summary.appended, Counts { messages: 8964 + 1400, events: 18, dead_letters: 18 });
    let flushes = undisturbed.imports().await.len();
    assert!(flushes > 5, "{flushes}");
    let wanted = everything(&undisturbed).await;

    for end in [|| End::Silent, || End::Refusing] {
        for taken in 0..flushes {
            let log = Log::new().await;
            let appends = Dying { left: AtomicUsize::new(taken), end: end(), dead: Notify::new() };
            let dying = Arc::new(Faulty { log: log.broker.clone(), appends });
            tokio::select! {
                () = dying.appends.dead.notified(), if matches!(dying.appends.end, End::Silent) => {}
                ended = import_into(dying.clone(), &inputs) => {
                    let error = ended.expect_err("the log refuses");
                    assert!(error.to_string().contains("no space left"), "{error}");
                }
            }
            assert_eq!(log.imports().await.len(), taken);
            log.import(&inputs).await;
            assert!(everything(&log).await == wanted, "differs when it goes on after {taken} flushes");
        }
    }
}

#[tokio::test]
async fn a_second_import_and_a_copy_add_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut inputs = inputs(dir.path());
    let copy = dir.path().join("copy");
    fs::copy(&inputs[0], &copy).unwrap();
    inputs.push(copy);
    let log = Log::new().await;
    let first = log.import(&inputs).await;
    assert_eq!((first.imported, first.already_imported), (2, 1));
    let before = everything(&log).await;
    let second = log.import(&inputs).await;
    assert_eq!((second.appended, second.imported, second.already_imported), (Counts::default(), 0, 3));
    assert!(everything(&log).await == before);
}

#[tokio::test]
async fn told_to_stop_it_ends_and_goes_on_next_time() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = inputs(dir.path());
    let undisturbed = Log::new().await;
    undisturbed.import(&inputs).await;

    let log = Log::new().await;
    let appends = Dying { left: AtomicUsize::new(usize::MAX), end: End::Silent, dead: Notify::new() };
    let dying = Arc::new(Faulty { log: log.broker.clone(), appends });
    let (phase, watched) = watch::channel(Phase::Running);
    let progress = Arc::new(Progress::default());
    let paths: Vec<_> = inputs.iter().map(|path| path.to_string_lossy()).collect();
    let importing = tokio::spawn(run(dying, discover(&paths).unwrap(), progress.clone(), watched));
    while log.imports().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    phase.send(Phase::Stopping).unwrap();
    let summary = importing.await.unwrap().unwrap();
    // It may have been through before it heard.
    assert!(summary.stopped || summary.imported == 2, "{summary:?}");
    assert_eq!(summary.appended.messages, progress.messages.load(Ordering::Relaxed));
    assert_eq!(log.messages().await.len() as u64, summary.appended.messages);
    log.import(&inputs).await;
    assert!(everything(&log).await == everything(&undisturbed).await);
}

#[cfg(unix)]
#[tokio::test]
async fn a_silent_pipe_does_not_hold_up_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let log = Log::new().await;
    let (phase, watched) = watch::channel(Phase::Running);
    let inputs = discover(&[pipe.to_string_lossy()]).unwrap();
    let importing = tokio::spawn(run(log.broker.clone(), inputs, Arc::default(), watched));
    phase.send(Phase::Stopping).unwrap();
    let summary =
        tokio::time::timeout(Duration::from_secs(20), importing).await.expect("ends").unwrap().unwrap();
    assert!(summary.stopped);
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_read_once_and_leaves_no_progress() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let content = fs::read(&inputs(dir.path())[0]).unwrap();
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, content).unwrap()
    });
    let log = Log::new().await;
    let summary = log.import(&[&pipe]).await;
    writer.join().unwrap();
    assert_eq!(summary.appended.messages, 8964);
    assert!(log.imports().await.is_empty());
    let messages = log.messages().await;
    assert!(messages.iter().all(|message| message.source.name == "-" && message.received_at.is_none()));
}

#[tokio::test]
async fn progress_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = inputs(dir.path());
    let log = Log::new().await;
    let bytes: u64 = inputs.iter().map(|path| path.metadata().unwrap().len()).sum();
    for _ in 0..2 {
        let progress = Arc::new(Progress::default());
        let paths: Vec<_> = inputs.iter().map(|path| path.to_string_lossy()).collect();
        let (_sender, phase) = watch::channel(Phase::Running);
        let summary =
            run(log.broker.clone(), discover(&paths).unwrap(), progress.clone(), phase).await.unwrap();
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        assert_eq!((read(&progress.bytes_total), read(&progress.bytes_read)), (bytes, bytes));
        assert_eq!(read(&progress.files_done), 2);
        assert_eq!(read(&progress.messages), summary.appended.messages);
        assert_eq!(read(&progress.events), summary.appended.events);
        assert_eq!(read(&progress.dead_letters), summary.appended.dead_letters);
    }
}
