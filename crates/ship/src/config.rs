//! `launchway.toml`: small, every key with a default, unknown keys refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Why a `launchway.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there.
    #[error("{0} does not exist; a file with the one line `name = \"my-project\"` is enough to start with")]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Wrong syntax, key or type; the message shows the line.
    #[error("{path}: {message}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        message: String,
    },
}

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectConfig {
    /// Name of the project: namespace and prefix of its images. Default: the folder's name.
    pub name: Option<String>,
    /// The database; none means no migrations.
    pub database: Option<DatabaseConfig>,
    /// Applications by name. Default: one for every package below `apps/`.
    #[serde(default)]
    pub apps: BTreeMap<String, AppConfig>,
}

/// `[database]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:/folder/file` (the folder becomes a volume) or `postgres://…`. Applications find it in
    /// `DATABASE_URL`.
    pub url: String,
    /// Folder of the scripts, relative to the root. Default: `migrations`.
    pub migrations: Option<PathBuf>,
}

/// `[apps.NAME]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// The workspace package that makes it. Default: NAME.
    pub package: Option<String>,
    /// Folder of the package that goes into the image. Default: `dist`.
    pub output: Option<PathBuf>,
    /// The command, relative to the image's folder `/app`. Default: the one executable in the output folder.
    pub command: Option<Vec<String>>,
    /// Port it listens on, told to it in `PORT`. Default: 8080.
    pub port: Option<u16>,
    /// How many pods. Default: 1.
    pub replicas: Option<u32>,
    /// Path that answers 200 when it is ready. Default: an open port is enough.
    pub health: Option<String>,
    /// Port of the machine at which it is reached (30000 to 32767). Default: none, it is reached in the cluster.
    pub node_port: Option<u16>,
    /// Environment variables; kept in a ConfigMap.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Environment variables whose values come from the caller's environment: `NAME = "VARIABLE"`; kept in a Secret.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// Memory limit, for example `64Mi`. Default: none.
    pub memory: Option<String>,
    /// CPU limit, for example `500m`. Default: none.
    pub cpu: Option<String>,
}

impl ProjectConfig {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(ConfigError::Missing(path.to_owned()));
            }
            Err(source) => return Err(ConfigError::Read { path: path.to_owned(), source }),
        };
        toml::from_str(&text).map_err(|e| ConfigError::Shape {
            path: path.to_owned(),
            message: e.to_string().trim().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_show_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("launchway.toml");
        std::fs::write(&path, "name = \"x\"\n[apps.api]\nreplica = 2\n").unwrap();
        let text = ProjectConfig::read(&path).unwrap_err().to_string();
        assert!(text.contains("line 3") && text.contains("replica"), "{text}");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(ProjectConfig::read(&path), Err(ConfigError::Missing(_))));
    }
}
