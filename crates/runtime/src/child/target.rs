//! Makes the places in a container's root that mounts go to. The process is already inside that root, so a
//! link cannot lead out of it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// Makes the folder `path` and those above it. Links are followed even where they lead to nothing yet.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    make(path, true).map(drop)
}

/// Makes an empty file at `path`, and the folders above it, unless there is something already.
pub(super) fn make_file(path: &Path) -> io::Result<()> {
    make(path, false).map(drop)
}

fn make(path: &Path, folder: bool) -> io::Result<PathBuf> {
    const MOST_LINKS: u32 = 40;
    let parts = |path: &Path| -> VecDeque<OsString> {
        let real = path.components().filter(|c| matches!(c, Component::Normal(_) | Component::ParentDir));
        real.map(|c| c.as_os_str().to_owned()).collect()
    };
    let mut left = parts(path);
    let mut place = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = left.pop_front() {
        if part == ".." {
            place.pop();
            continue;
        }
        place.push(part);
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_symlink() => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::from_raw_os_error(libc::ELOOP));
                }
                let to = fs::read_link(&place)?;
                place.pop();
                if to.is_absolute() {
                    place = PathBuf::from("/");
                }
                let mut next = parts(&to);
                next.append(&mut left);
                left = next;
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if folder || !left.is_empty() {
                    fs::create_dir(&place)?;
                } else {
                    fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&place)?;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(place)
}
