//! The Kubernetes objects of a project, pure: the same project gives the same objects.
//!
//! Pods run as nobody in particular, with a read-only root, without capabilities and with the runtime's system
//! call filter. New pods come before old ones go, and an old pod keeps answering until nobody is sent to it.

use base64::Engine;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::pack::{Packed, USER};
use crate::project::{App, Database, Project};

/// Label of everything that belongs to a project.
pub(crate) const PROJECT_LABEL: &str = "launchway.dev/project";
/// Name of the Secret with the database's URL.
const DATABASE_SECRET: &str = "database";
/// How long a pod that is to end waits first, so that no new connection is sent to it any more.
const DRAIN_SECONDS: i64 = 1;

/// What a cluster offers to a project.
#[derive(Debug, Clone)]
pub(crate) struct Site<'a> {
    /// Folder of the node that holds the project's database, when that is a file.
    pub(crate) volume: Option<&'a str>,
}

/// Objects that must be there before the migration: Namespace, ConfigMaps, Secrets.
pub(crate) fn foundations(project: &Project) -> Vec<Value> {
    let mut objects = vec![json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": project.name, "labels": labels(project, None) },
    })];
    if let Some(database) = &project.database {
        objects.push(secret(project, DATABASE_SECRET, &[("url".to_owned(), database.url.clone())]));
    }
    for app in &project.apps {
        if !app.config.env.is_empty() {
            objects.push(json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": metadata(project, &app.name, Some(&app.name)),
                "data": app.config.env,
            }));
        }
        if !app.secrets.is_empty() {
            objects.push(secret(project, &app.name, &app.secrets));
        }
    }
    objects
}

/// Deployments and Services.
pub(crate) fn workloads(project: &Project, packed: &Packed, site: &Site<'_>) -> Vec<Value> {
    let mut objects = Vec::new();
    for (app, image) in project.apps.iter().zip(&packed.apps) {
        objects.push(service(project, app));
        objects.push(deployment(project, app, image, site));
    }
    objects
}

/// The Job that brings the database to the repository's version. Its name is that of its scripts and target,
/// so that one that has succeeded need not run again.
pub(crate) fn migration_job(
    project: &Project,
    database: &Database,
    image: &str,
    scripts: &str,
    site: &Site<'_>,
) -> Value {
    let name = format!("migrate-{}", short_hash(&[scripts, &database.url]));
    let mut pod = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": pod_security(),
        "containers": [{
            "name": "migrate",
            "image": image,
            "env": [database_variable()],
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "securityContext": container_security(),
        }],
    });
    add_volume(&mut pod, project, site);
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(project, &name, None),
        "spec": {
            "backoffLimit": 0,
            "template": { "metadata": { "labels": labels(project, None) }, "spec": pod },
        },
    })
}

fn deployment(project: &Project, app: &App, image: &str, site: &Site<'_>) -> Value {
    let mut env = vec![json!({ "name": "PORT", "value": app.port.to_string() })];
    if project.database.is_some() {
        env.push(database_variable());
    }
    let mut env_from = Vec::new();
    if !app.config.env.is_empty() {
        env_from.push(json!({ "configMapRef": { "name": app.name } }));
    }
    if !app.secrets.is_empty() {
        env_from.push(json!({ "secretRef": { "name": app.name } }));
    }
    let probe = match &app.config.health {
        Some(path) => json!({ "httpGet": { "path": path, "port": "http" } }),
        None => json!({ "tcpSocket": { "port": "http" } }),
    };
    let mut readiness = probe.clone();
    readiness["periodSeconds"] = json!(5);
    let mut liveness = probe;
    liveness["periodSeconds"] = json!(10);
    liveness["failureThreshold"] = json!(6);
    let mut container = json!({
        "name": app.name,
        "image": image,
        "ports": [{ "name": "http", "containerPort": app.port }],
        "env": env,
        "readinessProbe": readiness,
        "livenessProbe": liveness,
        "lifecycle": { "preStop": { "sleep": { "seconds": DRAIN_SECONDS } } },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
    });
    if !env_from.is_empty() {
        container["envFrom"] = json!(env_from);
    }
    for (resource, limit) in [("memory", &app.config.memory), ("cpu", &app.config.cpu)] {
        if let Some(limit) = limit {
            container["resources"]["limits"][resource] = json!(limit);
        }
    }
    let mut pod = json!({
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": pod_security(),
        "containers": [container],
    });
    if project.database.is_some() {
        add_volume(&mut pod, project, site);
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(project, &app.name, Some(&app.name)),
        "spec": {
            "replicas": app.config.replicas.unwrap_or(1),
            "selector": { "matchLabels": selector(app) },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } },
            "template": {
                "metadata": {
                    "labels": labels(project, Some(&app.name)),
                    // Variables are read once, at start: other values need other pods.
                    "annotations": { "launchway.dev/configuration": configuration_hash(project, app) },
                },
                "spec": pod,
            },
        },
    })
}

fn service(project: &Project, app: &App) -> Value {
    let mut port = json!({ "name": "http", "port": 80, "targetPort": "http", "protocol": "TCP" });
    let kind = match app.config.node_port {
        Some(node_port) => {
            port["nodePort"] = json!(node_port);
            "NodePort"
        }
        None => "ClusterIP",
    };
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(project, &app.name, Some(&app.name)),
        "spec": { "type": kind, "selector": selector(app), "ports": [port] },
    })
}

