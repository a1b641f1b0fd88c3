//! Files of configMap, secret, downwardAPI and projected volumes. Pure: objects and tokens are handed in.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::core::v1::{
    ConfigMap, Container, DownwardAPIVolumeFile, KeyToPath, Pod, ProjectedVolumeSource, Secret,
    ServiceAccountTokenProjection, Volume,
};

use super::atomic::{File, Payload};
use crate::spec::env::{Objects, find};
use crate::spec::fields::{self, Facts};

const DEFAULT_MODE: u32 = 0o644;

/// Why the files of a volume cannot be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("{kind} \"{name}\" not found")]
    NoObject { kind: &'static str, name: String },
    #[error("references non-existent {kind} key: {key}")]
    NoKey { kind: &'static str, key: String },
    #[error("unsupported field reference {0}")]
    NoField(String),
    #[error("the service account token for audience \"{0}\" is not there yet")]
    NoToken(String),
    #[error("projected source {0} is not supported by this node")]
    Unsupported(&'static str),
}

/// What tells two tokens of one service account apart.
pub(crate) type TokenKey = (String, i64);

/// Key of the token that a projection asks for.
pub(crate) fn token_key(projection: &ServiceAccountTokenProjection) -> TokenKey {
    (projection.audience.clone().unwrap_or_default(), projection.expiration_seconds.unwrap_or(3600))
}

/// What volumes are made from.
pub(crate) struct Inputs<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) objects: &'a Objects,
    pub(crate) facts: &'a Facts,
    pub(crate) tokens: &'a HashMap<TokenKey, String>,
    /// The user that every container of the pod runs as, where they agree: it owns token files.
    pub(crate) user: Option<u32>,
    pub(crate) fs_group: Option<u32>,
}

/// Files of a volume; `None` when the volume is of another kind.
pub(crate) fn of(volume: &Volume, inputs: &Inputs<'_>) -> Option<Result<Payload, PayloadError>> {
    if let Some(source) = &volume.config_map {
        let modes = Modes { default: mode(source.default_mode), items: source.items.as_deref() };
        return Some(config_map(&source.name, modes, source.optional, inputs));
    }
    if let Some(source) = &volume.secret {
        let modes = Modes { default: mode(source.default_mode), items: source.items.as_deref() };
        return Some(secret(
            source.secret_name.as_deref().unwrap_or_default(),
            modes,
            source.optional,
            inputs,
        ));
    }
    if let Some(source) = &volume.downward_api {
        return Some(downward(source.items.as_deref(), mode(source.default_mode), inputs));
    }
    volume.projected.as_ref().map(|source| projected(source, inputs))
}

/// Names of the ConfigMaps and Secrets that the pod's volumes and environments refer to.
pub(crate) fn references(pod: &Pod) -> (Vec<String>, Vec<String>) {
    let (mut maps, mut secrets) = (Vec::new(), Vec::new());
    let Some(spec) = &pod.spec else { return (maps, secrets) };
    for volume in spec.volumes.iter().flatten() {
        maps.extend(volume.config_map.iter().map(|s| s.name.clone()));
        secrets.extend(volume.secret.iter().filter_map(|s| s.secret_name.clone()));
        for source in volume.projected.iter().flat_map(|p| p.sources.iter().flatten()) {
            maps.extend(source.config_map.iter().map(|s| s.name.clone()));
            secrets.extend(source.secret.iter().map(|s| s.name.clone()));
        }
    }
    let mut add = |env: &Option<Vec<_>>, from: &Option<Vec<_>>| {
        let env: &Option<Vec<k8s_openapi::api::core::v1::EnvVar>> = env;
        let from: &Option<Vec<k8s_openapi::api::core::v1::EnvFromSource>> = from;
        for source in env.iter().flatten().filter_map(|v| v.value_from.as_ref()) {
            maps.extend(source.config_map_key_ref.iter().map(|s| s.name.clone()));
            secrets.extend(source.secret_key_ref.iter().map(|s| s.name.clone()));
        }
        for source in from.iter().flatten() {
            maps.extend(source.config_map_ref.iter().map(|s| s.name.clone()));
            secrets.extend(source.secret_ref.iter().map(|s| s.name.clone()));
        }
    };
    for c in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
        add(&c.env, &c.env_from);
    }
    for c in spec.ephemeral_containers.iter().flatten() {
        add(&c.env, &c.env_from);
    }
    for list in [&mut maps, &mut secrets] {
        list.sort();
        list.dedup();
        list.retain(|name| !name.is_empty());
    }
    (maps, secrets)
}

/// Tokens that the pod's projected volumes ask for.
pub(crate) fn tokens(pod: &Pod) -> Vec<ServiceAccountTokenProjection> {
    let volumes = pod.spec.iter().flat_map(|s| s.volumes.iter().flatten());
    let sources = volumes.filter_map(|v| v.projected.as_ref()).flat_map(|p| p.sources.iter().flatten());
    sources.filter_map(|s| s.service_account_token.clone()).collect()
}

