//! The default roles and bindings of v1.37, as data: who has which rights in a fresh cluster.
//!
//! One line of [`ROLES`] is a rule of the role named above it: verbs, groups, resources and, where given, object
//! names, divided by `;`; `core` is the core group. `get ; url ; /api/*` is a rule on paths. `rw` stands for all eight
//! verbs, `ro` for get, list and watch, `write` for the five that change something.
//!
//! Differences to upstream: `admin`, `edit` and `view` show their aggregated rules from the start, all controllers
//! of this program act as `system:kube-controller-manager`, which is why that user is bound to the controllers'
//! roles, the bindings by which machines become nodes are there from the start, the proxy may read what network policies
//! are made of, and the name server its settings.

use serde_json::{Value, json};

/// The default ClusterRoles: `= name`, labels by which they aggregate as `+ label`, rules.
const ROLES: &str = "
= cluster-admin
* ; * ; *
* ; url ; *
= system:discovery
get ; url ; /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/
= system:public-info-viewer
get ; url ; /healthz,/livez,/readyz,/version,/version/
= system:monitoring
get ; url ; /flagz,/healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*,/statusz
get ; core ; nodes/metrics
= system:basic-user
create ; authorization.k8s.io ; selfsubjectaccessreviews,selfsubjectrulesreviews
create ; authentication.k8s.io ; selfsubjectreviews
= system:service-account-issuer-discovery
get ; url ; /.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/
= system:auth-delegator
create ; authentication.k8s.io ; tokenreviews
create ; authorization.k8s.io ; subjectaccessreviews
= system:aggregate-to-admin
+ admin
create ; authorization.k8s.io ; localsubjectaccessreviews
rw ; rbac.authorization.k8s.io ; rolebindings,roles
= system:aggregate-to-edit
+ edit
ro ; core ; pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy
impersonate ; core ; serviceaccounts
write ; core ; pods,pods/attach,pods/exec,pods/portforward,pods/proxy
create ; core ; pods/eviction
write ; core ; configmaps,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy
create ; core ; serviceaccounts/token
write ; core,events.k8s.io ; events
write ; apps ; daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale
write ; autoscaling ; horizontalpodautoscalers
write ; batch ; cronjobs,jobs
write ; extensions ; daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale
write ; policy ; poddisruptionbudgets
write ; networking.k8s.io ; ingresses,networkpolicies
rw ; coordination.k8s.io ; leases
write ; resource.k8s.io ; resourceclaims,resourceclaimtemplates
= system:aggregate-to-view
+ view
ro ; core ; configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status
ro ; core ; bindings,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status
ro ; core ; namespaces
ro ; core,events.k8s.io ; events
ro ; discovery.k8s.io ; endpointslices
ro ; apps ; controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status
ro ; autoscaling ; horizontalpodautoscalers,horizontalpodautoscalers/status
ro ; batch ; cronjobs,cronjobs/status,jobs,jobs/status
ro ; extensions ; daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale
ro ; policy ; poddisruptionbudgets,poddisruptionbudgets/status
ro ; networking.k8s.io ; ingresses,ingresses/status,networkpolicies
ro ; resource.k8s.io ; resourceclaims,resourceclaims/status,resourceclaimtemplates
= system:node-proxier
list,watch ; core ; services,endpoints
get,list,watch ; core ; nodes
create,patch,update ; core,events.k8s.io ; events
list,watch ; discovery.k8s.io ; endpointslices
list,watch ; networking.k8s.io ; networkpolicies,servicecidrs
list,watch ; core ; namespaces,pods
= system:kube-dns
list,watch ; core ; endpoints,services
list,watch ; discovery.k8s.io ; endpointslices
list,watch ; core ; namespaces,pods
list,watch ; core ; configmaps ; kube-dns
= system:kubelet-api-admin
* ; core ; nodes/configz,nodes/healthz,nodes/log,nodes/metrics,nodes/pods,nodes/proxy,nodes/spec,nodes/stats
get,list,watch,proxy ; core ; nodes
= system:node
create ; authentication.k8s.io ; tokenreviews
create ; authorization.k8s.io ; localsubjectaccessreviews,subjectaccessreviews
ro ; core ; services
create,get,list,watch ; core ; nodes
patch,update ; core ; nodes,nodes/status
create,patch,update ; core,events.k8s.io ; events
ro ; core ; pods
create,delete ; core ; pods
patch,update ; core ; pods/status
create ; core ; pods/eviction
ro ; core ; configmaps,secrets
get ; core ; persistentvolumeclaims,persistentvolumes
get,patch,update ; core ; persistentvolumeclaims/status
get ; core ; endpoints,serviceaccounts
create,get,list,watch ; certificates.k8s.io ; certificatesigningrequests,podcertificaterequests
ro ; certificates.k8s.io ; clustertrustbundles
get ; storage.k8s.io ; volumeattachments
get ; resource.k8s.io ; resourceclaims
deletecollection ; resource.k8s.io ; resourceslices
create,delete,get,patch,update ; coordination.k8s.io ; leases
create ; core ; serviceaccounts/token
ro ; storage.k8s.io ; csidrivers
create,delete,get,patch,update ; storage.k8s.io ; csinodes
ro ; node.k8s.io ; runtimeclasses
= system:cluster-trust-bundle-discovery
ro ; certificates.k8s.io ; clustertrustbundles
= system:node-bootstrapper
create,get,list,watch ; certificates.k8s.io ; certificatesigningrequests
= system:node-problem-detector
get ; core ; nodes
patch ; core ; nodes/status
create,patch,update ; core,events.k8s.io ; events
= system:persistent-volume-provisioner
create,delete,get,list,watch ; core ; persistentvolumes
get,list,update,watch ; core ; persistentvolumeclaims
ro ; storage.k8s.io ; storageclasses
watch ; core ; events
create,patch,update ; core,events.k8s.io ; events
= system:volume-scheduler
get,list,patch,update,watch ; core ; persistentvolumes
ro ; storage.k8s.io ; storageclasses
get,list,patch,update,watch ; core ; persistentvolumeclaims
= system:kube-aggregator
ro ; core ; endpoints,services
= system:certificates.k8s.io:certificatesigningrequests:nodeclient
create ; certificates.k8s.io ; certificatesigningrequests/nodeclient
= system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
create ; certificates.k8s.io ; certificatesigningrequests/selfnodeclient
= system:certificates.k8s.io:kube-apiserver-client-approver
approve ; certificates.k8s.io ; signers ; kubernetes.io/kube-apiserver-client
= system:certificates.k8s.io:kube-apiserver-client-kubelet-approver
approve ; certificates.k8s.io ; signers ; kubernetes.io/kube-apiserver-client-kubelet
= system:certificates.k8s.io:kubelet-serving-approver
approve ; certificates.k8s.io ; signers ; kubernetes.io/kubelet-serving
= system:certificates.k8s.io:legacy-unknown-approver
approve ; certificates.k8s.io ; signers ; kubernetes.io/legacy-unknown
= system:kube-scheduler
create,patch,update ; core,events.k8s.io ; events
create ; coordination.k8s.io ; leases
get,list,update,watch ; coordination.k8s.io ; leases ; kube-scheduler
ro ; core ; nodes,namespaces
delete,get,list,watch ; core ; pods
create ; core ; bindings,pods/binding
patch,update ; core ; pods/status
ro ; core ; replicationcontrollers,services
ro ; apps ; replicasets,statefulsets
ro ; policy ; poddisruptionbudgets
ro ; core ; persistentvolumeclaims,persistentvolumes
ro ; scheduling.k8s.io ; priorityclasses
ro ; storage.k8s.io ; csidrivers,csinodes,csistoragecapacities,storageclasses,volumeattachments
create ; authentication.k8s.io ; tokenreviews
create ; authorization.k8s.io ; subjectaccessreviews
= system:kube-controller-manager
create,patch,update ; core,events.k8s.io ; events
create ; coordination.k8s.io ; leases
get,update ; coordination.k8s.io ; leases ; kube-controller-manager
create,update,get,delete ; core ; secrets
create,update,get ; core ; serviceaccounts
get ; core ; configmaps,namespaces
create ; core ; serviceaccounts/token
create ; authentication.k8s.io ; tokenreviews
create ; authorization.k8s.io ; subjectaccessreviews
list,watch ; * ; *
= system:controller:deployment-controller
get,list,update,watch ; apps ; deployments
update,patch ; apps ; deployments/status
update ; apps ; deployments/finalizers
create,delete,get,list,patch,update,watch ; apps ; replicasets
get,list,update,watch ; core ; pods
= system:controller:replicaset-controller
get,list,update,watch ; apps ; replicasets
update,patch ; apps ; replicasets/status
update ; apps ; replicasets/finalizers
create,delete,get,list,patch,update,watch ; core ; pods
= system:controller:replication-controller
get,list,update,watch ; core ; replicationcontrollers
update,patch ; core ; replicationcontrollers/status
update ; core ; replicationcontrollers/finalizers
create,delete,get,list,patch,update,watch ; core ; pods
= system:controller:statefulset-controller
ro ; apps ; statefulsets
update,patch ; apps ; statefulsets/status
update ; apps ; statefulsets/finalizers
create,delete,get,list,patch,update,watch ; core ; pods
create,delete,get,list,patch,update,watch ; apps ; controllerrevisions
create,get,list,watch,update,delete,patch ; core ; persistentvolumeclaims
= system:controller:daemon-set-controller
ro ; apps ; daemonsets
update,patch ; apps ; daemonsets/status
update ; apps ; daemonsets/finalizers
ro ; core ; nodes
create,delete,get,list,patch,update,watch ; core ; pods
create ; core ; pods/binding
create,delete,get,list,patch,update,watch ; apps ; controllerrevisions
= system:controller:job-controller
get,list,patch,update,watch ; batch ; jobs
update,patch ; batch ; jobs/status
update ; batch ; jobs/finalizers
create,delete,get,list,patch,update,watch ; core ; pods
patch,update ; core ; pods/status
= system:controller:cronjob-controller
get,list,update,watch ; batch ; cronjobs
update,patch ; batch ; cronjobs/status
update ; batch ; cronjobs/finalizers
create,delete,get,list,patch,update,watch ; batch ; jobs
delete,list ; core ; pods
= system:controller:endpointslice-controller
ro ; core ; services,pods,nodes
update ; core ; services/finalizers
create,delete,get,list,patch,update,watch ; discovery.k8s.io ; endpointslices
= system:controller:endpoint-controller
ro ; core ; services,pods
create,delete,get,list,patch,update,watch ; core ; endpoints
create ; core ; endpoints/restricted
= system:controller:endpointslicemirroring-controller
ro ; core ; services,endpoints
update ; core ; endpoints/finalizers,services/finalizers
create,delete,get,list,patch,update,watch ; discovery.k8s.io ; endpointslices
= system:controller:namespace-controller
delete,get,list,watch ; core ; namespaces
update ; core ; namespaces/finalize,namespaces/status
delete,deletecollection,get,list ; * ; *
= system:controller:generic-garbage-collector
delete,get,list,patch,update,watch ; * ; *
= system:controller:service-account-controller
create ; core ; serviceaccounts
= system:controller:root-ca-cert-publisher
create,update,patch ; core ; configmaps
= system:controller:node-controller
delete,get,list,patch,update ; core ; nodes
patch,update ; core ; nodes/status
patch,update ; core ; pods/status
delete,get,list ; core ; pods
ro ; coordination.k8s.io ; leases
= system:controller:pod-garbage-collector
delete,list,watch ; core ; pods
get,list ; core ; nodes
patch ; core ; pods/status
= system:controller:disruption-controller
ro ; apps ; deployments,replicasets,statefulsets
ro ; core ; replicationcontrollers,pods
get,list,watch ; policy ; poddisruptionbudgets
update,patch ; policy ; poddisruptionbudgets/status
patch,update ; core ; pods/status
get ; * ; */scale
= system:controller:ttl-after-finished-controller
delete,get,list,watch ; batch ; jobs
= system:controller:resourcequota-controller
list,watch ; * ; *
update ; core ; resourcequotas/status
= system:controller:horizontal-pod-autoscaler
ro ; autoscaling ; horizontalpodautoscalers
update ; autoscaling ; horizontalpodautoscalers/status
get,update ; * ; */scale
list ; core ; pods
= system:controller:persistent-volume-binder
create,delete,get,list,update,patch,watch ; core ; persistentvolumes
update,patch ; core ; persistentvolumes/status,persistentvolumeclaims/status
get,list,update,patch,watch ; core ; persistentvolumeclaims
ro ; storage.k8s.io ; storageclasses
= system:controller:ephemeral-volume-controller
ro ; core ; pods
update ; core ; pods/finalizers
create,get,list,watch ; core ; persistentvolumeclaims
= system:controller:local-volume-provisioner
update,delete ; core ; nodes/proxy
create,delete,get,list,patch,watch ; core ; persistentvolumes
get,list,patch,watch ; core ; persistentvolumeclaims
= system:controller:pv-protection-controller
get,list,update,watch ; core ; persistentvolumes
= system:controller:pvc-protection-controller
get,list,update,watch ; core ; persistentvolumeclaims
= system:controller:clusterrole-aggregation-controller
escalate,get,list,patch,update,watch ; rbac.authorization.k8s.io ; clusterroles
= system:controller:certificate-controller
delete,get,list,watch ; certificates.k8s.io ; certificatesigningrequests
update ; certificates.k8s.io ; certificatesigningrequests/approval,certificatesigningrequests/status
approve ; certificates.k8s.io ; signers ; kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving
sign ; certificates.k8s.io ; signers ; kubernetes.io/kube-apiserver-client,kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown
";

