//! Whether the process is alive and whether it does its work, for whoever restarts it or sends it work.
//!
//! The process says how it is as things happen ([`Health`]); answering a probe only reads what was said, so a probe
//! never waits for a database, and a process that hangs is seen by its silence.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Longer without a sign of life and the process is taken for dead: its loops beat every second.
const SILENCE: Duration = Duration::from_secs(30);

/// How the process is, as its parts say.
pub struct Health {
    clock: fn() -> Instant,
    said: Mutex<Said>,
}

struct Said {
    beat: Instant,
    conditions: BTreeMap<String, Result<String, String>>,
}

impl Default for Health {
    fn default() -> Self {
        Self::new(Instant::now)
    }
}

impl Health {
    /// Alive since now, and ready only once something is.
    pub fn new(clock: fn() -> Instant) -> Self {
        Self { clock, said: Mutex::new(Said { beat: clock(), conditions: BTreeMap::new() }) }
    }

    /// A loop that everything else depends on has come round.
    pub fn beat(&self) {
        let now = (self.clock)();
        self.said().beat = now;
    }

    /// How `part` is: what it has, or what it lacks. Must hold no secret: it is shown to everyone who asks.
    pub fn set(&self, part: impl Into<String>, condition: Result<String, String>) {
        self.said().conditions.insert(part.into(), condition);
    }

    /// Alive, and what there is to say.
    pub fn alive(&self) -> (bool, Value) {
        let silence = (self.clock)().saturating_duration_since(self.said().beat);
        let alive = silence <= SILENCE;
        (alive, json!({ "alive": alive, "seconds_since_beat": silence.as_secs() }))
    }

    /// Ready when every part is and there is one; and how each is.
    pub fn ready(&self) -> (bool, Value) {
        let said = self.said();
        let ready = !said.conditions.is_empty() && said.conditions.values().all(Result::is_ok);
        let parts: serde_json::Map<String, Value> = said
            .conditions
            .iter()
            .map(|(part, condition)| match condition {
                Ok(has) => (part.clone(), json!({ "ready": true, "state": has })),
                Err(lacks) => (part.clone(), json!({ "ready": false, "state": lacks })),
            })
            .collect();
        (ready, json!({ "ready": ready, "parts": parts }))
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /health` and `GET /ready`: 200 when so, 503 when not, and why as JSON.
pub(crate) fn routes(health: Arc<Health>) -> Router {
    Router::new().route("/health", get(alive)).route("/ready", get(ready)).with_state(health)
}

/// Whether the process is alive. Open to all.
#[utoipa::path(
    get, path = "/health", security(()),
    responses((status = 200, description = "It is", body = Object), (status = 503, description = "Restart it", body = Object))
)]
pub(crate) async fn alive(State(health): State<Arc<Health>>) -> (StatusCode, Json<Value>) {
    answer(health.alive())
}

/// Whether log and database answer and the partitions are held. Open to all.
#[utoipa::path(
    get, path = "/ready", security(()),
    responses((status = 200, description = "All is", body = Object), (status = 503, description = "Something is not", body = Object))
)]
pub(crate) async fn ready(State(health): State<Arc<Health>>) -> (StatusCode, Json<Value>) {
    answer(health.ready())
}

fn answer((good, body): (bool, Value)) -> (StatusCode, Json<Value>) {
    (if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static SECONDS: AtomicU64 = AtomicU64::new(0);

    fn clock() -> Instant {
        static START: OnceLock<Instant> = OnceLock::new();
        *START.get_or_init(Instant::now) + Duration::from_secs(SECONDS.load(Ordering::Relaxed))
    }

    #[test]
    fn silence_is_death_and_a_beat_is_life() {
        let health = Health::new(clock);
        assert!(health.alive().0);
        SECONDS.fetch_add(31, Ordering::Relaxed);
        assert_eq!(health.alive(), (false, json!({ "alive": false, "seconds_since_beat": 31 })));
        health.beat();
        assert!(health.alive().0);
    }

    #[test]
    fn ready_is_when_every_part_is() {
        let health = Health::default();
        assert!(!health.ready().0, "nothing has said that it is ready");
        health.set("log", Ok("16 topics".into()));
        assert!(health.ready().0);
        health.set("database", Err("no answer".into()));
        let (ready, said) = health.ready();
        assert!(!ready);
        assert_eq!(said["parts"]["database"], json!({ "ready": false, "state": "no answer" }));
        health.set("database", Ok("answers".into()));
        assert!(health.ready().0);
    }
}
