//! Folders of this node that are volumes: made and removed for the provisioner, which asks over HTTPS.
//!
//! They lie in `volumes/` of the cluster's folder and outlive pods, daemon and restarts. Only names that a provisioner
//! gives are taken (`pvc-…_namespace_claim`), so nothing else below that folder can be reached. Both requests may be
//! repeated.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::mounts;

/// Why a folder is not as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    #[error(
        "{0:?} is no name of a volume's folder; it begins with `pvc-` and has no other separators than - _ ."
    )]
    Name(String),
    #[error("{path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} has something mounted in it; unmount it first", path = .0.display())]
    Busy(PathBuf),
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> LocalError {
    let path = path.to_owned();
    move |source| LocalError::Io { path, source }
}

fn folder(home: &Path, name: &str) -> Result<PathBuf, LocalError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let good =
        name.starts_with("pvc-") && name.contains('_') && !name.contains("..") && name.bytes().all(plain);
    if good { Ok(home.join("volumes").join(name)) } else { Err(LocalError::Name(name.to_owned())) }
}

/// Makes the folder, open to every user, as a volume is; it is on disk when this returns.
pub(crate) fn make(home: &Path, name: &str) -> Result<PathBuf, LocalError> {
    let path = folder(home, name)?;
    let parent = home.join("volumes");
    fs::DirBuilder::new().recursive(true).mode(0o750).create(&parent).map_err(at(&parent))?;
    match fs::create_dir(&path) {
        Ok(()) => fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).map_err(at(&path))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(at(&path)(error)),
    }
    for folder in [&path, &parent] {
        fs::File::open(folder).and_then(|opened| opened.sync_all()).map_err(at(folder))?;
    }
    Ok(path)
}

/// Removes the folder with all that is in it; what links in it lead to stays. Fine when it is gone already.
pub(crate) fn remove(home: &Path, name: &str) -> Result<PathBuf, LocalError> {
    let path = folder(home, name)?;
    if mounts::has_mounts(&path).map_err(at(&path))? {
        return Err(LocalError::Busy(path));
    }
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&path)(error)),
        _ => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_once_and_removed_whole() {
        let home = tempfile::tempdir().unwrap();
        let path = make(home.path(), "pvc-1_ns_data").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o777);
        fs::write(path.join("file"), "x").unwrap();
        fs::write(home.path().join("other"), "kept").unwrap();
        std::os::unix::fs::symlink(home.path().join("other"), path.join("link")).unwrap();
        assert_eq!(make(home.path(), "pvc-1_ns_data").unwrap(), path);
        assert!(path.join("file").exists(), "made again, it keeps what it has");
        remove(home.path(), "pvc-1_ns_data").unwrap();
        remove(home.path(), "pvc-1_ns_data").unwrap();
        assert!(!path.exists());
        assert_eq!(fs::read_to_string(home.path().join("other")).unwrap(), "kept");
    }

    #[test]
    fn other_folders_cannot_be_named() {
        let home = tempfile::tempdir().unwrap();
        for name in ["shop", "pvc-1", "../pvc-1_a_b", "pvc-1_a/../x", "pvc-_..", "pvc-1_a\0", ""] {
            assert!(matches!(remove(home.path(), name), Err(LocalError::Name(_))), "{name:?}");
            assert!(matches!(make(home.path(), name), Err(LocalError::Name(_))), "{name:?}");
        }
    }
}
