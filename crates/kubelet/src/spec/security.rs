//! Who a container is and what it may do, from the pod's and its own security context. Pure.
//!
//! Secure by default: a container without a `seccompProfile` gets the runtime's default profile, where upstream
//! runs it unconfined unless the node was told otherwise.

use k8s_openapi::api::core::v1::{Container, PodSpec, SeccompProfile};
use runtime::{Capabilities, User};

/// Which system call filter a container gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SeccompChoice {
    Default,
    Unconfined,
    /// A file below the node's folder of profiles.
    Localhost(String),
}

/// What the runtime is told about one container.
#[derive(Clone, Debug)]
pub(crate) struct Security {
    pub(crate) user: User,
    pub(crate) capabilities: Capabilities,
    pub(crate) seccomp: SeccompChoice,
    pub(crate) privileged: bool,
    pub(crate) no_new_privs: bool,
    pub(crate) readonly_root: bool,
    /// `procMount: Unmasked`.
    pub(crate) unmasked: bool,
}

/// Why the container must not run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecurityError {
    #[error("container has runAsNonRoot and image will run as root (pod: \"{pod}\", container: {container})")]
    ImageIsRoot { pod: String, container: String },
    #[error(
        "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root \
         (pod: \"{pod}\", container: {container})"
    )]
    UserUnknown { user: String, pod: String, container: String },
    #[error("container's runAsUser breaks non-root policy (pod: \"{pod}\", container: {container})")]
    RunAsRoot { pod: String, container: String },
}

/// Merges both contexts; the container's own fields win. `image_user` is the image's `USER`.
pub(crate) fn of(
    pod: &str,
    spec: &PodSpec,
    container: &Container,
    image_user: &str,
) -> Result<Security, SecurityError> {
    let own = container.security_context.clone().unwrap_or_default();
    let shared = spec.security_context.clone().unwrap_or_default();

    let run_as_user = own.run_as_user.or(shared.run_as_user);
    let run_as_group = own.run_as_group.or(shared.run_as_group);
    if own.run_as_non_root.or(shared.run_as_non_root) == Some(true) {
        let (pod, container) = (pod.to_owned(), container.name.clone());
        let name = image_user.split(':').next().unwrap_or_default();
        match (run_as_user, name.parse::<u32>()) {
            (Some(0), _) => return Err(SecurityError::RunAsRoot { pod, container }),
            (Some(_), _) => {}
            (None, Ok(0)) => return Err(SecurityError::ImageIsRoot { pod, container }),
            (None, Ok(_)) => {}
            (None, Err(_)) if name.is_empty() => return Err(SecurityError::ImageIsRoot { pod, container }),
            (None, Err(_)) => {
                return Err(SecurityError::UserUnknown { user: name.to_owned(), pod, container });
            }
        }
    }

    let privileged = own.privileged == Some(true);
    let added = own.capabilities.clone().unwrap_or_default();
    let groups = shared.supplemental_groups.iter().flatten().chain(shared.fs_group.iter());
    Ok(Security {
        user: User {
            user: run_as_user.map_or_else(|| image_user.to_owned(), |uid| uid.to_string()),
            group: run_as_group.and_then(|g| u32::try_from(g).ok()),
            groups: groups.filter_map(|g| u32::try_from(*g).ok()).collect(),
            strict_groups: shared.supplemental_groups_policy.as_deref() == Some("Strict"),
        },
        capabilities: Capabilities {
            add: added.add.unwrap_or_default(),
            drop: added.drop.unwrap_or_default(),
            ..Capabilities::default()
        },
        seccomp: seccomp(own.seccomp_profile.as_ref().or(shared.seccomp_profile.as_ref()), privileged),
        privileged,
        no_new_privs: own.allow_privilege_escalation == Some(false) && !privileged,
        readonly_root: own.read_only_root_filesystem == Some(true),
        unmasked: own.proc_mount.as_deref() == Some("Unmasked"),
    })
}

fn seccomp(profile: Option<&SeccompProfile>, privileged: bool) -> SeccompChoice {
    match profile.map(|p| (p.type_.as_str(), p.localhost_profile.as_deref())) {
        _ if privileged => SeccompChoice::Unconfined,
        Some(("Unconfined", _)) => SeccompChoice::Unconfined,
        Some(("Localhost", Some(path))) => SeccompChoice::Localhost(path.to_owned()),
        _ => SeccompChoice::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(
        pod: serde_json::Value,
        container: serde_json::Value,
        image_user: &str,
    ) -> Result<Security, SecurityError> {
        let spec: PodSpec = serde_json::from_value(
            json!({"securityContext": pod, "containers": [{"name": "c", "securityContext": container}]}),
        )
        .unwrap();
        of("p_n(u)", &spec, &spec.containers[0], image_user)
    }

    #[test]
    fn the_container_wins_over_the_pod_and_the_image() {
        let s = run(
            json!({"runAsUser": 1000, "runAsGroup": 3000, "fsGroup": 2000, "supplementalGroups": [7]}),
            json!({"runAsUser": 1001}),
            "nobody",
        )
        .unwrap();
        assert_eq!((s.user.user.as_str(), s.user.group), ("1001", Some(3000)));
        assert_eq!(s.user.groups, [7, 2000]);
        assert_eq!(run(json!({}), json!({}), "nobody:nogroup").unwrap().user.user, "nobody:nogroup");
    }

    #[test]
    fn non_root_is_checked_before_anything_runs() {
        let wish = json!({"runAsNonRoot": true});
        assert!(matches!(run(wish.clone(), json!({}), ""), Err(SecurityError::ImageIsRoot { .. })));
        assert!(matches!(run(wish.clone(), json!({}), "0:5"), Err(SecurityError::ImageIsRoot { .. })));
        assert!(matches!(run(wish.clone(), json!({}), "app"), Err(SecurityError::UserUnknown { .. })));
        assert!(matches!(
            run(wish.clone(), json!({"runAsUser": 0}), "1000"),
            Err(SecurityError::RunAsRoot { .. })
        ));
        assert!(run(wish.clone(), json!({}), "1000").is_ok());
        assert!(run(wish, json!({"runAsNonRoot": false}), "").is_ok());
    }

    #[test]
    fn seccomp_is_on_unless_told_otherwise() {
        let choice = |pod, own| run(pod, own, "").unwrap().seccomp;
        assert_eq!(choice(json!({}), json!({})), SeccompChoice::Default);
        assert_eq!(
            choice(json!({"seccompProfile": {"type": "Unconfined"}}), json!({})),
            SeccompChoice::Unconfined
        );
        assert_eq!(
            choice(
                json!({"seccompProfile": {"type": "Unconfined"}}),
                json!({"seccompProfile": {"type": "RuntimeDefault"}})
            ),
            SeccompChoice::Default
        );
        assert_eq!(
            choice(json!({}), json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "a.json"}})),
            SeccompChoice::Localhost("a.json".into())
        );
        assert_eq!(choice(json!({}), json!({"privileged": true})), SeccompChoice::Unconfined);
    }

    #[test]
    fn escalation() {
        assert!(run(json!({}), json!({"allowPrivilegeEscalation": false}), "").unwrap().no_new_privs);
        assert!(!run(json!({}), json!({}), "").unwrap().no_new_privs);
    }
}
