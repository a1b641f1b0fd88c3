//! Keys and certificates of one cluster: the certificate authority, what it issued, and the service account key.
//!
//! Each identity is one PEM file under `<home>/pki` holding its private key and its certificate together, so that
//! a single rename replaces both: whatever moment the process dies at, a file is either the old pair or the new
//! one. [`Pki::open`] makes what is missing and renews what is about to expire, was issued by another authority
//! or no longer carries the wanted names; everything else it leaves byte for byte alone.
//!
//! Not here: kubeconfig files, and what an API server makes of a verified certificate.
//!
//! Invariant: a private key never reaches the disk in a file that others than its owner can open.

mod certificate;
mod current;
pub(crate) mod files;
mod tls;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::KeyPair;

pub(crate) use certificate::NodeRequest;
pub use certificate::{Authority, Identity};
use certificate::{CLOCK_SKEW, Purpose, Request};
pub use current::{Current, renewal};

/// Why the keys of a cluster could not be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificate authority's or the service account key's file does not hold what it must. These two are
    /// never replaced silently: every client that trusts them would be cut off.
    #[error("{} is damaged ({reason}): restore it from a backup, or delete the cluster to start anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate could not be built or signed.
    #[error("cannot issue a certificate for {subject}: {reason}")]
    Issue {
        /// The common name it was for.
        subject: String,
        /// What the library said.
        reason: String,
    },
    /// TLS settings could not be made from the keys.
    #[error("cannot set up TLS from the certificate of {subject}: {reason}")]
    Tls {
        /// The identity or authority used.
        subject: String,
        /// What the library said.
        reason: String,
    },
}

/// Names and addresses that the certificates of a cluster carry.
#[derive(Debug, Clone)]
pub struct Names {
    /// The node's name: a lower-case host name.
    pub node: String,
    /// The node's addresses on the pod network's side and elsewhere; the first is 10.42.0.1 unless configured.
    pub node_addresses: Vec<IpAddr>,
    /// Cluster address of the `kubernetes` Service, 10.43.0.1 unless configured.
    pub service_address: IpAddr,
    /// DNS domain of the cluster, `cluster.local` unless configured.
    pub cluster_domain: String,
    /// Further names under which users reach the API server.
    pub extra_names: Vec<String>,
    /// Further addresses under which users reach the API server.
    pub extra_addresses: Vec<IpAddr>,
    /// How long certificates live; those with less than a quarter of it left are renewed.
    pub lifetime: Duration,
}

impl Names {
    /// The names of a cluster with the default networks on the node `node`.
    pub fn new(node: impl Into<String>) -> Self {
        Self {
            node: node.into(),
            node_addresses: vec![IpAddr::V4(Ipv4Addr::new(10, 42, 0, 1))],
            service_address: IpAddr::V4(Ipv4Addr::new(10, 43, 0, 1)),
            cluster_domain: "cluster.local".into(),
            extra_names: Vec::new(),
            extra_addresses: Vec::new(),
            lifetime: LIFETIME,
        }
    }
}

/// All keys and certificates of one cluster, in memory.
#[derive(Debug, Clone)]
pub struct Pki {
    /// The cluster's certificate authority: issues every certificate below and verifies clients.
    pub authority: Authority,
    /// The API server's serving certificate.
    pub apiserver: Identity,
    /// The user's own client certificate: `launchway-admin` of group `system:masters`.
    pub admin: Identity,
    /// The node's client certificate: `system:node:<name>` of group `system:nodes`.
    pub node: Identity,
    /// The kubelet's serving certificate.
    pub kubelet: Identity,
    /// The certificate that the API server shows to kubelets: `kube-apiserver-kubelet-client`, no group; its
    /// rights come from the ClusterRoleBinding `kube-apiserver-kubelet-client`.
    pub kubelet_client: Identity,
    /// PEM (PKCS #8) of the ECDSA P-256 key that signs service account tokens (ES256).
    pub service_account_key: String,
}

/// Serving and client certificates live one year unless configured otherwise.
pub const LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

