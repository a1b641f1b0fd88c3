//! The PKI folder on disk: private modes, whole-file replacement, durable names.
//!
//! Knows nothing of certificates. Invariant: the final name of a file only ever shows complete content, and the
//! content is created with mode 0600, never narrowed afterwards.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::PkiError;

/// Ending of files that are being written; leftovers of a killed process are removed by [`prepare`].
const PARTIAL: &str = ".partial";

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> PkiError {
    let path = path.to_owned();
    move |source| PkiError::Io { action, path, source }
}

/// Makes the folder (0700) with its parents and removes files that an interrupted write left.
pub(crate) fn prepare(dir: &Path) -> Result<(), PkiError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed("create", dir))?;
    fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(failed("set the mode of", dir))?;
    for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
        let path = entry.map_err(failed("list", dir))?.path();
        if path.to_string_lossy().ends_with(PARTIAL) {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}

/// The content of a file; `None` when there is none. Narrows a mode that became wider than 0600.
pub(crate) fn read(path: &Path) -> Result<Option<String>, PkiError> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let mode = fs::metadata(path).map_err(failed("read the mode of", path))?.permissions().mode();
            if mode & 0o077 != 0 {
                fs::set_permissions(path, Permissions::from_mode(0o600))
                    .map_err(failed("set the mode of", path))?;
            }
            Ok(Some(text))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Replaces a file in one step: the content is durable before its name is.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), PkiError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(PARTIAL);
    let partial = Path::new(&partial);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(partial)
        .map_err(failed("create", partial))?;
    file.write_all(content.as_bytes()).map_err(failed("write", partial))?;
    file.sync_all().map_err(failed("write", partial))?;
    fs::rename(partial, path).map_err(failed("replace", path))?;
    if let Some(dir) = path.parent() {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("write", dir))?;
    }
    Ok(())
}