/// Roles that only gather others: name, label of what they gather, label by which they are gathered.
const AGGREGATED: [(&str, &str, &str); 3] =
    [("admin", "admin", ""), ("edit", "edit", "admin"), ("view", "view", "edit")];

/// ClusterRoleBindings: name, role, kind and name of the subjects (`u:`, `g:`).
const BINDINGS: [(&str, &str, &[&str]); 17] = [
    ("cluster-admin", "cluster-admin", &["g:system:masters"]),
    ("system:discovery", "system:discovery", &["g:system:authenticated"]),
    ("system:basic-user", "system:basic-user", &["g:system:authenticated"]),
    (
        "system:public-info-viewer",
        "system:public-info-viewer",
        &["g:system:authenticated", "g:system:unauthenticated"],
    ),
    ("system:monitoring", "system:monitoring", &["g:system:monitoring"]),
    (
        "system:service-account-issuer-discovery",
        "system:service-account-issuer-discovery",
        &["g:system:serviceaccounts"],
    ),
    ("system:node-proxier", "system:node-proxier", &["u:system:kube-proxy"]),
    ("system:kube-dns", "system:kube-dns", &["u:system:dns"]),
    ("system:kube-scheduler", "system:kube-scheduler", &["u:system:kube-scheduler"]),
    ("system:volume-scheduler", "system:volume-scheduler", &["u:system:kube-scheduler"]),
    (
        "system:kube-controller-manager",
        "system:kube-controller-manager",
        &["u:system:kube-controller-manager"],
    ),
    (
        "system:cluster-trust-bundle-discovery",
        "system:cluster-trust-bundle-discovery",
        &["g:system:serviceaccounts"],
    ),
    ("system:node", "system:node", &[]),
    // How a machine becomes a node: with a bootstrap token it asks for a certificate, and renews it as the node.
    ("launchway:node-bootstrap", "system:node-bootstrapper", &["g:system:bootstrappers"]),
    (
        "launchway:node-autoapprove-bootstrap",
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        &["g:system:bootstrappers"],
    ),
    (
        "launchway:node-autoapprove-renewal",
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        &["g:system:nodes"],
    ),
    ("kube-apiserver-kubelet-client", "system:kubelet-api-admin", &["u:kube-apiserver-kubelet-client"]),
];

