//! Admission: checks and changes across kinds between decoding and validation (namespace lifecycle, service
//! account, limits). Runs for writes only, after authorization, once per attempt of a write.

use crate::status::Status;
use crate::strategy::Ctx;
use serde_json::Value;

/// The kind of write that is to be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A new object.
    Create,
    /// A changed object.
    Update,
    /// A deletion; the object is the one that would go.
    Delete,
}

/// Admits or refuses a write and may change the object. `object` is new (create, update) or the one to be
/// deleted; `old` is there for updates. Kind, subresource, user, namespace and name are in `ctx`.
pub(crate) async fn admit(
    _ctx: &Ctx<'_>,
    _operation: Operation,
    _object: &mut Value,
    _old: Option<&Value>,
) -> Result<(), Status> {
    Ok(())
}
