//! Finding the authority of a cluster that is known by its pin alone: one TLS handshake.
//!
//! The API server shows its authority's certificate along with its own. It is believed if its public key has the
//! pinned hash, and if it signed the server's certificate for the address that was asked for. Nothing is sent
//! before that.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{JoinError, Pin};

/// A server must take the connection and shake hands within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the server at `HOST:PORT` shows, if it is the one that `pin` means: its authority's certificate (DER).
pub(super) async fn authority(server: &str, pin: Pin) -> Result<CertificateDer<'static>, JoinError> {
    let unreachable = |reason: String| JoinError::Unreachable { server: server.to_owned(), reason };
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|error| unreachable(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Pinned { pin, provider: provider.clone(), seen: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unreachable(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    let connect = async {
        let stream = TcpStream::connect(server).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    let connected = tokio::time::timeout(PATIENCE, connect).await;
    let seen = std::mem::take(&mut *verifier.seen.lock().unwrap_or_else(PoisonError::into_inner));
    let server = server.to_owned();
    match (connected, seen) {
        (Ok(Ok(_)), Seen::Authority(found)) => Ok(found),
        (_, Seen::Other(shown)) => Err(JoinError::WrongPin { server, wanted: pin, shown }),
        (_, Seen::BadTime(reason)) => Err(JoinError::Clock { server, reason }),
        (_, Seen::OtherName) => Err(JoinError::WrongName { server }),
        (Ok(Ok(_)), Seen::Nothing) => Err(unreachable("it showed no certificate".to_owned())),
        (Ok(Err(error)), _) => Err(unreachable(error.to_string())),
        (Err(_), _) => Err(unreachable(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

/// What became of a handshake.
#[derive(Debug, Default)]
enum Seen {
    #[default]
    Nothing,
    /// The pinned authority; the server's certificate is its.
    Authority(CertificateDer<'static>),
    /// No certificate with the pinned key; the last one had this.
    Other(Option<Pin>),
    /// The pinned authority's certificate is not valid at this machine's time.
    BadTime(String),
    /// It is for other addresses.
    OtherName,
}

#[derive(Debug)]
struct Pinned {
    pin: Pin,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Seen>,
}

impl Pinned {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> (Seen, Result<ServerCertVerified, rustls::Error>) {
        let unknown = || Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let Some(pinned) = intermediates.iter().find(|one| Pin::of(one) == Some(self.pin)) else {
            let shown = intermediates.last().unwrap_or(end_entity);
            return (Seen::Other(Pin::of(shown)), unknown());
        };
        let mut roots = RootCertStore::empty();
        let verifier = roots.add(pinned.clone().into_owned()).ok().and_then(|()| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone()).build().ok()
        });
        let Some(verifier) = verifier else { return (Seen::Nothing, unknown()) };
        let result = verifier.verify_server_cert(end_entity, &[], server_name, ocsp_response, now);
        let seen = match &result {
            Ok(_) => Seen::Authority(pinned.clone().into_owned()),
            Err(rustls::Error::InvalidCertificate(error)) => match error {
                CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
                | CertificateError::Expired
                | CertificateError::ExpiredContext { .. } => Seen::BadTime(error.to_string()),
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Seen::OtherName
                }
                _ => Seen::Nothing,
            },
            Err(_) => Seen::Nothing,
        };
        (seen, result)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (seen, result) = self.verify(end_entity, intermediates, server_name, ocsp_response, now);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// By how much this machine's clock is off, judged by the `Date` of a server's answer; `None` if the two agree
/// well enough for certificates, which begin some minutes before they are made.
pub(super) fn skew(date: Option<&str>, now: SystemTime) -> Option<String> {
    const TOLERATED: i64 = 240;
    let theirs = jiff::fmt::rfc2822::parse(date?).ok()?.timestamp().as_second();
    let ours = i64::try_from(now.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    let ahead = ours - theirs;
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    (ahead.abs() > TOLERATED).then(|| format!("this machine's clock is {} s {way} the server's", ahead.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Current, Names, Pki};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    /// Serves one handshake with the certificate of a fresh cluster made at `now`.
    async fn server(dir: &std::path::Path, now: SystemTime) -> (String, Pki) {
        let pki = Pki::open(dir, &Names::new("n1"), now).unwrap();
        let config = Current::new(&pki.apiserver, Some(&pki.authority))
            .unwrap()
            .server_config(&pki.authority)
            .unwrap();
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let _ = acceptor.accept(stream).await;
            }
        });
        (address, pki)
    }

    fn pin_of(pki: &Pki) -> Pin {
        use rustls::pki_types::pem::PemObject;
        Pin::of(&CertificateDer::from_pem_slice(pki.authority.certificate_pem().as_bytes()).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn the_pinned_authority_is_found_and_no_other() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (address, pki) = server(here.path(), SystemTime::now()).await;
        let (other, strangers) = server(there.path(), SystemTime::now()).await;
        let found = authority(&address, pin_of(&pki)).await.unwrap();
        assert_eq!(Pin::of(&found), Some(pin_of(&pki)));
        let error = authority(&other, pin_of(&pki)).await.unwrap_err();
        assert!(
            matches!(&error, JoinError::WrongPin { shown: Some(shown), .. } if *shown == pin_of(&strangers)),
            "{error}"
        );
        let error = authority("127.0.0.1:1", pin_of(&pki)).await.unwrap_err();
        assert!(matches!(error, JoinError::Unreachable { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_clock_that_is_off_and_another_name_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let late = SystemTime::now() + Duration::from_secs(3 * 24 * 3600);
        let (address, pki) = server(dir.path(), late).await;
        let error = authority(&address, pin_of(&pki)).await.unwrap_err();
        assert!(matches!(error, JoinError::Clock { .. }), "{error}");
        let dir = tempfile::tempdir().unwrap();
        let (address, pki) = server(dir.path(), SystemTime::now()).await;
        let alias = address.replace("127.0.0.1", "127.0.0.2");
        let error = authority(&alias, pin_of(&pki)).await.unwrap_err();
        assert!(matches!(error, JoinError::WrongName { .. }), "{error}");
    }

    #[test]
    fn clocks_are_compared_by_the_date_of_an_answer() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let date = Some("Thu, 01 Jan 1970 01:00:00 GMT");
        assert_eq!(skew(date, at(3600 + 200)), None);
        assert_eq!(skew(date, at(0)).unwrap(), "this machine's clock is 3600 s behind the server's");
        assert!(skew(date, at(7200)).unwrap().contains("3600 s ahead"));
        assert_eq!(skew(None, at(0)), None);
    }
}
