//! Input files of a package and matching of globs: which files a task's hash covers.
//!
//! Without `inputs` every file of the package counts that git does not ignore, as in Turborepo; `inputs` globs
//! replace that set, `$TURBO_DEFAULT$` brings it back, `$TURBO_ROOT$/…` and `../…` reach the rest of the repository.
//! `package.json` always counts. A task's own log folder (`.turbo`) never counts, nor do sockets and pipes, as for
//! git. Here files are read; how they are combined is in `hash`.

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
    /// A folder cannot be listed.
    #[error("cannot list the input files: {0}")]
    List(#[from] ignore::Error),
    /// A glob reaches where it must not.
    #[error("turbo.json: \"{glob}\" in \"{key}\" lies outside {limit}; {advice}")]
    Outside {
        /// `inputs` or `outputs`.
        key: &'static str,
        /// The pattern.
        glob: String,
        /// What it must stay in.
        limit: &'static str,
        /// What to do.
        advice: &'static str,
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

    /// Compiles the `outputs` of a task, which stay inside its package: what is restored from the cache is also
    /// cleaned of older files.
    pub(crate) fn outputs(patterns: &[String]) -> Result<Self, InputError> {
        let leaves = |pattern: &&String| {
            let text = pattern.trim_start_matches('!');
            text.starts_with(['/', '$']) || text.split('/').any(|part| part == "..")
        };
        match patterns.iter().find(leaves) {
            Some(glob) => Err(InputError::Outside {
                key: "outputs",
                glob: glob.clone(),
                limit: "the package",
                advice: "let the task write into its own package's folder",
            }),
            None => Self::new("outputs", patterns),
        }
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        self.include.is_match(path) && !self.exclude.is_match(path)
    }
}

/// Hashes the input files of the package in the folder `package` (relative) of the repository `root`.
pub(crate) fn package_inputs(
    root: &Path,
    package: &str,
    inputs: Option<&[String]>,
) -> Result<FileHashes, InputError> {
    let dir = root.join(package);
    let mut files = BTreeMap::new();
    let mut patterns = Vec::new();
    let mut from_root = Vec::new();
    for pattern in inputs.unwrap_or_default().iter().filter(|p| *p != "$TURBO_DEFAULT$") {
        match root_pattern(package, pattern)? {
            Some(pattern) => from_root.push(pattern),
            None => patterns.push(pattern.clone()),
        }
    }
    let use_default = inputs.is_none_or(|list| list.iter().any(|p| p == "$TURBO_DEFAULT$"));
    let globs = Globs::new("inputs", &patterns)?;
    for entry in walk(&dir, true) {
        let (path, relative) = entry?;
        if (use_default && !globs.exclude.is_match(&relative)) || relative == "package.json" {
            add(&mut files, &path, relative)?;
        }
    }
    if !patterns.is_empty() {
        // Named patterns reach files that git ignores, too.
        for entry in walk(&dir, false) {
            let (path, relative) = entry?;
            if globs.matches(&relative) && !files.contains_key(&relative) {
                add(&mut files, &path, relative)?;
            }
        }
    }
    let globs = Globs::new("inputs", &from_root)?;
    for pattern in from_root.iter().filter(|pattern| !pattern.starts_with('!')) {
        // Only the folder before the first wildcard, not the whole repository with what was built in it.
        let fixed = pattern.split('/').take_while(|part| !part.contains(['*', '?', '[', '{']));
        let start = root.join(fixed.collect::<PathBuf>());
        if !start.exists() {
            continue;
        }
        for entry in walk(&start, false) {
            let (path, _) = entry?;
            let Some(relative) = path.strip_prefix(root).ok().and_then(Path::to_str) else { continue };
            if globs.matches(relative) {
                let name = format!("//{relative}");
                add(&mut files, &path, name)?;
            }
        }
    }
    Ok(files)
}

/// The pattern seen from the root where it leaves the package by `$TURBO_ROOT$/` or `../`.
fn root_pattern(package: &str, pattern: &str) -> Result<Option<String>, InputError> {
    let (negation, text) = pattern.strip_prefix('!').map_or(("", pattern), |rest| ("!", rest));
    let mut parts: Vec<&str> = Vec::new();
    let rest = match text.strip_prefix("$TURBO_ROOT$/") {
        Some(rest) => rest,
        None if text.split('/').any(|part| part == "..") => {
            parts.extend(package.split('/'));
            text
        }
        None => return Ok(None),
    };
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => {
                return Err(InputError::Outside {
                    key: "inputs",
                    glob: pattern.to_owned(),
                    limit: "the repository",
                    advice: "what a task reads must lie in it",
                });
            }
            ".." => {}
            part => parts.push(part),
        }
    }
    Ok(Some(format!("{negation}{}", parts.join("/"))))
}

/// Files of the root that every package is built from: a new version in a lockfile must not meet an old result.
const ROOT_FILES: [&str; 7] = [
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
];

