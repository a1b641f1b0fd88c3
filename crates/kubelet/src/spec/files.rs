//! Content of `/etc/hosts`, `/etc/resolv.conf` and the host name of a pod. Pure.

use std::net::{IpAddr, Ipv4Addr};

use k8s_openapi::api::core::v1::{HostAlias, PodSpec};

/// The pod's host name: its own wish, or its name cut to what the kernel takes. A full name (`setHostnameAsFQDN`)
/// cannot be cut: one that is too long is an error.
pub(crate) fn hostname(name: &str, namespace: &str, spec: &PodSpec, domain: &str) -> Result<String, String> {
    let short = short_name(name, spec);
    match fqdn(short, namespace, spec, domain).filter(|_| spec.set_hostname_as_fqdn == Some(true)) {
        Some(full) if full.len() > 64 => Err(format!(
            "failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long (64 characters \
             is the max, {} characters requested)",
            full.len()
        )),
        Some(full) => Ok(full),
        None => Ok(short.to_owned()),
    }
}

fn short_name<'a>(name: &'a str, spec: &'a PodSpec) -> &'a str {
    if let Some(wish) = spec.hostname_override.as_deref().filter(|h| !h.is_empty()) {
        return wish;
    }
    let short = spec.hostname.as_deref().filter(|h| !h.is_empty()).unwrap_or(name);
    short.get(..63).unwrap_or(short).trim_end_matches(['-', '.'])
}

fn fqdn(host: &str, namespace: &str, spec: &PodSpec, domain: &str) -> Option<String> {
    if spec.hostname_override.as_ref().is_some_and(|h| !h.is_empty()) {
        return None;
    }
    let subdomain = spec.subdomain.as_deref().filter(|s| !s.is_empty())?;
    Some(format!("{host}.{subdomain}.{namespace}.svc.{domain}"))
}

/// `/etc/hosts` of a pod with its own network.
pub(crate) fn hosts(name: &str, namespace: &str, spec: &PodSpec, domain: &str, ips: &[IpAddr]) -> String {
    let mut text = String::from(
        "# Kubernetes-managed hosts file.\n\
         127.0.0.1\tlocalhost\n\
         ::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::0\tip6-localnet\n\
         fe00::0\tip6-mcastprefix\n\
         fe00::1\tip6-allnodes\n\
         fe00::2\tip6-allrouters\n",
    );
    let short = short_name(name, spec);
    let full = fqdn(short, namespace, spec, domain);
    for ip in ips {
        match &full {
            Some(full) => text.push_str(&format!("{ip}\t{full}\t{short}\n")),
            None => text.push_str(&format!("{ip}\t{short}\n")),
        }
    }
    push_aliases(&mut text, spec.host_aliases.as_deref().unwrap_or_default());
    text
}

/// `/etc/hosts` of a pod on the node's network: the node's own lines, marked, and the pod's aliases.
pub(crate) fn hosts_of_node(node: &str, spec: &PodSpec) -> String {
    let mut text = format!("# Kubernetes-managed hosts file (host network).\n{node}");
    push_aliases(&mut text, spec.host_aliases.as_deref().unwrap_or_default());
    text
}

fn push_aliases(text: &mut String, aliases: &[HostAlias]) {
    if aliases.is_empty() {
        return;
    }
    text.push_str("\n# Entries added by HostAliases.\n");
    for alias in aliases {
        text.push_str(&alias.ip);
        for name in alias.hostnames.iter().flatten() {
            text.push('\t');
            text.push_str(name);
        }
        text.push('\n');
    }
}

/// What a resolver is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolver {
    pub(crate) nameservers: Vec<String>,
    pub(crate) searches: Vec<String>,
    pub(crate) options: Vec<String>,
}

impl Resolver {
    /// Reads a resolv.conf; what is not understood is left out.
    pub(crate) fn parse(text: &str) -> Resolver {
        let mut out = Resolver::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => out.nameservers.extend(words.next().map(str::to_owned)),
                // The last one counts.
                Some("search" | "domain") => {
                    out.searches = words.filter(|w| *w != ".").map(str::to_owned).collect();
                }
                Some("options") => out.options = words.map(str::to_owned).collect(),
                _ => {}
            }
        }
        out
    }

    fn render(&self) -> String {
        let mut text = String::new();
        if !self.searches.is_empty() {
            text.push_str(&format!("search {}\n", self.searches.join(" ")));
        }
        for server in &self.nameservers {
            text.push_str(&format!("nameserver {server}\n"));
        }
        if !self.options.is_empty() {
            text.push_str(&format!("options {}\n", self.options.join(" ")));
        }
        text
    }
}

