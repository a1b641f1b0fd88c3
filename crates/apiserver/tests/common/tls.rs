//! The server on a TLS port of its own, and a kubeconfig for the real kubectl.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses a part")]

use super::Fixture;
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

/// A served fixture.
pub struct Served {
    pub url: String,
    pub stop: CancellationToken,
    pub done: tokio::task::JoinHandle<()>,
    dir: TempDir,
    connector: TlsConnector,
}

/// A certificate authority for one test.
pub struct Authority {
    pub pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test-ca");
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// A certificate for 127.0.0.1 and, as a client, for that user.
    pub fn sign(&self, name: &str, groups: &[&str]) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// A client's settings: this authority, and that identity.
    fn client(&self, certificate: Certificate, key: KeyPair) -> TlsConnector {
        TlsConnector::from(self.client_config(certificate, key))
    }

    /// The same for whoever connects by other means.
    pub fn client_config(&self, certificate: Certificate, key: KeyPair) -> Arc<rustls::ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap());
        Arc::new(config.unwrap())
    }

    /// A server's settings that believe this authority's clients; whether one must be shown.
    pub fn server(&self, must: bool) -> Arc<ServerConfig> {
        let (certificate, key) = self.sign("server", &[]);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let verifier = if must { verifier } else { verifier.allow_unauthenticated() };
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap());
        Arc::new(config.unwrap())
    }
}

pub async fn serve(fixture: &Fixture) -> Served {
    let authority = Authority::new();
    let (client_cert, client_key) = authority.sign("test-admin", &["system:masters"]);
    let tls = authority.server(false);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let server = fixture.server.clone();
    let token = stop.clone();
    let done = tokio::spawn(async move { server.serve(listener, tls, token).await });

    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (ca_file, cert_file, key_file) = (
        write("ca.crt", authority.pem.clone()),
        write("client.crt", client_cert.pem()),
        write("client.key", client_key.serialize_pem()),
    );
    write(
        "config",
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: t\n\
             clusters: [{{name: t, cluster: {{server: '{url}', certificate-authority: '{ca_file}'}}}}]\n\
             users: [{{name: t, user: {{client-certificate: '{cert_file}', client-key: '{key_file}'}}}}]\n\
             contexts: [{{name: t, context: {{cluster: t, user: t}}}}]\n"
        ),
    );
    Served { url, stop, done, dir, connector: authority.client(client_cert, client_key) }
}

/// What a kubectl run printed.
#[derive(Debug)]
pub struct Ran {
    pub success: bool,
    pub out: String,
    pub err: String,
}

impl Served {
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    /// A bare connection as the administrator.
    pub async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.url.trim_start_matches("https://")).await.unwrap();
        self.connector.connect("127.0.0.1".try_into().unwrap(), stream).await.unwrap()
    }

    /// Runs kubectl; `input` is its standard input.
    pub async fn kubectl(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = Command::new(std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".into()));
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .arg("--cache-dir")
            .arg(self.dir.path().join("cache"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let input = input.to_owned();
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().expect("kubectl is needed: install it or name it in KUBECTL");
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            Ran {
                success: output.status.success(),
                out: String::from_utf8_lossy(&output.stdout).into_owned(),
                err: String::from_utf8_lossy(&output.stderr).into_owned(),
            }
        })
        .await
        .unwrap()
    }

    /// The same, which must succeed.
    pub async fn ok(&self, arguments: &[&str], input: &str) -> String {
        let ran = self.kubectl(arguments, input).await;
        assert!(ran.success, "kubectl {arguments:?} failed: {ran:?}");
        ran.out
    }
}
