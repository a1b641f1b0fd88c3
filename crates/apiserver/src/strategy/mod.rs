//! What is particular to a kind: defaults, validation, allocation and special subresources, one file per group
//! of kinds. The generic handlers call a [`Strategy`] found by kind; kinds without one use the defaults here.
//!
//! Order for a create: decode → `default_spec` → metadata → managedFields → admission → `prepare_create` →
//! `validate_create` → `allocate` → one commit of the object with the allocation. For an update: decode or patch →
//! `default_spec` → managedFields → admission → `prepare_update` → `validate_update` → `allocate` → commit.
//! A refused commit runs an update again from the read; nothing that a strategy does may outlive a failed commit.

pub(crate) mod certificates;
mod config;
mod deployment;
mod endpoints;
pub(crate) mod fields;
mod job;
mod namespace;
mod node;
pub(crate) mod pod;
mod policy;
mod quota;
mod rbac;
mod review;
pub(crate) mod scale;
mod service;
mod service_account;
mod storage;
mod workload;

use crate::auth::UserInfo;
use crate::state::State;
use crate::status::Status;
use fields::put;
use futures::future::BoxFuture;
use objects::registry::Kind;
use objects::validate::FieldError;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a strategy or an admission check may know about the request.
pub(crate) struct Ctx<'a> {
    /// The server: options, store access.
    pub(crate) server: &'a State,
    /// Who asks.
    pub(crate) user: &'a UserInfo,
    /// The kind that is written.
    pub(crate) kind: &'static Kind,
    /// Namespace of the object; none for cluster-wide kinds.
    pub(crate) namespace: Option<&'a str>,
    /// Name of the object; empty while `generateName` is not resolved.
    pub(crate) name: &'a str,
    /// Subresource that is written (`status`, `scale`, …); none for the object itself.
    pub(crate) subresource: Option<&'a str>,
    /// Nothing may be stored or allocated.
    pub(crate) dry_run: bool,
    /// Time of the request, RFC 3339 in whole seconds.
    pub(crate) now: String,
}

/// The particular of one kind. All methods have defaults that fit a kind without anything particular.
pub(crate) trait Strategy: Send + Sync {
    /// The rule for `metadata.name`: what is wrong with it, empty if nothing. Most kinds: a DNS subdomain.
    fn check_name(&self) -> fn(&str) -> Vec<String> {
        objects::validate::dns1123_subdomain
    }

    /// Sets the defaults that depend on more than the schema table says. Runs on everything that is written.
    fn default_spec(&self, _object: &mut Value) {}

    /// Last changes to a new object: clears what clients may not set. Default: drops `status` when the kind has
    /// the subresource and sets `metadata.generation` to 1 when it has a `spec`.
    fn prepare_create(&self, ctx: &Ctx<'_>, object: &mut Value) {
        generic_prepare_create(ctx, object);
    }

    /// Last changes to an updated object. Default: a write of the object keeps the old `status` and a write of
    /// `status` keeps everything else; `metadata.generation` goes up when anything but metadata and status changed.
    fn prepare_update(&self, ctx: &Ctx<'_>, new: &mut Value, old: &Value) {
        generic_prepare_update(ctx, new, old);
    }

    /// Faults of a new object.
    fn validate_create(&self, _ctx: &Ctx<'_>, _object: &Value) -> Vec<FieldError> {
        Vec::new()
    }

    /// Faults of an updated object, and of the change itself.
    fn validate_update(&self, _ctx: &Ctx<'_>, _new: &Value, _old: &Value) -> Vec<FieldError> {
        Vec::new()
    }

    /// Texts for `Warning` headers on a write that is otherwise fine.
    fn warnings(&self, _ctx: &Ctx<'_>, _object: &Value, _old: Option<&Value>) -> Vec<String> {
        Vec::new()
    }

    /// Allocates what the object needs (cluster IP, node ports) and writes it into the object. The operations
    /// given back are committed together with the object, so nothing is to be undone when the commit fails;
    /// a conflict on one of their keys runs the write again.
    fn allocate<'a>(
        &'a self,
        _ctx: &'a Ctx<'a>,
        _object: &'a mut Value,
        _old: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Vec<store::Op>, Status>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Operations that go into the commit that removes the object, e.g. to give an address back.
    fn release(&self, _ctx: &Ctx<'_>, _object: &Value) -> Vec<store::Op> {
        Vec::new()
    }

