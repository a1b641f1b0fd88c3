//! Static pods: those of a folder's files, run on this node whether or not an API server knows of them.
//!
//! A static pod's UID follows from its file, so that the same file is the same pod after a restart; it is shown in
//! the API by a mirror (see [`mirror`]). Woken by inotify. Not here: starting and ending them, which the manager does
//! as for all pods.

pub(crate) mod mirror;
mod parse;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::notify::{Notify, WatchFlags};

/// On a mirror: UID of the static pod that it shows.
pub(crate) const MIRROR: &str = "kubernetes.io/config.mirror";
/// UID of the static pod, made of its content.
const HASH: &str = "kubernetes.io/config.hash";
/// When the file was read.
const SEEN: &str = "kubernetes.io/config.seen";
/// Where the pod comes from.
const SOURCE: &str = "kubernetes.io/config.source";

/// Namespace and name.
pub(crate) type Key = (String, String);

/// The folder of manifests.
pub(crate) struct Folder {
    path: PathBuf,
    node: String,
    notify: Notify,
    /// What was read last, so that a pod is the same object until its file changes.
    known: BTreeMap<Key, Arc<Pod>>,
}

impl Folder {
    /// Makes the folder if need be, and watches it.
    pub(crate) fn open(path: PathBuf, node: &str) -> io::Result<Folder> {
        std::fs::create_dir_all(&path)?;
        let notify = Notify::new()?;
        let events =
            WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE;
        notify.add(&path, events)?;
        Ok(Folder { path, node: node.to_owned(), notify, known: BTreeMap::new() })
    }

    /// Waits until something changed in the folder.
    pub(crate) async fn changed(&self) -> io::Result<()> {
        self.notify.changed().await
    }

    /// The pods of all files. A file that is no pod is told in the log and left out.
    pub(crate) fn read(&mut self) -> BTreeMap<Key, Arc<Pod>> {
        let mut found = BTreeMap::new();
        for path in files(&self.path) {
            let parsed = std::fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| {
                parse::pod(&bytes, &path, &self.node, jiff::Timestamp::now())
                    .map_err(|error| error.to_string())
            });
            match parsed {
                Ok(pod) => {
                    let key = key_of(&pod);
                    let same = self.known.get(&key).filter(|old| old.metadata.uid == pod.metadata.uid);
                    let pod = same.cloned().unwrap_or_else(|| Arc::new(pod));
                    if found.insert(key, pod).is_some() {
                        tracing::warn!(path = %path.display(), "another file describes a pod of the same name");
                    }
                }
                Err(reason) => {
                    tracing::warn!(reason, path = %path.display(), "not a static pod; mend or remove the file");
                }
            }
        }
        self.known.clone_from(&found);
        found
    }
}

/// Regular files (or links to them) in order, without hidden ones.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let visible = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let mut files: Vec<PathBuf> = visible.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Namespace and name of a pod.
pub(crate) fn key_of(pod: &Pod) -> Key {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    (text(&pod.metadata.namespace), text(&pod.metadata.name))
}

/// UID of the static pod that this one mirrors; none for other pods.
pub(crate) fn mirrored(pod: &Pod) -> Option<&str> {
    pod.metadata.annotations.as_ref()?.get(MIRROR).map(String::as_str)
}

/// UID by which the runtime knows a pod of the API.
pub(crate) fn uid_on_node(pod: &Pod) -> Option<&str> {
    mirrored(pod).or(pod.metadata.uid.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_read_as_its_pods() {
        let folder = tempfile::tempdir().unwrap();
        let mut manifests = Folder::open(folder.path().join("manifests"), "Node-1").unwrap();
        assert!(manifests.read().is_empty());
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join("manifests").join(name), text).unwrap()
        };
        let pod = |image: &str| {
            format!(
                "kind: Pod\napiVersion: v1\nmetadata: {{name: web}}\nspec: {{containers: [{{name: c, image: {image}}}]}}"
            )
        };
        write("web.yaml", &pod("a"));
        write(".hidden.yaml", &pod("b"));
        write("broken.yaml", "kind: [");
        let first = manifests.read();
        let key = ("default".to_owned(), "web-node-1".to_owned());
        assert_eq!(first.keys().collect::<Vec<_>>(), [&key]);
        assert!(Arc::ptr_eq(&first[&key], &manifests.read()[&key]), "nothing changed");
        write("web.yaml", &pod("b"));
        assert_ne!(manifests.read()[&key].metadata.uid, first[&key].metadata.uid);
        std::fs::remove_file(folder.path().join("manifests/web.yaml")).unwrap();
        assert!(manifests.read().is_empty());
    }
}
