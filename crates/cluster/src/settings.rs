//! What a cluster is made with: chosen at the first start, kept beside its state, the same ever after.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::{Path, PathBuf};

use network::IpNet;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::facts::{ClusterFacts, nth};
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
    /// IPv6 addresses of pods; none in a cluster with IPv4 alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_cidr6: Option<String>,
    /// IPv6 addresses of services; there are both or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_cidr6: Option<String>,
    /// Addresses that Services of type LoadBalancer get: networks or first and last joined by a dash, separated by
    /// commas. None: they get those of the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_pool: Option<String>,
    /// How many nodes there are on this machine.
    #[serde(default = "one")]
    pub nodes: u32,
    /// Where the API server listens for other machines, too; 0.0.0.0 is everywhere. None: for this machine alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<Ipv4Addr>,
    /// How long a node may be silent before it counts as unreachable, in seconds.
    #[serde(default = "node_grace")]
    pub node_grace: u64,
    /// How long certificates live, in seconds.
    #[serde(default = "certificate_lifetime")]
    pub certificate_lifetime: u64,
}

fn one() -> u32 {
    1
}

/// Upstream's default.
fn node_grace() -> u64 {
    50
}

fn certificate_lifetime() -> u64 {
    crate::pki::LIFETIME.as_secs()
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
    /// A restore did not finish.
    #[error("a restore into {0} was interrupted: repeat `launchway cluster restore FILE`")]
    Restoring(PathBuf),
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
    /// A running cluster would have to be started again.
    #[error(
        "the running cluster has other settings; `launchway cluster stop`, then start it with the new ones (pods go on \
         running)"
    )]
    Restart,
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
    /// Addresses of pods: an IPv4 network, and after a comma an IPv6 network if there is to be one.
    pub pod_cidr: Option<String>,
    /// Addresses of services, in the same form.
    pub service_cidr: Option<String>,
    /// Addresses of Services of type LoadBalancer.
    pub load_balancer_pool: Option<String>,
    /// How many nodes there are to be on this machine.
    pub nodes: Option<u32>,
    /// Where the API server listens for other machines.
    pub listen: Option<Ipv4Addr>,
    /// How long a node may be silent, in seconds.
    pub node_grace: Option<u64>,
    /// How long certificates live, in seconds.
    pub certificate_lifetime: Option<u64>,
}

/// Ranges without a wish, IPv4 and IPv6. The latter are unique local addresses, as RFC 4193 wants them but for the
/// randomness: like 10.42.0.0/16 they are to be recognized.
const PODS: (&str, &str) = ("10.42.0.0/16", "fd00:10:42::/56");
const SERVICES: (&str, &str) = ("10.43.0.0/16", "fd00:10:43::/112");

// === impl Settings ===