    /// Whether POST answers from a computation and stores nothing (reviews).
    fn is_virtual(&self) -> bool {
        false
    }

    /// Answers a POST of a kind that [`Strategy::is_virtual`].
    fn review<'a>(&'a self, ctx: &'a Ctx<'a>, _object: Value) -> BoxFuture<'a, Result<Value, Status>> {
        Box::pin(async { Err(Status::method_not_supported(ctx.kind, "create")) })
    }

    /// Answers a POST to a subresource of an object of this kind (`binding`, `eviction`, `token`); `ctx.subresource`
    /// says which, `ctx.name` of which object. The value given back is sent with 201.
    fn create_subresource<'a>(
        &'a self,
        ctx: &'a Ctx<'a>,
        _body: Value,
    ) -> BoxFuture<'a, Result<Value, Status>> {
        Box::pin(async { Err(Status::method_not_supported(ctx.kind, "create")) })
    }

    /// Values for field selectors beyond `metadata.name` and `metadata.namespace`, e.g. `spec.nodeName`. Read from
    /// the stored object; a selector on any other field is refused.
    fn selectable_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// The value of one of [`Strategy::selectable_fields`]; default: the text at that path, empty when absent.
    fn field(&self, object: &Value, path: &str) -> String {
        text_at(object, path)
    }

    /// Seconds of grace for a deletion, given what the client asked for; `None` removes at once (all but pods).
    fn grace_period(&self, _ctx: &Ctx<'_>, _object: &Value, _asked: Option<i64>) -> Option<i64> {
        None
    }

    /// Alters an object whose deletion begins but waits for finalizers or grace (namespaces: phase Terminating).
    fn mark_deleted(&self, _object: &mut Value) {}

    /// Finalizers of the kind that live outside metadata still hold the object (namespaces' `spec.finalizers`).
    fn held(&self, _object: &Value) -> bool {
        false
    }

    /// Whether a create may carry a status (nodes: a kubelet registers with what the machine has).
    fn takes_status_on_create(&self) -> bool {
        false
    }

    /// Whether a PUT of a name that does not exist creates it.
    fn create_on_update(&self) -> bool {
        false
    }

    /// Whether a PUT without resourceVersion is refused.
    fn needs_version_on_update(&self) -> bool {
        false
    }
}

/// Nothing particular.
struct Plain;

impl Strategy for Plain {}

/// The strategy of a kind.
pub(crate) fn of(kind: &Kind) -> &'static dyn Strategy {
    match (kind.group, kind.plural) {
        ("", "pods") => &pod::Pod,
        ("", "bindings") => &pod::Binding,
        ("", "limitranges") => &policy::LimitRange,
        ("", "resourcequotas") => &quota::ResourceQuota,
        ("", "podtemplates") => &workload::PodTemplate,
        ("", "replicationcontrollers") => &workload::ReplicationController,
        ("apps", "deployments") => &deployment::Deployment,
        ("apps", "replicasets") => &workload::ReplicaSet,
        ("apps", "statefulsets") => &workload::StatefulSet,
        ("apps", "daemonsets") => &workload::DaemonSet,
        ("batch", "jobs") => &job::Job,
        ("batch", "cronjobs") => &job::CronJob,
        ("", "services") => &service::Service,
        ("", "endpoints") => &endpoints::Endpoints,
        ("discovery.k8s.io", "endpointslices") => &endpoints::EndpointSlice,
        ("" | "events.k8s.io", "events") => &endpoints::Event,
        ("", "namespaces") => &namespace::Namespace,
        ("", "nodes") => &node::Node,
        ("coordination.k8s.io", "leases") => &node::Lease,
        ("", "secrets") => &config::Secret,
        ("", "configmaps") => &config::ConfigMap,
        ("", "serviceaccounts") => &service_account::ServiceAccount,
        ("", "persistentvolumes") => &storage::Volume,
        ("", "persistentvolumeclaims") => &storage::Claim,
        ("storage.k8s.io", "storageclasses") => &storage::Class,
        ("storage.k8s.io", "csidrivers") => &storage::Driver,
        ("policy", "poddisruptionbudgets") => &policy::Budget,
        ("scheduling.k8s.io", "priorityclasses") => &policy::PriorityClass,
        ("networking.k8s.io", "networkpolicies") => &policy::NetworkPolicy,
        ("networking.k8s.io", "ingressclasses") => &policy::IngressClass,
        ("autoscaling", "horizontalpodautoscalers") => &policy::Autoscaler,
        ("certificates.k8s.io", "certificatesigningrequests") => &certificates::SigningRequest,
        ("flowcontrol.apiserver.k8s.io", "flowschemas") => &policy::FlowSchema,
        ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations") => &policy::PriorityLevel,
        (
            "admissionregistration.k8s.io",
            "mutatingwebhookconfigurations" | "validatingwebhookconfigurations",
        ) => &policy::Webhooks,
        ("rbac.authorization.k8s.io", "roles" | "clusterroles") => &rbac::Role,
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => &rbac::Binding,
        ("authentication.k8s.io", "tokenreviews") => &review::Token,
        ("authentication.k8s.io", "selfsubjectreviews") => &review::SelfSubject,
        ("authorization.k8s.io", "subjectaccessreviews") => &review::Access,
        ("authorization.k8s.io", "localsubjectaccessreviews") => &review::LocalAccess,
        ("authorization.k8s.io", "selfsubjectaccessreviews") => &review::SelfAccess,
        ("authorization.k8s.io", "selfsubjectrulesreviews") => &review::SelfRules,
        _ => &Plain,
    }
}

