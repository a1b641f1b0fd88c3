//! Pulling: mirrors and credentials are tried until a manifest comes; then blobs, several at a time; names last.
//!
//! The store has an image's name only when it has all of it, checked.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::header::ACCEPT;
use http::{HeaderValue, Method, StatusCode};
use image::{ContentStore, Descriptor, Digest, Document, Reference};
use serde::Deserialize;

use crate::client::Client;
use crate::credentials::{Credential, Keyring};
use crate::download::{self, Lost};
use crate::endpoint::endpoints;
use crate::error::{Error, Failure, Trouble};
use crate::progress::{Counter, Progress};
use crate::session::{Session, ask};
use crate::transport::read;

/// Blobs of one image that are fetched at once, as containerd does.
const AT_ONCE: usize = 3;
/// Manifests and configurations beyond this are refused.
const DOCUMENT: usize = 4 << 20;
/// What we can read.
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// What a pull brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Digest that the name stands for: of the index of platforms where there is one, else of the manifest.
    pub digest: Digest,
    /// Bytes of manifest, configuration and layers as they lie in the registry.
    pub size: u64,
    /// What opened the registry; `None` when it asked for nothing.
    pub credential: Option<Credential>,
}

/// A configuration as far as a pull looks at it.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
}

/// A document with its digest.
struct Fetched {
    digest: Digest,
    bytes: Bytes,
    document: Document,
}

impl Client {
    /// Pulls the image `reference` for this machine's platform and names it in the store.
    ///
    /// Dropping the future gives the pull up; what came stays for the next one.
    ///
    /// # Errors
    /// When no mirror and not the registry itself gives it, each attempt being told; when it is for other platforms;
    /// when the disk refuses or content is not what its digest promises.
    pub async fn pull(
        &self,
        store: &ContentStore,
        reference: &str,
        keyring: &Keyring,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pulled, Error> {
        let parsed = Reference::parse(reference).map_err(|error| Error::Reference(error.to_string()))?;
        let name = parsed.to_string();
        // A collection waits until the image has its name.
        let writing = store.clone();
        let writing = tokio::task::spawn_blocking(move || writing.writing()).await;
        let _writing =
            writing.map_err(|error| Error::Setup(error.to_string()))?.map_err(store_error(&name))?;
        let (session, top) = self.find(&parsed, keyring).await?;
        let work = Work { session, store, name: &name, counter: Counter::new(progress) };
        work.fetch(top).await
    }

    /// The digest that the registry has for a name, without fetching it: what a pull would bring.
    ///
    /// # Errors
    /// As for [`Client::pull`].
    pub async fn resolve(&self, reference: &str, keyring: &Keyring) -> Result<Digest, Error> {
        let parsed = Reference::parse(reference).map_err(|error| Error::Reference(error.to_string()))?;
        self.find(&parsed, keyring).await.map(|(_, fetched)| fetched.digest)
    }

    /// Asks mirrors and registry, with each credential that fits, until one has the manifest.
    async fn find(&self, reference: &Reference, keyring: &Keyring) -> Result<(Session, Fetched), Error> {
        let name = reference.to_string();
        let Some((registry, repository)) = reference.location() else {
            return Err(Error::Reference(format!(
                "`{name}` names no registry; a digest alone cannot be pulled"
            )));
        };
        let digest = reference.digest.as_ref().map(Digest::to_string);
        let wanted = digest.or_else(|| reference.tag.clone()).unwrap_or_default();
        let mut failures = Vec::new();
        for endpoint in endpoints(&self.settings, registry) {
            let transport = self.transport(&endpoint)?;
            let mut credentials: Vec<_> =
                keyring.matching(&endpoint.registry, repository).into_iter().cloned().map(Some).collect();
            if credentials.is_empty() {
                credentials.push(None);
            }
            for credential in credentials {
                let session =
                    Session::new(transport.clone(), endpoint.clone(), repository, "pull", credential);
                match manifest(&session, &wanted).await {
                    Ok(fetched) if reference.digest.as_ref().is_some_and(|own| *own != fetched.digest) => {
                        let text = format!("the content sent has digest {}", fetched.digest);
                        let uri = format!("{}/v2/{repository}/manifests/{wanted}", endpoint.base);
                        failures.push(session.failure(&Method::GET, &uri, Trouble::Answer(text)));
                    }
                    Ok(fetched) => return Ok((session, fetched)),
                    Err(failure) => {
                        let next_credential = failure.is_refusal();
                        failures.push(failure);
                        if !next_credential {
                            break;
                        }
                    }
                }
            }
        }
        Err(Error::Asked { action: "pull", reference: name, failures })
    }
}

struct Work<'a> {
    session: Session,
    store: &'a ContentStore,
    name: &'a str,
    counter: Counter<'a>,
}

