//! Health, metrics and the HTTP API.

mod health;

use std::future::Future;

use axum::Router;
use tokio::net::TcpListener;

pub use health::{Health, routes as health_routes};

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