const GROUP: &str = "rbac.authorization.k8s.io";

/// All default roles and bindings, without metadata that a server adds.
pub(super) fn objects() -> Vec<Value> {
    let roles = roles();
    let controllers: Vec<String> = roles
        .iter()
        .map(|role| objects::meta::name(role).to_owned())
        .filter(|name| name.starts_with("system:controller:"))
        .collect();
    let mut found: Vec<Value> = roles;
    found.extend(AGGREGATED.iter().map(|(name, of, to)| gathered(name, of, to, &found)).collect::<Vec<_>>());
    found.extend(BINDINGS.iter().map(|(name, role, subjects)| binding(name, role, subjects)));
    // Upstream's controllers are service accounts of kube-system; ours share one user.
    found.extend(controllers.iter().map(|name| binding(name, name, &["u:system:kube-controller-manager"])));
    found
}

fn roles() -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for line in ROLES.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("= ") {
            found.push(object("ClusterRole", name, json!({"rules": []})));
        } else if let Some(role) = found.last_mut() {
            match line.strip_prefix("+ ") {
                Some(label) => label_for(role, label),
                None => {
                    if let Some(rules) = role["rules"].as_array_mut() {
                        rules.push(rule(line));
                    }
                }
            }
        }
    }
    found
}

fn object(kind: &str, name: &str, rest: Value) -> Value {
    let mut object = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": kind,
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
    });
    if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
        object.extend(rest);
    }
    object
}

