//! What a Node object says about its machine. Pure, apart from the readers at the end.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    DaemonEndpoint, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeRuntimeHandler,
    NodeRuntimeHandlerFeatures, NodeStatus, NodeSystemInfo,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use objects::quantity::Quantity as Amount;

use crate::pod::seconds;

/// The version of Kubernetes whose kubelet this one behaves like.
pub(crate) const VERSION: &str = "v1.37.1";
/// Memory that is left to the system, and below which the node is under pressure.
const MEMORY_RESERVE: u64 = 100 << 20;
/// Free disk space with which the node is not under pressure, however large the disk: upstream's 10 % would keep a
/// developer's full but large disk from running anything.
const DISK_RESERVE: u64 = 2 << 30;

/// What was read from the machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) cpus: u64,
    pub(crate) memory: u64,
    pub(crate) memory_available: u64,
    pub(crate) disk: u64,
    pub(crate) disk_available: u64,
    pub(crate) pids_free: bool,
    pub(crate) kernel: String,
    pub(crate) os_image: String,
    pub(crate) boot_id: String,
    pub(crate) machine_id: String,
    pub(crate) system_uuid: String,
}

impl Machine {
    pub(crate) fn allocatable_memory(&self) -> u64 {
        self.memory.saturating_sub(MEMORY_RESERVE)
    }
}

/// What was decided about the node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) address6: Option<Ipv6Addr>,
    pub(crate) port: u16,
    pub(crate) max_pods: u32,
}

/// The status as it should be. Capacity entries of others are kept, and are allocatable as a whole.
pub(crate) fn compute(machine: &Machine, node: &Node, before: &NodeStatus, now: Timestamp) -> NodeStatus {
    let quantity = |text: String| Quantity(text);
    let own = |memory: u64, disk: u64| {
        BTreeMap::from([
            ("cpu".to_owned(), quantity(machine.cpus.to_string())),
            ("memory".to_owned(), quantity(format!("{}Ki", memory / 1024))),
            ("ephemeral-storage".to_owned(), quantity(format!("{}Ki", disk / 1024))),
            ("pods".to_owned(), quantity(node.max_pods.to_string())),
        ])
    };
    let mut capacity = before.capacity.clone().unwrap_or_default();
    capacity.extend(own(machine.memory, machine.disk));
    let mut allocatable = capacity.clone();
    allocatable.extend(own(machine.allocatable_memory(), machine.disk / 10 * 9));

    let memory_low = machine.memory_available < MEMORY_RESERVE;
    let disk_low = machine.disk_available < (machine.disk / 10).min(DISK_RESERVE);
    let conditions = [
        (
            "MemoryPressure",
            memory_low,
            "KubeletHasInsufficientMemory",
            "KubeletHasSufficientMemory",
            "memory available",
        ),
        ("DiskPressure", disk_low, "KubeletHasDiskPressure", "KubeletHasNoDiskPressure", "disk pressure"),
        (
            "PIDPressure",
            !machine.pids_free,
            "KubeletHasInsufficientPID",
            "KubeletHasSufficientPID",
            "PID available",
        ),
    ]
    .map(|(type_, bad, bad_reason, good_reason, what)| {
        let message = match (type_, bad) {
            ("DiskPressure", false) => "kubelet has no disk pressure".to_owned(),
            ("DiskPressure", true) => "kubelet has disk pressure".to_owned(),
            (_, false) => format!("kubelet has sufficient {what}"),
            (_, true) => format!("kubelet has insufficient {what}"),
        };
        (type_, bad, if bad { bad_reason } else { good_reason }, message)
    });
    let ready = ("Ready", true, "KubeletReady", "kubelet is posting ready status".to_owned());
    let conditions = conditions.into_iter().chain([ready]).map(|(type_, holds, reason, message)| {
        let status = if holds { "True" } else { "False" };
        let old = before.conditions.iter().flatten().find(|c| c.type_ == type_ && c.status == status);
        NodeCondition {
            last_heartbeat_time: Some(Time(seconds(now))),
            last_transition_time: old
                .and_then(|c| c.last_transition_time.clone())
                .or_else(|| Some(Time(seconds(now)))),
            message: Some(message),
            reason: Some(reason.to_owned()),
            status: status.to_owned(),
            type_: type_.to_owned(),
        }
    });

    let address = |type_: &str, address: String| NodeAddress { address, type_: type_.to_owned() };
    let own = [Some(node.address.to_string()), node.address6.map(|ip| ip.to_string())];
    let mut addresses: Vec<_> = own.into_iter().flatten().map(|ip| address("InternalIP", ip)).collect();
    addresses.push(address("Hostname", node.name.clone()));
    NodeStatus {
        addresses: Some(addresses),
        allocatable: Some(allocatable),
        capacity: Some(capacity),
        conditions: Some(conditions.collect()),
        daemon_endpoints: Some(NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint { port: i32::from(node.port) }),
        }),
        node_info: Some(NodeSystemInfo {
            architecture: architecture().to_owned(),
            boot_id: machine.boot_id.clone(),
            container_runtime_version: format!("launchway://{}", env!("CARGO_PKG_VERSION")),
            kernel_version: machine.kernel.clone(),
            kube_proxy_version: String::new(),
            kubelet_version: VERSION.to_owned(),
            machine_id: machine.machine_id.clone(),
            operating_system: "linux".to_owned(),
            os_image: machine.os_image.clone(),
            system_uuid: machine.system_uuid.clone(),
            ..NodeSystemInfo::default()
        }),
        runtime_handlers: Some(vec![NodeRuntimeHandler {
            features: Some(NodeRuntimeHandlerFeatures::default()),
            name: Some(String::new()),
        }]),
        ..NodeStatus::default()
    }
}

