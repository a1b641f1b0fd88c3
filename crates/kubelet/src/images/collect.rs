//! Which images the node uses, and the collection of others when its disk is full.
//!
//! Upstream's rules: from `high_percent` of disk usage on, images that no container uses and that are known for
//! `minimum_age_seconds` are removed, the longest unused first, until `low_percent` would be reached; unlike upstream never while
//! `enough_bytes` are free. Looked at when
//! names in the store change, when the pods' images change, and every five minutes for a disk that others fill.
//! What is used is written into the store, for those who remove images by hand.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::Informer;
use image::{ContentStore, Digest};
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use registry::{Collection, Settings};

use super::access::Access;
use super::{blocking, digest_of};
use crate::context::Context;
use crate::spec::container::IMAGE_ID_LABEL;

/// How often the disk is looked at.
const PERIOD: Duration = Duration::from_secs(300);
/// Changes of pods come in groups.
const SETTLE: Duration = Duration::from_millis(100);

/// When to look again at pods that are being ended.
const ENDING: Duration = Duration::from_secs(1);

/// What is known of an image.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// `None`: it was there when the node started.
    first: Option<Instant>,
    used: Option<Instant>,
}

/// An image that may go.
#[derive(Debug, Clone)]
struct Candidate {
    digest: Digest,
    size: u64,
    seen: Seen,
}

/// Names of images, and IDs of images that containers have.
type Uses = BTreeSet<String>;

/// Keeps the store's word about what this node uses, and its disk below its limits. Never ends.
pub(crate) async fn collect(ctx: Arc<Context>, pods: Informer<Pod>, node: String) {
    let mut names = ctx.images.changes();
    let mut changes = pods.subscribe();
    let mut timer = tokio::time::interval(PERIOD);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut seen: HashMap<Digest, Seen> = HashMap::new();
    let mut before: Option<Uses> = None;
    let mut ending = false;
    pods.synced().await;
    loop {
        let disk = tokio::select! {
            _ = timer.tick() => true,
            // Nobody tells when the last of a pod is gone.
            () = tokio::time::sleep(ENDING), if ending => false,
            moved = names.changed() => {
                if moved.is_err() {
                    return;
                }
                true
            }
            change = changes.recv() => {
                if change.is_none() {
                    return;
                }
                tokio::time::sleep(SETTLE).await;
                while changes.try_recv().is_ok() {}
                false
            }
        };
        let uses = uses(&ctx, &pods);
        ending = is_ending(&ctx, &pods);
        if !disk && before.as_ref() == Some(&uses) {
            continue;
        }
        let first = before.is_none();
        before = Some(uses.clone());
        let (store, home, images) = (ctx.images.store().clone(), ctx.home.clone(), uses);
        let written = blocking(move || {
            let used = resolve(&store, &images)?;
            store.set_uses(&home, &used)?;
            Ok(())
        });
        if let Err(error) = written.await {
            tracing::warn!(%error, "the images in use are not written down; nothing is collected");
            continue;
        }
        if let Err(error) = look(&ctx, &node, &mut seen, first, disk).await {
            tracing::warn!(%error, "unused images are not collected");
        }
    }
}

/// Whether something is left of a pod that the API no longer has.
fn is_ending(ctx: &Context, pods: &Informer<Pod>) -> bool {
    let known = pods.list();
    let of_api = |uid: &str| known.iter().any(|pod| pod.metadata.uid.as_deref() == Some(uid));
    ctx.engine.sandboxes().iter().any(|sandbox| !of_api(&sandbox.uid))
}

fn uses(ctx: &Context, pods: &Informer<Pod>) -> Uses {
    let mut uses = Uses::new();
    for sandbox in ctx.engine.sandboxes() {
        let ids = sandbox.containers.into_iter().filter_map(|mut c| c.labels.remove(IMAGE_ID_LABEL));
        uses.extend(ids);
    }
    for pod in pods.list() {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            continue;
        }
        let Some(spec) = &pod.spec else { continue };
        let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
        uses.extend(containers.filter_map(|container| container.image.clone()));
        let ephemeral = spec.ephemeral_containers.iter().flatten();
        uses.extend(ephemeral.filter_map(|container| container.image.clone()));
        let volumes = spec.volumes.iter().flatten().filter_map(|volume| volume.image.as_ref());
        uses.extend(volumes.filter_map(|image| image.reference.clone()));
    }
    uses
}

fn resolve(store: &ContentStore, uses: &Uses) -> Result<BTreeSet<Digest>, image::Error> {
    let mut used = BTreeSet::new();
    for name in uses {
        match digest_of(name) {
            Some(digest) => {
                used.insert(digest);
            }
            // A name that makes no sense names no image.
            None => used.extend(store.resolve(name).ok().flatten().map(|image| image.target)),
        }
    }
    Ok(used)
}

