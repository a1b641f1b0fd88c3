//! The checks of the baseline standard, which keep pods from known ways out of their confinement.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Violation, containers, has_own_users, named, plural, quoted, setters, these, unmasked};
use crate::strategy::fields::{flag, items, number, text};

/// Capabilities that a container may add: those it has by default in common runtimes.
const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Kernel settings that a pod may change, and the minor version since which it may.
const SYSCTLS: [(u32, &str); 14] = [
    (0, "kernel.shm_rmid_forced"),
    (0, "net.ipv4.ip_local_port_range"),
    (0, "net.ipv4.tcp_syncookies"),
    (0, "net.ipv4.ping_group_range"),
    (0, "net.ipv4.ip_unprivileged_port_start"),
    (27, "net.ipv4.ip_local_reserved_ports"),
    (29, "net.ipv4.tcp_keepalive_time"),
    (29, "net.ipv4.tcp_fin_timeout"),
    (29, "net.ipv4.tcp_keepalive_intvl"),
    (29, "net.ipv4.tcp_keepalive_probes"),
    (32, "net.ipv4.tcp_rmem"),
    (32, "net.ipv4.tcp_wmem"),
    (37, "net.ipv4.tcp_slow_start_after_idle"),
    (37, "net.ipv4.tcp_notsent_lowat"),
];

/// Annotations by which containers once chose AppArmor profiles.
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

type Annotations<'a> = Option<&'a Map<String, Value>>;

/// What the pod does that the standard of v1.`minor` forbids. With `restricted` those checks are left out that the
/// restricted standard has a stricter one for.
pub(super) fn check(
    annotations: Annotations<'_>,
    spec: &Value,
    minor: u32,
    restricted: bool,
) -> Vec<Violation> {
    let stricter_since = |version: u32| restricted && minor >= version;
    let found = [
        app_armor(annotations, spec),
        capabilities(spec).filter(|_| !stricter_since(22)),
        host_namespaces(spec),
        host_paths(spec).filter(|_| !restricted),
        host_ports(spec),
        probe_hosts(spec).filter(|_| minor >= 34),
        privileged(spec),
        unmasked(spec).filter(|_| !stricter_since(35) && (minor < 35 || !has_own_users(spec))),
        se_linux(spec, minor),
        if minor >= 19 { seccomp(spec) } else { seccomp_annotations(annotations, spec) }
            .filter(|_| !stricter_since(19)),
        sysctls(spec, minor),
        host_process(spec),
    ];
    found.into_iter().flatten().collect()
}

fn app_armor(annotations: Annotations<'_>, spec: &Value) -> Option<Violation> {
    let bad = |holder: &Value| {
        let profile = holder.pointer("/securityContext/appArmorProfile")?;
        let kind = text(profile, "type");
        (!matches!(kind, "RuntimeDefault" | "Localhost")).then(|| kind.to_owned())
    };
    let names = named(spec, |one| bad(one).is_some());
    let kinds: BTreeSet<String> = bad(spec).into_iter().chain(containers(spec).filter_map(bad)).collect();
    let mut values: Vec<String> = kinds.into_iter().collect();
    let mut old: Vec<String> = annotations
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key, value.as_str()?)))
        .filter(|(key, value)| {
            let fine = value.is_empty() || *value == "runtime/default" || value.starts_with("localhost/");
            key.starts_with(APP_ARMOR) && !fine
        })
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    old.sort_unstable();
    let mut who: Vec<String> = setters(bad(spec).is_some(), &names).into_iter().collect();
    if !old.is_empty() {
        who.push(plural(old.len(), "annotation", "annotations").to_owned());
        values.extend(old);
    }
    (!who.is_empty()).then(|| {
        let reason = plural(values.len(), "forbidden AppArmor profile", "forbidden AppArmor profiles");
        let detail =
            format!("{} must not set AppArmor profile type to {}", who.join(" and "), quoted(values));
        Violation::new(reason, detail)
    })
}

