//! A cluster in one file: state, keys, settings and images; with volumes if asked for.
//!
//! A backup may be taken while the cluster runs: the log only grows, so a copy of its files is the state as of one
//! revision, which is verified before it is packed. Images are immutable and held while they are packed. Volumes of a
//! running application are copied as they are, file by file.
//!
//! What is not in it: pods' processes, logs, addresses and unpacked layers. After [`restore`] the node starts the pods
//! that the state names anew, as after a reboot.
//!
//! Invariants: a backup appears under its name complete or not at all, readable by root alone; a restore replaces
//! nothing, and one that was interrupted is never taken for a cluster ([`Settings::open`](crate::Settings::open)).

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::layout::Home;
use crate::process;
use crate::settings::{Settings, SettingsError};

/// First entry of the archive.
const MANIFEST: &str = "launchway-backup.json";
/// Version of the archive's layout.
const FORMAT: u32 = 1;
/// How often files that vanish while the log moves on are listed again.
const ATTEMPTS: u32 = 5;
/// zstd's level: the state is text and shrinks anyway, images are compressed already.
const LEVEL: i32 = 3;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Version of the archive's layout.
    pub format: u32,
    /// The cluster's name.
    pub name: String,
    /// Version of the program that made it.
    pub version: String,
    /// Revision of the state.
    pub revision: u64,
    /// Objects and other keys of the state.
    pub keys: usize,
    /// Whether volumes are in it.
    pub volumes: bool,
}

