//! The administrator's way in: a kubeconfig of the cluster's own, and its context in the user's file.
//!
//! Other clusters, users and contexts of that file stay as they are; `current-context` is set only where none is.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use serde_json::{Value, json};

use crate::pki::Pki;
use crate::settings::Settings;

/// Why a kubeconfig cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// The file cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The user's file is not a kubeconfig; it was left alone.
    #[error("{path} is not a kubeconfig ({reason}); mend or move it, or set KUBECONFIG to another file")]
    Shape {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A kubeconfig with this one cluster.
pub fn admin(settings: &Settings, pki: &Pki) -> Value {
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let name = &settings.name;
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": name, "cluster": {
            "server": format!("https://127.0.0.1:{}", settings.api_port),
            "certificate-authority-data": encode(pki.authority.certificate_pem()),
        }}],
        "users": [{ "name": name, "user": {
            "client-certificate-data": encode(pki.admin.certificate_pem()),
            "client-key-data": encode(pki.admin.key_pem()),
        }}],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
        "current-context": name,
    })
}

/// How a user who is not the administrator logs in.
pub struct Login<'a> {
    /// Name of the context, and of its user.
    pub context: &'a str,
    /// The namespace to begin in.
    pub namespace: Option<&'a str>,
    /// Where the API server is, if not where the administrator reaches it.
    pub server: Option<&'a str>,
    /// Client certificate, PEM.
    pub certificate_pem: &'a str,
    /// Its private key, PEM.
    pub key_pem: &'a str,
}

/// A kubeconfig with one context for `login`, for the cluster of the administrator's file.
pub fn of_user(admin: &Path, login: &Login<'_>) -> Result<Value, KubeconfigError> {
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let admin = read(admin)?.unwrap_or_default();
    let mut cluster = admin["clusters"][0].clone();
    if let Some(server) = login.server {
        cluster["name"] = json!(login.context);
        cluster["cluster"]["server"] = json!(server);
    }
    let mut context = json!({ "cluster": cluster["name"], "user": login.context });
    if let Some(namespace) = login.namespace {
        context["namespace"] = json!(namespace);
    }
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{ "name": login.context, "user": {
            "client-certificate-data": encode(login.certificate_pem),
            "client-key-data": encode(login.key_pem),
        }}],
        "contexts": [{ "name": login.context, "context": context }],
        "current-context": login.context,
    }))
}

/// The user's file: the first of `KUBECONFIG`, else `~/.kube/config`.
pub fn user_path() -> Option<PathBuf> {
    let named = std::env::var("KUBECONFIG").ok();
    if let Some(first) = named.as_deref().and_then(|list| list.split(':').find(|path| !path.is_empty())) {
        return Some(PathBuf::from(first));
    }
    std::env::var_os("HOME").map(|home| Path::new(&home).join(".kube/config"))
}

/// Puts cluster, user and context of `admin` into the file at `path`, replacing those of the same name.
pub fn merge(path: &Path, admin: &Value) -> Result<(), KubeconfigError> {
    let mut config = read(path)?.unwrap_or_else(|| json!({ "apiVersion": "v1", "kind": "Config" }));
    for key in ["clusters", "users", "contexts"] {
        let list = list_mut(path, &mut config, key)?;
        for entry in admin[key].as_array().into_iter().flatten() {
            list.retain(|other| other["name"] != entry["name"]);
            list.push(entry.clone());
        }
    }
    if config["current-context"].as_str().is_none_or(str::is_empty) {
        config["current-context"] = admin["current-context"].clone();
    }
    write(path, &config)
}

/// Puts what the kubeconfig `from` holds into the file at `path`.
pub fn merge_file(path: &Path, from: &Path) -> Result<(), KubeconfigError> {
    let admin = read(from)?.ok_or_else(|| KubeconfigError::Io {
        action: "read",
        path: from.to_owned(),
        source: io::ErrorKind::NotFound.into(),
    })?;
    merge(path, &admin)
}

