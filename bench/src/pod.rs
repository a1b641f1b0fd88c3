//! What runs inside the pods of the benchmarks: this very program, because it is static and needs no image but
//! itself. `pod serve` answers every connection on port 8080 and ends at SIGTERM; `pod true` ends at once.

use std::process::ExitCode;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

/// Where `pod serve` listens.
pub(crate) const PORT: u16 = 8080;

const ANSWER: &[u8] = b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nyes";

/// Runs `pod WHAT`.
pub(crate) fn main(what: &str) -> ExitCode {
    if what == "true" {
        return ExitCode::SUCCESS;
    }
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pod {what}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // The first process of a pod is not ended by a signal that it does not handle.
        let mut terminate = signal(SignalKind::terminate())?;
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                accepted = listener.accept() => {
                    tokio::spawn(answer(accepted?.0));
                }
            }
        }
    })
}

async fn answer(mut stream: TcpStream) {
    let mut request = [0; 1024];
    // Whoever breaks off gets no answer; nothing else depends on it.
    if stream.read(&mut request).await.is_ok() && stream.write_all(ANSWER).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}
