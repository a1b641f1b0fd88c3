//! The environment of a container. Pure: the objects it refers to are handed in.
//!
//! Order and precedence are upstream's: service variables, then `envFrom` in order, then `env` in order; later wins;
//! `$(VAR)` in a value sees what stands before it.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, Pod, Secret};

use super::expand::expand;
use super::fields::{self, Facts};

/// ConfigMaps and Secrets that a pod refers to, by name, as far as they exist.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    pub(crate) config_maps: HashMap<String, Arc<ConfigMap>>,
    pub(crate) secrets: HashMap<String, Arc<Secret>>,
}

/// Why an environment cannot be made; shown in the container's waiting message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvError {
    #[error("{kind} \"{name}\" not found")]
    NoObject { kind: &'static str, name: String },
    #[error("couldn't find key {key} in {kind} {namespace}/{name}")]
    NoKey { kind: &'static str, key: String, namespace: String, name: String },
    #[error("variable {variable}: unsupported field reference {field}")]
    NoField { variable: String, field: String },
    #[error("variable {variable}: {source_kind} is not supported by this node")]
    Unsupported { variable: String, source_kind: &'static str },
}

/// Names and values in order, each name once.
pub(crate) fn build(
    pod: &Pod,
    container: &Container,
    objects: &Objects,
    services: Vec<(String, String)>,
    facts: &Facts,
) -> Result<Vec<(String, String)>, EnvError> {
    let mut env = Ordered::default();
    for (name, value) in services {
        env.set(name, value);
    }
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    for from in container.env_from.iter().flatten() {
        let prefix = from.prefix.as_deref().unwrap_or_default();
        if let Some(reference) = &from.config_map_ref {
            match objects.config_maps.get(&reference.name) {
                Some(map) => {
                    for (key, value) in map.data.iter().flatten() {
                        env.set_if_valid(format!("{prefix}{key}"), value.clone());
                    }
                }
                None if reference.optional == Some(true) => {}
                None => return Err(EnvError::NoObject { kind: "configmap", name: reference.name.clone() }),
            }
        }
        if let Some(reference) = &from.secret_ref {
            match objects.secrets.get(&reference.name) {
                Some(secret) => {
                    for (key, value) in secret.data.iter().flatten() {
                        let value = String::from_utf8_lossy(&value.0).into_owned();
                        env.set_if_valid(format!("{prefix}{key}"), value);
                    }
                }
                None if reference.optional == Some(true) => {}
                None => return Err(EnvError::NoObject { kind: "secret", name: reference.name.clone() }),
            }
        }
    }
    for variable in container.env.iter().flatten() {
        if let Some(value) = value(pod, container, variable, objects, &env, namespace, facts)? {
            env.set(variable.name.clone(), value);
        }
    }
    Ok(env.items)
}

fn value(
    pod: &Pod,
    container: &Container,
    variable: &EnvVar,
    objects: &Objects,
    env: &Ordered,
    namespace: &str,
    facts: &Facts,
) -> Result<Option<String>, EnvError> {
    let Some(from) = variable.value_from.as_ref() else {
        return Ok(Some(expand(variable.value.as_deref().unwrap_or_default(), |n| env.get(n))));
    };
    let no_key = |kind, key: &str, name: &str| EnvError::NoKey {
        kind,
        key: key.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let no_field =
        |field: &str| EnvError::NoField { variable: variable.name.clone(), field: field.to_owned() };
    if let Some(field) = &from.field_ref {
        return fields::field(pod, &field.field_path, facts)
            .map(Some)
            .ok_or_else(|| no_field(&field.field_path));
    }
    if let Some(resource) = &from.resource_field_ref {
        let other = resource.container_name.as_ref().and_then(|name| find(pod, name));
        return fields::resource(other.unwrap_or(container), resource, facts)
            .map(Some)
            .ok_or_else(|| no_field(&resource.resource));
    }
    if let Some(key) = &from.config_map_key_ref {
        let optional = key.optional == Some(true);
        return match objects.config_maps.get(&key.name) {
            None if optional => Ok(None),
            None => Err(EnvError::NoObject { kind: "configmap", name: key.name.clone() }),
            Some(map) => match map.data.as_ref().and_then(|d| d.get(&key.key)) {
                None if optional => Ok(None),
                None => Err(no_key("ConfigMap", &key.key, &key.name)),
                Some(value) => Ok(Some(value.clone())),
            },
        };
    }
    if let Some(key) = &from.secret_key_ref {
        let optional = key.optional == Some(true);
        return match objects.secrets.get(&key.name) {
            None if optional => Ok(None),
            None => Err(EnvError::NoObject { kind: "secret", name: key.name.clone() }),
            Some(secret) => match secret.data.as_ref().and_then(|d| d.get(&key.key)) {
                None if optional => Ok(None),
                None => Err(no_key("Secret", &key.key, &key.name)),
                Some(value) => Ok(Some(String::from_utf8_lossy(&value.0).into_owned())),
            },
        };
    }
    Err(EnvError::Unsupported { variable: variable.name.clone(), source_kind: "this valueFrom" })
}

/// A container of the pod by name.
pub(crate) fn find<'a>(pod: &'a Pod, name: &str) -> Option<&'a Container> {
    let spec = pod.spec.as_ref()?;
    spec.containers.iter().chain(spec.init_containers.iter().flatten()).find(|c| c.name == name)
}

/// Insertion-ordered map: a variable set again keeps its place and takes the new value.
#[derive(Default)]
struct Ordered {
    items: Vec<(String, String)>,
    places: HashMap<String, usize>,
}

impl Ordered {
    fn set(&mut self, name: String, value: String) {
        match self.places.get(&name) {
            Some(place) => self.items[*place].1 = value,
            None => {
                self.places.insert(name.clone(), self.items.len());
                self.items.push((name, value));
            }
        }
    }

    /// Keys of ConfigMaps and Secrets may be no possible names; those are left out.
    fn set_if_valid(&mut self, name: String, value: String) {
        if !name.is_empty() && name.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'=') {
            self.set(name, value);
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.places.get(name).map(|place| self.items[*place].1.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::net::Ipv4Addr;

    fn facts() -> Facts {
        Facts {
            host_ip: Ipv4Addr::LOCALHOST,
            host_ip6: None,
            pod_ip: None,
            pod_ip6: None,
            node_cpu: 1000,
            node_memory: 1,
        }
    }

    fn run(container: serde_json::Value, objects: &Objects) -> Result<Vec<(String, String)>, EnvError> {
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "n"},
            "spec": {"containers": [container]}}))
        .unwrap();
        let container = pod.spec.as_ref().unwrap().containers[0].clone();
        let services = vec![("SVC_SERVICE_HOST".to_owned(), "10.43.0.7".to_owned())];
        build(&pod, &container, objects, services, &facts())
    }

    fn objects() -> Objects {
        let map: ConfigMap =
            serde_json::from_value(json!({"data": {"a": "1", "b=": "skipped", "c-d": "2"}})).unwrap();
        let secret: Secret = serde_json::from_value(json!({"data": {"pw": "aHVudGVy"}})).unwrap();
        Objects {
            config_maps: HashMap::from([("m".to_owned(), Arc::new(map))]),
            secrets: HashMap::from([("s".to_owned(), Arc::new(secret))]),
        }
    }

    #[test]
    fn later_entries_win_and_see_earlier_ones() {
        let env = run(
            json!({"name": "c", "envFrom": [{"prefix": "P_", "configMapRef": {"name": "m"}}, {"secretRef": {"name": "s"}}],
                "env": [
                    {"name": "X", "value": "x$(P_a)$(SVC_SERVICE_HOST)$(LATER)"},
                    {"name": "P_a", "value": "new"},
                    {"name": "LATER", "value": "$(P_a)"},
                    {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "s", "key": "pw"}}},
                    {"name": "OPT", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k", "optional": true}}}]}),
            &objects(),
        )
        .unwrap();
        let expected = [
            ("SVC_SERVICE_HOST", "10.43.0.7"),
            ("P_a", "new"),
            ("P_c-d", "2"),
            ("pw", "hunter"),
            ("X", "x110.43.0.7$(LATER)"),
            ("LATER", "new"),
            ("NAME", "p"),
            ("PW", "hunter"),
        ];
        let got: Vec<(&str, &str)> = env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = json!({"name": "c", "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "zz"}}}]});
        assert_eq!(
            run(missing, &objects()).unwrap_err().to_string(),
            "couldn't find key zz in ConfigMap n/m"
        );
        let missing = json!({"name": "c", "envFrom": [{"secretRef": {"name": "gone"}}]});
        assert_eq!(run(missing, &objects()).unwrap_err().to_string(), "secret \"gone\" not found");
        let missing = json!({"name": "c", "envFrom": [{"secretRef": {"name": "gone", "optional": true}}]});
        assert_eq!(run(missing, &objects()).unwrap().len(), 1);
    }
}
