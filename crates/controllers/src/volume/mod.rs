//! Storage: claims get volumes, volumes are made, given back and protected.
//!
//! `binder` ties claims and volumes together and frees volumes whose claim is gone; what to do is worked out by
//! `plan`, which is pure. `local` is the embedded provisioner: it asks the kubelet of a node for a folder, by the
//! API server's way to kubelets, so that only that node ever touches it. `protection` keeps claims in use by a pod and
//! volumes bound to a claim from going; `ephemeral` makes the claims that pods carry as templates.
//!
//! Names of annotations, events and their texts are upstream's. Not here: choosing a volume by a pod's node, which is
//! the scheduler's part; mounting, which is the kubelet's.

mod binder;
mod ephemeral;
mod expand;
mod local;
mod plan;
mod protection;

pub(crate) use binder::run;
pub(crate) use ephemeral::run as run_ephemeral;
pub use local::PROVISIONER;
pub(crate) use protection::{run_claims as run_claim_protection, run_volumes as run_volume_protection};