impl Pki {
    /// Opens the keys under `dir` (normally `<home>/pki`), making and renewing what is needed as of `now`.
    ///
    /// The caller holds the home folder's lock: two processes must not open the same folder at once.
    ///
    /// # Errors
    /// [`PkiError::Io`] for the file system's refusals, [`PkiError::Damaged`] for an unreadable authority or
    /// service account key, [`PkiError::Issue`] when a configured name cannot be put into a certificate.
    pub fn open(dir: &Path, names: &Names, now: SystemTime) -> Result<Self, PkiError> {
        files::prepare(dir)?;
        let authority = open_authority(dir, now)?;
        let service_account_key = open_signing_key(dir)?;
        let open = |file: &str, request: Request| {
            open_identity(dir, file, &authority, &request, names.lifetime, now)
        };

        let domain = &names.cluster_domain;
        let mut server_names: Vec<String> =
            ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"]
                .map(String::from)
                .to_vec();
        server_names.push(format!("kubernetes.default.svc.{domain}"));
        server_names.push(names.node.clone());
        server_names.extend(names.extra_names.iter().cloned());
        let mut server_addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), names.service_address];
        server_addresses.extend(&names.node_addresses);
        server_addresses.extend(&names.extra_addresses);

        let node_user = format!("system:node:{}", names.node);
        let apiserver = open(
            "apiserver.pem",
            Request::new("kube-apiserver", Purpose::Server).names(server_names).addresses(server_addresses),
        )?;
        let admin = open(
            "admin.pem",
            Request::new("launchway-admin", Purpose::Client).organization("system:masters"),
        )?;
        let node = open("node.pem", Request::new(&node_user, Purpose::Client).organization("system:nodes"))?;
        let kubelet = open(
            "kubelet.pem",
            Request::new(&node_user, Purpose::Server)
                .organization("system:nodes")
                .names(vec![names.node.clone()])
                .addresses(names.node_addresses.clone()),
        )?;
        let kubelet_client =
            open("kubelet-client.pem", Request::new("kube-apiserver-kubelet-client", Purpose::Client))?;
        Ok(Self { authority, apiserver, admin, node, kubelet, kubelet_client, service_account_key })
    }
}

impl Pki {
    /// When [`Pki::open`] has something to renew: as soon as less than a quarter of a certificate's life is left,
    /// and a second later, so that no rounding gets in the way.
    pub fn renewal(&self, now: SystemTime) -> SystemTime {
        let all = [&self.apiserver, &self.admin, &self.node, &self.kubelet, &self.kubelet_client];
        let due = |identity: &Identity| {
            let (start, end) = identity.validity();
            let life = end.duration_since(start + CLOCK_SKEW).unwrap_or_default();
            end - life / 4 + Duration::from_secs(1)
        };
        all.into_iter().map(due).min().unwrap_or(now).max(now)
    }
}

fn open_authority(dir: &Path, now: SystemTime) -> Result<Authority, PkiError> {
    let path = dir.join("ca.pem");
    let authority = match files::read(&path)? {
        Some(text) => Authority::parse(&text).map_err(|reason| PkiError::Damaged { path, reason })?,
        None => {
            let authority = Authority::create(now)?;
            files::write(&path, &authority.to_pem())?;
            authority
        }
    };
    // The certificate alone, for people and tools that want to trust the cluster; `ca.pem` stays the truth.
    let public = dir.join("ca.crt");
    if files::read(&public)?.as_deref() != Some(authority.certificate_pem()) {
        files::write(&public, authority.certificate_pem())?;
    }
    Ok(authority)
}

fn open_signing_key(dir: &Path) -> Result<String, PkiError> {
    let path = dir.join("service-account.pem");
    if let Some(text) = files::read(&path)? {
        return match KeyPair::from_pem(&text) {
            Ok(key) if key.is_compatible(&rcgen::PKCS_ECDSA_P256_SHA256) => Ok(text),
            Ok(_) => Err(PkiError::Damaged { path, reason: "not an ECDSA P-256 key".into() }),
            Err(error) => Err(PkiError::Damaged { path, reason: error.to_string() }),
        };
    }
    let key = certificate::generate_key("service accounts")?;
    let text = key.serialize_pem();
    files::write(&path, &text)?;
    Ok(text)
}

fn open_identity(
    dir: &Path,
    file: &str,
    authority: &Authority,
    request: &Request,
    lifetime: Duration,
    now: SystemTime,
) -> Result<Identity, PkiError> {
    let path = dir.join(file);
    if let Some(text) = files::read(&path)? {
        match Identity::parse(&text) {
            Ok(identity) if identity.satisfies(request, authority, now + lifetime / 4) => {
                return Ok(identity);
            }
            Ok(_) => tracing::info!(file = %path.display(), "renewing a certificate"),
            Err(reason) => tracing::warn!(file = %path.display(), reason, "replacing a damaged certificate"),
        }
    }
    let identity = authority.issue(request, now, lifetime)?;
    files::write(&path, &identity.to_pem())?;
    Ok(identity)
}

#[cfg(test)]
mod tests;
