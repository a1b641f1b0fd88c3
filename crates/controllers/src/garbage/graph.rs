//! Who owns whom, over all kinds. Pure: observations in, things to look at out.
//!
//! An owner that only references speak of is kept as a rumour until it is seen or found to be absent; whether it
//! exists is then asked of the server, never guessed.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::shared::kinds::Kind;

pub(crate) type Uid = Arc<str>;

/// Finalizer of an owner that waits for its dependents.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Finalizer of an owner that lets its dependents stay.
pub(super) const ORPHAN: &str = "orphan";

/// So many UIDs of objects known to be gone are remembered; UIDs are never used twice.
const REMEMBERED: usize = 10_000;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: Arc<Kind>,
    pub(super) namespace: Option<Box<str>>,
    pub(super) name: Box<str>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    owners: Vec<Owner>,
    dependents: HashSet<Uid>,
    /// Known from references alone.
    pub(super) rumour: bool,
    pub(super) leaving: bool,
    /// Leaving, and waiting for dependents.
    pub(super) foreground: bool,
    orphaning: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    uid: Uid,
    blocks: bool,
}

/// Something that a worker should look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    /// May be garbage.
    Collect(Uid),
    /// Is leaving and wants its dependents to stay.
    Orphan(Uid),
}

/// What the graph says about an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is there.
    Present,
    /// It is leaving and waits for its dependents.
    Waiting,
    /// It is gone for certain.
    Absent,
    /// Ask the server.
    Unknown,
}

#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: HashMap<Uid, Node>,
    gone: HashSet<Uid>,
    gone_order: VecDeque<Uid>,
}

