//! Columns of volumes, claims, classes and drivers.

use super::cells::{UNSET, at, items, joined, text, text_or};
use super::{AGE, Column, NAME, column, number, wide};
use objects::meta;
use objects::registry::Kind;
use serde_json::{Value, json};

pub(super) fn columns(kind: &Kind) -> Option<&'static [Column]> {
    match (kind.group, kind.kind) {
        ("", "PersistentVolume") => Some(VOLUME),
        ("", "PersistentVolumeClaim") => Some(CLAIM),
        ("storage.k8s.io", "StorageClass") => Some(STORAGE_CLASS),
        ("storage.k8s.io", "VolumeAttachment") => Some(ATTACHMENT),
        ("storage.k8s.io", "VolumeAttributesClass") => Some(ATTRIBUTES_CLASS),
        ("storage.k8s.io", "CSINode") => Some(CSI_NODE),
        ("storage.k8s.io", "CSIDriver") => Some(CSI_DRIVER),
        ("storage.k8s.io", "CSIStorageCapacity") => Some(CSI_CAPACITY),
        _ => None,
    }
}

const VOLUME_MODE: Column = wide("VolumeMode", |o| text_or(o, "/spec/volumeMode", UNSET));

/// The class, which older objects name in an annotation.
fn class(object: &Value) -> Value {
    match meta::annotation(object, "volume.beta.kubernetes.io/storage-class") {
        Some(class) => json!(class),
        None => json!(text(object, "/spec/storageClassName")),
    }
}

fn access_modes(modes: &[Value]) -> Value {
    let short = modes.iter().filter_map(Value::as_str).map(|mode| match mode {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        other => other,
    });
    joined(short, ",", "")
}

fn phase(object: &Value) -> Value {
    match meta::deletion_timestamp(object) {
        Some(_) => json!("Terminating"),
        None => json!(text(object, "/status/phase")),
    }
}

static VOLUME: &[Column] = &[
    NAME,
    column("Capacity", |o| json!(text(o, "/spec/capacity/storage"))),
    column("Access Modes", |o| access_modes(items(o, "/spec/accessModes"))),
    column("Reclaim Policy", |o| json!(text(o, "/spec/persistentVolumeReclaimPolicy"))),
    column("Status", phase),
    column("Claim", |o| match at(o, "/spec/claimRef") {
        Value::Null => json!(""),
        claim => json!(format!("{}/{}", text(claim, "/namespace"), text(claim, "/name"))),
    }),
    column("StorageClass", class),
    column("VolumeAttributesClass", |o| text_or(o, "/spec/volumeAttributesClassName", UNSET)),
    column("Reason", |o| json!(text(o, "/status/reason"))),
    AGE,
    VOLUME_MODE,
];

static CLAIM: &[Column] = &[
    NAME,
    column("Status", phase),
    column("Volume", |o| json!(text(o, "/spec/volumeName"))),
    column("Capacity", |o| match text(o, "/spec/volumeName") {
        "" => json!(""),
        _ => json!(text(o, "/status/capacity/storage")),
    }),
    column("Access Modes", |o| match text(o, "/spec/volumeName") {
        "" => json!(""),
        _ => access_modes(items(o, "/status/accessModes")),
    }),
    column("StorageClass", class),
    column("VolumeAttributesClass", |o| text_or(o, "/spec/volumeAttributesClassName", UNSET)),
    AGE,
    VOLUME_MODE,
];

static STORAGE_CLASS: &[Column] = &[
    Column {
        format: "name",
        ..column("Name", |o| {
            let default = meta::annotation(o, "storageclass.kubernetes.io/is-default-class") == Some("true");
            json!(format!("{}{}", meta::name(o), if default { " (default)" } else { "" }))
        })
    },
    column("Provisioner", |o| json!(text(o, "/provisioner"))),
    column("ReclaimPolicy", |o| text_or(o, "/reclaimPolicy", "Delete")),
    column("VolumeBindingMode", |o| text_or(o, "/volumeBindingMode", "Immediate")),
    Column {
        kind: "boolean",
        ..column("AllowVolumeExpansion", |o| json!(at(o, "/allowVolumeExpansion") == true))
    },
    AGE,
];

static ATTACHMENT: &[Column] = &[
    NAME,
    column("Attacher", |o| json!(text(o, "/spec/attacher"))),
    column("PV", |o| json!(text(o, "/spec/source/persistentVolumeName"))),
    column("Node", |o| json!(text(o, "/spec/nodeName"))),
    Column { kind: "boolean", ..column("Attached", |o| json!(at(o, "/status/attached") == true)) },
    AGE,
];

static ATTRIBUTES_CLASS: &[Column] = &[NAME, column("DriverName", |o| json!(text(o, "/driverName"))), AGE];

static CSI_NODE: &[Column] = &[NAME, number("Drivers", |o| json!(items(o, "/spec/drivers").len())), AGE];

static CSI_DRIVER: &[Column] = &[
    NAME,
    Column { kind: "boolean", ..column("AttachRequired", |o| json!(at(o, "/spec/attachRequired") != false)) },
    Column { kind: "boolean", ..column("PodInfoOnMount", |o| json!(at(o, "/spec/podInfoOnMount") == true)) },
    Column {
        kind: "boolean",
        ..column("StorageCapacity", |o| json!(at(o, "/spec/storageCapacity") == true))
    },
    column("TokenRequests", |o| {
        let audiences = items(o, "/spec/tokenRequests").iter().map(|one| text(one, "/audience"));
        joined(audiences, ",", UNSET)
    }),
    Column {
        kind: "boolean",
        ..column("RequiresRepublish", |o| json!(at(o, "/spec/requiresRepublish") == true))
    },
    column("Modes", |o| {
        joined(items(o, "/spec/volumeLifecycleModes").iter().filter_map(Value::as_str), ",", "<none>")
    }),
    AGE,
];

static CSI_CAPACITY: &[Column] = &[
    NAME,
    column("StorageClassName", |o| json!(text(o, "/storageClassName"))),
    column("Capacity", |o| json!(text(o, "/capacity"))),
    AGE,
];
