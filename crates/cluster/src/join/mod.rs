//! Making this machine a node of a cluster elsewhere: find the cluster by its pin, ask for a certificate with a
//! short-lived token, remember what a node needs to know. Starting the node is [`crate::run_agent`]'s.
//!
//! Invariants: nothing is sent before the server has proved to be the pinned one; the node's private keys are made
//! here and never leave the machine; a join that fails leaves nothing behind.

mod discover;
mod token;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use k8s_openapi::api::core::v1::{ConfigMap, Node};
use kube::client::Body;
use kube::{Api, Client};
use tokio::net::UdpSocket;

use crate::agent::{AgentKeys, AgentSettings, Credentials, CsrError, Purpose, RemoteError, client, request};
use crate::bootstrap::FACTS;
use crate::facts::ClusterFacts;
use crate::layout::Home;
use crate::pki::PkiError;
use crate::settings::{Settings, SettingsError, node_name};

pub use token::{BadToken, JoinToken, Pin};

/// How a machine is to join.
#[derive(Debug, Clone)]
pub struct JoinOptions {
    /// What was given to it.
    pub token: JoinToken,
    /// `HOST:PORT` of the API server, if not as the token says.
    pub server: Option<String>,
    /// Name of the node; the machine's host name unless given.
    pub node: Option<String>,
    /// The node's address as others are to know it; the one towards the API server unless given.
    pub address: Option<Ipv4Addr>,
}

