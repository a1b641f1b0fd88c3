//! Image references, read as containerd and Docker read them: `nginx` is `docker.io/library/nginx:latest`.

use std::fmt;

use crate::digest::Digest;
use crate::error::Error;

/// A reference with everything that is implied written out. Displays as `name:tag`, `name@digest` or a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Registry and repository; `None` if the reference is a digest alone.
    pub name: Option<String>,
    /// The tag; `latest` if the reference has neither tag nor digest.
    pub tag: Option<String>,
    /// The digest, which decides if there is one.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Registry host (perhaps with port) and repository; `None` if the reference is a digest alone.
    pub fn location(&self) -> Option<(&str, &str)> {
        self.name.as_deref()?.split_once('/')
    }

    /// Reads a reference.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |what: &str| Error::BadReference { reference: text.to_owned(), what: what.to_owned() };
        if text.starts_with("sha256:") {
            let digest = text.parse().map_err(|_| bad("a digest is sha256: and 64 lower-case hex digits"))?;
            return Ok(Self { name: None, tag: None, digest: Some(digest) });
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest = digest.parse().map_err(|_| bad("behind @ there must be a sha256 digest"))?;
                (rest, Some(digest))
            }
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let name_start = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[name_start..].rsplit_once(':') {
            Some((last, tag)) => (&rest[..name_start + last.len()], Some(tag)),
            None => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(bad("a tag has up to 128 letters, digits, `_`, `.` and `-`"));
        }
        let (registry, path) = match name.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (first, path),
            _ => ("docker.io", name),
        };
        let registry = if registry == "index.docker.io" { "docker.io" } else { registry };
        let valid_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if !registry.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
            || !registry.chars().all(valid_host)
        {
            return Err(bad("the registry is not a host name"));
        }
        if !path.split('/').all(is_component) {
            return Err(bad(
                "a name has lower-case letters and digits, joined by `.`, `_`, `__`, `-` or `/`",
            ));
        }
        let library = if registry == "docker.io" && !path.contains('/') { "library/" } else { "" };
        let name = format!("{registry}/{library}{path}");
        if name.len() > 255 {
            return Err(bad("a name has at most 255 characters"));
        }
        let tag = match (tag, &digest) {
            (None, None) => Some("latest".to_owned()),
            (tag, _) => tag.map(str::to_owned),
        };
        Ok(Self { name: Some(name), tag, digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.tag, &self.digest) {
            (Some(name), _, Some(digest)) => write!(f, "{name}@{digest}"),
            (Some(name), Some(tag), None) => write!(f, "{name}:{tag}"),
            (Some(name), None, None) => f.write_str(name),
            (None, _, Some(digest)) => write!(f, "{digest}"),
            (None, ..) => Ok(()),
        }
    }
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

fn is_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separator = String::new();
    for c in text.chars() {
        if alphanumeric(c) {
            let valid =
                matches!(separator.as_str(), "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-');
            if !valid {
                return false;
            }
            separator.clear();
        } else if matches!(c, '.' | '_' | '-') {
            separator.push(c);
        } else {
            return false;
        }
    }
    text.starts_with(alphanumeric) && separator.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_completed() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (short, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("team/app", "docker.io/team/app:latest"),
            ("index.docker.io/team/app", "docker.io/team/app:latest"),
            ("localhost/app:x", "localhost/app:x"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("launchway.local/shop-api:dev", "launchway.local/shop-api:dev"),
            ("registry.k8s.io/e2e-test-images/agnhost:2.53", "registry.k8s.io/e2e-test-images/agnhost:2.53"),
        ] {
            assert_eq!(Reference::parse(short).unwrap().to_string(), full);
        }
        let pinned = Reference::parse(&format!("nginx:1@{digest}")).unwrap();
        assert_eq!(pinned.to_string(), format!("docker.io/library/nginx@{digest}"));
        assert_eq!(Reference::parse(&digest).unwrap().to_string(), digest);
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in
            ["", "Nginx", "a b", "a//b", "/a", "a/", "a:", "a:b c", "a@sha256:1", "-a", "a.", "a___b", "../a"]
        {
            let error = Reference::parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }
}
