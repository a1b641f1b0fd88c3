//! Collection: deletes what no name reaches. Alone with the store while it runs.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::content::ContentStore;
use crate::digest::Digest;
use crate::disk::{self, failed};
use crate::error::Error;
use crate::manifest::{self, Config, Manifest};
use crate::model::Freed;
use crate::unpack::EMPTY;

impl ContentStore {
    /// Deletes blobs and unpacked layers that no name, no node ([`ContentStore::set_uses`]), no remembered step and no
    /// digest in `in_use` (of manifests, or of layers by diff id) needs. Waits until no process is writing.
    pub fn gc(&self, in_use: &[Digest]) -> Result<Freed, Error> {
        let _alone = disk::lock(self.root(), true)?;
        let used: Vec<Digest> = self.in_use()?.into_iter().chain(in_use.iter().cloned()).collect();
        let in_use = &used[..];
        let mut needed: HashSet<String> = in_use.iter().map(|digest| digest.hex().to_owned()).collect();
        let roots: Vec<Digest> = self.names()?.into_values().chain(in_use.iter().cloned()).collect();
        for root in roots {
            needed.extend(self.reachable(&root)?.iter().map(|digest| digest.hex().to_owned()));
            needed.extend(self.diff_ids(&root)?);
        }
        for layer in self.cached()? {
            needed.extend([layer.digest.hex().to_owned(), layer.diff_id.hex().to_owned()]);
        }
        needed.insert(EMPTY.to_owned());

        let mut freed = Freed::default();
        let unneeded = |name: &OsStr| name.to_str().is_none_or(|name| !needed.contains(name));
        sweep(&self.root().join("blobs/sha256"), unneeded, |path| {
            freed.bytes += path.metadata().map_or(0, |data| data.len());
            freed.blobs += 1;
            fs::remove_file(path)
        })?;
        sweep(&self.root().join("layers"), unneeded, |path| {
            freed.layers += 1;
            fs::remove_dir_all(path)
        })?;
        // Nobody is writing: what is there was left by a process that died.
        sweep(
            &self.temporary(),
            |_| true,
            |path| {
                if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
            },
        )?;
        Ok(freed)
    }

    /// A manifest's or index's digest with all blobs below it that are there.
    pub(crate) fn reachable(&self, root: &Digest) -> Result<HashSet<Digest>, Error> {
        let mut found = HashSet::new();
        let mut open = vec![root.clone()];
        while let Some(digest) = open.pop() {
            if self.blob(&digest).is_none() || !found.insert(digest.clone()) {
                continue;
            }
            let of = format!("manifest {digest}");
            let document: Manifest = manifest::parse(&of, &self.read_blob(&digest, &of)?)?;
            for entry in document.manifests.iter().flatten() {
                open.push(entry.digest(&of)?);
            }
            for entry in document.config.iter().chain(document.layers.iter().flatten()) {
                found.insert(entry.digest(&of)?);
            }
        }
        Ok(found)
    }

    fn diff_ids(&self, root: &Digest) -> Result<Vec<String>, Error> {
        let mut ids = Vec::new();
        for digest in self.reachable(root)? {
            let path = self.blob_path(&digest);
            // Configurations are small; layers need not be read to know that they are none.
            if path.metadata().map_or(0, |data| data.len()) > 4 << 20 {
                continue;
            }
            let bytes = disk::read(&path)?.unwrap_or_default();
            if let Ok(config) = serde_json::from_slice::<Config>(&bytes) {
                ids.extend(
                    config
                        .rootfs
                        .diff_ids
                        .iter()
                        .filter_map(|id| id.strip_prefix("sha256:"))
                        .map(str::to_owned),
                );
            }
        }
        Ok(ids)
    }
}

fn sweep(
    dir: &Path,
    unneeded: impl Fn(&OsStr) -> bool,
    mut remove: impl FnMut(&Path) -> std::io::Result<()>,
) -> Result<(), Error> {
    for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
        let entry = entry.map_err(failed("list", dir))?;
        if unneeded(&entry.file_name()) {
            let path = entry.path();
            remove(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}
