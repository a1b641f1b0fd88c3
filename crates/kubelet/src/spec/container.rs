//! The runtime's specification of one container, put together from parts prepared elsewhere. Pure.

use std::path::PathBuf;

use image::ImageConfig;
use k8s_openapi::api::core::v1::{Container, Pod};
use runtime::{ContainerSpec, LogLimit, Mount, Resources, Seccomp};
use sha2::{Digest, Sha256};

use super::expand::expand;
use super::security::Security;

/// Labels that the runtime keeps for us: what the status needs and the spec may have changed meanwhile.
pub(crate) const IMAGE_LABEL: &str = "launchway.dev/image";
/// Digest form of the image, see [`IMAGE_LABEL`].
pub(crate) const IMAGE_ID_LABEL: &str = "launchway.dev/image-id";

/// Signal that the image wants to be ended with; absent when it names none.
pub(crate) const STOP_SIGNAL_LABEL: &str = "launchway.dev/stop-signal";

/// Size at which a log file is put aside, and how many are kept: upstream's defaults.
const LOG_LIMIT: LogLimit = LogLimit { max_bytes: 10 << 20, files: 5 };

/// What was prepared for a container's start.
pub(crate) struct Parts<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) container: &'a Container,
    pub(crate) attempt: u32,
    pub(crate) image: &'a ImageConfig,
    pub(crate) image_name: &'a str,
    pub(crate) image_id: &'a str,
    pub(crate) lower_dirs: Vec<PathBuf>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) security: Security,
    pub(crate) seccomp: Seccomp,
    pub(crate) resources: Resources,
    pub(crate) oom_score_adj: i32,
    pub(crate) log_path: PathBuf,
}

/// The container has nothing to run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no command specified: neither the pod nor image {0} names a program")]
pub(crate) struct NoCommand(pub(crate) String);

/// Identity of one start of one container. Derived, not drawn: after a crash between creating a container and
/// noting it, the same start has the same identity.
pub(crate) fn id(uid: &str, name: &str, attempt: u32) -> String {
    let digest = Sha256::digest(format!("{uid}/{name}/{attempt}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts the specification together.
pub(crate) fn build(parts: Parts<'_>) -> Result<ContainerSpec, NoCommand> {
    let Parts { container, image, security, .. } = parts;
    let uid = parts.pod.metadata.uid.as_deref().unwrap_or_default();
    // The image's variables are the container's too; those of the pod win and may refer only to each other.
    let mut env: Vec<String> = image
        .env
        .iter()
        .filter(|line| {
            let name = line.split('=').next().unwrap_or_default();
            !parts.env.iter().any(|(n, _)| n == name)
        })
        .cloned()
        .collect();
    env.extend(parts.env.iter().map(|(name, value)| format!("{name}={value}")));
    let args = arguments(container, image, &parts.env);
    if args.is_empty() {
        return Err(NoCommand(parts.image_name.to_owned()));
    }
    let cwd =
        container.working_dir.clone().filter(|d| !d.is_empty()).unwrap_or_else(|| image.working_dir.clone());
    let signal = image.stop_signal.as_str();
    let labels =
        [(IMAGE_LABEL, parts.image_name), (IMAGE_ID_LABEL, parts.image_id), (STOP_SIGNAL_LABEL, signal)];
    let labels = labels.into_iter().filter(|(_, v)| !v.is_empty());
    let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    Ok(ContainerSpec {
        id: id(uid, &container.name, parts.attempt),
        name: container.name.clone(),
        attempt: parts.attempt,
        args,
        env,
        cwd,
        user: security.user,
        lower_dirs: parts.lower_dirs,
        mounts: parts.mounts,
        capabilities: security.capabilities,
        seccomp: parts.seccomp,
        no_new_privs: security.no_new_privs,
        readonly_root: security.readonly_root,
        privileged: security.privileged,
        masked_paths: security.unmasked.then(Vec::new),
        readonly_paths: security.unmasked.then(Vec::new),
        resources: parts.resources,
        oom_score_adj: Some(parts.oom_score_adj),
        log_path: Some(parts.log_path),
        log_limit: Some(LOG_LIMIT),
        tty: container.tty == Some(true),
        stdin: container.stdin == Some(true),
        stdin_once: container.stdin_once == Some(true),
        labels,
        ..ContainerSpec::default()
    })
}

/// Program and arguments: the pod's command replaces the image's entrypoint and drops its arguments, the pod's
/// arguments replace the image's.
fn arguments(container: &Container, image: &ImageConfig, env: &[(String, String)]) -> Vec<String> {
    let lookup = |name: &str| env.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let expanded = |list: &Option<Vec<String>>| -> Vec<String> {
        list.iter().flatten().map(|text| expand(text, lookup)).collect()
    };
    let (command, args) = (expanded(&container.command), expanded(&container.args));
    match (command.is_empty(), args.is_empty()) {
        (false, _) => [command, args].concat(),
        (true, false) => [image.entrypoint.clone(), args].concat(),
        (true, true) => [image.entrypoint.clone(), image.cmd.clone()].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn command_and_arguments() {
        let image =
            ImageConfig { entrypoint: vec!["/ep".into()], cmd: vec!["d".into()], ..ImageConfig::default() };
        for (container, expected) in [
            (json!({"name": "c"}), vec!["/ep", "d"]),
            (json!({"name": "c", "args": ["a"]}), vec!["/ep", "a"]),
            (json!({"name": "c", "command": ["/x"]}), vec!["/x"]),
            (json!({"name": "c", "command": ["/x"], "args": ["$(A)", "$$(A)"]}), vec!["/x", "1", "$(A)"]),
        ] {
            let container: Container = serde_json::from_value(container).unwrap();
            assert_eq!(arguments(&container, &image, &[("A".into(), "1".into())]), expected);
        }
    }

    #[test]
    fn identities_differ_by_start() {
        assert_eq!(id("u", "c", 0), id("u", "c", 0));
        assert_ne!(id("u", "c", 0), id("u", "c", 1));
        assert_eq!(id("u", "c", 0).len(), 64);
    }
}
