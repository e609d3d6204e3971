//! What the user wishes about channels, by command line and HTTP alike.

use std::time::Duration;

use anyhow::Result;
use sqlx::PgPool;
use tickertape_manager::decide::{Target, WishKind};
use tickertape_manager::wishes;
use tokio::time::{Instant, sleep};

/// How long to wait for a running manager's word.
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Channels as a user names them; the first that names none is an error.
pub(crate) fn targets(texts: &[String]) -> Result<Vec<Target>, tickertape_manager::Error> {
    texts.iter().map(|text| wishes::target(text)).collect()
}

/// Leaves the wishes for the manager, and waits a little for what comes of each: none while it has not looked at
/// it, which it does when it runs.
pub(crate) async fn wish(
    pool: &PgPool,
    kind: WishKind,
    targets: Vec<Target>,
    patience: Duration,
) -> Result<Vec<(String, Option<String>)>, tickertape_manager::Error> {
    let began = Instant::now();
    let mut ids = Vec::new();
    let mut named = Vec::new();
    for target in targets {
        named.push(match &target {
            Target::Link(link) => link.clone(),
            Target::Chat(chat_id) => chat_id.to_string(),
        });
        ids.push(wishes::submit(pool, kind, target).await?);
    }
    loop {
        let mut found = wishes::outcomes(pool, &ids).await?;
        let all = found.values().all(Option::is_some);
        if all || began.elapsed() >= patience {
            let outcomes = ids.iter().map(|id| found.remove(id).flatten());
            return Ok(named.into_iter().zip(outcomes).collect());
        }
        sleep(LOOK_EVERY).await;
    }
}
