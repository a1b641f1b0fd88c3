//! A folder of files that changes as a whole: readers see the old set or the new one, never a mixture.
//!
//! Layout (the same as upstream's, because programs rely on it): the files lie in `..<stamp>/`, the link `..data`
//! points there, and each visible top-level name is a link `name -> ..data/name`. An update writes a new folder
//! and renames a new `..data` over the old one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::{Component, Path, PathBuf};

const DATA: &str = "..data";
const DATA_NEW: &str = "..data_tmp";

/// One file of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    /// Permission bits.
    pub(crate) mode: u32,
    /// User the file belongs to, when not root.
    pub(crate) owner: Option<u32>,
}

/// Files by path relative to the volume.
pub(crate) type Payload = BTreeMap<String, File>;

/// What can go wrong while writing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("`{0}` is not a path inside the volume; use a relative path without `..`")]
    BadPath(String),
    #[error("cannot write {path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: io::Error },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| WriteError::Io { path, source }
}

/// Makes the folder show exactly `payload`; `group` owns everything when given, and may read it.
/// Returns whether anything was changed. `stamp` must differ from the one used before.
pub(crate) fn write(
    dir: &Path,
    payload: &Payload,
    group: Option<u32>,
    stamp: &str,
) -> Result<bool, WriteError> {
    for path in payload.keys() {
        check(path)?;
    }
    let data = dir.join(DATA);
    let old = fs::read_link(&data).ok();
    if old.is_some() && unchanged(&data, payload, group) {
        return Ok(false);
    }

    let name = format!("..{stamp}");
    let fresh = dir.join(&name);
    fs::create_dir(&fresh).map_err(at(&fresh))?;
    set(&fresh, 0o755, None, group)?;
    for (path, file) in payload {
        write_file(&fresh, path, file, group)?;
    }

    let pointer = dir.join(DATA_NEW);
    match fs::remove_file(&pointer) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(at(&pointer)(e)),
    }
    symlink(&name, &pointer).map_err(at(&pointer))?;
    fs::rename(&pointer, &data).map_err(at(&data))?;

    let visible: BTreeSet<&str> = payload.keys().filter_map(|p| p.split('/').next()).collect();
    for top in &visible {
        let link = dir.join(top);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new(DATA).join(top), &link).map_err(at(&link))?;
        }
    }
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let entry = entry.map_err(at(dir))?;
        let entry_name = entry.file_name();
        let text = entry_name.to_string_lossy();
        if text == DATA || text == name.as_str() || visible.contains(text.as_ref()) {
            continue;
        }
        let path = entry.path();
        // Folders of earlier updates, and those a crash left; links to names that are gone.
        let removed = if entry.file_type().is_ok_and(|t| t.is_dir()) {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(at(&path))?;
    }
    Ok(true)
}

fn check(path: &str) -> Result<(), WriteError> {
    let inside = !path.is_empty()
        && !path.starts_with("..")
        && Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
    if inside { Ok(()) } else { Err(WriteError::BadPath(path.to_owned())) }
}

fn unchanged(data: &Path, payload: &Payload, group: Option<u32>) -> bool {
    let mut count = 0;
    if !count_files(data, &mut count) || count != payload.len() {
        return false;
    }
    payload.iter().all(|(path, file)| {
        let full = data.join(path);
        let mode = fs::metadata(&full).map(|m| m.permissions().mode() & 0o7777);
        mode.is_ok_and(|m| m == effective_mode(file, group)) && fs::read(&full).is_ok_and(|b| b == file.bytes)
    })
}

fn count_files(dir: &Path, count: &mut usize) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(t) if t.is_dir() => {
                if !count_files(&entry.path(), count) {
                    return false;
                }
            }
            Ok(_) => *count += 1,
            Err(_) => return false,
        }
    }
    true
}

fn effective_mode(file: &File, group: Option<u32>) -> u32 {
    // The group of `fsGroup` may read what it owns.
    if group.is_some() { file.mode | 0o440 } else { file.mode }
}

fn write_file(root: &Path, path: &str, file: &File, group: Option<u32>) -> Result<(), WriteError> {
    let full = root.join(path);
    if let Some((folders, _)) = path.rsplit_once('/') {
        let mut dir = root.to_owned();
        for part in folders.split('/') {
            dir.push(part);
            if !dir.is_dir() {
                fs::create_dir(&dir).map_err(at(&dir))?;
                set(&dir, 0o755, None, group)?;
            }
        }
    }
    let mut out =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&full).map_err(at(&full))?;
    out.write_all(&file.bytes).map_err(at(&full))?;
    drop(out);
    set(&full, effective_mode(file, group), file.owner, group)
}

/// Sets bits free of the umask, and the owners.
fn set(path: &Path, mode: u32, owner: Option<u32>, group: Option<u32>) -> Result<(), WriteError> {
    if owner.is_some() || group.is_some() {
        chown(path, owner, group).map_err(at(path))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(files: &[(&str, &str, u32)]) -> Payload {
        let file = |bytes: &str, mode| File { bytes: bytes.into(), mode, owner: None };
        files.iter().map(|(path, bytes, mode)| ((*path).to_owned(), file(bytes, *mode))).collect()
    }

    fn visible(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| !n.starts_with(".."))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn writes_updates_and_removes_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        assert!(write(dir, &payload(&[("a", "1", 0o644), ("d/e/f", "2", 0o400)]), None, "1").unwrap());
        assert_eq!(visible(dir), ["a", "d"]);
        assert_eq!(fs::read_to_string(dir.join("d/e/f")).unwrap(), "2");
        assert_eq!(fs::metadata(dir.join("d/e/f")).unwrap().permissions().mode() & 0o777, 0o400);
        assert_eq!(fs::read_link(dir.join("a")).unwrap(), Path::new("..data/a"));
        assert_eq!(fs::read_link(dir.join("..data")).unwrap(), Path::new("..1"));

        assert!(write(dir, &payload(&[("a", "9", 0o644), ("g", "3", 0o644)]), None, "2").unwrap());
        assert_eq!(visible(dir), ["a", "g"]);
        assert_eq!(fs::read_to_string(dir.join("a")).unwrap(), "9");
        assert!(!dir.join("..1").exists());
    }

    #[test]
    fn the_same_content_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let files = payload(&[("a", "1", 0o644)]);
        assert!(write(dir.path(), &files, None, "1").unwrap());
        assert!(!write(dir.path(), &files, None, "2").unwrap());
        assert_eq!(fs::read_link(dir.path().join("..data")).unwrap(), Path::new("..1"));
        assert!(write(dir.path(), &payload(&[("a", "1", 0o600)]), None, "3").unwrap());
    }

    #[test]
    fn an_empty_volume_has_no_files_but_the_link() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write(dir.path(), &Payload::new(), None, "1").unwrap());
        assert!(visible(dir.path()).is_empty());
        assert!(!write(dir.path(), &Payload::new(), None, "2").unwrap());
    }

    #[test]
    fn what_a_crash_left_is_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("..0")).unwrap();
        symlink("..0", dir.path().join("..data_tmp")).unwrap();
        assert!(write(dir.path(), &payload(&[("a", "1", 0o644)]), None, "1").unwrap());
        assert!(!dir.path().join("..0").exists());
        assert!(fs::symlink_metadata(dir.path().join("..data_tmp")).is_err());
    }

    #[test]
    fn paths_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["/etc/x", "../x", "a/../../x", "", "..data", "./a/./.."] {
            let result = write(dir.path(), &payload(&[(path, "1", 0o644)]), None, "1");
            assert!(matches!(result, Err(WriteError::BadPath(_))), "{path}");
        }
    }
}
