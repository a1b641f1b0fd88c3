//! A target's links, made to lead through the proxy. Pure.

/// What links are rewritten by.
pub(super) struct Links<'a> {
    /// Path of the proxy itself, without a slash at its end.
    pub(super) prefix: &'a str,
    /// Host and port of the target.
    pub(super) target: &'a str,
    /// The host that the client asked.
    pub(super) host: &'a str,
}

impl Links<'_> {
    /// A link as it has to be for the client. Those to other hosts, and those relative to the page, are right as they
    /// are.
    pub(super) fn rewrite(&self, link: &str) -> String {
        let (scheme, host, rest) = split(link);
        let own = host.is_empty() || host == self.target || host == self.host;
        if !own || !rest.starts_with('/') || (host.is_empty() && !scheme.is_empty()) {
            return link.to_owned();
        }
        let (path, query) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
        // The client's own address stays as it was written; the target's is nothing to the client.
        let before =
            if !host.is_empty() && host == self.host { format!("{scheme}//{host}") } else { String::new() };
        let leads_here = path == self.prefix || path.starts_with(&format!("{}/", self.prefix));
        let prefix = if leads_here { "" } else { self.prefix };
        format!("{before}{prefix}{path}{query}")
    }
}

/// Scheme (with its colon), host, and what follows.
fn split(link: &str) -> (&str, &str, &str) {
    let end = link
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))
        .unwrap_or(link.len());
    let has_scheme = link[end..].starts_with(':') && link.starts_with(|c: char| c.is_ascii_alphabetic());
    let (scheme, rest) = if has_scheme { link.split_at(end + 1) } else { ("", link) };
    match rest.strip_prefix("//") {
        Some(rest) => {
            let (host, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            (scheme, host, rest)
        }
        None => (scheme, "", rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_to_the_target_lead_through_the_proxy() {
        let prefix = "/api/v1/namespaces/a/pods/b/proxy";
        let links = Links { prefix, target: "10.0.0.1:80", host: "localhost:8001" };
        for (link, expected) in [
            ("/", "/api/v1/namespaces/a/pods/b/proxy/"),
            ("/x/y/?q=/z#f", "/api/v1/namespaces/a/pods/b/proxy/x/y/?q=/z#f"),
            ("http://10.0.0.1:80/x", "/api/v1/namespaces/a/pods/b/proxy/x"),
            ("//10.0.0.1:80/x", "/api/v1/namespaces/a/pods/b/proxy/x"),
            ("http://localhost:8001/x", "http://localhost:8001/api/v1/namespaces/a/pods/b/proxy/x"),
            ("/api/v1/namespaces/a/pods/b/proxy/x", "/api/v1/namespaces/a/pods/b/proxy/x"),
            ("x/y", "x/y"),
            ("?q", "?q"),
            ("#f", "#f"),
            ("", ""),
            ("http://example.com/x", "http://example.com/x"),
            ("mailto:a@b", "mailto:a@b"),
            ("javascript:/x/", "javascript:/x/"),
        ] {
            assert_eq!(links.rewrite(link), expected, "{link}");
        }
    }
}
