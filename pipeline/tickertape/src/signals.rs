//! SIGINT and SIGTERM: the first stops every stage at its next batch, the second ends the process.

use std::time::Duration;

use tickertape_broker::Phase;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long in-flight work may take to be committed after a signal before the process ends regardless.
pub(crate) const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Waits for a signal and tells `stages`; a second one, or too long a wait, ends the process.
pub(crate) async fn stop_on_signal(stages: Vec<watch::Sender<Phase>>) {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(error) => return tracing::warn!(%error, "SIGTERM cannot be watched"),
    };
    let mut signalled = async || {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    signalled().await;
    eprintln!("stopping: committing what is in flight; once more to end at once");
    for stage in &stages {
        advance(stage, Phase::Stopping);
    }
    _ = tokio::time::timeout(STOP_WITHIN, signalled()).await;
    std::process::exit(i32::from(crate::EXIT_INTERRUPTED));
}

/// A phase only ever moves on: a drain never takes back a stop.
pub(crate) fn advance(stage: &watch::Sender<Phase>, to: Phase) {
    stage.send_if_modified(|phase| {
        let moves = *phase < to;
        *phase = to.max(*phase);
        moves
    });
}

/// Resolves when the process stops.
pub(crate) async fn stopping(mut phase: watch::Receiver<Phase>) {
    _ = phase.wait_for(|phase| *phase == Phase::Stopping).await;
}