/// `/etc/resolv.conf` by the pod's DNS policy; `node` is what the node itself uses.
pub(crate) fn resolv_conf(
    namespace: &str,
    spec: &PodSpec,
    domain: &str,
    cluster_dns: Ipv4Addr,
    node: &Resolver,
) -> String {
    let host_network = spec.host_network == Some(true);
    let mut resolver = match (spec.dns_policy.as_deref().unwrap_or("ClusterFirst"), host_network) {
        ("None", _) => Resolver::default(),
        ("ClusterFirst", false) | ("ClusterFirstWithHostNet", _) => {
            let mut searches =
                vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.to_owned()];
            merge(&mut searches, &node.searches);
            Resolver {
                nameservers: vec![cluster_dns.to_string()],
                searches,
                options: vec!["ndots:5".to_owned()],
            }
        }
        _ => node.clone(),
    };
    if let Some(config) = &spec.dns_config {
        merge(&mut resolver.nameservers, config.nameservers.as_deref().unwrap_or_default());
        merge(&mut resolver.searches, config.searches.as_deref().unwrap_or_default());
        for option in config.options.iter().flatten() {
            let name = option.name.as_deref().unwrap_or_default();
            resolver.options.retain(|o| o.split(':').next() != Some(name));
            resolver.options.push(match option.value.as_deref() {
                Some(value) if !value.is_empty() => format!("{name}:{value}"),
                _ => name.to_owned(),
            });
        }
    }
    resolver.render()
}

fn merge(list: &mut Vec<String>, more: &[String]) {
    for item in more {
        if !list.contains(item) {
            list.push(item.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(value: serde_json::Value) -> PodSpec {
        let mut spec = json!({"containers": []});
        spec.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn host_names() {
        let name = |value| hostname("web-0", "shop", &spec(value), "cluster.local").unwrap();
        assert_eq!(name(json!({})), "web-0");
        assert_eq!(name(json!({"hostname": "db"})), "db");
        assert_eq!(name(json!({"hostname": "db", "subdomain": "s"})), "db");
        assert_eq!(
            name(json!({"hostname": "db", "subdomain": "s", "setHostnameAsFQDN": true})),
            "db.s.shop.svc.cluster.local"
        );
        let long = "a".repeat(62) + "-tail";
        assert_eq!(hostname(&long, "n", &spec(json!({})), "d").unwrap(), "a".repeat(62));
        let full = spec(json!({"subdomain": "sub", "setHostnameAsFQDN": true}));
        let error = hostname(&"a".repeat(60), "n", &full, "cluster.local").unwrap_err();
        assert!(error.contains("is too long (64 characters is the max, 84 characters requested)"), "{error}");
    }

    #[test]
    fn hosts_file() {
        let spec = spec(json!({"hostname": "db", "subdomain": "s",
            "hostAliases": [{"ip": "192.0.2.9", "hostnames": ["foo", "bar"]}]}));
        let text =
            hosts("p", "n", &spec, "cluster.local", &[[10, 42, 0, 5].into(), "fd00::5".parse().unwrap()]);
        assert!(text.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
        assert!(text.contains("10.42.0.5\tdb.s.n.svc.cluster.local\tdb\n"));
        assert!(text.ends_with("\n# Entries added by HostAliases.\n192.0.2.9\tfoo\tbar\n"));
        let node = hosts_of_node("127.0.0.1 localhost\n", &spec);
        assert!(node.starts_with("# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n"));
    }

    #[test]
    fn resolv_conf_by_policy() {
        let node = Resolver::parse("# c\nnameserver 192.0.2.53\nsearch corp.example .\noptions timeout:1\n");
        let dns = Ipv4Addr::new(10, 43, 0, 10);
        let conf = |value| resolv_conf("shop", &spec(value), "cluster.local", dns, &node);
        let cluster = "search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\n\
                       nameserver 10.43.0.10\noptions ndots:5\n";
        let own = "search corp.example\nnameserver 192.0.2.53\noptions timeout:1\n";
        assert_eq!(conf(json!({})), cluster);
        assert_eq!(conf(json!({"hostNetwork": true})), own);
        assert_eq!(conf(json!({"hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"})), cluster);
        assert_eq!(conf(json!({"dnsPolicy": "Default"})), own);
        assert_eq!(
            conf(json!({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["x.y"],
                "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}})),
            "search x.y\nnameserver 1.1.1.1\noptions ndots:2 edns0\n"
        );
    }
}
