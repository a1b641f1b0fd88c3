//! Credentials in Docker's formats (`.dockerconfigjson`, `.dockercfg`) and which of them fit an image. Pure.
//!
//! The rules are the kubelet's: a key is a host, perhaps with port and path; `*`, `?` and `[…]` stand for parts of a
//! host's label; the path is a prefix of the image's; the longest key comes first.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

/// Who asks a registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Where it comes from, in words for messages: `secret default/pull`.
    pub source: String,
    /// User name; empty with a token.
    pub username: String,
    /// Password.
    pub password: String,
    /// Token to get tokens with, instead of a password.
    pub identity_token: Option<String>,
    /// Token that the registry takes as it is.
    pub registry_token: Option<String>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("source", &self.source)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Why a file or secret of credentials is not usable. Never quotes its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin} is not usable as credentials of registries: {why}")]
pub struct KeyringError {
    /// File or secret.
    pub origin: String,
    /// What is wrong.
    pub why: String,
}

/// Credentials by the registries they are for.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    entries: Vec<(String, Credential)>,
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "lowercase")]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl Keyring {
    /// No credentials.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what Docker's `config.json` has (and a secret of type `kubernetes.io/dockerconfigjson`).
    pub fn add_config(&mut self, origin: &str, bytes: &[u8]) -> Result<(), KeyringError> {
        let file: ConfigFile = parse(origin, bytes)?;
        self.add(origin, file.auths)
    }

    /// Adds what Docker's old `.dockercfg` has (and a secret of type `kubernetes.io/dockercfg`).
    pub fn add_old_config(&mut self, origin: &str, bytes: &[u8]) -> Result<(), KeyringError> {
        let auths = parse(origin, bytes)?;
        self.add(origin, auths)
    }

    /// Adds one credential for a registry, given as a key of those files.
    pub fn add_credential(&mut self, key: &str, credential: Credential) {
        self.entries.push((normalized(key), credential));
        // More of a path or host is more specific: such keys sort later.
        self.entries.sort_by(|a, b| b.0.cmp(&a.0));
    }

    fn add(&mut self, origin: &str, auths: BTreeMap<String, Auth>) -> Result<(), KeyringError> {
        for (key, auth) in auths {
            let bad = |why: String| KeyringError { origin: origin.to_owned(), why };
            let (mut username, mut password) =
                (auth.username.unwrap_or_default(), auth.password.unwrap_or_default());
            if let Some(encoded) = auth.auth.filter(|text| !text.is_empty()) {
                let text = encoded.trim();
                let bytes = STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text));
                let pair = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let pair = pair.and_then(|pair| {
                    let (user, password) = pair.split_once(':')?;
                    Some((user.to_owned(), password.trim_end_matches('\0').to_owned()))
                });
                (username, password) =
                    pair.ok_or_else(|| bad(format!("`auth` of `{key}` is not user:password in base64")))?;
            }
            let credential = Credential {
                source: origin.to_owned(),
                username,
                password,
                identity_token: auth.identitytoken.filter(|token| !token.is_empty()),
                registry_token: auth.registrytoken.filter(|token| !token.is_empty()),
            };
            let empty = credential.username.is_empty()
                && credential.identity_token.is_none()
                && credential.registry_token.is_none();
            // `docker login` with a credential helper leaves empty entries.
            if !empty {
                self.add_credential(&key, credential);
            }
        }
        Ok(())
    }

    /// Adds another keyring's.
    pub fn extend(&mut self, other: Keyring) {
        for (key, credential) in other.entries {
            self.add_credential(&key, credential);
        }
    }

    /// Credentials for an image of `registry` with this repository, the most specific key first.
    pub fn matching(&self, registry: &str, repository: &str) -> Vec<&Credential> {
        let registry = if registry == "docker.io" { "index.docker.io" } else { registry };
        let mut list: Vec<&Credential> = Vec::new();
        for (key, credential) in &self.entries {
            if fits(key, registry, repository) && !list.contains(&credential) {
                list.push(credential);
            }
        }
        list
    }
}

fn parse<T: for<'a> Deserialize<'a>>(origin: &str, bytes: &[u8]) -> Result<T, KeyringError> {
    serde_json::from_slice(bytes).map_err(|error| KeyringError {
        origin: origin.to_owned(),
        // Position alone: the text around it may be a password.
        why: format!("not Docker's JSON (line {}, column {})", error.line(), error.column()),
    })
}

/// Host, port and path of a key; the scheme and the API's version, which old files have, are dropped.
fn normalized(key: &str) -> String {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    match key.strip_prefix("docker.io") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("index.docker.io{rest}"),
        _ => key.to_owned(),
    }
}