/// Takes notice of what is there, and frees space if there is need.
async fn look(
    ctx: &Context,
    node: &str,
    seen: &mut HashMap<Digest, Seen>,
    first: bool,
    disk: bool,
) -> Result<(), String> {
    let store = ctx.images.store().clone();
    let listed = blocking(move || Ok((store.list()?, store.in_use()?))).await;
    let (listed, used) = listed.map_err(|error| error.to_string())?;
    let now = Instant::now();
    seen.retain(|digest, _| listed.iter().any(|image| image.digest == *digest));
    for image in &listed {
        let known =
            seen.entry(image.digest.clone()).or_insert(Seen { first: (!first).then_some(now), used: None });
        if used.contains(&image.digest) {
            known.used = Some(now);
        }
    }
    if !disk {
        return Ok(());
    }
    let settings = Settings::read(ctx.images.folder()).map_err(|error| error.to_string())?;
    let stat = rustix::fs::statvfs(ctx.images.store().root()).map_err(|error| error.to_string())?;
    let (capacity, available) = (stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize);
    let Some(amount) = excess(&settings.collection, capacity, available) else { return Ok(()) };
    let candidates = listed.iter().filter(|image| !used.contains(&image.digest)).filter_map(|image| {
        let seen = *seen.get(&image.digest)?;
        Some(Candidate { digest: image.digest.clone(), size: image.size, seen })
    });
    let age = Duration::from_secs(settings.collection.minimum_age_seconds);
    let chosen = choose(candidates.collect(), amount, age, now);
    if !chosen.is_empty() {
        let planned: u64 = chosen.iter().map(|image| image.size).sum();
        tracing::info!(amount, planned, images = chosen.len(), "the disk is full; unused images are removed");
    }
    let (store, access) = (ctx.images.store().clone(), Access::new(ctx.images.store()));
    let freed = blocking(move || {
        // Layers of builds are made again when they are needed.
        store.forget_cached()?;
        for image in chosen {
            store.remove(&image.digest.to_string())?;
            access.forget(&image.digest);
        }
        store.gc(&[])
    });
    let freed = freed.await.map_err(|error| error.to_string())?;
    if freed.bytes < amount {
        let percent = 100 - available * 100 / capacity.max(1);
        let text = format!(
            "Insufficient free disk space on the node's image filesystem ({percent}% of {} used). Failed to free \
             sufficient space by deleting unused images (freed {} bytes). Investigate disk usage, as it could be \
             used by active images, logs, volumes, or other data.",
            size(capacity),
            freed.bytes
        );
        let object = ObjectReference {
            kind: Some("Node".to_owned()),
            name: Some(node.to_owned()),
            uid: Some(node.to_owned()),
            ..ObjectReference::default()
        };
        ctx.events.warning(object, "FreeDiskSpaceFailed", text);
    }
    Ok(())
}

/// Bytes to free; `None` below the upper limit.
fn excess(limits: &Collection, capacity: u64, available: u64) -> Option<u64> {
    // As upstream, 100 percent means never.
    if available >= limits.enough_bytes || limits.high_percent >= 100 {
        return None;
    }
    let available = available.min(capacity);
    let percent = 100 - (available * 100).checked_div(capacity)?;
    let wanted = capacity / 100 * u64::from(100 - limits.low_percent.min(100));
    (percent >= u64::from(limits.high_percent)).then(|| wanted.saturating_sub(available))
}

/// Those that go: the longest unused first, until there is enough.
fn choose(mut candidates: Vec<Candidate>, amount: u64, age: Duration, now: Instant) -> Vec<Candidate> {
    candidates.retain(|image| image.seen.first.is_none_or(|first| now.duration_since(first) >= age));
    candidates.sort_by_key(|image| (image.seen.used, image.seen.first));
    let mut freed = 0;
    let enough = |image: &Candidate| {
        let more = freed < amount;
        freed += image.size;
        more
    };
    let mut enough = enough;
    candidates.retain(|image| enough(image));
    candidates
}

/// Bytes as upstream tells them: `1.5 GiB`.
fn size(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, shift)| bytes >= 1 << shift) {
        Some((unit, shift)) => format!("{:.1} {unit}", bytes as f64 / f64::from(2_u32).powi(shift)),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_freed_from_the_upper_limit_down_to_the_lower() {
        let limits = Collection::default();
        assert_eq!(excess(&limits, 1000, 200), None);
        assert_eq!(excess(&limits, 1000, 151), Some(49));
        assert_eq!(excess(&limits, 1000, 0), Some(200));
        assert_eq!(excess(&limits, 0, 0), None);
        assert_eq!(excess(&limits, 1 << 40, 10 << 30), None);
        let never = Collection { high_percent: 100, low_percent: 100, ..limits };
        assert_eq!(excess(&never, 1000, 1), None);
    }

    #[test]
    fn the_longest_unused_go_first_and_young_ones_stay() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let image = |name: &str, first, used| Candidate {
            digest: Digest::of(name.as_bytes()),
            size: 10,
            seen: Seen { first, used },
        };
        let all = vec![
            image("used late", None, Some(at(500))),
            image("used early", None, Some(at(100))),
            image("never used", Some(at(50)), None),
            image("there before", None, None),
            image("young", Some(at(950)), None),
        ];
        let names = |amount| -> Vec<Digest> {
            let chosen = choose(all.clone(), amount, Duration::from_secs(120), at(1000));
            chosen.into_iter().map(|image| image.digest).collect()
        };
        let digests = |names: &[&str]| -> Vec<Digest> {
            names.iter().map(|name| Digest::of(name.as_bytes())).collect()
        };
        assert_eq!(names(15), digests(&["there before", "never used"]));
        assert_eq!(names(1000), digests(&["there before", "never used", "used early", "used late"]));
        assert!(names(0).is_empty());
    }

    #[test]
    fn sizes_are_told_in_powers_of_two() {
        assert_eq!(size(512), "512 B");
        assert_eq!(size(3 << 29), "1.5 GiB");
    }
}
