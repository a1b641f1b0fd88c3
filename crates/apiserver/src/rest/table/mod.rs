//! Tables: what `kubectl get` prints. Columns per kind, cells computed from the object.
//!
//! A kind without columns of its own gets name and time of creation. Columns, their order, types and priorities
//! (1 = wide output only) are upstream's, since people and scripts know them.

mod access;
mod cells;
mod cluster;
mod config;
mod network;
mod pod;
mod storage;
mod workload;

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
struct Column {
    name: &'static str,
    /// JSON type of the cells.
    kind: &'static str,
    format: &'static str,
    /// Shown in wide output only.
    wide: bool,
    /// The cell of an object.
    cell: fn(&Value) -> Value,
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
                IncludeObject::Metadata => {
                    json!({"cells": cells, "object": super::render::metadata_only(object)})
                }
                IncludeObject::Object => json!({"cells": cells, "object": object}),
            }
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": definitions, "rows": rows})
}

fn columns(kind: &Kind) -> &'static [Column] {
    access::columns(kind)
        .or_else(|| cluster::columns(kind))
        .or_else(|| config::columns(kind))
        .or_else(|| network::columns(kind))
        .or_else(|| pod::columns(kind))
        .or_else(|| storage::columns(kind))
        .or_else(|| workload::columns(kind))
        .unwrap_or(DEFAULT)
}

static DEFAULT: &[Column] =
    &[NAME, Column { kind: "date", ..column("Created At", |o| json!(objects::meta::creation_timestamp(o))) }];

/// The first column of nearly all kinds.
const NAME: Column = Column { format: "name", ..column("Name", |object| json!(objects::meta::name(object))) };

/// The last column of nearly all kinds.
const AGE: Column = column("Age", |object| cells::since(objects::meta::creation_timestamp(object)));

/// A column of texts.
const fn column(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    Column { name, kind: "string", format: "", wide: false, cell }
}

/// A column of numbers.
const fn number(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    Column { kind: "integer", ..column(name, cell) }
}

/// A column of wide output.
const fn wide(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    Column { wide: true, ..column(name, cell) }
}

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
