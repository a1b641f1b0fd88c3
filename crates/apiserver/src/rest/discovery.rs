//! Documents about the API itself: which groups, versions and resources there are, in the classic form and the
//! aggregated one, the server's version and health.
//!
//! All come out of the registry and do not change while the server runs.

use super::negotiate;
use super::openapi;
use super::route::Route;
use super::{Body, reply};
use crate::state::State;
use crate::status::Status;
use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderValue, Method, Response};
use objects::registry::{self, Kind};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The Kubernetes version whose behaviour this server has.
const MAJOR: &str = "1";
const MINOR: &str = "37";
const GIT_VERSION: &str = "v1.37.1+launchway";

/// Media type of aggregated discovery.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Groups in the order in which clients try them for a short resource name.
const GROUP_ORDER: [&str; 20] = [
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
];

/// Answers a path that names no objects.
pub(crate) fn answer(state: &State, route: &Route, parts: &Parts) -> Result<Response<Body>, Status> {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return Err(Status::method_not_allowed());
    }
    let aggregated = negotiate::wants(&parts.headers, "apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList");
    match route {
        Route::Root => Ok(reply::json(200, &json!({"paths": paths()}))),
        Route::CoreVersions if aggregated => Ok(tagged(parts, AGGREGATED, aggregate(&[""]).to_string())),
        Route::Groups if aggregated => Ok(tagged(parts, AGGREGATED, aggregate(&groups()).to_string())),
        Route::CoreVersions => Ok(reply::json(
            200,
            &json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [
                {"clientCIDR": "0.0.0.0/0", "serverAddress": address(state)}]}),
        )),
        Route::Groups => {
            let groups: Vec<Value> = groups().into_iter().map(group).collect();
            Ok(reply::json(200, &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})))
        }
        Route::Group(name) if !name.is_empty() && groups().contains(&name.as_str()) => {
            let mut document = group(name);
            document["kind"] = json!("APIGroup");
            document["apiVersion"] = json!("v1");
            Ok(reply::json(200, &document))
        }
        Route::GroupVersion(group, version) if of_version(group, version).next().is_some() => {
            Ok(reply::json(200, &resources(group, version)))
        }
        Route::Version => Ok(reply::json(200, &version())),
        Route::Health => Ok(reply::text(200, "ok")),
        Route::Metrics => Ok(metrics(state)),
        Route::OpenApiV2 => openapi::v2(parts),
        Route::OpenApiV3(None) => Ok(reply::json(200, &openapi::v3_index())),
        Route::OpenApiV3(Some(path)) => openapi::v3(path, parts),
        Route::OpenIdConfiguration | Route::OpenIdKeys => open_id(state, route),
        _ => Err(Status::unknown_path()),
    }
}

/// What relying parties need to check service account tokens.
fn open_id(state: &State, route: &Route) -> Result<Response<Body>, Status> {
    let signer = state.auth.signer().ok_or_else(Status::unknown_path)?;
    if let Route::OpenIdKeys = route {
        let keys = signer.key_set().to_string();
        return Ok(reply::bytes(200, "application/jwk-set+json", reply::full(keys)));
    }
    let keys_url = format!("https://{}/openid/v1/jwks", address(state));
    Ok(reply::json(200, &signer.discovery(&keys_url)))
}

/// A document with its hash as `ETag`; 304 when the client has it.
pub(crate) fn tagged(
    parts: &Parts,
    media_type: &'static str,
    document: impl Into<Bytes> + AsRef<[u8]>,
) -> Response<Body> {
    let hash = Sha256::digest(&document);
    let hex: String = hash.iter().take(32).map(|byte| format!("{byte:02X}")).collect();
    let tag = format!("\"{hex}\"");
    let known = parts.headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known == Some(&tag) {
        reply::bytes(304, media_type, reply::full(""))
    } else {
        reply::bytes(200, media_type, reply::full(document))
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn address(state: &State) -> String {
    format!("{}:{}", state.options.advertise_address, state.options.advertise_port)
}

/// Kinds of one group and version.
fn of_version<'a>(group: &'a str, version: &'a str) -> impl Iterator<Item = &'static Kind> + use<'a> {
    registry::all().iter().filter(move |kind| kind.group == group && kind.version == version)
}

/// All groups but core.
fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> =
        registry::all().iter().map(|kind| kind.group).filter(|g| !g.is_empty()).collect();
    groups
        .sort_by_key(|group| (GROUP_ORDER.iter().position(|one| one == group).unwrap_or(usize::MAX), *group));
    groups.dedup();
    groups
}

/// The versions of a group, the preferred one first.
pub(crate) fn versions(group: &str) -> Vec<&'static str> {
    let of_group = || registry::all().iter().filter(|kind| kind.group == group);
    let preferred = |version: &str| of_group().any(|kind| kind.version == version && kind.preferred);
    let mut versions: Vec<&str> = of_group().map(|kind| kind.version).collect();
    versions.sort_by_key(|version| (!preferred(version), rank(version)));
    versions.dedup();
    versions
}