/// Hashes what all tasks are built from: the root's manifest and lockfile and what matches `globalDependencies`.
pub(crate) fn global_inputs(dir: &Path, patterns: &[String]) -> Result<FileHashes, InputError> {
    let mut files = FileHashes::new();
    for name in ROOT_FILES {
        if dir.join(name).exists() {
            add(&mut files, &dir.join(name), name.to_owned())?;
        }
    }
    if patterns.is_empty() {
        return Ok(files);
    }
    let globs = Globs::new("globalDependencies", patterns)?;
    for entry in walk(dir, true) {
        let (path, relative) = entry?;
        if globs.matches(&relative) {
            add(&mut files, &path, relative)?;
        }
    }
    Ok(files)
}

/// Files and links below `dir` with their relative names; with `respect_ignore` those that git would track. Links
/// are not followed, so that they cannot lead in circles.
pub(crate) fn walk(
    dir: &Path,
    respect_ignore: bool,
) -> impl Iterator<Item = Result<(PathBuf, String), ignore::Error>> + use<> {
    let dir = dir.to_owned();
    ignore::WalkBuilder::new(&dir)
        .standard_filters(respect_ignore)
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| !matches!(entry.file_name().to_str(), Some(".git" | ".turbo" | "node_modules")))
        .build()
        .filter(|entry| match entry {
            Ok(entry) => entry.file_type().is_some_and(|kind| kind.is_file() || kind.is_symlink()),
            // A file that another program removed meanwhile is no input.
            Err(error) => error.io_error().is_none_or(|error| error.kind() != io::ErrorKind::NotFound),
        })
        .filter_map(move |entry| {
            entry
                .map(|entry| {
                    let relative = entry.path().strip_prefix(&dir).ok()?.to_str()?.to_owned();
                    Some((entry.into_path(), relative))
                })
                .transpose()
        })
}

/// Adds the hash of the file at `path` under `name`, unless it is gone meanwhile.
fn add(files: &mut FileHashes, path: &Path, name: String) -> Result<(), InputError> {
    match hash_file(path) {
        Err(InputError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        hash => {
            files.insert(name, hash?);
            Ok(())
        }
    }
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
            names(&package_inputs(dir.path(), "", None).unwrap()),
            [".gitignore", "package.json", "src/a.rs"]
        );
        let named = ["dist/**".to_owned()];
        assert_eq!(names(&package_inputs(dir.path(), "", Some(&named)).unwrap()), ["dist/a", "package.json"]);
    }

    #[test]
    fn default_with_an_exclusion() {
        let dir = tree(&["package.json", "src/a.rs", "README.md"]);
        let inputs = ["$TURBO_DEFAULT$".to_owned(), "!README.md".to_owned()];
        assert_eq!(
            names(&package_inputs(dir.path(), "", Some(&inputs)).unwrap()),
            ["package.json", "src/a.rs"]
        );
    }

    #[test]
    fn the_executable_bit_is_an_input() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tree(&["package.json", "run.sh"]);
        let before = package_inputs(dir.path(), "", None).unwrap();
        std::fs::set_permissions(dir.path().join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(before, package_inputs(dir.path(), "", None).unwrap());
    }

    #[test]
    fn inputs_reach_the_rest_of_the_repository_and_no_further() {
        let dir = tree(&["p/a/package.json", "p/b/lib.rs", "proto/x.proto", "proto/y.txt"]);
        let inputs = ["$TURBO_ROOT$/proto/*.proto", "../b/**"].map(str::to_owned);
        let files = package_inputs(dir.path(), "p/a", Some(&inputs)).unwrap();
        assert_eq!(names(&files), ["//p/b/lib.rs", "//proto/x.proto", "package.json"]);
        let out = ["../../../x".to_owned()];
        let text = package_inputs(dir.path(), "p/a", Some(&out)).unwrap_err().to_string();
        assert!(text.contains("../../../x") && text.contains("repository"), "{text}");
    }

    #[test]
    fn outputs_stay_in_the_package() {
        for glob in ["../dist/**", "/tmp/x", "$TURBO_ROOT$/dist/**", "a/../../b", "!../c"] {
            let text = Globs::outputs(&[glob.to_owned()]).unwrap_err().to_string();
            assert!(text.contains(glob) && text.contains("package"), "{text}");
        }
    }

    #[test]
    fn sockets_are_no_inputs_and_loops_of_links_end() {
        let dir = tree(&["package.json", "src/a"]);
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s")).unwrap();
        std::os::unix::fs::symlink("..", dir.path().join("src/up")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("dangling")).unwrap();
        let files = package_inputs(dir.path(), "", None).unwrap();
        assert_eq!(names(&files), ["dangling", "package.json", "src/a", "src/up"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let dir = tree(&["package.json/inside"]);
        let text = hash_file(&dir.path().join("package.json")).unwrap_err().to_string();
        assert!(text.contains("package.json"), "{text}");
    }

    #[test]
    fn a_bad_glob_is_named() {
        let text = Globs::new("outputs", &["a[".to_owned()]).unwrap_err().to_string();
        assert!(text.contains("a[") && text.contains("outputs"), "{text}");
    }
}
