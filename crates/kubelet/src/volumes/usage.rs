//! Scratch volumes with a limit: what they hold is counted when it changes, and the pod is told off for too much.
//!
//! The kernel says when something changes below the folder (inotify, one event per folder and count); nothing is
//! counted while nothing is written. After a count there is a pause, the longer the more there was to count, so that a
//! busy volume costs little. Memory volumes have their limit from the file system itself.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use objects::quantity::Quantity;

use super::Volumes;
use crate::notify::{Notify, WatchFlags};

/// The shortest pause between two counts.
const PAUSE: Duration = Duration::from_millis(500);
/// The pause where the kernel has no more room for watches: upstream's period.
const UNTOLD: Duration = Duration::from_secs(10);
/// What is waited for: anything that may take or free room.
const CHANGES: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CREATE)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ONESHOT)
    .union(WatchFlags::ONLYDIR);

/// A folder and how much it may hold.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    volume: String,
    path: PathBuf,
    bytes: u64,
    /// As it was written.
    shown: String,
}

/// The limits of a pod's volumes on disk.
pub(crate) fn limits(pod: &Pod, volumes: &Volumes) -> Vec<Limit> {
    let all = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    all.filter_map(|volume| {
        let source = volume.empty_dir.as_ref().filter(|source| source.medium.as_deref() != Some("Memory"))?;
        let size = source.size_limit.as_ref()?;
        let bytes = u64::try_from(Quantity::parse(&size.0).ok()?.value()).ok().filter(|bytes| *bytes > 0)?;
        let path = volumes.mounted.get(&volume.name)?.path.clone();
        Some(Limit { volume: volume.name.clone(), path, bytes, shown: size.0.clone() })
    })
    .collect()
}

/// Waits until one of the volumes holds more than it may; the words of upstream's eviction.
pub(crate) async fn exceeded(limits: Vec<Limit>) -> String {
    loop {
        // A new set each time: what comes during the pause is in the next count.
        let notify = Notify::new().map(Arc::new).inspect_err(|error| {
            tracing::warn!(%error, "changes of volumes are not told; they are counted now and then");
        });
        let (watched, all) = (notify.as_ref().ok().cloned(), limits.clone());
        let begun = Instant::now();
        // Watches first, sizes second: what is written meanwhile is counted or told.
        let counted = tokio::task::spawn_blocking(move || {
            all.into_iter().find(|limit| count(&limit.path, watched.as_deref()) > limit.bytes)
        });
        if let Ok(Some(limit)) = counted.await {
            return format!(
                "Usage of EmptyDir volume \"{}\" exceeds the limit \"{}\". ",
                limit.volume, limit.shown
            );
        }
        let took = begun.elapsed();
        let told = match &notify {
            Ok(notify) => notify.changed().await.is_ok(),
            Err(_) => false,
        };
        tokio::time::sleep(if told { PAUSE.max(took * 20) } else { UNTOLD }).await;
    }
}

/// Bytes on disk at and below `root`, each file once however many names it has; every folder is watched from then on.
/// What goes away meanwhile counts as nothing.
fn count(root: &Path, notify: Option<&Notify>) -> u64 {
    let mut total = 0;
    let mut seen = HashSet::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        if let Some(Err(error)) = notify.map(|notify| notify.add(&folder, CHANGES))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(%error, folder = %folder.display(), "not watched");
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                open.push(entry.path());
            }
            if meta.nlink() < 2 || meta.is_dir() || seen.insert((meta.dev(), meta.ino())) {
                total += meta.blocks() * 512;
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(path: &Path, bytes: u64) -> Limit {
        Limit { volume: "v".into(), path: path.to_owned(), bytes, shown: "1Mi".into() }
    }

    #[tokio::test]
    async fn too_much_is_told_wherever_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let watching = tokio::spawn(exceeded(vec![limit(&path, 1 << 20)]));
        fs::write(path.join("a"), vec![1; 600 << 10]).unwrap();
        fs::hard_link(path.join("a"), path.join("the same")).unwrap();
        fs::create_dir_all(path.join("deep/er")).unwrap();
        tokio::time::sleep(PAUSE * 3).await;
        assert!(!watching.is_finished(), "a second name takes no room");
        fs::write(path.join("deep/er/b"), vec![1; 600 << 10]).unwrap();
        let text = tokio::time::timeout(Duration::from_secs(60), watching).await.unwrap().unwrap();
        assert_eq!(text, "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ");
    }
}