/// True when two statuses differ in more than the heartbeat.
pub(crate) fn differs(a: &NodeStatus, b: &NodeStatus) -> bool {
    let still = |s: &NodeStatus| {
        let mut s = s.clone();
        for c in s.conditions.iter_mut().flatten() {
            c.last_heartbeat_time = None;
        }
        // Owned by others.
        s.conditions.iter_mut().for_each(|list| {
            list.retain(|c| {
                matches!(c.type_.as_str(), "MemoryPressure" | "DiskPressure" | "PIDPressure" | "Ready")
            });
        });
        // The API server may write an amount in another way.
        let amounts = |list: Option<BTreeMap<String, Quantity>>| -> BTreeMap<String, String> {
            let canonical = |q: Quantity| Amount::parse(&q.0).map_or(q.0, |a| a.to_string());
            list.into_iter().flatten().map(|(name, q)| (name, canonical(q))).collect()
        };
        (
            s.addresses,
            amounts(s.allocatable),
            amounts(s.capacity),
            s.conditions,
            s.daemon_endpoints,
            s.images.filter(|images| !images.is_empty()),
            s.node_info,
        )
    };
    still(a) != still(b)
}

/// The processor's name as Kubernetes has it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Reads the machine; what cannot be read is left empty.
pub(crate) fn read(home: &Path) -> Machine {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let meminfo = text("/proc/meminfo");
    let kib = |name: &str| {
        let line = meminfo.lines().find_map(|l| l.strip_prefix(name));
        let number = line.and_then(|l| l.trim_start_matches(':').split_whitespace().next());
        number.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    let cpus = text("/proc/cpuinfo").lines().filter(|l| l.starts_with("processor")).count();
    let cpus = if cpus > 0 { cpus } else { std::thread::available_parallelism().map_or(1, usize::from) };
    let disk = rustix::fs::statvfs(home).ok();
    let size = |blocks: Option<u64>| blocks.unwrap_or(0) * disk.as_ref().map_or(1, |d| d.f_frsize);
    let release = text("/etc/os-release");
    let pretty = release.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux");
    let pid_max: u64 = text("/proc/sys/kernel/pid_max").trim().parse().unwrap_or(4_194_304);
    let threads = text("/proc/loadavg")
        .split_whitespace()
        .nth(3)
        .and_then(|p| p.split('/').nth(1)?.parse::<u64>().ok());
    Machine {
        cpus: u64::try_from(cpus).unwrap_or(1),
        memory: kib("MemTotal"),
        memory_available: kib("MemAvailable"),
        disk: size(disk.as_ref().map(|d| d.f_blocks)),
        disk_available: size(disk.as_ref().map(|d| d.f_bavail)),
        pids_free: threads.unwrap_or(0) < pid_max / 10 * 9,
        kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
        os_image: pretty.trim_matches('"').to_owned(),
        boot_id: text("/proc/sys/kernel/random/boot_id").trim().to_owned(),
        machine_id: text("/etc/machine-id").trim().to_owned(),
        system_uuid: text("/sys/class/dmi/id/product_uuid").trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn machine() -> Machine {
        Machine {
            cpus: 2,
            memory: 4 << 30,
            memory_available: 1 << 30,
            disk: 100 << 30,
            disk_available: 50 << 30,
            pids_free: true,
            kernel: "6.1".into(),
            os_image: "Debian".into(),
            boot_id: String::new(),
            machine_id: String::new(),
            system_uuid: String::new(),
        }
    }

    fn node() -> Node {
        Node {
            name: "n".into(),
            address: Ipv4Addr::new(10, 42, 0, 1),
            address6: None,
            port: 10250,
            max_pods: 110,
        }
    }

    #[test]
    fn foreign_capacity_becomes_allocatable() {
        let before: NodeStatus =
            serde_json::from_value(json!({"capacity": {"example.com/x": "5", "cpu": "99"}})).unwrap();
        let status = compute(&machine(), &node(), &before, Timestamp::UNIX_EPOCH);
        let allocatable = status.allocatable.unwrap();
        assert_eq!(allocatable["example.com/x"].0, "5");
        assert_eq!(allocatable["cpu"].0, "2");
        assert_eq!(allocatable["memory"].0, format!("{}Ki", (4 << 20) - 100 * 1024));
        assert_eq!(status.capacity.unwrap()["memory"].0, "4194304Ki");
    }

    #[test]
    fn only_real_changes_count() {
        let first = compute(&machine(), &node(), &NodeStatus::default(), Timestamp::UNIX_EPOCH);
        let later = Timestamp::from_second(1000).unwrap();
        let second = compute(&machine(), &node(), &first, later);
        assert!(!differs(&first, &second));
        assert_ne!(first, second);
        let tight = Machine { memory_available: 1 << 20, ..machine() };
        let third = compute(&tight, &node(), &second, later);
        assert!(differs(&second, &third));
        let pressure = third.conditions.unwrap().into_iter().find(|c| c.type_ == "MemoryPressure").unwrap();
        assert_eq!(pressure.status, "True");
        assert_eq!(pressure.last_transition_time.unwrap().0, later);
    }
}
