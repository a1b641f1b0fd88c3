//! What a cluster is made with: chosen at the first start, kept beside its state, the same ever after.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::layout::Home;

/// Names, ports and address ranges of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The cluster's name: kubeconfig context, nftables table, cgroup and device are named after it.
    pub name: String,
    /// The node's name.
    pub node: String,
    /// Port of the API server on 127.0.0.1 and on the node's address.
    pub api_port: u16,
    /// Addresses of pods; the first is the node's own.
    pub pod_cidr: String,
    /// Addresses of services; the first is the API server's, the tenth the name server's.
    pub service_cidr: String,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is damaged.
    #[error("{path} is damaged ({reason}); bring it back from a backup or delete the cluster")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A running or stopped cluster has other settings.
    #[error(
        "the cluster in {home} was made with {key} {existing}, not {wanted}; use it as it is, delete it first \
         (launchway cluster delete) or choose another folder with LAUNCHWAY_HOME"
    )]
    Different {
        /// The cluster's folder.
        home: PathBuf,
        /// Which setting.
        key: &'static str,
        /// Its value.
        existing: String,
        /// What was asked for.
        wanted: String,
    },
    /// A name that is no DNS label, or a range that is none.
    #[error("{key} \"{value}\" is not usable: {reason}")]
    Invalid {
        /// Which setting.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// What a user asked for; anything not said is the default or, for an existing cluster, what it has.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The cluster's name.
    pub name: Option<String>,
    /// Port of the API server.
    pub api_port: Option<u16>,
    /// Addresses of pods.
    pub pod_cidr: Option<String>,
    /// Addresses of services.
    pub service_cidr: Option<String>,
}

// === impl Settings ===

impl Settings {
    /// The settings of the cluster in `home`, made from `wanted` at the first call.
    pub fn open(home: &Home, wanted: &Wanted) -> Result<Self, SettingsError> {
        let Some(existing) = Self::read(home)? else {
            let settings = Self::make(wanted)?;
            settings.write(home)?;
            return Ok(settings);
        };
        let differs = |key, existing: String, wanted: Option<String>| match wanted {
            Some(wanted) if wanted != existing => {
                Err(SettingsError::Different { home: home.path().to_owned(), key, existing, wanted })
            }
            _ => Ok(()),
        };
        differs("name", existing.name.clone(), wanted.name.clone())?;
        differs("API port", existing.api_port.to_string(), wanted.api_port.map(|port| port.to_string()))?;
        differs("pod range", existing.pod_cidr.clone(), wanted.pod_cidr.clone())?;
        differs("service range", existing.service_cidr.clone(), wanted.service_cidr.clone())?;
        Ok(existing)
    }

