//! Who asks, and whether they may: authentication (client certificates, tokens) and authorization (RBAC, Node).
//!
//! The identity of a request comes from the TLS peer, a bearer token, or (in process) from an extension that
//! [`crate::ApiServer::client`] sets; never from a header that a client can write.

use crate::options::Options;
use crate::state::StartError;
use http::request::Parts;
use rustls::pki_types::CertificateDer;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// User name, e.g. `system:node:a`.
    pub name: String,
    /// UID, for service accounts the object's.
    pub uid: String,
    /// Groups, `system:authenticated` included.
    pub groups: Vec<String>,
    /// Further facts, e.g. the pod a token is bound to.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The client's certificate chain (leaf first), verified by TLS; a request extension put by `serve`.
#[derive(Debug, Clone)]
pub(crate) struct PeerCertificates(pub(crate) Arc<Vec<CertificateDer<'static>>>);

/// Keys, caches of policies and what else the checks need.
pub(crate) struct AuthState {}

/// No valid identity: 401.
#[derive(Debug, Clone)]
pub(crate) struct Unauthorized;

/// What is asked for, in the terms of a SubjectAccessReview.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes<'a> {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for other paths the
    /// HTTP method in lower case.
    pub(crate) verb: &'a str,
    /// API group; empty for core.
    pub(crate) group: &'a str,
    /// API version.
    pub(crate) version: &'a str,
    /// Plural resource name; empty when `path` counts.
    pub(crate) resource: &'a str,
    /// Subresource or empty.
    pub(crate) subresource: &'a str,
    /// Namespace or empty.
    pub(crate) namespace: &'a str,
    /// Object name or empty.
    pub(crate) name: &'a str,
    /// URL path of a request that is about no resource.
    pub(crate) path: &'a str,
    /// Raw field selector of a list, watch or deletecollection.
    pub(crate) field_selector: &'a str,
    /// Raw label selector of a list, watch or deletecollection.
    pub(crate) label_selector: &'a str,
}

/// Answer of [`authorize`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// May do it.
    Allow,
    /// May not; the text says why and may be empty.
    Deny(String),
}

// === impl AuthState ===

impl AuthState {
    /// Reads keys and policies, and follows the policies' changes.
    pub(crate) fn start(_options: &Options) -> Result<Self, StartError> {
        Ok(Self {})
    }
}

/// Finds out who sent the request. An in-process identity is not looked at here: the caller takes it first.
pub(crate) async fn authenticate(
    _state: &AuthState,
    _parts: &Parts,
    _peer: Option<&PeerCertificates>,
) -> Result<UserInfo, Unauthorized> {
    Ok(UserInfo {
        name: "system:anonymous".into(),
        groups: vec!["system:unauthenticated".into()],
        ..UserInfo::default()
    })
}

/// Says whether `user` may do what `attributes` describe. Pure look-ups in memory.
pub(crate) fn authorize(_state: &AuthState, _user: &UserInfo, _attributes: &Attributes<'_>) -> Decision {
    Decision::Allow
}