fn label_for(role: &mut Value, label: &str) {
    if let Some(labels) = role.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.insert(format!("{GROUP}/aggregate-to-{label}"), "true".into());
    }
}

fn rule(line: &str) -> Value {
    let parts: Vec<&str> = line.split(" ; ").collect();
    let list =
        |at: usize| -> Vec<&str> { parts.get(at).map(|part| part.split(',').collect()).unwrap_or_default() };
    let verbs = match parts[0] {
        "rw" => vec!["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        "ro" => vec!["get", "list", "watch"],
        "write" => vec!["create", "delete", "deletecollection", "patch", "update"],
        _ => list(0),
    };
    if list(1) == ["url"] {
        return json!({"verbs": verbs, "nonResourceURLs": list(2)});
    }
    let groups: Vec<&str> =
        list(1).into_iter().map(|group| if group == "core" { "" } else { group }).collect();
    let mut rule = json!({"verbs": verbs, "apiGroups": groups, "resources": list(2)});
    if parts.len() > 3 {
        rule["resourceNames"] = json!(list(3));
    }
    rule
}

fn gathered(name: &str, of: &str, to: &str, roles: &[Value]) -> Value {
    // What gathers edit gathers view too, and what gathers admin gathers all three.
    let labels: &[&str] = match of {
        "admin" => &["admin", "edit", "view"],
        "edit" => &["edit", "view"],
        _ => &["view"],
    };
    let parts = labels.iter().map(|label| format!("system:aggregate-to-{label}"));
    let rules: Vec<Value> = parts
        .filter_map(|part| roles.iter().find(|role| objects::meta::name(role) == part))
        .flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default())
        .collect();
    let selector = json!({"matchLabels": {format!("{GROUP}/aggregate-to-{of}"): "true"}});
    let mut role = object(
        "ClusterRole",
        name,
        json!({"rules": rules, "aggregationRule": {"clusterRoleSelectors": [selector]}}),
    );
    if !to.is_empty() {
        label_for(&mut role, to);
    }
    role
}

