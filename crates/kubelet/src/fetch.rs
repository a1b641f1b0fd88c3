//! One HTTP(S) GET for probes and hooks: a connection of its own, no certificate check, a few redirects.
//!
//! Not verifying the server is upstream's documented behaviour: a probe asks whether the process answers, and pods
//! serve certificates for names that nobody can check at a pod's address.

use std::io;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// As much of an answer as is read; upstream reads no more either.
const BODY_LIMIT: usize = 10 * 1024;
const REDIRECTS: usize = 10;

/// Where and how to ask.
#[derive(Clone, Debug)]
pub(crate) struct Get {
    pub(crate) https: bool,
    /// Address to connect to: a pod's address or the host that the probe names.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path with query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Get {
    /// The address as a whole.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        let slash = if self.path.starts_with('/') { "" } else { "/" };
        format!("{scheme}://{}:{}{slash}{}", self.host, self.port, self.path)
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Asks once. Callers bound the time.
pub(crate) async fn get(request: &Get) -> Result<Answer, String> {
    let mut path = request.path.clone();
    for _ in 0..REDIRECTS {
        let (answer, location) = once(request, &path).await?;
        match location.as_deref().and_then(|to| same_host(to, &request.host)) {
            Some(to) => path = to,
            // A redirect elsewhere is an answer: the process is alive.
            None => return Ok(answer),
        }
    }
    Err(format!("stopped after {REDIRECTS} redirects"))
}

/// Path of a redirect that stays at this host.
fn same_host(location: &str, host: &str) -> Option<String> {
    let uri: Uri = location.parse().ok()?;
    if uri.host().is_some_and(|h| h != host) {
        return None;
    }
    uri.path_and_query().map(|p| p.as_str().to_owned())
}

async fn once(request: &Get, path: &str) -> Result<(Answer, Option<String>), String> {
    let failed = |text: String| format!("Get \"{}\": {text}", request.url());
    let stream = TcpStream::connect((request.host.as_str(), request.port))
        .await
        .map_err(|e| failed(dial_error(&request.host, request.port, &e)))?;
    if request.https {
        let name = ServerName::try_from(request.host.clone()).map_err(|e| e.to_string())?;
        let connector = tokio_rustls::TlsConnector::from(TLS.clone());
        let stream =
            connector.connect(name, stream).await.map_err(|e| failed(format!("TLS handshake: {e}")))?;
        exchange(stream, request, path).await.map_err(failed)
    } else {
        exchange(stream, request, path).await.map_err(failed)
    }
}

/// A connection that was not made, in the words of upstream's language.
pub(crate) fn dial_error(host: &str, port: u16, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connect: connection reset by peer".to_owned(),
        io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        io::ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        io::ErrorKind::TimedOut => "connect: connection timed out".to_owned(),
        _ => error.to_string(),
    };
    format!("dial tcp {host}:{port}: {why}")
}

async fn exchange<S>(stream: S, request: &Get, path: &str) -> Result<(Answer, Option<String>), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let text = |e: hyper::Error| if e.is_incomplete_message() { "EOF".to_owned() } else { e.to_string() };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let driver = AbortOnDrop(tokio::spawn(connection));
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let mut http = Request::get(path).body(Empty::<Bytes>::new()).map_err(|e| e.to_string())?;
    let headers = http.headers_mut();
    let host = format!("{}:{}", request.host, request.port);
    headers.insert(http::header::HOST, HeaderValue::from_str(&host).map_err(|e| e.to_string())?);
    headers.insert(http::header::USER_AGENT, HeaderValue::from_static("kube-probe/1.37"));
    headers.insert(http::header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in &request.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
        let value =
            HeaderValue::from_str(value).map_err(|_| format!("header {name} has an unusable value"))?;
        headers.insert(name, value);
    }
    let response = sender.send_request(http).await.map_err(text)?;
    let status = response.status().as_u16();
    let location =
        response.headers().get(http::header::LOCATION).and_then(|l| l.to_str().ok()).map(str::to_owned);
    let location = location.filter(|_| (300..400).contains(&status));
    let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await;
    drop(driver);
    // A body that is too long, or breaks off, does not change what the status said.
    let body = body.map(|b| String::from_utf8_lossy(&b.to_bytes()).into_owned()).unwrap_or_default();
    Ok((Answer { status, body }, location))
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let schemes = provider.signature_verification_algorithms.supported_schemes();
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    // The provider is ours and supports both versions; there is nothing in here that can fail.
    let builder = builder.unwrap_or_else(|_| ClientConfig::builder());
    Arc::new(
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(schemes)))
            .with_no_client_auth(),
    )
});

#[derive(Debug)]
struct Anybody(Vec<SignatureScheme>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn serve(answers: Vec<&'static str>) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 2048];
                let _ = stream.read(&mut buffer).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        port
    }

    fn request(port: u16) -> Get {
        Get { https: false, host: "127.0.0.1".into(), port, path: "healthz?x=1".into(), headers: vec![] }
    }

    #[tokio::test]
    async fn reads_status_and_body() {
        let port = serve(vec!["HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nbusy"]).await;
        let answer = get(&request(port)).await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (503, "busy"));
    }

    #[tokio::test]
    async fn follows_redirects_at_the_same_host_only() {
        let moved = "HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n";
        let port = serve(vec![moved, "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"]).await;
        assert_eq!(get(&request(port)).await.unwrap().status, 500);
        let away = "HTTP/1.1 302 Found\r\nlocation: http://example.com/\r\ncontent-length: 0\r\n\r\n";
        let port = serve(vec![away]).await;
        assert_eq!(get(&request(port)).await.unwrap().status, 302);
    }

    #[tokio::test]
    async fn says_what_did_not_answer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let Err(error) = get(&request(port)).await else { panic!("nobody listens") };
        assert!(error.contains("dial tcp") && error.contains(&port.to_string()), "{error}");
    }
}
