//! OpenAPI v3 (one document for each group and version) and v2 (one for all), out of the schema table.
//!
//! What clients need is here: types with their merge rules, kinds, operations with the parameters and patch formats
//! that are understood. Descriptions are not. Documents are made when first asked for and kept.

use super::discovery::{tagged, versions};
use super::{Body, openapi_protobuf};
use crate::status::Status;
use http::Response;
use http::request::Parts;
use objects::registry::{self, Kind};
use objects::schema::{Field, ListKind, Shape, TypeRef};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Patch formats that are read.
const PATCHES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// The two forms of the specification differ in where things stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    V2,
    V3,
}

/// The list of v3 documents.
pub(crate) fn v3_index() -> Value {
    let mut paths = Map::new();
    for (group, version) in group_versions() {
        let path = document_path(group, version);
        let hash = env!("CARGO_PKG_VERSION");
        let url = format!("/openapi/v3/{path}?hash={hash}");
        paths.insert(path, json!({"serverRelativeURL": url}));
    }
    json!({"paths": paths})
}

/// The v3 document of `api/v1`, `apis/apps/v1` and so on.
pub(crate) fn v3(path: &str, parts: &Parts) -> Result<Response<Body>, Status> {
    static DOCUMENTS: OnceLock<Mutex<BTreeMap<String, Arc<str>>>> = OnceLock::new();
    let mut documents = DOCUMENTS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if !documents.contains_key(path) {
        let found =
            group_versions().into_iter().find(|(group, version)| document_path(group, version) == path);
        let (group, version) = found.ok_or_else(Status::unknown_path)?;
        let kinds: Vec<&'static Kind> =
            registry::all().iter().filter(|kind| kind.group == group && kind.version == version).collect();
        let document = json!({
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.37.1"},
            "paths": paths(Dialect::V3, &kinds),
            "components": {"schemas": definitions(Dialect::V3, &kinds)},
        });
        documents.insert(path.to_owned(), document.to_string().into());
    }
    let document = documents.get(path).cloned().unwrap_or_default();
    drop(documents);
    Ok(tagged(parts, "application/json", document.to_string()))
}

/// The v2 document, as JSON or protobuf.
pub(crate) fn v2(parts: &Parts) -> Result<Response<Body>, Status> {
    static TEXT: OnceLock<String> = OnceLock::new();
    static BINARY: OnceLock<Vec<u8>> = OnceLock::new();
    let accept =
        parts.headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.starts_with("application/com.github.proto-openapi.spec.v2") && !accept.contains("json") {
        let document = BINARY.get_or_init(|| openapi_protobuf::encode(&v2_document()));
        return Ok(tagged(parts, openapi_protobuf::MEDIA_TYPE, document.clone()));
    }
    let document = TEXT.get_or_init(|| v2_document().to_string());
    Ok(tagged(parts, "application/json", document.clone()))
}

fn v2_document() -> Value {
    let kinds: Vec<&'static Kind> = registry::all().iter().collect();
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.37.1"},
        "paths": paths(Dialect::V2, &kinds),
        "definitions": definitions(Dialect::V2, &kinds),
    })
}

fn group_versions() -> Vec<(&'static str, &'static str)> {
    let groups: BTreeSet<&str> = registry::all().iter().map(|kind| kind.group).collect();
    groups
        .into_iter()
        .flat_map(|group| versions(group).into_iter().map(move |version| (group, version)))
        .collect()
}

