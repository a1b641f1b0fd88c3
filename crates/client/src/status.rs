//! What an API error means to a caller that wants to decide what to do next.

/// The kinds of failure that callers treat differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The object is not there (404).
    NotFound,
    /// An object of that name exists already (409 `AlreadyExists`).
    AlreadyExists,
    /// The object changed meanwhile, or a precondition failed (409).
    Conflict,
    /// The namespace is going away, so nothing can be created in it (403 with cause `NamespaceTerminating`).
    NamespaceTerminating,
    /// The caller may not do this (401, 403).
    Forbidden,
    /// The object was refused as it is; trying again without a change is useless (400, 422).
    Invalid,
    /// The requested version is gone; start over (410).
    Expired,
    /// Too many requests, or an eviction that a budget does not allow now (429).
    TooManyRequests,
    /// Anything else: the network, the server.
    Other,
}

/// Classifies `error`.
///
/// ```
/// use client::{failure, Failure};
/// let gone = kube::Error::Api(kube::core::Status::failure("x", "NotFound").with_code(404).boxed());
/// assert_eq!(failure(&gone), Failure::NotFound);
/// ```
#[must_use]
pub fn failure(error: &kube::Error) -> Failure {
    let kube::Error::Api(status) = error else { return Failure::Other };
    match status.code {
        404 => Failure::NotFound,
        409 if status.reason == "AlreadyExists" => Failure::AlreadyExists,
        409 => Failure::Conflict,
        403 if names_terminating_namespace(status) => Failure::NamespaceTerminating,
        401 | 403 => Failure::Forbidden,
        400 | 422 => Failure::Invalid,
        410 => Failure::Expired,
        429 => Failure::TooManyRequests,
        _ => Failure::Other,
    }
}

fn names_terminating_namespace(status: &kube::core::Status) -> bool {
    let by_cause = status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .any(|cause| cause.reason == "NamespaceTerminating");
    by_cause || status.message.contains("because it is being terminated")
}
