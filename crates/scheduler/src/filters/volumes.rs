//! Can the pod have its volumes there: claims that are bound elsewhere, that find no volume, or that are not ready.

use super::Reason;
use crate::{
    snapshot::{NodeInfo, PodInfo, Snapshot},
    volumes::{Conflict, PodVolumes},
};

/// The pod's claims, looked up once.
pub(super) struct Volumes<'a> {
    snapshot: &'a Snapshot,
    found: Result<PodVolumes, String>,
}

impl<'a> Volumes<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, pod: &PodInfo) -> Self {
        let none = pod.claims.is_empty();
        let found = if none { Ok(PodVolumes::default()) } else { PodVolumes::of(snapshot, pod) };
        Self { snapshot, found }
    }

    /// What keeps the pod from every node alike; asked before anything else.
    pub(super) fn anywhere(&self) -> Result<(), Reason> {
        self.found.as_ref().map(drop).map_err(|why| Reason::Claims(why.clone()))
    }

    pub(super) fn check(&self, node: &NodeInfo) -> Result<(), Reason> {
        let Ok(found) = &self.found else { return Ok(()) };
        if found.in_use {
            return Err(Reason::ClaimInUse);
        }
        found.plan(self.snapshot.volumes(), &node.node).map(drop).map_err(|conflict| match conflict {
            Conflict::Node => Reason::VolumeNode,
            Conflict::None => Reason::NoVolume,
            Conflict::Gone => Reason::VolumeGone,
        })
    }
}
