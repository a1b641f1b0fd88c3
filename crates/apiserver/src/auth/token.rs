//! Service account tokens: JSON Web Tokens signed with ES256, and the documents by which others verify them.
//!
//! Signatures and times are checked here; whether account, pod, secret or node still exist is checked by
//! [`super::service_account`], since it needs the store.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

/// Bytes of a SubjectPublicKeyInfo before the point of a P-256 key.
const SPKI_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Signs and verifies the tokens of one issuer.
pub(crate) struct Signer {
    key: EcdsaKeyPair,
    key_id: String,
    issuer: String,
}

/// Why a token is not believed. The text goes to TokenReviews and logs; it never holds the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not made of three base64 parts with JSON in them.
    #[error("the token is malformed")]
    Malformed,
    /// Signed with another key or algorithm, or by another issuer.
    #[error("the token was not issued here")]
    Foreign,
    /// Not for this time.
    #[error("the token has expired or is not valid yet")]
    Expired,
    /// Not for this audience.
    #[error("token audiences {0:?} is invalid for the target audiences {1:?}")]
    Audience(Vec<String>, Vec<String>),
    /// What the token is bound to is gone.
    #[error("{0}")]
    Revoked(String),
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

// === impl Signer ===

impl Signer {
    /// Reads the key: PEM with PKCS #8, ECDSA P-256.
    pub(crate) fn new(pem: &[u8], issuer: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_slice(pem)? else {
            return Err("not in PKCS #8 form".into());
        };
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der(), &random)
            .map_err(|error| format!("not an ECDSA P-256 key: {error}"))?;
        let mut info = SPKI_HEAD.to_vec();
        info.extend_from_slice(key.public_key().as_ref());
        let key_id = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &info));
        Ok(Self { key, key_id, issuer: issuer.to_owned() })
    }

    /// A signed token with the claims and this issuer.
    pub(crate) fn sign(&self, mut claims: Value) -> Result<String, ring::error::Unspecified> {
        claims["iss"] = json!(self.issuer);
        let header = json!({"alg": "ES256", "kid": self.key_id});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token that this issuer signed, that is valid at `now` and meant for one of `audiences`;
    /// with them the audiences that both sides name.
    pub(crate) fn verify(
        &self,
        token: &str,
        audiences: &[String],
        now: u64,
    ) -> Result<(Value, Vec<String>), TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed);
        let json =
            |part: &str| serde_json::from_slice::<Value>(&decode(part)?).map_err(|_| TokenError::Malformed);
        let (header, signature) = (json(header)?, decode(signature)?);
        if header["alg"] != "ES256" || header["kid"] != self.key_id.as_str() {
            return Err(TokenError::Foreign);
        }
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key().as_ref());
        public.verify(signed.as_bytes(), &signature).map_err(|_| TokenError::Foreign)?;
        let claims = json(claims)?;
        if claims["iss"] != self.issuer.as_str() {
            return Err(TokenError::Foreign);
        }
        let time = |key: &str| claims.get(key).and_then(Value::as_u64);
        if time("exp").is_none_or(|end| now >= end) || time("nbf").is_some_and(|start| now < start) {
            return Err(TokenError::Expired);
        }
        let own: Vec<String> = match &claims["aud"] {
            Value::String(one) => vec![one.clone()],
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let shared: Vec<String> = own.iter().filter(|one| audiences.contains(one)).cloned().collect();
        if shared.is_empty() {
            return Err(TokenError::Audience(own, audiences.to_vec()));
        }
        Ok((claims, shared))
    }

    /// The public key as a JSON Web Key Set.
    pub(crate) fn key_set(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({"keys": [{"use": "sig", "kty": "EC", "kid": self.key_id, "crv": "P-256", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)}]})
    }

    /// The document at `/.well-known/openid-configuration`.
    pub(crate) fn discovery(&self, keys_url: &str) -> Value {
        json!({
            "issuer": self.issuer, "jwks_uri": keys_url,
            "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A fresh key in PEM.
    pub(crate) fn key() -> Vec<u8> {
        let der =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let body = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n").into_bytes()
    }

    fn audience() -> Vec<String> {
        vec!["api".into(), "other".into()]
    }

    #[test]
    fn what_was_signed_is_believed_in_its_time_and_place() {
        let signer = Signer::new(&key(), "issuer").unwrap();
        let token = signer.sign(json!({"sub": "a", "aud": ["api", "more"], "nbf": 100, "exp": 200})).unwrap();
        let (claims, shared) = signer.verify(&token, &audience(), 150).unwrap();
        assert_eq!((claims["sub"].as_str(), shared), (Some("a"), vec!["api".to_owned()]));
        assert_eq!(signer.verify(&token, &audience(), 99), Err(TokenError::Expired));
        assert_eq!(signer.verify(&token, &audience(), 200), Err(TokenError::Expired));
        assert!(matches!(signer.verify(&token, &["x".into()], 150), Err(TokenError::Audience(..))));
    }

    #[test]
    fn forgeries_are_not_believed() {
        let signer = Signer::new(&key(), "issuer").unwrap();
        let claims = json!({"sub": "a", "aud": ["api"], "exp": 200});
        let good = signer.sign(claims.clone()).unwrap();
        let stranger = Signer::new(&key(), "issuer").unwrap().sign(claims.clone()).unwrap();
        let renamed =
            Signer { issuer: "elsewhere".into(), ..Signer::new(&key(), "x").unwrap() }.sign(claims).unwrap();
        let parts: Vec<&str> = good.split('.').collect();
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let swapped =
            format!("{}.{}.{}", parts[0], encode(json!({"sub": "b", "aud": ["api"], "exp": 200})), parts[2]);
        let none = format!("{}.{}.", encode(json!({"alg": "none", "kid": signer.key_id})), parts[1]);
        for (token, error) in [
            (stranger.as_str(), TokenError::Foreign),
            (renamed.as_str(), TokenError::Foreign),
            (swapped.as_str(), TokenError::Foreign),
            (none.as_str(), TokenError::Foreign),
            ("", TokenError::Malformed),
            ("a.b", TokenError::Malformed),
            ("a.b.c", TokenError::Malformed),
        ] {
            assert_eq!(signer.verify(token, &audience(), 150), Err(error), "{token}");
        }
    }

    #[test]
    fn published_key_verifies_tokens() {
        let signer = Signer::new(&key(), "issuer").unwrap();
        let set = signer.key_set();
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(set["keys"][0][name].as_str().unwrap()).unwrap();
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let token = signer.sign(json!({})).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        assert!(public.verify(signed.as_bytes(), &signature).is_ok());
    }

    #[test]
    fn other_keys_are_refused_at_start() {
        assert!(Signer::new(b"nothing", "issuer").is_err());
    }
}