impl Graph {
    pub(super) fn node(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// The objects that name `uid` as owner.
    pub(super) fn dependents(&self, uid: &str) -> Vec<(Uid, &Node)> {
        let dependents = self.nodes.get(uid).into_iter().flat_map(|node| &node.dependents);
        dependents.filter_map(|uid| Some((uid.clone(), self.nodes.get(uid)?))).collect()
    }

    /// Dependents that must go before `uid` can.
    pub(super) fn blocking(&self, uid: &str) -> Vec<(Uid, &Node)> {
        let mut dependents = self.dependents(uid);
        dependents.retain(|(_, node)| node.owners.iter().any(|owner| &*owner.uid == uid && owner.blocks));
        dependents
    }

    /// How the owner named by `reference` stands towards an object in `namespace`.
    pub(super) fn standing(&self, reference: &OwnerReference, namespace: Option<&str>) -> Standing {
        if self.gone.contains(reference.uid.as_str()) {
            return Standing::Absent;
        }
        match self.nodes.get(reference.uid.as_str()) {
            None => Standing::Unknown,
            Some(owner) if owner.rumour => Standing::Unknown,
            // An owner in another namespace is no owner.
            Some(owner) if owner.place.kind.namespaced && owner.place.namespace.as_deref() != namespace => {
                Standing::Absent
            }
            Some(owner) if owner.place.kind.resource.kind != reference.kind => Standing::Unknown,
            Some(owner) if owner.foreground => Standing::Waiting,
            Some(_) => Standing::Present,
        }
    }

    /// An object is there, in this form. `kind_of` finds the kind that an owner reference speaks of.
    pub(super) fn seen(
        &mut self,
        kind: &Arc<Kind>,
        meta: &ObjectMeta,
        kind_of: impl Fn(&OwnerReference) -> Option<Arc<Kind>>,
    ) -> Vec<Task> {
        let Some(uid) = meta.uid.as_deref().map(Uid::from) else { return Vec::new() };
        let mut tasks = Vec::new();
        let place = Place {
            kind: kind.clone(),
            namespace: meta.namespace.as_deref().map(Into::into),
            name: meta.name.as_deref().unwrap_or_default().into(),
        };
        let references = meta.owner_references.as_deref().unwrap_or_default();
        let owners: Vec<_> = references
            .iter()
            .map(|owner| Owner {
                uid: owner.uid.as_str().into(),
                blocks: owner.block_owner_deletion == Some(true),
            })
            .collect();
        let node = self.nodes.entry(uid.clone()).or_insert_with(|| Node::new(place.clone(), true));
        if node.rumour && (node.place.namespace != place.namespace || node.place.kind != place.kind) {
            // Who spoke of it meant something else.
            tasks.extend(node.dependents.iter().cloned().map(Task::Collect));
        }
        node.place = place;
        node.rumour = false;
        let before = std::mem::replace(&mut node.owners, owners.clone());
        let finalizer = |name: &str| meta.finalizers.iter().flatten().any(|finalizer| finalizer == name);
        let leaving = meta.deletion_timestamp.is_some();
        let starts_foreground = leaving && finalizer(FOREGROUND) && !node.foreground;
        let starts_orphaning = leaving && finalizer(ORPHAN) && !node.orphaning;
        node.leaving = leaving;
        node.foreground = leaving && finalizer(FOREGROUND);
        node.orphaning = leaving && finalizer(ORPHAN);
        if starts_foreground {
            tasks.extend(node.dependents.iter().cloned().map(Task::Collect));
            tasks.push(Task::Collect(uid.clone()));
        }
        if starts_orphaning {
            tasks.push(Task::Orphan(uid.clone()));
        }
        for lost in before.iter().filter(|old| !owners.contains(old)) {
            self.detach(&uid, &lost.uid, !owners.iter().any(|owner| owner.uid == lost.uid), &mut tasks);
        }
        for (owner, reference) in owners.iter().zip(references).filter(|(owner, _)| !before.contains(owner)) {
            self.attach(&uid, meta.namespace.as_deref(), owner, kind_of(reference), reference, &mut tasks);
        }
        tasks
    }

    fn attach(
        &mut self,
        uid: &Uid,
        namespace: Option<&str>,
        owner: &Owner,
        kind: Option<Arc<Kind>>,
        reference: &OwnerReference,
        tasks: &mut Vec<Task>,
    ) {
        if self.gone.contains(&owner.uid) {
            tasks.push(Task::Collect(uid.clone()));
            return;
        }
        if let Some(known) = self.nodes.get_mut(&owner.uid) {
            let new = known.dependents.insert(uid.clone());
            let foreign = known.place.kind.namespaced && known.place.namespace.as_deref() != namespace;
            if new && (known.foreground || foreign) {
                tasks.push(Task::Collect(uid.clone()));
            }
            return;
        }
        // A kind that the server does not know can not be asked for; such an owner is taken for present.
        let Some(kind) = kind else { return };
        let place = Place {
            namespace: namespace.filter(|_| kind.namespaced).map(Into::into),
            name: reference.name.as_str().into(),
            kind,
        };
        let mut rumour = Node::new(place, true);
        rumour.dependents.insert(uid.clone());
        self.nodes.insert(owner.uid.clone(), rumour);
        tasks.push(Task::Collect(owner.uid.clone()));
    }

    /// `uid` no longer names `owner`, or no longer blocks it.
    fn detach(&mut self, uid: &Uid, owner: &Uid, entirely: bool, tasks: &mut Vec<Task>) {
        let Some(node) = self.nodes.get_mut(owner) else { return };
        if entirely {
            node.dependents.remove(uid);
        }
        if node.foreground {
            tasks.push(Task::Collect(owner.clone()));
        }
        if node.rumour && node.dependents.is_empty() {
            self.nodes.remove(owner);
        }
    }

    /// An object is gone (or a rumour was wrong).
    pub(super) fn gone(&mut self, uid: &str) -> Vec<Task> {
        let uid = Uid::from(uid);
        if self.gone.insert(uid.clone()) {
            self.gone_order.push_back(uid.clone());
        }
        if self.gone_order.len() > REMEMBERED
            && let Some(oldest) = self.gone_order.pop_front()
        {
            self.gone.remove(&oldest);
        }
        let Some(node) = self.nodes.remove(&uid) else { return Vec::new() };
        let mut tasks = Vec::new();
        for owner in &node.owners {
            self.detach(&uid, &owner.uid, true, &mut tasks);
        }
        tasks.extend(node.dependents.into_iter().map(Task::Collect));
        tasks
    }

    /// After a complete list of `kind`: what it did not name is gone. Returns the namespaces as well.
    pub(super) fn only(&mut self, kind: &Kind, listed: &HashSet<Uid>) -> (Vec<Task>, Vec<Option<Box<str>>>) {
        let missing: Vec<_> = self
            .nodes
            .iter()
            .filter(|(uid, node)| !node.rumour && *node.place.kind == *kind && !listed.contains(*uid))
            .map(|(uid, node)| (uid.clone(), node.place.namespace.clone()))
            .collect();
        let namespaces = missing.iter().map(|(_, namespace)| namespace.clone()).collect();
        (missing.iter().flat_map(|(uid, _)| self.gone(uid)).collect(), namespaces)
    }
}

impl Node {
    fn new(place: Place, rumour: bool) -> Self {
        Self {
            place,
            owners: Vec::new(),
            dependents: HashSet::new(),
            rumour,
            leaving: false,
            foreground: false,
            orphaning: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::ApiResource;
    use serde_json::json;

    use super::*;

    fn kind() -> Arc<Kind> {
        Arc::new(Kind {
            resource: ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&()),
            namespaced: true,
            collective: true,
        })
    }

    fn meta(uid: &str, namespace: &str, owners: &[(&str, bool)], finalizer: Option<&str>) -> ObjectMeta {
        let owners: Vec<_> = owners
            .iter()
            .map(|(uid, blocks)| json!({"uid": uid, "name": uid, "kind": "Pod", "apiVersion": "v1", "blockOwnerDeletion": blocks}))
            .collect();
        let mut meta = json!({"uid": uid, "name": uid, "namespace": namespace, "ownerReferences": owners});
        if let Some(finalizer) = finalizer {
            meta["finalizers"] = json!([finalizer]);
            meta["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        serde_json::from_value(meta).unwrap()
    }

    fn see(graph: &mut Graph, meta: &ObjectMeta) -> Vec<String> {
        named(graph.seen(&kind(), meta, |_| Some(kind())))
    }

    fn named(tasks: Vec<Task>) -> Vec<String> {
        let mut names: Vec<_> = tasks
            .into_iter()
            .map(|task| match task {
                Task::Collect(uid) => format!("collect {uid}"),
                Task::Orphan(uid) => format!("orphan {uid}"),
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn dependents_of_what_is_gone_are_looked_at() {
        let mut graph = Graph::default();
        assert!(see(&mut graph, &meta("a", "n", &[], None)).is_empty());
        assert!(see(&mut graph, &meta("b", "n", &[("a", false)], None)).is_empty());
        assert_eq!(named(graph.gone("a")), ["collect b"]);
        assert_eq!(
            see(&mut graph, &meta("c", "n", &[("a", false)], None)),
            ["collect c"],
            "a is known to be gone"
        );
    }

    #[test]
    fn an_owner_never_seen_is_asked_for() {
        let mut graph = Graph::default();
        assert_eq!(see(&mut graph, &meta("b", "n", &[("a", false)], None)), ["collect a"]);
        assert!(graph.node("a").unwrap().rumour);
        let reference = meta("b", "n", &[("a", false)], None).owner_references.unwrap().remove(0);
        assert_eq!(graph.standing(&reference, Some("n")), Standing::Unknown);
        assert!(see(&mut graph, &meta("a", "n", &[], None)).is_empty(), "it came late, as it may");
        assert_eq!(graph.standing(&reference, Some("n")), Standing::Present);
        assert_eq!(graph.standing(&reference, Some("other")), Standing::Absent);
        assert_eq!(named(graph.gone("a")), ["collect b"]);
    }

    #[test]
    fn an_owner_in_another_namespace_is_none() {
        let mut graph = Graph::default();
        see(&mut graph, &meta("b", "n", &[("a", false)], None));
        assert_eq!(see(&mut graph, &meta("a", "elsewhere", &[], None)), ["collect b"]);
        assert_eq!(see(&mut graph, &meta("c", "n", &[("a", false)], None)), ["collect c"]);
    }

    #[test]
    fn foreground_deletion_waits_for_those_that_block() {
        let mut graph = Graph::default();
        see(&mut graph, &meta("a", "n", &[], None));
        see(&mut graph, &meta("b", "n", &[("a", true)], None));
        see(&mut graph, &meta("c", "n", &[("a", false)], None));
        assert_eq!(
            see(&mut graph, &meta("a", "n", &[], Some(FOREGROUND))),
            ["collect a", "collect b", "collect c"]
        );
        assert_eq!(graph.blocking("a").len(), 1);
        assert!(see(&mut graph, &meta("a", "n", &[], Some(FOREGROUND))).is_empty(), "told once");
        assert_eq!(
            see(&mut graph, &meta("b", "n", &[("a", false)], None)),
            ["collect a"],
            "no longer blocks"
        );
        assert!(graph.blocking("a").is_empty());
        assert_eq!(graph.dependents("a").len(), 2);
        assert_eq!(named(graph.gone("c")), ["collect a"]);
    }

    #[test]
    fn orphans_are_set_free_and_a_list_reveals_what_is_missing() {
        let mut graph = Graph::default();
        see(&mut graph, &meta("a", "n", &[], None));
        see(&mut graph, &meta("b", "n", &[("a", true)], None));
        assert_eq!(see(&mut graph, &meta("a", "n", &[], Some(ORPHAN))), ["orphan a"]);
        let (tasks, namespaces) = graph.only(&kind(), &HashSet::from([Uid::from("b")]));
        assert_eq!((named(tasks), namespaces), (vec!["collect b".into()], vec![Some("n".into())]));
    }
}
