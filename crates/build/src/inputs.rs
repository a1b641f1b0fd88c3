//! Input files of a package and matching of globs: which files a task's hash covers.
//!
//! Without `inputs` every file of the package counts that git does not ignore, as in Turborepo; `inputs` globs
//! replace that set, `$TURBO_DEFAULT$` brings it back. `package.json` always counts. A task's own log folder
//! (`.turbo`) never counts. Here files are read; how they are combined is in `hash`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sha2::{Digest, Sha256};

/// Why inputs could not be collected.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A glob is malformed.
    #[error("turbo.json: \"{glob}\" in \"{key}\" is not a glob: {reason}")]
    Glob {
        /// `inputs`, `outputs` or `globalDependencies`.
        key: &'static str,
        /// The pattern.
        glob: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Include and exclude globs of one key.
#[derive(Debug)]
pub(crate) struct Globs {
    include: GlobSet,
    exclude: GlobSet,
}

/// Content hashes (SHA-256, hex) by path relative to the package, `/` separated, in order.
pub(crate) type FileHashes = BTreeMap<String, String>;

// === impl Globs ===

impl Globs {
    /// Compiles `patterns`; a leading `!` excludes. `key` is for messages.
    pub(crate) fn new(key: &'static str, patterns: &[String]) -> Result<Self, InputError> {
        let mut include = GlobSetBuilder::new();
        let mut exclude = GlobSetBuilder::new();
        for pattern in patterns {
            let (set, text) = match pattern.strip_prefix('!') {
                Some(rest) => (&mut exclude, rest),
                None => (&mut include, pattern.as_str()),
            };
            let text = text.trim_start_matches("./");
            // "dist" means the folder and all below it, as in Turborepo.
            for text in [text.to_owned(), format!("{}/**", text.trim_end_matches('/'))] {
                set.add(GlobBuilder::new(&text).literal_separator(true).build().map_err(|e| {
                    InputError::Glob { key, glob: pattern.clone(), reason: e.kind().to_string() }
                })?);
            }
        }
        let build = |set: GlobSetBuilder| {
            set.build().map_err(|e| InputError::Glob {
                key,
                glob: patterns.join(", "),
                reason: e.kind().to_string(),
            })
        };
        Ok(Self { include: build(include)?, exclude: build(exclude)? })
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        self.include.is_match(path) && !self.exclude.is_match(path)
    }
}

/// Hashes the input files of the package folder `dir`.
pub(crate) fn package_inputs(dir: &Path, inputs: Option<&[String]>) -> Result<FileHashes, InputError> {
    let mut files = BTreeMap::new();
    let (use_default, patterns): (bool, Vec<String>) = match inputs {
        None => (true, Vec::new()),
        Some(list) => (
            list.iter().any(|p| p == "$TURBO_DEFAULT$"),
            list.iter().filter(|p| *p != "$TURBO_DEFAULT$").cloned().collect(),
        ),
    };
    let globs = Globs::new("inputs", &patterns)?;
    for (path, relative) in walk(dir, true) {
        if (use_default && !globs.exclude.is_match(&relative)) || relative == "package.json" {
            files.insert(relative, hash_file(&path)?);
        }
    }
    if !patterns.is_empty() {
        // Named patterns reach files that git ignores, too.
        for (path, relative) in walk(dir, false) {
            if globs.matches(&relative) && !files.contains_key(&relative) {
                files.insert(relative, hash_file(&path)?);
            }
        }
    }
    Ok(files)
}

/// Hashes the files below the root `dir` that match `globalDependencies`.
pub(crate) fn global_inputs(dir: &Path, patterns: &[String]) -> Result<FileHashes, InputError> {
    if patterns.is_empty() {
        return Ok(FileHashes::new());
    }
    let globs = Globs::new("globalDependencies", patterns)?;
    let mut files = BTreeMap::new();
    for (path, relative) in walk(dir, true) {
        if globs.matches(&relative) {
            files.insert(relative, hash_file(&path)?);
        }
    }
    Ok(files)
}

/// Files below `dir` with their relative names; with `respect_ignore` those that git would track.
pub(crate) fn walk(dir: &Path, respect_ignore: bool) -> impl Iterator<Item = (PathBuf, String)> + use<> {
    let dir = dir.to_owned();
    ignore::WalkBuilder::new(&dir)
        .standard_filters(respect_ignore)
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| !matches!(entry.file_name().to_str(), Some(".git" | ".turbo" | "node_modules")))
        .build()
        .flatten()
        .filter(|entry| entry.file_type().is_some_and(|kind| !kind.is_dir()))
        .filter_map(move |entry| {
            let relative = entry.path().strip_prefix(&dir).ok()?.to_str()?.to_owned();
            Some((entry.into_path(), relative))
        })
}

/// Content and kind: an executable bit or a link target changes the hash, too.
fn hash_file(path: &Path) -> Result<String, InputError> {
    let read = |source| InputError::Read { path: path.to_owned(), source };
    let metadata = path.symlink_metadata().map_err(read)?;
    let mut hasher = Sha256::new();
    if metadata.is_symlink() {
        hasher.update(b"link ");
        hasher.update(path.read_link().map_err(read)?.as_os_str().as_encoded_bytes());
    } else {
        use std::os::unix::fs::PermissionsExt;
        hasher.update(if metadata.permissions().mode() & 0o100 == 0 { b"file " } else { b"exec " });
        io::copy(&mut std::fs::File::open(path).map_err(read)?, &mut HashWriter(&mut hasher))
            .map_err(read)?;
    }
    Ok(hex(&hasher.finalize()))
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        dir
    }

    fn names(files: &FileHashes) -> Vec<&str> {
        files.keys().map(String::as_str).collect()
    }

    #[test]
    fn ignored_files_are_no_inputs_unless_named() {
        let dir = tree(&["package.json", "src/a.rs", "dist/a", ".turbo/turbo-build.log"]);
        std::fs::write(dir.path().join(".gitignore"), "dist/\n").unwrap();
        assert_eq!(
            names(&package_inputs(dir.path(), None).unwrap()),
            [".gitignore", "package.json", "src/a.rs"]
        );
        let named = ["dist/**".to_owned()];
        assert_eq!(names(&package_inputs(dir.path(), Some(&named)).unwrap()), ["dist/a", "package.json"]);
    }

    #[test]
    fn default_with_an_exclusion() {
        let dir = tree(&["package.json", "src/a.rs", "README.md"]);
        let inputs = ["$TURBO_DEFAULT$".to_owned(), "!README.md".to_owned()];
        assert_eq!(names(&package_inputs(dir.path(), Some(&inputs)).unwrap()), ["package.json", "src/a.rs"]);
    }

    #[test]
    fn the_executable_bit_is_an_input() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tree(&["package.json", "run.sh"]);
        let before = package_inputs(dir.path(), None).unwrap();
        std::fs::set_permissions(dir.path().join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(before, package_inputs(dir.path(), None).unwrap());
    }

    #[test]
    fn a_bad_glob_is_named() {
        let text = Globs::new("outputs", &["a[".to_owned()]).unwrap_err().to_string();
        assert!(text.contains("a[") && text.contains("outputs"), "{text}");
    }
}