/// Kinds with a `spec` whose `metadata.generation` upstream leaves alone.
const WITHOUT_GENERATION: [(&str, &str); 9] = [
    ("", "limitranges"),
    ("", "resourcequotas"),
    ("apiregistration.k8s.io", "apiservices"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("certificates.k8s.io", "certificatesigningrequests"),
    ("networking.k8s.io", "ipaddresses"),
    ("storage.k8s.io", "csinodes"),
    ("storage.k8s.io", "volumeattachments"),
    ("storagemigration.k8s.io", "storageversionmigrations"),
];

/// See [`Strategy::prepare_create`].
pub(crate) fn generic_prepare_create(ctx: &Ctx<'_>, object: &mut Value) {
    if ctx.kind.subresource("status").is_some()
        && let Some(map) = object.as_object_mut()
    {
        map.remove("status");
    }
    let counted =
        object.get("spec").is_some() && !WITHOUT_GENERATION.contains(&(ctx.kind.group, ctx.kind.plural));
    if counted {
        objects::meta::metadata_mut(object).insert("generation".into(), 1.into());
    }
}

/// See [`Strategy::prepare_update`].
pub(crate) fn generic_prepare_update(ctx: &Ctx<'_>, new: &mut Value, old: &Value) {
    match ctx.subresource {
        Some("status") => {
            let status = new.get("status").cloned();
            let metadata = new.get("metadata").cloned();
            *new = old.clone();
            put(new, "status", status);
            put(new, "metadata", metadata);
            put_generation(new, old["metadata"].get("generation").cloned());
        }
        _ => {
            if ctx.kind.subresource("status").is_some() {
                put(new, "status", old.get("status").cloned());
            }
            let mut generation = old["metadata"].get("generation").cloned();
            if content_changed(new, old)
                && let Some(current) = generation.as_ref().and_then(Value::as_i64)
            {
                generation = Some((current + 1).into());
            }
            put_generation(new, generation);
        }
    }
}

/// Whether anything but metadata, status and type differs.
fn content_changed(new: &Value, old: &Value) -> bool {
    let content = |value: &Value| -> BTreeMap<String, Value> {
        let skipped = ["metadata", "status", "apiVersion", "kind"];
        let fields = value.as_object().into_iter().flatten();
        fields
            .filter(|(key, _)| !skipped.contains(&key.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    content(new) != content(old)
}

fn put_generation(object: &mut Value, generation: Option<Value>) {
    let metadata = objects::meta::metadata_mut(object);
    match generation {
        Some(generation) => metadata.insert("generation".into(), generation),
        None => metadata.remove("generation"),
    };
}

/// The text, number or boolean at a path of field names, as text; empty where absent.
pub(crate) fn text_at(object: &Value, path: &str) -> String {
    match path.split('.').try_fold(object, |value, key| value.get(key)) {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        _ => String::new(),
    }
}
