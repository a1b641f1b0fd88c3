//! Capability names and sets. Pure: numbers in, numbers out.

use crate::spec::Capabilities;

/// Names in the order of their numbers (`linux/capability.h`).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What a container gets when nothing is said: the usual fourteen.
const DEFAULT: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// The sets of a process; bit n is capability n.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sets {
    /// Bounding, permitted and effective.
    pub(crate) granted: u64,
    /// Ambient, and inheritable with it.
    pub(crate) ambient: u64,
}

/// The set of every capability that this process may hand on (`CapBnd`), which may be less than all.
pub(crate) fn bounding() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"))?;
            u64::from_str_radix(line.trim(), 16).ok()
        })
        .unwrap_or(u64::MAX >> (64 - NAMES.len()))
}

/// Number of a capability, with or without `CAP_`.
pub(crate) fn number(name: &str) -> Option<u32> {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
    NAMES.iter().position(|known| *known == short).map(|n| n as u32)
}

/// Whether `set` holds the capability of this name.
pub(crate) fn holds(set: u64, name: &str) -> bool {
    number(name).is_some_and(|n| set & (1 << n) != 0)
}

/// The sets of a container: the default, less `drop`, plus `add`, never more than `available`.
///
/// The error is the unknown name. `ALL` in `drop` empties the default; `ALL` in `add` is everything less the
/// names that `drop` gives one by one.
pub(crate) fn resolve(wanted: &Capabilities, privileged: bool, available: u64) -> Result<Sets, String> {
    let mask = |names: &[String]| -> Result<(u64, bool), String> {
        let mut set = 0;
        let mut all = false;
        for name in names {
            if name.eq_ignore_ascii_case("ALL") {
                all = true;
            } else {
                set |= 1 << number(name).ok_or_else(|| format!("unknown capability {name:?}"))?;
            }
        }
        Ok((set, all))
    };
    let ((add, add_all), (drop, drop_all)) = (mask(&wanted.add)?, mask(&wanted.drop)?);
    let default = DEFAULT.iter().filter_map(|name| number(name)).fold(0, |set, n| set | 1 << n);
    let everything = privileged || add_all;
    let base = match (everything, drop_all) {
        (true, _) => available,
        (false, true) => 0,
        (false, false) => default,
    };
    let granted = ((base & !drop) | add) & available;
    let (ambient, ambient_all) = mask(&wanted.ambient)?;
    let ambient = if ambient_all { granted } else { ambient & granted };
    Ok(Sets { granted, ambient })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(add: &[&str], drop: &[&str]) -> Capabilities {
        let list = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
        Capabilities { add: list(add), drop: list(drop), ambient: Vec::new() }
    }

    #[test]
    fn sets_follow_add_and_drop() {
        let all = u64::MAX >> 23;
        let granted = |add: &[&str], drop: &[&str]| resolve(&wanted(add, drop), false, all).unwrap().granted;
        assert_eq!(granted(&[], &[]), 0xa804_25fb);
        assert_eq!(granted(&[], &["ALL"]), 0);
        assert_eq!(granted(&["NET_BIND_SERVICE"], &["ALL"]), 1 << 10);
        assert_eq!(granted(&["cap_sys_admin"], &["CAP_CHOWN"]), 0xa804_25fb & !1 | 1 << 21);
        assert_eq!(granted(&["ALL"], &["SYS_ADMIN"]), all & !(1 << 21));
        assert_eq!(resolve(&wanted(&[], &[]), true, all).unwrap().granted, all);
        assert_eq!(resolve(&wanted(&["FLY"], &[]), false, all).unwrap_err(), "unknown capability \"FLY\"");
    }
}
