//! Claims and volumes, as far as placing depends on them.
//!
//! [`matching`] says which volume suits a claim; the binder among the controllers asks the same functions.
//! [`VolumeState`] is what the scheduler knows, [`VolumeState::plan`] what a pod's claims need on a node, and `bind`
//! writes that before the pod is bound. Not here: making volumes, and binding claims that wait for no pod.

mod bind;
pub mod matching;
mod plan;
mod state;

pub(crate) use bind::{BindError, Binder};
pub(crate) use plan::PodVolumes;
pub use plan::{Conflict, Step};
pub use state::{PodClaim, VolumeState, claims_of};