fn secret(project: &Project, name: &str, data: &[(String, String)]) -> Value {
    // `data` and not `stringData`: the server rewrites the latter, and an unchanged Secret would look changed.
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let data: serde_json::Map<String, Value> =
        data.iter().map(|(key, value)| (key.clone(), json!(encode(value)))).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(project, name, None),
        "type": "Opaque",
        "data": data,
    })
}

fn selector(app: &App) -> Value {
    json!({ "app.kubernetes.io/name": app.name })
}

fn labels(project: &Project, app: Option<&str>) -> Value {
    let mut labels = json!({ PROJECT_LABEL: project.name });
    if let Some(app) = app {
        labels["app.kubernetes.io/name"] = json!(app);
    }
    labels
}

fn metadata(project: &Project, name: &str, app: Option<&str>) -> Value {
    json!({ "name": name, "namespace": project.name, "labels": labels(project, app) })
}

fn database_variable() -> Value {
    json!({ "name": "DATABASE_URL", "valueFrom": { "secretKeyRef": { "name": DATABASE_SECRET, "key": "url" } } })
}

fn add_volume(pod: &mut Value, project: &Project, site: &Site<'_>) {
    let mount = project.database.as_ref().and_then(|database| database.volume.as_deref());
    if let (Some(path), Some(mount)) = (site.volume, mount) {
        pod["volumes"] = json!([{ "name": "database", "hostPath": { "path": path, "type": "Directory" } }]);
        pod["containers"][0]["volumeMounts"] = json!([{ "name": "database", "mountPath": mount }]);
    }
}

fn pod_security() -> Value {
    json!({
        "runAsNonRoot": true,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": { "type": "RuntimeDefault" },
    })
}

fn container_security() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    })
}

fn configuration_hash(project: &Project, app: &App) -> String {
    let mut parts: Vec<&str> = Vec::new();
    if let Some(database) = &project.database {
        parts.push(&database.url);
    }
    for (key, value) in app.config.env.iter().chain(app.secrets.iter().map(|(key, value)| (key, value))) {
        parts.extend([key.as_str(), value.as_str()]);
    }
    short_hash(&parts)
}

/// Ten hexadecimal digits.
fn short_hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AppConfig;
    use std::path::PathBuf;

    fn project(env: &str) -> Project {
        let config = AppConfig {
            env: [("A".to_owned(), env.to_owned())].into(),
            node_port: Some(30080),
            ..AppConfig::default()
        };
        let app = App {
            name: "web".to_owned(),
            package: "web".to_owned(),
            output: PathBuf::new(),
            port: 8080,
            config,
            secrets: vec![("TOKEN".to_owned(), "hush".to_owned())],
        };
        let database = Database {
            url: "sqlite:/data/x.db".to_owned(),
            volume: Some("/data".to_owned()),
            migrations: PathBuf::new(),
        };
        Project { name: "x".to_owned(), root: PathBuf::new(), database: Some(database), apps: vec![app] }
    }

    fn packed(image: &str) -> Packed {
        Packed { apps: vec![image.to_owned()], migration: None }
    }

    const SITE: Site<'static> = Site { volume: Some("/v/x") };

    #[test]
    fn the_same_project_gives_the_same_objects() {
        let objects = |env: &str, image: &str| workloads(&project(env), &packed(image), &SITE);
        assert_eq!(objects("1", "i@1"), objects("1", "i@1"));
        let template = |objects: Vec<Value>| objects[1]["spec"]["template"].clone();
        assert_ne!(template(objects("1", "i@1")), template(objects("2", "i@1")), "a variable restarts pods");
        assert_ne!(template(objects("1", "i@1")), template(objects("1", "i@2")));
    }

    #[test]
    fn secrets_are_in_secrets_alone() {
        let objects = [foundations(&project("1")), workloads(&project("1"), &packed("i"), &SITE)].concat();
        let with_secret: Vec<&Value> =
            objects.iter().filter(|o| o.to_string().contains("aHVzaA==")).collect();
        assert_eq!(with_secret.len(), 1);
        assert!(objects.iter().all(|object| !object.to_string().contains("hush")));
        assert_eq!(with_secret[0]["kind"], "Secret");
    }

    #[test]
    fn the_database_volume_reaches_pods_and_job() {
        let project = project("1");
        let job = migration_job(&project, project.database.as_ref().unwrap(), "i", "s", &SITE);
        let deployment = &workloads(&project, &packed("i"), &SITE)[1];
        for object in [&job, deployment] {
            let pod = &object["spec"]["template"]["spec"];
            assert_eq!(pod["volumes"][0]["hostPath"]["path"], "/v/x");
            assert_eq!(pod["containers"][0]["volumeMounts"][0]["mountPath"], "/data");
        }
    }

    #[test]
    fn a_job_is_named_after_scripts_and_target() {
        let project = project("1");
        let database = project.database.clone().unwrap();
        let name = |scripts: &str, database: &Database| {
            migration_job(&project, database, "i", scripts, &SITE)["metadata"]["name"].clone()
        };
        let other = Database { url: "postgres://h/d".to_owned(), ..database.clone() };
        assert_eq!(name("s", &database), name("s", &database));
        assert_ne!(name("s", &database), name("t", &database));
        assert_ne!(name("s", &database), name("s", &other));
    }
}
