//! What this node refuses to run, before anything of the pod is made.

use jiff::Timestamp;

use super::Worker;
use crate::context::pod_ref;
use crate::pod::model::{Cause, Desired, Ending, Sandbox};
use crate::pod::resize;

impl Worker {
    /// Ends the pod at once when this node cannot run it.
    pub(super) fn admit(&mut self) {
        if self.state.ending.is_some() || self.state.sandbox != Sandbox::Absent {
            return;
        }
        let begun = self.state.containers.values().any(|known| known.exit().is_some());
        let verdict = refusal(&self.desired).or_else(|| if begun { None } else { self.no_room() });
        if let Some((reason, message)) = verdict {
            self.ctx.events.warning(pod_ref(&self.desired.pod), &reason, message.clone());
            let cause = Cause::Rejected { reason, message };
            self.state.ending = Some(Ending { cause, deadline: Timestamp::now() });
        }
    }

    /// A pod that nobody scheduled may ask for more than is left.
    fn no_room(&self) -> Option<(String, String)> {
        let message = self.ctx.allocations.misfit(self.desired.uid(), resize::share(self.desired.spec()))?;
        let resource = if message.contains("resource: cpu") { "cpu" } else { "memory" };
        Some((format!("OutOf{resource}"), message))
    }
}

/// Reason and message for a pod that can run on no node such as this.
fn refusal(desired: &Desired) -> Option<(String, String)> {
    let spec = desired.spec();
    let sysctls = spec.security_context.as_ref().and_then(|s| s.sysctls.as_ref());
    let forbidden = sysctls.into_iter().flatten().find(|s| !SAFE_SYSCTLS.contains(&s.name.as_str()));
    if let Some(sysctl) = forbidden {
        let message = format!("forbidden sysctl: \"{}\" not allowlisted", sysctl.name);
        return Some(("SysctlForbidden".to_owned(), message));
    }
    if spec.os.as_ref().is_some_and(|os| os.name != "linux") {
        let message = "Failed to admit pod as the OS field doesn't match node OS".to_owned();
        return Some(("PodOSNotSupported".to_owned(), message));
    }
    let contexts = spec.init_containers.iter().flatten().chain(&spec.containers);
    let own = contexts.filter_map(|c| c.security_context.as_ref()?.app_armor_profile.as_ref());
    let shared = spec.security_context.as_ref().and_then(|s| s.app_armor_profile.as_ref());
    if own.chain(shared).any(|profile| profile.type_ != "Unconfined") {
        let message = "Cannot enforce AppArmor: AppArmor is not enabled on the host".to_owned();
        return Some(("AppArmor".to_owned(), message));
    }
    None
}

/// Sysctls that belong to the pod's own namespaces and harm nobody: upstream's list.
const SAFE_SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];
