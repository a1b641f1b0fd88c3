//! How every server of the shop listens, logs and stops.

use std::io;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use tokio::signal::unix::{SignalKind, signal};

/// Serves `routes` and `/healthz` on the port named by `PORT` (8080), until SIGTERM; requests under way are
/// answered first.
pub async fn serve(routes: Router) -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8080);
    let listener = tokio::net::TcpListener::bind(("0.0.0.0", port)).await?;
    let app = routes.layer(middleware::from_fn(log)).route("/healthz", get(|| async { "ok\n" }));
    println!("listening on {}", listener.local_addr()?);
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
            println!("stopping");
        })
        .await
}

async fn log(request: Request, next: Next) -> Response {
    let line = format!("{} {}", request.method(), request.uri().path());
    let response = next.run(request).await;
    println!("{line} {}", response.status().as_u16());
    response
}