/// Why there is no backup, or no restored cluster. What was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to back up.
    #[error("there is no cluster in {0}")]
    NoCluster(PathBuf),
    /// A cluster is in the way.
    #[error(
        "there is a cluster in {0} already: delete it first (launchway cluster delete) or choose another folder with \
         LAUNCHWAY_HOME"
    )]
    Exists(PathBuf),
    /// Something else is in the way.
    #[error("{0} is in the way and no part of a cluster: move it away and repeat the restore")]
    InTheWay(PathBuf),
    /// Settings cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The state is damaged.
    #[error("state of the cluster: {0}")]
    State(#[from] store::OpenError),
    /// The state has no files.
    #[error("the cluster in {0} has no state yet; start it first (launchway cluster start)")]
    NoState(PathBuf),
    /// Images cannot be held.
    #[error(transparent)]
    Images(#[from] image::Error),
    /// The file is none of ours.
    #[error("{file} is no backup of a cluster: {reason}")]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Writes the cluster in `home` to `file`, which must not exist.
pub fn backup(home: &Home, file: &Path, volumes: bool) -> Result<Manifest, BackupError> {
    let Some(settings) = Settings::read(home)? else {
        return Err(BackupError::NoCluster(home.path().to_owned()));
    };
    let copy = tempfile::Builder::new()
        .prefix(".backup-")
        .tempdir_in(home.path())
        .map_err(failed("write into", home.path()))?;
    copy_state(&home.store(), copy.path())?;
    let report = store::check(&store::files::OsDisk, copy.path())?
        .ok_or_else(|| BackupError::NoState(home.path().to_owned()))?;
    let manifest = Manifest {
        format: FORMAT,
        name: settings.name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: report.revision,
        keys: report.keys,
        volumes,
    };
    let folder = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // Mode 0600 from the first byte: the keys of the cluster are in it.
    let target = tempfile::NamedTempFile::new_in(folder).map_err(failed("write into", folder))?;
    let images = image::ContentStore::open(&home.images())?;
    let held = images.writing()?;
    pack(home, copy.path(), &manifest, &target).map_err(failed("write", file))?;
    drop(held);
    target.as_file().sync_all().map_err(failed("write", file))?;
    target.persist_noclobber(file).map_err(|e| failed("create", file)(e.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write into", folder))?;
    Ok(manifest)
}

/// Makes the cluster of `file` in `home`, where none may be; it is not started.
pub fn restore(home: &Home, file: &Path) -> Result<Manifest, BackupError> {
    if Settings::read(home)?.is_some() || process::running(home).is_some() {
        return Err(BackupError::Exists(home.path().to_owned()));
    }
    let input = File::open(file).map_err(failed("read", file))?;
    let unfinished = home.restoring();
    let repeated = unfinished.exists();
    if repeated {
        fs::remove_dir_all(&unfinished).map_err(failed("remove", &unfinished))?;
    } else if let Some(other) =
        [home.store(), home.pki(), home.images(), home.volumes()].into_iter().find(|path| path.exists())
    {
        return Err(BackupError::InTheWay(other));
    }
    // From here on what lies in the places of a cluster's parts was put there by a restore.
    fs::create_dir_all(&unfinished).map_err(failed("create", &unfinished))?;
    match stage(&unfinished, file, input) {
        Ok(manifest) => place(home, &unfinished).map(|()| manifest),
        Err(error) => {
            if !repeated {
                let _ = fs::remove_dir_all(&unfinished);
            }
            Err(error)
        }
    }
}

/// Unpacks and verifies the backup below `folder`, on disk when this returns.
fn stage(folder: &Path, file: &Path, input: File) -> Result<Manifest, BackupError> {
    let manifest = unpack(file, input, folder)?;
    let staged = Home::new(folder);
    if Settings::read(&staged)?.is_none() {
        return Err(malformed(file, "it holds no settings"));
    }
    let report = store::check(&store::files::OsDisk, &staged.store())?
        .ok_or_else(|| malformed(file, "it holds no state"))?;
    if report.revision != manifest.revision {
        let reason = format!("its state ends at revision {}, not at {}", report.revision, manifest.revision);
        return Err(malformed(file, reason));
    }
    sync_tree(folder).map_err(failed("flush", folder))?;
    Ok(manifest)
}

/// Moves the parts to their places, the settings, which make them a cluster, last.
fn place(home: &Home, unfinished: &Path) -> Result<(), BackupError> {
    let mut parts = fs::read_dir(unfinished)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>())
        .map_err(failed("list", unfinished))?;
    let settings = home.settings();
    parts.sort_by_key(|name| Some(name.as_os_str()) == settings.file_name());
    for name in &parts {
        let target = home.path().join(name);
        if target.is_dir() {
            // Of a restore that was interrupted.
            fs::remove_dir_all(&target).map_err(failed("remove", &target))?;
        }
        fs::rename(unfinished.join(name), &target).map_err(failed("create", &target))?;
    }
    fs::remove_dir(unfinished).map_err(failed("remove", unfinished))?;
    File::open(home.path()).and_then(|home| home.sync_all()).map_err(failed("flush", home.path()))
}

/// Copies the store's files; the log may grow and turn over meanwhile.
fn copy_state(from: &Path, to: &Path) -> Result<(), BackupError> {
    for attempt in 1.. {
        match copy_files(from, to) {
            Ok(()) => break,
            // A snapshot replaced files between listing and copying.
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {}
            Err(error) => return Err(failed("copy", from)(error)),
        }
    }
    Ok(())
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    for old in fs::read_dir(to)? {
        fs::remove_file(old?.path())?;
    }
    let mut names = fs::read_dir(from)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    // Older parts of the log first: what is listed behind a part means that the part is complete.
    names.sort();
    for name in names {
        fs::copy(from.join(&name), to.join(&name))?;
    }
    Ok(())
}

fn pack(home: &Home, state: &Path, manifest: &Manifest, target: &tempfile::NamedTempFile) -> io::Result<()> {
    let encoder = zstd::Encoder::new(BufWriter::new(target.as_file()), LEVEL)?;
    let mut archive = tar::Builder::new(encoder);
    archive.follow_symlinks(false);
    let head = serde_json::to_vec_pretty(manifest)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(head.len() as u64);
    header.set_mode(0o600);
    archive.append_data(&mut header, MANIFEST, head.as_slice())?;
    archive.append_path_with_name(home.settings(), "cluster.json")?;
    append_tree(&mut archive, &home.pki(), Path::new("pki"))?;
    append_tree(&mut archive, state, Path::new("store"))?;
    // `pulled` says for whom a private image was opened: without it, it would be everybody's.
    for part in ["blobs", "refs", "pulled"] {
        let from = home.images().join(part);
        if from.is_dir() {
            append_tree(&mut archive, &from, &Path::new("images").join(part))?;
        }
    }
    // What the administrator says about registries.
    for name in ["images.toml", "config.json"] {
        let from = home.path().join(name);
        if from.is_file() {
            archive.append_path_with_name(from, name)?;
        }
    }
    if manifest.volumes && home.volumes().is_dir() {
        append_tree(&mut archive, &home.volumes(), Path::new("volumes"))?;
    }
    let mut writer = archive.into_inner()?.finish()?;
    writer.flush()
}

/// Adds a folder with owners, modes and links; sockets are left out, nobody could use them later.
fn append_tree(archive: &mut tar::Builder<impl Write>, from: &Path, name: &Path) -> io::Result<()> {
    archive.append_path_with_name(from, name)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, name.join(entry.file_name()));
        if kind.is_dir() {
            append_tree(archive, &entry.path(), &name)?;
        } else if !kind.is_socket() {
            archive.append_path_with_name(entry.path(), name)?;
        }
    }
    Ok(())
}

/// Unpacks `input` below `folder`, never outside of it.
fn unpack(file: &Path, input: File, folder: &Path) -> Result<Manifest, BackupError> {
    let malformed = |error: io::Error| malformed(file, error.to_string());
    let decoder = zstd::Decoder::new(BufReader::new(input)).map_err(malformed)?;
    let mut archive = tar::Archive::new(decoder);
    archive.set_preserve_ownerships(true);
    archive.set_preserve_permissions(true);
    archive.set_overwrite(false);
    let mut entries = archive.entries().map_err(malformed)?;
    let first = entries.next().ok_or_else(|| self::malformed(file, "it is empty"))?.map_err(malformed)?;
    let manifest = read_manifest(file, first)?;
    for entry in entries {
        let mut entry = entry.map_err(malformed)?;
        if !entry.unpack_in(folder).map_err(malformed)? {
            let path = entry.path().map_err(malformed)?.display().to_string();
            return Err(self::malformed(file, format!("the path {path} leads out of it")));
        }
    }
    let settings = Home::new(folder).settings();
    if settings.is_file() {
        let permissions = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&settings, permissions).map_err(failed("protect", &settings))?;
    }
    Ok(manifest)
}

