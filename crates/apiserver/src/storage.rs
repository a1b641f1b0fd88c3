//! How objects lie in the store: keys, and the JSON bytes with the place where the store stamps the revision.
//!
//! Key: `/registry/<group or core>/<plural>/<namespace>/<name>`, without the namespace for cluster-wide kinds.
//! Value: the object as JSON in its storage version with `metadata.resourceVersion` of its own commit. A kind
//! served in further versions is converted on the way in and out; see [`convert`].

mod convert;
mod index;

pub(crate) use index::Index;

use crate::status::Status;
use bytes::Bytes;
use objects::registry::{self, Kind};
use serde_json::Value;
use store::{Entry, Expect, Failure, Op, Payload};

/// Group and plural under which a kind's objects lie; events of both groups lie together.
fn place(kind: &Kind) -> (&'static str, &'static str) {
    match (kind.group, kind.plural) {
        ("" | "events.k8s.io", "events") => ("core", "events"),
        ("", plural) => ("core", plural),
        (group, plural) => (group, plural),
    }
}

/// Key of one object.
pub(crate) fn key(kind: &Kind, namespace: Option<&str>, name: &str) -> String {
    let mut key = prefix(kind, namespace);
    key.push_str(name);
    key
}

/// What the keys of all objects begin with, in one namespace or all.
pub(crate) fn prefix(kind: &Kind, namespace: Option<&str>) -> String {
    let (group, plural) = place(kind);
    match namespace.filter(|namespace| kind.namespaced && !namespace.is_empty()) {
        Some(namespace) => format!("/registry/{group}/{plural}/{namespace}/"),
        None => format!("/registry/{group}/{plural}/"),
    }
}

/// The kind in whose version the objects of `kind` are stored.
pub(crate) fn stored_kind(kind: &'static Kind) -> &'static Kind {
    if kind.group == "events.k8s.io" && kind.plural == "events" {
        return registry::by_resource("", "v1", "events").unwrap_or(kind);
    }
    if kind.storage {
        return kind;
    }
    let same = |one: &&'static Kind| one.storage && one.group == kind.group && one.plural == kind.plural;
    registry::all().iter().find(same).unwrap_or(kind)
}

/// Whether the stored bytes are what clients of this version get.
pub(crate) fn is_native(kind: &'static Kind) -> bool {
    std::ptr::eq(stored_kind(kind), kind)
}

/// A stored object in the version of `kind`.
pub(crate) fn decode(kind: &'static Kind, entry: &Entry) -> Result<Value, Status> {
    decode_bytes(kind, &entry.key, &entry.value)
}

/// The same for bytes of that key.
pub(crate) fn decode_bytes(kind: &'static Kind, key: &str, bytes: &[u8]) -> Result<Value, Status> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Status::internal(format!("the stored object {key} cannot be read: {error}")))?;
    Ok(if is_native(kind) { value } else { convert::between(value, stored_kind(kind), kind) })
}

/// An object as its readers of version `kind` get it: the stored bytes themselves where no conversion is due.
pub(crate) fn served(kind: &'static Kind, entry: &Entry) -> Result<Bytes, Status> {
    if is_native(kind) {
        return Ok(entry.value.clone());
    }
    Ok(decode(kind, entry)?.to_string().into())
}

/// The operation that writes an object of version `kind`.
pub(crate) fn put(
    kind: &'static Kind,
    namespace: Option<&str>,
    name: &str,
    object: &Value,
    expect: Expect,
) -> Op {
    Op::Put { key: key(kind, namespace, name), payload: stamped(kind, object), expect, lease: None }
}

/// The operation that removes an object of version `kind` and leaves `object` as the last state for watchers.
pub(crate) fn remove(
    kind: &'static Kind,
    namespace: Option<&str>,
    name: &str,
    object: &Value,
    expect: Expect,
) -> Op {
    Op::Delete { key: key(kind, namespace, name), expect, last: Some(stamped(kind, object)) }
}

/// The bytes to store, with the resourceVersion left to the commit.
pub(crate) fn stamped(kind: &'static Kind, object: &Value) -> Payload {
    let stored = stored_kind(kind);
    if std::ptr::eq(stored, kind) {
        return split(object);
    }
    split(&convert::between(object.clone(), kind, stored))
}

/// Writes the object's JSON in two parts around the digits of the resourceVersion.
fn split(object: &Value) -> Payload {
    let mut head = Vec::with_capacity(1024);
    let mut tail = Vec::with_capacity(1024);
    head.push(b'{');
    let empty = serde_json::Map::new();
    let fields = object.as_object().unwrap_or(&empty);
    for (key, value) in fields.iter().filter(|(key, _)| *key == "apiVersion" || *key == "kind") {
        member(&mut head, key, value);
        head.push(b',');
    }
    head.extend_from_slice(b"\"metadata\":{");
    let metadata = fields.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
    for (key, value) in metadata.iter().filter(|(key, _)| *key != "resourceVersion") {
        member(&mut head, key, value);
        head.push(b',');
    }
    head.extend_from_slice(b"\"resourceVersion\":\"");
    tail.extend_from_slice(b"\"}");
    for (key, value) in fields {
        if !matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
            tail.push(b',');
            member(&mut tail, key, value);
        }
    }
    tail.push(b'}');
    Payload::Stamped { head: head.into(), tail: tail.into() }
}

