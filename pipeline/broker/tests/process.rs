//! What other processes and a full disk do to the log: children of this test, killed, refused and starved for real.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tickertape_broker::{Ack, BatchBuilder, Broker, Embedded, Error, Offset, Result, Retention};
use tickertape_broker::{TopicPartition, TopicSpec};

/// Tells the child which directory to work in.
const DIR: &str = "TICKERTAPE_TEST_LOG";
/// Tells the child to append once.
const CHECK: &str = "TICKERTAPE_TEST_CHECK";
/// Appends on the way at a time.
const IN_FLIGHT: usize = 4;
/// A child that is not stopped ends here, with about 1 GB written.
const LIMIT: u64 = 10_000;
/// Records of append `i` in each of the partitions.
const RECORDS: [u64; 3] = [1, 40, 7];
const VALUE_BYTES: usize = 2_000;

fn partitions() -> [TopicPartition; 3] {
    [("messages", 0), ("messages", 1), ("events", 0)].map(|(topic, p)| TopicPartition::new(topic, p))
}

fn open(dir: &Path) -> Result<Embedded> {
    Embedded::open(dir)
}

async fn create_topics(log: &Embedded) -> Result<()> {
    for (name, partitions) in [("messages", 2), ("events", 1)] {
        let spec = TopicSpec { name: name.into(), partitions, retention: Retention::default() };
        log.create_topic(&spec).await?;
    }
    Ok(())
}

/// Every record of append `i` says so.
fn batches(i: u64) -> Vec<(TopicPartition, BatchBuilder)> {
    let batch = |records| {
        let mut batch = BatchBuilder::default();
        for n in 0..records {
            // Hardly compressible, so that a disk fills up.
            let noise =
                (0..VALUE_BYTES as u64 / 8).flat_map(|k| RandomState::new().hash_one(k).to_le_bytes());
            batch.push_with(&i.to_be_bytes(), |out| out.extend(noise.chain([n as u8])));
        }
        batch
    };
    partitions().into_iter().zip(RECORDS.map(batch)).collect()
}

/// Which appends a partition holds: each with all its records, next to one another, from offset 0 on.
async fn appends(log: &Embedded, partition: usize) -> Vec<u64> {
    let at = &partitions()[partition];
    let bounds = log.bounds(at).await.unwrap();
    assert_eq!(bounds.start, 0);
    let mut seen: Vec<u64> = Vec::new();
    let mut next = 0;
    while next < bounds.end {
        for batch in log.read(at, next, 1 << 20).await.unwrap() {
            for record in batch.iter() {
                assert_eq!(record.offset, next, "{at}");
                next += 1;
                seen.push(u64::from_be_bytes(record.key.try_into().unwrap()));
            }
        }
    }
    let whole: Vec<u64> = seen.chunks(RECORDS[partition] as usize).map(|append| append[0]).collect();
    let expected: Vec<u64> = whole.iter().flat_map(|&i| vec![i; RECORDS[partition] as usize]).collect();
    assert_eq!(seen, expected, "{at}: appends are whole");
    whole
}

/// Appends that are on the log, in order; checks that they are whole and the same in all partitions.
async fn check(log: &Embedded) -> u64 {
    let first = appends(log, 0).await;
    assert_eq!(first, (0..first.len() as u64).collect::<Vec<_>>(), "in order, each once");
    for partition in [1, 2] {
        assert_eq!(appends(log, partition).await, first, "in all partitions or in none");
    }
    first.len() as u64
}

/// The child: appends until that fails and says what was acknowledged, and at last why it ended.
#[tokio::main]
async fn append_until_refused(dir: &Path) -> Result<()> {
    let log = open(dir)?;
    println!("opened");
    create_topics(&log).await?;
    let start = log.bounds(&partitions()[0]).await?.end;
    let mut acks: VecDeque<(u64, Ack)> = VecDeque::new();
    let mut failures = Vec::new();
    for i in start..start + LIMIT {
        match log.append(batches(i)).await {
            Ok(ack) => acks.push_back((i, ack)),
            Err(error) => failures.push(error),
        }
        if acks.len() == IN_FLIGHT {
            failures.extend(acked(acks.pop_front().unwrap()).await.err());
        }
        if !failures.is_empty() {
            break;
        }
    }
    let mut failed = false;
    for ack in acks {
        let outcome = acked(ack).await;
        assert!(outcome.is_err() || !failed, "nothing behind a failed append is acknowledged");
        failed |= outcome.is_err();
        failures.extend(outcome.err());
    }
    println!("failed {}", failures.first().expect("a disk that is full, or a kill"));
    assert!(log.append(batches(0)).await.is_err(), "a log that failed takes no more");
    println!("readable {}", check(&log).await);
    Ok(())
}

/// The child: says how many appends there are, and appends one more.
#[tokio::main]
async fn append_once(dir: &Path) -> Result<()> {
    let log = open(dir)?;
    let found = check(&log).await;
    println!("found {found}");
    acked((found, log.append(batches(found)).await?)).await
}

async fn acked((i, ack): (u64, Ack)) -> Result<()> {
    let firsts = ack.await?;
    let expected: Vec<Offset> = RECORDS.iter().map(|records| i * records).collect();
    assert_eq!(firsts, expected);
    println!("acked {i}");
    Ok(())
}

