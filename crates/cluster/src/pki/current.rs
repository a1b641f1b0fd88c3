//! An identity that is replaced while servers and clients use it: each handshake takes the one of that moment.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Authority, Identity, PkiError};

/// The identity of this moment; there may be none yet. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Current(Arc<RwLock<Option<Arc<CertifiedKey>>>>);

// === impl Current ===

impl Current {
    /// Begins with `identity`; see [`Current::set`].
    ///
    /// # Errors
    /// [`PkiError::Tls`] when key or certificate cannot be used.
    pub fn new(identity: &Identity, authority: Option<&Authority>) -> Result<Self, PkiError> {
        let current = Self::default();
        current.set(identity, authority)?;
        Ok(current)
    }

    /// Takes `identity` from now on. The certificate of `authority`, where there is one, is shown along with it: a
    /// machine that joins knows the authority by its hash and takes the certificate from there.
    ///
    /// # Errors
    /// [`PkiError::Tls`] when key or certificate cannot be used; the earlier one stays.
    pub fn set(&self, identity: &Identity, authority: Option<&Authority>) -> Result<(), PkiError> {
        let failed = |reason: String| PkiError::Tls { subject: "a rotating identity".into(), reason };
        let (mut chain, key) = identity.der().map_err(failed)?;
        if let Some(authority) = authority {
            chain.push(authority.der()?);
        }
        let provider = rustls::crypto::ring::default_provider();
        let key = provider.key_provider.load_private_key(key).map_err(|error| failed(error.to_string()))?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::new(CertifiedKey::new(chain, key)));
        Ok(())
    }

    fn get(&self) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.get()
    }
}

impl ResolvesClientCert for Current {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.get()
    }

    fn has_certs(&self) -> bool {
        self.get().is_some()
    }
}

/// When a certificate that is valid from `start` to `end` is to be replaced: after four fifths of its life, as
/// kubelets do it (70 to 90 per cent); one that is past that, because it was made so, after four fifths of what is
/// left. Always before its end, unless that is over.
pub fn renewal(start: SystemTime, end: SystemTime, now: SystemTime) -> SystemTime {
    let most = |span: Duration| span.mul_f64(0.8);
    let regular = start + most(end.duration_since(start).unwrap_or_default());
    if regular > now { regular } else { now + most(end.duration_since(now).unwrap_or_default()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_before_its_end() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(renewal(at(0), at(1000), at(10)), at(800));
        assert_eq!(renewal(at(0), at(1000), at(900)), at(980));
        assert_eq!(renewal(at(0), at(1000), at(2000)), at(2000));
    }
}
