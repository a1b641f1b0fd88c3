//! Images for containers: looked up in the content store, unpacked, and waited for when they are not there.
//!
//! There is no pulling: an image is built or imported on this machine. Every pull policy therefore means the same
//! look-up, except that `Never` names its own reason when nothing is found. A change of the store's names wakes
//! those that wait.

use std::io;
use std::path::{Path, PathBuf};

use image::{ContentStore, ImageConfig};
use tokio::sync::watch;

use crate::notify::{Notify, WatchFlags};

/// An image ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) config: ImageConfig,
    /// Name and digest, as the status' `imageID` shows it.
    pub(crate) id: String,
    pub(crate) lower_dirs: Vec<PathBuf>,
}

/// Why an image cannot be had.
#[derive(Clone, Debug)]
pub(crate) struct ImageError {
    /// `ErrImagePull`, `ErrImageNeverPull`, `InvalidImageName`.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// The node's view of the content store.
pub(crate) struct Images {
    store: ContentStore,
    changes: watch::Receiver<u64>,
}

impl Images {
    /// Watches the folders of names below `root` from now on.
    pub(crate) fn new(store: ContentStore, root: &Path) -> Images {
        let (sender, changes) = watch::channel(0);
        match watch_names(root) {
            Ok(notify) => {
                tokio::spawn(follow(notify, root.to_owned(), sender));
            }
            Err(error) => {
                tracing::warn!(%error, root = %root.display(), "new images are noticed only after the back-off");
            }
        }
        Images { store, changes }
    }

    /// Moves whenever names in the store change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Finds the image and unpacks what is not unpacked yet.
    pub(crate) async fn ensure(&self, reference: &str, policy: &str) -> Result<Ready, ImageError> {
        let (store, reference, never) = (self.store.clone(), reference.to_owned(), policy == "Never");
        let work = move || look_up(&store, &reference, never);
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| {
            Err(ImageError { reason: "ErrImagePull", message: format!("unpacking was interrupted: {e}") })
        })
    }
}

fn look_up(store: &ContentStore, reference: &str, never: bool) -> Result<Ready, ImageError> {
    let image = match store.require(reference) {
        Ok(image) => image,
        Err(error @ image::Error::BadReference { .. }) => {
            return Err(ImageError {
                reason: "InvalidImageName",
                message: format!("Failed to apply default image tag \"{reference}\": {error}"),
            });
        }
        Err(_) if never => {
            return Err(ImageError {
                reason: "ErrImageNeverPull",
                message: format!("Container image \"{reference}\" is not present with pull policy of Never"),
            });
        }
        Err(error) => {
            return Err(ImageError {
                reason: "ErrImagePull",
                message: format!(
                    "{error}. This node pulls from no registry; `launchway image import ARCHIVE` brings an image, \
                     `launchway up` builds those of a repository"
                ),
            });
        }
    };
    let lower_dirs = store.unpack(&image).map_err(|error| ImageError {
        reason: "ErrImagePull",
        message: format!("failed to unpack image \"{reference}\": {error}"),
    })?;
    let name = reference.split('@').next().unwrap_or(reference);
    let bare = match name.rsplit_once('/') {
        Some((path, last)) => format!("{path}/{}", last.split(':').next().unwrap_or(last)),
        None => name.split(':').next().unwrap_or(name).to_owned(),
    };
    let id = if bare == "sha256" { image.digest.to_string() } else { format!("{bare}@{}", image.digest) };
    Ok(Ready { config: image.config, id, lower_dirs })
}

fn watch_names(root: &Path) -> io::Result<Notify> {
    let notify = Notify::new()?;
    add_watches(&notify, root)?;
    Ok(notify)
}

/// Folders that hold names, not content: the store writes a name by renaming a file into place.
fn add_watches(notify: &Notify, root: &Path) -> io::Result<()> {
    let names = root.join("refs");
    std::fs::create_dir_all(&names)?;
    let mut folders = vec![names];
    while let Some(folder) = folders.pop() {
        notify.add(&folder, WatchFlags::MOVED_TO | WatchFlags::CREATE)?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}

async fn follow(notify: Notify, root: PathBuf, changes: watch::Sender<u64>) {
    loop {
        tokio::select! {
            changed = notify.changed() => if changed.is_err() {
                return;
            },
            () = changes.closed() => return,
        }
        // New folders of names are watched too.
        if let Err(error) = add_watches(&notify, &root) {
            tracing::warn!(%error, "cannot watch for new images");
        }
        changes.send_modify(|n| *n += 1);
    }
}