/// Stable versions before beta before alpha, newer before older.
fn rank(version: &str) -> (u8, i64) {
    let stage = if version.contains("alpha") { 2 } else { u8::from(version.contains("beta")) };
    let digits: String = version.chars().skip(1).take_while(char::is_ascii_digit).collect();
    (stage, -digits.parse::<i64>().unwrap_or(0))
}

fn group(name: &str) -> Value {
    let versions: Vec<Value> = versions(name)
        .into_iter()
        .map(|version| json!({"groupVersion": registry::api_version(name, version), "version": version}))
        .collect();
    json!({"name": name, "versions": versions, "preferredVersion": versions[0]})
}

/// The classic document of one group and version.
fn resources(group: &str, version: &str) -> Value {
    let mut resources = Vec::new();
    for kind in of_version(group, version) {
        let mut resource = json!({"name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
            "kind": kind.kind, "verbs": kind.verbs});
        if !kind.short_names.is_empty() {
            resource["shortNames"] = json!(kind.short_names);
        }
        if !kind.categories.is_empty() {
            resource["categories"] = json!(kind.categories);
        }
        if kind.allows("get") {
            resource["storageVersionHash"] = json!(storage_hash(kind));
        }
        resources.push(resource);
        for subresource in kind.subresources {
            let mut part = json!({"name": format!("{}/{}", kind.plural, subresource.name), "singularName": "",
                "namespaced": kind.namespaced, "kind": subresource.kind, "verbs": subresource.verbs});
            if (subresource.group, subresource.version) != (kind.group, kind.version) {
                part["group"] = json!(subresource.group);
                part["version"] = json!(subresource.version);
            }
            resources.push(part);
        }
    }
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": registry::api_version(group, version),
        "resources": resources})
}

/// Changes when objects are stored in another version; clients compare it, nothing more.
fn storage_hash(kind: &'static Kind) -> String {
    use base64::Engine;
    let stored = crate::storage::stored_kind(kind);
    let hash = Sha256::digest(format!("{}/{}/{}", stored.group, stored.version, stored.kind));
    base64::engine::general_purpose::STANDARD.encode(&hash[..8])
}

/// The aggregated document of those groups.
fn aggregate(groups: &[&str]) -> Value {
    let items: Vec<Value> = groups
        .iter()
        .map(|group| {
            let versions: Vec<Value> = versions(group)
                .into_iter()
                .map(|version| {
                    let resources: Vec<Value> = of_version(group, version).map(aggregated_resource).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            json!({"metadata": {"name": group, "creationTimestamp": null}, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated_resource(kind: &'static Kind) -> Value {
    let response =
        |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let mut resource = json!({"resource": kind.plural, "singularResource": kind.singular, "verbs": kind.verbs,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "responseKind": response(kind.group, kind.version, kind.kind)});
    if !kind.short_names.is_empty() {
        resource["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        resource["categories"] = json!(kind.categories);
    }
    if !kind.subresources.is_empty() {
        let parts = kind.subresources.iter().map(|part| {
            json!({"subresource": part.name, "verbs": part.verbs,
                "responseKind": response(part.group, part.version, part.kind)})
        });
        resource["subresources"] = parts.collect();
    }
    resource
}

fn version() -> Value {
    json!({
        "major": MAJOR, "minor": MINOR, "emulationMajor": MAJOR, "emulationMinor": MINOR,
        "minCompatibilityMajor": MAJOR, "minCompatibilityMinor": "36",
        "gitVersion": GIT_VERSION, "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, platform_arch()),
    })
}

/// The architecture by Go's name, which clients compare with image platforms.
fn platform_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn paths() -> Vec<String> {
    let mut paths = vec!["/api".to_owned(), "/api/v1".into(), "/apis".into()];
    for group in groups() {
        paths.push(format!("/apis/{group}"));
        paths.extend(versions(group).into_iter().map(|version| format!("/apis/{group}/{version}")));
    }
    let others = ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"];
    paths.extend(others.map(str::to_owned));
    paths.sort();
    paths
}

fn metrics(state: &State) -> Response<Body> {
    let text = format!(
        "# HELP launchway_store_revision Revision of the last commit.\n\
         # TYPE launchway_store_revision counter\n\
         launchway_store_revision {}\n\
         # HELP launchway_store_compacted_revision Revision up to which the history is gone.\n\
         # TYPE launchway_store_compacted_revision counter\n\
         launchway_store_compacted_revision {}\n",
        state.store.revision(),
        state.store.compacted(),
    );
    reply::bytes(200, "text/plain; version=0.0.4; charset=utf-8", reply::full(text))
}
