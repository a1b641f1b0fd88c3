//! What there is on this machine: processes, mounts, interfaces, tables, cgroups, folders; to be
//! listed before and after.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Everything that a cluster could leave behind: processes of the binary under test, mount points, interfaces,
/// routes, nftables tables, cgroups with a name of ours, kernel settings that a network changes. A line each.
pub fn traces() -> BTreeSet<String> {
    let mounts = lines("/proc/self/mounts");
    let settings = ["ip_forward", "conf/all/rp_filter", "conf/all/route_localnet", "conf/lo/route_localnet"];
    let named = |kind: &'static str, found: BTreeSet<String>| {
        found.into_iter().map(move |name| format!("{kind} {name}"))
    };
    named("process", processes())
        .chain(named("mount", mounts.iter().filter_map(|l| l.split(' ').nth(1).map(str::to_owned)).collect()))
        .chain(named("interface", names(Path::new("/sys/class/net"))))
        .chain(named("route", output("ip", &["-4", "route", "show", "table", "all"])))
        .chain(named("table", output("nft", &["list", "tables"])))
        .chain(named("cgroup", cgroups()))
        .chain(settings.iter().map(|name| {
            let value = fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap_or_default();
            format!("setting {name}={}", value.trim())
        }))
        .collect()
}

/// Whether the process is there and not only waiting to be collected.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn processes() -> BTreeSet<String> {
    let binary = std::env::var("LAUNCHWAY").unwrap_or_default();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let exe = fs::read_link(entry.path().join("exe")).unwrap_or_default();
        if exe.to_string_lossy().starts_with(&binary) && !binary.is_empty() {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.insert(String::from_utf8_lossy(&command).replace('\0', " "));
        }
    }
    found
}

fn cgroups() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![Path::new("/sys/fs/cgroup").to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name().to_string_lossy().starts_with("launchway") {
                    found.insert(entry.path().display().to_string());
                }
                open.push(entry.path());
            }
        }
    }
    found
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn lines(path: &str) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn output(program: &str, arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}; `cargo xtask test` installs it"));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim().to_owned()).collect()
}
