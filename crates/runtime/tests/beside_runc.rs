//! The same container by runc and by this engine: what a process sees of itself must not differ. Needs root and
//! runc; without that program the one of Debian's package is fetched.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::Node;
use runtime::{Resources, Rlimit, Seccomp, User};
use serde_json::{Value, json};

/// What is compared: one fact to a line, and nothing that names a process, a time or an identity number.
const FACTS: &str = r#"
grep -E '^(Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups|SigBlk|Umask)' /proc/self/status
pwd; umask; hostname; cat /proc/self/oom_score_adj
env | grep -v '^_=' | sort
sed 's/  */ /g' /proc/self/limits | grep -E 'open files|processes|core'
awk '{n=split($4,o,","); f=""; for(i=1;i<=n;i++) if (o[i] ~ /^(ro|rw|nosuid|nodev|noexec)$/) f=f" "o[i]; print "mount " $2 " " $3 f}' /proc/mounts
for f in /dev/*; do stat -c '%n %F %a %t:%T %N' $f; done
ls -A /proc/acpi /proc/scsi /sys/firmware 2>&1
for f in kcore keys timer_list latency_stats interrupts; do test -e /proc/$f && echo $f $(wc -c < /proc/$f); done
for f in /proc/sys/kernel/hostname /proc/irq/x /sys/x /x /dev/x /etc/x; do (echo > $f) 2>&1 | sed 's/^[^:]*: //'; done
mkdir /tmp-forbidden 2>&1; ls -d /tmp-forbidden 2>&1
readlink /proc/self/root; cat /proc/self/cgroup | grep -E 'memory|pids' | sed 's/^[0-9]*//'
echo /proc/self/fd/* | wc -w; cat /proc/sys/net/ipv4/ip_forward; tty; id
"#;

const PROFILE: &str = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[
    {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]}"#;

const MASKED: [&str; 6] =
    ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"];
const READONLY: [&str; 4] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"];

fn runc() -> (PathBuf, Option<PathBuf>) {
    for place in ["/usr/sbin/runc", "/usr/bin/runc"] {
        if Path::new(place).exists() {
            return (place.into(), None);
        }
    }
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = common::unpacked(place, "libseccomp2", "usr/lib/x86_64-linux-gnu");
    (common::unpacked(place, "runc", "usr/sbin/runc"), Some(library))
}

/// The bundle of the same container for runc.
fn bundle(root: &Path, cgroup: &str, user: &User, readonly: bool) -> Value {
    let capabilities = [
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
    ]
    .map(|name| format!("CAP_{name}"));
    let (uid, gid) = if user.user == "app" { (1000, 1001) } else { (0, 0) };
    let groups: &[u32] = if user.user == "app" { &[1001, 2000] } else { &[0] };
    let mount = |target: &str, kind: &str, options: &[&str]| json!({"destination": target, "type": kind, "source": kind, "options": options});
    let namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"].map(|kind| json!({"type": kind}));
    json!({
        "ociVersion": "1.0.2", "hostname": "pod",
        "process": {
            "args": ["sh", "-c", FACTS], "cwd": "/etc", "noNewPrivileges": true, "oomScoreAdj": 300,
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=b"],
            "user": {"uid": uid, "gid": gid, "additionalGids": groups},
            "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}],
        },
        "root": {"path": root, "readonly": readonly},
        "mounts": [
            mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
            mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            mount("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]),
        ],
        "linux": {
            "cgroupsPath": cgroup, "maskedPaths": MASKED, "readonlyPaths": READONLY,
            "namespaces": namespaces,
            "resources": {"pids": {"limit": 50}, "memory": {"limit": 64 << 20}},
            "seccomp": serde_json::from_str::<Value>(PROFILE).unwrap(),
        },
    })
}

#[tokio::test]
async fn a_process_sees_the_same_under_runc() {
    let node = Node::new().await;
    let (program, library) = runc();
    let cases =
        [("root", User::default(), false), ("user", User { user: "app".into(), ..User::default() }, true)];
    for (id, user, readonly) in cases {
        let mut spec = node.container(id, &["sh", "-c", FACTS]);
        spec.env = vec!["A=b".into()];
        spec.cwd = "/etc".into();
        (spec.user, spec.readonly_root, spec.no_new_privs) = (user.clone(), readonly, true);
        spec.seccomp = Seccomp::Profile(PROFILE.into());
        spec.masked_paths = Some(MASKED.map(String::from).into());
        spec.readonly_paths = Some(READONLY.map(String::from).into());
        spec.oom_score_adj = Some(300);
        spec.resources = Resources { pids: Some(50), memory_limit: Some(64 << 20), ..Resources::default() };
        spec.rlimits = vec![
            Rlimit { name: "RLIMIT_NOFILE".into(), soft: 100, hard: 200 },
            Rlimit { name: "RLIMIT_CORE".into(), soft: 0, hard: 0 },
        ];
        let (exit, ours) = node.output(&spec).await;
        assert_eq!(exit.code, 0, "{ours}");

        let folder = tempfile::tempdir().unwrap();
        // runc makes missing mount points in the root itself: it gets a copy.
        let root = folder.path().join("root");
        let copied = Command::new("cp").arg("-a").arg(common::busybox_root()).arg(&root).status().unwrap();
        assert!(copied.success());
        let config = bundle(&root, &format!("{}/{id}", node.parent), &user, readonly);
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let mut command = Command::new(&program);
        command.arg("--root").arg(folder.path().join("state")).arg("run").arg("--bundle").arg(folder.path());
        if let Some(library) = &library {
            command.env("LD_LIBRARY_PATH", library);
        }
        let output = command
            .arg(format!("lw-{}-{id}", std::process::id()))
            .stdin(std::process::Stdio::null())
            .output();
        let output = output.unwrap();
        let theirs = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "runc: {}\n{theirs}", String::from_utf8_lossy(&output.stderr));

        let (ours, theirs) = (facts(&ours), facts(&theirs));
        let only_ours: Vec<_> = ours.difference(&theirs).collect();
        let only_theirs: Vec<_> = theirs.difference(&ours).collect();
        assert!(
            only_ours.is_empty() && only_theirs.is_empty(),
            "{id}: ours {only_ours:#?}, runc's {only_theirs:#?}"
        );
        assert!(ours.len() > 60, "{ours:#?}");
    }
}

/// The lines that must agree: all, less those where the two differ for a stated reason.
fn facts(text: &str) -> BTreeSet<String> {
    let differs = |line: &str| {
        // runc shows hierarchies that are not used here, each by its own name.
        line.starts_with("mount /sys/fs/cgroup/")
            // The folder of these mounts: ours is read-only too.
            || line.starts_with("mount /sys/fs/cgroup ")
            // runc's root is a plain folder, ours an overlay of layers.
            || line.starts_with("mount / ")
            // runc links to the kernel's memory image, which is masked anyway.
            || line.starts_with("/dev/core ")
    };
    text.lines().filter(|line| !differs(line)).map(str::to_string).collect()
}