impl Work<'_> {
    async fn fetch(&self, top: Fetched) -> Result<Pulled, Error> {
        // The index, if there is one, then the manifest.
        let mut documents = vec![top];
        let (config, layers) = loop {
            let Some(last) = documents.last() else {
                return Err(self.unusable("it has no manifest".to_owned()));
            };
            match &last.document {
                Document::Image { config, layers } => break (config.clone(), layers.clone()),
                Document::Index(_) if documents.len() > 2 => {
                    return Err(self.unusable("its index refers to indexes again and again".to_owned()));
                }
                Document::Index(entries) => {
                    let digest = self.fitting(entries)?;
                    let fetched = manifest(&self.session, &digest.to_string()).await;
                    let fetched = fetched.map_err(|failure| self.asked(failure))?;
                    if fetched.digest != digest {
                        let why = format!("manifest {digest} has digest {} in the registry", fetched.digest);
                        return Err(self.unusable(why));
                    }
                    documents.push(fetched);
                }
            }
        };

        let mut blobs: BTreeMap<Digest, (u64, usize)> = BTreeMap::new();
        for layer in &layers {
            let digest = layer.digest(self.name).map_err(store_error(self.name))?;
            blobs.entry(digest).or_insert((layer.size, 0)).1 += 1;
        }
        let config_digest = config.digest(self.name).map_err(store_error(self.name))?;
        if config.size > DOCUMENT as u64 {
            return Err(self.unusable(format!("its configuration has {} bytes", config.size)));
        }
        let total = config.size + blobs.values().map(|(size, _)| size).sum::<u64>();
        self.counter.expect(layers.len(), total);
        self.blob(&config_digest, config.size).await?;
        self.check_platform(&config_digest)?;
        stream::iter(blobs)
            .map(|(digest, (size, layers))| async move {
                self.blob(&digest, size).await?;
                (0..layers).for_each(|_| self.counter.layer());
                Ok::<_, Error>(())
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;

        let size = total + documents.iter().map(|fetched| fetched.bytes.len() as u64).sum::<u64>();
        let digest = documents[0].digest.clone();
        let (store, name, target) = (self.store.clone(), self.name.to_owned(), digest.clone());
        // The manifest before the index that refers to it, the name last.
        let finish = tokio::task::spawn_blocking(move || {
            for fetched in documents.iter().rev() {
                store.put_blob(fetched.bytes.as_ref())?;
            }
            store.tag(&name, &target)
        });
        let finished = finish.await.map_err(|error| Error::Setup(error.to_string()))?;
        finished.map_err(store_error(self.name))?;
        Ok(Pulled { digest, size, credential: self.session.used() })
    }

    async fn blob(&self, digest: &Digest, size: u64) -> Result<(), Error> {
        download::blob(&self.session, self.store, digest, size, &self.counter).await.map_err(
            |lost| match lost {
                Lost::Registry(failure) => self.asked(failure),
                Lost::Store(error) => store_error(self.name)(error),
            },
        )
    }

    fn fitting(&self, entries: &[Descriptor]) -> Result<Digest, Error> {
        if let Some(entry) = entries.iter().find(|entry| entry.fits()) {
            return entry.digest(self.name).map_err(store_error(self.name));
        }
        let mut there: Vec<String> = entries
            .iter()
            .filter_map(|entry| entry.platform.as_ref())
            .filter(|platform| platform.os != "unknown")
            .map(|platform| format!("{}/{}", platform.os, platform.architecture))
            .collect();
        there.dedup();
        let own = image::architecture();
        Err(self.unusable(format!("it has no variant for linux/{own}, only for {}", there.join(", "))))
    }

    fn check_platform(&self, config: &Digest) -> Result<(), Error> {
        let bytes = self.store.blob(config).map(std::fs::read);
        let Some(Ok(bytes)) = bytes else { return Ok(()) };
        let config: Config = serde_json::from_slice(&bytes)
            .map_err(|error| self.unusable(format!("its configuration is not JSON of an image: {error}")))?;
        let own = image::architecture();
        if !matches!(config.os.as_str(), "" | "linux")
            || !(config.architecture.is_empty() || config.architecture == own)
        {
            return Err(self.unusable(format!(
                "it is for {}/{}, this machine is linux/{own}",
                config.os, config.architecture
            )));
        }
        Ok(())
    }

    fn asked(&self, failure: Failure) -> Error {
        Error::Asked { action: "pull", reference: self.name.to_owned(), failures: vec![failure] }
    }

    fn unusable(&self, why: String) -> Error {
        Error::Unusable { reference: self.name.to_owned(), why }
    }
}

fn store_error(reference: &str) -> impl FnOnce(image::Error) -> Error {
    let reference = reference.to_owned();
    move |source| Error::Store { action: "pull", reference, source }
}

/// Fetches a manifest or index by tag or digest.
async fn manifest(session: &Session, wanted: &str) -> Result<Fetched, Failure> {
    let uri = session.uri(&format!("manifests/{wanted}"))?;
    let text = uri.to_string();
    let mut request = ask(Method::GET, uri);
    request.headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
    let response = session.expect(&request, &[StatusCode::OK]).await?;
    let told = response.headers().get("docker-content-digest").and_then(|value| value.to_str().ok());
    let told = told.and_then(|told| told.parse::<Digest>().ok());
    let wrong = |trouble| session.failure(&Method::GET, &text, trouble);
    let bytes = read(response, DOCUMENT).await.map_err(|text| wrong(Trouble::NoAnswer(text)))?;
    let digest = Digest::of(&bytes);
    if let Some(told) = told.filter(|told| *told != digest) {
        let text = format!("it says that the content has digest {told}, but that has {digest}");
        return Err(wrong(Trouble::Answer(text)));
    }
    let document = image::document("the answer", &bytes);
    let document = document.map_err(|error| wrong(Trouble::Answer(error.to_string())))?;
    Ok(Fetched { digest, bytes, document })
}