fn fits(key: &str, registry: &str, repository: &str) -> bool {
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    let (host, port) = split_port(host);
    let (wanted_host, wanted_port) = split_port(registry);
    let labels: Vec<&str> = host.split('.').collect();
    let wanted: Vec<&str> = wanted_host.split('.').collect();
    port == wanted_port
        && labels.len() == wanted.len()
        && labels.iter().zip(&wanted).all(|(pattern, label)| glob(pattern.as_bytes(), label.as_bytes()))
        && repository.starts_with(path)
}

fn split_port(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => (name, port),
        _ => (host, ""),
    }
}

/// Shell patterns within one label.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        ([b'?', rest @ ..], [_, text @ ..]) => glob(rest, text),
        ([b'[', rest @ ..], [c, text @ ..]) => {
            let Some(end) = rest.iter().skip(1).position(|b| *b == b']').map(|at| at + 1) else {
                return false;
            };
            let (set, negated) = match &rest[..end] {
                [b'^' | b'!', set @ ..] => (set, true),
                set => (set, false),
            };
            in_set(set, *c) != negated && glob(&rest[end + 1..], text)
        }
        ([p, rest @ ..], [c, text @ ..]) => p == c && glob(rest, text),
        _ => false,
    }
}

fn in_set(set: &[u8], c: u8) -> bool {
    match set {
        [low, b'-', high, rest @ ..] => (*low..=*high).contains(&c) || in_set(rest, c),
        [one, rest @ ..] => *one == c || in_set(rest, c),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(keys: &[&str]) -> Keyring {
        let mut ring = Keyring::new();
        for key in keys {
            ring.add_credential(
                key,
                Credential {
                    source: "test".into(),
                    username: (*key).to_owned(),
                    password: "p".into(),
                    identity_token: None,
                    registry_token: None,
                },
            );
        }
        ring
    }

    fn users(ring: &Keyring, registry: &str, repository: &str) -> Vec<String> {
        ring.matching(registry, repository).iter().map(|c| c.username.clone()).collect()
    }

    #[test]
    fn keys_fit_as_the_kubelet_has_it() {
        for (key, registry, repository, expected) in [
            ("kubernetes.io", "kubernetes.io", "app", true),
            ("*.kubernetes.io", "prefix.kubernetes.io", "app", true),
            ("*.kubernetes.io", "kubernetes.io", "app", false),
            ("*.kubernetes.io", "a.b.kubernetes.io", "app", false),
            ("prefix*.io", "prefixed.io", "app", true),
            ("*.kubernetes.io/team", "x.kubernetes.io", "team/app", true),
            ("*.kubernetes.io/team", "x.kubernetes.io", "other/app", false),
            ("registry:5000", "registry:5000", "app", true),
            ("registry:5000", "registry", "app", false),
            ("registry", "registry:5000", "app", false),
            ("https://index.docker.io/v1/", "docker.io", "library/nginx", true),
            ("docker.io", "docker.io", "library/nginx", true),
            ("http://localhost:5000/v2/", "localhost:5000", "x", true),
            ("reg[0-9].io", "reg7.io", "x", true),
            ("reg[^0-9].io", "reg7.io", "x", false),
        ] {
            let found = !users(&ring(&[key]), registry, repository).is_empty();
            assert_eq!(found, expected, "{key} {registry}/{repository}");
        }
    }

    #[test]
    fn the_most_specific_key_comes_first() {
        let ring = ring(&["r.io", "r.io/team", "r.io/team/app"]);
        assert_eq!(users(&ring, "r.io", "team/app"), ["r.io/team/app", "r.io/team", "r.io"]);
        assert_eq!(users(&ring, "r.io", "other"), ["r.io"]);
    }

    #[test]
    fn both_formats_are_read_and_passwords_stay_out_of_messages() {
        let mut ring = Keyring::new();
        let auth = STANDARD.encode("bob:se:cret");
        let json = format!(r#"{{"auths":{{"a.io":{{"auth":"{auth}"}},"empty.io":{{}}}}}}"#);
        ring.add_config("secret x/y", json.as_bytes()).unwrap();
        ring.add_old_config("old", br#"{"b.io":{"username":"eve","password":"pw","email":"e@x"}}"#).unwrap();
        let found = ring.matching("a.io", "x")[0];
        assert_eq!((found.username.as_str(), found.password.as_str()), ("bob", "se:cret"));
        assert!(!format!("{found:?}").contains("se:cret"));
        assert_eq!(users(&ring, "b.io", "x"), ["eve"]);
        assert!(ring.matching("empty.io", "x").is_empty());
        for bad in [&br#"{"auths":{"a":{"auth":"!!secret"}}}"#[..], b"{\"auths\": hunter2"] {
            let error = ring.add_config("secret x/y", bad).unwrap_err().to_string();
            assert!(
                error.contains("secret x/y") && !error.contains("hunter2") && !error.contains("!!"),
                "{error}"
            );
        }
    }
}