fn read_manifest(file: &Path, entry: impl Read) -> Result<Manifest, BackupError> {
    /// Only the version, which decides how the rest is read.
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let mut text = Vec::new();
    entry.take(1 << 16).read_to_end(&mut text).map_err(|e| malformed(file, e.to_string()))?;
    let head: Head = serde_json::from_slice(&text)
        .map_err(|_| malformed(file, format!("it does not begin with {MANIFEST}")))?;
    if head.format != FORMAT {
        let reason =
            format!("it has format {}, this program reads {FORMAT}; use a newer launchway", head.format);
        return Err(malformed(file, reason));
    }
    serde_json::from_slice(&text).map_err(|e| malformed(file, format!("{MANIFEST}: {e}")))
}

/// Flushes every file and folder below `folder`.
fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}

fn malformed(file: &Path, reason: impl Into<String>) -> BackupError {
    BackupError::Malformed { file: file.to_owned(), reason: reason.into() }
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |source| BackupError::Io { action, path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Wanted;

    /// A stopped cluster's folder with two objects, a key, a blob and a volume.
    fn cluster(home: &Home) {
        fs::create_dir_all(home.pki()).unwrap();
        fs::create_dir_all(home.images().join("blobs")).unwrap();
        fs::create_dir_all(home.images().join("refs")).unwrap();
        fs::create_dir_all(home.volumes().join("db")).unwrap();
        Settings::open(home, &Wanted::default()).unwrap();
        fs::write(home.pki().join("ca.key"), "key").unwrap();
        fs::set_permissions(home.pki().join("ca.key"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(home.images().join("blobs/b"), "blob").unwrap();
        fs::create_dir_all(home.images().join("pulled")).unwrap();
        fs::write(home.images().join("pulled/b"), "alice's").unwrap();
        fs::write(home.path().join("images.toml"), "[registry]\n").unwrap();
        fs::write(home.volumes().join("db/data"), "rows").unwrap();
    }

    async fn write(home: &Home, key: &str) -> store::Store {
        let store = store::Store::open(&home.store(), store::Options::default()).await.unwrap();
        let payload = store::Payload::Plain(key.to_owned().into());
        let put = store::Op::Put { key: key.to_owned(), payload, expect: store::Expect::Any, lease: None };
        store.commit(vec![put]).await.unwrap();
        store
    }

    #[tokio::test]
    async fn a_running_cluster_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (home, other) = (Home::new(folder.path().join("a")), Home::new(folder.path().join("b")));
        cluster(&home);
        let store = write(&home, "/one").await;
        let file = folder.path().join("cluster.backup");

        let made = backup(&home, &file, true).unwrap();
        assert_eq!((made.keys, made.revision), (1, store.revision()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(backup(&home, &file, true), Err(BackupError::Io { action: "create", .. })));
        assert!(matches!(restore(&home, &file), Err(BackupError::Exists(_))));

        assert_eq!(restore(&other, &file).unwrap(), made);
        let restored = store::Store::open(&other.store(), store::Options::default()).await.unwrap();
        assert_eq!(&*restored.get("/one").unwrap().value, b"/one");
        assert_eq!(Settings::read(&other).unwrap(), Settings::read(&home).unwrap());
        assert_eq!(fs::read(other.volumes().join("db/data")).unwrap(), b"rows");
        assert_eq!(fs::read(other.images().join("blobs/b")).unwrap(), b"blob");
        assert_eq!(fs::read(other.images().join("pulled/b")).unwrap(), b"alice's");
        assert_eq!(fs::read(other.path().join("images.toml")).unwrap(), b"[registry]\n");
        let key = fs::metadata(other.pki().join("ca.key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        assert!(!other.restoring().exists());
    }

    #[tokio::test]
    async fn what_is_no_backup_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (home, other) = (Home::new(folder.path().join("a")), Home::new(folder.path().join("b")));
        cluster(&home);
        write(&home, "/one").await.close().await;
        let file = folder.path().join("cluster.backup");
        backup(&home, &file, false).unwrap();
        let whole = fs::read(&file).unwrap();
        for length in [0, 3, whole.len() / 2, whole.len() - 1] {
            fs::write(&file, &whole[..length]).unwrap();
            assert!(matches!(restore(&other, &file), Err(BackupError::Malformed { .. })), "{length} bytes");
            assert!(!other.restoring().exists() && !other.store().exists(), "{length} bytes");
        }
        fs::write(&file, &whole).unwrap();
        restore(&other, &file).unwrap();
        assert!(!other.volumes().exists());
    }

    #[tokio::test]
    async fn an_interrupted_restore_is_no_cluster_and_can_be_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let (home, other) = (Home::new(folder.path().join("a")), Home::new(folder.path().join("b")));
        cluster(&home);
        write(&home, "/one").await.close().await;
        let file = folder.path().join("cluster.backup");
        backup(&home, &file, false).unwrap();
        // Killed while parts were moved into place.
        fs::create_dir_all(other.restoring().join("pki")).unwrap();
        fs::create_dir_all(other.store()).unwrap();
        let refused = Settings::open(&other, &Wanted::default()).unwrap_err();
        assert!(refused.to_string().contains("cluster restore"), "{refused}");
        restore(&other, &file).unwrap();
        assert!(Settings::open(&other, &Wanted::default()).is_ok());
        // What nobody restored is not overwritten.
        let third = Home::new(folder.path().join("c"));
        fs::create_dir_all(third.store()).unwrap();
        assert!(matches!(restore(&third, &file), Err(BackupError::InTheWay(_))));
        assert!(third.store().exists());
    }
}