fn member(out: &mut Vec<u8>, key: &str, value: &Value) {
    // Writing JSON values with text keys into memory cannot fail.
    let _ = serde_json::to_writer(&mut *out, key);
    out.push(b':');
    let _ = serde_json::to_writer(&mut *out, value);
}

/// The bytes that a payload has after a commit of that revision.
pub(crate) fn at_revision(payload: &Payload, revision: u64) -> Bytes {
    match payload {
        Payload::Plain(bytes) => bytes.clone(),
        Payload::Stamped { head, tail } => {
            let digits = revision.to_string();
            let mut bytes = Vec::with_capacity(head.len() + digits.len() + tail.len());
            bytes.extend_from_slice(head);
            bytes.extend_from_slice(digits.as_bytes());
            bytes.extend_from_slice(tail);
            bytes.into()
        }
    }
}

/// What the client hears when a commit could not be made.
pub(crate) fn failed(failure: &Failure) -> Status {
    tracing::error!(%failure, "commit failed");
    match failure {
        Failure::NoSpace { .. } => {
            let mut status = Status::internal(failure.to_string());
            status.code = 507;
            status
        }
        Failure::Closed => Status::service_unavailable(failure.to_string()),
        other => Status::internal(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stamped_bytes_are_the_object_with_the_commits_revision() {
        let kind = registry::by_resource("", "v1", "configmaps").unwrap();
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": "b", "resourceVersion": "7", "zz": 1}, "data": {"k": "\"v\""}});
        let bytes = at_revision(&stamped(kind, &object), 4711);
        let mut expected = object;
        expected["metadata"]["resourceVersion"] = json!("4711");
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
    }

    #[test]
    fn an_object_without_metadata_or_other_fields_is_still_json() {
        let kind = registry::by_resource("", "v1", "configmaps").unwrap();
        let bytes = at_revision(&stamped(kind, &json!({})), 1);
        assert_eq!(
            serde_json::from_slice::<Value>(&bytes).unwrap(),
            json!({"metadata": {"resourceVersion": "1"}})
        );
    }

    #[test]
    fn keys_tell_groups_namespaces_and_names_apart() {
        let pods = registry::by_resource("", "v1", "pods").unwrap();
        let nodes = registry::by_resource("", "v1", "nodes").unwrap();
        let deployments = registry::by_resource("apps", "v1", "deployments").unwrap();
        assert_eq!(key(pods, Some("n"), "x"), "/registry/core/pods/n/x");
        assert_eq!(key(nodes, None, "x"), "/registry/core/nodes/x");
        assert_eq!(prefix(deployments, None), "/registry/apps/deployments/");
    }
}
