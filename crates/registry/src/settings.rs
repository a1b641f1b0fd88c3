//! `images.toml` in the cluster's folder: how registries are reached, and when unused images are collected.
//!
//! Everything is optional, and the file too. It is read anew for each use, so a change counts from the next pull on.
//!
//! ```toml
//! [registry."registry.example:5000"]
//! plain_http = true                      # no TLS; default for localhost and loopback addresses alone
//! ca = "/etc/ssl/registry-ca.pem"        # authority of its certificate, beside the system's
//! mirrors = ["https://mirror.example"]   # asked first, in this order; may end in a path
//!
//! [collection]
//! high_percent = 85                      # disk usage from which on unused images go
//! low_percent = 80                       # until it is this low
//! minimum_age_seconds = 120              # images known for a shorter time stay
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The file's name in the cluster's folder.
pub(crate) const FILE: &str = "images.toml";

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub(crate) registry: BTreeMap<String, Registry>,
    /// When unused images go.
    pub collection: Collection,
}

/// One registry.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Registry {
    pub(crate) plain_http: Option<bool>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) mirrors: Vec<String>,
}

/// When the node collects unused images; the defaults are the kubelet's.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Collection {
    /// Disk usage in percent from which on images are removed.
    pub high_percent: u8,
    /// Disk usage in percent down to which they are removed.
    pub low_percent: u8,
    /// Free bytes with which nothing is removed, whatever the percentage: 15 % of a large disk are plenty.
    pub enough_bytes: u64,
    /// Images that were first seen less than this many seconds ago stay.
    pub minimum_age_seconds: u64,
}

impl Default for Collection {
    fn default() -> Self {
        Self { high_percent: 85, low_percent: 80, enough_bytes: 10 << 30, minimum_age_seconds: 120 }
    }
}

/// Why the file is not usable.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It is there and cannot be read.
    #[error("cannot read {path}: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It says something that makes no sense.
    #[error("{path}: {why}", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What, with line and column where there is one.
        why: String,
    },
}

impl Settings {
    /// Reads the settings of the cluster in `home`; the defaults where there is no file.
    pub fn read(home: &Path) -> Result<Self, SettingsError> {
        let path = home.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).map_err(|why| SettingsError::Malformed { path, why }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(SettingsError::Read { path, source }),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let settings: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let Collection { high_percent, low_percent, .. } = settings.collection;
        if high_percent > 100 || low_percent > high_percent {
            return Err(format!(
                "collection: low_percent ({low_percent}) must not be above high_percent ({high_percent}), \
                 which must not be above 100"
            ));
        }
        for (name, registry) in &settings.registry {
            for mirror in &registry.mirrors {
                if !mirror.starts_with("http://") && !mirror.starts_with("https://") {
                    return Err(format!(
                        "registry.\"{name}\": mirror `{mirror}` must begin with https:// or http://"
                    ));
                }
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_optional() {
        let settings = Settings::parse("").unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!((settings.collection.high_percent, settings.collection.low_percent), (85, 80));
        assert_eq!(Settings::read(Path::new("/nonexistent")).unwrap(), settings);
    }

    #[test]
    fn nonsense_is_told() {
        for (text, part) in [
            ("[collection]\nhigh_percent = 50", "low_percent"),
            ("[registry.\"x\"]\nmirrors = [\"mirror\"]", "https://"),
            ("[registry.\"x\"]\ninsecure = true", "insecure"),
        ] {
            let error = Settings::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
