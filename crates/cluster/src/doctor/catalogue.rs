//! What each component is there for: what its users lose without it, what they keep, how it is mended. Each sentence
//! is a test of its own in `tests/tests/parts.rs`.

/// What there is to know about a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its name among the components.
    pub name: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What stops for users while it does not run.
    pub breaks: &'static str,
    /// What goes on.
    pub keeps: &'static str,
}

/// Every component of a cluster, in the order in which they depend on each other.
pub const PARTS: [Part; 11] = [
    Part {
        name: "store",
        does: "keeps the state of the cluster on disk",
        breaks: "nothing can be created, changed, deleted or read: kubectl and `launchway up` are refused",
        keeps: "pods, their traffic, Services and names; containers that end are started again",
    },
    Part {
        name: "apiserver",
        does: "answers kubectl and every other component",
        breaks: "kubectl and `launchway up` cannot connect; no new pods, no rollouts, no scaling",
        keeps: "pods, their traffic, Services and names; containers that end are started again",
    },
    Part {
        name: "certificates",
        does: "renews the cluster's certificates before they expire",
        breaks: "nothing, until a certificate expires; then its owner is not believed any more",
        keeps: "everything",
    },
    Part {
        name: "controllers",
        does: "make pods for Deployments, Jobs and sets, and publish ready pods to Services",
        breaks: "Deployments, Jobs and sets make and remove no pods; a pod that is no longer ready goes on getting \
                 requests; namespaces are not emptied",
        keeps: "pods and their traffic; pods created by hand are placed and started; kubectl works",
    },
    Part {
        name: "scheduler",
        does: "gives each new pod a node",
        breaks: "new pods stay Pending",
        keeps: "pods that have a node, their restarts and their traffic; scaling down; kubectl works",
    },
    Part {
        name: "runtime",
        does: "makes and ends containers",
        breaks: "no container starts or stops; kubectl exec, attach and port-forward fail",
        keeps: "containers that run, their traffic and their logs; exit codes are kept for later",
    },
    Part {
        name: "kubelet",
        does: "runs the pods of this node, their probes and volumes",
        breaks: "new pods wait in Pending with a node; containers that end stay ended; probes rest; kubectl logs, exec, attach \
                 and port-forward fail; after a while the node is NotReady",
        keeps: "containers that run, their traffic and their logs; Services and names",
    },
    Part {
        name: "proxy",
        does: "turns Services into rules of the kernel",
        breaks: "new Services do not answer, and changes of endpoints are not followed",
        keeps: "Services as they were, existing connections, names, pods by their addresses",
    },
    Part {
        name: "dns",
        does: "answers pods' questions for names",
        breaks: "names do not resolve in pods",
        keeps: "everything that is reached by address: Services, pods, connections that are open",
    },
    Part {
        name: "links",
        does: "leads the way to the pods of other nodes",
        breaks: "pods of nodes that join are not reached",
        keeps: "the ways to the nodes that were there; everything on this node",
    },
    Part {
        name: "policy",
        does: "turns NetworkPolicies into rules of the kernel",
        breaks: "new and changed NetworkPolicies are not enforced",
        keeps: "policies as they were, for the pods that were there; all other traffic",
    },
];

/// A further node on this machine.
pub const NODE: Part = Part {
    name: "node",
    does: "runs pods as a node of its own",
    breaks: "no pod of that node is started, restarted or probed; after a while it is NotReady and its pods are made anew \
             elsewhere",
    keeps: "its containers that run, until then; the other nodes",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = PARTS.iter().map(|part| part.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PARTS.len());
    }
}
