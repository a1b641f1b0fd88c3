//! From a URL path to what it names. Knows every path that is served; nothing of methods beyond the verb's name.

use super::query::Query;
use crate::status::Status;
use http::Method;
use objects::registry::{self, Kind, Subresource};
use percent_encoding::percent_decode_str;

/// What a path names.
#[derive(Debug)]
pub(crate) enum Route {
    /// Objects.
    Resource(Target),
    /// `/`.
    Root,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/<group>`.
    Group(String),
    /// `/api/v1` or `/apis/<group>/<version>`.
    GroupVersion(String, String),
    /// `/version`.
    Version,
    /// `/healthz`, `/livez`, `/readyz`, and the checks below them.
    Health,
    /// `/metrics`.
    Metrics,
    /// `/openapi/v2`.
    OpenApiV2,
    /// `/openapi/v3`, or the document of `api/v1`, `apis/apps/v1` …
    OpenApiV3(Option<String>),
    /// `/.well-known/openid-configuration`.
    OpenIdConfiguration,
    /// `/openid/v1/jwks`.
    OpenIdKeys,
    /// Nothing.
    Unknown,
}

/// The objects, object or part of an object that a path names.
#[derive(Debug)]
pub(crate) struct Target {
    /// The kind of the objects.
    pub(crate) kind: &'static Kind,
    /// The namespace in the path.
    pub(crate) namespace: Option<String>,
    /// The object's name.
    pub(crate) name: Option<String>,
    /// The part of the object.
    pub(crate) subresource: Option<&'static Subresource>,
    /// What follows the subresource, without a leading slash: for `proxy`.
    pub(crate) tail: String,
}

/// Finds out what a path names.
pub(crate) fn of_path(path: &str) -> Route {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match parts.as_slice() {
        [] => Route::Root,
        ["api"] => Route::CoreVersions,
        ["apis"] => Route::Groups,
        ["api", version] => Route::GroupVersion(String::new(), (*version).into()),
        ["apis", group] => Route::Group((*group).into()),
        ["apis", group, version] => Route::GroupVersion((*group).into(), (*version).into()),
        ["api", version, rest @ ..] => of_resource("", version, rest),
        ["apis", group, version, rest @ ..] => of_resource(group, version, rest),
        ["version"] => Route::Version,
        ["healthz" | "livez" | "readyz", ..] => Route::Health,
        ["metrics"] => Route::Metrics,
        ["openapi", "v2"] => Route::OpenApiV2,
        ["openapi", "v3"] => Route::OpenApiV3(None),
        ["openapi", "v3", rest @ ..] => Route::OpenApiV3(Some(rest.join("/"))),
        [".well-known", "openid-configuration"] => Route::OpenIdConfiguration,
        ["openid", "v1", "jwks"] => Route::OpenIdKeys,
        _ => Route::Unknown,
    }
}

fn of_resource(group: &str, version: &str, rest: &[&str]) -> Route {
    let (namespace, rest) = match rest {
        // Parts of a namespace itself, not objects in it.
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
        ["namespaces", namespace, rest @ ..] => (Some((*namespace).to_owned()), rest),
        rest => (None, rest),
    };
    let Some((plural, rest)) = rest.split_first() else { return Route::Unknown };
    let Some(kind) = registry::by_resource(group, version, plural) else { return Route::Unknown };
    if namespace.is_some() && !kind.namespaced {
        return Route::Unknown;
    }
    let mut target = Target { kind, namespace, name: None, subresource: None, tail: String::new() };
    let Some((name, rest)) = rest.split_first() else { return Route::Resource(target) };
    if kind.namespaced && target.namespace.is_none() {
        return Route::Unknown;
    }
    target.name = Some((*name).to_owned());
    let Some((subresource, rest)) = rest.split_first() else { return Route::Resource(target) };
    target.subresource = kind.subresource(subresource);
    target.tail = rest.join("/");
    if target.subresource.is_none() || (!rest.is_empty() && *subresource != "proxy") {
        return Route::Unknown;
    }
    Route::Resource(target)
}

// === impl Target ===

impl Target {
    /// The verb of a request, in the words of RBAC.
    pub(crate) fn verb(&self, method: &Method, query: &Query) -> &'static str {
        let one = self.name.is_some();
        match method.as_str() {
            "GET" | "HEAD" if one => "get",
            "GET" | "HEAD" if query.flag("watch") == Some(true) => "watch",
            "GET" | "HEAD" => "list",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" if one => "delete",
            "DELETE" => "deletecollection",
            _ => "",
        }
    }

    /// Name of the subresource, empty for the object itself.
    pub(crate) fn subresource_name(&self) -> &'static str {
        self.subresource.map_or("", |subresource| subresource.name)
    }

    /// The object's name; a request for a collection that got here makes no sense.
    pub(crate) fn name(&self) -> Result<&str, Status> {
        self.name.as_deref().ok_or_else(Status::method_not_allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Target {
        match of_path(path) {
            Route::Resource(target) => target,
            other => panic!("{path} is {other:?}"),
        }
    }

    #[test]
    fn paths_name_collections_objects_and_parts() {
        let pods = target("/api/v1/pods");
        assert_eq!((pods.kind.kind, pods.namespace, pods.name), ("Pod", None, None));
        let status = target("/apis/apps/v1/namespaces/a/deployments/b/status");
        assert_eq!(status.namespace.as_deref(), Some("a"));
        assert_eq!(status.name.as_deref(), Some("b"));
        assert_eq!(status.subresource_name(), "status");
        let role = target("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode");
        assert_eq!(role.name.as_deref(), Some("system:node"));
    }

    #[test]
    fn a_namespace_is_an_object_and_a_place() {
        let namespace = target("/api/v1/namespaces/a");
        assert_eq!((namespace.kind.kind, namespace.name.as_deref()), ("Namespace", Some("a")));
        assert_eq!(target("/api/v1/namespaces/a/finalize").subresource_name(), "finalize");
        let pods = target("/api/v1/namespaces/a/pods");
        assert_eq!((pods.kind.kind, pods.namespace.as_deref(), pods.name), ("Pod", Some("a"), None));
    }

    #[test]
    fn a_proxy_path_keeps_its_tail() {
        let proxy = target("/api/v1/namespaces/a/pods/b:80/proxy/x/y");
        assert_eq!((proxy.name.as_deref(), proxy.tail.as_str()), (Some("b:80"), "x/y"));
    }

    #[test]
    fn what_is_not_served_is_unknown() {
        for path in [
            "/api/v1/foos",
            "/api/v1/namespaces/a/nodes",
            "/api/v1/pods/x",
            "/x",
            "/api/v1/namespaces/a/pods/b/foo",
        ] {
            assert!(matches!(of_path(path), Route::Unknown), "{path}");
        }
    }
}