    /// The settings of the cluster in `home`; `None` when there is no cluster.
    pub fn read(home: &Home) -> Result<Option<Self>, SettingsError> {
        let path = home.settings();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SettingsError::Io { action: "read", path, source }),
        };
        match serde_json::from_slice(&text) {
            Ok(settings) => Ok(Some(settings)),
            Err(e) => Err(SettingsError::Damaged { path, reason: e.to_string() }),
        }
    }

    fn make(wanted: &Wanted) -> Result<Self, SettingsError> {
        let settings = Self {
            name: wanted.name.clone().unwrap_or_else(|| "launchway".to_owned()),
            node: node_name(),
            api_port: wanted.api_port.unwrap_or(16443),
            pod_cidr: wanted.pod_cidr.clone().unwrap_or_else(|| "10.42.0.0/24".to_owned()),
            service_cidr: wanted.service_cidr.clone().unwrap_or_else(|| "10.43.0.0/16".to_owned()),
        };
        let is_label = |text: &str| {
            !text.is_empty()
                && text.len() <= 20
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !text.starts_with('-')
                && !text.ends_with('-')
        };
        if !is_label(&settings.name) {
            return Err(SettingsError::Invalid {
                key: "name",
                value: settings.name,
                reason: "use at most 20 small letters, digits and inner dashes",
            });
        }
        for (key, value) in [("pod range", &settings.pod_cidr), ("service range", &settings.service_cidr)] {
            if range(value).is_none() {
                let reason = "use an IPv4 network with a prefix of 8 to 28, for example 10.42.0.0/24";
                return Err(SettingsError::Invalid { key, value: value.clone(), reason });
            }
        }
        Ok(settings)
    }

    fn write(&self, home: &Home) -> Result<(), SettingsError> {
        use std::os::unix::fs::DirBuilderExt;
        let path = home.settings();
        let fail = |action, path: PathBuf| move |source| SettingsError::Io { action, path, source };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(home.path())
            .map_err(fail("create", home.path().to_owned()))?;
        let temporary = path.with_extension("json.new");
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other);
        text.and_then(|text| fs::write(&temporary, text))
            .and_then(|()| fs::File::open(&temporary)?.sync_all())
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(fail("write", path))
    }

    /// Address `offset` of the pod range (0 is the network itself).
    pub fn pod_address(&self, offset: u32) -> Ipv4Addr {
        nth(&self.pod_cidr, offset)
    }

    /// Address `offset` of the service range.
    pub fn service_address(&self, offset: u32) -> Ipv4Addr {
        nth(&self.service_cidr, offset)
    }

    /// The node's address towards its pods.
    pub fn node_address(&self) -> Ipv4Addr {
        self.pod_address(1)
    }

    /// The node's own device: a bridge without ports. At most 15 characters, as the kernel wants.
    pub fn device(&self) -> String {
        if self.name == "launchway" {
            "lw0".to_owned()
        } else {
            format!("lw-{}", self.name).chars().take(15).collect()
        }
    }

    /// The nftables table, family `inet`.
    pub fn table(&self) -> String {
        if self.name == "launchway" { self.name.clone() } else { format!("launchway-{}", self.name) }
    }

    /// The parent of all pods' cgroups.
    pub fn cgroup(&self) -> String {
        format!("/{}", self.table())
    }
}

/// This machine's host name in lower case, or `localhost`.
fn node_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    let usable =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if usable { name } else { "localhost".to_owned() }
}

/// Network and prefix of a range.
fn range(text: &str) -> Option<(Ipv4Addr, u32)> {
    let (address, prefix) = text.split_once('/')?;
    let (address, prefix): (Ipv4Addr, u32) = (address.parse().ok()?, prefix.parse().ok()?);
    let is_network = (8..=28).contains(&prefix) && address.to_bits().trailing_zeros() >= 32 - prefix;
    is_network.then_some((address, prefix))
}

fn nth(range_text: &str, offset: u32) -> Ipv4Addr {
    // Ranges are checked when settings are made; a damaged one gives addresses that fail to bind, loudly.
    let base = range(range_text).map_or(Ipv4Addr::UNSPECIFIED, |(address, _)| address);
    Ipv4Addr::from_bits(base.to_bits().wrapping_add(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_stay_as_they_were_made() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("home"));
        assert!(Settings::read(&home).unwrap().is_none());
        let made = Settings::open(&home, &Wanted { api_port: Some(7000), ..Wanted::default() }).unwrap();
        assert_eq!(made.node_address(), Ipv4Addr::new(10, 42, 0, 1));
        assert_eq!(made.service_address(10), Ipv4Addr::new(10, 43, 0, 10));
        assert_eq!(Settings::open(&home, &Wanted::default()).unwrap(), made);
        let error = Settings::open(&home, &Wanted { api_port: Some(7001), ..Wanted::default() }).unwrap_err();
        assert!(error.to_string().contains("API port 7000, not 7001"), "{error}");
    }

    #[test]
    fn bad_names_and_ranges_are_refused() {
        for wanted in [
            Wanted { name: Some("Bad_Name".to_owned()), ..Wanted::default() },
            Wanted { pod_cidr: Some("10.42.0.1/24".to_owned()), ..Wanted::default() },
            Wanted { service_cidr: Some("fd00::/64".to_owned()), ..Wanted::default() },
        ] {
            assert!(matches!(Settings::make(&wanted), Err(SettingsError::Invalid { .. })), "{wanted:?}");
        }
    }

    #[test]
    fn names_of_devices_fit_the_kernel() {
        let wanted = Wanted { name: Some("a-rather-long-name".to_owned()), ..Wanted::default() };
        assert!(Settings::make(&wanted).unwrap().device().len() <= 15);
    }
}
