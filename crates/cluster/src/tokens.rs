//! Tokens with which machines join: bootstrap tokens as Kubernetes has them, each a Secret in `kube-system`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::join::{JoinToken, Pin};
use crate::layout::Home;
use crate::settings::{Settings, SettingsError};

const NAMESPACE: &str = "kube-system";
const TYPE: &str = "bootstrap.kubernetes.io/token";
const PREFIX: &str = "bootstrap-token-";

/// Why tokens cannot be made, listed or removed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is no cluster here.
    #[error("there is no cluster in {0}; tokens are made on its first machine")]
    NoCluster(String),
    /// The authority cannot be read.
    #[error("the cluster's authority cannot be read: {0}")]
    Authority(String),
    /// There is no such token.
    #[error("there is no token {0}; `launchway cluster token list` shows those that there are")]
    Unknown(String),
    /// Settings cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// No random numbers.
    #[error("a token cannot be made: {0}")]
    Random(#[from] std::io::Error),
    /// The API server refused.
    #[error("API server: {0}")]
    Api(#[from] kube::Error),
}

/// A token that was made.
#[derive(Debug)]
pub struct Made {
    /// What a machine needs to join.
    pub token: JoinToken,
    /// Whether the API server listens for this machine alone.
    pub only_here: bool,
}

/// A token that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its public part.
    pub id: String,
    /// When it ends, RFC 3339, or `never`.
    pub expires: String,
    /// What it is for.
    pub description: String,
}

/// Makes a token for the cluster in `home` that ends after `ttl`.
pub async fn create(
    home: &Home,
    client: &Client,
    ttl: Duration,
    description: &str,
) -> Result<Made, TokenError> {
    let settings = Settings::read(home)?;
    let settings = settings.ok_or_else(|| TokenError::NoCluster(home.path().display().to_string()))?;
    let file = home.pki().join("ca.crt");
    let authority = CertificateDer::from_pem_file(&file).map_err(|e| TokenError::Authority(e.to_string()))?;
    let unusable = || TokenError::Authority(format!("{} holds no certificate", file.display()));
    let pin = Pin::of(&authority).ok_or_else(unusable)?;
    let server = format!("{}:{}", settings.internal_address(), settings.api_port);
    let token = JoinToken::random(pin, Some(server))?;
    let end = Timestamp::try_from(SystemTime::now() + ttl).unwrap_or(Timestamp::MAX);
    let end = end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let data: BTreeMap<String, ByteString> = [
        ("token-id", token.id.as_str()),
        ("token-secret", token.secret()),
        ("expiration", end.as_str()),
        ("description", description),
        ("usage-bootstrap-authentication", "true"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), ByteString(value.into())))
    .collect();
    let secret = Secret {
        metadata: ObjectMeta { name: Some(format!("{PREFIX}{}", token.id)), ..ObjectMeta::default() },
        type_: Some(TYPE.to_owned()),
        data: Some(data),
        ..Secret::default()
    };
    secrets(client).create(&PostParams::default(), &secret).await?;
    Ok(Made { token, only_here: settings.listen.is_none() })
}

/// The tokens that have not expired, the next to expire first.
pub async fn list(client: &Client) -> Result<Vec<Listed>, TokenError> {
    let found = secrets(client).list(&ListParams::default().fields(&format!("type={TYPE}"))).await?;
    let mut listed: Vec<Listed> = found.items.iter().map(listed).collect();
    let now = Timestamp::now();
    listed.retain(|one| !one.expires.parse::<Timestamp>().is_ok_and(|end| end <= now));
    listed.sort_by(|a, b| (&a.expires, &a.id).cmp(&(&b.expires, &b.id)));
    Ok(listed)
}

/// Removes the token with this public part.
pub async fn remove(client: &Client, id: &str) -> Result<(), TokenError> {
    match secrets(client).delete(&format!("{PREFIX}{id}"), &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Err(TokenError::Unknown(id.to_owned())),
        other => Ok(other.map(drop)?),
    }
}

fn secrets(client: &Client) -> Api<Secret> {
    Api::namespaced(client.clone(), NAMESPACE)
}

fn listed(secret: &Secret) -> Listed {
    let data = |key: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key));
        bytes.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()).unwrap_or_default()
    };
    let expires = Some(data("expiration")).filter(|end| !end.is_empty());
    Listed {
        id: data("token-id"),
        expires: expires.unwrap_or_else(|| "never".to_owned()),
        description: data("description"),
    }
}
