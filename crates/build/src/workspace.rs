//! Finds the packages of a repository: the root's `workspaces` globs (or `pnpm-workspace.yaml`'s list)
//! name folders, each with a `package.json` of its own.
//!
//! Errors name the file; two packages of one name are refused, because a task id would be ambiguous.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSetBuilder};
use serde::Deserialize;

use crate::config::{ConfigError, TurboConfig};

/// Why a folder is not a usable workspace.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// `turbo.json` is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No `turbo.json` here or above.
    #[error("no turbo.json in {0} or any folder above it; name the folder of the repository")]
    NoRoot(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A `package.json` is not what it should be.
    #[error("{path}: {message}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Which key or line, and what was expected.
        message: String,
    },
    /// Two packages have the same name.
    #[error("{first} and {second} both name their package \"{name}\"; rename one of them")]
    Duplicate {
        /// The shared name.
        name: String,
        /// One manifest.
        first: PathBuf,
        /// The other manifest.
        second: PathBuf,
    },
    /// A package has a configuration of its own.
    #[error(
        "{0}: configurations of packages are not supported; write \"package#task\" into the root's turbo.json"
    )]
    PackageConfig(PathBuf),
    /// The root names no packages.
    #[error("{0}: no \"workspaces\" list; add for example \"workspaces\": [\"apps/*\", \"packages/*\"]")]
    NoWorkspaces(PathBuf),
}

/// A repository: its root, its configuration, its packages.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Absolute path of the root folder.
    pub root: PathBuf,
    /// What `turbo.json` says.
    pub config: TurboConfig,
    /// Packages by name.
    pub packages: BTreeMap<String, Package>,
}

/// One package of the workspace.
#[derive(Debug, Clone)]
pub struct Package {
    /// `name` of its `package.json`.
    pub name: String,
    /// Its folder, relative to the root, with `/`.
    pub dir: String,
    /// Scripts by task name.
    pub scripts: BTreeMap<String, String>,
    /// Names of packages of this workspace that it depends on.
    pub dependencies: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Manifest {
    name: Option<String>,
    #[serde(default)]
    scripts: BTreeMap<String, String>,
    #[serde(default)]
    workspaces: Option<Workspaces>,
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
    #[serde(default, rename = "devDependencies")]
    dev_dependencies: BTreeMap<String, String>,
    #[serde(default, rename = "optionalDependencies")]
    optional_dependencies: BTreeMap<String, String>,
}

/// npm and yarn 2+ write a list, yarn 1 may write an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Workspaces {
    List(Vec<String>),
    Object { packages: Vec<String> },
}

/// Finds the workspace that `start` lies in: the nearest folder upwards with a `turbo.json`.
pub fn discover(start: &Path) -> Result<Workspace, DiscoverError> {
    let start =
        start.canonicalize().map_err(|source| DiscoverError::Read { path: start.to_owned(), source })?;
    // A package may have a turbo.json, too, but no workspaces.
    let is_root = |dir: &&Path| {
        dir.join("turbo.json").is_file()
            && (!is_package_config(&dir.join("turbo.json")) || dir.parent().is_none())
    };
    let root =
        start.ancestors().find(is_root).ok_or_else(|| DiscoverError::NoRoot(start.clone()))?.to_owned();
    let config = TurboConfig::read(&root.join("turbo.json"))?;
    let root_manifest_path = root.join("package.json");
    let globs = match read_manifest(&root_manifest_path)?.workspaces {
        Some(Workspaces::List(list) | Workspaces::Object { packages: list }) => list,
        None => return Err(DiscoverError::NoWorkspaces(root_manifest_path)),
    };

    let mut manifests = BTreeMap::new();
    for dir in package_dirs(&root, &globs, &root_manifest_path)? {
        let path = root.join(&dir).join("package.json");
        if root.join(&dir).join("turbo.json").exists() {
            return Err(DiscoverError::PackageConfig(root.join(&dir).join("turbo.json")));
        }
        let manifest = read_manifest(&path)?;
        let name = manifest.name.clone().ok_or_else(|| DiscoverError::Manifest {
            path: path.clone(),
            message: "has no \"name\"; every package of a workspace needs one".to_owned(),
        })?;
        if let Some((first, _)) = manifests.insert(name.clone(), (dir, manifest)) {
            let first = root.join(first).join("package.json");
            return Err(DiscoverError::Duplicate { name, first, second: path });
        }
    }
    let names: BTreeSet<String> = manifests.keys().cloned().collect();
    let packages = manifests
        .into_iter()
        .map(|(name, (dir, manifest))| {
            let dependencies =
                [&manifest.dependencies, &manifest.dev_dependencies, &manifest.optional_dependencies]
                    .into_iter()
                    .flat_map(|map| map.keys())
                    .filter(|dependency| names.contains(*dependency))
                    .cloned()
                    .collect();
            (name.clone(), Package { name, dir, scripts: manifest.scripts, dependencies })
        })
        .collect();
    Ok(Workspace { root, config, packages })
}

