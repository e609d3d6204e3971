//! Health, metrics and the HTTP API.
//!
//! What is shown and done comes from the process, as a [`Source`]: nothing here knows a stage, the log or the
//! database. `docs/http.md` has the routes, `docs/metrics.md` the metrics.

mod api;
mod guard;
mod health;
mod metrics;
mod problem;
mod source;

use std::future::Future;

use axum::Router;
use tokio::net::TcpListener;

pub use api::routes;
pub use guard::{Guard, Refused, TOKEN_VARIABLE};
pub use health::Health;
pub use metrics::Figures;
pub use problem::Problem;
pub use source::*;

/// Answers on `listener` until `stop` resolves; then finishes the answers that were begun.
///
/// # Errors
/// When the listener fails.
pub async fn answer(
    listener: TcpListener,
    routes: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
}
