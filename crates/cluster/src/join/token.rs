//! What a machine needs to join, in one word: a bootstrap token, the hash of the cluster's authority, an address.
//!
//! `abcdef.0123456789abcdef:sha256:HEX@HOST:PORT`. The first part is a bootstrap token as Kubernetes has it; the
//! second is the SHA-256 of the authority's public key (its SubjectPublicKeyInfo), as kubeadm pins it; the third,
//! where the API server is, may be missing.

use std::fmt;
use std::str::FromStr;

use ring::rand::{SecureRandom, SystemRandom};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Length of a token's public and secret part.
const LENGTHS: (usize, usize) = (6, 16);

/// SHA-256 of an authority's public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; 32]);

/// All that a machine needs to join.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// The bootstrap token's public part, by which it is listed and removed.
    pub id: String,
    secret: String,
    /// Who signs the API server's certificate.
    pub pin: Pin,
    /// `HOST:PORT` of the API server.
    pub server: Option<String>,
}

/// A text is no join token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no join token ({0}); `launchway cluster token create` on the first machine prints one")]
pub struct BadToken(&'static str);

// === impl Pin ===

impl Pin {
    /// The pin of a certificate (DER); `None` if it is none.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let digest = ring::digest::digest(&ring::digest::SHA256, parsed.public_key().raw);
        digest.as_ref().try_into().ok().map(Self)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Pin {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let bad = BadToken("the authority's hash is sha256: and 64 hexadecimal digits");
        let digits = text.strip_prefix("sha256:").map(str::as_bytes).filter(|digits| digits.len() == 64);
        let mut pin = [0; 32];
        for (byte, pair) in pin.iter_mut().zip(digits.ok_or(bad.clone())?.chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (high, low) = digit(pair[0]).zip(digit(pair[1])).ok_or(bad.clone())?;
            *byte = high << 4 | low;
        }
        Ok(Self(pin))
    }
}

// === impl JoinToken ===

impl JoinToken {
    /// A new token with random parts.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn random(pin: Pin, server: Option<String>) -> std::io::Result<Self> {
        let (mut text, random) = (String::new(), SystemRandom::new());
        while text.len() < LENGTHS.0 + LENGTHS.1 {
            let mut bytes = [0; 32];
            random.fill(&mut bytes).map_err(|_| std::io::Error::other("no random numbers"))?;
            // 252 is the largest multiple of 36 in a byte: every character is as likely as the others.
            let fair = bytes.into_iter().filter(|byte| *byte < 252).map(|byte| u32::from(byte) % 36);
            text.extend(fair.filter_map(|digit| char::from_digit(digit, 36)));
        }
        let (id, rest) = text.split_at(LENGTHS.0);
        Ok(Self { id: id.to_owned(), secret: rest[..LENGTHS.1].to_owned(), pin, server })
    }

    /// The secret part.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What goes into an Authorization header.
    pub fn bearer(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.bearer(), self.pin)?;
        self.server.iter().try_for_each(|server| write!(f, "@{server}"))
    }
}

impl fmt::Debug for JoinToken {
    /// Without the secret, which must not slip into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken")
            .field("id", &self.id)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl FromStr for JoinToken {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let (rest, server) = match text.trim().split_once('@') {
            Some((rest, server)) => (rest, Some(server.to_owned())),
            None => (text.trim(), None),
        };
        let (bearer, pin) =
            rest.split_once(':').ok_or(BadToken("the hash of the cluster's authority is missing"))?;
        let is_part = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        let parts = bearer
            .split_once('.')
            .filter(|(id, secret)| is_part(id, LENGTHS.0) && is_part(secret, LENGTHS.1));
        let (id, secret) =
            parts.ok_or(BadToken("it begins with six characters, a dot and sixteen characters"))?;
        if server.as_deref().is_some_and(|server| !is_address(server)) {
            return Err(BadToken("the address at its end is HOST:PORT"));
        }
        Ok(Self { id: id.to_owned(), secret: secret.to_owned(), pin: pin.parse()?, server })
    }
}

/// Whether a text is `HOST:PORT`.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b))
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back() {
        let pin: Pin = format!("sha256:{}", "0f".repeat(32)).parse().unwrap();
        for server in [None, Some("192.0.2.1:16443".to_owned()), Some("[fd00::1]:6443".to_owned())] {
            let token = JoinToken::random(pin, server).unwrap();
            assert_eq!(token.to_string().parse(), Ok(token.clone()), "{token}");
            assert!(!format!("{token:?}").contains(token.secret()));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let pin = format!("sha256:{}", "0f".repeat(32));
        for (text, word) in [
            ("".to_owned(), "hash"),
            ("abcdef.0123456789abcdef".to_owned(), "hash"),
            (format!("abcdef.0123:{pin}"), "sixteen"),
            (format!("ABCDEF.0123456789abcdef:{pin}"), "six"),
            (format!("abcdef.0123456789abcdef:{pin}0"), "64"),
            (format!("abcdef.0123456789abcdef:sha256:{}", "xy".repeat(32)), "64"),
            (format!("abcdef.0123456789abcdef:{pin}@host"), "HOST:PORT"),
            (format!("abcdef.0123456789abcdef:{pin}@ho st:1"), "HOST:PORT"),
        ] {
            let error = text.parse::<JoinToken>().unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("token create"), "{text}: {error}");
        }
    }
}
