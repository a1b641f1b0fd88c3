//! Wakes those who wait for a name in the content store, through inotify.

use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::watch;

use crate::notify::{Notify, WatchFlags};

/// A number that moves whenever names below the store's folder change.
pub(super) fn watch(root: &Path) -> watch::Receiver<u64> {
    let (sender, changes) = watch::channel(0);
    match watch_names(root) {
        Ok(notify) => {
            tokio::spawn(follow(notify, root.to_owned(), sender));
        }
        Err(error) => {
            tracing::warn!(%error, root = %root.display(), "new images are noticed only after the back-off");
        }
    }
    changes
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
        notify.add(&folder, WatchFlags::MOVED_TO | WatchFlags::CREATE | WatchFlags::DELETE)?;
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