fn document_path(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

fn paths(dialect: Dialect, kinds: &[&'static Kind]) -> Value {
    let mut paths = Map::new();
    for kind in kinds {
        let base = format!("/{}", document_path(kind.group, kind.version));
        let place = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
        let collection = format!("{base}{place}/{}", kind.plural);
        let mut operations = Map::new();
        for (method, verb, action) in [
            ("get", "list", "list"),
            ("post", "create", "post"),
            ("delete", "deletecollection", "deletecollection"),
        ] {
            if kind.allows(verb) {
                operations.insert(method.into(), operation(dialect, kind, action, kind.schema.name()));
            }
        }
        paths.insert(collection.clone(), operations.into());
        let single = format!("{collection}/{{name}}");
        let operations = object_operations(dialect, kind, kind.verbs, kind.schema.name());
        if !operations.is_empty() {
            paths.insert(single.clone(), operations.into());
        }
        for part in kind.subresources {
            let Some(schema) = part.schema else { continue };
            let mut operations = object_operations(dialect, kind, part.verbs, schema.name());
            if part.verbs.contains(&"create") {
                operations.insert("post".into(), operation(dialect, kind, "post", schema.name()));
            }
            paths.insert(format!("{single}/{}", part.name), operations.into());
        }
    }
    paths.into()
}

fn object_operations(dialect: Dialect, kind: &Kind, verbs: &[&str], schema: &str) -> Map<String, Value> {
    let mut operations = Map::new();
    for (method, verb, action) in [
        ("get", "get", "get"),
        ("put", "update", "put"),
        ("patch", "patch", "patch"),
        ("delete", "delete", "delete"),
    ] {
        if verbs.contains(&verb) {
            operations.insert(method.into(), operation(dialect, kind, action, schema));
        }
    }
    operations
}

fn operation(dialect: Dialect, kind: &Kind, action: &str, schema: &str) -> Value {
    let names: &[&str] = match action {
        "post" | "put" => &["dryRun", "fieldManager", "fieldValidation"],
        "patch" => &["dryRun", "fieldManager", "fieldValidation", "force"],
        "delete" => &["dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"],
        "list" | "deletecollection" => {
            &["continue", "fieldSelector", "labelSelector", "limit", "resourceVersion"]
        }
        _ => &[],
    };
    let mut parameters: Vec<Value> = names
        .iter()
        .map(|name| {
            let kind = match *name {
                "force" | "orphanDependents" => "boolean",
                "limit" | "gracePeriodSeconds" => "integer",
                _ => "string",
            };
            match dialect {
                Dialect::V2 => json!({"name": name, "in": "query", "type": kind, "uniqueItems": true}),
                Dialect::V3 => {
                    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
                }
            }
        })
        .collect();
    let reference = schema_reference(dialect, schema);
    let patch = schema_reference(dialect, "io.k8s.apimachinery.pkg.apis.meta.v1.Patch");
    let body = if action == "patch" { patch } else { reference.clone() };
    let has_body = matches!(action, "post" | "put" | "patch");
    let media: &[&str] = if action == "patch" { &PATCHES } else { &["*/*"] };
    let mut operation = json!({
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "operationId": format!("{action}{}{}", kind.version, kind.kind),
    });
    match dialect {
        Dialect::V2 => {
            if has_body {
                parameters.push(json!({"name": "body", "in": "body", "required": true, "schema": body}));
                operation["consumes"] = json!(media);
            }
            operation["produces"] = json!(["application/json", "application/yaml"]);
            operation["responses"] = json!({"200": {"description": "OK", "schema": reference}});
        }
        Dialect::V3 => {
            if has_body {
                let content: Map<String, Value> =
                    media.iter().map(|media| ((*media).to_owned(), json!({"schema": body}))).collect();
                operation["requestBody"] = json!({"required": true, "content": content});
            }
            operation["responses"] =
                json!({"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}});
        }
    }
    operation["parameters"] = parameters.into();
    operation
}

/// Every type that the kinds lead to.
fn definitions(dialect: Dialect, kinds: &[&'static Kind]) -> Value {
    let mut found: BTreeMap<&'static str, TypeRef> = BTreeMap::new();
    let mut open: Vec<TypeRef> = Vec::new();
    for kind in kinds {
        open.push(kind.schema);
        open.extend(registry::type_of(kind.group, kind.version, kind.list_kind));
        open.extend(kind.subresources.iter().filter_map(|part| part.schema));
    }
    open.extend(registry::type_of("meta.k8s.io", "v1", "DeleteOptions"));
    open.extend(registry::type_of("meta.k8s.io", "v1", "Status"));
    while let Some(one) = open.pop() {
        if found.insert(one.name(), one).is_none() {
            open.extend(one.get().fields.iter().filter_map(|field| inner(field.shape)));
        }
    }
    let mut named: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
    for kind in kinds {
        let title = |name: &str| json!({"group": kind.group, "version": kind.version, "kind": name});
        named.entry(kind.schema.name()).or_default().push(title(kind.kind));
        if let Some(list) = registry::type_of(kind.group, kind.version, kind.list_kind) {
            named.entry(list.name()).or_default().push(title(kind.list_kind));
        }
    }
    let mut definitions: Map<String, Value> = found
        .into_iter()
        .map(|(name, one)| {
            let mut definition = structure(dialect, one);
            if let Some(titles) = named.remove(name) {
                definition["x-kubernetes-group-version-kind"] = titles.into();
            }
            (name.to_owned(), definition)
        })
        .collect();
    definitions.insert("io.k8s.apimachinery.pkg.apis.meta.v1.Patch".into(), json!({"type": "object"}));
    definitions.into()
}

fn inner(shape: Shape) -> Option<TypeRef> {
    match shape {
        Shape::Struct(of) => Some(of),
        Shape::List(list) => inner(list.item),
        Shape::Map(map) => inner(map.value),
        _ => None,
    }
}

fn structure(dialect: Dialect, of: TypeRef) -> Value {
    let description = of.get();
    let mut properties = Map::new();
    for field in description.fields {
        properties.insert(field.name.to_owned(), property(dialect, field));
    }
    let required: Vec<&str> =
        description.fields.iter().filter(|field| field.required).map(|f| f.name).collect();
    let mut definition = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        definition["required"] = json!(required);
    }
    if description.atomic {
        definition["x-kubernetes-map-type"] = json!("atomic");
    }
    definition
}

fn property(dialect: Dialect, field: &Field) -> Value {
    let mut schema = shape(dialect, field.shape);
    let mut extras = Map::new();
    let patch = field.patch;
    let strategies: Vec<&str> =
        [(patch.merge, "merge"), (patch.retain_keys, "retainKeys"), (patch.replace, "replace")]
            .into_iter()
            .filter_map(|(on, name)| on.then_some(name))
            .collect();
    if !strategies.is_empty() {
        extras.insert("x-kubernetes-patch-strategy".into(), json!(strategies.join(",")));
    }
    if !patch.key.is_empty() {
        extras.insert("x-kubernetes-patch-merge-key".into(), json!(patch.key));
    }
    if let Some(default) = field.default.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        extras.insert("default".into(), default);
    }
    if extras.is_empty() {
        return schema;
    }
    // Nothing may stand beside `$ref` in v3.
    if dialect == Dialect::V3 && schema.get("$ref").is_some() {
        schema = json!({"allOf": [schema]});
    }
    if let Some(map) = schema.as_object_mut() {
        map.extend(extras);
    }
    schema
}

fn shape(dialect: Dialect, shape: Shape) -> Value {
    match shape {
        Shape::String | Shape::Duration => json!({"type": "string"}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Int32 => json!({"type": "integer", "format": "int32"}),
        Shape::Int64 => json!({"type": "integer", "format": "int64"}),
        Shape::Double => json!({"type": "number", "format": "double"}),
        Shape::Bytes => json!({"type": "string", "format": "byte"}),
        Shape::Time | Shape::MicroTime => json!({"type": "string", "format": "date-time"}),
        Shape::IntOrString if dialect == Dialect::V3 => {
            json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"})
        }
        Shape::IntOrString => json!({"type": "string", "format": "int-or-string"}),
        Shape::Quantity if dialect == Dialect::V3 => {
            json!({"oneOf": [{"type": "string"}, {"type": "number"}]})
        }
        Shape::Quantity => json!({"type": "string"}),
        Shape::Raw | Shape::FieldsV1 => json!({"type": "object"}),
        Shape::Any | Shape::Choice(..) => json!({}),
        Shape::Struct(of) => schema_reference(dialect, of.name()),
        Shape::List(list) => {
            let mut schema = json!({"type": "array", "items": self::shape(dialect, list.item)});
            match list.kind {
                ListKind::Atomic => schema["x-kubernetes-list-type"] = json!("atomic"),
                ListKind::Set => schema["x-kubernetes-list-type"] = json!("set"),
                ListKind::Map(keys) => {
                    schema["x-kubernetes-list-type"] = json!("map");
                    schema["x-kubernetes-list-map-keys"] = json!(keys);
                }
            }
            schema
        }
        Shape::Map(map) => {
            let mut schema =
                json!({"type": "object", "additionalProperties": self::shape(dialect, map.value)});
            if map.atomic {
                schema["x-kubernetes-map-type"] = json!("atomic");
            }
            schema
        }
    }
}

fn schema_reference(dialect: Dialect, name: &str) -> Value {
    let place = if dialect == Dialect::V2 { "definitions" } else { "components/schemas" };
    json!({"$ref": format!("#/{place}/{name}")})
}
