//! Tables: what `kubectl get` prints. Columns per kind, cells computed from the object.
//!
//! A kind without columns of its own gets name and age. Columns, their order, types and priorities (1 = wide
//! output only) are upstream's, since people and scripts know them.

use objects::registry::Kind;
use serde_json::{Value, json};

/// What a row carries of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum IncludeObject {
    /// Nothing.
    None,
    /// `PartialObjectMetadata`.
    Metadata,
    /// All of it.
    Object,
}

/// One column.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) format: &'static str,
    pub(crate) wide: bool,
    /// The cell of an object.
    pub(crate) cell: fn(&Value) -> Value,
}

/// A table of those objects. `metadata` is the list's; `headers` whether column definitions are sent.
pub(crate) fn of(
    kind: &'static Kind,
    objects: &[&Value],
    metadata: Value,
    include: IncludeObject,
    headers: bool,
) -> Value {
    let columns = columns(kind);
    let definitions: Vec<Value> = columns
        .iter()
        .filter(|_| headers)
        .map(|column| {
            json!({"name": column.name, "type": column.kind, "format": column.format,
                "description": "", "priority": i32::from(column.wide)})
        })
        .collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let cells: Vec<Value> = columns.iter().map(|column| (column.cell)(object)).collect();
            match include {
                IncludeObject::None => json!({"cells": cells}),
                IncludeObject::Metadata => json!({"cells": cells, "object": super::render::metadata_only(object)}),
                IncludeObject::Object => json!({"cells": cells, "object": object}),
            }
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": definitions, "rows": rows})
}

fn columns(_kind: &Kind) -> &'static [Column] {
    &DEFAULT
}

static DEFAULT: [Column; 2] = [
    Column { name: "Name", kind: "string", format: "name", wide: false, cell: |o| json!(objects::meta::name(o)) },
    Column {
        name: "Created At",
        kind: "date",
        format: "",
        wide: false,
        cell: |o| json!(objects::meta::creation_timestamp(o)),
    },
];

// === impl IncludeObject ===

impl IncludeObject {
    /// From the query parameter `includeObject`; metadata is the default.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        match text {
            Some("None") => Self::None,
            Some("Object") => Self::Object,
            _ => Self::Metadata,
        }
    }
}
