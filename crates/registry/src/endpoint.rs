//! Where a registry is reached: its mirrors, then itself. Pure.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::settings::Settings;

/// One place to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `scheme://host[:port][/path]`, without `/v2`.
    pub(crate) base: String,
    /// Host and port, as credentials are looked up for it.
    pub(crate) registry: String,
    /// Authority of its certificate.
    pub(crate) ca: Option<PathBuf>,
}

impl Endpoint {
    pub(crate) fn is_plain(&self) -> bool {
        self.base.starts_with("http://")
    }
}

/// All places to ask for an image of `registry`, in order.
pub(crate) fn endpoints(settings: &Settings, registry: &str) -> Vec<Endpoint> {
    let own = settings.registry.get(registry);
    let mut list = Vec::new();
    for mirror in own.iter().flat_map(|own| &own.mirrors) {
        let base = mirror.trim_end_matches('/').trim_end_matches("/v2").to_owned();
        let host = base.split_once("://").map_or(base.as_str(), |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or(host).to_owned();
        let ca = settings.registry.get(&host).and_then(|of_mirror| of_mirror.ca.clone());
        list.push(Endpoint { base, registry: host, ca });
    }
    list.push(origin(settings, registry));
    list
}

/// The registry itself.
pub(crate) fn origin(settings: &Settings, registry: &str) -> Endpoint {
    let own = settings.registry.get(registry);
    let plain = own.and_then(|own| own.plain_http).unwrap_or_else(|| is_local(registry));
    let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
    Endpoint {
        base: format!("{}://{host}", if plain { "http" } else { "https" }),
        registry: registry.to_owned(),
        ca: own.and_then(|own| own.ca.clone()),
    }
}

/// This machine: what is sent there passes no network.
fn is_local(registry: &str) -> bool {
    let host = match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => registry.split(':').next().unwrap_or(registry),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bases(toml: &str, registry: &str) -> Vec<String> {
        let settings: Settings = toml::from_str(toml).unwrap();
        endpoints(&settings, registry).into_iter().map(|endpoint| endpoint.base).collect()
    }

    #[test]
    fn local_registries_speak_http_and_others_https() {
        for (registry, base) in [
            ("docker.io", "https://registry-1.docker.io"),
            ("ghcr.io", "https://ghcr.io"),
            ("localhost:5000", "http://localhost:5000"),
            ("localhost", "http://localhost"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("[::1]:5000", "http://[::1]:5000"),
            ("10.0.0.1:5000", "https://10.0.0.1:5000"),
        ] {
            assert_eq!(bases("", registry), [base]);
        }
    }

    #[test]
    fn settings_decide() {
        let toml = r#"
            [registry."10.0.0.1:5000"]
            plain_http = true
            [registry."docker.io"]
            mirrors = ["http://10.0.0.1:5000/hub/", "https://mirror.example/v2"]
            [registry."mirror.example"]
            ca = "/ca.pem"
        "#;
        assert_eq!(bases(toml, "10.0.0.1:5000"), ["http://10.0.0.1:5000"]);
        assert_eq!(
            bases(toml, "docker.io"),
            ["http://10.0.0.1:5000/hub", "https://mirror.example", "https://registry-1.docker.io"]
        );
        let settings: Settings = toml::from_str(toml).unwrap();
        assert_eq!(endpoints(&settings, "docker.io")[1].ca, Some("/ca.pem".into()));
    }
}
