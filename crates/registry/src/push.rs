//! Pushing: blobs that the registry lacks, in one piece each, then the manifest under its tag.

use futures::TryFutureExt as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use image::{ContentStore, Digest, Reference};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::io::ReaderStream;

use crate::client::Client;
use crate::credentials::Keyring;
use crate::endpoint::origin;
use crate::error::{Error, Failure, Trouble};
use crate::progress::{Counter, Progress};
use crate::session::{Session, ask, join};
use crate::transport::{Body, full};

/// Blobs that are sent at once.
const AT_ONCE: usize = 3;
/// How long one blob may take.
const UPLOAD: Duration = Duration::from_secs(3600);
/// What a manifest is that does not say so itself.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typed {
    media_type: Option<String>,
}

impl Client {
    /// Pushes the image that the store has as `reference` to the registry that `target` names; the manifest's digest
    /// there. Of an image for several platforms this machine's variant is pushed.
    ///
    /// # Errors
    /// When the image or a blob of it is not in the store; when the registry refuses.
    pub async fn push(
        &self,
        store: &ContentStore,
        reference: &str,
        target: &str,
        keyring: &Keyring,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Digest, Error> {
        let parsed = Reference::parse(target).map_err(|error| Error::Reference(error.to_string()))?;
        let name = parsed.to_string();
        let in_store = |source| Error::Store { action: "push", reference: name.clone(), source };
        let (Some((registry, repository)), Some(tag), None) =
            (parsed.location(), &parsed.tag, &parsed.digest)
        else {
            return Err(Error::Reference(format!("`{target}`: an image is pushed to a name and tag")));
        };
        let image = store.require(reference).map_err(in_store)?;
        let path = |digest: &Digest| {
            let missing = || image::Error::MissingBlob {
                digest: digest.clone(),
                of: reference.to_owned(),
                root: PathBuf::from("the content store"),
            };
            store.blob(digest).ok_or_else(missing).map_err(in_store)
        };
        let manifest = path(&image.digest)?;
        let mut blobs = vec![(image.config_digest.clone(), path(&image.config_digest)?, 0)];
        for layer in &image.layers {
            match blobs.iter_mut().find(|(digest, ..)| *digest == layer.digest) {
                Some((.., layers)) => *layers += 1,
                None => blobs.push((layer.digest.clone(), path(&layer.digest)?, 1)),
            }
        }

        let endpoint = origin(&self.settings, registry);
        let transport = self.transport(&endpoint)?;
        let credentials: Vec<_> = keyring.matching(registry, repository).into_iter().cloned().collect();
        let credentials =
            if credentials.is_empty() { vec![None] } else { credentials.into_iter().map(Some).collect() };
        let mut failures = Vec::new();
        for credential in credentials {
            let session =
                Session::new(transport.clone(), endpoint.clone(), repository, "pull,push", credential);
            let counter = Counter::new(progress);
            let sizes = blobs.iter().map(|(_, path, _)| path.metadata().map_or(0, |data| data.len()));
            counter.expect(image.layers.len(), sizes.sum());
            match send(&session, &blobs, &manifest, tag, &counter).await {
                Ok(()) => return Ok(image.digest),
                Err(failure) => {
                    let next_credential = failure.is_refusal();
                    failures.push(failure);
                    if !next_credential {
                        break;
                    }
                }
            }
        }
        Err(Error::Asked { action: "push", reference: name, failures })
    }
}

async fn send(
    session: &Session,
    blobs: &[(Digest, PathBuf, usize)],
    manifest: &Path,
    tag: &str,
    counter: &Counter<'_>,
) -> Result<(), Failure> {
    // The first alone: its authorization serves the others.
    let (first, rest) = blobs.split_at(1);
    for part in [first, rest] {
        stream::iter(part)
            .map(|(digest, path, layers)| {
                upload(session, digest, path, counter).map_ok(|()| (0..*layers).for_each(|_| counter.layer()))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
    }
    let uri = session.uri(&format!("manifests/{tag}"))?;
    let text = uri.to_string();
    let unreadable = |error: std::io::Error| {
        session.failure(&Method::PUT, &text, Trouble::Answer(format!("{}: {error}", manifest.display())))
    };
    let bytes = bytes::Bytes::from(tokio::fs::read(manifest).await.map_err(unreadable)?);
    let typed = serde_json::from_slice::<Typed>(&bytes).ok().and_then(|typed| typed.media_type);
    let mut request = ask(Method::PUT, uri);
    let body = || Ok(full(bytes.clone()));
    request.body = &body;
    if let Ok(value) = HeaderValue::from_str(typed.as_deref().unwrap_or(MANIFEST)) {
        request.headers.insert(CONTENT_TYPE, value);
    }
    session.expect(&request, &[StatusCode::CREATED, StatusCode::OK]).await.map(drop)
}

/// Sends a blob unless the registry has it.
async fn upload(
    session: &Session,
    digest: &Digest,
    path: &Path,
    counter: &Counter<'_>,
) -> Result<(), Failure> {
    let size = path.metadata().map_or(0, |data| data.len());
    let there = session.send(&ask(Method::HEAD, session.uri(&format!("blobs/{digest}"))?)).await?;
    if there.status() == StatusCode::OK {
        counter.bytes(size);
        return Ok(());
    }
    let start = session.uri("blobs/uploads/")?;
    let begun = ask(Method::POST, start.clone());
    let response = session.expect(&begun, &[StatusCode::ACCEPTED]).await?;
    let place = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let place = place.and_then(|place| {
        let separator = if place.contains('?') { '&' } else { '?' };
        join(&start, &format!("{place}{separator}digest={digest}"))
    });
    let place = place.ok_or_else(|| {
        let text = "it does not say where the upload goes".to_owned();
        session.failure(&Method::POST, &start.to_string(), Trouble::Answer(text))
    })?;
    let mut request = ask(Method::PUT, place);
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    request.headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
    request.limit = UPLOAD;
    let body = || file(path);
    request.body = &body;
    session.expect(&request, &[StatusCode::CREATED, StatusCode::NO_CONTENT]).await?;
    counter.bytes(size);
    Ok(())
}

fn file(path: &Path) -> std::io::Result<Body> {
    let file = tokio::fs::File::from_std(std::fs::File::open(path)?);
    let pieces = ReaderStream::with_capacity(file, 128 << 10).map_ok(Frame::data);
    Ok(StreamBody::new(pieces).boxed_unsync())
}