/// A package's `turbo.json` says `extends`; one that cannot be read is reported as the root's.
fn is_package_config(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let value: Result<serde_json::Value, _> = jsonc_parser::parse_to_serde_value(&text, &Default::default());
    value.is_ok_and(|value| value.get("extends").is_some())
}

/// Folders below `root` that match `globs` and hold a `package.json`, relative, sorted.
fn package_dirs(root: &Path, globs: &[String], manifest: &Path) -> Result<Vec<String>, DiscoverError> {
    let bad = |glob: &str, e: globset::Error| DiscoverError::Manifest {
        path: manifest.to_owned(),
        message: format!("\"workspaces\" has the pattern \"{glob}\", which is not a glob: {}", e.kind()),
    };
    let mut include = GlobSetBuilder::new();
    let mut exclude = GlobSetBuilder::new();
    for glob in globs {
        let (set, pattern) = match glob.strip_prefix('!') {
            Some(rest) => (&mut exclude, rest),
            None => (&mut include, glob.as_str()),
        };
        let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
        let glob = GlobBuilder::new(pattern).literal_separator(true).build().map_err(|e| bad(pattern, e))?;
        set.add(glob);
    }
    let include = include.build().map_err(|e| bad("", e))?;
    let exclude = exclude.build().map_err(|e| bad("", e))?;
    let walk = ignore::WalkBuilder::new(root)
        .hidden(true)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != "node_modules" && entry.file_name() != "target")
        .build();
    let mut dirs: Vec<String> = walk
        .flatten()
        .filter(|entry| entry.file_name() == "package.json")
        .filter_map(|entry| {
            let dir = entry.path().parent()?.strip_prefix(root).ok()?;
            let dir = dir.to_str()?.to_owned();
            (!dir.is_empty() && include.is_match(&dir) && !exclude.is_match(&dir)).then_some(dir)
        })
        .collect();
    dirs.sort();
    Ok(dirs)
}

fn read_manifest(path: &Path) -> Result<Manifest, DiscoverError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| DiscoverError::Read { path: path.to_owned(), source })?;
    serde_json::from_str(&text)
        .map_err(|e| DiscoverError::Manifest { path: path.to_owned(), message: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn packages_and_their_inner_dependencies_are_found() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "turbo.json", r#"{"tasks":{"build":{}}}"#);
        write(dir.path(), "package.json", r#"{"workspaces":["apps/*","packages/*","!packages/old"]}"#);
        write(
            dir.path(),
            "apps/web/package.json",
            r#"{"name":"web","dependencies":{"@s/ui":"*","react":"1"},"scripts":{"build":"true"}}"#,
        );
        write(dir.path(), "packages/ui/package.json", r#"{"name":"@s/ui"}"#);
        write(dir.path(), "packages/old/package.json", r#"{"name":"old"}"#);
        let workspace = discover(&dir.path().join("apps/web")).unwrap();
        assert_eq!(workspace.packages.keys().collect::<Vec<_>>(), ["@s/ui", "web"]);
        let web = &workspace.packages["web"];
        assert_eq!(web.dir, "apps/web");
        assert_eq!(web.dependencies.iter().collect::<Vec<_>>(), ["@s/ui"]);
    }

    #[test]
    fn equal_names_are_refused_with_both_files() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "turbo.json", "{}");
        write(dir.path(), "package.json", r#"{"workspaces":["p/*"]}"#);
        write(dir.path(), "p/a/package.json", r#"{"name":"x"}"#);
        write(dir.path(), "p/b/package.json", r#"{"name":"x"}"#);
        let text = discover(dir.path()).unwrap_err().to_string();
        assert!(text.contains("p/a/package.json") && text.contains("p/b/package.json"), "{text}");
    }

    #[test]
    fn a_package_s_own_configuration_is_named_not_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "turbo.json", "{}");
        write(dir.path(), "package.json", r#"{"workspaces":["p/*"]}"#);
        write(dir.path(), "p/a/package.json", r#"{"name":"x"}"#);
        write(dir.path(), "p/a/turbo.json", r#"{"extends":["//"],"tasks":{}}"#);
        let error = discover(&dir.path().join("p/a")).unwrap_err();
        assert!(
            matches!(&error, DiscoverError::PackageConfig(path) if path.ends_with("p/a/turbo.json")),
            "{error}"
        );
    }

    #[test]
    fn a_folder_outside_any_repository_says_so() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(discover(dir.path()), Err(DiscoverError::NoRoot(_))));
    }
}
