//! `hostPath` and local volumes: a path of the node, checked or made according to its type.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Why the path is not what was asked for; upstream's wording.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostPathError {
    #[error("hostPath type check failed: {path} is not a {wanted}")]
    Type { path: String, wanted: &'static str },
    #[error("hostPath type check failed: unknown type {0}")]
    UnknownType(String),
    #[error("cannot make {path}: {source}")]
    Io { path: String, source: io::Error },
}

/// Makes sure that `path` is of `kind`: `DirectoryOrCreate` (0755) and `FileOrCreate` (0644) make it; an empty kind
/// checks nothing, and makes a folder where there is nothing to mount, as upstream's runtimes do.
pub(crate) fn prepare(path: &Path, kind: &str) -> Result<(), HostPathError> {
    let shown = path.display().to_string();
    let io = |source| HostPathError::Io { path: shown.clone(), source };
    let meta = fs::metadata(path).ok();
    let is = |wanted: &'static str, found: bool| {
        if found { Ok(()) } else { Err(HostPathError::Type { path: shown.clone(), wanted }) }
    };
    match (kind, meta) {
        ("" | "DirectoryOrCreate", None) => {
            fs::create_dir_all(path).map_err(io)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(io)
        }
        ("", Some(_)) => Ok(()),
        ("DirectoryOrCreate" | "Directory", meta) => is("directory", meta.is_some_and(|m| m.is_dir())),
        ("FileOrCreate", None) => {
            fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o644)
                .open(path)
                .map_err(io)?;
            Ok(())
        }
        ("FileOrCreate" | "File", meta) => is("file", meta.is_some_and(|m| m.is_file())),
        ("Socket", meta) => is("socket", meta.is_some_and(|m| m.file_type().is_socket())),
        ("CharDevice", meta) => is("character device", meta.is_some_and(|m| m.file_type().is_char_device())),
        ("BlockDevice", meta) => is("block device", meta.is_some_and(|m| m.file_type().is_block_device())),
        (other, _) => Err(HostPathError::UnknownType(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_checked_or_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        prepare(&path("made/deep"), "DirectoryOrCreate").unwrap();
        assert!(path("made/deep").is_dir());
        prepare(&path("file"), "FileOrCreate").unwrap();
        assert!(path("file").is_file());
        prepare(&path("file"), "File").unwrap();
        let error = prepare(&path("file"), "Directory").unwrap_err().to_string();
        assert!(error.ends_with("/file is not a directory"), "{error}");
        assert!(prepare(&path("none"), "File").is_err());
        assert!(prepare(&path("none"), "Socket").is_err());
        prepare(Path::new("/dev/null"), "CharDevice").unwrap();
        assert!(prepare(Path::new("/dev/null"), "Bogus").is_err());
    }
}
