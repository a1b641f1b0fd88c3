//! Who asks, and whether they may: authentication (client certificates, tokens) and authorization (RBAC, Node).
//!
//! The identity of a request comes from the TLS peer, a bearer token, or (in process) from an extension that
//! [`crate::ApiServer::client`] sets; never from a header that a client can write.
//!
//! Authorization asks in upstream's order: the group `system:masters` may do everything, then nodes are judged by
//! what their pods need, then RBAC. Nothing is allowed that none of them allows.

mod bootstrap;
mod follow;
pub(crate) mod node;
mod policies;
pub(crate) mod rules;
pub(crate) mod service_account;
pub(crate) mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use follow::{Fed, Followed};
use http::header::AUTHORIZATION;
use http::request::Parts;
use rules::Rule;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use store::Store;
use token::{Signer, TokenError};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::options::Options;
use crate::state::StartError;

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

/// Keys, policies and what else the checks need.
pub(crate) struct AuthState {
    store: Store,
    signer: Option<Signer>,
    audiences: Vec<String>,
    anonymous: bool,
    policies: Followed<policies::Policies>,
    pods: Followed<node::Graph>,
}

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
}

/// Answer of [`authorize`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// May do it.
    Allow,
    /// May not; the text says why and may be empty.
    Deny(String),
}

/// Group whose members may do everything.
pub(crate) const MASTERS: &str = "system:masters";

impl Fed for policies::Policies {
    const PREFIX: &'static str = policies::PREFIX;

    fn set(&mut self, key: &Arc<str>, value: Option<&[u8]>) {
        policies::Policies::set(self, key, value);
    }
}

impl Fed for node::Graph {
    const PREFIX: &'static str = node::PREFIX;

    fn set(&mut self, key: &Arc<str>, value: Option<&[u8]>) {
        node::Graph::set(self, key, value);
    }
}

/// Adds a fact to a user; an empty one is none.
fn extra(user: &mut UserInfo, key: &str, value: String) {
    if !value.is_empty() {
        user.extra.entry(key.to_owned()).or_default().push(value);
    }
}

// === impl UserInfo ===

impl UserInfo {
    /// A user of no group but that of all authenticated ones.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), groups: vec!["system:authenticated".into()], ..Self::default() }
    }

    /// Nobody in particular.
    fn anonymous() -> Self {
        Self {
            name: "system:anonymous".into(),
            groups: vec!["system:unauthenticated".into()],
            ..Self::default()
        }
    }

    /// The user that a verified client certificate names: common name and organizations.
    fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject();
        let name = subject.iter_common_name().next()?.as_str().ok().filter(|name| !name.is_empty())?;
        let mut user = Self::named(name);
        let groups = subject.iter_organization().filter_map(|group| group.as_str().ok()).map(str::to_owned);
        user.groups.splice(0..0, groups);
        let digest = ring::digest::digest(&ring::digest::SHA256, der);
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        extra(&mut user, "authentication.kubernetes.io/credential-id", format!("X509SHA256={hex}"));
        Some(user)
    }

    /// Whether the user is in the group.
    pub(crate) fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|one| one == group)
    }
}

// === impl AuthState ===

impl AuthState {
    /// Reads keys and policies, and follows the policies' changes.
    pub(crate) fn start(options: &Options) -> Result<Self, StartError> {
        let signer = match &options.service_account_key_pem {
            None => None,
            Some(pem) => Some(
                Signer::new(pem, &options.service_account_issuer)
                    .map_err(|source| StartError::Key { what: "the service account key", source })?,
            ),
        };
        let unreadable = |error: store::ReadError| StartError::Bootstrap {
            object: "the index of roles and pods".into(),
            message: error.to_string(),
        };
        Ok(Self {
            signer,
            audiences: options.api_audiences.clone(),
            anonymous: options.anonymous,
            policies: Followed::start(&options.store).map_err(unreadable)?,
            pods: Followed::start(&options.store).map_err(unreadable)?,
            store: options.store.clone(),
        })
    }

    /// What signs service account tokens; none without a key.
    pub(crate) fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// The audiences of tokens for this server itself.
    pub(crate) fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// The user that a bearer token names, with those of `audiences` that it is for.
    pub(crate) fn user_of_token(
        &self,
        token: &str,
        audiences: &[String],
    ) -> Result<(UserInfo, Vec<String>), TokenError> {
        if let Some((id, secret)) = bootstrap::parts(token) {
            // Such a token is for this server alone, under any of its own names.
            let shared: Vec<String> =
                self.audiences.iter().filter(|one| audiences.contains(one)).cloned().collect();
            if shared.is_empty() {
                return Err(TokenError::Audience(self.audiences.clone(), audiences.to_vec()));
            }
            return Ok((bootstrap::user(&self.store, id, secret, jiff::Timestamp::now())?, shared));
        }
        let signer = self.signer.as_ref().ok_or(TokenError::Foreign)?;
        let (claims, shared) = signer.verify(token, audiences, token::unix_now())?;
        Ok((service_account::user(&self.store, &claims)?, shared))
    }