struct Modes<'a> {
    default: u32,
    items: Option<&'a [KeyToPath]>,
}

fn mode(mode: Option<i32>) -> u32 {
    mode.and_then(|m| u32::try_from(m).ok()).unwrap_or(DEFAULT_MODE)
}

fn config_map(
    name: &str,
    modes: Modes<'_>,
    optional: Option<bool>,
    inputs: &Inputs<'_>,
) -> Result<Payload, PayloadError> {
    match inputs.objects.config_maps.get(name) {
        Some(map) => select(&config_map_bytes(map), &modes, optional == Some(true), "config"),
        None if optional == Some(true) => Ok(Payload::new()),
        None => Err(PayloadError::NoObject { kind: "configmap", name: name.to_owned() }),
    }
}

fn config_map_bytes(map: &ConfigMap) -> BTreeMap<&str, &[u8]> {
    let text = map.data.iter().flatten().map(|(k, v)| (k.as_str(), v.as_bytes()));
    let binary = map.binary_data.iter().flatten().map(|(k, v)| (k.as_str(), v.0.as_slice()));
    text.chain(binary).collect()
}

fn secret(
    name: &str,
    modes: Modes<'_>,
    optional: Option<bool>,
    inputs: &Inputs<'_>,
) -> Result<Payload, PayloadError> {
    match inputs.objects.secrets.get(name) {
        Some(secret) => select(&secret_bytes(secret), &modes, optional == Some(true), "secret"),
        None if optional == Some(true) => Ok(Payload::new()),
        None => Err(PayloadError::NoObject { kind: "secret", name: name.to_owned() }),
    }
}

fn secret_bytes(secret: &Secret) -> BTreeMap<&str, &[u8]> {
    secret.data.iter().flatten().map(|(k, v)| (k.as_str(), v.0.as_slice())).collect()
}

fn select(
    data: &BTreeMap<&str, &[u8]>,
    modes: &Modes<'_>,
    optional: bool,
    kind: &'static str,
) -> Result<Payload, PayloadError> {
    let mut payload = Payload::new();
    let Some(items) = modes.items.filter(|i| !i.is_empty()) else {
        for (key, bytes) in data {
            let file = File { bytes: bytes.to_vec(), mode: modes.default, owner: None };
            payload.insert((*key).to_owned(), file);
        }
        return Ok(payload);
    };
    for item in items {
        match data.get(item.key.as_str()) {
            Some(bytes) => {
                let file = File {
                    bytes: bytes.to_vec(),
                    mode: item.mode.map_or(modes.default, |m| mode(Some(m))),
                    owner: item.user.and_then(|u| u32::try_from(u).ok()),
                };
                payload.insert(item.path.clone(), file);
            }
            None if optional => {}
            None => return Err(PayloadError::NoKey { kind, key: item.key.clone() }),
        }
    }
    Ok(payload)
}

fn downward(
    items: Option<&[DownwardAPIVolumeFile]>,
    default: u32,
    inputs: &Inputs<'_>,
) -> Result<Payload, PayloadError> {
    let mut payload = Payload::new();
    let none = Container::default();
    for item in items.into_iter().flatten() {
        let text = if let Some(field) = &item.field_ref {
            fields::field(inputs.pod, &field.field_path, inputs.facts)
                .ok_or_else(|| PayloadError::NoField(field.field_path.clone()))?
        } else if let Some(resource) = &item.resource_field_ref {
            let container =
                resource.container_name.as_ref().and_then(|n| find(inputs.pod, n)).unwrap_or(&none);
            fields::resource(container, resource, inputs.facts)
                .ok_or_else(|| PayloadError::NoField(resource.resource.clone()))?
        } else {
            continue;
        };
        let file = File {
            bytes: text.into_bytes(),
            mode: item.mode.map_or(default, |m| mode(Some(m))),
            owner: item.user.and_then(|u| u32::try_from(u).ok()),
        };
        payload.insert(item.path.clone(), file);
    }
    Ok(payload)
}