/// Takes cluster, user and context called `name`, and the contexts of that cluster's users (`user@name`), out of the
/// file at `path`; a file without them is left alone.
pub fn remove(path: &Path, name: &str) -> Result<(), KubeconfigError> {
    let Some(mut config) = read(path)? else { return Ok(()) };
    let before = config.clone();
    let ours = |entry: &Value| {
        let of_user = |known: &str| known.strip_suffix(name).is_some_and(|start| start.ends_with('@'));
        entry.as_str().is_some_and(|known| known == name || of_user(known))
    };
    for key in ["clusters", "users", "contexts"] {
        list_mut(path, &mut config, key)?.retain(|entry| !ours(&entry["name"]));
    }
    if ours(&config["current-context"]) {
        config["current-context"] = json!("");
    }
    if config == before { Ok(()) } else { write(path, &config) }
}

fn list_mut<'a>(
    path: &Path,
    config: &'a mut Value,
    key: &str,
) -> Result<&'a mut Vec<Value>, KubeconfigError> {
    let shape = |reason: String| KubeconfigError::Shape { path: path.to_owned(), reason };
    let map = config.as_object_mut().ok_or_else(|| shape("it is not a map".to_owned()))?;
    let list = map.entry(key).or_insert(Value::Null);
    if list.is_null() {
        *list = json!([]);
    }
    list.as_array_mut().ok_or_else(|| shape(format!("\"{key}\" is not a list")))
}

fn read(path: &Path) -> Result<Option<Value>, KubeconfigError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KubeconfigError::Io { action: "read", path: path.to_owned(), source }),
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    let shape = |reason: String| KubeconfigError::Shape { path: path.to_owned(), reason };
    let value: Value = serde_saphyr::from_str(&text).map_err(|e| shape(e.to_string()))?;
    Ok(if value.is_null() { None } else { Some(value) })
}

/// A kubeconfig as text.
pub fn text(config: &Value) -> Result<String, KubeconfigError> {
    serde_saphyr::to_string(config)
        .map_err(|e| KubeconfigError::Shape { path: PathBuf::new(), reason: e.to_string() })
}

/// Writes by rename, readable by its owner alone: it holds a private key.
pub fn write(path: &Path, config: &Value) -> Result<(), KubeconfigError> {
    use std::os::unix::fs::OpenOptionsExt;
    let fail = |source| KubeconfigError::Io { action: "write", path: path.to_owned(), source };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(fail)?;
    }
    // A link keeps being one: what it points to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let temporary = target.with_extension(format!("{}.new", std::process::id()));
    let text = text(config)?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(fail)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fail)?;
    fs::rename(&temporary, &target).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Value {
        json!({
            "clusters": [{ "name": name, "cluster": { "server": "https://127.0.0.1:1" } }],
            "users": [{ "name": name, "user": {} }],
            "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
            "current-context": name,
        })
    }

    #[test]
    fn others_stay_and_ours_comes_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".kube/config");
        merge(&path, &entry("prod")).unwrap();
        merge(&path, &entry("launchway")).unwrap();
        merge(&path, &entry("launchway")).unwrap();
        let config = read(&path).unwrap().unwrap();
        assert_eq!(config["contexts"].as_array().unwrap().len(), 2);
        assert_eq!(config["current-context"], "prod");
        merge(&path, &entry("dev@launchway")).unwrap();
        remove(&path, "launchway").unwrap();
        let config = read(&path).unwrap().unwrap();
        assert_eq!(config["clusters"], entry("prod")["clusters"]);
        remove(&path, "prod").unwrap();
        assert_eq!(read(&path).unwrap().unwrap()["current-context"], "");
    }

    #[test]
    fn a_file_that_is_none_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        for text in ["- a\n- b\n", "clusters: nonsense\n", "a: [\n"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(merge(&path, &entry("x")), Err(KubeconfigError::Shape { .. })), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn only_the_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        merge(&path, &entry("x")).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
