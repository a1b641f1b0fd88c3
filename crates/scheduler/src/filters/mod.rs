//! The conditions that a node must meet for a pod, one file each.
//!
//! Every filter is a pure question about a [`NodeInfo`]; what depends on the whole cluster (affinity to
//! other pods, spreading) is worked out once per pod in [`Filters::new`].

pub mod fit;
mod interpod;
mod node;
mod ports;
pub(crate) mod spread;
pub mod taints;
mod volumes;

use std::fmt;

use crate::snapshot::{NodeInfo, PodInfo, Snapshot};

/// Why a node cannot take a pod. The text is what `kubectl describe pod` shows, counted over nodes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The node is cordoned.
    Cordoned,
    /// The pod names another node.
    OtherNode,
    /// `nodeSelector` or required node affinity does not match.
    NodeAffinity,
    /// A taint that the pod does not tolerate.
    Taint {
        /// Its key.
        key: String,
        /// Its value, often empty.
        value: String,
    },
    /// Not enough of a resource.
    Insufficient(String),
    /// The node's pod limit is reached.
    TooManyPods,
    /// A host port is taken.
    Ports,
    /// Pods that must be near are not.
    Affinity,
    /// Pods that must not be near are.
    AntiAffinity,
    /// A pod on the node is against this one.
    ExistingAntiAffinity,
    /// Placing it here would make the spread too uneven.
    Spread,
    /// The node lacks the label that pods are to be spread by.
    SpreadLabel,
    /// The pod's claims are not ready for it, on whatever node; the text says why.
    Claims(String),
    /// A volume of the pod cannot be reached from there.
    VolumeNode,
    /// No volume suits a claim of the pod there, and none can be made.
    NoVolume,
    /// A claim is bound to a volume that does not exist.
    VolumeGone,
    /// A claim for one pod alone is in use by another.
    ClaimInUse,
}

impl Reason {
    /// Whether removing pods from the node could help.
    #[must_use]
    pub fn preemptible(&self) -> bool {
        match self {
            Reason::Cordoned
            | Reason::OtherNode
            | Reason::NodeAffinity
            | Reason::Taint { .. }
            | Reason::Affinity
            | Reason::SpreadLabel
            | Reason::Claims(_)
            | Reason::VolumeNode
            | Reason::NoVolume
            | Reason::VolumeGone => false,
            Reason::Insufficient(_)
            | Reason::TooManyPods
            | Reason::Ports
            | Reason::AntiAffinity
            | Reason::ExistingAntiAffinity
            | Reason::Spread
            | Reason::ClaimInUse => true,
        }
    }

    /// Whether a change of a claim, a volume or a class could make it go away.
    #[must_use]
    pub(crate) fn is_about_volumes(&self) -> bool {
        matches!(
            self,
            Reason::Claims(_)
                | Reason::VolumeNode
                | Reason::NoVolume
                | Reason::VolumeGone
                | Reason::ClaimInUse
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Cordoned => f.write_str("node(s) were unschedulable"),
            Reason::OtherNode => f.write_str("node(s) didn't match the requested node name"),
            Reason::NodeAffinity => f.write_str("node(s) didn't match Pod's node affinity/selector"),
            Reason::Taint { key, value } => write!(f, "node(s) had untolerated taint {{{key}: {value}}}"),
            Reason::Insufficient(name) => write!(f, "Insufficient {name}"),
            Reason::TooManyPods => f.write_str("Too many pods"),
            Reason::Ports => f.write_str("node(s) didn't have free ports for the requested pod ports"),
            Reason::Affinity => f.write_str("node(s) didn't match pod affinity rules"),
            Reason::AntiAffinity => f.write_str("node(s) didn't match pod anti-affinity rules"),
            Reason::ExistingAntiAffinity => {
                f.write_str("node(s) didn't satisfy existing pods anti-affinity rules")
            }
            Reason::Spread => f.write_str("node(s) didn't match pod topology spread constraints"),
            Reason::SpreadLabel => {
                f.write_str("node(s) didn't match pod topology spread constraints (missing required label)")
            }
            Reason::Claims(why) => f.write_str(why),
            Reason::VolumeNode => f.write_str("node(s) didn't match PersistentVolume's node affinity"),
            Reason::NoVolume => f.write_str("node(s) didn't find available persistent volumes to bind"),
            Reason::VolumeGone => {
                f.write_str("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)")
            }
            Reason::ClaimInUse => f.write_str(
                "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
            ),
        }
    }
}

/// All filters, prepared for one pod and one snapshot.
pub struct Filters<'a> {
    pod: &'a PodInfo,
    interpod: interpod::InterPod,
    spread: spread::Spread,
    volumes: volumes::Volumes<'a>,
}

impl<'a> Filters<'a> {
    /// Works out what depends on the whole cluster.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, pod: &'a PodInfo) -> Self {
        Self {
            pod,
            interpod: interpod::InterPod::new(snapshot, pod),
            spread: spread::Spread::new(snapshot, pod),
            volumes: volumes::Volumes::new(snapshot, pod),
        }
    }

    /// Whether `node` can take the pod; if not, the reasons of the first filter that says no.
    ///
    /// # Errors
    /// Never empty.
    pub fn check(&self, node: &NodeInfo) -> Result<(), Vec<Reason>> {
        let one = |verdict: Result<(), Reason>| verdict.map_err(|reason| vec![reason]);
        one(self.volumes.anywhere())?;
        one(node::cordoned(self.pod, node))?;
        one(node::named(self.pod, node))?;
        one(taints::check(self.pod, node))?;
        one(node::affinity(self.pod, node))?;
        one(ports::check(self.pod, node))?;
        fit::check(self.pod, node)?;
        one(self.volumes.check(node))?;
        one(self.spread.check(node))?;
        one(self.interpod.check(node))
    }
}