/// Why a machine did not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Not root.
    #[error("a node needs root, for namespaces, cgroups and network rules; run it with sudo")]
    NotRoot,
    /// There is something here already.
    #[error(
        "{home} belongs to {what} already; leave it first (launchway cluster delete) or set LAUNCHWAY_HOME"
    )]
    Taken {
        /// The folder.
        home: String,
        /// What is there.
        what: String,
    },
    /// Neither token nor option says where the API server is.
    #[error("the token does not say where the API server is; add --server HOST:PORT")]
    NoServer,
    /// The address is none.
    #[error("\"{0}\" is no address of an API server; it is HOST:PORT, for example 192.0.2.1:16443")]
    BadServer(String),
    /// Nobody answers there.
    #[error(
        "no API server at {server}: {reason}; it must be started with --listen and be reachable from this machine"
    )]
    Unreachable {
        /// The address.
        server: String,
        /// What happened.
        reason: String,
    },
    /// Somebody else answers there.
    #[error(
        "the server at {server} is not the one that the token is for: it does not show the authority {wanted}{}; get \
         a new token from the cluster that you mean, or look who answers at that address",
        also(shown)
    )]
    WrongPin {
        /// The address.
        server: String,
        /// The authority that the token means.
        wanted: Pin,
        /// The one that was seen.
        shown: Option<Pin>,
    },
    /// The server has another address.
    #[error(
        "the server at {server} is the cluster's, but not known under that address; start it with --listen there"
    )]
    WrongName {
        /// The address.
        server: String,
    },
    /// Certificates and this machine's clock contradict each other.
    #[error(
        "the clocks of this machine and of {server} do not agree ({reason}); set them, for example by NTP, and try again"
    )]
    Clock {
        /// The address.
        server: String,
        /// What was found.
        reason: String,
    },
    /// The token is not believed.
    #[error(
        "the token {id} has expired or was removed; make a new one with `launchway cluster token create`"
    )]
    Expired {
        /// Its public part.
        id: String,
    },
    /// Another node has the name.
    #[error(
        "there is a node {0} already, and it is alive; choose another name with --node-name, or remove that one with \
         `kubectl delete node {0}` once its machine has left"
    )]
    NameTaken(String),
    /// The name is none.
    #[error("\"{0}\" cannot be a node's name: use small letters, digits, dashes and dots")]
    BadName(String),
    /// The cluster does not publish what a node needs to know.
    #[error("the cluster does not say what a node needs to know ({0}); is it of the same version?")]
    Facts(String),
    /// The API server refused something.
    #[error("API server: {0}")]
    Api(#[from] kube::Error),
    /// There is no client.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// There is no certificate.
    #[error(transparent)]
    Certificate(#[from] CsrError),
    /// Keys cannot be kept.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// Settings cannot be kept.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

fn also(shown: &Option<Pin>) -> String {
    shown.map(|pin| format!(" but {pin}")).unwrap_or_default()
}

/// Makes the machine with the folder `home` a node; `step` hears how far it is.
pub async fn join(
    home: &Home,
    options: &JoinOptions,
    step: &mut dyn FnMut(&str),
) -> Result<AgentSettings, JoinError> {
    if !rustix::process::geteuid().is_root() {
        return Err(JoinError::NotRoot);
    }
    let taken = |what: String| JoinError::Taken { home: home.path().display().to_string(), what };
    if let Some(there) = Settings::read(home)? {
        return Err(taken(format!("the cluster {}", there.name)));
    }
    if let Some(there) = AgentSettings::read(home)? {
        return Err(taken(format!("the node {} of the cluster {}", there.node, there.cluster.name)));
    }
    let server = options.server.clone().or(options.token.server.clone()).ok_or(JoinError::NoServer)?;
    if !token::is_address(&server) {
        return Err(JoinError::BadServer(server));
    }
    let node = options.node.clone().unwrap_or_else(node_name);
    if !is_name(&node) {
        return Err(JoinError::BadName(node));
    }

    step("looking for the cluster");
    let authority = discover::authority(&server, options.token.pin).await?;
    let ca_pem = to_pem(&authority);
    let bearer = client(&server, &ca_pem, &Credentials::Bearer(options.token.bearer()))?;
    check_clock(&bearer, &server).await?;
    let cluster = facts(&bearer, &options.token.id).await?;
    check_name(&bearer, &node).await?;
    let address = match options.address {
        Some(address) => address,
        None => address_towards(&server).await?,
    };

    step("asking for a certificate");
    let identity = request(&bearer, &node, &Purpose::Client).await?;
    let settings = AgentSettings {
        cluster,
        node,
        server,
        address,
        pod_cidrs: Vec::new(),
        namespace: None,
        images: None,
    };
    AgentKeys::create(&home.pki(), &ca_pem, &identity)?;
    settings.write(home)?;
    Ok(settings)
}

fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= 63 && text.split('.').all(is_label)
}

fn to_pem(certificate: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// Compares this machine's clock with the server's.
async fn check_clock(client: &Client, server: &str) -> Result<(), JoinError> {
    let asked = http::Request::get("/version").body(Body::empty());
    let answer = client.send(asked.map_err(|error| JoinError::Facts(error.to_string()))?).await?;
    let date = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
    match discover::skew(date, SystemTime::now()) {
        Some(reason) => Err(JoinError::Clock { server: server.to_owned(), reason }),
        None => Ok(()),
    }
}

async fn facts(client: &Client, token: &str) -> Result<ClusterFacts, JoinError> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-system");
    let published = match api.get(FACTS).await {
        Ok(published) => published,
        Err(kube::Error::Api(status)) if status.code == 401 => {
            return Err(JoinError::Expired { id: token.to_owned() });
        }
        Err(error) => return Err(error.into()),
    };
    let text = published.data.as_ref().and_then(|data| data.get("cluster.json"));
    let text = text.ok_or_else(|| JoinError::Facts(format!("no cluster.json in ConfigMap {FACTS}")))?;
    serde_json::from_str(text).map_err(|error| JoinError::Facts(error.to_string()))
}

/// Refuses the name of a node that is alive: two machines of one name would fight over it.
async fn check_name(client: &Client, node: &str) -> Result<(), JoinError> {
    let there = Api::<Node>::all(client.clone()).get_opt(node).await?;
    let conditions = there.and_then(|node| node.status).and_then(|status| status.conditions);
    let is_ready =
        |one: &k8s_openapi::api::core::v1::NodeCondition| one.type_ == "Ready" && one.status == "True";
    if conditions.iter().flatten().any(is_ready) {
        return Err(JoinError::NameTaken(node.to_owned()));
    }
    Ok(())
}

/// This machine's address on the way to the server.
async fn address_towards(server: &str) -> Result<Ipv4Addr, JoinError> {
    let unreachable = |error: std::io::Error| JoinError::Unreachable {
        server: server.to_owned(),
        reason: error.to_string(),
    };
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.map_err(unreachable)?;
    // Nothing is sent: the kernel says which address it would send from.
    socket.connect(server).await.map_err(unreachable)?;
    match socket.local_addr().map_err(unreachable)? {
        SocketAddr::V4(address) => Ok(*address.ip()),
        SocketAddr::V6(_) => Err(JoinError::BadServer(server.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_hosts() {
        for (name, good) in
            [("lw-2", true), ("a.example", true), ("", false), ("-a", false), ("A", false), ("a..b", false)]
        {
            assert_eq!(is_name(name), good, "{name}");
        }
    }

    #[test]
    fn certificates_are_written_as_pem() {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        let bytes = vec![7; 100];
        let back = CertificateDer::from_pem_slice(to_pem(&bytes).as_bytes()).unwrap();
        assert_eq!(back.to_vec(), bytes);
    }
}