    /// All RBAC rules that apply to the user in a namespace (empty: cluster-wide ones alone).
    pub(crate) fn rules_of(&self, user: &UserInfo, namespace: &str) -> Vec<Rule> {
        let mut rules = self.policies.read().rules_of(user, namespace);
        if user.is_in(MASTERS) {
            rules.push(Rule { verbs: star(), groups: star(), resources: star(), ..Rule::default() });
            rules.push(Rule { verbs: star(), urls: star(), ..Rule::default() });
        }
        rules
    }

    /// The rules of a Role, or of a ClusterRole for the empty namespace; none if it does not exist.
    pub(crate) fn rules_of_role(&self, namespace: &str, name: &str) -> Option<Vec<Rule>> {
        self.policies.read().rules_of_role(namespace, name)
    }
}

fn star() -> Vec<String> {
    vec!["*".into()]
}

/// Paths that are open to everybody as upstream's default policy has it: whether the server lives, and what it is.
fn is_public(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    matches!(path, "/healthz" | "/livez" | "/readyz" | "/version")
        || ["/livez/", "/readyz/", "/healthz/"].iter().any(|start| path.starts_with(start))
}

/// Finds out who sent the request. An in-process identity is not looked at here: the caller takes it first.
pub(crate) async fn authenticate(
    state: &AuthState,
    parts: &Parts,
    peer: Option<&PeerCertificates>,
) -> Result<UserInfo, Unauthorized> {
    if let Some(leaf) = peer.and_then(|peer| peer.0.first()) {
        return UserInfo::of_certificate(leaf).ok_or(Unauthorized);
    }
    if let Some(header) = parts.headers.get(AUTHORIZATION) {
        let token = header.to_str().ok().and_then(bearer).ok_or(Unauthorized)?;
        return match state.user_of_token(token, &state.audiences) {
            Ok((user, _)) => Ok(user),
            Err(error) => {
                tracing::debug!(%error, "refused a bearer token");
                Err(Unauthorized)
            }
        };
    }
    if state.anonymous && is_public(parts.uri.path()) {
        return Ok(UserInfo::anonymous());
    }
    Err(Unauthorized)
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}

/// Says whether `user` may do what `attributes` describe. Pure look-ups in memory.
pub(crate) fn authorize(state: &AuthState, user: &UserInfo, attributes: &Attributes<'_>) -> Decision {
    if user.is_in(MASTERS) {
        return Decision::Allow;
    }
    if let Some(node) = node::node_name(user)
        && (state.pods.read().allow(&state.store, node, attributes) || fresh(state, node, attributes))
    {
        return Decision::Allow;
    }
    if state.policies.read().allow(user, attributes) {
        return Decision::Allow;
    }
    // Served before any role exists, and whatever becomes of the roles: probes must not depend on them.
    if attributes.resource.is_empty() && attributes.verb == "get" && is_public(attributes.path) {
        return Decision::Allow;
    }
    Decision::Deny(match node::node_name(user) {
        Some(node) => format!("no relationship found between node '{node}' and this object"),
        None => String::new(),
    })
}

/// A kubelet can ask for a pod's secrets before the pod's binding has reached the index; the store knows better.
fn fresh(state: &AuthState, node: &str, attributes: &Attributes<'_>) -> bool {
    if !matches!(
        attributes.resource,
        "secrets" | "configmaps" | "persistentvolumeclaims" | "serviceaccounts" | "pods"
    ) || attributes.namespace.is_empty()
        || attributes.name.is_empty()
    {
        return false;
    }
    let prefix = format!("{}{}/", node::PREFIX, attributes.namespace);
    let Ok(range) = state.store.range(&prefix, None, 0, None) else { return false };
    let mut graph = node::Graph::default();
    for entry in &range.entries {
        graph.set(&entry.key, Some(&entry.value));
    }
    graph.allow(&state.store, node, attributes)
}

/// A user as TokenReview and the like show it.
pub(crate) fn user_value(user: &UserInfo) -> Value {
    let mut value = serde_json::json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        value["uid"] = user.uid.clone().into();
    }
    if !user.extra.is_empty() {
        value["extra"] = serde_json::json!(user.extra);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_paths_are_few() {
        for (path, want) in [
            ("/healthz", true),
            ("/livez/ping", true),
            ("/readyz/", true),
            ("/version", true),
            ("/", false),
            ("/api", false),
            ("/metrics", false),
            ("/healthzz", false),
            ("/versions", false),
        ] {
            assert_eq!(is_public(path), want, "{path}");
        }
    }

    #[test]
    fn bearer_headers() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer "), None);
    }
}
