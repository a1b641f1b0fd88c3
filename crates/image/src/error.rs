//! Errors of the content store: reference, path or digest, and what to do next.

use std::path::PathBuf;

use crate::digest::Digest;

/// Why an image operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a digest.
    #[error("`{0}` is not a digest; expected sha256: and 64 lower-case hex digits")]
    BadDigest(String),
    /// Not an image reference.
    #[error("`{reference}` is not an image reference: {what}")]
    BadReference {
        /// As given.
        reference: String,
        /// What is wrong.
        what: String,
    },
    /// No such image.
    #[error(
        "image {reference} is not on this machine (looked for {tried} in {root}); \
         build it or import an archive that holds it", root = .root.display()
    )]
    NotFound {
        /// As given.
        reference: String,
        /// The full name or digest that was looked up.
        tried: String,
        /// The content store.
        root: PathBuf,
    },
    /// A blob that an image needs is not there.
    #[error("blob {digest} of {of} is missing from {root}; build or import the image again", root = .root.display())]
    MissingBlob {
        /// The blob.
        digest: Digest,
        /// What needs it.
        of: String,
        /// The content store.
        root: PathBuf,
    },
    /// Content does not have the digest it should have.
    #[error("{what}: content has digest {actual}, expected {expected}; remove the image and import it again")]
    Mismatch {
        /// Which content.
        what: String,
        /// Digest that was promised.
        expected: Digest,
        /// Digest that was found.
        actual: Digest,
    },
    /// A manifest, config, archive or layer is not as the specification has it.
    #[error("{what} is not usable: {why}")]
    Malformed {
        /// Which file, blob or entry.
        what: String,
        /// What is wrong there.
        why: String,
    },
    /// The disk is full; what was there before is unchanged.
    #[error("no space left while writing {path}; free some space (for example by removing images), then repeat", path = .path.display())]
    NoSpace {
        /// Path that was being written.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}