fn projected(source: &ProjectedVolumeSource, inputs: &Inputs<'_>) -> Result<Payload, PayloadError> {
    let default = mode(source.default_mode);
    let mut payload = Payload::new();
    for source in source.sources.iter().flatten() {
        if let Some(map) = &source.config_map {
            let modes = Modes { default, items: map.items.as_deref() };
            payload.extend(config_map(&map.name, modes, map.optional, inputs)?);
        }
        if let Some(s) = &source.secret {
            let modes = Modes { default, items: s.items.as_deref() };
            payload.extend(secret(&s.name, modes, s.optional, inputs)?);
        }
        if let Some(d) = &source.downward_api {
            payload.extend(downward(d.items.as_deref(), default, inputs)?);
        }
        if let Some(token) = &source.service_account_token {
            let key = token_key(token);
            let text = inputs.tokens.get(&key).ok_or_else(|| PayloadError::NoToken(key.0.clone()))?;
            // A token is for its pod alone: closed to others when it is known who the pod is.
            let private = inputs.user.is_some() || inputs.fs_group.is_some();
            let file = File {
                bytes: text.clone().into_bytes(),
                mode: if private { 0o600 } else { default },
                owner: token.user.and_then(|u| u32::try_from(u).ok()).or(inputs.user),
            };
            payload.insert(token.path.clone(), file);
        }
        if source.cluster_trust_bundle.is_some() {
            return Err(PayloadError::Unsupported("clusterTrustBundle"));
        }
        if source.pod_certificate.is_some() {
            return Err(PayloadError::Unsupported("podCertificate"));
        }
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    fn run(volume: Value) -> Result<Vec<(String, String, u32)>, PayloadError> {
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p", "labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "2"}}}]}}))
        .unwrap();
        let map: ConfigMap =
            serde_json::from_value(json!({"data": {"k": "v", "l": "w"}, "binaryData": {"b": "AAE="}}))
                .unwrap();
        let secret: Secret = serde_json::from_value(json!({"data": {"pw": "c2VjcmV0"}})).unwrap();
        let objects = Objects {
            config_maps: HashMap::from([("m".to_owned(), Arc::new(map))]),
            secrets: HashMap::from([("s".to_owned(), Arc::new(secret))]),
        };
        let facts = Facts {
            host_ip: Ipv4Addr::LOCALHOST,
            host_ip6: None,
            pod_ip: None,
            pod_ip6: None,
            node_cpu: 1000,
            node_memory: 1,
        };
        let tokens = HashMap::from([(("aud".to_owned(), 600), "jwt".to_owned())]);
        let inputs = Inputs {
            pod: &pod,
            objects: &objects,
            facts: &facts,
            tokens: &tokens,
            user: None,
            fs_group: Some(5),
        };
        let mut volume = volume;
        volume["name"] = json!("v");
        let volume: Volume = serde_json::from_value(volume).unwrap();
        let files = of(&volume, &inputs).unwrap()?;
        Ok(files.into_iter().map(|(p, f)| (p, String::from_utf8_lossy(&f.bytes).into(), f.mode)).collect())
    }

    fn file(path: &str, text: &str, mode: u32) -> (String, String, u32) {
        (path.into(), text.into(), mode)
    }

    #[test]
    fn config_maps_and_secrets() {
        assert_eq!(
            run(json!({"configMap": {"name": "m"}})).unwrap(),
            [file("b", "\0\u{1}", 0o644), file("k", "v", 0o644), file("l", "w", 0o644)]
        );
        assert_eq!(
            run(json!({"configMap": {"name": "m", "defaultMode": 256, "items": [
                {"key": "k", "path": "x/y"}, {"key": "l", "path": "z", "mode": 511}]}}))
            .unwrap(),
            [file("x/y", "v", 0o400), file("z", "w", 0o777)]
        );
        assert_eq!(run(json!({"secret": {"secretName": "s"}})).unwrap(), [file("pw", "secret", 0o644)]);
    }

    #[test]
    fn what_is_missing_is_named_or_optional() {
        assert_eq!(
            run(json!({"configMap": {"name": "gone"}})).unwrap_err().to_string(),
            "configmap \"gone\" not found"
        );
        assert_eq!(run(json!({"configMap": {"name": "gone", "optional": true}})).unwrap(), []);
        let items = json!([{"key": "zz", "path": "zz"}]);
        assert_eq!(
            run(json!({"secret": {"secretName": "s", "items": items}})).unwrap_err().to_string(),
            "references non-existent secret key: zz"
        );
        assert_eq!(
            run(json!({"secret": {"secretName": "s", "items": items, "optional": true}})).unwrap(),
            []
        );
    }

    #[test]
    fn projected_sources_are_joined() {
        let files = run(json!({"projected": {"sources": [
            {"serviceAccountToken": {"path": "token", "audience": "aud", "expirationSeconds": 600}},
            {"configMap": {"name": "m", "items": [{"key": "k", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.name"}},
                {"path": "cpu", "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu"}}]}}]}}))
        .unwrap();
        assert_eq!(
            files,
            [
                file("ca.crt", "v", 0o644),
                file("cpu", "2", 0o644),
                file("ns", "p", 0o644),
                file("token", "jwt", 0o600)
            ]
        );
    }

    #[test]
    fn references_are_found_once() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "volumes": [{"name": "a", "configMap": {"name": "m"}},
                {"name": "b", "projected": {"sources": [{"secret": {"name": "s"}}, {"configMap": {"name": "m"}}]}}],
            "containers": [{"name": "c", "envFrom": [{"secretRef": {"name": "e"}}],
                "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "n", "key": "k"}}}]}]}}))
        .unwrap();
        assert_eq!(references(&pod), (vec!["m".into(), "n".into()], vec!["e".into(), "s".into()]));
    }
}