/// The capabilities that a container adds.
pub(super) fn added(container: &Value) -> impl Iterator<Item = &str> {
    let list = container.pointer("/securityContext/capabilities/add").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

fn capabilities(spec: &Value) -> Option<Violation> {
    let bad = |name: &&str| !CAPABILITIES.contains(name);
    let names = named(spec, |one| added(one).any(|name| bad(&name)));
    let all: BTreeSet<&str> = containers(spec).flat_map(added).filter(bad).collect();
    (!names.is_empty()).then(|| {
        let detail =
            format!("{} must not include {} in securityContext.capabilities.add", these(&names), quoted(all));
        Violation::new("non-default capabilities", detail)
    })
}

fn host_namespaces(spec: &Value) -> Option<Violation> {
    let shared: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .iter()
        .filter(|name| flag(spec, name))
        .map(|name| format!("{name}=true"))
        .collect();
    (!shared.is_empty()).then(|| Violation::new("host namespaces", shared.join(", ")))
}

fn host_paths(spec: &Value) -> Option<Violation> {
    let volumes =
        items(spec, "volumes").iter().filter(|one| one.get("hostPath").is_some_and(Value::is_object));
    let names: Vec<&str> = volumes.map(|one| text(one, "name")).collect();
    (!names.is_empty()).then(|| {
        let detail = format!("{} {}", plural(names.len(), "volume", "volumes"), quoted(&names));
        Violation::new("hostPath volumes", detail)
    })
}

fn host_ports(spec: &Value) -> Option<Violation> {
    fn ports(container: &Value) -> impl Iterator<Item = i64> {
        items(container, "ports").iter().filter_map(|port| number(port, "hostPort")).filter(|port| *port != 0)
    }
    let names = named(spec, |one| ports(one).next().is_some());
    let all: BTreeSet<String> = containers(spec).flat_map(ports).map(|port| port.to_string()).collect();
    (!names.is_empty()).then(|| {
        let detail = format!(
            "{} {} {} {}",
            these(&names),
            plural(names.len(), "uses", "use"),
            plural(all.len(), "hostPort", "hostPorts"),
            all.into_iter().collect::<Vec<_>>().join(", ")
        );
        Violation::new("hostPort", detail)
    })
}

fn probe_hosts(spec: &Value) -> Option<Violation> {
    fn hosts(container: &Value) -> impl Iterator<Item = &str> {
        ["/livenessProbe", "/readinessProbe", "/startupProbe", "/lifecycle/postStart", "/lifecycle/preStop"]
            .into_iter()
            .filter_map(|path| container.pointer(path))
            .flat_map(|handler| ["httpGet", "tcpSocket"].map(|kind| handler.get(kind)))
            .flatten()
            .map(|action| text(action, "host"))
            .filter(|host| !host.is_empty())
    }
    let names: BTreeSet<String> = named(spec, |one| hosts(one).next().is_some()).into_iter().collect();
    let all: BTreeSet<&str> = containers(spec).flat_map(hosts).collect();
    (!names.is_empty()).then(|| {
        let names: Vec<String> = names.into_iter().collect();
        let detail = format!(
            "{} {} {} {}",
            these(&names),
            plural(names.len(), "uses", "use"),
            plural(all.len(), "probe or lifecycle host", "probe or lifecycle hosts"),
            quoted(all)
        );
        Violation::new("probe or lifecycle host", detail)
    })
}

fn privileged(spec: &Value) -> Option<Violation> {
    let names = named(spec, |one| one.pointer("/securityContext/privileged") == Some(&Value::Bool(true)));
    (!names.is_empty()).then(|| {
        let detail = format!("{} must not set securityContext.privileged=true", these(&names));
        Violation::new("privileged", detail)
    })
}

fn se_linux(spec: &Value, minor: u32) -> Option<Violation> {
    let mut allowed = vec!["", "container_t", "container_init_t", "container_kvm_t"];
    if minor >= 31 {
        allowed.push("container_engine_t");
    }
    let options = |holder: &Value| holder.pointer("/securityContext/seLinuxOptions").cloned();
    let bad = |options: &Value| {
        !allowed.contains(&text(options, "type"))
            || !text(options, "user").is_empty()
            || !text(options, "role").is_empty()
    };
    let names = named(spec, |one| options(one).is_some_and(|options| bad(&options)));
    let who = setters(options(spec).is_some_and(|options| bad(&options)), &names)?;
    let all: Vec<Value> = options(spec).into_iter().chain(containers(spec).filter_map(options)).collect();
    let kinds: BTreeSet<&str> =
        all.iter().map(|one| text(one, "type")).filter(|kind| !allowed.contains(kind)).collect();
    let mut faults = Vec::new();
    if !kinds.is_empty() {
        faults.push(format!("{} {}", plural(kinds.len(), "type", "types"), quoted(kinds)));
    }
    for key in ["user", "role"] {
        if all.iter().any(|one| !text(one, key).is_empty()) {
            faults.push(format!("{key} may not be set"));
        }
    }
    let detail = format!("{who} set forbidden securityContext.seLinuxOptions: {}", faults.join("; "));
    Some(Violation::new("seLinuxOptions", detail))
}

/// The kind of seccomp profile that a pod or container sets, if it sets one.
pub(super) fn profile(holder: &Value) -> Option<&str> {
    holder
        .pointer("/securityContext/seccompProfile")
        .filter(|one| one.is_object())
        .map(|one| text(one, "type"))
}

/// Whether a seccomp profile confines.
pub(super) fn confines(kind: &str) -> bool {
    matches!(kind, "RuntimeDefault" | "Localhost")
}

/// Profiles that are set and do not confine.
pub(super) fn seccomp(spec: &Value) -> Option<Violation> {
    fn bad(holder: &Value) -> Option<&str> {
        profile(holder).filter(|kind| !confines(kind))
    }
    let names = named(spec, |one| bad(one).is_some());
    let who = setters(bad(spec).is_some(), &names)?;
    let kinds: BTreeSet<&str> = bad(spec).into_iter().chain(containers(spec).filter_map(bad)).collect();
    let detail = format!("{who} must not set securityContext.seccompProfile.type to {}", quoted(kinds));
    Some(Violation::new("seccompProfile", detail))
}

/// The way to set profiles before there were fields for them.
fn seccomp_annotations(annotations: Annotations<'_>, spec: &Value) -> Option<Violation> {
    let annotations = annotations?;
    let of = |key: String| {
        let value = annotations.get(&key)?.as_str()?;
        let fine = matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/");
        (!fine).then(|| format!("{key}={value:?}"))
    };
    let mut found: BTreeSet<String> = containers(spec)
        .filter_map(|one| of(format!("container.seccomp.security.alpha.kubernetes.io/{}", text(one, "name"))))
        .collect();
    found.extend(of("seccomp.security.alpha.kubernetes.io/pod".to_owned()));
    (!found.is_empty()).then(|| {
        let word = plural(found.len(), "annotation", "annotations");
        let list = found.into_iter().collect::<Vec<_>>().join(", ");
        Violation::new("seccompProfile", format!("forbidden {word} {list}"))
    })
}

fn sysctls(spec: &Value, minor: u32) -> Option<Violation> {
    let list = spec.pointer("/securityContext/sysctls").and_then(Value::as_array);
    let names = list.into_iter().flatten().map(|one| text(one, "name"));
    let allowed = |name: &&str| SYSCTLS.iter().any(|(since, known)| *since <= minor && known == name);
    let bad: Vec<&str> = names.filter(|name| !allowed(name)).collect();
    (!bad.is_empty()).then(|| Violation::new("forbidden sysctls", bad.join(", ")))
}

fn host_process(spec: &Value) -> Option<Violation> {
    let set = |holder: &Value| {
        holder.pointer("/securityContext/windowsOptions/hostProcess") == Some(&Value::Bool(true))
    };
    let who = setters(set(spec), &named(spec, set))?;
    let detail = format!("{who} must not set securityContext.windowsOptions.hostProcess=true");
    Some(Violation::new("hostProcess", detail))
}
