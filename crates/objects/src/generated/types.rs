// Made by `cargo xtask regenerate` from the facts of Kubernetes v1.37.1. Do not edit.

use super::{field, inner, wire};
use crate::schema::{Choice, List, ListKind, Map, Shape, Struct, TypeRef};

pub(super) static S0: Struct = Struct { name: "io.k8s.api.core.v1.Binding", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("target", Shape::Struct(TypeRef(&S4)), "v1.ObjectReference", "r").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S1: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", atomic: false, fields: &[
    field("annotations", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
    field("creationTimestamp", Shape::Time, "v1.Time", "o"),
    field("deletionGracePeriodSeconds", Shape::Int64, "int64", "po"),
    field("deletionTimestamp", Shape::Time, "v1.Time", "po"),
    field("finalizers", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", "o").patch(true, false, false, ""),
    field("generateName", Shape::String, "string", "o"),
    field("generation", Shape::Int64, "int64", "o"),
    field("labels", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
    field("managedFields", Shape::List(&List { item: Shape::Struct(TypeRef(&S3)), kind: ListKind::Atomic, message: false }), "[]v1.ManagedFieldsEntry", "o"),
    field("name", Shape::String, "string", "o"),
    field("namespace", Shape::String, "string", "o"),
    field("ownerReferences", Shape::List(&List { item: Shape::Struct(TypeRef(&S2)), kind: ListKind::Map(&["uid"]), message: false }), "[]v1.OwnerReference", "o").patch(true, false, false, "uid"),
    field("resourceVersion", Shape::String, "string", "o"),
    field("selfLink", Shape::String, "string", "o"),
    field("uid", Shape::String, "types.UID", "o"),
], wire: &[wire(1, 9), wire(2, 5), wire(3, 10), wire(4, 13), wire(5, 14), wire(6, 12), wire(7, 6), wire(8, 1), wire(9, 3), wire(10, 2), wire(11, 7), wire(12, 0), wire(13, 11), wire(14, 4), wire(17, 8)] };
pub(super) static S2: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference", atomic: true, fields: &[
    field("apiVersion", Shape::String, "string", "r").default(r#""""#),
    field("blockOwnerDeletion", Shape::Bool, "bool", "po"),
    field("controller", Shape::Bool, "bool", "po"),
    field("kind", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("uid", Shape::String, "types.UID", "r").default(r#""""#),
], wire: &[wire(1, 3), wire(3, 4), wire(4, 5), wire(5, 0), wire(6, 2), wire(7, 1)] };
pub(super) static S3: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("fieldsType", Shape::String, "string", "o"),
    field("fieldsV1", Shape::FieldsV1, "v1.FieldsV1", "po"),
    field("manager", Shape::String, "string", "o"),
    field("operation", Shape::String, "v1.ManagedFieldsOperationType", "o"),
    field("subresource", Shape::String, "string", "o"),
    field("time", Shape::Time, "v1.Time", "po"),
], wire: &[wire(1, 3), wire(2, 4), wire(3, 0), wire(4, 6), wire(6, 1), wire(7, 2), wire(8, 5)] };
pub(super) static S4: Struct = Struct { name: "io.k8s.api.core.v1.ObjectReference", atomic: true, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("fieldPath", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("name", Shape::String, "string", "o"),
    field("namespace", Shape::String, "string", "o"),
    field("resourceVersion", Shape::String, "string", "o"),
    field("uid", Shape::String, "types.UID", "o"),
], wire: &[wire(1, 2), wire(2, 4), wire(3, 3), wire(4, 6), wire(5, 0), wire(6, 5), wire(7, 1)] };
pub(super) static S5: Struct = Struct { name: "io.k8s.api.core.v1.ComponentStatus", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S6)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.ComponentCondition", "o").patch(true, false, false, "type"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S6: Struct = Struct { name: "io.k8s.api.core.v1.ComponentCondition", atomic: false, fields: &[
    field("error", Shape::String, "string", "o"),
    field("message", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "v1.ComponentConditionType", "r").default(r#""""#),
], wire: &[wire(1, 3), wire(2, 2), wire(3, 1), wire(4, 0)] };
pub(super) static S7: Struct = Struct { name: "io.k8s.api.core.v1.ComponentStatusList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S5)), kind: ListKind::Atomic, message: false }), "[]v1.ComponentStatus", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S8: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta", atomic: false, fields: &[
    field("continue", Shape::String, "string", "o"),
    field("remainingItemCount", Shape::Int64, "int64", "po"),
    field("resourceVersion", Shape::String, "string", "o"),
    field("selfLink", Shape::String, "string", "o"),
    field("shardInfo", Shape::Struct(TypeRef(&S9)), "v1.ShardInfo", "po"),
], wire: &[wire(1, 3), wire(2, 2), wire(3, 0), wire(4, 1), wire(5, 4)] };
pub(super) static S9: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.ShardInfo", atomic: false, fields: &[
    field("selector", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S10: Struct = Struct { name: "io.k8s.api.core.v1.ConfigMap", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("binaryData", Shape::Map(&Map { value: Shape::Bytes, atomic: false }), "map[string][]uint8", "o"),
    field("data", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
    field("immutable", Shape::Bool, "bool", "po"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
], wire: &[wire(1, 5), wire(2, 2), wire(3, 1), wire(4, 3)] };
pub(super) static S11: Struct = Struct { name: "io.k8s.api.core.v1.ConfigMapList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S10)), kind: ListKind::Atomic, message: false }), "[]v1.ConfigMap", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S12: Struct = Struct { name: "io.k8s.api.core.v1.Endpoints", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("subsets", Shape::List(&List { item: Shape::Struct(TypeRef(&S13)), kind: ListKind::Atomic, message: false }), "[]v1.EndpointSubset", "o"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S13: Struct = Struct { name: "io.k8s.api.core.v1.EndpointSubset", atomic: false, fields: &[
    field("addresses", Shape::List(&List { item: Shape::Struct(TypeRef(&S14)), kind: ListKind::Atomic, message: false }), "[]v1.EndpointAddress", "o"),
    field("notReadyAddresses", Shape::List(&List { item: Shape::Struct(TypeRef(&S14)), kind: ListKind::Atomic, message: false }), "[]v1.EndpointAddress", "o"),
    field("ports", Shape::List(&List { item: Shape::Struct(TypeRef(&S15)), kind: ListKind::Atomic, message: false }), "[]v1.EndpointPort", "o"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S14: Struct = Struct { name: "io.k8s.api.core.v1.EndpointAddress", atomic: true, fields: &[
    field("hostname", Shape::String, "string", "o"),
    field("ip", Shape::String, "string", "r").default(r#""""#),
    field("nodeName", Shape::String, "string", "po"),
    field("targetRef", Shape::Struct(TypeRef(&S4)), "v1.ObjectReference", "po"),
], wire: &[wire(1, 1), wire(2, 3), wire(3, 0), wire(4, 2)] };
pub(super) static S15: Struct = Struct { name: "io.k8s.api.core.v1.EndpointPort", atomic: true, fields: &[
    field("appProtocol", Shape::String, "string", "po"),
    field("name", Shape::String, "string", "o"),
    field("port", Shape::Int32, "int32", "r").default("0"),
    field("protocol", Shape::String, "v1.Protocol", "o"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 3), wire(4, 0)] };
pub(super) static S16: Struct = Struct { name: "io.k8s.api.core.v1.EndpointsList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S12)), kind: ListKind::Atomic, message: false }), "[]v1.Endpoints", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S17: Struct = Struct { name: "io.k8s.api.core.v1.Event", atomic: false, fields: &[
    field("action", Shape::String, "string", "o"),
    field("apiVersion", Shape::String, "string", "o"),
    field("count", Shape::Int32, "int32", "o"),
    field("eventTime", Shape::MicroTime, "v1.MicroTime", ""),
    field("firstTimestamp", Shape::Time, "v1.Time", ""),
    field("involvedObject", Shape::Struct(TypeRef(&S4)), "v1.ObjectReference", "r").default("{}"),
    field("kind", Shape::String, "string", "o"),
    field("lastTimestamp", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "r").default("{}"),
    field("reason", Shape::String, "string", "o"),
    field("related", Shape::Struct(TypeRef(&S4)), "v1.ObjectReference", "po"),
    field("reportingComponent", Shape::String, "string", "").default(r#""""#),
    field("reportingInstance", Shape::String, "string", "").default(r#""""#),
    field("series", Shape::Struct(TypeRef(&S19)), "v1.EventSeries", "po"),
    field("source", Shape::Struct(TypeRef(&S18)), "v1.EventSource", "").default("{}"),
    field("type", Shape::String, "string", "o"),
], wire: &[wire(1, 9), wire(2, 5), wire(3, 10), wire(4, 8), wire(5, 15), wire(6, 4), wire(7, 7), wire(8, 2), wire(9, 16), wire(10, 3), wire(11, 14), wire(12, 0), wire(13, 11), wire(14, 12), wire(15, 13)] };
pub(super) static S18: Struct = Struct { name: "io.k8s.api.core.v1.EventSource", atomic: false, fields: &[
    field("component", Shape::String, "string", "o"),
    field("host", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S19: Struct = Struct { name: "io.k8s.api.core.v1.EventSeries", atomic: false, fields: &[
    field("count", Shape::Int32, "int32", "o"),
    field("lastObservedTime", Shape::MicroTime, "v1.MicroTime", ""),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S20: Struct = Struct { name: "io.k8s.api.core.v1.EventList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S17)), kind: ListKind::Atomic, message: false }), "[]v1.Event", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S21: Struct = Struct { name: "io.k8s.api.core.v1.LimitRange", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S22)), "v1.LimitRangeSpec", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S22: Struct = Struct { name: "io.k8s.api.core.v1.LimitRangeSpec", atomic: false, fields: &[
    field("limits", Shape::List(&List { item: Shape::Struct(TypeRef(&S23)), kind: ListKind::Atomic, message: false }), "[]v1.LimitRangeItem", "r"),
], wire: &[wire(1, 0)] };
pub(super) static S23: Struct = Struct { name: "io.k8s.api.core.v1.LimitRangeItem", atomic: false, fields: &[
    field("default", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("defaultRequest", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("max", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("maxLimitRequestRatio", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("min", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("type", Shape::String, "v1.LimitType", "r").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 2), wire(3, 4), wire(4, 0), wire(5, 1), wire(6, 3)] };
pub(super) static S24: Struct = Struct { name: "io.k8s.api.core.v1.LimitRangeList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S21)), kind: ListKind::Atomic, message: false }), "[]v1.LimitRange", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S25: Struct = Struct { name: "io.k8s.api.core.v1.List", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Raw, kind: ListKind::Atomic, message: false }), "[]runtime.RawExtension", ""),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", ""),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S26: Struct = Struct { name: "io.k8s.api.core.v1.Namespace", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S27)), "v1.NamespaceSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S28)), "v1.NamespaceStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S27: Struct = Struct { name: "io.k8s.api.core.v1.NamespaceSpec", atomic: false, fields: &[
    field("finalizers", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.FinalizerName", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S28: Struct = Struct { name: "io.k8s.api.core.v1.NamespaceStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S29)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.NamespaceCondition", "o").patch(true, false, false, "type"),
    field("phase", Shape::String, "v1.NamespacePhase", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S29: Struct = Struct { name: "io.k8s.api.core.v1.NamespaceCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "v1.NamespaceConditionType", "r").default(r#""""#),
], wire: &[wire(1, 4), wire(2, 3), wire(4, 0), wire(5, 2), wire(6, 1)] };
pub(super) static S30: Struct = Struct { name: "io.k8s.api.core.v1.NamespaceList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S26)), kind: ListKind::Atomic, message: false }), "[]v1.Namespace", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S31: Struct = Struct { name: "io.k8s.api.core.v1.Node", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S32)), "v1.NodeSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S37)), "v1.NodeStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S32: Struct = Struct { name: "io.k8s.api.core.v1.NodeSpec", atomic: false, fields: &[
    field("configSource", Shape::Struct(TypeRef(&S34)), "v1.NodeConfigSource", "po"),
    field("externalID", Shape::String, "string", "o"),
    field("podCIDR", Shape::String, "string", "o"),
    field("podCIDRs", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", "o").patch(true, false, false, ""),
    field("podPreemptionPolicy", Shape::Struct(TypeRef(&S36)), "v1.NodePodPreemptionPolicy", "po"),
    field("providerID", Shape::String, "string", "o"),
    field("taints", Shape::List(&List { item: Shape::Struct(TypeRef(&S33)), kind: ListKind::Atomic, message: false }), "[]v1.Taint", "o"),
    field("unschedulable", Shape::Bool, "bool", "o"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 5), wire(4, 7), wire(5, 6), wire(6, 0), wire(7, 3), wire(8, 4)] };
pub(super) static S33: Struct = Struct { name: "io.k8s.api.core.v1.Taint", atomic: false, fields: &[
    field("effect", Shape::String, "v1.TaintEffect", "r").default(r#""""#),
    field("key", Shape::String, "string", "r").default(r#""""#),
    field("timeAdded", Shape::Time, "v1.Time", "po"),
    field("value", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 3), wire(3, 0), wire(4, 2)] };
pub(super) static S34: Struct = Struct { name: "io.k8s.api.core.v1.NodeConfigSource", atomic: false, fields: &[
    field("configMap", Shape::Struct(TypeRef(&S35)), "v1.ConfigMapNodeConfigSource", "po"),
], wire: &[wire(2, 0)] };
pub(super) static S35: Struct = Struct { name: "io.k8s.api.core.v1.ConfigMapNodeConfigSource", atomic: false, fields: &[
    field("kubeletConfigKey", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("namespace", Shape::String, "string", "r").default(r#""""#),
    field("resourceVersion", Shape::String, "string", "o"),
    field("uid", Shape::String, "types.UID", "o"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 4), wire(4, 3), wire(5, 0)] };
pub(super) static S36: Struct = Struct { name: "io.k8s.api.core.v1.NodePodPreemptionPolicy", atomic: false, fields: &[
    field("disableResizePreemption", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S37: Struct = Struct { name: "io.k8s.api.core.v1.NodeStatus", atomic: false, fields: &[
    field("addresses", Shape::List(&List { item: Shape::Struct(TypeRef(&S39)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.NodeAddress", "o").patch(true, false, false, "type"),
    field("allocatable", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("capacity", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S38)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.NodeCondition", "o").patch(true, false, false, "type"),
    field("config", Shape::Struct(TypeRef(&S46)), "v1.NodeConfigStatus", "po"),
    field("daemonEndpoints", Shape::Struct(TypeRef(&S40)), "v1.NodeDaemonEndpoints", "").default("{}"),
    field("declaredFeatures", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("features", Shape::Struct(TypeRef(&S49)), "v1.NodeFeatures", "po"),
    field("images", Shape::List(&List { item: Shape::Struct(TypeRef(&S44)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerImage", "o"),
    field("nodeInfo", Shape::Struct(TypeRef(&S42)), "v1.NodeSystemInfo", "").default("{}"),
    field("phase", Shape::String, "v1.NodePhase", "o"),
    field("runtimeHandlers", Shape::List(&List { item: Shape::Struct(TypeRef(&S47)), kind: ListKind::Atomic, message: false }), "[]v1.NodeRuntimeHandler", "o"),
    field("volumesAttached", Shape::List(&List { item: Shape::Struct(TypeRef(&S45)), kind: ListKind::Atomic, message: false }), "[]v1.AttachedVolume", "o"),
    field("volumesInUse", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.UniqueVolumeName", "o"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 10), wire(4, 3), wire(5, 0), wire(6, 5), wire(7, 9), wire(8, 8), wire(9, 13), wire(10, 12), wire(11, 4), wire(12, 11), wire(13, 7), wire(14, 6)] };
pub(super) static S38: Struct = Struct { name: "io.k8s.api.core.v1.NodeCondition", atomic: false, fields: &[
    field("lastHeartbeatTime", Shape::Time, "v1.Time", ""),
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "v1.NodeConditionType", "r").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 4), wire(3, 0), wire(4, 1), wire(5, 3), wire(6, 2)] };
pub(super) static S39: Struct = Struct { name: "io.k8s.api.core.v1.NodeAddress", atomic: false, fields: &[
    field("address", Shape::String, "string", "r").default(r#""""#),
    field("type", Shape::String, "v1.NodeAddressType", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S40: Struct = Struct { name: "io.k8s.api.core.v1.NodeDaemonEndpoints", atomic: false, fields: &[
    field("kubeletEndpoint", Shape::Struct(TypeRef(&S41)), "v1.DaemonEndpoint", "").default("{}"),
], wire: &[wire(1, 0)] };
pub(super) static S41: Struct = Struct { name: "io.k8s.api.core.v1.DaemonEndpoint", atomic: false, fields: &[
    field("Port", Shape::Int32, "int32", "r").default("0"),
], wire: &[wire(1, 0)] };
pub(super) static S42: Struct = Struct { name: "io.k8s.api.core.v1.NodeSystemInfo", atomic: false, fields: &[
    field("architecture", Shape::String, "string", "r").default(r#""""#),
    field("bootID", Shape::String, "string", "r").default(r#""""#),
    field("containerRuntimeVersion", Shape::String, "string", "r").default(r#""""#),
    field("kernelVersion", Shape::String, "string", "r").default(r#""""#),
    field("kubeProxyVersion", Shape::String, "string", "r").default(r#""""#),
    field("kubeletVersion", Shape::String, "string", "r").default(r#""""#),
    field("machineID", Shape::String, "string", "r").default(r#""""#),
    field("operatingSystem", Shape::String, "string", "r").default(r#""""#),
    field("osImage", Shape::String, "string", "r").default(r#""""#),
    field("runningInUserNamespace", Shape::Bool, "bool", "po"),
    field("swap", Shape::Struct(TypeRef(&S43)), "v1.NodeSwapStatus", "po"),
    field("systemUUID", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 6), wire(2, 11), wire(3, 1), wire(4, 3), wire(5, 8), wire(6, 2), wire(7, 5), wire(8, 4), wire(9, 7), wire(10, 0), wire(11, 10), wire(12, 9)] };
pub(super) static S43: Struct = Struct { name: "io.k8s.api.core.v1.NodeSwapStatus", atomic: false, fields: &[
    field("capacity", Shape::Int64, "int64", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S44: Struct = Struct { name: "io.k8s.api.core.v1.ContainerImage", atomic: false, fields: &[
    field("names", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", ""),
    field("sizeBytes", Shape::Int64, "int64", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S45: Struct = Struct { name: "io.k8s.api.core.v1.AttachedVolume", atomic: false, fields: &[
    field("devicePath", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "v1.UniqueVolumeName", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S46: Struct = Struct { name: "io.k8s.api.core.v1.NodeConfigStatus", atomic: false, fields: &[
    field("active", Shape::Struct(TypeRef(&S34)), "v1.NodeConfigSource", "po"),
    field("assigned", Shape::Struct(TypeRef(&S34)), "v1.NodeConfigSource", "po"),
    field("error", Shape::String, "string", "o"),
    field("lastKnownGood", Shape::Struct(TypeRef(&S34)), "v1.NodeConfigSource", "po"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 3), wire(4, 2)] };
pub(super) static S47: Struct = Struct { name: "io.k8s.api.core.v1.NodeRuntimeHandler", atomic: false, fields: &[
    field("features", Shape::Struct(TypeRef(&S48)), "v1.NodeRuntimeHandlerFeatures", "po"),
    field("name", Shape::String, "string", "").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S48: Struct = Struct { name: "io.k8s.api.core.v1.NodeRuntimeHandlerFeatures", atomic: false, fields: &[
    field("recursiveReadOnlyMounts", Shape::Bool, "bool", "po"),
    field("userNamespaces", Shape::Bool, "bool", "po"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S49: Struct = Struct { name: "io.k8s.api.core.v1.NodeFeatures", atomic: false, fields: &[
    field("supplementalGroupsPolicy", Shape::Bool, "bool", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S50: Struct = Struct { name: "io.k8s.api.core.v1.NodeList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S31)), kind: ListKind::Atomic, message: false }), "[]v1.Node", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S51: Struct = Struct { name: "io.k8s.api.core.v1.NodeProxyOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("path", Shape::String, "string", "o"),
], wire: &[wire(1, 2)] };
pub(super) static S52: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolume", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S53)), "v1.PersistentVolumeSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S82)), "v1.PersistentVolumeStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S53: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolumeSpec", atomic: false, fields: &[
    field("accessModes", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.PersistentVolumeAccessMode", "o"),
    field("awsElasticBlockStore", Shape::Struct(TypeRef(&S55)), "v1.AWSElasticBlockStoreVolumeSource", "po"),
    field("azureDisk", Shape::Struct(TypeRef(&S70)), "v1.AzureDiskVolumeSource", "po"),
    field("azureFile", Shape::Struct(TypeRef(&S67)), "v1.AzureFilePersistentVolumeSource", "po"),
    field("capacity", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("cephfs", Shape::Struct(TypeRef(&S63)), "v1.CephFSPersistentVolumeSource", "po"),
    field("cinder", Shape::Struct(TypeRef(&S62)), "v1.CinderPersistentVolumeSource", "po"),
    field("claimRef", Shape::Struct(TypeRef(&S4)), "v1.ObjectReference", "po"),
    field("csi", Shape::Struct(TypeRef(&S76)), "v1.CSIPersistentVolumeSource", "po"),
    field("fc", Shape::Struct(TypeRef(&S64)), "v1.FCVolumeSource", "po"),
    field("flexVolume", Shape::Struct(TypeRef(&S66)), "v1.FlexPersistentVolumeSource", "po"),
    field("flocker", Shape::Struct(TypeRef(&S65)), "v1.FlockerVolumeSource", "po"),
    field("gcePersistentDisk", Shape::Struct(TypeRef(&S54)), "v1.GCEPersistentDiskVolumeSource", "po"),
    field("glusterfs", Shape::Struct(TypeRef(&S57)), "v1.GlusterfsPersistentVolumeSource", "po"),
    field("hostPath", Shape::Struct(TypeRef(&S56)), "v1.HostPathVolumeSource", "po"),
    field("iscsi", Shape::Struct(TypeRef(&S61)), "v1.ISCSIPersistentVolumeSource", "po"),
    field("local", Shape::Struct(TypeRef(&S74)), "v1.LocalVolumeSource", "po"),
    field("mountOptions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("nfs", Shape::Struct(TypeRef(&S58)), "v1.NFSVolumeSource", "po"),
    field("nodeAffinity", Shape::Struct(TypeRef(&S78)), "v1.VolumeNodeAffinity", "po"),
    field("persistentVolumeReclaimPolicy", Shape::String, "v1.PersistentVolumeReclaimPolicy", "o"),
    field("photonPersistentDisk", Shape::Struct(TypeRef(&S71)), "v1.PhotonPersistentDiskVolumeSource", "po"),
    field("portworxVolume", Shape::Struct(TypeRef(&S72)), "v1.PortworxVolumeSource", "po"),
    field("quobyte", Shape::Struct(TypeRef(&S69)), "v1.QuobyteVolumeSource", "po"),
    field("rbd", Shape::Struct(TypeRef(&S59)), "v1.RBDPersistentVolumeSource", "po"),
    field("scaleIO", Shape::Struct(TypeRef(&S73)), "v1.ScaleIOPersistentVolumeSource", "po"),
    field("storageClassName", Shape::String, "string", "o"),
    field("storageos", Shape::Struct(TypeRef(&S75)), "v1.StorageOSPersistentVolumeSource", "po"),
    field("volumeAttributesClassName", Shape::String, "string", "po"),
    field("volumeMode", Shape::String, "v1.PersistentVolumeMode", "po"),
    field("vsphereVolume", Shape::Struct(TypeRef(&S68)), "v1.VsphereVirtualDiskVolumeSource", "po"),
], wire: &[wire(1, 4), inner(2, TypeRef(&S77), false), wire(3, 0), wire(4, 7), wire(5, 20), wire(6, 26), wire(7, 17), wire(8, 29), wire(9, 19), wire(10, 28)] };
pub(super) static S54: Struct = Struct { name: "io.k8s.api.core.v1.GCEPersistentDiskVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("partition", Shape::Int32, "int32", "o"),
    field("pdName", Shape::String, "string", "r").default(r#""""#),
    field("readOnly", Shape::Bool, "bool", "o"),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1), wire(4, 3)] };
pub(super) static S55: Struct = Struct { name: "io.k8s.api.core.v1.AWSElasticBlockStoreVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("partition", Shape::Int32, "int32", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("volumeID", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 3), wire(2, 0), wire(3, 1), wire(4, 2)] };
pub(super) static S56: Struct = Struct { name: "io.k8s.api.core.v1.HostPathVolumeSource", atomic: false, fields: &[
    field("path", Shape::String, "string", "r").default(r#""""#),
    field("type", Shape::String, "v1.HostPathType", "po"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S57: Struct = Struct { name: "io.k8s.api.core.v1.GlusterfsPersistentVolumeSource", atomic: false, fields: &[
    field("endpoints", Shape::String, "string", "r").default(r#""""#),
    field("endpointsNamespace", Shape::String, "string", "po"),
    field("path", Shape::String, "string", "r").default(r#""""#),
    field("readOnly", Shape::Bool, "bool", "o"),
], wire: &[wire(1, 0), wire(2, 2), wire(3, 3), wire(4, 1)] };
pub(super) static S58: Struct = Struct { name: "io.k8s.api.core.v1.NFSVolumeSource", atomic: false, fields: &[
    field("path", Shape::String, "string", "r").default(r#""""#),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("server", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S59: Struct = Struct { name: "io.k8s.api.core.v1.RBDPersistentVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("image", Shape::String, "string", "r").default(r#""""#),
    field("keyring", Shape::String, "string", "o").default(r#""/etc/ceph/keyring""#),
    field("monitors", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "r"),
    field("pool", Shape::String, "string", "o").default(r#""rbd""#),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S60)), "v1.SecretReference", "po"),
    field("user", Shape::String, "string", "o").default(r#""admin""#),
], wire: &[wire(1, 3), wire(2, 1), wire(3, 0), wire(4, 4), wire(5, 7), wire(6, 2), wire(7, 6), wire(8, 5)] };
pub(super) static S60: Struct = Struct { name: "io.k8s.api.core.v1.SecretReference", atomic: true, fields: &[
    field("name", Shape::String, "string", "o"),
    field("namespace", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S61: Struct = Struct { name: "io.k8s.api.core.v1.ISCSIPersistentVolumeSource", atomic: false, fields: &[
    field("chapAuthDiscovery", Shape::Bool, "bool", "o"),
    field("chapAuthSession", Shape::Bool, "bool", "o"),
    field("fsType", Shape::String, "string", "o"),
    field("initiatorName", Shape::String, "string", "po"),
    field("iqn", Shape::String, "string", "r").default(r#""""#),
    field("iscsiInterface", Shape::String, "string", "o").default(r#""default""#),
    field("lun", Shape::Int32, "int32", "r").default("0"),
    field("portals", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S60)), "v1.SecretReference", "po"),
    field("targetPortal", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 10), wire(2, 4), wire(3, 6), wire(4, 5), wire(5, 2), wire(6, 8), wire(7, 7), wire(8, 0), wire(10, 9), wire(11, 1), wire(12, 3)] };
pub(super) static S62: Struct = Struct { name: "io.k8s.api.core.v1.CinderPersistentVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S60)), "v1.SecretReference", "po"),
    field("volumeID", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 3), wire(2, 0), wire(3, 1), wire(4, 2)] };
pub(super) static S63: Struct = Struct { name: "io.k8s.api.core.v1.CephFSPersistentVolumeSource", atomic: false, fields: &[
    field("monitors", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "r"),
    field("path", Shape::String, "string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretFile", Shape::String, "string", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S60)), "v1.SecretReference", "po"),
    field("user", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 5), wire(4, 3), wire(5, 4), wire(6, 2)] };
pub(super) static S64: Struct = Struct { name: "io.k8s.api.core.v1.FCVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("lun", Shape::Int32, "int32", "po"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("targetWWNs", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("wwids", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 3), wire(2, 1), wire(3, 0), wire(4, 2), wire(5, 4)] };
pub(super) static S65: Struct = Struct { name: "io.k8s.api.core.v1.FlockerVolumeSource", atomic: false, fields: &[
    field("datasetName", Shape::String, "string", "o"),
    field("datasetUUID", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S66: Struct = Struct { name: "io.k8s.api.core.v1.FlexPersistentVolumeSource", atomic: false, fields: &[
    field("driver", Shape::String, "string", "r").default(r#""""#),
    field("fsType", Shape::String, "string", "o"),
    field("options", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S60)), "v1.SecretReference", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 4), wire(4, 3), wire(5, 2)] };
pub(super) static S67: Struct = Struct { name: "io.k8s.api.core.v1.AzureFilePersistentVolumeSource", atomic: false, fields: &[
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretName", Shape::String, "string", "r").default(r#""""#),
    field("secretNamespace", Shape::String, "string", "p"),
    field("shareName", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 3), wire(3, 0), wire(4, 2)] };
pub(super) static S68: Struct = Struct { name: "io.k8s.api.core.v1.VsphereVirtualDiskVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("storagePolicyID", Shape::String, "string", "o"),
    field("storagePolicyName", Shape::String, "string", "o"),
    field("volumePath", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 3), wire(2, 0), wire(3, 2), wire(4, 1)] };
pub(super) static S69: Struct = Struct { name: "io.k8s.api.core.v1.QuobyteVolumeSource", atomic: false, fields: &[
    field("group", Shape::String, "string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("registry", Shape::String, "string", "r").default(r#""""#),
    field("tenant", Shape::String, "string", "o"),
    field("user", Shape::String, "string", "o"),
    field("volume", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 5), wire(3, 1), wire(4, 4), wire(5, 0), wire(6, 3)] };
pub(super) static S70: Struct = Struct { name: "io.k8s.api.core.v1.AzureDiskVolumeSource", atomic: false, fields: &[
    field("cachingMode", Shape::String, "v1.AzureDataDiskCachingMode", "po").default(r#""ReadWrite""#),
    field("diskName", Shape::String, "string", "r").default(r#""""#),
    field("diskURI", Shape::String, "string", "r").default(r#""""#),
    field("fsType", Shape::String, "string", "po").default(r#""ext4""#),
    field("kind", Shape::String, "v1.AzureDataDiskKind", "po").default(r#""Shared""#),
    field("readOnly", Shape::Bool, "bool", "po").default("false"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0), wire(4, 3), wire(5, 5), wire(6, 4)] };
pub(super) static S71: Struct = Struct { name: "io.k8s.api.core.v1.PhotonPersistentDiskVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("pdID", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S72: Struct = Struct { name: "io.k8s.api.core.v1.PortworxVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("volumeID", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S73: Struct = Struct { name: "io.k8s.api.core.v1.ScaleIOPersistentVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o").default(r#""xfs""#),
    field("gateway", Shape::String, "string", "r").default(r#""""#),
    field("protectionDomain", Shape::String, "string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S60)), "v1.SecretReference", "rp"),
    field("sslEnabled", Shape::Bool, "bool", "o"),
    field("storageMode", Shape::String, "string", "o").default(r#""ThinProvisioned""#),
    field("storagePool", Shape::String, "string", "o"),
    field("system", Shape::String, "string", "r").default(r#""""#),
    field("volumeName", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 8), wire(3, 4), wire(4, 5), wire(5, 2), wire(6, 7), wire(7, 6), wire(8, 9), wire(9, 0), wire(10, 3)] };
pub(super) static S74: Struct = Struct { name: "io.k8s.api.core.v1.LocalVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "po"),
    field("path", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S75: Struct = Struct { name: "io.k8s.api.core.v1.StorageOSPersistentVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S4)), "v1.ObjectReference", "po"),
    field("volumeName", Shape::String, "string", "o"),
    field("volumeNamespace", Shape::String, "string", "o"),
], wire: &[wire(1, 3), wire(2, 4), wire(3, 0), wire(4, 1), wire(5, 2)] };
pub(super) static S76: Struct = Struct { name: "io.k8s.api.core.v1.CSIPersistentVolumeSource", atomic: false, fields: &[
    field("controllerExpandSecretRef", Shape::Struct(TypeRef(&S60)), "v1.SecretReference", "po"),
    field("controllerPublishSecretRef", Shape::Struct(TypeRef(&S60)), "v1.SecretReference", "po"),
    field("driver", Shape::String, "string", "r").default(r#""""#),
    field("fsType", Shape::String, "string", "o"),
    field("nodeExpandSecretRef", Shape::Struct(TypeRef(&S60)), "v1.SecretReference", "po"),
    field("nodePublishSecretRef", Shape::Struct(TypeRef(&S60)), "v1.SecretReference", "po"),
    field("nodeStageSecretRef", Shape::Struct(TypeRef(&S60)), "v1.SecretReference", "po"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("volumeAttributes", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
    field("volumeHandle", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 9), wire(3, 7), wire(4, 3), wire(5, 8), wire(6, 1), wire(7, 6), wire(8, 5), wire(9, 0), wire(10, 4)] };
pub(super) static S77: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolumeSource", atomic: false, fields: &[
    field("awsElasticBlockStore", Shape::Struct(TypeRef(&S55)), "v1.AWSElasticBlockStoreVolumeSource", "po"),
    field("azureDisk", Shape::Struct(TypeRef(&S70)), "v1.AzureDiskVolumeSource", "po"),
    field("azureFile", Shape::Struct(TypeRef(&S67)), "v1.AzureFilePersistentVolumeSource", "po"),
    field("cephfs", Shape::Struct(TypeRef(&S63)), "v1.CephFSPersistentVolumeSource", "po"),
    field("cinder", Shape::Struct(TypeRef(&S62)), "v1.CinderPersistentVolumeSource", "po"),
    field("csi", Shape::Struct(TypeRef(&S76)), "v1.CSIPersistentVolumeSource", "po"),
    field("fc", Shape::Struct(TypeRef(&S64)), "v1.FCVolumeSource", "po"),
    field("flexVolume", Shape::Struct(TypeRef(&S66)), "v1.FlexPersistentVolumeSource", "po"),
    field("flocker", Shape::Struct(TypeRef(&S65)), "v1.FlockerVolumeSource", "po"),
    field("gcePersistentDisk", Shape::Struct(TypeRef(&S54)), "v1.GCEPersistentDiskVolumeSource", "po"),
    field("glusterfs", Shape::Struct(TypeRef(&S57)), "v1.GlusterfsPersistentVolumeSource", "po"),
    field("hostPath", Shape::Struct(TypeRef(&S56)), "v1.HostPathVolumeSource", "po"),
    field("iscsi", Shape::Struct(TypeRef(&S61)), "v1.ISCSIPersistentVolumeSource", "po"),
    field("local", Shape::Struct(TypeRef(&S74)), "v1.LocalVolumeSource", "po"),
    field("nfs", Shape::Struct(TypeRef(&S58)), "v1.NFSVolumeSource", "po"),
    field("photonPersistentDisk", Shape::Struct(TypeRef(&S71)), "v1.PhotonPersistentDiskVolumeSource", "po"),
    field("portworxVolume", Shape::Struct(TypeRef(&S72)), "v1.PortworxVolumeSource", "po"),
    field("quobyte", Shape::Struct(TypeRef(&S69)), "v1.QuobyteVolumeSource", "po"),
    field("rbd", Shape::Struct(TypeRef(&S59)), "v1.RBDPersistentVolumeSource", "po"),
    field("scaleIO", Shape::Struct(TypeRef(&S73)), "v1.ScaleIOPersistentVolumeSource", "po"),
    field("storageos", Shape::Struct(TypeRef(&S75)), "v1.StorageOSPersistentVolumeSource", "po"),
    field("vsphereVolume", Shape::Struct(TypeRef(&S68)), "v1.VsphereVirtualDiskVolumeSource", "po"),
], wire: &[wire(1, 9), wire(2, 0), wire(3, 11), wire(4, 10), wire(5, 14), wire(6, 18), wire(7, 12), wire(8, 4), wire(9, 3), wire(10, 6), wire(11, 8), wire(12, 7), wire(13, 2), wire(14, 21), wire(15, 17), wire(16, 1), wire(17, 15), wire(18, 16), wire(19, 19), wire(20, 13), wire(21, 20), wire(22, 5)] };
pub(super) static S78: Struct = Struct { name: "io.k8s.api.core.v1.VolumeNodeAffinity", atomic: false, fields: &[
    field("required", Shape::Struct(TypeRef(&S79)), "v1.NodeSelector", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S79: Struct = Struct { name: "io.k8s.api.core.v1.NodeSelector", atomic: true, fields: &[
    field("nodeSelectorTerms", Shape::List(&List { item: Shape::Struct(TypeRef(&S80)), kind: ListKind::Atomic, message: false }), "[]v1.NodeSelectorTerm", "r"),
], wire: &[wire(1, 0)] };
pub(super) static S80: Struct = Struct { name: "io.k8s.api.core.v1.NodeSelectorTerm", atomic: true, fields: &[
    field("matchExpressions", Shape::List(&List { item: Shape::Struct(TypeRef(&S81)), kind: ListKind::Atomic, message: false }), "[]v1.NodeSelectorRequirement", "o"),
    field("matchFields", Shape::List(&List { item: Shape::Struct(TypeRef(&S81)), kind: ListKind::Atomic, message: false }), "[]v1.NodeSelectorRequirement", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S81: Struct = Struct { name: "io.k8s.api.core.v1.NodeSelectorRequirement", atomic: false, fields: &[
    field("key", Shape::String, "string", "r").default(r#""""#),
    field("operator", Shape::String, "v1.NodeSelectorOperator", "r").default(r#""""#),
    field("values", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S82: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolumeStatus", atomic: false, fields: &[
    field("lastPhaseTransitionTime", Shape::Time, "v1.Time", "po"),
    field("message", Shape::String, "string", "o"),
    field("phase", Shape::String, "v1.PersistentVolumePhase", "o"),
    field("reason", Shape::String, "string", "o"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 3), wire(4, 0)] };
pub(super) static S83: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolumeClaim", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S84)), "v1.PersistentVolumeClaimSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S90)), "v1.PersistentVolumeClaimStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S84: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolumeClaimSpec", atomic: false, fields: &[
    field("accessModes", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.PersistentVolumeAccessMode", "o"),
    field("dataSource", Shape::Struct(TypeRef(&S88)), "v1.TypedLocalObjectReference", "po"),
    field("dataSourceRef", Shape::Struct(TypeRef(&S89)), "v1.TypedObjectReference", "po"),
    field("resources", Shape::Struct(TypeRef(&S87)), "v1.VolumeResourceRequirements", "").default("{}"),
    field("selector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("storageClassName", Shape::String, "string", "po"),
    field("volumeAttributesClassName", Shape::String, "string", "po"),
    field("volumeMode", Shape::String, "v1.PersistentVolumeMode", "po"),
    field("volumeName", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 3), wire(3, 8), wire(4, 4), wire(5, 5), wire(6, 7), wire(7, 1), wire(8, 2), wire(9, 6)] };
pub(super) static S85: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector", atomic: true, fields: &[
    field("matchExpressions", Shape::List(&List { item: Shape::Struct(TypeRef(&S86)), kind: ListKind::Atomic, message: false }), "[]v1.LabelSelectorRequirement", "o"),
    field("matchLabels", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S86: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement", atomic: false, fields: &[
    field("key", Shape::String, "string", "r").default(r#""""#),
    field("operator", Shape::String, "v1.LabelSelectorOperator", "r").default(r#""""#),
    field("values", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S87: Struct = Struct { name: "io.k8s.api.core.v1.VolumeResourceRequirements", atomic: false, fields: &[
    field("limits", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("requests", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S88: Struct = Struct { name: "io.k8s.api.core.v1.TypedLocalObjectReference", atomic: true, fields: &[
    field("apiGroup", Shape::String, "string", "p"),
    field("kind", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S89: Struct = Struct { name: "io.k8s.api.core.v1.TypedObjectReference", atomic: false, fields: &[
    field("apiGroup", Shape::String, "string", "p"),
    field("kind", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("namespace", Shape::String, "string", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2), wire(4, 3)] };
pub(super) static S90: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolumeClaimStatus", atomic: false, fields: &[
    field("accessModes", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.PersistentVolumeAccessMode", "o"),
    field("allocatedResourceStatuses", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[v1.ResourceName]v1.ClaimResourceStatus", "o"),
    field("allocatedResources", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("capacity", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S91)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.PersistentVolumeClaimCondition", "o").patch(true, false, false, "type"),
    field("currentVolumeAttributesClassName", Shape::String, "string", "po"),
    field("healthStatus", Shape::Struct(TypeRef(&S93)), "v1.VolumeHealthStatus", "po"),
    field("modifyVolumeStatus", Shape::Struct(TypeRef(&S92)), "v1.ModifyVolumeStatus", "po"),
    field("phase", Shape::String, "v1.PersistentVolumeClaimPhase", "o"),
], wire: &[wire(1, 8), wire(2, 0), wire(3, 3), wire(4, 4), wire(5, 2), wire(7, 1), wire(8, 5), wire(9, 7), wire(10, 6)] };
pub(super) static S91: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolumeClaimCondition", atomic: false, fields: &[
    field("lastProbeTime", Shape::Time, "v1.Time", ""),
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "v1.PersistentVolumeClaimConditionType", "r").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 4), wire(3, 0), wire(4, 1), wire(5, 3), wire(6, 2)] };
pub(super) static S92: Struct = Struct { name: "io.k8s.api.core.v1.ModifyVolumeStatus", atomic: false, fields: &[
    field("status", Shape::String, "v1.PersistentVolumeClaimModifyVolumeStatus", "r").default(r#""""#),
    field("targetVolumeAttributesClassName", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S93: Struct = Struct { name: "io.k8s.api.core.v1.VolumeHealthStatus", atomic: false, fields: &[
    field("healthConditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S94)), kind: ListKind::Map(&["status","reason"]), message: false }), "[]v1.VolumeHealthCondition", "o").patch(true, false, false, "status"),
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S94: Struct = Struct { name: "io.k8s.api.core.v1.VolumeHealthCondition", atomic: false, fields: &[
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "r").default(r#""""#),
    field("status", Shape::String, "v1.VolumeHealthStatusType", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S95: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolumeClaimList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S83)), kind: ListKind::Atomic, message: false }), "[]v1.PersistentVolumeClaim", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S96: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolumeList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S52)), kind: ListKind::Atomic, message: false }), "[]v1.PersistentVolume", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S97: Struct = Struct { name: "io.k8s.api.core.v1.Pod", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S98)), "v1.PodSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S188)), "v1.PodStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S98: Struct = Struct { name: "io.k8s.api.core.v1.PodSpec", atomic: false, fields: &[
    field("activeDeadlineSeconds", Shape::Int64, "int64", "po"),
    field("affinity", Shape::Struct(TypeRef(&S170)), "v1.Affinity", "po"),
    field("automountServiceAccountToken", Shape::Bool, "bool", "po"),
    field("containers", Shape::List(&List { item: Shape::Struct(TypeRef(&S133)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.Container", "r").patch(true, false, false, "name"),
    field("dnsConfig", Shape::Struct(TypeRef(&S179)), "v1.PodDNSConfig", "po"),
    field("dnsPolicy", Shape::String, "v1.DNSPolicy", "o"),
    field("enableServiceLinks", Shape::Bool, "bool", "po"),
    field("ephemeralContainers", Shape::List(&List { item: Shape::Struct(TypeRef(&S166)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.EphemeralContainer", "o").patch(true, false, false, "name"),
    field("evictionResponders", Shape::List(&List { item: Shape::Struct(TypeRef(&S187)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.EvictionResponder", "o").patch(true, false, false, "name"),
    field("hostAliases", Shape::List(&List { item: Shape::Struct(TypeRef(&S178)), kind: ListKind::Map(&["ip"]), message: false }), "[]v1.HostAlias", "o").patch(true, false, false, "ip"),
    field("hostIPC", Shape::Bool, "bool", "o"),
    field("hostNetwork", Shape::Bool, "bool", "o"),
    field("hostPID", Shape::Bool, "bool", "o"),
    field("hostUsers", Shape::Bool, "bool", "po"),
    field("hostname", Shape::String, "string", "o"),
    field("hostnameOverride", Shape::String, "string", "po"),
    field("imagePullSecrets", Shape::List(&List { item: Shape::Struct(TypeRef(&S105)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.LocalObjectReference", "o").patch(true, false, false, "name"),
    field("initContainers", Shape::List(&List { item: Shape::Struct(TypeRef(&S133)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.Container", "o").patch(true, false, false, "name"),
    field("nodeName", Shape::String, "string", "o"),
    field("nodeSelector", Shape::Map(&Map { value: Shape::String, atomic: true }), "map[string]string", "oa"),
    field("os", Shape::Struct(TypeRef(&S183)), "v1.PodOS", "po"),
    field("overhead", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("preemptionPolicy", Shape::String, "v1.PreemptionPolicy", "po"),
    field("priority", Shape::Int32, "int32", "po"),
    field("priorityClassName", Shape::String, "string", "o"),
    field("readinessGates", Shape::List(&List { item: Shape::Struct(TypeRef(&S181)), kind: ListKind::Atomic, message: false }), "[]v1.PodReadinessGate", "o"),
    field("resourceClaims", Shape::List(&List { item: Shape::Struct(TypeRef(&S185)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.PodResourceClaim", "o").patch(true, true, false, "name"),
    field("resources", Shape::Struct(TypeRef(&S143)), "v1.ResourceRequirements", "po"),
    field("restartPolicy", Shape::String, "v1.RestartPolicy", "o"),
    field("runtimeClassName", Shape::String, "string", "po"),
    field("schedulerName", Shape::String, "string", "o"),
    field("schedulingGates", Shape::List(&List { item: Shape::Struct(TypeRef(&S184)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.PodSchedulingGate", "o").patch(true, false, false, "name"),
    field("schedulingGroup", Shape::Struct(TypeRef(&S186)), "v1.PodSchedulingGroup", "po"),
    field("securityContext", Shape::Struct(TypeRef(&S168)), "v1.PodSecurityContext", "po"),
    field("serviceAccount", Shape::String, "string", "o"),
    field("serviceAccountName", Shape::String, "string", "o"),
    field("setHostnameAsFQDN", Shape::Bool, "bool", "po"),
    field("shareProcessNamespace", Shape::Bool, "bool", "po"),
    field("subdomain", Shape::String, "string", "o"),
    field("terminationGracePeriodSeconds", Shape::Int64, "int64", "po"),
    field("tolerations", Shape::List(&List { item: Shape::Struct(TypeRef(&S177)), kind: ListKind::Atomic, message: false }), "[]v1.Toleration", "o"),
    field("topologySpreadConstraints", Shape::List(&List { item: Shape::Struct(TypeRef(&S182)), kind: ListKind::Map(&["topologyKey","whenUnsatisfiable"]), message: false }), "[]v1.TopologySpreadConstraint", "o").patch(true, false, false, "topologyKey"),
    field("volumes", Shape::List(&List { item: Shape::Struct(TypeRef(&S99)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.Volume", "o").patch(true, true, false, "name"),
], wire: &[wire(1, 42), wire(2, 3), wire(3, 28), wire(4, 39), wire(5, 0), wire(6, 5), wire(7, 19), wire(8, 35), wire(9, 34), wire(10, 18), wire(11, 11), wire(12, 12), wire(13, 10), wire(14, 33), wire(15, 16), wire(16, 14), wire(17, 38), wire(18, 1), wire(19, 30), wire(20, 17), wire(21, 2), wire(22, 40), wire(23, 9), wire(24, 24), wire(25, 23), wire(26, 4), wire(27, 37), wire(28, 25), wire(29, 29), wire(30, 6), wire(31, 22), wire(32, 21), wire(33, 41), wire(34, 7), wire(35, 36), wire(36, 20), wire(37, 13), wire(38, 31), wire(39, 26), wire(40, 27), wire(41, 15), wire(43, 32), wire(44, 8)] };
pub(super) static S99: Struct = Struct { name: "io.k8s.api.core.v1.Volume", atomic: false, fields: &[
    field("awsElasticBlockStore", Shape::Struct(TypeRef(&S55)), "v1.AWSElasticBlockStoreVolumeSource", "po"),
    field("azureDisk", Shape::Struct(TypeRef(&S70)), "v1.AzureDiskVolumeSource", "po"),
    field("azureFile", Shape::Struct(TypeRef(&S116)), "v1.AzureFileVolumeSource", "po"),
    field("cephfs", Shape::Struct(TypeRef(&S111)), "v1.CephFSVolumeSource", "po"),
    field("cinder", Shape::Struct(TypeRef(&S110)), "v1.CinderVolumeSource", "po"),
    field("configMap", Shape::Struct(TypeRef(&S117)), "v1.ConfigMapVolumeSource", "po"),
    field("csi", Shape::Struct(TypeRef(&S128)), "v1.CSIVolumeSource", "po"),
    field("downwardAPI", Shape::Struct(TypeRef(&S112)), "v1.DownwardAPIVolumeSource", "po"),
    field("emptyDir", Shape::Struct(TypeRef(&S100)), "v1.EmptyDirVolumeSource", "po"),
    field("ephemeral", Shape::Struct(TypeRef(&S129)), "v1.EphemeralVolumeSource", "po"),
    field("fc", Shape::Struct(TypeRef(&S64)), "v1.FCVolumeSource", "po"),
    field("flexVolume", Shape::Struct(TypeRef(&S109)), "v1.FlexVolumeSource", "po"),
    field("flocker", Shape::Struct(TypeRef(&S65)), "v1.FlockerVolumeSource", "po"),
    field("gcePersistentDisk", Shape::Struct(TypeRef(&S54)), "v1.GCEPersistentDiskVolumeSource", "po"),
    field("gitRepo", Shape::Struct(TypeRef(&S101)), "v1.GitRepoVolumeSource", "po"),
    field("glusterfs", Shape::Struct(TypeRef(&S106)), "v1.GlusterfsVolumeSource", "po"),
    field("hostPath", Shape::Struct(TypeRef(&S56)), "v1.HostPathVolumeSource", "po"),
    field("image", Shape::Struct(TypeRef(&S131)), "v1.ImageVolumeSource", "po"),
    field("iscsi", Shape::Struct(TypeRef(&S104)), "v1.ISCSIVolumeSource", "po"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("nfs", Shape::Struct(TypeRef(&S58)), "v1.NFSVolumeSource", "po"),
    field("persistentVolumeClaim", Shape::Struct(TypeRef(&S107)), "v1.PersistentVolumeClaimVolumeSource", "po"),
    field("photonPersistentDisk", Shape::Struct(TypeRef(&S71)), "v1.PhotonPersistentDiskVolumeSource", "po"),
    field("portworxVolume", Shape::Struct(TypeRef(&S72)), "v1.PortworxVolumeSource", "po"),
    field("projected", Shape::Struct(TypeRef(&S118)), "v1.ProjectedVolumeSource", "po"),
    field("quobyte", Shape::Struct(TypeRef(&S69)), "v1.QuobyteVolumeSource", "po"),
    field("rbd", Shape::Struct(TypeRef(&S108)), "v1.RBDVolumeSource", "po"),
    field("scaleIO", Shape::Struct(TypeRef(&S126)), "v1.ScaleIOVolumeSource", "po"),
    field("secret", Shape::Struct(TypeRef(&S102)), "v1.SecretVolumeSource", "po"),
    field("storageos", Shape::Struct(TypeRef(&S127)), "v1.StorageOSVolumeSource", "po"),
    field("vsphereVolume", Shape::Struct(TypeRef(&S68)), "v1.VsphereVirtualDiskVolumeSource", "po"),
], wire: &[wire(1, 19), inner(2, TypeRef(&S132), false)] };
pub(super) static S100: Struct = Struct { name: "io.k8s.api.core.v1.EmptyDirVolumeSource", atomic: false, fields: &[
    field("medium", Shape::String, "v1.StorageMedium", "o"),
    field("mode", Shape::Int32, "int32", "po"),
    field("sizeLimit", Shape::Quantity, "resource.Quantity", "po"),
], wire: &[wire(1, 0), wire(2, 2), wire(3, 1)] };
pub(super) static S101: Struct = Struct { name: "io.k8s.api.core.v1.GitRepoVolumeSource", atomic: false, fields: &[
    field("directory", Shape::String, "string", "o"),
    field("repository", Shape::String, "string", "r").default(r#""""#),
    field("revision", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S102: Struct = Struct { name: "io.k8s.api.core.v1.SecretVolumeSource", atomic: false, fields: &[
    field("defaultMode", Shape::Int32, "int32", "po"),
    field("defaultUser", Shape::Int64, "int64", "po"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S103)), kind: ListKind::Atomic, message: false }), "[]v1.KeyToPath", "o"),
    field("optional", Shape::Bool, "bool", "po"),
    field("secretName", Shape::String, "string", "o"),
], wire: &[wire(1, 4), wire(2, 2), wire(3, 0), wire(4, 3), wire(5, 1)] };
pub(super) static S103: Struct = Struct { name: "io.k8s.api.core.v1.KeyToPath", atomic: false, fields: &[
    field("key", Shape::String, "string", "r").default(r#""""#),
    field("mode", Shape::Int32, "int32", "po"),
    field("path", Shape::String, "string", "r").default(r#""""#),
    field("user", Shape::Int64, "int64", "po"),
], wire: &[wire(1, 0), wire(2, 2), wire(3, 1), wire(4, 3)] };
pub(super) static S104: Struct = Struct { name: "io.k8s.api.core.v1.ISCSIVolumeSource", atomic: false, fields: &[
    field("chapAuthDiscovery", Shape::Bool, "bool", "o"),
    field("chapAuthSession", Shape::Bool, "bool", "o"),
    field("fsType", Shape::String, "string", "o"),
    field("initiatorName", Shape::String, "string", "po"),
    field("iqn", Shape::String, "string", "r").default(r#""""#),
    field("iscsiInterface", Shape::String, "string", "o").default(r#""default""#),
    field("lun", Shape::Int32, "int32", "r").default("0"),
    field("portals", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S105)), "v1.LocalObjectReference", "po"),
    field("targetPortal", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 10), wire(2, 4), wire(3, 6), wire(4, 5), wire(5, 2), wire(6, 8), wire(7, 7), wire(8, 0), wire(10, 9), wire(11, 1), wire(12, 3)] };
pub(super) static S105: Struct = Struct { name: "io.k8s.api.core.v1.LocalObjectReference", atomic: true, fields: &[
    field("name", Shape::String, "string", "o").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S106: Struct = Struct { name: "io.k8s.api.core.v1.GlusterfsVolumeSource", atomic: false, fields: &[
    field("endpoints", Shape::String, "string", "r").default(r#""""#),
    field("path", Shape::String, "string", "r").default(r#""""#),
    field("readOnly", Shape::Bool, "bool", "o"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S107: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolumeClaimVolumeSource", atomic: false, fields: &[
    field("claimName", Shape::String, "string", "r").default(r#""""#),
    field("readOnly", Shape::Bool, "bool", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S108: Struct = Struct { name: "io.k8s.api.core.v1.RBDVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("image", Shape::String, "string", "r").default(r#""""#),
    field("keyring", Shape::String, "string", "o").default(r#""/etc/ceph/keyring""#),
    field("monitors", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "r"),
    field("pool", Shape::String, "string", "o").default(r#""rbd""#),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S105)), "v1.LocalObjectReference", "po"),
    field("user", Shape::String, "string", "o").default(r#""admin""#),
], wire: &[wire(1, 3), wire(2, 1), wire(3, 0), wire(4, 4), wire(5, 7), wire(6, 2), wire(7, 6), wire(8, 5)] };
pub(super) static S109: Struct = Struct { name: "io.k8s.api.core.v1.FlexVolumeSource", atomic: false, fields: &[
    field("driver", Shape::String, "string", "r").default(r#""""#),
    field("fsType", Shape::String, "string", "o"),
    field("options", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S105)), "v1.LocalObjectReference", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 4), wire(4, 3), wire(5, 2)] };
pub(super) static S110: Struct = Struct { name: "io.k8s.api.core.v1.CinderVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S105)), "v1.LocalObjectReference", "po"),
    field("volumeID", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 3), wire(2, 0), wire(3, 1), wire(4, 2)] };
pub(super) static S111: Struct = Struct { name: "io.k8s.api.core.v1.CephFSVolumeSource", atomic: false, fields: &[
    field("monitors", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "r"),
    field("path", Shape::String, "string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretFile", Shape::String, "string", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S105)), "v1.LocalObjectReference", "po"),
    field("user", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 5), wire(4, 3), wire(5, 4), wire(6, 2)] };
pub(super) static S112: Struct = Struct { name: "io.k8s.api.core.v1.DownwardAPIVolumeSource", atomic: false, fields: &[
    field("defaultMode", Shape::Int32, "int32", "po"),
    field("defaultUser", Shape::Int64, "int64", "po"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S113)), kind: ListKind::Atomic, message: false }), "[]v1.DownwardAPIVolumeFile", "o"),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S113: Struct = Struct { name: "io.k8s.api.core.v1.DownwardAPIVolumeFile", atomic: false, fields: &[
    field("fieldRef", Shape::Struct(TypeRef(&S114)), "v1.ObjectFieldSelector", "po"),
    field("mode", Shape::Int32, "int32", "po"),
    field("path", Shape::String, "string", "r").default(r#""""#),
    field("resourceFieldRef", Shape::Struct(TypeRef(&S115)), "v1.ResourceFieldSelector", "po"),
    field("user", Shape::Int64, "int64", "po"),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 3), wire(4, 1), wire(5, 4)] };
pub(super) static S114: Struct = Struct { name: "io.k8s.api.core.v1.ObjectFieldSelector", atomic: true, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("fieldPath", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S115: Struct = Struct { name: "io.k8s.api.core.v1.ResourceFieldSelector", atomic: true, fields: &[
    field("containerName", Shape::String, "string", "o"),
    field("divisor", Shape::Quantity, "resource.Quantity", ""),
    field("resource", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 2), wire(3, 1)] };
pub(super) static S116: Struct = Struct { name: "io.k8s.api.core.v1.AzureFileVolumeSource", atomic: false, fields: &[
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretName", Shape::String, "string", "r").default(r#""""#),
    field("shareName", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S117: Struct = Struct { name: "io.k8s.api.core.v1.ConfigMapVolumeSource", atomic: false, fields: &[
    field("defaultMode", Shape::Int32, "int32", "po"),
    field("defaultUser", Shape::Int64, "int64", "po"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S103)), kind: ListKind::Atomic, message: false }), "[]v1.KeyToPath", "o"),
    field("name", Shape::String, "string", "o").default(r#""""#),
    field("optional", Shape::Bool, "bool", "po"),
], wire: &[inner(1, TypeRef(&S105), false), wire(2, 2), wire(3, 0), wire(4, 4), wire(5, 1)] };
pub(super) static S118: Struct = Struct { name: "io.k8s.api.core.v1.ProjectedVolumeSource", atomic: false, fields: &[
    field("defaultMode", Shape::Int32, "int32", "po"),
    field("defaultUser", Shape::Int64, "int64", "po"),
    field("sources", Shape::List(&List { item: Shape::Struct(TypeRef(&S119)), kind: ListKind::Atomic, message: false }), "[]v1.VolumeProjection", ""),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S119: Struct = Struct { name: "io.k8s.api.core.v1.VolumeProjection", atomic: false, fields: &[
    field("clusterTrustBundle", Shape::Struct(TypeRef(&S124)), "v1.ClusterTrustBundleProjection", "po"),
    field("configMap", Shape::Struct(TypeRef(&S122)), "v1.ConfigMapProjection", "po"),
    field("downwardAPI", Shape::Struct(TypeRef(&S121)), "v1.DownwardAPIProjection", "po"),
    field("podCertificate", Shape::Struct(TypeRef(&S125)), "v1.PodCertificateProjection", "po"),
    field("secret", Shape::Struct(TypeRef(&S120)), "v1.SecretProjection", "po"),
    field("serviceAccountToken", Shape::Struct(TypeRef(&S123)), "v1.ServiceAccountTokenProjection", "po"),
], wire: &[wire(1, 4), wire(2, 2), wire(3, 1), wire(4, 5), wire(5, 0), wire(6, 3)] };
pub(super) static S120: Struct = Struct { name: "io.k8s.api.core.v1.SecretProjection", atomic: false, fields: &[
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S103)), kind: ListKind::Atomic, message: false }), "[]v1.KeyToPath", "o"),
    field("name", Shape::String, "string", "o").default(r#""""#),
    field("optional", Shape::Bool, "bool", "po"),
], wire: &[inner(1, TypeRef(&S105), false), wire(2, 0), wire(4, 2)] };
pub(super) static S121: Struct = Struct { name: "io.k8s.api.core.v1.DownwardAPIProjection", atomic: false, fields: &[
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S113)), kind: ListKind::Atomic, message: false }), "[]v1.DownwardAPIVolumeFile", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S122: Struct = Struct { name: "io.k8s.api.core.v1.ConfigMapProjection", atomic: false, fields: &[
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S103)), kind: ListKind::Atomic, message: false }), "[]v1.KeyToPath", "o"),
    field("name", Shape::String, "string", "o").default(r#""""#),
    field("optional", Shape::Bool, "bool", "po"),
], wire: &[inner(1, TypeRef(&S105), false), wire(2, 0), wire(4, 2)] };
pub(super) static S123: Struct = Struct { name: "io.k8s.api.core.v1.ServiceAccountTokenProjection", atomic: false, fields: &[
    field("audience", Shape::String, "string", "o"),
    field("expirationSeconds", Shape::Int64, "int64", "po"),
    field("path", Shape::String, "string", "r").default(r#""""#),
    field("user", Shape::Int64, "int64", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2), wire(4, 3)] };
pub(super) static S124: Struct = Struct { name: "io.k8s.api.core.v1.ClusterTrustBundleProjection", atomic: false, fields: &[
    field("labelSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("name", Shape::String, "string", "po"),
    field("optional", Shape::Bool, "bool", "po"),
    field("path", Shape::String, "string", "r").default(r#""""#),
    field("signerName", Shape::String, "string", "po"),
    field("user", Shape::Int64, "int64", "po"),
], wire: &[wire(1, 1), wire(2, 4), wire(3, 0), wire(4, 3), wire(5, 2), wire(6, 5)] };
pub(super) static S125: Struct = Struct { name: "io.k8s.api.core.v1.PodCertificateProjection", atomic: false, fields: &[
    field("certificateChainPath", Shape::String, "string", "o"),
    field("credentialBundlePath", Shape::String, "string", "o"),
    field("keyPath", Shape::String, "string", "o"),
    field("keyType", Shape::String, "string", "ro"),
    field("maxExpirationSeconds", Shape::Int32, "int32", "po"),
    field("signerName", Shape::String, "string", "ro"),
    field("user", Shape::Int64, "int64", "po"),
    field("userAnnotations", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
], wire: &[wire(1, 5), wire(2, 3), wire(3, 4), wire(4, 1), wire(5, 2), wire(6, 0), wire(7, 7), wire(8, 6)] };
pub(super) static S126: Struct = Struct { name: "io.k8s.api.core.v1.ScaleIOVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o").default(r#""xfs""#),
    field("gateway", Shape::String, "string", "r").default(r#""""#),
    field("protectionDomain", Shape::String, "string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S105)), "v1.LocalObjectReference", "rp"),
    field("sslEnabled", Shape::Bool, "bool", "o"),
    field("storageMode", Shape::String, "string", "o").default(r#""ThinProvisioned""#),
    field("storagePool", Shape::String, "string", "o"),
    field("system", Shape::String, "string", "r").default(r#""""#),
    field("volumeName", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 8), wire(3, 4), wire(4, 5), wire(5, 2), wire(6, 7), wire(7, 6), wire(8, 9), wire(9, 0), wire(10, 3)] };
pub(super) static S127: Struct = Struct { name: "io.k8s.api.core.v1.StorageOSVolumeSource", atomic: false, fields: &[
    field("fsType", Shape::String, "string", "o"),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S105)), "v1.LocalObjectReference", "po"),
    field("volumeName", Shape::String, "string", "o"),
    field("volumeNamespace", Shape::String, "string", "o"),
], wire: &[wire(1, 3), wire(2, 4), wire(3, 0), wire(4, 1), wire(5, 2)] };
pub(super) static S128: Struct = Struct { name: "io.k8s.api.core.v1.CSIVolumeSource", atomic: false, fields: &[
    field("driver", Shape::String, "string", "r").default(r#""""#),
    field("fsType", Shape::String, "string", "po"),
    field("nodePublishSecretRef", Shape::Struct(TypeRef(&S105)), "v1.LocalObjectReference", "po"),
    field("readOnly", Shape::Bool, "bool", "po"),
    field("volumeAttributes", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
], wire: &[wire(1, 0), wire(2, 3), wire(3, 1), wire(4, 4), wire(5, 2)] };
pub(super) static S129: Struct = Struct { name: "io.k8s.api.core.v1.EphemeralVolumeSource", atomic: false, fields: &[
    field("volumeClaimTemplate", Shape::Struct(TypeRef(&S130)), "v1.PersistentVolumeClaimTemplate", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S130: Struct = Struct { name: "io.k8s.api.core.v1.PersistentVolumeClaimTemplate", atomic: false, fields: &[
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S84)), "v1.PersistentVolumeClaimSpec", "r").default("{}"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S131: Struct = Struct { name: "io.k8s.api.core.v1.ImageVolumeSource", atomic: false, fields: &[
    field("pullPolicy", Shape::String, "v1.PullPolicy", "o"),
    field("reference", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S132: Struct = Struct { name: "io.k8s.api.core.v1.VolumeSource", atomic: false, fields: &[
    field("awsElasticBlockStore", Shape::Struct(TypeRef(&S55)), "v1.AWSElasticBlockStoreVolumeSource", "po"),
    field("azureDisk", Shape::Struct(TypeRef(&S70)), "v1.AzureDiskVolumeSource", "po"),
    field("azureFile", Shape::Struct(TypeRef(&S116)), "v1.AzureFileVolumeSource", "po"),
    field("cephfs", Shape::Struct(TypeRef(&S111)), "v1.CephFSVolumeSource", "po"),
    field("cinder", Shape::Struct(TypeRef(&S110)), "v1.CinderVolumeSource", "po"),
    field("configMap", Shape::Struct(TypeRef(&S117)), "v1.ConfigMapVolumeSource", "po"),
    field("csi", Shape::Struct(TypeRef(&S128)), "v1.CSIVolumeSource", "po"),
    field("downwardAPI", Shape::Struct(TypeRef(&S112)), "v1.DownwardAPIVolumeSource", "po"),
    field("emptyDir", Shape::Struct(TypeRef(&S100)), "v1.EmptyDirVolumeSource", "po"),
    field("ephemeral", Shape::Struct(TypeRef(&S129)), "v1.EphemeralVolumeSource", "po"),
    field("fc", Shape::Struct(TypeRef(&S64)), "v1.FCVolumeSource", "po"),
    field("flexVolume", Shape::Struct(TypeRef(&S109)), "v1.FlexVolumeSource", "po"),
    field("flocker", Shape::Struct(TypeRef(&S65)), "v1.FlockerVolumeSource", "po"),
    field("gcePersistentDisk", Shape::Struct(TypeRef(&S54)), "v1.GCEPersistentDiskVolumeSource", "po"),
    field("gitRepo", Shape::Struct(TypeRef(&S101)), "v1.GitRepoVolumeSource", "po"),
    field("glusterfs", Shape::Struct(TypeRef(&S106)), "v1.GlusterfsVolumeSource", "po"),
    field("hostPath", Shape::Struct(TypeRef(&S56)), "v1.HostPathVolumeSource", "po"),
    field("image", Shape::Struct(TypeRef(&S131)), "v1.ImageVolumeSource", "po"),
    field("iscsi", Shape::Struct(TypeRef(&S104)), "v1.ISCSIVolumeSource", "po"),
    field("nfs", Shape::Struct(TypeRef(&S58)), "v1.NFSVolumeSource", "po"),
    field("persistentVolumeClaim", Shape::Struct(TypeRef(&S107)), "v1.PersistentVolumeClaimVolumeSource", "po"),
    field("photonPersistentDisk", Shape::Struct(TypeRef(&S71)), "v1.PhotonPersistentDiskVolumeSource", "po"),
    field("portworxVolume", Shape::Struct(TypeRef(&S72)), "v1.PortworxVolumeSource", "po"),
    field("projected", Shape::Struct(TypeRef(&S118)), "v1.ProjectedVolumeSource", "po"),
    field("quobyte", Shape::Struct(TypeRef(&S69)), "v1.QuobyteVolumeSource", "po"),
    field("rbd", Shape::Struct(TypeRef(&S108)), "v1.RBDVolumeSource", "po"),
    field("scaleIO", Shape::Struct(TypeRef(&S126)), "v1.ScaleIOVolumeSource", "po"),
    field("secret", Shape::Struct(TypeRef(&S102)), "v1.SecretVolumeSource", "po"),
    field("storageos", Shape::Struct(TypeRef(&S127)), "v1.StorageOSVolumeSource", "po"),
    field("vsphereVolume", Shape::Struct(TypeRef(&S68)), "v1.VsphereVirtualDiskVolumeSource", "po"),
], wire: &[wire(1, 16), wire(2, 8), wire(3, 13), wire(4, 0), wire(5, 14), wire(6, 27), wire(7, 19), wire(8, 18), wire(9, 15), wire(10, 20), wire(11, 25), wire(12, 11), wire(13, 4), wire(14, 3), wire(15, 12), wire(16, 7), wire(17, 10), wire(18, 2), wire(19, 5), wire(20, 29), wire(21, 24), wire(22, 1), wire(23, 21), wire(24, 22), wire(25, 26), wire(26, 23), wire(27, 28), wire(28, 6), wire(29, 9), wire(30, 17)] };
pub(super) static S133: Struct = Struct { name: "io.k8s.api.core.v1.Container", atomic: false, fields: &[
    field("args", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("command", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("env", Shape::List(&List { item: Shape::Struct(TypeRef(&S138)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.EnvVar", "o").patch(true, false, false, "name"),
    field("envFrom", Shape::List(&List { item: Shape::Struct(TypeRef(&S135)), kind: ListKind::Atomic, message: false }), "[]v1.EnvFromSource", "o"),
    field("image", Shape::String, "string", "o"),
    field("imagePullPolicy", Shape::String, "v1.PullPolicy", "o"),
    field("lifecycle", Shape::Struct(TypeRef(&S157)), "v1.Lifecycle", "po"),
    field("livenessProbe", Shape::Struct(TypeRef(&S150)), "v1.Probe", "po"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("ports", Shape::List(&List { item: Shape::Struct(TypeRef(&S134)), kind: ListKind::Map(&["containerPort","protocol"]), message: false }), "[]v1.ContainerPort", "o").patch(true, false, false, "containerPort"),
    field("readinessProbe", Shape::Struct(TypeRef(&S150)), "v1.Probe", "po"),
    field("resizePolicy", Shape::List(&List { item: Shape::Struct(TypeRef(&S145)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerResizePolicy", "o"),
    field("resources", Shape::Struct(TypeRef(&S143)), "v1.ResourceRequirements", "").default("{}"),
    field("restartPolicy", Shape::String, "v1.ContainerRestartPolicy", "po"),
    field("restartPolicyRules", Shape::List(&List { item: Shape::Struct(TypeRef(&S146)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerRestartRule", "o"),
    field("securityContext", Shape::Struct(TypeRef(&S160)), "v1.SecurityContext", "po"),
    field("startupProbe", Shape::Struct(TypeRef(&S150)), "v1.Probe", "po"),
    field("stdin", Shape::Bool, "bool", "o"),
    field("stdinOnce", Shape::Bool, "bool", "o"),
    field("terminationMessagePath", Shape::String, "string", "o"),
    field("terminationMessagePolicy", Shape::String, "v1.TerminationMessagePolicy", "o"),
    field("tty", Shape::Bool, "bool", "o"),
    field("volumeDevices", Shape::List(&List { item: Shape::Struct(TypeRef(&S149)), kind: ListKind::Map(&["devicePath"]), message: false }), "[]v1.VolumeDevice", "o").patch(true, false, false, "devicePath"),
    field("volumeMounts", Shape::List(&List { item: Shape::Struct(TypeRef(&S148)), kind: ListKind::Map(&["mountPath"]), message: false }), "[]v1.VolumeMount", "o").patch(true, false, false, "mountPath"),
    field("workingDir", Shape::String, "string", "o"),
], wire: &[wire(1, 8), wire(2, 4), wire(3, 1), wire(4, 0), wire(5, 24), wire(6, 9), wire(7, 2), wire(8, 12), wire(9, 23), wire(10, 7), wire(11, 10), wire(12, 6), wire(13, 19), wire(14, 5), wire(15, 15), wire(16, 17), wire(17, 18), wire(18, 21), wire(19, 3), wire(20, 20), wire(21, 22), wire(22, 16), wire(23, 11), wire(24, 13), wire(25, 14)] };
pub(super) static S134: Struct = Struct { name: "io.k8s.api.core.v1.ContainerPort", atomic: false, fields: &[
    field("containerPort", Shape::Int32, "int32", "r").default("0"),
    field("hostIP", Shape::String, "string", "o"),
    field("hostPort", Shape::Int32, "int32", "o"),
    field("name", Shape::String, "string", "o"),
    field("protocol", Shape::String, "v1.Protocol", "o").default(r#""TCP""#),
], wire: &[wire(1, 3), wire(2, 2), wire(3, 0), wire(4, 4), wire(5, 1)] };
pub(super) static S135: Struct = Struct { name: "io.k8s.api.core.v1.EnvFromSource", atomic: false, fields: &[
    field("configMapRef", Shape::Struct(TypeRef(&S136)), "v1.ConfigMapEnvSource", "po"),
    field("prefix", Shape::String, "string", "o"),
    field("secretRef", Shape::Struct(TypeRef(&S137)), "v1.SecretEnvSource", "po"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2)] };
pub(super) static S136: Struct = Struct { name: "io.k8s.api.core.v1.ConfigMapEnvSource", atomic: false, fields: &[
    field("name", Shape::String, "string", "o").default(r#""""#),
    field("optional", Shape::Bool, "bool", "po"),
], wire: &[inner(1, TypeRef(&S105), false), wire(2, 1)] };
pub(super) static S137: Struct = Struct { name: "io.k8s.api.core.v1.SecretEnvSource", atomic: false, fields: &[
    field("name", Shape::String, "string", "o").default(r#""""#),
    field("optional", Shape::Bool, "bool", "po"),
], wire: &[inner(1, TypeRef(&S105), false), wire(2, 1)] };
pub(super) static S138: Struct = Struct { name: "io.k8s.api.core.v1.EnvVar", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("value", Shape::String, "string", "o"),
    field("valueFrom", Shape::Struct(TypeRef(&S139)), "v1.EnvVarSource", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S139: Struct = Struct { name: "io.k8s.api.core.v1.EnvVarSource", atomic: false, fields: &[
    field("configMapKeyRef", Shape::Struct(TypeRef(&S140)), "v1.ConfigMapKeySelector", "po"),
    field("fieldRef", Shape::Struct(TypeRef(&S114)), "v1.ObjectFieldSelector", "po"),
    field("fileKeyRef", Shape::Struct(TypeRef(&S142)), "v1.FileKeySelector", "po"),
    field("resourceFieldRef", Shape::Struct(TypeRef(&S115)), "v1.ResourceFieldSelector", "po"),
    field("secretKeyRef", Shape::Struct(TypeRef(&S141)), "v1.SecretKeySelector", "po"),
], wire: &[wire(1, 1), wire(2, 3), wire(3, 0), wire(4, 4), wire(5, 2)] };
pub(super) static S140: Struct = Struct { name: "io.k8s.api.core.v1.ConfigMapKeySelector", atomic: true, fields: &[
    field("key", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "o").default(r#""""#),
    field("optional", Shape::Bool, "bool", "po"),
], wire: &[inner(1, TypeRef(&S105), false), wire(2, 0), wire(3, 2)] };
pub(super) static S141: Struct = Struct { name: "io.k8s.api.core.v1.SecretKeySelector", atomic: true, fields: &[
    field("key", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "o").default(r#""""#),
    field("optional", Shape::Bool, "bool", "po"),
], wire: &[inner(1, TypeRef(&S105), false), wire(2, 0), wire(3, 2)] };
pub(super) static S142: Struct = Struct { name: "io.k8s.api.core.v1.FileKeySelector", atomic: true, fields: &[
    field("key", Shape::String, "string", "r").default(r#""""#),
    field("optional", Shape::Bool, "bool", "po").default("false"),
    field("path", Shape::String, "string", "r").default(r#""""#),
    field("volumeName", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 3), wire(2, 2), wire(3, 0), wire(4, 1)] };
pub(super) static S143: Struct = Struct { name: "io.k8s.api.core.v1.ResourceRequirements", atomic: false, fields: &[
    field("claims", Shape::List(&List { item: Shape::Struct(TypeRef(&S144)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.ResourceClaim", "o"),
    field("limits", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("requests", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S144: Struct = Struct { name: "io.k8s.api.core.v1.ResourceClaim", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("request", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S145: Struct = Struct { name: "io.k8s.api.core.v1.ContainerResizePolicy", atomic: false, fields: &[
    field("resourceName", Shape::String, "v1.ResourceName", "r").default(r#""""#),
    field("restartPolicy", Shape::String, "v1.ResourceResizeRestartPolicy", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S146: Struct = Struct { name: "io.k8s.api.core.v1.ContainerRestartRule", atomic: false, fields: &[
    field("action", Shape::String, "v1.ContainerRestartRuleAction", "ro"),
    field("exitCodes", Shape::Struct(TypeRef(&S147)), "v1.ContainerRestartRuleOnExitCodes", "po"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S147: Struct = Struct { name: "io.k8s.api.core.v1.ContainerRestartRuleOnExitCodes", atomic: false, fields: &[
    field("operator", Shape::String, "v1.ContainerRestartRuleOnExitCodesOperator", "ro"),
    field("values", Shape::List(&List { item: Shape::Int32, kind: ListKind::Set, message: false }), "[]int32", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S148: Struct = Struct { name: "io.k8s.api.core.v1.VolumeMount", atomic: false, fields: &[
    field("bindMountOptions", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", "o"),
    field("mountPath", Shape::String, "string", "r").default(r#""""#),
    field("mountPropagation", Shape::String, "v1.MountPropagationMode", "po"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("recursiveReadOnly", Shape::String, "v1.RecursiveReadOnlyMode", "po"),
    field("subPath", Shape::String, "string", "o"),
    field("subPathExpr", Shape::String, "string", "o"),
], wire: &[wire(1, 3), wire(2, 4), wire(3, 1), wire(4, 6), wire(5, 2), wire(6, 7), wire(7, 5), wire(8, 0)] };
pub(super) static S149: Struct = Struct { name: "io.k8s.api.core.v1.VolumeDevice", atomic: false, fields: &[
    field("devicePath", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S150: Struct = Struct { name: "io.k8s.api.core.v1.Probe", atomic: false, fields: &[
    field("exec", Shape::Struct(TypeRef(&S151)), "v1.ExecAction", "po"),
    field("failureThreshold", Shape::Int32, "int32", "o"),
    field("grpc", Shape::Struct(TypeRef(&S155)), "v1.GRPCAction", "po"),
    field("httpGet", Shape::Struct(TypeRef(&S152)), "v1.HTTPGetAction", "po"),
    field("initialDelaySeconds", Shape::Int32, "int32", "o"),
    field("periodSeconds", Shape::Int32, "int32", "o"),
    field("successThreshold", Shape::Int32, "int32", "o"),
    field("tcpSocket", Shape::Struct(TypeRef(&S154)), "v1.TCPSocketAction", "po"),
    field("terminationGracePeriodSeconds", Shape::Int64, "int64", "po"),
    field("timeoutSeconds", Shape::Int32, "int32", "o"),
], wire: &[inner(1, TypeRef(&S156), false), wire(2, 4), wire(3, 9), wire(4, 5), wire(5, 6), wire(6, 1), wire(7, 8)] };
pub(super) static S151: Struct = Struct { name: "io.k8s.api.core.v1.ExecAction", atomic: false, fields: &[
    field("command", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S152: Struct = Struct { name: "io.k8s.api.core.v1.HTTPGetAction", atomic: false, fields: &[
    field("host", Shape::String, "string", "o"),
    field("httpHeaders", Shape::List(&List { item: Shape::Struct(TypeRef(&S153)), kind: ListKind::Atomic, message: false }), "[]v1.HTTPHeader", "o"),
    field("path", Shape::String, "string", "o"),
    field("port", Shape::IntOrString, "intstr.IntOrString", "r"),
    field("protocol", Shape::String, "v1.HTTPProtocol", "po"),
    field("scheme", Shape::String, "v1.URIScheme", "o"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 0), wire(4, 5), wire(5, 1), wire(6, 4)] };
pub(super) static S153: Struct = Struct { name: "io.k8s.api.core.v1.HTTPHeader", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("value", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S154: Struct = Struct { name: "io.k8s.api.core.v1.TCPSocketAction", atomic: false, fields: &[
    field("host", Shape::String, "string", "o"),
    field("port", Shape::IntOrString, "intstr.IntOrString", "r"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S155: Struct = Struct { name: "io.k8s.api.core.v1.GRPCAction", atomic: false, fields: &[
    field("mode", Shape::String, "v1.GRPCProbeMode", "po"),
    field("port", Shape::Int32, "int32", "r").default("0"),
    field("service", Shape::String, "string", "p").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S156: Struct = Struct { name: "io.k8s.api.core.v1.ProbeHandler", atomic: false, fields: &[
    field("exec", Shape::Struct(TypeRef(&S151)), "v1.ExecAction", "po"),
    field("grpc", Shape::Struct(TypeRef(&S155)), "v1.GRPCAction", "po"),
    field("httpGet", Shape::Struct(TypeRef(&S152)), "v1.HTTPGetAction", "po"),
    field("tcpSocket", Shape::Struct(TypeRef(&S154)), "v1.TCPSocketAction", "po"),
], wire: &[wire(1, 0), wire(2, 2), wire(3, 3), wire(4, 1)] };
pub(super) static S157: Struct = Struct { name: "io.k8s.api.core.v1.Lifecycle", atomic: false, fields: &[
    field("postStart", Shape::Struct(TypeRef(&S158)), "v1.LifecycleHandler", "po"),
    field("preStop", Shape::Struct(TypeRef(&S158)), "v1.LifecycleHandler", "po"),
    field("stopSignal", Shape::String, "v1.Signal", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S158: Struct = Struct { name: "io.k8s.api.core.v1.LifecycleHandler", atomic: false, fields: &[
    field("exec", Shape::Struct(TypeRef(&S151)), "v1.ExecAction", "po"),
    field("httpGet", Shape::Struct(TypeRef(&S152)), "v1.HTTPGetAction", "po"),
    field("sleep", Shape::Struct(TypeRef(&S159)), "v1.SleepAction", "po"),
    field("tcpSocket", Shape::Struct(TypeRef(&S154)), "v1.TCPSocketAction", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 3), wire(4, 2)] };
pub(super) static S159: Struct = Struct { name: "io.k8s.api.core.v1.SleepAction", atomic: false, fields: &[
    field("seconds", Shape::Int64, "int64", "r").default("0"),
], wire: &[wire(1, 0)] };
pub(super) static S160: Struct = Struct { name: "io.k8s.api.core.v1.SecurityContext", atomic: false, fields: &[
    field("allowPrivilegeEscalation", Shape::Bool, "bool", "po"),
    field("appArmorProfile", Shape::Struct(TypeRef(&S165)), "v1.AppArmorProfile", "po"),
    field("capabilities", Shape::Struct(TypeRef(&S161)), "v1.Capabilities", "po"),
    field("privileged", Shape::Bool, "bool", "po"),
    field("procMount", Shape::String, "v1.ProcMountType", "po"),
    field("readOnlyRootFilesystem", Shape::Bool, "bool", "po"),
    field("runAsGroup", Shape::Int64, "int64", "po"),
    field("runAsNonRoot", Shape::Bool, "bool", "po"),
    field("runAsUser", Shape::Int64, "int64", "po"),
    field("seLinuxOptions", Shape::Struct(TypeRef(&S162)), "v1.SELinuxOptions", "po"),
    field("seccompProfile", Shape::Struct(TypeRef(&S164)), "v1.SeccompProfile", "po"),
    field("windowsOptions", Shape::Struct(TypeRef(&S163)), "v1.WindowsSecurityContextOptions", "po"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 9), wire(4, 8), wire(5, 7), wire(6, 5), wire(7, 0), wire(8, 6), wire(9, 4), wire(10, 11), wire(11, 10), wire(12, 1)] };
pub(super) static S161: Struct = Struct { name: "io.k8s.api.core.v1.Capabilities", atomic: false, fields: &[
    field("add", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.Capability", "o"),
    field("drop", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.Capability", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S162: Struct = Struct { name: "io.k8s.api.core.v1.SELinuxOptions", atomic: false, fields: &[
    field("level", Shape::String, "string", "o"),
    field("role", Shape::String, "string", "o"),
    field("type", Shape::String, "string", "o"),
    field("user", Shape::String, "string", "o"),
], wire: &[wire(1, 3), wire(2, 1), wire(3, 2), wire(4, 0)] };
pub(super) static S163: Struct = Struct { name: "io.k8s.api.core.v1.WindowsSecurityContextOptions", atomic: false, fields: &[
    field("gmsaCredentialSpec", Shape::String, "string", "po"),
    field("gmsaCredentialSpecName", Shape::String, "string", "po"),
    field("hostProcess", Shape::Bool, "bool", "po"),
    field("runAsUserName", Shape::String, "string", "po"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 3), wire(4, 2)] };
pub(super) static S164: Struct = Struct { name: "io.k8s.api.core.v1.SeccompProfile", atomic: false, fields: &[
    field("localhostProfile", Shape::String, "string", "po"),
    field("type", Shape::String, "v1.SeccompProfileType", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S165: Struct = Struct { name: "io.k8s.api.core.v1.AppArmorProfile", atomic: false, fields: &[
    field("localhostProfile", Shape::String, "string", "po"),
    field("type", Shape::String, "v1.AppArmorProfileType", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S166: Struct = Struct { name: "io.k8s.api.core.v1.EphemeralContainer", atomic: false, fields: &[
    field("args", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("command", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("env", Shape::List(&List { item: Shape::Struct(TypeRef(&S138)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.EnvVar", "o").patch(true, false, false, "name"),
    field("envFrom", Shape::List(&List { item: Shape::Struct(TypeRef(&S135)), kind: ListKind::Atomic, message: false }), "[]v1.EnvFromSource", "o"),
    field("image", Shape::String, "string", "o"),
    field("imagePullPolicy", Shape::String, "v1.PullPolicy", "o"),
    field("lifecycle", Shape::Struct(TypeRef(&S157)), "v1.Lifecycle", "po"),
    field("livenessProbe", Shape::Struct(TypeRef(&S150)), "v1.Probe", "po"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("ports", Shape::List(&List { item: Shape::Struct(TypeRef(&S134)), kind: ListKind::Map(&["containerPort","protocol"]), message: false }), "[]v1.ContainerPort", "o").patch(true, false, false, "containerPort"),
    field("readinessProbe", Shape::Struct(TypeRef(&S150)), "v1.Probe", "po"),
    field("resizePolicy", Shape::List(&List { item: Shape::Struct(TypeRef(&S145)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerResizePolicy", "o"),
    field("resources", Shape::Struct(TypeRef(&S143)), "v1.ResourceRequirements", "").default("{}"),
    field("restartPolicy", Shape::String, "v1.ContainerRestartPolicy", "po"),
    field("restartPolicyRules", Shape::List(&List { item: Shape::Struct(TypeRef(&S146)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerRestartRule", "o"),
    field("securityContext", Shape::Struct(TypeRef(&S160)), "v1.SecurityContext", "po"),
    field("startupProbe", Shape::Struct(TypeRef(&S150)), "v1.Probe", "po"),
    field("stdin", Shape::Bool, "bool", "o"),
    field("stdinOnce", Shape::Bool, "bool", "o"),
    field("targetContainerName", Shape::String, "string", "o"),
    field("terminationMessagePath", Shape::String, "string", "o"),
    field("terminationMessagePolicy", Shape::String, "v1.TerminationMessagePolicy", "o"),
    field("tty", Shape::Bool, "bool", "o"),
    field("volumeDevices", Shape::List(&List { item: Shape::Struct(TypeRef(&S149)), kind: ListKind::Map(&["devicePath"]), message: false }), "[]v1.VolumeDevice", "o").patch(true, false, false, "devicePath"),
    field("volumeMounts", Shape::List(&List { item: Shape::Struct(TypeRef(&S148)), kind: ListKind::Map(&["mountPath"]), message: false }), "[]v1.VolumeMount", "o").patch(true, false, false, "mountPath"),
    field("workingDir", Shape::String, "string", "o"),
], wire: &[inner(1, TypeRef(&S167), false), wire(2, 19)] };
pub(super) static S167: Struct = Struct { name: "io.k8s.api.core.v1.EphemeralContainerCommon", atomic: false, fields: &[
    field("args", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("command", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("env", Shape::List(&List { item: Shape::Struct(TypeRef(&S138)), kind: ListKind::Atomic, message: false }), "[]v1.EnvVar", "o").patch(true, false, false, "name"),
    field("envFrom", Shape::List(&List { item: Shape::Struct(TypeRef(&S135)), kind: ListKind::Atomic, message: false }), "[]v1.EnvFromSource", "o"),
    field("image", Shape::String, "string", "o"),
    field("imagePullPolicy", Shape::String, "v1.PullPolicy", "o"),
    field("lifecycle", Shape::Struct(TypeRef(&S157)), "v1.Lifecycle", "po"),
    field("livenessProbe", Shape::Struct(TypeRef(&S150)), "v1.Probe", "po"),
    field("name", Shape::String, "string", ""),
    field("ports", Shape::List(&List { item: Shape::Struct(TypeRef(&S134)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerPort", "o").patch(true, false, false, "containerPort"),
    field("readinessProbe", Shape::Struct(TypeRef(&S150)), "v1.Probe", "po"),
    field("resizePolicy", Shape::List(&List { item: Shape::Struct(TypeRef(&S145)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerResizePolicy", "o"),
    field("resources", Shape::Struct(TypeRef(&S143)), "v1.ResourceRequirements", ""),
    field("restartPolicy", Shape::String, "v1.ContainerRestartPolicy", "po"),
    field("restartPolicyRules", Shape::List(&List { item: Shape::Struct(TypeRef(&S146)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerRestartRule", "o"),
    field("securityContext", Shape::Struct(TypeRef(&S160)), "v1.SecurityContext", "po"),
    field("startupProbe", Shape::Struct(TypeRef(&S150)), "v1.Probe", "po"),
    field("stdin", Shape::Bool, "bool", "o"),
    field("stdinOnce", Shape::Bool, "bool", "o"),
    field("terminationMessagePath", Shape::String, "string", "o"),
    field("terminationMessagePolicy", Shape::String, "v1.TerminationMessagePolicy", "o"),
    field("tty", Shape::Bool, "bool", "o"),
    field("volumeDevices", Shape::List(&List { item: Shape::Struct(TypeRef(&S149)), kind: ListKind::Atomic, message: false }), "[]v1.VolumeDevice", "o").patch(true, false, false, "devicePath"),
    field("volumeMounts", Shape::List(&List { item: Shape::Struct(TypeRef(&S148)), kind: ListKind::Atomic, message: false }), "[]v1.VolumeMount", "o").patch(true, false, false, "mountPath"),
    field("workingDir", Shape::String, "string", "o"),
], wire: &[wire(1, 8), wire(2, 4), wire(3, 1), wire(4, 0), wire(5, 24), wire(6, 9), wire(7, 2), wire(8, 12), wire(9, 23), wire(10, 7), wire(11, 10), wire(12, 6), wire(13, 19), wire(14, 5), wire(15, 15), wire(16, 17), wire(17, 18), wire(18, 21), wire(19, 3), wire(20, 20), wire(21, 22), wire(22, 16), wire(23, 11), wire(24, 13), wire(25, 14)] };
pub(super) static S168: Struct = Struct { name: "io.k8s.api.core.v1.PodSecurityContext", atomic: false, fields: &[
    field("appArmorProfile", Shape::Struct(TypeRef(&S165)), "v1.AppArmorProfile", "po"),
    field("fsGroup", Shape::Int64, "int64", "po"),
    field("fsGroupChangePolicy", Shape::String, "v1.PodFSGroupChangePolicy", "po"),
    field("runAsGroup", Shape::Int64, "int64", "po"),
    field("runAsNonRoot", Shape::Bool, "bool", "po"),
    field("runAsUser", Shape::Int64, "int64", "po"),
    field("seLinuxChangePolicy", Shape::String, "v1.PodSELinuxChangePolicy", "po"),
    field("seLinuxOptions", Shape::Struct(TypeRef(&S162)), "v1.SELinuxOptions", "po"),
    field("seccompProfile", Shape::Struct(TypeRef(&S164)), "v1.SeccompProfile", "po"),
    field("supplementalGroups", Shape::List(&List { item: Shape::Int64, kind: ListKind::Atomic, message: false }), "[]int64", "o"),
    field("supplementalGroupsPolicy", Shape::String, "v1.SupplementalGroupsPolicy", "po"),
    field("sysctls", Shape::List(&List { item: Shape::Struct(TypeRef(&S169)), kind: ListKind::Atomic, message: false }), "[]v1.Sysctl", "o"),
    field("windowsOptions", Shape::Struct(TypeRef(&S163)), "v1.WindowsSecurityContextOptions", "po"),
], wire: &[wire(1, 7), wire(2, 5), wire(3, 4), wire(4, 9), wire(5, 1), wire(6, 3), wire(7, 11), wire(8, 12), wire(9, 2), wire(10, 8), wire(11, 0), wire(12, 10), wire(13, 6)] };
pub(super) static S169: Struct = Struct { name: "io.k8s.api.core.v1.Sysctl", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("value", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S170: Struct = Struct { name: "io.k8s.api.core.v1.Affinity", atomic: false, fields: &[
    field("nodeAffinity", Shape::Struct(TypeRef(&S171)), "v1.NodeAffinity", "po"),
    field("podAffinity", Shape::Struct(TypeRef(&S173)), "v1.PodAffinity", "po"),
    field("podAntiAffinity", Shape::Struct(TypeRef(&S176)), "v1.PodAntiAffinity", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S171: Struct = Struct { name: "io.k8s.api.core.v1.NodeAffinity", atomic: false, fields: &[
    field("preferredDuringSchedulingIgnoredDuringExecution", Shape::List(&List { item: Shape::Struct(TypeRef(&S172)), kind: ListKind::Atomic, message: false }), "[]v1.PreferredSchedulingTerm", "o"),
    field("requiredDuringSchedulingIgnoredDuringExecution", Shape::Struct(TypeRef(&S79)), "v1.NodeSelector", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S172: Struct = Struct { name: "io.k8s.api.core.v1.PreferredSchedulingTerm", atomic: false, fields: &[
    field("preference", Shape::Struct(TypeRef(&S80)), "v1.NodeSelectorTerm", "r").default("{}"),
    field("weight", Shape::Int32, "int32", "r").default("0"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S173: Struct = Struct { name: "io.k8s.api.core.v1.PodAffinity", atomic: false, fields: &[
    field("preferredDuringSchedulingIgnoredDuringExecution", Shape::List(&List { item: Shape::Struct(TypeRef(&S175)), kind: ListKind::Atomic, message: false }), "[]v1.WeightedPodAffinityTerm", "o"),
    field("requiredDuringSchedulingIgnoredDuringExecution", Shape::List(&List { item: Shape::Struct(TypeRef(&S174)), kind: ListKind::Atomic, message: false }), "[]v1.PodAffinityTerm", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S174: Struct = Struct { name: "io.k8s.api.core.v1.PodAffinityTerm", atomic: false, fields: &[
    field("labelSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("matchLabelKeys", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("mismatchLabelKeys", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("namespaceSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("namespaces", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("topologyKey", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 4), wire(3, 5), wire(4, 3), wire(5, 1), wire(6, 2)] };
pub(super) static S175: Struct = Struct { name: "io.k8s.api.core.v1.WeightedPodAffinityTerm", atomic: false, fields: &[
    field("podAffinityTerm", Shape::Struct(TypeRef(&S174)), "v1.PodAffinityTerm", "r").default("{}"),
    field("weight", Shape::Int32, "int32", "r").default("0"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S176: Struct = Struct { name: "io.k8s.api.core.v1.PodAntiAffinity", atomic: false, fields: &[
    field("preferredDuringSchedulingIgnoredDuringExecution", Shape::List(&List { item: Shape::Struct(TypeRef(&S175)), kind: ListKind::Atomic, message: false }), "[]v1.WeightedPodAffinityTerm", "o"),
    field("requiredDuringSchedulingIgnoredDuringExecution", Shape::List(&List { item: Shape::Struct(TypeRef(&S174)), kind: ListKind::Atomic, message: false }), "[]v1.PodAffinityTerm", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S177: Struct = Struct { name: "io.k8s.api.core.v1.Toleration", atomic: false, fields: &[
    field("effect", Shape::String, "v1.TaintEffect", "o"),
    field("key", Shape::String, "string", "o"),
    field("operator", Shape::String, "v1.TolerationOperator", "o"),
    field("tolerationSeconds", Shape::Int64, "int64", "po"),
    field("value", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 4), wire(4, 0), wire(5, 3)] };
pub(super) static S178: Struct = Struct { name: "io.k8s.api.core.v1.HostAlias", atomic: false, fields: &[
    field("hostnames", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("ip", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S179: Struct = Struct { name: "io.k8s.api.core.v1.PodDNSConfig", atomic: false, fields: &[
    field("nameservers", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("options", Shape::List(&List { item: Shape::Struct(TypeRef(&S180)), kind: ListKind::Atomic, message: false }), "[]v1.PodDNSConfigOption", "o"),
    field("searches", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 0), wire(2, 2), wire(3, 1)] };
pub(super) static S180: Struct = Struct { name: "io.k8s.api.core.v1.PodDNSConfigOption", atomic: false, fields: &[
    field("name", Shape::String, "string", "o"),
    field("value", Shape::String, "string", "po"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S181: Struct = Struct { name: "io.k8s.api.core.v1.PodReadinessGate", atomic: false, fields: &[
    field("conditionType", Shape::String, "v1.PodConditionType", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S182: Struct = Struct { name: "io.k8s.api.core.v1.TopologySpreadConstraint", atomic: false, fields: &[
    field("labelSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("matchLabelKeys", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("maxSkew", Shape::Int32, "int32", "r").default("0"),
    field("minDomains", Shape::Int32, "int32", "po"),
    field("nodeAffinityPolicy", Shape::String, "v1.NodeInclusionPolicy", "po"),
    field("nodeTaintsPolicy", Shape::String, "v1.NodeInclusionPolicy", "po"),
    field("topologyKey", Shape::String, "string", "r").default(r#""""#),
    field("whenUnsatisfiable", Shape::String, "v1.UnsatisfiableConstraintAction", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 6), wire(3, 7), wire(4, 0), wire(5, 3), wire(6, 4), wire(7, 5), wire(8, 1)] };
pub(super) static S183: Struct = Struct { name: "io.k8s.api.core.v1.PodOS", atomic: false, fields: &[
    field("name", Shape::String, "v1.OSName", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S184: Struct = Struct { name: "io.k8s.api.core.v1.PodSchedulingGate", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S185: Struct = Struct { name: "io.k8s.api.core.v1.PodResourceClaim", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("resourceClaimName", Shape::String, "string", "po"),
    field("resourceClaimTemplateName", Shape::String, "string", "po"),
], wire: &[wire(1, 0), wire(3, 1), wire(4, 2)] };
pub(super) static S186: Struct = Struct { name: "io.k8s.api.core.v1.PodSchedulingGroup", atomic: false, fields: &[
    field("podGroupName", Shape::String, "string", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S187: Struct = Struct { name: "io.k8s.api.core.v1.EvictionResponder", atomic: true, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("priority", Shape::Int32, "int32", "rp"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S188: Struct = Struct { name: "io.k8s.api.core.v1.PodStatus", atomic: false, fields: &[
    field("allocatedResources", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S189)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.PodCondition", "o").patch(true, false, false, "type"),
    field("containerStatuses", Shape::List(&List { item: Shape::Struct(TypeRef(&S192)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerStatus", "o"),
    field("ephemeralContainerStatuses", Shape::List(&List { item: Shape::Struct(TypeRef(&S192)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerStatus", "o"),
    field("extendedResourceClaimStatus", Shape::Struct(TypeRef(&S205)), "v1.PodExtendedResourceClaimStatus", "po"),
    field("hostIP", Shape::String, "string", "o"),
    field("hostIPs", Shape::List(&List { item: Shape::Struct(TypeRef(&S190)), kind: ListKind::Atomic, message: false }), "[]v1.HostIP", "o").patch(true, false, false, "ip"),
    field("initContainerStatuses", Shape::List(&List { item: Shape::Struct(TypeRef(&S192)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerStatus", "o"),
    field("message", Shape::String, "string", "o"),
    field("nodeAllocatableResourceClaimStatuses", Shape::List(&List { item: Shape::Struct(TypeRef(&S207)), kind: ListKind::Map(&["resourceClaimName"]), message: false }), "[]v1.NodeAllocatableResourceClaimStatus", "o").patch(true, false, false, "resourceClaimName"),
    field("nominatedNodeName", Shape::String, "string", "o"),
    field("observedGeneration", Shape::Int64, "int64", "o"),
    field("phase", Shape::String, "v1.PodPhase", "o"),
    field("podIP", Shape::String, "string", "o"),
    field("podIPs", Shape::List(&List { item: Shape::Struct(TypeRef(&S191)), kind: ListKind::Map(&["ip"]), message: false }), "[]v1.PodIP", "o").patch(true, false, false, "ip"),
    field("qosClass", Shape::String, "v1.PodQOSClass", "o"),
    field("reason", Shape::String, "string", "o"),
    field("resize", Shape::String, "v1.PodResizeStatus", "o"),
    field("resourceClaimStatuses", Shape::List(&List { item: Shape::Struct(TypeRef(&S204)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.PodResourceClaimStatus", "o").patch(true, true, false, "name"),
    field("resources", Shape::Struct(TypeRef(&S143)), "v1.ResourceRequirements", "po"),
    field("startTime", Shape::Time, "v1.Time", "po"),
    field("volumeHealth", Shape::List(&List { item: Shape::Struct(TypeRef(&S210)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.PodVolumeHealth", "o"),
], wire: &[wire(1, 12), wire(2, 1), wire(3, 8), wire(4, 16), wire(5, 5), wire(6, 13), wire(7, 20), wire(8, 2), wire(9, 15), wire(10, 7), wire(11, 10), wire(12, 14), wire(13, 3), wire(14, 17), wire(15, 18), wire(16, 6), wire(17, 11), wire(18, 4), wire(19, 0), wire(20, 19), wire(21, 9), wire(22, 21)] };
pub(super) static S189: Struct = Struct { name: "io.k8s.api.core.v1.PodCondition", atomic: false, fields: &[
    field("lastProbeTime", Shape::Time, "v1.Time", ""),
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("observedGeneration", Shape::Int64, "int64", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "v1.PodConditionType", "r").default(r#""""#),
], wire: &[wire(1, 6), wire(2, 5), wire(3, 0), wire(4, 1), wire(5, 4), wire(6, 2), wire(7, 3)] };
pub(super) static S190: Struct = Struct { name: "io.k8s.api.core.v1.HostIP", atomic: false, fields: &[
    field("ip", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S191: Struct = Struct { name: "io.k8s.api.core.v1.PodIP", atomic: false, fields: &[
    field("ip", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S192: Struct = Struct { name: "io.k8s.api.core.v1.ContainerStatus", atomic: false, fields: &[
    field("allocatedResources", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("allocatedResourcesStatus", Shape::List(&List { item: Shape::Struct(TypeRef(&S202)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.ResourceStatus", "o").patch(true, false, false, "name"),
    field("containerID", Shape::String, "string", "o"),
    field("image", Shape::String, "string", "r").default(r#""""#),
    field("imageID", Shape::String, "string", "r").default(r#""""#),
    field("lastState", Shape::Struct(TypeRef(&S193)), "v1.ContainerState", "").default("{}"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("ready", Shape::Bool, "bool", "r").default("false"),
    field("resources", Shape::Struct(TypeRef(&S143)), "v1.ResourceRequirements", "po"),
    field("restartCount", Shape::Int32, "int32", "r").default("0"),
    field("started", Shape::Bool, "bool", "po"),
    field("state", Shape::Struct(TypeRef(&S193)), "v1.ContainerState", "").default("{}"),
    field("stopSignal", Shape::String, "v1.Signal", "po"),
    field("user", Shape::Struct(TypeRef(&S200)), "v1.ContainerUser", "po"),
    field("volumeMounts", Shape::List(&List { item: Shape::Struct(TypeRef(&S197)), kind: ListKind::Map(&["mountPath"]), message: false }), "[]v1.VolumeMountStatus", "o").patch(true, false, false, "mountPath"),
], wire: &[wire(1, 6), wire(2, 11), wire(3, 5), wire(4, 7), wire(5, 9), wire(6, 3), wire(7, 4), wire(8, 2), wire(9, 10), wire(10, 0), wire(11, 8), wire(12, 14), wire(13, 13), wire(14, 1), wire(15, 12)] };
pub(super) static S193: Struct = Struct { name: "io.k8s.api.core.v1.ContainerState", atomic: false, fields: &[
    field("running", Shape::Struct(TypeRef(&S195)), "v1.ContainerStateRunning", "po"),
    field("terminated", Shape::Struct(TypeRef(&S196)), "v1.ContainerStateTerminated", "po"),
    field("waiting", Shape::Struct(TypeRef(&S194)), "v1.ContainerStateWaiting", "po"),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S194: Struct = Struct { name: "io.k8s.api.core.v1.ContainerStateWaiting", atomic: false, fields: &[
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S195: Struct = Struct { name: "io.k8s.api.core.v1.ContainerStateRunning", atomic: false, fields: &[
    field("startedAt", Shape::Time, "v1.Time", ""),
], wire: &[wire(1, 0)] };
pub(super) static S196: Struct = Struct { name: "io.k8s.api.core.v1.ContainerStateTerminated", atomic: false, fields: &[
    field("containerID", Shape::String, "string", "o"),
    field("exitCode", Shape::Int32, "int32", "r").default("0"),
    field("finishedAt", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("signal", Shape::Int32, "int32", "o"),
    field("startedAt", Shape::Time, "v1.Time", ""),
], wire: &[wire(1, 1), wire(2, 5), wire(3, 4), wire(4, 3), wire(5, 6), wire(6, 2), wire(7, 0)] };
pub(super) static S197: Struct = Struct { name: "io.k8s.api.core.v1.VolumeMountStatus", atomic: false, fields: &[
    field("mountPath", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("readOnly", Shape::Bool, "bool", "o"),
    field("recursiveReadOnly", Shape::String, "v1.RecursiveReadOnlyMode", "po"),
    field("volumeStatus", Shape::Struct(TypeRef(&S198)), "v1.VolumeStatus", "po"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2), wire(4, 3), wire(5, 4)] };
pub(super) static S198: Struct = Struct { name: "io.k8s.api.core.v1.VolumeStatus", atomic: false, fields: &[
    field("image", Shape::Struct(TypeRef(&S199)), "v1.ImageVolumeStatus", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S199: Struct = Struct { name: "io.k8s.api.core.v1.ImageVolumeStatus", atomic: false, fields: &[
    field("imageRef", Shape::String, "string", "ro"),
], wire: &[wire(1, 0)] };
pub(super) static S200: Struct = Struct { name: "io.k8s.api.core.v1.ContainerUser", atomic: false, fields: &[
    field("linux", Shape::Struct(TypeRef(&S201)), "v1.LinuxContainerUser", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S201: Struct = Struct { name: "io.k8s.api.core.v1.LinuxContainerUser", atomic: false, fields: &[
    field("gid", Shape::Int64, "int64", "r").default("0"),
    field("supplementalGroups", Shape::List(&List { item: Shape::Int64, kind: ListKind::Atomic, message: false }), "[]int64", "o"),
    field("uid", Shape::Int64, "int64", "r").default("0"),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S202: Struct = Struct { name: "io.k8s.api.core.v1.ResourceStatus", atomic: false, fields: &[
    field("name", Shape::String, "v1.ResourceName", "r").default(r#""""#),
    field("resources", Shape::List(&List { item: Shape::Struct(TypeRef(&S203)), kind: ListKind::Map(&["resourceID"]), message: false }), "[]v1.ResourceHealth", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S203: Struct = Struct { name: "io.k8s.api.core.v1.ResourceHealth", atomic: false, fields: &[
    field("health", Shape::String, "v1.ResourceHealthStatus", "o"),
    field("message", Shape::String, "string", "po"),
    field("resourceID", Shape::String, "v1.ResourceID", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 0), wire(6, 1)] };
pub(super) static S204: Struct = Struct { name: "io.k8s.api.core.v1.PodResourceClaimStatus", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("resourceClaimName", Shape::String, "string", "po"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S205: Struct = Struct { name: "io.k8s.api.core.v1.PodExtendedResourceClaimStatus", atomic: false, fields: &[
    field("requestMappings", Shape::List(&List { item: Shape::Struct(TypeRef(&S206)), kind: ListKind::Atomic, message: false }), "[]v1.ContainerExtendedResourceRequest", "r"),
    field("resourceClaimName", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S206: Struct = Struct { name: "io.k8s.api.core.v1.ContainerExtendedResourceRequest", atomic: false, fields: &[
    field("containerName", Shape::String, "string", "r").default(r#""""#),
    field("requestName", Shape::String, "string", "r").default(r#""""#),
    field("resourceName", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 2), wire(3, 1)] };
pub(super) static S207: Struct = Struct { name: "io.k8s.api.core.v1.NodeAllocatableResourceClaimStatus", atomic: false, fields: &[
    field("containers", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", "o"),
    field("mapping", Shape::List(&List { item: Shape::Struct(TypeRef(&S208)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.NodeAllocatableMappedResources", "o").patch(true, false, false, "name"),
    field("overhead", Shape::List(&List { item: Shape::Struct(TypeRef(&S209)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.NodeAllocatableOverheadResources", "o").patch(true, false, false, "name"),
    field("resourceClaimName", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 3), wire(2, 0), wire(4, 1), wire(5, 2)] };
pub(super) static S208: Struct = Struct { name: "io.k8s.api.core.v1.NodeAllocatableMappedResources", atomic: false, fields: &[
    field("name", Shape::String, "v1.ResourceName", "r").default(r#""""#),
    field("quantity", Shape::Quantity, "resource.Quantity", "rp"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S209: Struct = Struct { name: "io.k8s.api.core.v1.NodeAllocatableOverheadResources", atomic: false, fields: &[
    field("name", Shape::String, "v1.ResourceName", "r").default(r#""""#),
    field("perContainer", Shape::Quantity, "resource.Quantity", "po"),
    field("perPod", Shape::Quantity, "resource.Quantity", "po"),
], wire: &[wire(1, 0), wire(2, 2), wire(3, 1)] };
pub(super) static S210: Struct = Struct { name: "io.k8s.api.core.v1.PodVolumeHealth", atomic: false, fields: &[
    field("healthConditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S94)), kind: ListKind::Map(&["status","reason"]), message: false }), "[]v1.VolumeHealthCondition", "o").patch(true, false, false, "status"),
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S211: Struct = Struct { name: "io.k8s.api.core.v1.PodAttachOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("container", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("stderr", Shape::Bool, "bool", "o"),
    field("stdin", Shape::Bool, "bool", "o"),
    field("stdout", Shape::Bool, "bool", "o"),
    field("tty", Shape::Bool, "bool", "o"),
], wire: &[wire(1, 4), wire(2, 5), wire(3, 3), wire(4, 6), wire(5, 1)] };
pub(super) static S212: Struct = Struct { name: "io.k8s.api.core.v1.PodExecOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("command", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", ""),
    field("container", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("stderr", Shape::Bool, "bool", "o"),
    field("stdin", Shape::Bool, "bool", "o"),
    field("stdout", Shape::Bool, "bool", "o"),
    field("tty", Shape::Bool, "bool", "o"),
], wire: &[wire(1, 5), wire(2, 6), wire(3, 4), wire(4, 7), wire(5, 2), wire(6, 1)] };
pub(super) static S213: Struct = Struct { name: "io.k8s.api.core.v1.PodList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S97)), kind: ListKind::Atomic, message: false }), "[]v1.Pod", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S214: Struct = Struct { name: "io.k8s.api.core.v1.PodLogOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("container", Shape::String, "string", "o"),
    field("follow", Shape::Bool, "bool", "o"),
    field("insecureSkipTLSVerifyBackend", Shape::Bool, "bool", "o"),
    field("kind", Shape::String, "string", "o"),
    field("limitBytes", Shape::Int64, "int64", "po"),
    field("previous", Shape::Bool, "bool", "o"),
    field("sinceSeconds", Shape::Int64, "int64", "po"),
    field("sinceTime", Shape::Time, "v1.Time", "po"),
    field("stream", Shape::String, "string", "po"),
    field("tailLines", Shape::Int64, "int64", "po"),
    field("timestamps", Shape::Bool, "bool", "o"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 6), wire(4, 7), wire(5, 8), wire(6, 11), wire(7, 10), wire(8, 5), wire(9, 3), wire(10, 9)] };
pub(super) static S215: Struct = Struct { name: "io.k8s.api.core.v1.PodPortForwardOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("ports", Shape::List(&List { item: Shape::Int32, kind: ListKind::Atomic, message: false }), "[]int32", "o"),
], wire: &[wire(1, 2)] };
pub(super) static S216: Struct = Struct { name: "io.k8s.api.core.v1.PodProxyOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("path", Shape::String, "string", "o"),
], wire: &[wire(1, 2)] };
pub(super) static S217: Struct = Struct { name: "io.k8s.api.core.v1.PodTemplate", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("template", Shape::Struct(TypeRef(&S218)), "v1.PodTemplateSpec", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S218: Struct = Struct { name: "io.k8s.api.core.v1.PodTemplateSpec", atomic: false, fields: &[
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S98)), "v1.PodSpec", "").default("{}"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S219: Struct = Struct { name: "io.k8s.api.core.v1.PodTemplateList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S217)), kind: ListKind::Atomic, message: false }), "[]v1.PodTemplate", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S220: Struct = Struct { name: "io.k8s.api.core.v1.RangeAllocation", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("data", Shape::Bytes, "[]uint8", ""),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", ""),
    field("range", Shape::String, "string", ""),
], wire: &[wire(1, 3), wire(2, 4), wire(3, 1)] };
pub(super) static S221: Struct = Struct { name: "io.k8s.api.core.v1.ReplicationController", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S222)), "v1.ReplicationControllerSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S223)), "v1.ReplicationControllerStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S222: Struct = Struct { name: "io.k8s.api.core.v1.ReplicationControllerSpec", atomic: false, fields: &[
    field("minReadySeconds", Shape::Int32, "int32", "o").default("0"),
    field("replicas", Shape::Int32, "int32", "po").default("1"),
    field("selector", Shape::Map(&Map { value: Shape::String, atomic: true }), "map[string]string", "oa"),
    field("template", Shape::Struct(TypeRef(&S218)), "v1.PodTemplateSpec", "po"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 3), wire(4, 0)] };
pub(super) static S223: Struct = Struct { name: "io.k8s.api.core.v1.ReplicationControllerStatus", atomic: false, fields: &[
    field("availableReplicas", Shape::Int32, "int32", "o"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S224)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.ReplicationControllerCondition", "o").patch(true, false, false, "type"),
    field("fullyLabeledReplicas", Shape::Int32, "int32", "o"),
    field("observedGeneration", Shape::Int64, "int64", "o"),
    field("readyReplicas", Shape::Int32, "int32", "o"),
    field("replicas", Shape::Int32, "int32", "r").default("0"),
], wire: &[wire(1, 5), wire(2, 2), wire(3, 3), wire(4, 4), wire(5, 0), wire(6, 1)] };
pub(super) static S224: Struct = Struct { name: "io.k8s.api.core.v1.ReplicationControllerCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "v1.ReplicationControllerConditionType", "r").default(r#""""#),
], wire: &[wire(1, 4), wire(2, 3), wire(3, 0), wire(4, 2), wire(5, 1)] };
pub(super) static S225: Struct = Struct { name: "io.k8s.api.core.v1.ReplicationControllerList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S221)), kind: ListKind::Atomic, message: false }), "[]v1.ReplicationController", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S226: Struct = Struct { name: "io.k8s.api.core.v1.ResourceQuota", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S227)), "v1.ResourceQuotaSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S230)), "v1.ResourceQuotaStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S227: Struct = Struct { name: "io.k8s.api.core.v1.ResourceQuotaSpec", atomic: false, fields: &[
    field("hard", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("scopeSelector", Shape::Struct(TypeRef(&S228)), "v1.ScopeSelector", "po"),
    field("scopes", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.ResourceQuotaScope", "o"),
], wire: &[wire(1, 0), wire(2, 2), wire(3, 1)] };
pub(super) static S228: Struct = Struct { name: "io.k8s.api.core.v1.ScopeSelector", atomic: true, fields: &[
    field("matchExpressions", Shape::List(&List { item: Shape::Struct(TypeRef(&S229)), kind: ListKind::Atomic, message: false }), "[]v1.ScopedResourceSelectorRequirement", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S229: Struct = Struct { name: "io.k8s.api.core.v1.ScopedResourceSelectorRequirement", atomic: false, fields: &[
    field("operator", Shape::String, "v1.ScopeSelectorOperator", "r").default(r#""""#),
    field("scopeName", Shape::String, "v1.ResourceQuotaScope", "r").default(r#""""#),
    field("values", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2)] };
pub(super) static S230: Struct = Struct { name: "io.k8s.api.core.v1.ResourceQuotaStatus", atomic: false, fields: &[
    field("hard", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
    field("used", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S231: Struct = Struct { name: "io.k8s.api.core.v1.ResourceQuotaList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S226)), kind: ListKind::Atomic, message: false }), "[]v1.ResourceQuota", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S232: Struct = Struct { name: "io.k8s.api.core.v1.Secret", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("data", Shape::Map(&Map { value: Shape::Bytes, atomic: false }), "map[string][]uint8", "o"),
    field("immutable", Shape::Bool, "bool", "po"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("stringData", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
    field("type", Shape::String, "v1.SecretType", "o"),
], wire: &[wire(1, 4), wire(2, 1), wire(3, 6), wire(4, 5), wire(5, 2)] };
pub(super) static S233: Struct = Struct { name: "io.k8s.api.core.v1.SecretList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S232)), kind: ListKind::Atomic, message: false }), "[]v1.Secret", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S234: Struct = Struct { name: "io.k8s.api.core.v1.SerializedReference", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("reference", Shape::Struct(TypeRef(&S4)), "v1.ObjectReference", ""),
], wire: &[wire(1, 2)] };
pub(super) static S235: Struct = Struct { name: "io.k8s.api.core.v1.Service", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S236)), "v1.ServiceSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S240)), "v1.ServiceStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S236: Struct = Struct { name: "io.k8s.api.core.v1.ServiceSpec", atomic: false, fields: &[
    field("allocateLoadBalancerNodePorts", Shape::Bool, "bool", "po"),
    field("clusterIP", Shape::String, "string", "o"),
    field("clusterIPs", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("externalIPs", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("externalName", Shape::String, "string", "o"),
    field("externalTrafficPolicy", Shape::String, "v1.ServiceExternalTrafficPolicy", "o"),
    field("healthCheckNodePort", Shape::Int32, "int32", "o"),
    field("internalTrafficPolicy", Shape::String, "v1.ServiceInternalTrafficPolicy", "po"),
    field("ipFamilies", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.IPFamily", "o"),
    field("ipFamilyPolicy", Shape::String, "v1.IPFamilyPolicy", "po"),
    field("loadBalancerClass", Shape::String, "string", "po"),
    field("loadBalancerIP", Shape::String, "string", "o"),
    field("loadBalancerSourceRanges", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("ports", Shape::List(&List { item: Shape::Struct(TypeRef(&S237)), kind: ListKind::Map(&["port","protocol"]), message: false }), "[]v1.ServicePort", "o").patch(true, false, false, "port"),
    field("publishNotReadyAddresses", Shape::Bool, "bool", "o"),
    field("selector", Shape::Map(&Map { value: Shape::String, atomic: true }), "map[string]string", "oa"),
    field("sessionAffinity", Shape::String, "v1.ServiceAffinity", "o"),
    field("sessionAffinityConfig", Shape::Struct(TypeRef(&S238)), "v1.SessionAffinityConfig", "po"),
    field("trafficDistribution", Shape::String, "string", "po"),
    field("type", Shape::String, "v1.ServiceType", "o"),
], wire: &[wire(1, 13), wire(2, 15), wire(3, 1), wire(4, 19), wire(5, 3), wire(7, 16), wire(8, 11), wire(9, 12), wire(10, 4), wire(11, 5), wire(12, 6), wire(13, 14), wire(14, 17), wire(17, 9), wire(18, 2), wire(19, 8), wire(20, 0), wire(21, 10), wire(22, 7), wire(23, 18)] };
pub(super) static S237: Struct = Struct { name: "io.k8s.api.core.v1.ServicePort", atomic: false, fields: &[
    field("appProtocol", Shape::String, "string", "po"),
    field("name", Shape::String, "string", "o"),
    field("nodePort", Shape::Int32, "int32", "o"),
    field("port", Shape::Int32, "int32", "r").default("0"),
    field("protocol", Shape::String, "v1.Protocol", "o").default(r#""TCP""#),
    field("targetPort", Shape::IntOrString, "intstr.IntOrString", ""),
], wire: &[wire(1, 1), wire(2, 4), wire(3, 3), wire(4, 5), wire(5, 2), wire(6, 0)] };
pub(super) static S238: Struct = Struct { name: "io.k8s.api.core.v1.SessionAffinityConfig", atomic: false, fields: &[
    field("clientIP", Shape::Struct(TypeRef(&S239)), "v1.ClientIPConfig", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S239: Struct = Struct { name: "io.k8s.api.core.v1.ClientIPConfig", atomic: false, fields: &[
    field("timeoutSeconds", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S240: Struct = Struct { name: "io.k8s.api.core.v1.ServiceStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S244)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.Condition", "o").patch(true, false, false, "type"),
    field("loadBalancer", Shape::Struct(TypeRef(&S241)), "v1.LoadBalancerStatus", "").default("{}"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S241: Struct = Struct { name: "io.k8s.api.core.v1.LoadBalancerStatus", atomic: false, fields: &[
    field("ingress", Shape::List(&List { item: Shape::Struct(TypeRef(&S242)), kind: ListKind::Atomic, message: false }), "[]v1.LoadBalancerIngress", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S242: Struct = Struct { name: "io.k8s.api.core.v1.LoadBalancerIngress", atomic: false, fields: &[
    field("hostname", Shape::String, "string", "o"),
    field("ip", Shape::String, "string", "o"),
    field("ipMode", Shape::String, "v1.LoadBalancerIPMode", "po"),
    field("ports", Shape::List(&List { item: Shape::Struct(TypeRef(&S243)), kind: ListKind::Atomic, message: false }), "[]v1.PortStatus", "o"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2), wire(4, 3)] };
pub(super) static S243: Struct = Struct { name: "io.k8s.api.core.v1.PortStatus", atomic: false, fields: &[
    field("error", Shape::String, "string", "po"),
    field("port", Shape::Int32, "int32", "r").default("0"),
    field("protocol", Shape::String, "v1.Protocol", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S244: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.Condition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", "r"),
    field("message", Shape::String, "string", "r").default(r#""""#),
    field("observedGeneration", Shape::Int64, "int64", "o"),
    field("reason", Shape::String, "string", "r").default(r#""""#),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 4), wire(3, 2), wire(4, 0), wire(5, 3), wire(6, 1)] };
pub(super) static S245: Struct = Struct { name: "io.k8s.api.core.v1.ServiceAccount", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("automountServiceAccountToken", Shape::Bool, "bool", "po"),
    field("imagePullSecrets", Shape::List(&List { item: Shape::Struct(TypeRef(&S105)), kind: ListKind::Atomic, message: false }), "[]v1.LocalObjectReference", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("secrets", Shape::List(&List { item: Shape::Struct(TypeRef(&S4)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.ObjectReference", "o").patch(true, false, false, "name"),
], wire: &[wire(1, 4), wire(2, 5), wire(3, 2), wire(4, 1)] };
pub(super) static S246: Struct = Struct { name: "io.k8s.api.core.v1.ServiceAccountList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S245)), kind: ListKind::Atomic, message: false }), "[]v1.ServiceAccount", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S247: Struct = Struct { name: "io.k8s.api.core.v1.ServiceList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S235)), kind: ListKind::Atomic, message: false }), "[]v1.Service", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S248: Struct = Struct { name: "io.k8s.api.core.v1.ServiceProxyOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("path", Shape::String, "string", "o"),
], wire: &[wire(1, 2)] };
pub(super) static S249: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S250)), "v1.MutatingAdmissionPolicySpec", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S250: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicySpec", atomic: false, fields: &[
    field("failurePolicy", Shape::String, "v1.FailurePolicyType", "po"),
    field("matchConditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S260)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.MatchCondition", "o").patch(true, false, false, "name"),
    field("matchConstraints", Shape::Struct(TypeRef(&S252)), "v1.MatchResources", "po"),
    field("mutations", Shape::List(&List { item: Shape::Struct(TypeRef(&S257)), kind: ListKind::Atomic, message: false }), "[]v1.Mutation", "o"),
    field("paramKind", Shape::Struct(TypeRef(&S251)), "v1.ParamKind", "po"),
    field("reinvocationPolicy", Shape::String, "v1.ReinvocationPolicyType", "o"),
    field("variables", Shape::List(&List { item: Shape::Struct(TypeRef(&S256)), kind: ListKind::Atomic, message: false }), "[]v1.Variable", "o"),
], wire: &[wire(1, 4), wire(2, 2), wire(3, 6), wire(4, 3), wire(5, 0), wire(6, 1), wire(7, 5)] };
pub(super) static S251: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ParamKind", atomic: true, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S252: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.MatchResources", atomic: true, fields: &[
    field("excludeResourceRules", Shape::List(&List { item: Shape::Struct(TypeRef(&S253)), kind: ListKind::Atomic, message: false }), "[]v1.NamedRuleWithOperations", "o"),
    field("matchPolicy", Shape::String, "v1.MatchPolicyType", "po"),
    field("namespaceSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("objectSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("resourceRules", Shape::List(&List { item: Shape::Struct(TypeRef(&S253)), kind: ListKind::Atomic, message: false }), "[]v1.NamedRuleWithOperations", "o"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4), wire(4, 0), wire(7, 1)] };
pub(super) static S253: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.NamedRuleWithOperations", atomic: true, fields: &[
    field("apiGroups", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("apiVersions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("operations", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.OperationType", "o"),
    field("resourceNames", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("resources", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("scope", Shape::String, "v1.ScopeType", "po"),
], wire: &[wire(1, 3), inner(2, TypeRef(&S255), false)] };
pub(super) static S254: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.Rule", atomic: false, fields: &[
    field("apiGroups", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("apiVersions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("resources", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("scope", Shape::String, "v1.ScopeType", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2), wire(4, 3)] };
pub(super) static S255: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.RuleWithOperations", atomic: false, fields: &[
    field("apiGroups", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("apiVersions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("operations", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.OperationType", "o"),
    field("resources", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("scope", Shape::String, "v1.ScopeType", "po"),
], wire: &[wire(1, 2), inner(2, TypeRef(&S254), false)] };
pub(super) static S256: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.Variable", atomic: true, fields: &[
    field("expression", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S257: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.Mutation", atomic: false, fields: &[
    field("applyConfiguration", Shape::Struct(TypeRef(&S258)), "v1.ApplyConfiguration", "po"),
    field("jsonPatch", Shape::Struct(TypeRef(&S259)), "v1.JSONPatch", "po"),
    field("patchType", Shape::String, "v1.PatchType", "r").default(r#""""#),
], wire: &[wire(2, 2), wire(3, 0), wire(4, 1)] };
pub(super) static S258: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ApplyConfiguration", atomic: false, fields: &[
    field("expression", Shape::String, "string", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S259: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.JSONPatch", atomic: false, fields: &[
    field("expression", Shape::String, "string", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S260: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.MatchCondition", atomic: false, fields: &[
    field("expression", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S261: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBinding", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S262)), "v1.MutatingAdmissionPolicyBindingSpec", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S262: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBindingSpec", atomic: false, fields: &[
    field("matchResources", Shape::Struct(TypeRef(&S252)), "v1.MatchResources", "po"),
    field("paramRef", Shape::Struct(TypeRef(&S263)), "v1.ParamRef", "po"),
    field("policyName", Shape::String, "string", "o"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S263: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ParamRef", atomic: true, fields: &[
    field("name", Shape::String, "string", "o"),
    field("namespace", Shape::String, "string", "o"),
    field("parameterNotFoundAction", Shape::String, "v1.ParameterNotFoundActionType", "po"),
    field("selector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 3), wire(4, 2)] };
pub(super) static S264: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBindingList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S261)), kind: ListKind::Atomic, message: false }), "[]v1.MutatingAdmissionPolicyBinding", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S265: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S249)), kind: ListKind::Atomic, message: false }), "[]v1.MutatingAdmissionPolicy", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S266: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("webhooks", Shape::List(&List { item: Shape::Struct(TypeRef(&S267)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.MutatingWebhook", "o").patch(true, false, false, "name"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S267: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.MutatingWebhook", atomic: false, fields: &[
    field("admissionReviewVersions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "r"),
    field("clientConfig", Shape::Struct(TypeRef(&S268)), "v1.WebhookClientConfig", "r").default("{}"),
    field("failurePolicy", Shape::String, "v1.FailurePolicyType", "po"),
    field("matchConditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S260)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.MatchCondition", "o").patch(true, false, false, "name"),
    field("matchPolicy", Shape::String, "v1.MatchPolicyType", "po"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("namespaceSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("objectSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("reinvocationPolicy", Shape::String, "v1.ReinvocationPolicyType", "po"),
    field("rules", Shape::List(&List { item: Shape::Struct(TypeRef(&S255)), kind: ListKind::Atomic, message: false }), "[]v1.RuleWithOperations", "o"),
    field("sideEffects", Shape::String, "v1.SideEffectClass", "rp"),
    field("timeoutSeconds", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 5), wire(2, 1), wire(3, 9), wire(4, 2), wire(5, 6), wire(6, 10), wire(7, 11), wire(8, 0), wire(9, 4), wire(10, 8), wire(11, 7), wire(12, 3)] };
pub(super) static S268: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.WebhookClientConfig", atomic: false, fields: &[
    field("caBundle", Shape::Bytes, "[]uint8", "o"),
    field("service", Shape::Struct(TypeRef(&S269)), "v1.ServiceReference", "po"),
    field("url", Shape::String, "string", "po"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2)] };
pub(super) static S269: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ServiceReference", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("namespace", Shape::String, "string", "r").default(r#""""#),
    field("path", Shape::String, "string", "po"),
    field("port", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2), wire(4, 3)] };
pub(super) static S270: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.MutatingWebhookConfigurationList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S266)), kind: ListKind::Atomic, message: false }), "[]v1.MutatingWebhookConfiguration", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S271: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S272)), "v1.ValidatingAdmissionPolicySpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S275)), "v1.ValidatingAdmissionPolicyStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S272: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicySpec", atomic: false, fields: &[
    field("auditAnnotations", Shape::List(&List { item: Shape::Struct(TypeRef(&S274)), kind: ListKind::Atomic, message: false }), "[]v1.AuditAnnotation", "o"),
    field("failurePolicy", Shape::String, "v1.FailurePolicyType", "po"),
    field("matchConditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S260)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.MatchCondition", "o").patch(true, false, false, "name"),
    field("matchConstraints", Shape::Struct(TypeRef(&S252)), "v1.MatchResources", "po"),
    field("paramKind", Shape::Struct(TypeRef(&S251)), "v1.ParamKind", "po"),
    field("validations", Shape::List(&List { item: Shape::Struct(TypeRef(&S273)), kind: ListKind::Atomic, message: false }), "[]v1.Validation", "o"),
    field("variables", Shape::List(&List { item: Shape::Struct(TypeRef(&S256)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.Variable", "o").patch(true, false, false, "name"),
], wire: &[wire(1, 4), wire(2, 3), wire(3, 5), wire(4, 1), wire(5, 0), wire(6, 2), wire(7, 6)] };
pub(super) static S273: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.Validation", atomic: false, fields: &[
    field("expression", Shape::String, "string", "r").default(r#""""#),
    field("message", Shape::String, "string", "o"),
    field("messageExpression", Shape::String, "string", "o"),
    field("reason", Shape::String, "v1.StatusReason", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 3), wire(4, 2)] };
pub(super) static S274: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.AuditAnnotation", atomic: false, fields: &[
    field("key", Shape::String, "string", "r").default(r#""""#),
    field("valueExpression", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S275: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S244)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.Condition", "o"),
    field("observedGeneration", Shape::Int64, "int64", "o"),
    field("typeChecking", Shape::Struct(TypeRef(&S276)), "v1.TypeChecking", "po"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S276: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.TypeChecking", atomic: false, fields: &[
    field("expressionWarnings", Shape::List(&List { item: Shape::Struct(TypeRef(&S277)), kind: ListKind::Atomic, message: false }), "[]v1.ExpressionWarning", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S277: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ExpressionWarning", atomic: false, fields: &[
    field("fieldRef", Shape::String, "string", "r").default(r#""""#),
    field("warning", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(2, 0), wire(3, 1)] };
pub(super) static S278: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S279)), "v1.ValidatingAdmissionPolicyBindingSpec", "r").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S279: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec", atomic: false, fields: &[
    field("matchResources", Shape::Struct(TypeRef(&S252)), "v1.MatchResources", "po"),
    field("paramRef", Shape::Struct(TypeRef(&S263)), "v1.ParamRef", "po"),
    field("policyName", Shape::String, "string", "ro"),
    field("validationActions", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]v1.ValidationAction", "ro"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0), wire(4, 3)] };
pub(super) static S280: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBindingList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S278)), kind: ListKind::Atomic, message: false }), "[]v1.ValidatingAdmissionPolicyBinding", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S281: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S271)), kind: ListKind::Atomic, message: false }), "[]v1.ValidatingAdmissionPolicy", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S282: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("webhooks", Shape::List(&List { item: Shape::Struct(TypeRef(&S283)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.ValidatingWebhook", "o").patch(true, false, false, "name"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S283: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ValidatingWebhook", atomic: false, fields: &[
    field("admissionReviewVersions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "r"),
    field("clientConfig", Shape::Struct(TypeRef(&S268)), "v1.WebhookClientConfig", "r").default("{}"),
    field("failurePolicy", Shape::String, "v1.FailurePolicyType", "po"),
    field("matchConditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S260)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.MatchCondition", "o").patch(true, false, false, "name"),
    field("matchPolicy", Shape::String, "v1.MatchPolicyType", "po"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("namespaceSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("objectSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("rules", Shape::List(&List { item: Shape::Struct(TypeRef(&S255)), kind: ListKind::Atomic, message: false }), "[]v1.RuleWithOperations", "o"),
    field("sideEffects", Shape::String, "v1.SideEffectClass", "rp"),
    field("timeoutSeconds", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 5), wire(2, 1), wire(3, 8), wire(4, 2), wire(5, 6), wire(6, 9), wire(7, 10), wire(8, 0), wire(9, 4), wire(10, 7), wire(11, 3)] };
pub(super) static S284: Struct = Struct { name: "io.k8s.api.admissionregistration.v1.ValidatingWebhookConfigurationList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S282)), kind: ListKind::Atomic, message: false }), "[]v1.ValidatingWebhookConfiguration", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S285: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ConversionReview", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("request", Shape::Struct(TypeRef(&S286)), "v1.ConversionRequest", "po"),
    field("response", Shape::Struct(TypeRef(&S287)), "v1.ConversionResponse", "po"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S286: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ConversionRequest", atomic: false, fields: &[
    field("desiredAPIVersion", Shape::String, "string", ""),
    field("objects", Shape::List(&List { item: Shape::Raw, kind: ListKind::Atomic, message: false }), "[]runtime.RawExtension", ""),
    field("uid", Shape::String, "types.UID", ""),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S287: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ConversionResponse", atomic: false, fields: &[
    field("convertedObjects", Shape::List(&List { item: Shape::Raw, kind: ListKind::Atomic, message: false }), "[]runtime.RawExtension", ""),
    field("result", Shape::Struct(TypeRef(&S288)), "v1.Status", ""),
    field("uid", Shape::String, "types.UID", ""),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S288: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.Status", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("code", Shape::Int32, "int32", "o"),
    field("details", Shape::Struct(TypeRef(&S289)), "v1.StatusDetails", "po"),
    field("kind", Shape::String, "string", "o"),
    field("message", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
    field("reason", Shape::String, "v1.StatusReason", "o"),
    field("status", Shape::String, "string", "o"),
], wire: &[wire(1, 5), wire(2, 7), wire(3, 4), wire(4, 6), wire(5, 2), wire(6, 1)] };
pub(super) static S289: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails", atomic: false, fields: &[
    field("causes", Shape::List(&List { item: Shape::Struct(TypeRef(&S290)), kind: ListKind::Atomic, message: false }), "[]v1.StatusCause", "o"),
    field("group", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("name", Shape::String, "string", "o"),
    field("retryAfterSeconds", Shape::Int32, "int32", "o"),
    field("uid", Shape::String, "types.UID", "o"),
], wire: &[wire(1, 3), wire(2, 1), wire(3, 2), wire(4, 0), wire(5, 4), wire(6, 5)] };
pub(super) static S290: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause", atomic: false, fields: &[
    field("field", Shape::String, "string", "o"),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "v1.CauseType", "o"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S291: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S292)), "v1.CustomResourceDefinitionSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S308)), "v1.CustomResourceDefinitionStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S292: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec", atomic: false, fields: &[
    field("conversion", Shape::Struct(TypeRef(&S304)), "v1.CustomResourceConversion", "po"),
    field("group", Shape::String, "string", "r").default(r#""""#),
    field("names", Shape::Struct(TypeRef(&S293)), "v1.CustomResourceDefinitionNames", "r").default("{}"),
    field("preserveUnknownFields", Shape::Bool, "bool", "o"),
    field("scope", Shape::String, "v1.ResourceScope", "r").default(r#""""#),
    field("versions", Shape::List(&List { item: Shape::Struct(TypeRef(&S294)), kind: ListKind::Atomic, message: false }), "[]v1.CustomResourceDefinitionVersion", "r"),
], wire: &[wire(1, 1), wire(3, 2), wire(4, 4), wire(7, 5), wire(9, 0), wire(10, 3)] };
pub(super) static S293: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionNames", atomic: false, fields: &[
    field("categories", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("kind", Shape::String, "string", "r").default(r#""""#),
    field("listKind", Shape::String, "string", "o"),
    field("plural", Shape::String, "string", "r").default(r#""""#),
    field("shortNames", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("singular", Shape::String, "string", "o"),
], wire: &[wire(1, 3), wire(2, 5), wire(3, 4), wire(4, 1), wire(5, 2), wire(6, 0)] };
pub(super) static S294: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion", atomic: false, fields: &[
    field("additionalPrinterColumns", Shape::List(&List { item: Shape::Struct(TypeRef(&S302)), kind: ListKind::Atomic, message: false }), "[]v1.CustomResourceColumnDefinition", "o"),
    field("deprecated", Shape::Bool, "bool", "o"),
    field("deprecationWarning", Shape::String, "string", "po"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("schema", Shape::Struct(TypeRef(&S295)), "v1.CustomResourceValidation", "po"),
    field("selectableFields", Shape::List(&List { item: Shape::Struct(TypeRef(&S303)), kind: ListKind::Atomic, message: false }), "[]v1.SelectableField", "o"),
    field("served", Shape::Bool, "bool", "r").default("false"),
    field("storage", Shape::Bool, "bool", "r").default("false"),
    field("subresources", Shape::Struct(TypeRef(&S299)), "v1.CustomResourceSubresources", "po"),
], wire: &[wire(1, 3), wire(2, 6), wire(3, 7), wire(4, 4), wire(5, 8), wire(6, 0), wire(7, 1), wire(8, 2), wire(9, 5)] };
pub(super) static S295: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceValidation", atomic: false, fields: &[
    field("openAPIV3Schema", Shape::Struct(TypeRef(&S296)), "v1.JSONSchemaProps", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S296: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps", atomic: false, fields: &[
    field("$ref", Shape::String, "string", "po"),
    field("$schema", Shape::String, "v1.JSONSchemaURL", "o"),
    field("additionalItems", Shape::Choice(Choice::SchemaOrBool, TypeRef(&S296)), "v1.JSONSchemaPropsOrBool", "po"),
    field("additionalProperties", Shape::Choice(Choice::SchemaOrBool, TypeRef(&S296)), "v1.JSONSchemaPropsOrBool", "po"),
    field("allOf", Shape::List(&List { item: Shape::Struct(TypeRef(&S296)), kind: ListKind::Atomic, message: false }), "[]v1.JSONSchemaProps", "o"),
    field("anyOf", Shape::List(&List { item: Shape::Struct(TypeRef(&S296)), kind: ListKind::Atomic, message: false }), "[]v1.JSONSchemaProps", "o"),
    field("default", Shape::Any, "v1.JSON", "po"),
    field("definitions", Shape::Map(&Map { value: Shape::Struct(TypeRef(&S296)), atomic: false }), "v1.JSONSchemaDefinitions", "o"),
    field("dependencies", Shape::Map(&Map { value: Shape::Choice(Choice::SchemaOrStrings, TypeRef(&S296)), atomic: false }), "v1.JSONSchemaDependencies", "o"),
    field("description", Shape::String, "string", "o"),
    field("enum", Shape::List(&List { item: Shape::Any, kind: ListKind::Atomic, message: false }), "[]v1.JSON", "o"),
    field("example", Shape::Any, "v1.JSON", "po"),
    field("exclusiveMaximum", Shape::Bool, "bool", "o"),
    field("exclusiveMinimum", Shape::Bool, "bool", "o"),
    field("externalDocs", Shape::Struct(TypeRef(&S297)), "v1.ExternalDocumentation", "po"),
    field("format", Shape::String, "string", "o"),
    field("id", Shape::String, "string", "o"),
    field("items", Shape::Choice(Choice::SchemaOrArray, TypeRef(&S296)), "v1.JSONSchemaPropsOrArray", "po"),
    field("maxItems", Shape::Int64, "int64", "po"),
    field("maxLength", Shape::Int64, "int64", "po"),
    field("maxProperties", Shape::Int64, "int64", "po"),
    field("maximum", Shape::Double, "float64", "po"),
    field("minItems", Shape::Int64, "int64", "po"),
    field("minLength", Shape::Int64, "int64", "po"),
    field("minProperties", Shape::Int64, "int64", "po"),
    field("minimum", Shape::Double, "float64", "po"),
    field("multipleOf", Shape::Double, "float64", "po"),
    field("not", Shape::Struct(TypeRef(&S296)), "v1.JSONSchemaProps", "po"),
    field("nullable", Shape::Bool, "bool", "o"),
    field("oneOf", Shape::List(&List { item: Shape::Struct(TypeRef(&S296)), kind: ListKind::Atomic, message: false }), "[]v1.JSONSchemaProps", "o"),
    field("pattern", Shape::String, "string", "o"),
    field("patternProperties", Shape::Map(&Map { value: Shape::Struct(TypeRef(&S296)), atomic: false }), "map[string]v1.JSONSchemaProps", "o"),
    field("properties", Shape::Map(&Map { value: Shape::Struct(TypeRef(&S296)), atomic: false }), "map[string]v1.JSONSchemaProps", "o"),
    field("required", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("title", Shape::String, "string", "o"),
    field("type", Shape::String, "string", "o"),
    field("uniqueItems", Shape::Bool, "bool", "o"),
    field("x-kubernetes-embedded-resource", Shape::Bool, "bool", "o"),
    field("x-kubernetes-int-or-string", Shape::Bool, "bool", "o"),
    field("x-kubernetes-list-map-keys", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("x-kubernetes-list-type", Shape::String, "string", "po"),
    field("x-kubernetes-map-type", Shape::String, "string", "po"),
    field("x-kubernetes-preserve-unknown-fields", Shape::Bool, "bool", "po"),
    field("x-kubernetes-validations", Shape::List(&List { item: Shape::Struct(TypeRef(&S298)), kind: ListKind::Map(&["rule"]), message: false }), "v1.ValidationRules", "o").patch(true, false, false, "rule"),
], wire: &[wire(1, 16), wire(2, 1), wire(3, 0), wire(4, 9), wire(5, 35), wire(6, 15), wire(7, 34), wire(8, 6), wire(9, 21), wire(10, 12), wire(11, 25), wire(12, 13), wire(13, 19), wire(14, 23), wire(15, 30), wire(16, 18), wire(17, 22), wire(18, 36), wire(19, 26), wire(20, 10), wire(21, 20), wire(22, 24), wire(23, 33), wire(24, 17), wire(25, 4), wire(26, 29), wire(27, 5), wire(28, 27), wire(29, 32), wire(30, 3), wire(31, 31), wire(32, 8), wire(33, 2), wire(34, 7), wire(35, 14), wire(36, 11), wire(37, 28), wire(38, 42), wire(39, 37), wire(40, 38), wire(41, 39), wire(42, 40), wire(43, 41), wire(44, 43)] };
pub(super) static S297: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ExternalDocumentation", atomic: false, fields: &[
    field("description", Shape::String, "string", "o"),
    field("url", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S298: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ValidationRule", atomic: false, fields: &[
    field("fieldPath", Shape::String, "string", "o"),
    field("message", Shape::String, "string", "o"),
    field("messageExpression", Shape::String, "string", "o"),
    field("optionalOldSelf", Shape::Bool, "bool", "po"),
    field("reason", Shape::String, "v1.FieldValueErrorReason", "po"),
    field("rule", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 1), wire(3, 2), wire(4, 4), wire(5, 0), wire(6, 3)] };
pub(super) static S299: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceSubresources", atomic: false, fields: &[
    field("scale", Shape::Struct(TypeRef(&S301)), "v1.CustomResourceSubresourceScale", "po"),
    field("status", Shape::Struct(TypeRef(&S300)), "v1.CustomResourceSubresourceStatus", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S300: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceSubresourceStatus", atomic: false, fields: &[], wire: &[] };
pub(super) static S301: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceSubresourceScale", atomic: false, fields: &[
    field("labelSelectorPath", Shape::String, "string", "po"),
    field("specReplicasPath", Shape::String, "string", "r").default(r#""""#),
    field("statusReplicasPath", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S302: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceColumnDefinition", atomic: false, fields: &[
    field("description", Shape::String, "string", "o"),
    field("format", Shape::String, "string", "o"),
    field("jsonPath", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("priority", Shape::Int32, "int32", "o"),
    field("type", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 3), wire(2, 5), wire(3, 1), wire(4, 0), wire(5, 4), wire(6, 2)] };
pub(super) static S303: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.SelectableField", atomic: false, fields: &[
    field("jsonPath", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S304: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceConversion", atomic: false, fields: &[
    field("strategy", Shape::String, "v1.ConversionStrategyType", "r").default(r#""""#),
    field("webhook", Shape::Struct(TypeRef(&S305)), "v1.WebhookConversion", "po"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S305: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.WebhookConversion", atomic: false, fields: &[
    field("clientConfig", Shape::Struct(TypeRef(&S306)), "v1.WebhookClientConfig", "po"),
    field("conversionReviewVersions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "r"),
], wire: &[wire(2, 0), wire(3, 1)] };
pub(super) static S306: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.WebhookClientConfig", atomic: false, fields: &[
    field("caBundle", Shape::Bytes, "[]uint8", "o"),
    field("service", Shape::Struct(TypeRef(&S307)), "v1.ServiceReference", "po"),
    field("url", Shape::String, "string", "po"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2)] };
pub(super) static S307: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ServiceReference", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("namespace", Shape::String, "string", "r").default(r#""""#),
    field("path", Shape::String, "string", "po"),
    field("port", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2), wire(4, 3)] };
pub(super) static S308: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus", atomic: false, fields: &[
    field("acceptedNames", Shape::Struct(TypeRef(&S293)), "v1.CustomResourceDefinitionNames", "").default("{}"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S309)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.CustomResourceDefinitionCondition", ""),
    field("observedGeneration", Shape::Int64, "int64", "o"),
    field("storedVersions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", ""),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 3), wire(4, 2)] };
pub(super) static S309: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("observedGeneration", Shape::Int64, "int64", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "v1.CustomResourceDefinitionConditionType", "r").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 4), wire(3, 0), wire(4, 3), wire(5, 1), wire(6, 2)] };
pub(super) static S310: Struct = Struct { name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S291)), kind: ListKind::Atomic, message: false }), "[]v1.CustomResourceDefinition", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S311: Struct = Struct { name: "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S312)), "v1.APIServiceSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S314)), "v1.APIServiceStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S312: Struct = Struct { name: "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceSpec", atomic: false, fields: &[
    field("caBundle", Shape::Bytes, "[]uint8", "o"),
    field("group", Shape::String, "string", "o"),
    field("groupPriorityMinimum", Shape::Int32, "int32", "r").default("0"),
    field("insecureSkipTLSVerify", Shape::Bool, "bool", "o"),
    field("service", Shape::Struct(TypeRef(&S313)), "v1.ServiceReference", "po"),
    field("version", Shape::String, "string", "o"),
    field("versionPriority", Shape::Int32, "int32", "r").default("0"),
], wire: &[wire(1, 4), wire(2, 1), wire(3, 5), wire(4, 3), wire(5, 0), wire(7, 2), wire(8, 6)] };
pub(super) static S313: Struct = Struct { name: "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference", atomic: false, fields: &[
    field("name", Shape::String, "string", "o"),
    field("namespace", Shape::String, "string", "o"),
    field("port", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2)] };
pub(super) static S314: Struct = Struct { name: "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S315)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.APIServiceCondition", "o").patch(true, false, false, "type"),
], wire: &[wire(1, 0)] };
pub(super) static S315: Struct = Struct { name: "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "v1.APIServiceConditionType", "r").default(r#""""#),
], wire: &[wire(1, 4), wire(2, 3), wire(3, 0), wire(4, 2), wire(5, 1)] };
pub(super) static S316: Struct = Struct { name: "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S311)), kind: ListKind::Atomic, message: false }), "[]v1.APIService", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S317: Struct = Struct { name: "io.k8s.api.apps.v1.ControllerRevision", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("data", Shape::Raw, "runtime.RawExtension", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("revision", Shape::Int64, "int64", "").default("0"),
], wire: &[wire(1, 3), wire(2, 1), wire(3, 4)] };
pub(super) static S318: Struct = Struct { name: "io.k8s.api.apps.v1.ControllerRevisionList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S317)), kind: ListKind::Atomic, message: false }), "[]v1.ControllerRevision", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S319: Struct = Struct { name: "io.k8s.api.apps.v1.DaemonSet", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S320)), "v1.DaemonSetSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S323)), "v1.DaemonSetStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S320: Struct = Struct { name: "io.k8s.api.apps.v1.DaemonSetSpec", atomic: false, fields: &[
    field("minReadySeconds", Shape::Int32, "int32", "o"),
    field("revisionHistoryLimit", Shape::Int32, "int32", "po"),
    field("selector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "rp"),
    field("template", Shape::Struct(TypeRef(&S218)), "v1.PodTemplateSpec", "r").default("{}"),
    field("updateStrategy", Shape::Struct(TypeRef(&S321)), "v1.DaemonSetUpdateStrategy", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4), wire(4, 0), wire(6, 1)] };
pub(super) static S321: Struct = Struct { name: "io.k8s.api.apps.v1.DaemonSetUpdateStrategy", atomic: false, fields: &[
    field("rollingUpdate", Shape::Struct(TypeRef(&S322)), "v1.RollingUpdateDaemonSet", "po"),
    field("type", Shape::String, "v1.DaemonSetUpdateStrategyType", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S322: Struct = Struct { name: "io.k8s.api.apps.v1.RollingUpdateDaemonSet", atomic: false, fields: &[
    field("maxSurge", Shape::IntOrString, "intstr.IntOrString", "po"),
    field("maxUnavailable", Shape::IntOrString, "intstr.IntOrString", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S323: Struct = Struct { name: "io.k8s.api.apps.v1.DaemonSetStatus", atomic: false, fields: &[
    field("collisionCount", Shape::Int32, "int32", "po"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S324)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.DaemonSetCondition", "o").patch(true, false, false, "type"),
    field("currentNumberScheduled", Shape::Int32, "int32", "r").default("0"),
    field("desiredNumberScheduled", Shape::Int32, "int32", "r").default("0"),
    field("numberAvailable", Shape::Int32, "int32", "o"),
    field("numberMisscheduled", Shape::Int32, "int32", "r").default("0"),
    field("numberReady", Shape::Int32, "int32", "r").default("0"),
    field("numberUnavailable", Shape::Int32, "int32", "o"),
    field("observedGeneration", Shape::Int64, "int64", "o"),
    field("updatedNumberScheduled", Shape::Int32, "int32", "o"),
], wire: &[wire(1, 2), wire(2, 5), wire(3, 3), wire(4, 6), wire(5, 8), wire(6, 9), wire(7, 4), wire(8, 7), wire(9, 0), wire(10, 1)] };
pub(super) static S324: Struct = Struct { name: "io.k8s.api.apps.v1.DaemonSetCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "").default(r#""""#),
    field("type", Shape::String, "v1.DaemonSetConditionType", "").default(r#""""#),
], wire: &[wire(1, 4), wire(2, 3), wire(3, 0), wire(4, 2), wire(5, 1)] };
pub(super) static S325: Struct = Struct { name: "io.k8s.api.apps.v1.DaemonSetList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S319)), kind: ListKind::Atomic, message: false }), "[]v1.DaemonSet", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S326: Struct = Struct { name: "io.k8s.api.apps.v1.Deployment", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S327)), "v1.DeploymentSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S330)), "v1.DeploymentStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S327: Struct = Struct { name: "io.k8s.api.apps.v1.DeploymentSpec", atomic: false, fields: &[
    field("minReadySeconds", Shape::Int32, "int32", "o"),
    field("paused", Shape::Bool, "bool", "o"),
    field("progressDeadlineSeconds", Shape::Int32, "int32", "po"),
    field("replicas", Shape::Int32, "int32", "po"),
    field("revisionHistoryLimit", Shape::Int32, "int32", "po"),
    field("selector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "rp"),
    field("strategy", Shape::Struct(TypeRef(&S328)), "v1.DeploymentStrategy", "").default("{}").patch(false, true, false, ""),
    field("template", Shape::Struct(TypeRef(&S218)), "v1.PodTemplateSpec", "r").default("{}"),
], wire: &[wire(1, 3), wire(2, 5), wire(3, 7), wire(4, 6), wire(5, 0), wire(6, 4), wire(7, 1), wire(9, 2)] };
pub(super) static S328: Struct = Struct { name: "io.k8s.api.apps.v1.DeploymentStrategy", atomic: false, fields: &[
    field("rollingUpdate", Shape::Struct(TypeRef(&S329)), "v1.RollingUpdateDeployment", "po"),
    field("type", Shape::String, "v1.DeploymentStrategyType", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S329: Struct = Struct { name: "io.k8s.api.apps.v1.RollingUpdateDeployment", atomic: false, fields: &[
    field("maxSurge", Shape::IntOrString, "intstr.IntOrString", "po"),
    field("maxUnavailable", Shape::IntOrString, "intstr.IntOrString", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S330: Struct = Struct { name: "io.k8s.api.apps.v1.DeploymentStatus", atomic: false, fields: &[
    field("availableReplicas", Shape::Int32, "int32", "o"),
    field("collisionCount", Shape::Int32, "int32", "po"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S331)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.DeploymentCondition", "o").patch(true, false, false, "type"),
    field("observedGeneration", Shape::Int64, "int64", "o"),
    field("readyReplicas", Shape::Int32, "int32", "o"),
    field("replicas", Shape::Int32, "int32", "o"),
    field("terminatingReplicas", Shape::Int32, "int32", "po"),
    field("unavailableReplicas", Shape::Int32, "int32", "o"),
    field("updatedReplicas", Shape::Int32, "int32", "o"),
], wire: &[wire(1, 3), wire(2, 5), wire(3, 8), wire(4, 0), wire(5, 7), wire(6, 2), wire(7, 4), wire(8, 1), wire(9, 6)] };
pub(super) static S331: Struct = Struct { name: "io.k8s.api.apps.v1.DeploymentCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("lastUpdateTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "").default(r#""""#),
    field("type", Shape::String, "v1.DeploymentConditionType", "").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 4), wire(4, 3), wire(5, 2), wire(6, 1), wire(7, 0)] };
pub(super) static S332: Struct = Struct { name: "io.k8s.api.apps.v1.DeploymentList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S326)), kind: ListKind::Atomic, message: false }), "[]v1.Deployment", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S333: Struct = Struct { name: "io.k8s.api.apps.v1.ReplicaSet", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S334)), "v1.ReplicaSetSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S335)), "v1.ReplicaSetStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S334: Struct = Struct { name: "io.k8s.api.apps.v1.ReplicaSetSpec", atomic: false, fields: &[
    field("minReadySeconds", Shape::Int32, "int32", "o"),
    field("replicas", Shape::Int32, "int32", "po"),
    field("selector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "rp"),
    field("template", Shape::Struct(TypeRef(&S218)), "v1.PodTemplateSpec", "").default("{}"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 3), wire(4, 0)] };
pub(super) static S335: Struct = Struct { name: "io.k8s.api.apps.v1.ReplicaSetStatus", atomic: false, fields: &[
    field("availableReplicas", Shape::Int32, "int32", "o"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S336)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.ReplicaSetCondition", "o").patch(true, false, false, "type"),
    field("fullyLabeledReplicas", Shape::Int32, "int32", "o"),
    field("observedGeneration", Shape::Int64, "int64", "o"),
    field("readyReplicas", Shape::Int32, "int32", "o"),
    field("replicas", Shape::Int32, "int32", "r").default("0"),
    field("terminatingReplicas", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 5), wire(2, 2), wire(3, 3), wire(4, 4), wire(5, 0), wire(6, 1), wire(7, 6)] };
pub(super) static S336: Struct = Struct { name: "io.k8s.api.apps.v1.ReplicaSetCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "").default(r#""""#),
    field("type", Shape::String, "v1.ReplicaSetConditionType", "").default(r#""""#),
], wire: &[wire(1, 4), wire(2, 3), wire(3, 0), wire(4, 2), wire(5, 1)] };
pub(super) static S337: Struct = Struct { name: "io.k8s.api.apps.v1.ReplicaSetList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S333)), kind: ListKind::Atomic, message: false }), "[]v1.ReplicaSet", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S338: Struct = Struct { name: "io.k8s.api.apps.v1.StatefulSet", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S339)), "v1.StatefulSetSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S344)), "v1.StatefulSetStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S339: Struct = Struct { name: "io.k8s.api.apps.v1.StatefulSetSpec", atomic: false, fields: &[
    field("minReadySeconds", Shape::Int32, "int32", "o"),
    field("ordinals", Shape::Struct(TypeRef(&S343)), "v1.StatefulSetOrdinals", "po"),
    field("persistentVolumeClaimRetentionPolicy", Shape::Struct(TypeRef(&S342)), "v1.StatefulSetPersistentVolumeClaimRetentionPolicy", "po"),
    field("podManagementPolicy", Shape::String, "v1.PodManagementPolicyType", "o"),
    field("replicas", Shape::Int32, "int32", "po"),
    field("revisionHistoryLimit", Shape::Int32, "int32", "po"),
    field("selector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "rp"),
    field("serviceName", Shape::String, "string", "").default(r#""""#),
    field("template", Shape::Struct(TypeRef(&S218)), "v1.PodTemplateSpec", "r").default("{}"),
    field("updateStrategy", Shape::Struct(TypeRef(&S340)), "v1.StatefulSetUpdateStrategy", "").default("{}"),
    field("volumeClaimTemplates", Shape::List(&List { item: Shape::Struct(TypeRef(&S83)), kind: ListKind::Atomic, message: false }), "[]v1.PersistentVolumeClaim", "o"),
], wire: &[wire(1, 4), wire(2, 6), wire(3, 8), wire(4, 10), wire(5, 7), wire(6, 3), wire(7, 9), wire(8, 5), wire(9, 0), wire(10, 2), wire(11, 1)] };
pub(super) static S340: Struct = Struct { name: "io.k8s.api.apps.v1.StatefulSetUpdateStrategy", atomic: false, fields: &[
    field("rollingUpdate", Shape::Struct(TypeRef(&S341)), "v1.RollingUpdateStatefulSetStrategy", "po"),
    field("type", Shape::String, "v1.StatefulSetUpdateStrategyType", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S341: Struct = Struct { name: "io.k8s.api.apps.v1.RollingUpdateStatefulSetStrategy", atomic: false, fields: &[
    field("maxUnavailable", Shape::IntOrString, "intstr.IntOrString", "po"),
    field("partition", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S342: Struct = Struct { name: "io.k8s.api.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy", atomic: false, fields: &[
    field("whenDeleted", Shape::String, "v1.PersistentVolumeClaimRetentionPolicyType", "o"),
    field("whenScaled", Shape::String, "v1.PersistentVolumeClaimRetentionPolicyType", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S343: Struct = Struct { name: "io.k8s.api.apps.v1.StatefulSetOrdinals", atomic: false, fields: &[
    field("start", Shape::Int32, "int32", "").default("0"),
], wire: &[wire(1, 0)] };
pub(super) static S344: Struct = Struct { name: "io.k8s.api.apps.v1.StatefulSetStatus", atomic: false, fields: &[
    field("availableReplicas", Shape::Int32, "int32", "").default("0"),
    field("collisionCount", Shape::Int32, "int32", "po"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S345)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.StatefulSetCondition", "o").patch(true, false, false, "type"),
    field("currentReplicas", Shape::Int32, "int32", "o"),
    field("currentRevision", Shape::String, "string", "o"),
    field("observedGeneration", Shape::Int64, "int64", "o"),
    field("readyReplicas", Shape::Int32, "int32", "o"),
    field("replicas", Shape::Int32, "int32", "r").default("0"),
    field("updateRevision", Shape::String, "string", "o"),
    field("updatedReplicas", Shape::Int32, "int32", "o"),
], wire: &[wire(1, 5), wire(2, 7), wire(3, 6), wire(4, 3), wire(5, 9), wire(6, 4), wire(7, 8), wire(9, 1), wire(10, 2), wire(11, 0)] };
pub(super) static S345: Struct = Struct { name: "io.k8s.api.apps.v1.StatefulSetCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "").default(r#""""#),
    field("type", Shape::String, "v1.StatefulSetConditionType", "").default(r#""""#),
], wire: &[wire(1, 4), wire(2, 3), wire(3, 0), wire(4, 2), wire(5, 1)] };
pub(super) static S346: Struct = Struct { name: "io.k8s.api.apps.v1.StatefulSetList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S338)), kind: ListKind::Atomic, message: false }), "[]v1.StatefulSet", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S347: Struct = Struct { name: "io.k8s.api.authentication.v1.SelfSubjectReview", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S348)), "v1.SelfSubjectReviewStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S348: Struct = Struct { name: "io.k8s.api.authentication.v1.SelfSubjectReviewStatus", atomic: false, fields: &[
    field("userInfo", Shape::Struct(TypeRef(&S349)), "v1.UserInfo", "").default("{}"),
], wire: &[wire(1, 0)] };
pub(super) static S349: Struct = Struct { name: "io.k8s.api.authentication.v1.UserInfo", atomic: false, fields: &[
    field("extra", Shape::Map(&Map { value: Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: true }), atomic: false }), "map[string]v1.ExtraValue", "o"),
    field("groups", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("uid", Shape::String, "string", "o"),
    field("username", Shape::String, "string", "o"),
], wire: &[wire(1, 3), wire(2, 2), wire(3, 1), wire(4, 0)] };
pub(super) static S350: Struct = Struct { name: "io.k8s.api.authentication.v1.TokenRequest", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S351)), "v1.TokenRequestSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S353)), "v1.TokenRequestStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S351: Struct = Struct { name: "io.k8s.api.authentication.v1.TokenRequestSpec", atomic: false, fields: &[
    field("attestations", Shape::Map(&Map { value: Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: true }), atomic: false }), "map[string]v1.AttestationValue", "o"),
    field("audiences", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", ""),
    field("boundObjectRef", Shape::Struct(TypeRef(&S352)), "v1.BoundObjectReference", "p"),
    field("expirationSeconds", Shape::Int64, "int64", "p"),
], wire: &[wire(1, 1), wire(3, 2), wire(4, 3), wire(5, 0)] };
pub(super) static S352: Struct = Struct { name: "io.k8s.api.authentication.v1.BoundObjectReference", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("name", Shape::String, "string", "o"),
    field("uid", Shape::String, "types.UID", "o"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2), wire(4, 3)] };
pub(super) static S353: Struct = Struct { name: "io.k8s.api.authentication.v1.TokenRequestStatus", atomic: false, fields: &[
    field("expirationTimestamp", Shape::Time, "v1.Time", ""),
    field("token", Shape::String, "string", "").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S354: Struct = Struct { name: "io.k8s.api.authentication.v1.TokenReview", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S355)), "v1.TokenReviewSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S356)), "v1.TokenReviewStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S355: Struct = Struct { name: "io.k8s.api.authentication.v1.TokenReviewSpec", atomic: false, fields: &[
    field("audiences", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("token", Shape::String, "string", "ro"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S356: Struct = Struct { name: "io.k8s.api.authentication.v1.TokenReviewStatus", atomic: false, fields: &[
    field("audiences", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("authenticated", Shape::Bool, "bool", "o"),
    field("error", Shape::String, "string", "o"),
    field("user", Shape::Struct(TypeRef(&S349)), "v1.UserInfo", "").default("{}"),
], wire: &[wire(1, 1), wire(2, 3), wire(3, 2), wire(4, 0)] };
pub(super) static S357: Struct = Struct { name: "io.k8s.api.authorization.v1.LocalSubjectAccessReview", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S358)), "v1.SubjectAccessReviewSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S364)), "v1.SubjectAccessReviewStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S358: Struct = Struct { name: "io.k8s.api.authorization.v1.SubjectAccessReviewSpec", atomic: false, fields: &[
    field("extra", Shape::Map(&Map { value: Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: true }), atomic: false }), "map[string]v1.ExtraValue", "o"),
    field("groups", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("nonResourceAttributes", Shape::Struct(TypeRef(&S363)), "v1.NonResourceAttributes", "po"),
    field("resourceAttributes", Shape::Struct(TypeRef(&S359)), "v1.ResourceAttributes", "po"),
    field("uid", Shape::String, "string", "o"),
    field("user", Shape::String, "string", "o"),
], wire: &[wire(1, 3), wire(2, 2), wire(3, 5), wire(4, 1), wire(5, 0), wire(6, 4)] };
pub(super) static S359: Struct = Struct { name: "io.k8s.api.authorization.v1.ResourceAttributes", atomic: false, fields: &[
    field("fieldSelector", Shape::Struct(TypeRef(&S360)), "v1.FieldSelectorAttributes", "po"),
    field("group", Shape::String, "string", "o"),
    field("labelSelector", Shape::Struct(TypeRef(&S362)), "v1.LabelSelectorAttributes", "po"),
    field("name", Shape::String, "string", "o"),
    field("namespace", Shape::String, "string", "o"),
    field("resource", Shape::String, "string", "o"),
    field("subresource", Shape::String, "string", "o"),
    field("verb", Shape::String, "string", "o"),
    field("version", Shape::String, "string", "o"),
], wire: &[wire(1, 4), wire(2, 7), wire(3, 1), wire(4, 8), wire(5, 5), wire(6, 6), wire(7, 3), wire(8, 0), wire(9, 2)] };
pub(super) static S360: Struct = Struct { name: "io.k8s.api.authorization.v1.FieldSelectorAttributes", atomic: false, fields: &[
    field("rawSelector", Shape::String, "string", "o"),
    field("requirements", Shape::List(&List { item: Shape::Struct(TypeRef(&S361)), kind: ListKind::Atomic, message: false }), "[]v1.FieldSelectorRequirement", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S361: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.FieldSelectorRequirement", atomic: false, fields: &[
    field("key", Shape::String, "string", "r").default(r#""""#),
    field("operator", Shape::String, "v1.FieldSelectorOperator", "r").default(r#""""#),
    field("values", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S362: Struct = Struct { name: "io.k8s.api.authorization.v1.LabelSelectorAttributes", atomic: false, fields: &[
    field("rawSelector", Shape::String, "string", "o"),
    field("requirements", Shape::List(&List { item: Shape::Struct(TypeRef(&S86)), kind: ListKind::Atomic, message: false }), "[]v1.LabelSelectorRequirement", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S363: Struct = Struct { name: "io.k8s.api.authorization.v1.NonResourceAttributes", atomic: false, fields: &[
    field("path", Shape::String, "string", "o"),
    field("verb", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S364: Struct = Struct { name: "io.k8s.api.authorization.v1.SubjectAccessReviewStatus", atomic: false, fields: &[
    field("allowed", Shape::Bool, "bool", "r").default("false"),
    field("denied", Shape::Bool, "bool", "o"),
    field("evaluationError", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 3), wire(3, 2), wire(4, 1)] };
pub(super) static S365: Struct = Struct { name: "io.k8s.api.authorization.v1.SelfSubjectAccessReview", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S366)), "v1.SelfSubjectAccessReviewSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S364)), "v1.SubjectAccessReviewStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S366: Struct = Struct { name: "io.k8s.api.authorization.v1.SelfSubjectAccessReviewSpec", atomic: false, fields: &[
    field("nonResourceAttributes", Shape::Struct(TypeRef(&S363)), "v1.NonResourceAttributes", "po"),
    field("resourceAttributes", Shape::Struct(TypeRef(&S359)), "v1.ResourceAttributes", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S367: Struct = Struct { name: "io.k8s.api.authorization.v1.SelfSubjectRulesReview", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S368)), "v1.SelfSubjectRulesReviewSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S369)), "v1.SubjectRulesReviewStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S368: Struct = Struct { name: "io.k8s.api.authorization.v1.SelfSubjectRulesReviewSpec", atomic: false, fields: &[
    field("namespace", Shape::String, "string", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S369: Struct = Struct { name: "io.k8s.api.authorization.v1.SubjectRulesReviewStatus", atomic: false, fields: &[
    field("evaluationError", Shape::String, "string", "o"),
    field("incomplete", Shape::Bool, "bool", "r").default("false"),
    field("nonResourceRules", Shape::List(&List { item: Shape::Struct(TypeRef(&S371)), kind: ListKind::Atomic, message: false }), "[]v1.NonResourceRule", "r"),
    field("resourceRules", Shape::List(&List { item: Shape::Struct(TypeRef(&S370)), kind: ListKind::Atomic, message: false }), "[]v1.ResourceRule", "r"),
], wire: &[wire(1, 3), wire(2, 2), wire(3, 1), wire(4, 0)] };
pub(super) static S370: Struct = Struct { name: "io.k8s.api.authorization.v1.ResourceRule", atomic: false, fields: &[
    field("apiGroups", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("resourceNames", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("resources", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("verbs", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "r"),
], wire: &[wire(1, 3), wire(2, 0), wire(3, 2), wire(4, 1)] };
pub(super) static S371: Struct = Struct { name: "io.k8s.api.authorization.v1.NonResourceRule", atomic: false, fields: &[
    field("nonResourceURLs", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("verbs", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "r"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S372: Struct = Struct { name: "io.k8s.api.authorization.v1.SubjectAccessReview", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S358)), "v1.SubjectAccessReviewSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S364)), "v1.SubjectAccessReviewStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S373: Struct = Struct { name: "io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S374)), "v1.HorizontalPodAutoscalerSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S376)), "v1.HorizontalPodAutoscalerStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S374: Struct = Struct { name: "io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerSpec", atomic: false, fields: &[
    field("maxReplicas", Shape::Int32, "int32", "r").default("0"),
    field("minReplicas", Shape::Int32, "int32", "po"),
    field("scaleTargetRef", Shape::Struct(TypeRef(&S375)), "v1.CrossVersionObjectReference", "r").default("{}"),
    field("targetCPUUtilizationPercentage", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0), wire(4, 3)] };
pub(super) static S375: Struct = Struct { name: "io.k8s.api.autoscaling.v1.CrossVersionObjectReference", atomic: true, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S376: Struct = Struct { name: "io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerStatus", atomic: false, fields: &[
    field("currentCPUUtilizationPercentage", Shape::Int32, "int32", "po"),
    field("currentReplicas", Shape::Int32, "int32", "r").default("0"),
    field("desiredReplicas", Shape::Int32, "int32", "r").default("0"),
    field("lastScaleTime", Shape::Time, "v1.Time", "po"),
    field("observedGeneration", Shape::Int64, "int64", "po"),
], wire: &[wire(1, 4), wire(2, 3), wire(3, 1), wire(4, 2), wire(5, 0)] };
pub(super) static S377: Struct = Struct { name: "io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S373)), kind: ListKind::Atomic, message: false }), "[]v1.HorizontalPodAutoscaler", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S378: Struct = Struct { name: "io.k8s.api.autoscaling.v1.Scale", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S379)), "v1.ScaleSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S380)), "v1.ScaleStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S379: Struct = Struct { name: "io.k8s.api.autoscaling.v1.ScaleSpec", atomic: false, fields: &[
    field("replicas", Shape::Int32, "int32", "o").default("0"),
], wire: &[wire(1, 0)] };
pub(super) static S380: Struct = Struct { name: "io.k8s.api.autoscaling.v1.ScaleStatus", atomic: false, fields: &[
    field("replicas", Shape::Int32, "int32", "r").default("0"),
    field("selector", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S381: Struct = Struct { name: "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S382)), "v2.HorizontalPodAutoscalerSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S395)), "v2.HorizontalPodAutoscalerStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S382: Struct = Struct { name: "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec", atomic: false, fields: &[
    field("behavior", Shape::Struct(TypeRef(&S392)), "v2.HorizontalPodAutoscalerBehavior", "po"),
    field("maxReplicas", Shape::Int32, "int32", "r").default("0"),
    field("metrics", Shape::List(&List { item: Shape::Struct(TypeRef(&S384)), kind: ListKind::Atomic, message: false }), "[]v2.MetricSpec", "o"),
    field("minReplicas", Shape::Int32, "int32", "po"),
    field("scaleTargetRef", Shape::Struct(TypeRef(&S383)), "v2.CrossVersionObjectReference", "r").default("{}"),
], wire: &[wire(1, 4), wire(2, 3), wire(3, 1), wire(4, 2), wire(5, 0)] };
pub(super) static S383: Struct = Struct { name: "io.k8s.api.autoscaling.v2.CrossVersionObjectReference", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S384: Struct = Struct { name: "io.k8s.api.autoscaling.v2.MetricSpec", atomic: false, fields: &[
    field("containerResource", Shape::Struct(TypeRef(&S390)), "v2.ContainerResourceMetricSource", "po"),
    field("external", Shape::Struct(TypeRef(&S391)), "v2.ExternalMetricSource", "po"),
    field("object", Shape::Struct(TypeRef(&S385)), "v2.ObjectMetricSource", "po"),
    field("pods", Shape::Struct(TypeRef(&S388)), "v2.PodsMetricSource", "po"),
    field("resource", Shape::Struct(TypeRef(&S389)), "v2.ResourceMetricSource", "po"),
    field("type", Shape::String, "v2.MetricSourceType", "r").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 2), wire(3, 3), wire(4, 4), wire(5, 1), wire(7, 0)] };
pub(super) static S385: Struct = Struct { name: "io.k8s.api.autoscaling.v2.ObjectMetricSource", atomic: false, fields: &[
    field("describedObject", Shape::Struct(TypeRef(&S383)), "v2.CrossVersionObjectReference", "r").default("{}"),
    field("metric", Shape::Struct(TypeRef(&S387)), "v2.MetricIdentifier", "r").default("{}"),
    field("target", Shape::Struct(TypeRef(&S386)), "v2.MetricTarget", "r").default("{}"),
], wire: &[wire(1, 0), wire(2, 2), wire(3, 1)] };
pub(super) static S386: Struct = Struct { name: "io.k8s.api.autoscaling.v2.MetricTarget", atomic: false, fields: &[
    field("averageUtilization", Shape::Int32, "int32", "po"),
    field("averageValue", Shape::Quantity, "resource.Quantity", "po"),
    field("type", Shape::String, "v2.MetricTargetType", "r").default(r#""""#),
    field("value", Shape::Quantity, "resource.Quantity", "po"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 1), wire(4, 0)] };
pub(super) static S387: Struct = Struct { name: "io.k8s.api.autoscaling.v2.MetricIdentifier", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("selector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S388: Struct = Struct { name: "io.k8s.api.autoscaling.v2.PodsMetricSource", atomic: false, fields: &[
    field("metric", Shape::Struct(TypeRef(&S387)), "v2.MetricIdentifier", "r").default("{}"),
    field("target", Shape::Struct(TypeRef(&S386)), "v2.MetricTarget", "r").default("{}"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S389: Struct = Struct { name: "io.k8s.api.autoscaling.v2.ResourceMetricSource", atomic: false, fields: &[
    field("name", Shape::String, "v1.ResourceName", "r").default(r#""""#),
    field("target", Shape::Struct(TypeRef(&S386)), "v2.MetricTarget", "r").default("{}"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S390: Struct = Struct { name: "io.k8s.api.autoscaling.v2.ContainerResourceMetricSource", atomic: false, fields: &[
    field("container", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "v1.ResourceName", "r").default(r#""""#),
    field("target", Shape::Struct(TypeRef(&S386)), "v2.MetricTarget", "r").default("{}"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S391: Struct = Struct { name: "io.k8s.api.autoscaling.v2.ExternalMetricSource", atomic: false, fields: &[
    field("metric", Shape::Struct(TypeRef(&S387)), "v2.MetricIdentifier", "r").default("{}"),
    field("target", Shape::Struct(TypeRef(&S386)), "v2.MetricTarget", "r").default("{}"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S392: Struct = Struct { name: "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior", atomic: false, fields: &[
    field("scaleDown", Shape::Struct(TypeRef(&S393)), "v2.HPAScalingRules", "po"),
    field("scaleUp", Shape::Struct(TypeRef(&S393)), "v2.HPAScalingRules", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S393: Struct = Struct { name: "io.k8s.api.autoscaling.v2.HPAScalingRules", atomic: false, fields: &[
    field("policies", Shape::List(&List { item: Shape::Struct(TypeRef(&S394)), kind: ListKind::Atomic, message: false }), "[]v2.HPAScalingPolicy", "o"),
    field("selectPolicy", Shape::String, "v2.ScalingPolicySelect", "po"),
    field("stabilizationWindowSeconds", Shape::Int32, "int32", "po"),
    field("tolerance", Shape::Quantity, "resource.Quantity", "po"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2), wire(4, 3)] };
pub(super) static S394: Struct = Struct { name: "io.k8s.api.autoscaling.v2.HPAScalingPolicy", atomic: false, fields: &[
    field("periodSeconds", Shape::Int32, "int32", "r").default("0"),
    field("type", Shape::String, "v2.HPAScalingPolicyType", "r").default(r#""""#),
    field("value", Shape::Int32, "int32", "r").default("0"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S395: Struct = Struct { name: "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S403)), kind: ListKind::Map(&["type"]), message: false }), "[]v2.HorizontalPodAutoscalerCondition", "o").patch(true, false, false, "type"),
    field("currentMetrics", Shape::List(&List { item: Shape::Struct(TypeRef(&S396)), kind: ListKind::Atomic, message: false }), "[]v2.MetricStatus", ""),
    field("currentReplicas", Shape::Int32, "int32", "o"),
    field("desiredReplicas", Shape::Int32, "int32", "r").default("0"),
    field("lastScaleTime", Shape::Time, "v1.Time", "po"),
    field("observedGeneration", Shape::Int64, "int64", "po"),
], wire: &[wire(1, 5), wire(2, 4), wire(3, 2), wire(4, 3), wire(5, 1), wire(6, 0)] };
pub(super) static S396: Struct = Struct { name: "io.k8s.api.autoscaling.v2.MetricStatus", atomic: false, fields: &[
    field("containerResource", Shape::Struct(TypeRef(&S401)), "v2.ContainerResourceMetricStatus", "po"),
    field("external", Shape::Struct(TypeRef(&S402)), "v2.ExternalMetricStatus", "po"),
    field("object", Shape::Struct(TypeRef(&S397)), "v2.ObjectMetricStatus", "po"),
    field("pods", Shape::Struct(TypeRef(&S399)), "v2.PodsMetricStatus", "po"),
    field("resource", Shape::Struct(TypeRef(&S400)), "v2.ResourceMetricStatus", "po"),
    field("type", Shape::String, "v2.MetricSourceType", "r").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 2), wire(3, 3), wire(4, 4), wire(5, 1), wire(7, 0)] };
pub(super) static S397: Struct = Struct { name: "io.k8s.api.autoscaling.v2.ObjectMetricStatus", atomic: false, fields: &[
    field("current", Shape::Struct(TypeRef(&S398)), "v2.MetricValueStatus", "r").default("{}"),
    field("describedObject", Shape::Struct(TypeRef(&S383)), "v2.CrossVersionObjectReference", "r").default("{}"),
    field("metric", Shape::Struct(TypeRef(&S387)), "v2.MetricIdentifier", "r").default("{}"),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S398: Struct = Struct { name: "io.k8s.api.autoscaling.v2.MetricValueStatus", atomic: false, fields: &[
    field("averageUtilization", Shape::Int32, "int32", "po"),
    field("averageValue", Shape::Quantity, "resource.Quantity", "po"),
    field("value", Shape::Quantity, "resource.Quantity", "po"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S399: Struct = Struct { name: "io.k8s.api.autoscaling.v2.PodsMetricStatus", atomic: false, fields: &[
    field("current", Shape::Struct(TypeRef(&S398)), "v2.MetricValueStatus", "r").default("{}"),
    field("metric", Shape::Struct(TypeRef(&S387)), "v2.MetricIdentifier", "r").default("{}"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S400: Struct = Struct { name: "io.k8s.api.autoscaling.v2.ResourceMetricStatus", atomic: false, fields: &[
    field("current", Shape::Struct(TypeRef(&S398)), "v2.MetricValueStatus", "r").default("{}"),
    field("name", Shape::String, "v1.ResourceName", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S401: Struct = Struct { name: "io.k8s.api.autoscaling.v2.ContainerResourceMetricStatus", atomic: false, fields: &[
    field("container", Shape::String, "string", "r").default(r#""""#),
    field("current", Shape::Struct(TypeRef(&S398)), "v2.MetricValueStatus", "r").default("{}"),
    field("name", Shape::String, "v1.ResourceName", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S402: Struct = Struct { name: "io.k8s.api.autoscaling.v2.ExternalMetricStatus", atomic: false, fields: &[
    field("current", Shape::Struct(TypeRef(&S398)), "v2.MetricValueStatus", "r").default("{}"),
    field("metric", Shape::Struct(TypeRef(&S387)), "v2.MetricIdentifier", "r").default("{}"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S403: Struct = Struct { name: "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("observedGeneration", Shape::Int64, "int64", "po"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "v2.HorizontalPodAutoscalerConditionType", "r").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 4), wire(3, 0), wire(4, 3), wire(5, 1), wire(6, 2)] };
pub(super) static S404: Struct = Struct { name: "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S381)), kind: ListKind::Atomic, message: false }), "[]v2.HorizontalPodAutoscaler", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S405: Struct = Struct { name: "io.k8s.api.batch.v1.CronJob", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S406)), "v1.CronJobSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S425)), "v1.CronJobStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S406: Struct = Struct { name: "io.k8s.api.batch.v1.CronJobSpec", atomic: false, fields: &[
    field("concurrencyPolicy", Shape::String, "v1.ConcurrencyPolicy", "o"),
    field("failedJobsHistoryLimit", Shape::Int32, "int32", "po"),
    field("jobTemplate", Shape::Struct(TypeRef(&S407)), "v1.JobTemplateSpec", "r").default("{}"),
    field("schedule", Shape::String, "string", "r").default(r#""""#),
    field("startingDeadlineSeconds", Shape::Int64, "int64", "po"),
    field("successfulJobsHistoryLimit", Shape::Int32, "int32", "po"),
    field("suspend", Shape::Bool, "bool", "po"),
    field("timeZone", Shape::String, "string", "po"),
], wire: &[wire(1, 3), wire(2, 4), wire(3, 0), wire(4, 6), wire(5, 2), wire(6, 5), wire(7, 1), wire(8, 7)] };
pub(super) static S407: Struct = Struct { name: "io.k8s.api.batch.v1.JobTemplateSpec", atomic: false, fields: &[
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S408)), "v1.JobSpec", "").default("{}"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S408: Struct = Struct { name: "io.k8s.api.batch.v1.JobSpec", atomic: false, fields: &[
    field("activeDeadlineSeconds", Shape::Int64, "int64", "po"),
    field("backoffLimit", Shape::Int32, "int32", "po"),
    field("backoffLimitPerIndex", Shape::Int32, "int32", "po"),
    field("completionMode", Shape::String, "v1.CompletionMode", "po"),
    field("completions", Shape::Int32, "int32", "po"),
    field("managedBy", Shape::String, "string", "po"),
    field("manualSelector", Shape::Bool, "bool", "po"),
    field("maxFailedIndexes", Shape::Int32, "int32", "po"),
    field("parallelism", Shape::Int32, "int32", "po"),
    field("podFailurePolicy", Shape::Struct(TypeRef(&S409)), "v1.PodFailurePolicy", "po"),
    field("podReplacementPolicy", Shape::String, "v1.PodReplacementPolicy", "po"),
    field("scheduling", Shape::Struct(TypeRef(&S415)), "v1.JobSchedulingConfiguration", "po"),
    field("selector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("successPolicy", Shape::Struct(TypeRef(&S413)), "v1.SuccessPolicy", "po"),
    field("suspend", Shape::Bool, "bool", "po"),
    field("template", Shape::Struct(TypeRef(&S218)), "v1.PodTemplateSpec", "r").default("{}"),
    field("ttlSecondsAfterFinished", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 8), wire(2, 4), wire(3, 0), wire(4, 12), wire(5, 6), wire(6, 15), wire(7, 1), wire(8, 16), wire(9, 3), wire(10, 14), wire(11, 9), wire(12, 2), wire(13, 7), wire(14, 10), wire(15, 5), wire(16, 13), wire(17, 11)] };
pub(super) static S409: Struct = Struct { name: "io.k8s.api.batch.v1.PodFailurePolicy", atomic: false, fields: &[
    field("rules", Shape::List(&List { item: Shape::Struct(TypeRef(&S410)), kind: ListKind::Atomic, message: false }), "[]v1.PodFailurePolicyRule", "r"),
], wire: &[wire(1, 0)] };
pub(super) static S410: Struct = Struct { name: "io.k8s.api.batch.v1.PodFailurePolicyRule", atomic: false, fields: &[
    field("action", Shape::String, "v1.PodFailurePolicyAction", "r").default(r#""""#),
    field("onExitCodes", Shape::Struct(TypeRef(&S411)), "v1.PodFailurePolicyOnExitCodesRequirement", "po"),
    field("onPodConditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S412)), kind: ListKind::Atomic, message: false }), "[]v1.PodFailurePolicyOnPodConditionsPattern", "o"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S411: Struct = Struct { name: "io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement", atomic: false, fields: &[
    field("containerName", Shape::String, "string", "po"),
    field("operator", Shape::String, "v1.PodFailurePolicyOnExitCodesOperator", "r").default(r#""""#),
    field("values", Shape::List(&List { item: Shape::Int32, kind: ListKind::Set, message: false }), "[]int32", "r"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S412: Struct = Struct { name: "io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern", atomic: false, fields: &[
    field("status", Shape::String, "v1.ConditionStatus", "").default(r#""""#),
    field("type", Shape::String, "v1.PodConditionType", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S413: Struct = Struct { name: "io.k8s.api.batch.v1.SuccessPolicy", atomic: false, fields: &[
    field("rules", Shape::List(&List { item: Shape::Struct(TypeRef(&S414)), kind: ListKind::Atomic, message: false }), "[]v1.SuccessPolicyRule", "r"),
], wire: &[wire(1, 0)] };
pub(super) static S414: Struct = Struct { name: "io.k8s.api.batch.v1.SuccessPolicyRule", atomic: false, fields: &[
    field("succeededCount", Shape::Int32, "int32", "po"),
    field("succeededIndexes", Shape::String, "string", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S415: Struct = Struct { name: "io.k8s.api.batch.v1.JobSchedulingConfiguration", atomic: false, fields: &[
    field("disruptionMode", Shape::Struct(TypeRef(&S421)), "v1alpha3.WorkloadPodGroupDisruptionMode", "po"),
    field("resourceClaims", Shape::List(&List { item: Shape::Struct(TypeRef(&S424)), kind: ListKind::Map(&["name"]), message: false }), "[]v1alpha3.WorkloadPodGroupResourceClaim", "o").patch(true, false, false, "name"),
    field("schedulingConstraints", Shape::Struct(TypeRef(&S419)), "v1alpha3.WorkloadPodGroupSchedulingConstraints", "po"),
    field("schedulingPolicy", Shape::Struct(TypeRef(&S416)), "v1alpha3.WorkloadPodGroupSchedulingPolicy", "po"),
], wire: &[wire(1, 3), wire(2, 2), wire(3, 0), wire(4, 1)] };
pub(super) static S416: Struct = Struct { name: "io.k8s.api.scheduling.v1alpha3.WorkloadPodGroupSchedulingPolicy", atomic: false, fields: &[
    field("basic", Shape::Struct(TypeRef(&S417)), "v1alpha3.WorkloadPodGroupBasicSchedulingPolicy", "po"),
    field("gang", Shape::Struct(TypeRef(&S418)), "v1alpha3.WorkloadPodGroupGangSchedulingPolicy", "po"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S417: Struct = Struct { name: "io.k8s.api.scheduling.v1alpha3.WorkloadPodGroupBasicSchedulingPolicy", atomic: false, fields: &[], wire: &[] };
pub(super) static S418: Struct = Struct { name: "io.k8s.api.scheduling.v1alpha3.WorkloadPodGroupGangSchedulingPolicy", atomic: false, fields: &[
    field("minCount", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S419: Struct = Struct { name: "io.k8s.api.scheduling.v1alpha3.WorkloadPodGroupSchedulingConstraints", atomic: false, fields: &[
    field("topology", Shape::List(&List { item: Shape::Struct(TypeRef(&S420)), kind: ListKind::Atomic, message: false }), "[]v1alpha3.TopologyConstraint", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S420: Struct = Struct { name: "io.k8s.api.scheduling.v1alpha3.TopologyConstraint", atomic: false, fields: &[
    field("key", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S421: Struct = Struct { name: "io.k8s.api.scheduling.v1alpha3.WorkloadPodGroupDisruptionMode", atomic: false, fields: &[
    field("all", Shape::Struct(TypeRef(&S423)), "v1alpha3.WorkloadPodGroupAllDisruptionMode", "po"),
    field("single", Shape::Struct(TypeRef(&S422)), "v1alpha3.WorkloadPodGroupSingleDisruptionMode", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S422: Struct = Struct { name: "io.k8s.api.scheduling.v1alpha3.WorkloadPodGroupSingleDisruptionMode", atomic: false, fields: &[], wire: &[] };
pub(super) static S423: Struct = Struct { name: "io.k8s.api.scheduling.v1alpha3.WorkloadPodGroupAllDisruptionMode", atomic: false, fields: &[], wire: &[] };
pub(super) static S424: Struct = Struct { name: "io.k8s.api.scheduling.v1alpha3.WorkloadPodGroupResourceClaim", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("resourceClaimName", Shape::String, "string", "po"),
    field("resourceClaimTemplateName", Shape::String, "string", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S425: Struct = Struct { name: "io.k8s.api.batch.v1.CronJobStatus", atomic: false, fields: &[
    field("active", Shape::List(&List { item: Shape::Struct(TypeRef(&S4)), kind: ListKind::Atomic, message: false }), "[]v1.ObjectReference", "o"),
    field("lastScheduleTime", Shape::Time, "v1.Time", "po"),
    field("lastSuccessfulTime", Shape::Time, "v1.Time", "po"),
], wire: &[wire(1, 0), wire(4, 1), wire(5, 2)] };
pub(super) static S426: Struct = Struct { name: "io.k8s.api.batch.v1.CronJobList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S405)), kind: ListKind::Atomic, message: false }), "[]v1.CronJob", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S427: Struct = Struct { name: "io.k8s.api.batch.v1.Job", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S408)), "v1.JobSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S428)), "v1.JobStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S428: Struct = Struct { name: "io.k8s.api.batch.v1.JobStatus", atomic: false, fields: &[
    field("active", Shape::Int32, "int32", "o"),
    field("completedIndexes", Shape::String, "string", "o"),
    field("completionTime", Shape::Time, "v1.Time", "po"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S429)), kind: ListKind::Atomic, message: false }), "[]v1.JobCondition", "o").patch(true, false, false, "type"),
    field("failed", Shape::Int32, "int32", "o"),
    field("failedIndexes", Shape::String, "string", "po"),
    field("ready", Shape::Int32, "int32", "po"),
    field("startTime", Shape::Time, "v1.Time", "po"),
    field("succeeded", Shape::Int32, "int32", "o"),
    field("terminating", Shape::Int32, "int32", "po"),
    field("uncountedTerminatedPods", Shape::Struct(TypeRef(&S430)), "v1.UncountedTerminatedPods", "po"),
], wire: &[wire(1, 3), wire(2, 7), wire(3, 2), wire(4, 0), wire(5, 8), wire(6, 4), wire(7, 1), wire(8, 10), wire(9, 6), wire(10, 5), wire(11, 9)] };
pub(super) static S429: Struct = Struct { name: "io.k8s.api.batch.v1.JobCondition", atomic: false, fields: &[
    field("lastProbeTime", Shape::Time, "v1.Time", ""),
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "v1.JobConditionType", "r").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 4), wire(3, 0), wire(4, 1), wire(5, 3), wire(6, 2)] };
pub(super) static S430: Struct = Struct { name: "io.k8s.api.batch.v1.UncountedTerminatedPods", atomic: false, fields: &[
    field("failed", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]types.UID", "o"),
    field("succeeded", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]types.UID", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S431: Struct = Struct { name: "io.k8s.api.batch.v1.JobList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S427)), kind: ListKind::Atomic, message: false }), "[]v1.Job", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S432: Struct = Struct { name: "io.k8s.api.certificates.v1.CertificateSigningRequest", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S433)), "v1.CertificateSigningRequestSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S434)), "v1.CertificateSigningRequestStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S433: Struct = Struct { name: "io.k8s.api.certificates.v1.CertificateSigningRequestSpec", atomic: false, fields: &[
    field("expirationSeconds", Shape::Int32, "int32", "po"),
    field("extra", Shape::Map(&Map { value: Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: true }), atomic: false }), "map[string]v1.ExtraValue", "o"),
    field("groups", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("request", Shape::Bytes, "[]uint8", "r"),
    field("signerName", Shape::String, "string", "r").default(r#""""#),
    field("uid", Shape::String, "string", "o"),
    field("usages", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.KeyUsage", "o"),
    field("username", Shape::String, "string", "o"),
], wire: &[wire(1, 3), wire(2, 7), wire(3, 5), wire(4, 2), wire(5, 6), wire(6, 1), wire(7, 4), wire(8, 0)] };
pub(super) static S434: Struct = Struct { name: "io.k8s.api.certificates.v1.CertificateSigningRequestStatus", atomic: false, fields: &[
    field("certificate", Shape::Bytes, "[]uint8", "o"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S435)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.CertificateSigningRequestCondition", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S435: Struct = Struct { name: "io.k8s.api.certificates.v1.CertificateSigningRequestCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("lastUpdateTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "r").default(r#""""#),
    field("type", Shape::String, "v1.RequestConditionType", "r").default(r#""""#),
], wire: &[wire(1, 5), wire(2, 3), wire(3, 2), wire(4, 1), wire(5, 0), wire(6, 4)] };
pub(super) static S436: Struct = Struct { name: "io.k8s.api.certificates.v1.CertificateSigningRequestList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S432)), kind: ListKind::Atomic, message: false }), "[]v1.CertificateSigningRequest", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S437: Struct = Struct { name: "io.k8s.api.certificates.v1.ClusterTrustBundle", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S438)), "v1.ClusterTrustBundleSpec", "r").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S438: Struct = Struct { name: "io.k8s.api.certificates.v1.ClusterTrustBundleSpec", atomic: false, fields: &[
    field("signerName", Shape::String, "string", "o"),
    field("trustBundle", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S439: Struct = Struct { name: "io.k8s.api.certificates.v1.ClusterTrustBundleList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S437)), kind: ListKind::Atomic, message: false }), "[]v1.ClusterTrustBundle", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S440: Struct = Struct { name: "io.k8s.api.certificates.v1.PodCertificateRequest", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S441)), "v1.PodCertificateRequestSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S442)), "v1.PodCertificateRequestStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S441: Struct = Struct { name: "io.k8s.api.certificates.v1.PodCertificateRequestSpec", atomic: false, fields: &[
    field("maxExpirationSeconds", Shape::Int32, "int32", "po").default("86400"),
    field("nodeName", Shape::String, "types.NodeName", "r").default(r#""""#),
    field("nodeUID", Shape::String, "types.UID", "r").default(r#""""#),
    field("podName", Shape::String, "string", "r").default(r#""""#),
    field("podUID", Shape::String, "types.UID", "r").default(r#""""#),
    field("serviceAccountName", Shape::String, "string", "r").default(r#""""#),
    field("serviceAccountUID", Shape::String, "types.UID", "r").default(r#""""#),
    field("signerName", Shape::String, "string", "r").default(r#""""#),
    field("stubPKCS10Request", Shape::Bytes, "[]uint8", "r"),
    field("unverifiedUserAnnotations", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
], wire: &[wire(1, 7), wire(2, 3), wire(3, 4), wire(4, 5), wire(5, 6), wire(6, 1), wire(7, 2), wire(8, 0), wire(11, 9), wire(12, 8)] };
pub(super) static S442: Struct = Struct { name: "io.k8s.api.certificates.v1.PodCertificateRequestStatus", atomic: false, fields: &[
    field("beginRefreshAt", Shape::Time, "v1.Time", "po"),
    field("certificateChain", Shape::String, "string", "o"),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S244)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.Condition", "o").patch(true, false, false, "type"),
    field("notAfter", Shape::Time, "v1.Time", "po"),
    field("notBefore", Shape::Time, "v1.Time", "po"),
], wire: &[wire(1, 2), wire(2, 1), wire(4, 4), wire(5, 0), wire(6, 3)] };
pub(super) static S443: Struct = Struct { name: "io.k8s.api.certificates.v1.PodCertificateRequestList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S440)), kind: ListKind::Atomic, message: false }), "[]v1.PodCertificateRequest", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S444: Struct = Struct { name: "io.k8s.api.coordination.v1.Lease", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S445)), "v1.LeaseSpec", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S445: Struct = Struct { name: "io.k8s.api.coordination.v1.LeaseSpec", atomic: false, fields: &[
    field("acquireTime", Shape::MicroTime, "v1.MicroTime", "po"),
    field("holderIdentity", Shape::String, "string", "po"),
    field("leaseDurationSeconds", Shape::Int32, "int32", "po"),
    field("leaseTransitions", Shape::Int32, "int32", "po"),
    field("preferredHolder", Shape::String, "string", "po"),
    field("renewTime", Shape::MicroTime, "v1.MicroTime", "po"),
    field("strategy", Shape::String, "v1.CoordinatedLeaseStrategy", "po"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0), wire(4, 5), wire(5, 3), wire(6, 6), wire(7, 4)] };
pub(super) static S446: Struct = Struct { name: "io.k8s.api.coordination.v1.LeaseList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S444)), kind: ListKind::Atomic, message: false }), "[]v1.Lease", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S447: Struct = Struct { name: "io.k8s.api.discovery.v1.EndpointSlice", atomic: false, fields: &[
    field("addressType", Shape::String, "v1.AddressType", "r").default(r#""""#),
    field("apiVersion", Shape::String, "string", "o"),
    field("endpoints", Shape::List(&List { item: Shape::Struct(TypeRef(&S448)), kind: ListKind::Atomic, message: false }), "[]v1.Endpoint", ""),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("ports", Shape::List(&List { item: Shape::Struct(TypeRef(&S453)), kind: ListKind::Atomic, message: false }), "[]v1.EndpointPort", ""),
], wire: &[wire(1, 4), wire(2, 2), wire(3, 5), wire(4, 0)] };
pub(super) static S448: Struct = Struct { name: "io.k8s.api.discovery.v1.Endpoint", atomic: false, fields: &[
    field("addresses", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", "r"),
    field("conditions", Shape::Struct(TypeRef(&S449)), "v1.EndpointConditions", "").default("{}"),
    field("deprecatedTopology", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
    field("hints", Shape::Struct(TypeRef(&S450)), "v1.EndpointHints", "po"),
    field("hostname", Shape::String, "string", "po"),
    field("nodeName", Shape::String, "string", "po"),
    field("targetRef", Shape::Struct(TypeRef(&S4)), "v1.ObjectReference", "po"),
    field("zone", Shape::String, "string", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 4), wire(4, 6), wire(5, 2), wire(6, 5), wire(7, 7), wire(8, 3)] };
pub(super) static S449: Struct = Struct { name: "io.k8s.api.discovery.v1.EndpointConditions", atomic: false, fields: &[
    field("ready", Shape::Bool, "bool", "po"),
    field("serving", Shape::Bool, "bool", "po"),
    field("terminating", Shape::Bool, "bool", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S450: Struct = Struct { name: "io.k8s.api.discovery.v1.EndpointHints", atomic: false, fields: &[
    field("forNodes", Shape::List(&List { item: Shape::Struct(TypeRef(&S452)), kind: ListKind::Atomic, message: false }), "[]v1.ForNode", "o"),
    field("forZones", Shape::List(&List { item: Shape::Struct(TypeRef(&S451)), kind: ListKind::Atomic, message: false }), "[]v1.ForZone", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S451: Struct = Struct { name: "io.k8s.api.discovery.v1.ForZone", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S452: Struct = Struct { name: "io.k8s.api.discovery.v1.ForNode", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S453: Struct = Struct { name: "io.k8s.api.discovery.v1.EndpointPort", atomic: true, fields: &[
    field("appProtocol", Shape::String, "string", "po"),
    field("name", Shape::String, "string", "po"),
    field("port", Shape::Int32, "int32", "po"),
    field("protocol", Shape::String, "v1.Protocol", "po"),
], wire: &[wire(1, 1), wire(2, 3), wire(3, 2), wire(4, 0)] };
pub(super) static S454: Struct = Struct { name: "io.k8s.api.discovery.v1.EndpointSliceList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S447)), kind: ListKind::Atomic, message: false }), "[]v1.EndpointSlice", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S455: Struct = Struct { name: "io.k8s.api.events.v1.Event", atomic: false, fields: &[
    field("action", Shape::String, "string", "o"),
    field("apiVersion", Shape::String, "string", "o"),
    field("deprecatedCount", Shape::Int32, "int32", "o"),
    field("deprecatedFirstTimestamp", Shape::Time, "v1.Time", ""),
    field("deprecatedLastTimestamp", Shape::Time, "v1.Time", ""),
    field("deprecatedSource", Shape::Struct(TypeRef(&S18)), "v1.EventSource", "").default("{}"),
    field("eventTime", Shape::MicroTime, "v1.MicroTime", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("note", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("regarding", Shape::Struct(TypeRef(&S4)), "v1.ObjectReference", "").default("{}"),
    field("related", Shape::Struct(TypeRef(&S4)), "v1.ObjectReference", "po"),
    field("reportingController", Shape::String, "string", "o"),
    field("reportingInstance", Shape::String, "string", "o"),
    field("series", Shape::Struct(TypeRef(&S456)), "v1.EventSeries", "po"),
    field("type", Shape::String, "string", "o"),
], wire: &[wire(1, 8), wire(2, 6), wire(3, 15), wire(4, 13), wire(5, 14), wire(6, 0), wire(7, 10), wire(8, 11), wire(9, 12), wire(10, 9), wire(11, 16), wire(12, 5), wire(13, 3), wire(14, 4), wire(15, 2)] };
pub(super) static S456: Struct = Struct { name: "io.k8s.api.events.v1.EventSeries", atomic: false, fields: &[
    field("count", Shape::Int32, "int32", "r").default("0"),
    field("lastObservedTime", Shape::MicroTime, "v1.MicroTime", "r"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S457: Struct = Struct { name: "io.k8s.api.events.v1.EventList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S455)), kind: ListKind::Atomic, message: false }), "[]v1.Event", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S458: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.FlowSchema", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S459)), "v1.FlowSchemaSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S469)), "v1.FlowSchemaStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S459: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.FlowSchemaSpec", atomic: false, fields: &[
    field("distinguisherMethod", Shape::Struct(TypeRef(&S461)), "v1.FlowDistinguisherMethod", "po"),
    field("matchingPrecedence", Shape::Int32, "int32", "").default("0"),
    field("priorityLevelConfiguration", Shape::Struct(TypeRef(&S460)), "v1.PriorityLevelConfigurationReference", "r").default("{}"),
    field("rules", Shape::List(&List { item: Shape::Struct(TypeRef(&S462)), kind: ListKind::Atomic, message: false }), "[]v1.PolicyRulesWithSubjects", "o"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0), wire(4, 3)] };
pub(super) static S460: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationReference", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S461: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.FlowDistinguisherMethod", atomic: false, fields: &[
    field("type", Shape::String, "v1.FlowDistinguisherMethodType", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S462: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.PolicyRulesWithSubjects", atomic: false, fields: &[
    field("nonResourceRules", Shape::List(&List { item: Shape::Struct(TypeRef(&S468)), kind: ListKind::Atomic, message: false }), "[]v1.NonResourcePolicyRule", "o"),
    field("resourceRules", Shape::List(&List { item: Shape::Struct(TypeRef(&S467)), kind: ListKind::Atomic, message: false }), "[]v1.ResourcePolicyRule", "o"),
    field("subjects", Shape::List(&List { item: Shape::Struct(TypeRef(&S463)), kind: ListKind::Atomic, message: false }), "[]v1.Subject", "r"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S463: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.Subject", atomic: false, fields: &[
    field("group", Shape::Struct(TypeRef(&S465)), "v1.GroupSubject", "po"),
    field("kind", Shape::String, "v1.SubjectKind", "r").default(r#""""#),
    field("serviceAccount", Shape::Struct(TypeRef(&S466)), "v1.ServiceAccountSubject", "po"),
    field("user", Shape::Struct(TypeRef(&S464)), "v1.UserSubject", "po"),
], wire: &[wire(1, 1), wire(2, 3), wire(3, 0), wire(4, 2)] };
pub(super) static S464: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.UserSubject", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S465: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.GroupSubject", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S466: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.ServiceAccountSubject", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("namespace", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S467: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.ResourcePolicyRule", atomic: false, fields: &[
    field("apiGroups", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", "r"),
    field("clusterScope", Shape::Bool, "bool", "o"),
    field("namespaces", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", ""),
    field("resources", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", "r"),
    field("verbs", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", "r"),
], wire: &[wire(1, 4), wire(2, 0), wire(3, 3), wire(4, 1), wire(5, 2)] };
pub(super) static S468: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.NonResourcePolicyRule", atomic: false, fields: &[
    field("nonResourceURLs", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", "r"),
    field("verbs", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]string", "r"),
], wire: &[wire(1, 1), wire(6, 0)] };
pub(super) static S469: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.FlowSchemaStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S470)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.FlowSchemaCondition", "o").patch(true, false, false, "type"),
], wire: &[wire(1, 0)] };
pub(super) static S470: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.FlowSchemaCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "o"),
    field("type", Shape::String, "v1.FlowSchemaConditionType", "ro"),
], wire: &[wire(1, 4), wire(2, 3), wire(3, 0), wire(4, 2), wire(5, 1)] };
pub(super) static S471: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.FlowSchemaList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S458)), kind: ListKind::Atomic, message: false }), "[]v1.FlowSchema", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S472: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S473)), "v1.PriorityLevelConfigurationSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S478)), "v1.PriorityLevelConfigurationStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S473: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationSpec", atomic: false, fields: &[
    field("exempt", Shape::Struct(TypeRef(&S477)), "v1.ExemptPriorityLevelConfiguration", "po"),
    field("limited", Shape::Struct(TypeRef(&S474)), "v1.LimitedPriorityLevelConfiguration", "po"),
    field("type", Shape::String, "v1.PriorityLevelEnablement", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S474: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.LimitedPriorityLevelConfiguration", atomic: false, fields: &[
    field("borrowingLimitPercent", Shape::Int32, "int32", "po"),
    field("lendablePercent", Shape::Int32, "int32", "po"),
    field("limitResponse", Shape::Struct(TypeRef(&S475)), "v1.LimitResponse", "r").default("{}"),
    field("nominalConcurrencyShares", Shape::Int32, "int32", "p"),
], wire: &[wire(1, 3), wire(2, 2), wire(3, 1), wire(4, 0)] };
pub(super) static S475: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.LimitResponse", atomic: false, fields: &[
    field("queuing", Shape::Struct(TypeRef(&S476)), "v1.QueuingConfiguration", "po"),
    field("type", Shape::String, "v1.LimitResponseType", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S476: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.QueuingConfiguration", atomic: false, fields: &[
    field("handSize", Shape::Int32, "int32", "").default("0"),
    field("queueLengthLimit", Shape::Int32, "int32", "").default("0"),
    field("queues", Shape::Int32, "int32", "").default("0"),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S477: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.ExemptPriorityLevelConfiguration", atomic: false, fields: &[
    field("lendablePercent", Shape::Int32, "int32", "po"),
    field("nominalConcurrencyShares", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S478: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S479)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.PriorityLevelConfigurationCondition", "o").patch(true, false, false, "type"),
], wire: &[wire(1, 0)] };
pub(super) static S479: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationCondition", atomic: false, fields: &[
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", "o"),
    field("type", Shape::String, "v1.PriorityLevelConfigurationConditionType", "ro"),
], wire: &[wire(1, 4), wire(2, 3), wire(3, 0), wire(4, 2), wire(5, 1)] };
pub(super) static S480: Struct = Struct { name: "io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S472)), kind: ListKind::Atomic, message: false }), "[]v1.PriorityLevelConfiguration", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S481: Struct = Struct { name: "io.k8s.api.networking.v1.IPAddress", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S482)), "v1.IPAddressSpec", "r").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S482: Struct = Struct { name: "io.k8s.api.networking.v1.IPAddressSpec", atomic: false, fields: &[
    field("parentRef", Shape::Struct(TypeRef(&S483)), "v1.ParentReference", "rpo"),
], wire: &[wire(1, 0)] };
pub(super) static S483: Struct = Struct { name: "io.k8s.api.networking.v1.ParentReference", atomic: false, fields: &[
    field("group", Shape::String, "string", "o"),
    field("name", Shape::String, "string", "ro"),
    field("namespace", Shape::String, "string", "o"),
    field("resource", Shape::String, "string", "ro"),
], wire: &[wire(1, 0), wire(2, 3), wire(3, 2), wire(4, 1)] };
pub(super) static S484: Struct = Struct { name: "io.k8s.api.networking.v1.IPAddressList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S481)), kind: ListKind::Atomic, message: false }), "[]v1.IPAddress", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S485: Struct = Struct { name: "io.k8s.api.networking.v1.Ingress", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S486)), "v1.IngressSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S495)), "v1.IngressStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S486: Struct = Struct { name: "io.k8s.api.networking.v1.IngressSpec", atomic: false, fields: &[
    field("defaultBackend", Shape::Struct(TypeRef(&S487)), "v1.IngressBackend", "po"),
    field("ingressClassName", Shape::String, "string", "po"),
    field("rules", Shape::List(&List { item: Shape::Struct(TypeRef(&S491)), kind: ListKind::Atomic, message: false }), "[]v1.IngressRule", "o"),
    field("tls", Shape::List(&List { item: Shape::Struct(TypeRef(&S490)), kind: ListKind::Atomic, message: false }), "[]v1.IngressTLS", "o"),
], wire: &[wire(1, 0), wire(2, 3), wire(3, 2), wire(4, 1)] };
pub(super) static S487: Struct = Struct { name: "io.k8s.api.networking.v1.IngressBackend", atomic: false, fields: &[
    field("resource", Shape::Struct(TypeRef(&S88)), "v1.TypedLocalObjectReference", "po"),
    field("service", Shape::Struct(TypeRef(&S488)), "v1.IngressServiceBackend", "po"),
], wire: &[wire(3, 0), wire(4, 1)] };
pub(super) static S488: Struct = Struct { name: "io.k8s.api.networking.v1.IngressServiceBackend", atomic: false, fields: &[
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("port", Shape::Struct(TypeRef(&S489)), "v1.ServiceBackendPort", "").default("{}"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S489: Struct = Struct { name: "io.k8s.api.networking.v1.ServiceBackendPort", atomic: true, fields: &[
    field("name", Shape::String, "string", "o"),
    field("number", Shape::Int32, "int32", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S490: Struct = Struct { name: "io.k8s.api.networking.v1.IngressTLS", atomic: false, fields: &[
    field("hosts", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("secretName", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S491: Struct = Struct { name: "io.k8s.api.networking.v1.IngressRule", atomic: false, fields: &[
    field("host", Shape::String, "string", "o"),
    field("http", Shape::Struct(TypeRef(&S492)), "v1.HTTPIngressRuleValue", "po"),
], wire: &[wire(1, 0), inner(2, TypeRef(&S494), false)] };
pub(super) static S492: Struct = Struct { name: "io.k8s.api.networking.v1.HTTPIngressRuleValue", atomic: false, fields: &[
    field("paths", Shape::List(&List { item: Shape::Struct(TypeRef(&S493)), kind: ListKind::Atomic, message: false }), "[]v1.HTTPIngressPath", "r"),
], wire: &[wire(1, 0)] };
pub(super) static S493: Struct = Struct { name: "io.k8s.api.networking.v1.HTTPIngressPath", atomic: false, fields: &[
    field("backend", Shape::Struct(TypeRef(&S487)), "v1.IngressBackend", "r").default("{}"),
    field("path", Shape::String, "string", "o"),
    field("pathType", Shape::String, "v1.PathType", "rp"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2)] };
pub(super) static S494: Struct = Struct { name: "io.k8s.api.networking.v1.IngressRuleValue", atomic: false, fields: &[
    field("http", Shape::Struct(TypeRef(&S492)), "v1.HTTPIngressRuleValue", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S495: Struct = Struct { name: "io.k8s.api.networking.v1.IngressStatus", atomic: false, fields: &[
    field("loadBalancer", Shape::Struct(TypeRef(&S496)), "v1.IngressLoadBalancerStatus", "").default("{}"),
], wire: &[wire(1, 0)] };
pub(super) static S496: Struct = Struct { name: "io.k8s.api.networking.v1.IngressLoadBalancerStatus", atomic: false, fields: &[
    field("ingress", Shape::List(&List { item: Shape::Struct(TypeRef(&S497)), kind: ListKind::Atomic, message: false }), "[]v1.IngressLoadBalancerIngress", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S497: Struct = Struct { name: "io.k8s.api.networking.v1.IngressLoadBalancerIngress", atomic: false, fields: &[
    field("hostname", Shape::String, "string", "o"),
    field("ip", Shape::String, "string", "o"),
    field("ports", Shape::List(&List { item: Shape::Struct(TypeRef(&S498)), kind: ListKind::Atomic, message: false }), "[]v1.IngressPortStatus", "o"),
], wire: &[wire(1, 1), wire(2, 0), wire(4, 2)] };
pub(super) static S498: Struct = Struct { name: "io.k8s.api.networking.v1.IngressPortStatus", atomic: false, fields: &[
    field("error", Shape::String, "string", "po"),
    field("port", Shape::Int32, "int32", "r").default("0"),
    field("protocol", Shape::String, "v1.Protocol", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S499: Struct = Struct { name: "io.k8s.api.networking.v1.IngressClass", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S500)), "v1.IngressClassSpec", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S500: Struct = Struct { name: "io.k8s.api.networking.v1.IngressClassSpec", atomic: false, fields: &[
    field("controller", Shape::String, "string", "o"),
    field("parameters", Shape::Struct(TypeRef(&S501)), "v1.IngressClassParametersReference", "po"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S501: Struct = Struct { name: "io.k8s.api.networking.v1.IngressClassParametersReference", atomic: false, fields: &[
    field("apiGroup", Shape::String, "string", "po"),
    field("kind", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("namespace", Shape::String, "string", "po"),
    field("scope", Shape::String, "string", "p"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2), wire(4, 4), wire(5, 3)] };
pub(super) static S502: Struct = Struct { name: "io.k8s.api.networking.v1.IngressClassList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S499)), kind: ListKind::Atomic, message: false }), "[]v1.IngressClass", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S503: Struct = Struct { name: "io.k8s.api.networking.v1.IngressList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S485)), kind: ListKind::Atomic, message: false }), "[]v1.Ingress", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S504: Struct = Struct { name: "io.k8s.api.networking.v1.NetworkPolicy", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S505)), "v1.NetworkPolicySpec", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S505: Struct = Struct { name: "io.k8s.api.networking.v1.NetworkPolicySpec", atomic: false, fields: &[
    field("egress", Shape::List(&List { item: Shape::Struct(TypeRef(&S510)), kind: ListKind::Atomic, message: false }), "[]v1.NetworkPolicyEgressRule", "o"),
    field("ingress", Shape::List(&List { item: Shape::Struct(TypeRef(&S506)), kind: ListKind::Atomic, message: false }), "[]v1.NetworkPolicyIngressRule", "o"),
    field("podSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "").default("{}"),
    field("policyTypes", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]v1.PolicyType", "o"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0), wire(4, 3)] };
pub(super) static S506: Struct = Struct { name: "io.k8s.api.networking.v1.NetworkPolicyIngressRule", atomic: false, fields: &[
    field("from", Shape::List(&List { item: Shape::Struct(TypeRef(&S508)), kind: ListKind::Atomic, message: false }), "[]v1.NetworkPolicyPeer", "o"),
    field("ports", Shape::List(&List { item: Shape::Struct(TypeRef(&S507)), kind: ListKind::Atomic, message: false }), "[]v1.NetworkPolicyPort", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S507: Struct = Struct { name: "io.k8s.api.networking.v1.NetworkPolicyPort", atomic: false, fields: &[
    field("endPort", Shape::Int32, "int32", "po"),
    field("port", Shape::IntOrString, "intstr.IntOrString", "po"),
    field("protocol", Shape::String, "v1.Protocol", "po"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S508: Struct = Struct { name: "io.k8s.api.networking.v1.NetworkPolicyPeer", atomic: false, fields: &[
    field("ipBlock", Shape::Struct(TypeRef(&S509)), "v1.IPBlock", "po"),
    field("namespaceSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("podSelector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S509: Struct = Struct { name: "io.k8s.api.networking.v1.IPBlock", atomic: false, fields: &[
    field("cidr", Shape::String, "string", "r").default(r#""""#),
    field("except", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S510: Struct = Struct { name: "io.k8s.api.networking.v1.NetworkPolicyEgressRule", atomic: false, fields: &[
    field("ports", Shape::List(&List { item: Shape::Struct(TypeRef(&S507)), kind: ListKind::Atomic, message: false }), "[]v1.NetworkPolicyPort", "o"),
    field("to", Shape::List(&List { item: Shape::Struct(TypeRef(&S508)), kind: ListKind::Atomic, message: false }), "[]v1.NetworkPolicyPeer", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S511: Struct = Struct { name: "io.k8s.api.networking.v1.NetworkPolicyList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S504)), kind: ListKind::Atomic, message: false }), "[]v1.NetworkPolicy", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S512: Struct = Struct { name: "io.k8s.api.networking.v1.ServiceCIDR", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S513)), "v1.ServiceCIDRSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S514)), "v1.ServiceCIDRStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S513: Struct = Struct { name: "io.k8s.api.networking.v1.ServiceCIDRSpec", atomic: false, fields: &[
    field("cidrs", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S514: Struct = Struct { name: "io.k8s.api.networking.v1.ServiceCIDRStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S244)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.Condition", "o").patch(true, false, false, "type"),
], wire: &[wire(1, 0)] };
pub(super) static S515: Struct = Struct { name: "io.k8s.api.networking.v1.ServiceCIDRList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S512)), kind: ListKind::Atomic, message: false }), "[]v1.ServiceCIDR", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S516: Struct = Struct { name: "io.k8s.api.node.v1.RuntimeClass", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("handler", Shape::String, "string", "r").default(r#""""#),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("overhead", Shape::Struct(TypeRef(&S517)), "v1.Overhead", "po"),
    field("scheduling", Shape::Struct(TypeRef(&S518)), "v1.Scheduling", "po"),
], wire: &[wire(1, 3), wire(2, 1), wire(3, 4), wire(4, 5)] };
pub(super) static S517: Struct = Struct { name: "io.k8s.api.node.v1.Overhead", atomic: false, fields: &[
    field("podFixed", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "v1.ResourceList", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S518: Struct = Struct { name: "io.k8s.api.node.v1.Scheduling", atomic: false, fields: &[
    field("nodeSelector", Shape::Map(&Map { value: Shape::String, atomic: true }), "map[string]string", "oa"),
    field("tolerations", Shape::List(&List { item: Shape::Struct(TypeRef(&S177)), kind: ListKind::Atomic, message: false }), "[]v1.Toleration", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S519: Struct = Struct { name: "io.k8s.api.node.v1.RuntimeClassList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S516)), kind: ListKind::Atomic, message: false }), "[]v1.RuntimeClass", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S520: Struct = Struct { name: "io.k8s.api.policy.v1.Eviction", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("deleteOptions", Shape::Struct(TypeRef(&S521)), "v1.DeleteOptions", "po"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S521: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("dryRun", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("gracePeriodSeconds", Shape::Int64, "int64", "po"),
    field("ignoreStoreReadErrorWithClusterBreakingPotential", Shape::Bool, "bool", "po"),
    field("kind", Shape::String, "string", "o"),
    field("orphanDependents", Shape::Bool, "bool", "po"),
    field("preconditions", Shape::Struct(TypeRef(&S522)), "v1.Preconditions", "po"),
    field("propagationPolicy", Shape::String, "v1.DeletionPropagation", "po"),
], wire: &[wire(1, 2), wire(2, 6), wire(3, 5), wire(4, 7), wire(5, 1), wire(6, 3)] };
pub(super) static S522: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions", atomic: false, fields: &[
    field("resourceVersion", Shape::String, "string", "po"),
    field("uid", Shape::String, "types.UID", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S523: Struct = Struct { name: "io.k8s.api.policy.v1.PodDisruptionBudget", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S524)), "v1.PodDisruptionBudgetSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S525)), "v1.PodDisruptionBudgetStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S524: Struct = Struct { name: "io.k8s.api.policy.v1.PodDisruptionBudgetSpec", atomic: false, fields: &[
    field("maxUnavailable", Shape::IntOrString, "intstr.IntOrString", "po"),
    field("minAvailable", Shape::IntOrString, "intstr.IntOrString", "po"),
    field("selector", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po").patch(false, false, true, ""),
    field("unhealthyPodEvictionPolicy", Shape::String, "v1.UnhealthyPodEvictionPolicyType", "po"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0), wire(4, 3)] };
pub(super) static S525: Struct = Struct { name: "io.k8s.api.policy.v1.PodDisruptionBudgetStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S244)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.Condition", "o").patch(true, false, false, "type"),
    field("currentHealthy", Shape::Int32, "int32", "").default("0"),
    field("desiredHealthy", Shape::Int32, "int32", "").default("0"),
    field("disruptedPods", Shape::Map(&Map { value: Shape::Time, atomic: false }), "map[string]v1.Time", "o"),
    field("disruptionsAllowed", Shape::Int32, "int32", "").default("0"),
    field("expectedPods", Shape::Int32, "int32", "").default("0"),
    field("observedGeneration", Shape::Int64, "int64", "o"),
], wire: &[wire(1, 6), wire(2, 3), wire(3, 4), wire(4, 1), wire(5, 2), wire(6, 5), wire(7, 0)] };
pub(super) static S526: Struct = Struct { name: "io.k8s.api.policy.v1.PodDisruptionBudgetList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S523)), kind: ListKind::Atomic, message: false }), "[]v1.PodDisruptionBudget", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S527: Struct = Struct { name: "io.k8s.api.rbac.v1.ClusterRole", atomic: false, fields: &[
    field("aggregationRule", Shape::Struct(TypeRef(&S529)), "v1.AggregationRule", "po"),
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("rules", Shape::List(&List { item: Shape::Struct(TypeRef(&S528)), kind: ListKind::Atomic, message: false }), "[]v1.PolicyRule", ""),
], wire: &[wire(1, 3), wire(2, 4), wire(3, 0)] };
pub(super) static S528: Struct = Struct { name: "io.k8s.api.rbac.v1.PolicyRule", atomic: false, fields: &[
    field("apiGroups", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("nonResourceURLs", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("resourceNames", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("resources", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("verbs", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "r"),
], wire: &[wire(1, 4), wire(2, 0), wire(3, 3), wire(4, 2), wire(5, 1)] };
pub(super) static S529: Struct = Struct { name: "io.k8s.api.rbac.v1.AggregationRule", atomic: false, fields: &[
    field("clusterRoleSelectors", Shape::List(&List { item: Shape::Struct(TypeRef(&S85)), kind: ListKind::Atomic, message: false }), "[]v1.LabelSelector", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S530: Struct = Struct { name: "io.k8s.api.rbac.v1.ClusterRoleBinding", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("roleRef", Shape::Struct(TypeRef(&S532)), "v1.RoleRef", "r").default("{}"),
    field("subjects", Shape::List(&List { item: Shape::Struct(TypeRef(&S531)), kind: ListKind::Atomic, message: false }), "[]v1.Subject", "o"),
], wire: &[wire(1, 2), wire(2, 4), wire(3, 3)] };
pub(super) static S531: Struct = Struct { name: "io.k8s.api.rbac.v1.Subject", atomic: true, fields: &[
    field("apiGroup", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("namespace", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2), wire(4, 3)] };
pub(super) static S532: Struct = Struct { name: "io.k8s.api.rbac.v1.RoleRef", atomic: true, fields: &[
    field("apiGroup", Shape::String, "string", "").default(r#""""#),
    field("kind", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S533: Struct = Struct { name: "io.k8s.api.rbac.v1.ClusterRoleBindingList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S530)), kind: ListKind::Atomic, message: false }), "[]v1.ClusterRoleBinding", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S534: Struct = Struct { name: "io.k8s.api.rbac.v1.ClusterRoleList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S527)), kind: ListKind::Atomic, message: false }), "[]v1.ClusterRole", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S535: Struct = Struct { name: "io.k8s.api.rbac.v1.Role", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("rules", Shape::List(&List { item: Shape::Struct(TypeRef(&S528)), kind: ListKind::Atomic, message: false }), "[]v1.PolicyRule", ""),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S536: Struct = Struct { name: "io.k8s.api.rbac.v1.RoleBinding", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("roleRef", Shape::Struct(TypeRef(&S532)), "v1.RoleRef", "r").default("{}"),
    field("subjects", Shape::List(&List { item: Shape::Struct(TypeRef(&S531)), kind: ListKind::Atomic, message: false }), "[]v1.Subject", "o"),
], wire: &[wire(1, 2), wire(2, 4), wire(3, 3)] };
pub(super) static S537: Struct = Struct { name: "io.k8s.api.rbac.v1.RoleBindingList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S536)), kind: ListKind::Atomic, message: false }), "[]v1.RoleBinding", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S538: Struct = Struct { name: "io.k8s.api.rbac.v1.RoleList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S535)), kind: ListKind::Atomic, message: false }), "[]v1.Role", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S539: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceClass", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S540)), "v1.DeviceClassSpec", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S540: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceClassSpec", atomic: false, fields: &[
    field("config", Shape::List(&List { item: Shape::Struct(TypeRef(&S543)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceClassConfiguration", "o"),
    field("extendedResourceName", Shape::String, "string", "po"),
    field("selectors", Shape::List(&List { item: Shape::Struct(TypeRef(&S541)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceSelector", "o"),
], wire: &[wire(1, 2), wire(2, 0), wire(4, 1)] };
pub(super) static S541: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceSelector", atomic: false, fields: &[
    field("cel", Shape::Struct(TypeRef(&S542)), "v1.CELDeviceSelector", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S542: Struct = Struct { name: "io.k8s.api.resource.v1.CELDeviceSelector", atomic: false, fields: &[
    field("expression", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0)] };
pub(super) static S543: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceClassConfiguration", atomic: false, fields: &[
    field("opaque", Shape::Struct(TypeRef(&S544)), "v1.OpaqueDeviceConfiguration", "po"),
], wire: &[inner(1, TypeRef(&S545), false)] };
pub(super) static S544: Struct = Struct { name: "io.k8s.api.resource.v1.OpaqueDeviceConfiguration", atomic: false, fields: &[
    field("driver", Shape::String, "string", "r").default(r#""""#),
    field("parameters", Shape::Raw, "runtime.RawExtension", "r"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S545: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceConfiguration", atomic: false, fields: &[
    field("opaque", Shape::Struct(TypeRef(&S544)), "v1.OpaqueDeviceConfiguration", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S546: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceClassList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S539)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceClass", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S547: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceTaintRule", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S548)), "v1.DeviceTaintRuleSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S551)), "v1.DeviceTaintRuleStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S548: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceTaintRuleSpec", atomic: false, fields: &[
    field("deviceSelector", Shape::Struct(TypeRef(&S549)), "v1.DeviceTaintSelector", "po"),
    field("taint", Shape::Struct(TypeRef(&S550)), "v1.DeviceTaint", "r").default("{}"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S549: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceTaintSelector", atomic: false, fields: &[
    field("device", Shape::String, "string", "po"),
    field("driver", Shape::String, "string", "po"),
    field("pool", Shape::String, "string", "po"),
], wire: &[wire(2, 1), wire(3, 2), wire(4, 0)] };
pub(super) static S550: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceTaint", atomic: false, fields: &[
    field("effect", Shape::String, "v1.DeviceTaintEffect", "r").default(r#""""#),
    field("key", Shape::String, "string", "r").default(r#""""#),
    field("timeAdded", Shape::Time, "v1.Time", "po"),
    field("value", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 3), wire(3, 0), wire(4, 2)] };
pub(super) static S551: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceTaintRuleStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S244)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.Condition", "o").patch(true, false, false, "type"),
], wire: &[wire(1, 0)] };
pub(super) static S552: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceTaintRuleList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S547)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceTaintRule", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S553: Struct = Struct { name: "io.k8s.api.resource.v1.ResourceClaim", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S554)), "v1.ResourceClaimSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S564)), "v1.ResourceClaimStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S554: Struct = Struct { name: "io.k8s.api.resource.v1.ResourceClaimSpec", atomic: false, fields: &[
    field("devices", Shape::Struct(TypeRef(&S555)), "v1.DeviceClaim", "").default("{}"),
], wire: &[wire(1, 0)] };
pub(super) static S555: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceClaim", atomic: false, fields: &[
    field("config", Shape::List(&List { item: Shape::Struct(TypeRef(&S563)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceClaimConfiguration", "o"),
    field("constraints", Shape::List(&List { item: Shape::Struct(TypeRef(&S562)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceConstraint", "o"),
    field("requests", Shape::List(&List { item: Shape::Struct(TypeRef(&S556)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceRequest", ""),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S556: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceRequest", atomic: false, fields: &[
    field("exactly", Shape::Struct(TypeRef(&S557)), "v1.ExactDeviceRequest", "po"),
    field("firstAvailable", Shape::List(&List { item: Shape::Struct(TypeRef(&S561)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceSubRequest", "o"),
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 0), wire(3, 1)] };
pub(super) static S557: Struct = Struct { name: "io.k8s.api.resource.v1.ExactDeviceRequest", atomic: false, fields: &[
    field("adminAccess", Shape::Bool, "bool", "po"),
    field("allocationMode", Shape::String, "v1.DeviceAllocationMode", "o"),
    field("capacity", Shape::Struct(TypeRef(&S559)), "v1.CapacityRequirements", "po"),
    field("count", Shape::Int64, "int64", "o"),
    field("derivedAttributes", Shape::List(&List { item: Shape::Struct(TypeRef(&S560)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceDerivedAttribute", "o"),
    field("deviceClassName", Shape::String, "string", "r").default(r#""""#),
    field("selectors", Shape::List(&List { item: Shape::Struct(TypeRef(&S541)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceSelector", "o"),
    field("tolerations", Shape::List(&List { item: Shape::Struct(TypeRef(&S558)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceToleration", "o"),
], wire: &[wire(1, 5), wire(2, 6), wire(3, 1), wire(4, 3), wire(5, 0), wire(6, 7), wire(7, 2), wire(8, 4)] };
pub(super) static S558: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceToleration", atomic: false, fields: &[
    field("effect", Shape::String, "v1.DeviceTaintEffect", "o"),
    field("key", Shape::String, "string", "o"),
    field("operator", Shape::String, "v1.DeviceTolerationOperator", "o").default(r#""Equal""#),
    field("tolerationSeconds", Shape::Int64, "int64", "po"),
    field("value", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 4), wire(4, 0), wire(5, 3)] };
pub(super) static S559: Struct = Struct { name: "io.k8s.api.resource.v1.CapacityRequirements", atomic: false, fields: &[
    field("requests", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "map[v1.QualifiedName]resource.Quantity", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S560: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceDerivedAttribute", atomic: false, fields: &[
    field("expression", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "v1.FullyQualifiedName", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S561: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceSubRequest", atomic: false, fields: &[
    field("allocationMode", Shape::String, "v1.DeviceAllocationMode", "o"),
    field("capacity", Shape::Struct(TypeRef(&S559)), "v1.CapacityRequirements", "po"),
    field("count", Shape::Int64, "int64", "o"),
    field("derivedAttributes", Shape::List(&List { item: Shape::Struct(TypeRef(&S560)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceDerivedAttribute", "o"),
    field("deviceClassName", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("selectors", Shape::List(&List { item: Shape::Struct(TypeRef(&S541)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceSelector", "o"),
    field("tolerations", Shape::List(&List { item: Shape::Struct(TypeRef(&S558)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceToleration", "o"),
], wire: &[wire(1, 5), wire(2, 4), wire(3, 6), wire(4, 0), wire(5, 2), wire(6, 7), wire(7, 1), wire(8, 3)] };
pub(super) static S562: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceConstraint", atomic: false, fields: &[
    field("distinctAttribute", Shape::String, "v1.FullyQualifiedName", "po"),
    field("matchAttribute", Shape::String, "v1.FullyQualifiedName", "po"),
    field("requests", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S563: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceClaimConfiguration", atomic: false, fields: &[
    field("opaque", Shape::Struct(TypeRef(&S544)), "v1.OpaqueDeviceConfiguration", "po"),
    field("requests", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 1), inner(2, TypeRef(&S545), false)] };
pub(super) static S564: Struct = Struct { name: "io.k8s.api.resource.v1.ResourceClaimStatus", atomic: false, fields: &[
    field("allocation", Shape::Struct(TypeRef(&S565)), "v1.AllocationResult", "po"),
    field("devices", Shape::List(&List { item: Shape::Struct(TypeRef(&S570)), kind: ListKind::Map(&["driver","device","pool","shareID"]), message: false }), "[]v1.AllocatedDeviceStatus", "o"),
    field("reservedFor", Shape::List(&List { item: Shape::Struct(TypeRef(&S569)), kind: ListKind::Map(&["uid"]), message: false }), "[]v1.ResourceClaimConsumerReference", "o").patch(true, false, false, "uid"),
], wire: &[wire(1, 0), wire(2, 2), wire(4, 1)] };
pub(super) static S565: Struct = Struct { name: "io.k8s.api.resource.v1.AllocationResult", atomic: false, fields: &[
    field("allocationTimestamp", Shape::Time, "v1.Time", "po"),
    field("devices", Shape::Struct(TypeRef(&S566)), "v1.DeviceAllocationResult", "").default("{}"),
    field("nodeSelector", Shape::Struct(TypeRef(&S79)), "v1.NodeSelector", "po"),
], wire: &[wire(1, 1), wire(3, 2), wire(5, 0)] };
pub(super) static S566: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceAllocationResult", atomic: false, fields: &[
    field("config", Shape::List(&List { item: Shape::Struct(TypeRef(&S568)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceAllocationConfiguration", "o"),
    field("results", Shape::List(&List { item: Shape::Struct(TypeRef(&S567)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceRequestAllocationResult", "o"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S567: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceRequestAllocationResult", atomic: false, fields: &[
    field("adminAccess", Shape::Bool, "bool", "po"),
    field("bindingConditions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("bindingFailureConditions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("consumedCapacity", Shape::Map(&Map { value: Shape::Quantity, atomic: false }), "map[v1.QualifiedName]resource.Quantity", "o"),
    field("device", Shape::String, "string", "r").default(r#""""#),
    field("driver", Shape::String, "string", "r").default(r#""""#),
    field("pool", Shape::String, "string", "r").default(r#""""#),
    field("request", Shape::String, "string", "r").default(r#""""#),
    field("shareID", Shape::String, "types.UID", "po"),
    field("skipNodeOperations", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]v1.SkipNodeOperation", "o"),
    field("tolerations", Shape::List(&List { item: Shape::Struct(TypeRef(&S558)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceToleration", "o"),
], wire: &[wire(1, 7), wire(2, 5), wire(3, 6), wire(4, 4), wire(5, 0), wire(6, 10), wire(7, 1), wire(8, 2), wire(9, 8), wire(10, 3), wire(11, 9)] };
pub(super) static S568: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceAllocationConfiguration", atomic: false, fields: &[
    field("opaque", Shape::Struct(TypeRef(&S544)), "v1.OpaqueDeviceConfiguration", "po"),
    field("requests", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("source", Shape::String, "v1.AllocationConfigSource", "r").default(r#""""#),
], wire: &[wire(1, 2), wire(2, 1), inner(3, TypeRef(&S545), false)] };
pub(super) static S569: Struct = Struct { name: "io.k8s.api.resource.v1.ResourceClaimConsumerReference", atomic: false, fields: &[
    field("apiGroup", Shape::String, "string", "o"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("resource", Shape::String, "string", "r").default(r#""""#),
    field("uid", Shape::String, "types.UID", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(3, 2), wire(4, 1), wire(5, 3)] };
pub(super) static S570: Struct = Struct { name: "io.k8s.api.resource.v1.AllocatedDeviceStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S244)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.Condition", ""),
    field("data", Shape::Raw, "runtime.RawExtension", "po"),
    field("device", Shape::String, "string", "r").default(r#""""#),
    field("driver", Shape::String, "string", "r").default(r#""""#),
    field("networkData", Shape::Struct(TypeRef(&S571)), "v1.NetworkDeviceData", "po"),
    field("pool", Shape::String, "string", "r").default(r#""""#),
    field("shareID", Shape::String, "string", "po"),
], wire: &[wire(1, 3), wire(2, 5), wire(3, 2), wire(4, 0), wire(5, 1), wire(6, 4), wire(7, 6)] };
pub(super) static S571: Struct = Struct { name: "io.k8s.api.resource.v1.NetworkDeviceData", atomic: false, fields: &[
    field("hardwareAddress", Shape::String, "string", "o"),
    field("interfaceName", Shape::String, "string", "o"),
    field("ips", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S572: Struct = Struct { name: "io.k8s.api.resource.v1.ResourceClaimList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S553)), kind: ListKind::Atomic, message: false }), "[]v1.ResourceClaim", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S573: Struct = Struct { name: "io.k8s.api.resource.v1.ResourceClaimTemplate", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S574)), "v1.ResourceClaimTemplateSpec", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S574: Struct = Struct { name: "io.k8s.api.resource.v1.ResourceClaimTemplateSpec", atomic: false, fields: &[
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S554)), "v1.ResourceClaimSpec", "").default("{}"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S575: Struct = Struct { name: "io.k8s.api.resource.v1.ResourceClaimTemplateList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S573)), kind: ListKind::Atomic, message: false }), "[]v1.ResourceClaimTemplate", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S576: Struct = Struct { name: "io.k8s.api.resource.v1.ResourceSlice", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S577)), "v1.ResourceSliceSpec", "r").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S577: Struct = Struct { name: "io.k8s.api.resource.v1.ResourceSliceSpec", atomic: false, fields: &[
    field("allNodes", Shape::Bool, "bool", "po"),
    field("devices", Shape::List(&List { item: Shape::Struct(TypeRef(&S579)), kind: ListKind::Atomic, message: false }), "[]v1.Device", "o"),
    field("driver", Shape::String, "string", "r").default(r#""""#),
    field("nodeName", Shape::String, "string", "po"),
    field("nodeSelector", Shape::Struct(TypeRef(&S79)), "v1.NodeSelector", "po"),
    field("partitionTypeAttribute", Shape::String, "v1.FullyQualifiedName", "po"),
    field("perDeviceNodeSelection", Shape::Bool, "bool", "po"),
    field("pool", Shape::Struct(TypeRef(&S578)), "v1.ResourcePool", "r").default("{}"),
    field("sharedCounters", Shape::List(&List { item: Shape::Struct(TypeRef(&S589)), kind: ListKind::Atomic, message: false }), "[]v1.CounterSet", "o"),
    field("skipNodeOperations", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]v1.SkipNodeOperation", "o"),
], wire: &[wire(1, 2), wire(2, 7), wire(3, 3), wire(4, 4), wire(5, 0), wire(6, 1), wire(7, 6), wire(8, 8), wire(9, 5), wire(10, 9)] };
pub(super) static S578: Struct = Struct { name: "io.k8s.api.resource.v1.ResourcePool", atomic: false, fields: &[
    field("generation", Shape::Int64, "int64", "r").default("0"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("resourceSliceCount", Shape::Int64, "int64", "r").default("0"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2)] };
pub(super) static S579: Struct = Struct { name: "io.k8s.api.resource.v1.Device", atomic: false, fields: &[
    field("allNodes", Shape::Bool, "bool", "po"),
    field("allowMultipleAllocations", Shape::Bool, "bool", "po"),
    field("attributes", Shape::Map(&Map { value: Shape::Struct(TypeRef(&S580)), atomic: false }), "map[v1.QualifiedName]v1.DeviceAttribute", "o"),
    field("bindingConditions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("bindingFailureConditions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("bindsToNode", Shape::Bool, "bool", "po"),
    field("capacity", Shape::Map(&Map { value: Shape::Struct(TypeRef(&S581)), atomic: false }), "map[v1.QualifiedName]v1.DeviceCapacity", "o"),
    field("consumesCounters", Shape::List(&List { item: Shape::Struct(TypeRef(&S584)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceCounterConsumption", "o"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("nodeAllocatableResources", Shape::Map(&Map { value: Shape::Struct(TypeRef(&S586)), atomic: false }), "map[v1.ResourceName]v1.NodeAllocatableResource", "o"),
    field("nodeName", Shape::String, "string", "po"),
    field("nodeSelector", Shape::Struct(TypeRef(&S79)), "v1.NodeSelector", "po"),
    field("taints", Shape::List(&List { item: Shape::Struct(TypeRef(&S550)), kind: ListKind::Atomic, message: false }), "[]v1.DeviceTaint", "o"),
], wire: &[wire(1, 8), wire(2, 2), wire(3, 6), wire(4, 7), wire(5, 10), wire(6, 11), wire(7, 0), wire(8, 12), wire(9, 5), wire(10, 3), wire(11, 4), wire(12, 1), wire(14, 9)] };
pub(super) static S580: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceAttribute", atomic: false, fields: &[
    field("bool", Shape::Bool, "bool", "po"),
    field("bools", Shape::List(&List { item: Shape::Bool, kind: ListKind::Atomic, message: false }), "[]bool", "o"),
    field("int", Shape::Int64, "int64", "po"),
    field("ints", Shape::List(&List { item: Shape::Int64, kind: ListKind::Atomic, message: false }), "[]int64", "o"),
    field("string", Shape::String, "string", "po"),
    field("strings", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("version", Shape::String, "string", "po"),
    field("versions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
], wire: &[wire(2, 2), wire(3, 0), wire(4, 4), wire(5, 6), wire(6, 3), wire(7, 1), wire(8, 5), wire(9, 7)] };
pub(super) static S581: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceCapacity", atomic: false, fields: &[
    field("requestPolicy", Shape::Struct(TypeRef(&S582)), "v1.CapacityRequestPolicy", "po"),
    field("value", Shape::Quantity, "resource.Quantity", "r"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S582: Struct = Struct { name: "io.k8s.api.resource.v1.CapacityRequestPolicy", atomic: false, fields: &[
    field("default", Shape::Quantity, "resource.Quantity", "p"),
    field("validRange", Shape::Struct(TypeRef(&S583)), "v1.CapacityRequestPolicyRange", "po"),
    field("validValues", Shape::List(&List { item: Shape::Quantity, kind: ListKind::Atomic, message: false }), "[]resource.Quantity", "o"),
], wire: &[wire(1, 0), wire(3, 2), wire(4, 1)] };
pub(super) static S583: Struct = Struct { name: "io.k8s.api.resource.v1.CapacityRequestPolicyRange", atomic: false, fields: &[
    field("max", Shape::Quantity, "resource.Quantity", "po"),
    field("min", Shape::Quantity, "resource.Quantity", "rpo"),
    field("step", Shape::Quantity, "resource.Quantity", "po"),
], wire: &[wire(1, 1), wire(2, 0), wire(3, 2)] };
pub(super) static S584: Struct = Struct { name: "io.k8s.api.resource.v1.DeviceCounterConsumption", atomic: false, fields: &[
    field("compatibilityGroups", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("counterSet", Shape::String, "string", "r").default(r#""""#),
    field("counters", Shape::Map(&Map { value: Shape::Struct(TypeRef(&S585)), atomic: false }), "map[string]v1.Counter", "ro"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0)] };
pub(super) static S585: Struct = Struct { name: "io.k8s.api.resource.v1.Counter", atomic: false, fields: &[
    field("value", Shape::Quantity, "resource.Quantity", "r"),
], wire: &[wire(1, 0)] };
pub(super) static S586: Struct = Struct { name: "io.k8s.api.resource.v1.NodeAllocatableResource", atomic: false, fields: &[
    field("mapping", Shape::Struct(TypeRef(&S587)), "v1.NodeAllocatableMapping", "po"),
    field("overhead", Shape::Struct(TypeRef(&S588)), "v1.NodeAllocatableOverhead", "po"),
], wire: &[wire(3, 0), wire(4, 1)] };
pub(super) static S587: Struct = Struct { name: "io.k8s.api.resource.v1.NodeAllocatableMapping", atomic: false, fields: &[
    field("capacityKey", Shape::String, "v1.QualifiedName", "po"),
    field("capacityMultiplier", Shape::Quantity, "resource.Quantity", "po"),
    field("deviceMultiplier", Shape::Quantity, "resource.Quantity", "po"),
], wire: &[wire(1, 0), wire(2, 1), wire(3, 2)] };
pub(super) static S588: Struct = Struct { name: "io.k8s.api.resource.v1.NodeAllocatableOverhead", atomic: false, fields: &[
    field("perContainer", Shape::Quantity, "resource.Quantity", "po"),
    field("perPod", Shape::Quantity, "resource.Quantity", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S589: Struct = Struct { name: "io.k8s.api.resource.v1.CounterSet", atomic: false, fields: &[
    field("counters", Shape::Map(&Map { value: Shape::Struct(TypeRef(&S585)), atomic: false }), "map[string]v1.Counter", "ro"),
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S590: Struct = Struct { name: "io.k8s.api.resource.v1.ResourceSliceList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S576)), kind: ListKind::Atomic, message: false }), "[]v1.ResourceSlice", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S591: Struct = Struct { name: "io.k8s.api.scheduling.v1.PriorityClass", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("description", Shape::String, "string", "o"),
    field("globalDefault", Shape::Bool, "bool", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("preemptionPolicy", Shape::String, "v1.PreemptionPolicy", "po"),
    field("value", Shape::Int32, "int32", "").default("0"),
], wire: &[wire(1, 4), wire(2, 6), wire(3, 2), wire(4, 1), wire(5, 5)] };
pub(super) static S592: Struct = Struct { name: "io.k8s.api.scheduling.v1.PriorityClassList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S591)), kind: ListKind::Atomic, message: false }), "[]v1.PriorityClass", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S593: Struct = Struct { name: "io.k8s.api.storage.v1.CSIDriver", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S594)), "v1.CSIDriverSpec", "r").default("{}"),
], wire: &[wire(1, 2), wire(2, 3)] };
pub(super) static S594: Struct = Struct { name: "io.k8s.api.storage.v1.CSIDriverSpec", atomic: false, fields: &[
    field("attachRequired", Shape::Bool, "bool", "po"),
    field("fsGroupPolicy", Shape::String, "v1.FSGroupPolicy", "po"),
    field("nodeAllocatableUpdatePeriodSeconds", Shape::Int64, "int64", "po"),
    field("podInfoOnMount", Shape::Bool, "bool", "po"),
    field("preventPodSchedulingIfMissing", Shape::Bool, "bool", "po"),
    field("requiresRepublish", Shape::Bool, "bool", "po"),
    field("seLinuxMount", Shape::Bool, "bool", "po"),
    field("serviceAccountTokenInSecrets", Shape::Bool, "bool", "po"),
    field("storageCapacity", Shape::Bool, "bool", "po"),
    field("tokenRequests", Shape::List(&List { item: Shape::Struct(TypeRef(&S595)), kind: ListKind::Atomic, message: false }), "[]v1.TokenRequest", "o"),
    field("volumeLifecycleModes", Shape::List(&List { item: Shape::String, kind: ListKind::Set, message: false }), "[]v1.VolumeLifecycleMode", "o"),
], wire: &[wire(1, 0), wire(2, 3), wire(3, 10), wire(4, 8), wire(5, 1), wire(6, 9), wire(7, 5), wire(8, 6), wire(9, 2), wire(10, 7), wire(11, 4)] };
pub(super) static S595: Struct = Struct { name: "io.k8s.api.storage.v1.TokenRequest", atomic: false, fields: &[
    field("audience", Shape::String, "string", "r").default(r#""""#),
    field("expirationSeconds", Shape::Int64, "int64", "po"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S596: Struct = Struct { name: "io.k8s.api.storage.v1.CSIDriverList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S593)), kind: ListKind::Atomic, message: false }), "[]v1.CSIDriver", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S597: Struct = Struct { name: "io.k8s.api.storage.v1.CSINode", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S598)), "v1.CSINodeSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S601)), "v1.CSINodeStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S598: Struct = Struct { name: "io.k8s.api.storage.v1.CSINodeSpec", atomic: false, fields: &[
    field("drivers", Shape::List(&List { item: Shape::Struct(TypeRef(&S599)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.CSINodeDriver", "r").patch(true, false, false, "name"),
], wire: &[wire(1, 0)] };
pub(super) static S599: Struct = Struct { name: "io.k8s.api.storage.v1.CSINodeDriver", atomic: false, fields: &[
    field("allocatable", Shape::Struct(TypeRef(&S600)), "v1.VolumeNodeResources", "po"),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("nodeID", Shape::String, "string", "r").default(r#""""#),
    field("topologyKeys", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", ""),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 3), wire(4, 0)] };
pub(super) static S600: Struct = Struct { name: "io.k8s.api.storage.v1.VolumeNodeResources", atomic: false, fields: &[
    field("count", Shape::Int32, "int32", "po"),
], wire: &[wire(1, 0)] };
pub(super) static S601: Struct = Struct { name: "io.k8s.api.storage.v1.CSINodeStatus", atomic: false, fields: &[
    field("storageHealth", Shape::List(&List { item: Shape::Struct(TypeRef(&S602)), kind: ListKind::Map(&["name"]), message: false }), "[]v1.StorageHealth", "o").patch(true, false, false, "name"),
], wire: &[wire(1, 0)] };
pub(super) static S602: Struct = Struct { name: "io.k8s.api.storage.v1.StorageHealth", atomic: false, fields: &[
    field("healthConditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S603)), kind: ListKind::Atomic, message: false }), "[]v1.StorageHealthCondition", "o"),
    field("name", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S603: Struct = Struct { name: "io.k8s.api.storage.v1.StorageHealthCondition", atomic: false, fields: &[
    field("accessMode", Shape::String, "v1.PersistentVolumeAccessMode", "po"),
    field("lastTransitionTime", Shape::Time, "v1.Time", ""),
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "r").default(r#""""#),
    field("status", Shape::String, "v1.StorageHealthStatusType", "r").default(r#""""#),
    field("volumeMode", Shape::String, "v1.PersistentVolumeMode", "po"),
], wire: &[wire(1, 4), wire(2, 3), wire(3, 2), wire(4, 0), wire(5, 5), wire(6, 1)] };
pub(super) static S604: Struct = Struct { name: "io.k8s.api.storage.v1.CSINodeList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S597)), kind: ListKind::Atomic, message: false }), "[]v1.CSINode", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S605: Struct = Struct { name: "io.k8s.api.storage.v1.CSIStorageCapacity", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("capacity", Shape::Quantity, "resource.Quantity", "po"),
    field("kind", Shape::String, "string", "o"),
    field("maximumVolumeSize", Shape::Quantity, "resource.Quantity", "po"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("nodeTopology", Shape::Struct(TypeRef(&S85)), "v1.LabelSelector", "po"),
    field("storageClassName", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 4), wire(2, 5), wire(3, 6), wire(4, 1), wire(5, 3)] };
pub(super) static S606: Struct = Struct { name: "io.k8s.api.storage.v1.CSIStorageCapacityList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S605)), kind: ListKind::Atomic, message: false }), "[]v1.CSIStorageCapacity", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S607: Struct = Struct { name: "io.k8s.api.storage.v1.StorageClass", atomic: false, fields: &[
    field("allowVolumeExpansion", Shape::Bool, "bool", "po"),
    field("allowedTopologies", Shape::List(&List { item: Shape::Struct(TypeRef(&S608)), kind: ListKind::Atomic, message: false }), "[]v1.TopologySelectorTerm", "o"),
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("mountOptions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("parameters", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
    field("provisioner", Shape::String, "string", "r").default(r#""""#),
    field("reclaimPolicy", Shape::String, "v1.PersistentVolumeReclaimPolicy", "po"),
    field("volumeBindingMode", Shape::String, "v1.VolumeBindingMode", "po"),
], wire: &[wire(1, 4), wire(2, 7), wire(3, 6), wire(4, 8), wire(5, 5), wire(6, 0), wire(7, 9), wire(8, 1)] };
pub(super) static S608: Struct = Struct { name: "io.k8s.api.core.v1.TopologySelectorTerm", atomic: true, fields: &[
    field("matchLabelExpressions", Shape::List(&List { item: Shape::Struct(TypeRef(&S609)), kind: ListKind::Atomic, message: false }), "[]v1.TopologySelectorLabelRequirement", "o"),
], wire: &[wire(1, 0)] };
pub(super) static S609: Struct = Struct { name: "io.k8s.api.core.v1.TopologySelectorLabelRequirement", atomic: false, fields: &[
    field("key", Shape::String, "string", "r").default(r#""""#),
    field("values", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "r"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S610: Struct = Struct { name: "io.k8s.api.storage.v1.StorageClassList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S607)), kind: ListKind::Atomic, message: false }), "[]v1.StorageClass", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S611: Struct = Struct { name: "io.k8s.api.storage.v1.VolumeAttachment", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S612)), "v1.VolumeAttachmentSpec", "r").default("{}"),
    field("status", Shape::Struct(TypeRef(&S614)), "v1.VolumeAttachmentStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S612: Struct = Struct { name: "io.k8s.api.storage.v1.VolumeAttachmentSpec", atomic: false, fields: &[
    field("attacher", Shape::String, "string", "r").default(r#""""#),
    field("nodeName", Shape::String, "string", "r").default(r#""""#),
    field("source", Shape::Struct(TypeRef(&S613)), "v1.VolumeAttachmentSource", "r").default("{}"),
], wire: &[wire(1, 0), wire(2, 2), wire(3, 1)] };
pub(super) static S613: Struct = Struct { name: "io.k8s.api.storage.v1.VolumeAttachmentSource", atomic: false, fields: &[
    field("inlineVolumeSpec", Shape::Struct(TypeRef(&S53)), "v1.PersistentVolumeSpec", "po"),
    field("persistentVolumeName", Shape::String, "string", "po"),
], wire: &[wire(1, 1), wire(2, 0)] };
pub(super) static S614: Struct = Struct { name: "io.k8s.api.storage.v1.VolumeAttachmentStatus", atomic: false, fields: &[
    field("attachError", Shape::Struct(TypeRef(&S615)), "v1.VolumeError", "po"),
    field("attached", Shape::Bool, "bool", "r").default("false"),
    field("attachmentMetadata", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
    field("detachError", Shape::Struct(TypeRef(&S615)), "v1.VolumeError", "po"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 0), wire(4, 3)] };
pub(super) static S615: Struct = Struct { name: "io.k8s.api.storage.v1.VolumeError", atomic: false, fields: &[
    field("errorCode", Shape::Int32, "int32", "po"),
    field("message", Shape::String, "string", "o"),
    field("time", Shape::Time, "v1.Time", ""),
], wire: &[wire(1, 2), wire(2, 1), wire(3, 0)] };
pub(super) static S616: Struct = Struct { name: "io.k8s.api.storage.v1.VolumeAttachmentList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S611)), kind: ListKind::Atomic, message: false }), "[]v1.VolumeAttachment", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S617: Struct = Struct { name: "io.k8s.api.storage.v1.VolumeAttributesClass", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("driverName", Shape::String, "string", "r").default(r#""""#),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("parameters", Shape::Map(&Map { value: Shape::String, atomic: false }), "map[string]string", "o"),
], wire: &[wire(1, 3), wire(2, 1), wire(3, 4)] };
pub(super) static S618: Struct = Struct { name: "io.k8s.api.storage.v1.VolumeAttributesClassList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S617)), kind: ListKind::Atomic, message: false }), "[]v1.VolumeAttributesClass", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S619: Struct = Struct { name: "io.k8s.api.storagemigration.v1.StorageVersionMigration", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", "").default("{}"),
    field("spec", Shape::Struct(TypeRef(&S620)), "v1.StorageVersionMigrationSpec", "").default("{}"),
    field("status", Shape::Struct(TypeRef(&S622)), "v1.StorageVersionMigrationStatus", "").default("{}"),
], wire: &[wire(1, 2), wire(2, 3), wire(3, 4)] };
pub(super) static S620: Struct = Struct { name: "io.k8s.api.storagemigration.v1.StorageVersionMigrationSpec", atomic: false, fields: &[
    field("resource", Shape::Struct(TypeRef(&S621)), "v1.GroupResource", "r").default("{}"),
], wire: &[wire(1, 0)] };
pub(super) static S621: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.GroupResource", atomic: false, fields: &[
    field("group", Shape::String, "string", "r").default(r#""""#),
    field("resource", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S622: Struct = Struct { name: "io.k8s.api.storagemigration.v1.StorageVersionMigrationStatus", atomic: false, fields: &[
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S244)), kind: ListKind::Map(&["type"]), message: false }), "[]v1.Condition", "o").patch(true, false, false, "type"),
    field("resourceVersion", Shape::String, "string", "o"),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S623: Struct = Struct { name: "io.k8s.api.storagemigration.v1.StorageVersionMigrationList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S619)), kind: ListKind::Atomic, message: false }), "[]v1.StorageVersionMigration", "r"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", "").default("{}"),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S624: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.APIGroup", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("name", Shape::String, "string", ""),
    field("preferredVersion", Shape::Struct(TypeRef(&S625)), "v1.GroupVersionForDiscovery", ""),
    field("serverAddressByClientCIDRs", Shape::List(&List { item: Shape::Struct(TypeRef(&S626)), kind: ListKind::Atomic, message: false }), "[]v1.ServerAddressByClientCIDR", "o"),
    field("versions", Shape::List(&List { item: Shape::Struct(TypeRef(&S625)), kind: ListKind::Atomic, message: false }), "[]v1.GroupVersionForDiscovery", ""),
], wire: &[wire(1, 2), wire(2, 5), wire(3, 3), wire(4, 4)] };
pub(super) static S625: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.GroupVersionForDiscovery", atomic: false, fields: &[
    field("groupVersion", Shape::String, "string", ""),
    field("version", Shape::String, "string", ""),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S626: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.ServerAddressByClientCIDR", atomic: false, fields: &[
    field("clientCIDR", Shape::String, "string", ""),
    field("serverAddress", Shape::String, "string", ""),
], wire: &[wire(1, 0), wire(2, 1)] };
pub(super) static S627: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.APIGroupList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("groups", Shape::List(&List { item: Shape::Struct(TypeRef(&S624)), kind: ListKind::Atomic, message: false }), "[]v1.APIGroup", ""),
    field("kind", Shape::String, "string", "o"),
], wire: &[wire(1, 1)] };
pub(super) static S628: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("groupVersion", Shape::String, "string", "r").default(r#""""#),
    field("kind", Shape::String, "string", "o"),
    field("resources", Shape::List(&List { item: Shape::Struct(TypeRef(&S629)), kind: ListKind::Atomic, message: false }), "[]v1.APIResource", "r"),
], wire: &[wire(1, 1), wire(2, 3)] };
pub(super) static S629: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.APIResource", atomic: false, fields: &[
    field("categories", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("group", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "r").default(r#""""#),
    field("name", Shape::String, "string", "r").default(r#""""#),
    field("namespaced", Shape::Bool, "bool", "r").default("false"),
    field("shortNames", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("singularName", Shape::String, "string", "r").default(r#""""#),
    field("storageVersionHash", Shape::String, "string", "o"),
    field("verbs", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: true }), "v1.Verbs", "r"),
    field("version", Shape::String, "string", "o"),
], wire: &[wire(1, 3), wire(2, 4), wire(3, 2), wire(4, 8), wire(5, 5), wire(6, 6), wire(7, 0), wire(8, 1), wire(9, 9), wire(10, 7)] };
pub(super) static S630: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.APIVersions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("serverAddressByClientCIDRs", Shape::List(&List { item: Shape::Struct(TypeRef(&S626)), kind: ListKind::Atomic, message: false }), "[]v1.ServerAddressByClientCIDR", ""),
    field("versions", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", ""),
], wire: &[wire(1, 3), wire(2, 2)] };
pub(super) static S631: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.CreateOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("dryRun", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("fieldManager", Shape::String, "string", "o"),
    field("fieldValidation", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(3, 2), wire(4, 3)] };
pub(super) static S632: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.GetOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("resourceVersion", Shape::String, "string", "o"),
], wire: &[wire(1, 2)] };
pub(super) static S633: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.ListOptions", atomic: false, fields: &[
    field("allowWatchBookmarks", Shape::Bool, "bool", "o"),
    field("apiVersion", Shape::String, "string", "o"),
    field("continue", Shape::String, "string", "o"),
    field("fieldSelector", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("labelSelector", Shape::String, "string", "o"),
    field("limit", Shape::Int64, "int64", "o"),
    field("resourceVersion", Shape::String, "string", "o"),
    field("resourceVersionMatch", Shape::String, "v1.ResourceVersionMatch", "o"),
    field("sendInitialEvents", Shape::Bool, "bool", "po"),
    field("shardSelector", Shape::String, "string", "o"),
    field("timeoutSeconds", Shape::Int64, "int64", "po"),
    field("watch", Shape::Bool, "bool", "o"),
], wire: &[wire(1, 5), wire(2, 3), wire(3, 12), wire(4, 7), wire(5, 11), wire(7, 6), wire(8, 2), wire(9, 0), wire(10, 8), wire(11, 9), wire(15, 10)] };
pub(super) static S634: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S1)), "v1.ObjectMeta", ""),
], wire: &[wire(1, 2)] };
pub(super) static S635: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadataList", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("items", Shape::List(&List { item: Shape::Struct(TypeRef(&S634)), kind: ListKind::Atomic, message: false }), "[]v1.PartialObjectMetadata", ""),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", ""),
], wire: &[wire(1, 3), wire(2, 1)] };
pub(super) static S636: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.PatchOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("dryRun", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("fieldManager", Shape::String, "string", "o"),
    field("fieldValidation", Shape::String, "string", "o"),
    field("force", Shape::Bool, "bool", "po"),
    field("kind", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 4), wire(3, 2), wire(4, 3)] };
pub(super) static S637: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.Table", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("columnDefinitions", Shape::List(&List { item: Shape::Struct(TypeRef(&S638)), kind: ListKind::Atomic, message: false }), "[]v1.TableColumnDefinition", ""),
    field("kind", Shape::String, "string", "o"),
    field("metadata", Shape::Struct(TypeRef(&S8)), "v1.ListMeta", ""),
    field("rows", Shape::List(&List { item: Shape::Struct(TypeRef(&S639)), kind: ListKind::Atomic, message: false }), "[]v1.TableRow", ""),
], wire: &[] };
pub(super) static S638: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.TableColumnDefinition", atomic: false, fields: &[
    field("description", Shape::String, "string", ""),
    field("format", Shape::String, "string", ""),
    field("name", Shape::String, "string", ""),
    field("priority", Shape::Int32, "int32", ""),
    field("type", Shape::String, "string", ""),
], wire: &[] };
pub(super) static S639: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.TableRow", atomic: false, fields: &[
    field("cells", Shape::List(&List { item: Shape::Any, kind: ListKind::Atomic, message: false }), "[]interface {}", ""),
    field("conditions", Shape::List(&List { item: Shape::Struct(TypeRef(&S640)), kind: ListKind::Atomic, message: false }), "[]v1.TableRowCondition", "o"),
    field("object", Shape::Raw, "runtime.RawExtension", ""),
], wire: &[] };
pub(super) static S640: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.TableRowCondition", atomic: false, fields: &[
    field("message", Shape::String, "string", "o"),
    field("reason", Shape::String, "string", "o"),
    field("status", Shape::String, "v1.ConditionStatus", ""),
    field("type", Shape::String, "v1.RowConditionType", ""),
], wire: &[] };
pub(super) static S641: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.TableOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("includeObject", Shape::String, "v1.IncludeObjectPolicy", "o"),
    field("kind", Shape::String, "string", "o"),
], wire: &[wire(1, 1)] };
pub(super) static S642: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.UpdateOptions", atomic: false, fields: &[
    field("apiVersion", Shape::String, "string", "o"),
    field("dryRun", Shape::List(&List { item: Shape::String, kind: ListKind::Atomic, message: false }), "[]string", "o"),
    field("fieldManager", Shape::String, "string", "o"),
    field("fieldValidation", Shape::String, "string", "o"),
    field("kind", Shape::String, "string", "o"),
], wire: &[wire(1, 1), wire(2, 2), wire(3, 3)] };
pub(super) static S643: Struct = Struct { name: "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent", atomic: false, fields: &[
    field("object", Shape::Raw, "runtime.RawExtension", "r"),
    field("type", Shape::String, "string", "r").default(r#""""#),
], wire: &[wire(1, 1), wire(2, 0)] };
