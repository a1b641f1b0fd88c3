//! Changing the limits of a running pod and its containers.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ResourceRequirements;
use runtime::Resources;

use super::Outcome;
use crate::context::Context;
use crate::pod::resize::{grown, shrinks_memory};

/// One running container and what its limits become.
pub(crate) struct Change {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) from: Resources,
    pub(crate) to: Resources,
    /// The same as the API has it.
    pub(crate) wanted: ResourceRequirements,
}

/// A resize that was carried out.
pub(crate) struct Resized {
    /// Limits of the pod as a whole.
    pub(crate) limits: Resources,
    pub(crate) changes: Vec<Change>,
}

/// Changes limits so that those of the pod are never below those of a container: a pod grows before its containers
/// and shrinks after them, and among those, decreases come first.
pub(crate) async fn resize(
    ctx: Arc<Context>,
    uid: String,
    from: Resources,
    to: Resources,
    mut changes: Vec<Change>,
) -> Outcome {
    changes.sort_by_key(|change| change.to.memory_limit >= change.from.memory_limit);
    let done = apply(&ctx, &uid, &from, &to, &changes).await;
    Outcome::Resized(done.map(|()| Resized { limits: to, changes }))
}

async fn apply(
    ctx: &Context,
    uid: &str,
    from: &Resources,
    to: &Resources,
    changes: &[Change],
) -> Result<(), String> {
    room(ctx, uid, from, to, changes)?;
    let pod = |limits: &Resources| ctx.engine.update_sandbox(uid, limits).map_err(|e| e.to_string());
    pod(&grown(from, to))?;
    for change in changes {
        let updated = ctx.engine.update_resources(uid, &change.id, &change.to).await;
        updated.map_err(|e| format!("container \"{}\": {e}", change.name))?;
    }
    pod(to)
}

/// Refuses limits below what is used at this moment, before anything is changed.
fn room(
    ctx: &Context,
    uid: &str,
    from: &Resources,
    to: &Resources,
    changes: &[Change],
) -> Result<(), String> {
    let mut reasons = Vec::new();
    let mut look = |whose: String, id: Option<&str>, from: &Resources, to: &Resources| {
        if let (true, Some(limit), Ok(stats)) =
            (shrinks_memory(from, to), to.memory_limit, ctx.engine.stats(uid, id))
            && stats.memory_usage >= limit
        {
            let used = stats.memory_usage;
            reasons.push(format!(
                "attempting to set {whose} memory limit ({limit}) below current usage ({used})"
            ));
        }
    };
    look("pod".to_owned(), None, from, to);
    for change in changes {
        look(format!("container \"{}\"", change.name), Some(&change.id), &change.from, &change.to);
    }
    match reasons.as_slice() {
        [] => Ok(()),
        [one] => Err(format!("cannot decrease memory limits: {one}")),
        many => Err(format!("cannot decrease memory limits: [{}]", many.join(", "))),
    }
}