/// Not a test of its own: what the other tests run in another process.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let task = if std::env::var_os(CHECK).is_none() { append_until_refused } else { append_once };
    if let Err(error) = task(Path::new(&dir)) {
        println!("ended {error}");
    }
}

/// A command that runs [`child`], perhaps through a shell line that ends with `exec "$0" "$@"`.
fn start_child(dir: &Path, shell: Option<&str>) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = match shell {
        None => Command::new(program),
        Some(line) => {
            let mut command = Command::new("sh");
            command.args(["-c", line]).arg(program);
            command
        }
    };
    command.args(["child", "--exact", "--nocapture"]).env(DIR, dir).stdout(Stdio::piped());
    command.stderr(Stdio::null()).spawn().unwrap()
}

fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().unwrap()).lines().map_while(std::result::Result::ok)
}

#[tokio::test]
async fn a_second_process_is_refused_and_a_killed_one_is_not_missed() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start_child(dir.path(), None);
    assert!(lines(&mut child).any(|line| line.ends_with("opened")));
    let refused = open(dir.path()).err().unwrap();
    assert!(matches!(refused, Error::InUse { .. }), "{refused}");
    child.kill().unwrap();
    child.wait().unwrap();

    let log = open(dir.path()).unwrap();
    let refused = open(dir.path()).err().unwrap();
    assert!(matches!(refused, Error::InUse { .. }), "{refused}");
    let mut child = start_child(dir.path(), None);
    assert!(lines(&mut child).any(|line| line.starts_with("ended") && line.contains("in use")));
    child.wait().unwrap();
    drop(log);
    open(dir.path()).unwrap();
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..20 {
        let mut child = start_child(dir.path(), None);
        let output = lines(&mut child);
        // Also while it is still opening the log, or creating it.
        let delay =
            Duration::from_millis(RandomState::new().hash_one(round) % if round < 5 { 30 } else { 300 });
        std::thread::sleep(delay);
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged += numbers(&output.collect::<Vec<_>>(), "acked").len() as u64;

        let log = open(dir.path()).unwrap();
        create_topics(&log).await.unwrap();
        let found = check(&log).await;
        assert!(found >= acknowledged, "round {round}: {acknowledged} were acknowledged, {found} are there");
        assert!(found <= acknowledged + IN_FLIGHT as u64, "round {round}: {found} of {acknowledged}");
        acknowledged = found;
    }
    assert!(acknowledged > 0, "something was appended before a kill");
}

/// The numbers behind this word.
fn numbers(output: &[String], word: &str) -> Vec<u64> {
    output.iter().filter_map(|line| line.strip_prefix(word)?.trim().parse().ok()).collect()
}

/// Why the child failed is told, what it had acknowledged stays readable; returns how many appends that were.
fn acknowledged_before(reason: &str, output: &[String], dir: &Path) -> u64 {
    let acknowledged = numbers(output, "acked").len() as u64;
    let told = output.iter().find(|line| line.starts_with("failed"));
    let told = told.unwrap_or_else(|| panic!("it failed: {output:#?}"));
    for part in [dir.to_str().unwrap(), reason, "free some space, then start again"] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(numbers(output, "readable"), [acknowledged]);
    acknowledged
}

#[tokio::test]
async fn a_full_disk_stops_appends_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // No file may grow beyond 64 MiB, which a journal does now and then before it is replaced.
    let mut child = start_child(dir.path(), Some(r#"trap '' XFSZ; ulimit -f 131072; exec "$0" "$@""#));
    let output: Vec<String> = lines(&mut child).collect();
    child.wait().unwrap();
    let acknowledged = acknowledged_before("File too large", &output, dir.path());
    let log = open(dir.path()).unwrap();
    let found = check(&log).await;
    assert!(found >= acknowledged);
    log.append(batches(found)).await.unwrap().await.unwrap();
    assert_eq!(check(&log).await, found + 1);
}

#[tokio::test]
async fn a_full_file_system_stops_appends_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=100m tmpfs '{}'", dir.path().display());
    let unshare = |script: String| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", &script]);
        command
    };
    if !unshare(mount.clone()).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!("skipped: this user cannot mount a small file system");
        return;
    }
    // The file system lives as long as the shell: filled, looked at while full, and once more with space.
    let program = std::env::current_exe().unwrap();
    let run = format!("'{}' child --exact --nocapture", program.display());
    let script = format!(
        "{mount} && cd '{dir}' && head -c 20m /dev/zero >ballast && {run}; {CHECK}=1 {run}; rm ballast; {CHECK}=1 {run}",
        dir = dir.path().display()
    );
    let log = dir.path().join("log");
    let output = unshare(script).env(DIR, &log).stderr(Stdio::null()).output().unwrap();
    let output: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    let (filled, after) =
        output.split_at(output.iter().position(|line| line.starts_with("test result")).unwrap());
    let acknowledged = acknowledged_before("No space left", filled, &log);
    let found = numbers(after, "found");
    assert!(found.iter().all(|&found| found >= acknowledged), "{acknowledged} acknowledged, {after:#?}");
    assert_eq!(numbers(after, "acked").last(), found.last(), "with space it goes on: {after:#?}");
}
