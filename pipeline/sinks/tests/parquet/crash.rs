//! The sink in a process of its own, killed at random instants and started again until it has drained.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use tickertape_broker::Embedded;
use tickertape_records::topics;
use tickertape_sinks::parquet::{RangeLimits, TOPICS};

use crate::readers::tables;
use crate::support::{Dice, House, drain, files, stream};

/// Tells the child which house to work in.
const HOUSE: &str = "TICKERTAPE_CRASH_HOUSE";
/// How often to kill at least.
const KILLS: &str = "TICKERTAPE_KILLS";
/// Many ranges, each of many files, so that most instants are in the middle of writing one.
const LIMITS: RangeLimits = RangeLimits { records: 800, bytes: 8 << 20 };

/// Not a test: what the killed process runs.
#[tokio::test]
#[ignore = "the process that the test below kills"]
async fn child() {
    let Some(house) = std::env::var_os(HOUSE).map(PathBuf::from) else { return };
    let log = Arc::new(Embedded::open(&house.join("log")).expect("the last process is dead"));
    // All at once, as in the program.
    let drains = TOPICS.map(|topic| {
        let (log, archive) = (log.clone(), house.join("killed"));
        async move { drain(log, topic, &archive, LIMITS).await }
    });
    try_join_all(drains).await.expect("drains");
}

fn start_child(house: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "crash::child", "--ignored"])
        .env(HOUSE, house)
        .stdout(Stdio::null())
        .spawn()
        .expect("the test binary starts")
}

/// Waits as long as `patience`, then kills; the exit status when it ended by itself.
fn kill_after(mut child: Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("our child") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("our child");
    child.wait().expect("our child");
    None
}

#[tokio::test]
async fn killed_at_any_instant_the_files_are_those_of_an_undisturbed_run() {
    let house = House::new().await;
    house.append(topics::ATTRIBUTED, &stream(20_000), 500).await;
    for (topic, _, values) in tables().into_iter().skip(1) {
        house.append(topic, &values, 100).await;
        house.append(topic, &values[700..], 100).await; // repeats, in another range
    }
    let House { dir, log } = house;
    drop(log);

    let began = Instant::now();
    assert!(start_child(dir.path()).wait().expect("our child").success());
    let undisturbed_takes = began.elapsed();
    let undisturbed = files(&dir.path().join("killed"));
    assert!(undisturbed.len() > 100);

    let wanted: u32 = std::env::var(KILLS).ok().and_then(|kills| kills.parse().ok()).unwrap_or(10);
    let mut dice = Dice(u64::from(std::process::id()));
    let mut kills = 0;
    while kills < wanted {
        fs::remove_dir_all(dir.path().join("killed")).expect("there");
        loop {
            // Long enough that a range is finished between some kills.
            let patience = undisturbed_takes.mul_f64(dice.below(1_000) as f64 / 2_000.0);
            match kill_after(start_child(dir.path()), patience) {
                None => kills += 1,
                Some(status) => {
                    assert!(status.success(), "after {kills} kills: {status}");
                    break;
                }
            }
        }
        assert!(files(&dir.path().join("killed")) == undisturbed, "other files after {kills} kills");
    }
    println!("killed {kills} times");
}
