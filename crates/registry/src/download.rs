//! One blob from a registry into the content store, taken up where it was interrupted.
//!
//! Bytes go to a thread of their own that writes and hashes them; when the pull is given up, what came stays on the
//! disk for the next one.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_RANGE, RANGE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use image::{ContentStore, Digest, Partial};
use tokio::sync::mpsc;

use crate::error::{Failure, Trouble};
use crate::progress::Counter;
use crate::session::{Session, ask};
use crate::transport::ANSWER;

/// Attempts in a row that bring nothing.
const ATTEMPTS: u32 = 5;
/// Pause after the first of them; it doubles.
const PAUSE: Duration = Duration::from_millis(250);

/// Why a blob did not come.
pub(crate) enum Lost {
    Registry(Failure),
    Store(image::Error),
}

impl From<image::Error> for Lost {
    fn from(error: image::Error) -> Self {
        Lost::Store(error)
    }
}

/// Makes sure that the store has the blob. The caller holds [`ContentStore::writing`].
pub(crate) async fn blob(
    session: &Session,
    store: &ContentStore,
    digest: &Digest,
    size: u64,
    counter: &Counter<'_>,
) -> Result<(), Lost> {
    let (own, wanted) = (store.clone(), digest.clone());
    let opened = tokio::task::spawn_blocking(move || own.partial(&wanted)).await;
    let Some(mut partial) = joined(opened)? else {
        counter.bytes(size);
        return Ok(());
    };
    counter.bytes(partial.length());
    let mut failed = 0;
    loop {
        if partial.length() > size {
            counter.undo(partial.length());
            partial.restart()?;
        }
        if partial.length() == size {
            return joined(tokio::task::spawn_blocking(move || partial.finish()).await);
        }
        let before = partial.length();
        let failure;
        (partial, failure) = piece(session, digest, size, partial, counter).await?;
        let Some(failure) = failure else { continue };
        failed = if partial.length() > before { 1 } else { failed + 1 };
        if failed >= ATTEMPTS || !failure.is_passing() {
            return Err(Lost::Registry(failure));
        }
        tracing::debug!(%digest, reached = partial.length(), "a layer was interrupted: {failure}");
        tokio::time::sleep(PAUSE * (1 << (failed - 1))).await;
    }
}

/// Fetches the rest of a blob, or as much of it as comes.
async fn piece(
    session: &Session,
    digest: &Digest,
    size: u64,
    mut partial: Partial,
    counter: &Counter<'_>,
) -> Result<(Partial, Option<Failure>), Lost> {
    let uri = match session.uri(&format!("blobs/{digest}")) {
        Ok(uri) => uri,
        Err(failure) => return Err(Lost::Registry(failure)),
    };
    let text = uri.to_string();
    let mut request = ask(Method::GET, uri);
    let start = partial.length();
    if start > 0
        && let Ok(range) = HeaderValue::from_str(&format!("bytes={start}-"))
    {
        request.headers.insert(RANGE, range);
    }
    let allowed = [StatusCode::OK, StatusCode::PARTIAL_CONTENT, StatusCode::RANGE_NOT_SATISFIABLE];
    let response = match session.expect(&request, &allowed).await {
        Ok(response) => response,
        Err(failure) => return Ok((partial, Some(failure))),
    };
    if response.status() != StatusCode::PARTIAL_CONTENT || !continues(&response, start) {
        // The whole blob comes, or nothing that fits what is there.
        if start > 0 {
            counter.undo(start);
            partial.restart()?;
        }
        if response.status() != StatusCode::OK {
            let trouble = Trouble::NoAnswer("it sends no rest of this blob; asking for all of it".to_owned());
            return Ok((partial, Some(session.failure(&Method::GET, &text, trouble))));
        }
    }

    let (sender, mut receiver) = mpsc::channel::<Bytes>(16);
    let writer = tokio::task::spawn_blocking(move || {
        while let Some(bytes) = receiver.blocking_recv() {
            partial.write(&bytes)?;
        }
        Ok::<_, image::Error>(partial)
    });
    let received = receive(response.into_body(), size, &sender, counter);
    let trouble = received.await;
    drop(sender);
    let partial = joined(writer.await)?;
    let failure = match trouble {
        Some(text) => Some(text),
        None if partial.length() < size => {
            Some(format!("the answer ended after {} of {size} bytes", partial.length()))
        }
        None => None,
    };
    Ok((partial, failure.map(|text_of| session.failure(&Method::GET, &text, Trouble::NoAnswer(text_of)))))
}

/// Hands everything on; what stopped it before its end.
async fn receive(
    mut body: Incoming,
    limit: u64,
    sender: &mpsc::Sender<Bytes>,
    counter: &Counter<'_>,
) -> Option<String> {
    let mut came = 0_u64;
    loop {
        let frame = match tokio::time::timeout(ANSWER, body.frame()).await {
            Ok(None) => return None,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Some(format!("the connection was cut: {error}")),
            Err(_) => return Some(format!("nothing came for {} s", ANSWER.as_secs())),
        };
        let Ok(bytes) = frame.into_data() else { continue };
        came += bytes.len() as u64;
        // More than promised would only fill the disk; the digest cannot be right.
        if came > limit {
            return Some("more bytes come than the manifest says".to_owned());
        }
        counter.bytes(bytes.len() as u64);
        if sender.send(bytes).await.is_err() {
            // The writer's own error tells more.
            return None;
        }
    }
}

/// Whether an answer goes on at this byte.
fn continues(response: &Response<Incoming>, start: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {start}-")))
}

fn joined<T>(result: Result<Result<T, image::Error>, tokio::task::JoinError>) -> Result<T, Lost> {
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Lost::Store(error)),
        Err(error) => Err(Lost::Store(image::Error::Malformed {
            what: "a download".to_owned(),
            why: format!("its writer ended: {error}"),
        })),
    }
}