impl Settings {
    /// The settings of the cluster in `home`, made from `wanted` at the first call.
    pub fn open(home: &Home, wanted: &Wanted) -> Result<Self, SettingsError> {
        let Some(existing) = Self::read(home)? else {
            if home.restoring().exists() {
                return Err(SettingsError::Restoring(home.path().to_owned()));
            }
            let settings = Self::make(wanted)?;
            write(home, &home.settings(), &settings)?;
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
        differs("pod range", both(&existing.pod_cidr, &existing.pod_cidr6), wanted.pod_cidr.clone())?;
        let services = both(&existing.service_cidr, &existing.service_cidr6);
        differs("service range", services, wanted.service_cidr.clone())?;
        let pool = existing.load_balancer_pool.clone().unwrap_or_else(|| "none".to_owned());
        differs("load balancer pool", pool, wanted.load_balancer_pool.clone())?;
        Ok(existing)
    }

    /// Takes over what may change from one start to the next: nodes on this machine, where the API server listens,
    /// times. The caller holds the lock of `home`.
    pub fn adapt(&mut self, home: &Home, wanted: &Wanted) -> Result<(), SettingsError> {
        let changed = self.changed(wanted);
        changed.check()?;
        if changed != *self {
            *self = changed;
            write(home, &home.settings(), self)?;
        }
        Ok(())
    }

    /// Whether a running cluster is as `wanted`; what differs can be changed by starting it again.
    pub fn check_running(&self, wanted: &Wanted) -> Result<(), SettingsError> {
        let changed = self.changed(wanted);
        changed.check()?;
        if changed == *self { Ok(()) } else { Err(SettingsError::Restart) }
    }

    fn changed(&self, wanted: &Wanted) -> Self {
        Self {
            nodes: wanted.nodes.unwrap_or(self.nodes),
            listen: wanted.listen.or(self.listen),
            node_grace: wanted.node_grace.unwrap_or(self.node_grace),
            certificate_lifetime: wanted.certificate_lifetime.unwrap_or(self.certificate_lifetime),
            ..self.clone()
        }
    }

    /// Whether the parts that may change fit the others.
    fn check(&self) -> Result<(), SettingsError> {
        let most = 1 + self.facts().local_nodes();
        if !(1..=most).contains(&self.nodes) {
            return Err(SettingsError::Invalid {
                key: "nodes",
                value: self.nodes.to_string(),
                reason: if most == 1 {
                    "the range of pod addresses has room for one node; use a wider one, for example 10.42.0.0/16"
                } else {
                    "use 1 to 15"
                },
            });
        }
        for (key, value, least) in
            [("node grace", self.node_grace, 5), ("certificate lifetime", self.certificate_lifetime, 10)]
        {
            if value < least {
                let reason = "it is too short: 5 s for the grace and 10 s for certificates are the least";
                return Err(SettingsError::Invalid { key, value: format!("{value}s"), reason });
            }
        }
        Ok(())
    }

    /// What all nodes have in common.
    pub fn facts(&self) -> ClusterFacts {
        ClusterFacts {
            name: self.name.clone(),
            pod_cidr: self.pod_cidr.clone(),
            service_cidr: self.service_cidr.clone(),
            pod_cidr6: self.pod_cidr6.clone(),
            service_cidr6: self.service_cidr6.clone(),
            node_grace: self.node_grace,
        }
    }

    /// The first node's address as others know it: where other machines reach the API server if they do, else
    /// its address towards its pods.
    pub fn internal_address(&self) -> Ipv4Addr {
        match self.listen {
            Some(address) if address.is_unspecified() => outward_address().unwrap_or(self.node_address()),
            Some(address) => address,
            None => self.node_address(),
        }
    }

    /// The settings of the cluster in `home`; `None` when there is no cluster.
    pub fn read(home: &Home) -> Result<Option<Self>, SettingsError> {
        read(home.settings())
    }

    fn make(wanted: &Wanted) -> Result<Self, SettingsError> {
        let ((pod_cidr, pod_cidr6), (service_cidr, service_cidr6)) = ranges(wanted)?;
        let settings = Self {
            name: wanted.name.clone().unwrap_or_else(|| "launchway".to_owned()),
            node: node_name(),
            api_port: wanted.api_port.unwrap_or(16443),
            pod_cidr,
            service_cidr,
            pod_cidr6,
            service_cidr6,
            load_balancer_pool: wanted.load_balancer_pool.clone(),
            nodes: wanted.nodes.unwrap_or(one()),
            listen: wanted.listen,
            node_grace: wanted.node_grace.unwrap_or(node_grace()),
            certificate_lifetime: wanted.certificate_lifetime.unwrap_or(certificate_lifetime()),
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
        for (key, value, (low, high), reason) in [
            (
                "pod range",
                &settings.pod_cidr6,
                (16, 96),
                "use an IPv6 network with a prefix of 16 to 96, for example fd00:10:42::/56",
            ),
            (
                "service range",
                &settings.service_cidr6,
                (64, 120),
                "use an IPv6 network with a prefix of 64 to 120, for example fd00:10:43::/112",
            ),
        ] {
            let Some(value) = value else { continue };
            let range = value.parse::<IpNet>().ok().filter(|range| !range.is_ipv4());
            if !range.is_some_and(|range| (low..=high).contains(&range.prefix())) {
                return Err(SettingsError::Invalid { key, value: value.clone(), reason });
            }
        }
        if let Some(pool) = &settings.load_balancer_pool
            && controllers::AddressPool::parse(pool).is_none()
        {
            return Err(SettingsError::Invalid {
                key: "load balancer pool",
                value: pool.clone(),
                reason: "use networks or ranges, for example 192.0.2.0/28,192.0.2.100-192.0.2.120",
            });
        }
        settings.check()?;
        Ok(settings)
    }

    /// Address `offset` of the pod range (0 is the network itself).
    pub fn pod_address(&self, offset: u32) -> Ipv4Addr {
        nth(&self.pod_cidr, offset)
    }

    /// Address `offset` of the service range.
    pub fn service_address(&self, offset: u32) -> Ipv4Addr {
        nth(&self.service_cidr, offset)
    }

    /// Address `offset` of the IPv6 service range, if there is one.
    pub fn service_address6(&self, offset: u32) -> Option<Ipv6Addr> {
        let range: IpNet = self.service_cidr6.as_ref()?.parse().ok()?;
        let IpAddr::V6(base) = range.network() else { return None };
        Some(Ipv6Addr::from_bits(base.to_bits() + u128::from(offset)))
    }

    /// The node's address towards its pods.
    pub fn node_address(&self) -> Ipv4Addr {
        self.pod_address(1)
    }
}

/// Reads the settings in a file; `None` when there is none.
pub(crate) fn read<T: DeserializeOwned>(path: PathBuf) -> Result<Option<T>, SettingsError> {
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

/// Writes settings by rename, making the folder if it is missing.
pub(crate) fn write<T: Serialize>(home: &Home, path: &Path, settings: &T) -> Result<(), SettingsError> {
    use std::os::unix::fs::DirBuilderExt;
    let fail = |action, path: &Path| {
        let path = path.to_owned();
        move |source| SettingsError::Io { action, path, source }
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(home.path())
        .map_err(fail("create", home.path()))?;
    let temporary = path.with_extension("json.new");
    let text = serde_json::to_vec_pretty(settings).map_err(io::Error::other);
    text.and_then(|text| fs::write(&temporary, text))
        .and_then(|()| fs::File::open(&temporary)?.sync_all())
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(fail("write", path))
}

/// The address that this machine has towards the rest of the world; nothing is sent to find out.
pub(crate) fn outward_address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address that documents use: it belongs to nobody, and so to the default route.
    socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// This machine's host name in lower case, or `localhost`.
pub(crate) fn node_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    let usable =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if usable { name } else { "localhost".to_owned() }
}

type Families = (String, Option<String>);

/// The ranges of pods and services. Whoever names ranges says with them which families there are; else the machine
/// does.
fn ranges(wanted: &Wanted) -> Result<(Families, Families), SettingsError> {
    let cut = |text: &String| match text.split_once(',') {
        Some((first, second)) => (first.trim().to_owned(), Some(second.trim().to_owned())),
        None => (text.clone(), None),
    };
    let (pods, services) = (wanted.pod_cidr.as_ref().map(cut), wanted.service_cidr.as_ref().map(cut));
    let dual = match (&pods, &services) {
        (Some((_, one)), Some((_, other))) if one.is_some() != other.is_some() => {
            return Err(SettingsError::Invalid {
                key: "service range",
                value: wanted.service_cidr.clone().unwrap_or_default(),
                reason: "name an IPv6 range for pods and one for services, or none at all",
            });
        }
        (Some((_, second)), _) | (None, Some((_, second))) => second.is_some(),
        (None, None) => network::sysctl::has_ipv6(),
    };
    let default = |(four, six): (&str, &str)| (four.to_owned(), dual.then(|| six.to_owned()));
    Ok((pods.unwrap_or_else(|| default(PODS)), services.unwrap_or_else(|| default(SERVICES))))
}

/// Both families' ranges as their user writes them.
fn both(first: &str, second: &Option<String>) -> String {
    second.iter().fold(first.to_owned(), |text, second| format!("{text},{second}"))
}

/// Network and prefix of a range.
fn range(text: &str) -> Option<(Ipv4Addr, u32)> {
    let (address, prefix) = text.split_once('/')?;
    let (address, prefix): (Ipv4Addr, u32) = (address.parse().ok()?, prefix.parse().ok()?);
    let is_network = (8..=28).contains(&prefix) && address.to_bits().trailing_zeros() >= 32 - prefix;
    is_network.then_some((address, prefix))
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
            Wanted { pod_cidr: Some("10.42.0.0/24,fd00::/8".to_owned()), ..Wanted::default() },
            Wanted { pod_cidr: Some("10.42.0.0/24,10.44.0.0/24".to_owned()), ..Wanted::default() },
            Wanted { load_balancer_pool: Some("many".to_owned()), ..Wanted::default() },
            Wanted {
                pod_cidr: Some("10.42.0.0/24,fd00::/56".to_owned()),
                service_cidr: Some("10.43.0.0/16".to_owned()),
                ..Wanted::default()
            },
        ] {
            assert!(matches!(Settings::make(&wanted), Err(SettingsError::Invalid { .. })), "{wanted:?}");
        }
    }

    #[test]
    fn ranges_say_which_families_there_are() {
        let make = |pods: Option<&str>| {
            let wanted = Wanted { pod_cidr: pods.map(str::to_owned), ..Wanted::default() };
            let made = Settings::make(&wanted).unwrap();
            (made.pod_cidr6.clone(), made.service_cidr6.clone(), made.service_address6(10))
        };
        assert_eq!(make(Some("10.52.0.0/24")), (None, None, None));
        let (pods, services, server) = make(Some("10.52.0.0/24,fd00:10:52::/56"));
        assert_eq!((pods.as_deref(), services.as_deref()), (Some("fd00:10:52::/56"), Some(SERVICES.1)));
        assert_eq!(server.unwrap().to_string(), "fd00:10:43::a");
    }

    #[test]
    fn nodes_and_times_may_change_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("home"));
        let mut made = Settings::open(&home, &Wanted::default()).unwrap();
        assert_eq!((made.nodes, made.internal_address()), (1, Ipv4Addr::new(10, 42, 0, 1)));
        let more = Wanted { nodes: Some(3), ..Wanted::default() };
        assert!(matches!(made.check_running(&more), Err(SettingsError::Restart)));
        made.adapt(&home, &more).unwrap();
        made.check_running(&more).unwrap();
        assert_eq!(Settings::read(&home).unwrap().unwrap().nodes, 3);
        for bad in [0, 16] {
            let wanted = Wanted { nodes: Some(bad), ..Wanted::default() };
            assert!(matches!(made.adapt(&home, &wanted), Err(SettingsError::Invalid { .. })), "{bad}");
        }
        let narrow =
            Wanted { pod_cidr: Some("10.52.0.0/24".to_owned()), nodes: Some(2), ..Wanted::default() };
        let error = Settings::make(&narrow).unwrap_err().to_string();
        assert!(error.contains("room for one node"), "{error}");
    }

    #[test]
    fn names_of_devices_fit_the_kernel() {
        let wanted = Wanted { name: Some("a-rather-long-name".to_owned()), ..Wanted::default() };
        let facts = Settings::make(&wanted).unwrap().facts();
        assert!(facts.device().len() <= 15 && facts.tunnel().len() <= 15);
    }
}
