//! The syntax of names. Each function returns what is wrong, in Kubernetes' words; nothing if all is well.

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const ENVIRONMENT: &str = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

const MAX_LABEL: usize = 63;
const MAX_SUBDOMAIN: usize = 253;

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_label(text: &[u8]) -> bool {
    match text {
        [] => false,
        [first, .., last] if !is_lower(*first) || !is_lower(*last) => false,
        [only] => is_lower(*only),
        all => all.iter().all(|byte| is_lower(*byte) || *byte == b'-'),
    }
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`
fn is_qualified(text: &[u8]) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    ends(text.first())
        && ends(text.last())
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn too_long(text: &str, most: usize, unit: &str) -> Option<String> {
    (text.len() > most).then(|| format!("must be no more than {most} {unit}"))
}

/// A label of RFC 1123 (namespaces, containers, pods' host names).
pub fn dns1123_label(text: &str) -> Vec<String> {
    let mut problems: Vec<String> = too_long(text, MAX_LABEL, "characters").into_iter().collect();
    if !is_label(text.as_bytes()) {
        let dotted = text.split('.').all(|part| is_label(part.as_bytes()));
        problems.push(if dotted { "must not contain dots".to_owned() } else { LABEL.to_owned() });
    }
    problems
}

/// A subdomain of RFC 1123 (most object names).
pub fn dns1123_subdomain(text: &str) -> Vec<String> {
    let mut problems: Vec<String> = too_long(text, MAX_SUBDOMAIN, "characters").into_iter().collect();
    if !text.split('.').all(|part| is_label(part.as_bytes())) {
        problems.push(SUBDOMAIN.to_owned());
    }
    problems
}

/// A label of RFC 1035 (services).
pub fn dns1035_label(text: &str) -> Vec<String> {
    let mut problems: Vec<String> = too_long(text, MAX_LABEL, "characters").into_iter().collect();
    if !is_label(text.as_bytes()) || text.starts_with(|first: char| first.is_ascii_digit()) {
        problems.push(LABEL_1035.to_owned());
    }
    problems
}

/// A name that is one segment of a URL path (RBAC objects).
pub fn path_segment(text: &str) -> Vec<String> {
    if matches!(text, "." | "..") {
        return vec![format!("may not be '{text}'")];
    }
    let bad = ['/', '%'].into_iter().filter(|letter| text.contains(*letter));
    bad.map(|letter| format!("may not contain '{letter}'")).collect()
}

/// A qualified name such as a label key: a name, with a DNS prefix and a slash or without.
pub fn qualified_name(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut parts = text.split('/');
    let (prefix, name) = match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, _) => (None, name),
        (Some(prefix), Some(name), None) => (Some(prefix), name),
        _ => {
            let optional = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {QUALIFIED} {optional}")];
        }
    };
    match prefix {
        Some("") => problems.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => {
            problems
                .extend(too_long(prefix, MAX_SUBDOMAIN, "bytes").map(|text| format!("prefix part {text}")));
            if !prefix.split('.').all(|part| is_label(part.as_bytes())) {
                problems.push(format!("prefix part {SUBDOMAIN}"));
            }
        }
        None => {}
    }
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else {
        problems.extend(too_long(name, MAX_LABEL, "bytes").map(|text| format!("name part {text}")));
    }
    if !is_qualified(name.as_bytes()) {
        problems.push(format!("name part {QUALIFIED}"));
    }
    problems
}

/// A label value.
pub fn label_value(text: &str) -> Vec<String> {
    let mut problems: Vec<String> = too_long(text, MAX_LABEL, "bytes").into_iter().collect();
    if !text.is_empty() && !is_qualified(text.as_bytes()) {
        problems.push(LABEL_VALUE.to_owned());
    }
    problems
}

fn is_config_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// `.`, `..` and what starts with the latter would clash with directories.
fn has_dots(text: &str) -> Option<String> {
    match text {
        "." | ".." => Some(format!("must not be '{text}'")),
        _ if text.starts_with("..") => Some("must not start with '..'".to_owned()),
        _ => None,
    }
}

/// The name of an environment variable.
pub fn env_var_name(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let digit = text.starts_with(|first: char| first.is_ascii_digit());
    if text.is_empty() || digit || !text.bytes().all(is_config_byte) {
        problems.push(ENVIRONMENT.to_owned());
    }
    problems.extend(has_dots(text));
    problems
}

/// A key of a ConfigMap or Secret.
pub fn config_map_key(text: &str) -> Vec<String> {
    let mut problems: Vec<String> = too_long(text, MAX_SUBDOMAIN, "characters").into_iter().collect();
    if text.is_empty() || !text.bytes().all(is_config_byte) {
        problems.push(CONFIG_KEY.to_owned());
    }
    problems.extend(has_dots(text));
    problems
}

/// The name of a port (IANA service name).
pub fn port_name(text: &str) -> Vec<String> {
    let mut problems: Vec<String> = too_long(text, 15, "characters").into_iter().collect();
    if text.is_empty() || !text.bytes().all(|byte| is_lower(byte) || byte == b'-') {
        problems.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        problems.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        problems.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        problems.push("must not begin or end with a hyphen".to_owned());
    }
    problems
}