fn binding(name: &str, role: &str, subjects: &[&str]) -> Value {
    let subjects: Vec<Value> = subjects
        .iter()
        .map(|subject| {
            let (kind, name) = subject.split_at(2);
            json!({"kind": if kind == "u:" { "User" } else { "Group" }, "name": name, "apiGroup": GROUP})
        })
        .collect();
    let mut rest = json!({"roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role}});
    if !subjects.is_empty() {
        rest["subjects"] = json!(subjects);
    }
    object("ClusterRoleBinding", name, rest)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_binding_has_its_role_and_every_name_is_unique() {
        let objects = objects();
        let names = |kind: &str| -> Vec<&str> {
            objects.iter().filter(|one| objects::meta::kind(one) == kind).map(objects::meta::name).collect()
        };
        let roles = names("ClusterRole");
        assert_eq!(roles.iter().collect::<BTreeSet<_>>().len(), roles.len());
        let bindings = names("ClusterRoleBinding");
        assert_eq!(bindings.iter().collect::<BTreeSet<_>>().len(), bindings.len());
        for object in objects.iter().filter(|one| one.get("roleRef").is_some()) {
            assert!(roles.contains(&object["roleRef"]["name"].as_str().unwrap()), "{object}");
        }
    }

    #[test]
    fn every_resource_rule_names_a_resource_that_is_served() {
        let mut unknown = Vec::new();
        for object in objects() {
            for rule in object["rules"].as_array().into_iter().flatten() {
                let list = |key: &str| rule[key].as_array().cloned().unwrap_or_default();
                for resource in list("resources") {
                    let resource = resource.as_str().unwrap();
                    let base = resource.split('/').next().unwrap();
                    let special = ["*", "signers", "bindings", "endpoints"].contains(&base) || base == "*";
                    let known = |group: &Value| {
                        objects::registry::all()
                            .iter()
                            .any(|kind| kind.plural == base && kind.group == group.as_str().unwrap())
                    };
                    // A group of the past that upstream still names.
                    let past = list("apiGroups").iter().any(|group| group == "extensions");
                    if !special && !past && !list("apiGroups").iter().any(known) {
                        unknown.push(format!("{} {rule}", objects::meta::name(&object)));
                    }
                }
            }
        }
        assert_eq!(unknown, Vec::<String>::new());
    }

    #[test]
    fn only_masters_and_controllers_reach_everything() {
        let wide: Vec<String> = objects()
            .iter()
            .filter(|one| {
                one["rules"].as_array().is_some_and(|rules| {
                    rules.iter().any(|rule| {
                        rule["resources"].as_array().is_some_and(|list| list.contains(&json!("*")))
                    })
                })
            })
            .map(|one| objects::meta::name(one).to_owned())
            .collect();
        assert_eq!(
            wide,
            [
                "cluster-admin",
                "system:kube-controller-manager",
                "system:controller:namespace-controller",
                "system:controller:generic-garbage-collector",
                "system:controller:resourcequota-controller",
            ]
        );
    }
}
