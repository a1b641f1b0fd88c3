//! A node for one test: own folder, own cgroup parent, a root file system with busybox, and a look at what is
//! left behind.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use runtime::{ContainerSpec, ContainerState, Engine, Event, ExecSpec, ExitStatus, Options, SandboxSpec};
use tokio::io::AsyncReadExt;

/// A folder, an engine over it, and a busybox root.
pub struct Node {
    pub home: tempfile::TempDir,
    pub engine: Engine,
    pub parent: String,
}

pub fn options(parent: &str) -> Options {
    Options {
        shim_command: vec![env!("CARGO_BIN_EXE_runtime-shim-test").into(), "shim".into()],
        cgroup_parent: parent.into(),
    }
}

/// Tests start real containers: they need root, and say so instead of passing without having tried.
pub fn require_root() {
    assert!(rustix::process::geteuid().is_root(), "these tests start containers: run them as root");
}

impl Node {
    pub async fn new() -> Node {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        require_root();
        let home = tempfile::tempdir().unwrap();
        let parent = format!("/lwtest-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let engine = Engine::open(home.path(), options(&parent)).await.unwrap();
        Node { home, engine, parent }
    }

    /// A new engine over the same folder, as after a restart of the daemon.
    pub async fn reopen(&mut self) {
        self.engine = Engine::open(self.home.path(), options(&self.parent)).await.unwrap();
    }

    pub fn log(&self, id: &str) -> PathBuf {
        self.home.path().join(format!("logs/{id}.log"))
    }

    /// A container of `sh -c script`.
    pub fn shell(&self, id: &str, script: &str) -> ContainerSpec {
        self.container(id, &["sh", "-c", script])
    }

    pub fn container(&self, id: &str, args: &[&str]) -> ContainerSpec {
        ContainerSpec {
            id: id.into(),
            name: id.into(),
            args: args.iter().map(|a| a.to_string()).collect(),
            lower_dirs: vec![busybox_root()],
            log_path: Some(self.log(id)),
            no_new_privs: false,
            ..ContainerSpec::default()
        }
    }

    pub async fn sandbox(&self, uid: &str) {
        self.engine.create_sandbox(&SandboxSpec { uid: uid.into(), ..sandbox() }).await.unwrap();
    }

    /// Creates, starts and waits for the end.
    pub async fn run(&self, uid: &str, spec: &ContainerSpec) -> ExitStatus {
        let mut events = self.engine.events();
        self.engine.create_container(uid, spec).await.unwrap();
        self.engine.start_container(uid, &spec.id).await.unwrap();
        ended(&mut events, &spec.id).await
    }

    /// Runs in a pod of its own and gives what it printed, both streams, with its end.
    pub async fn output(&self, spec: &ContainerSpec) -> (ExitStatus, String) {
        let uid = format!("pod-{}", spec.id);
        self.sandbox(&uid).await;
        let exit = self.run(&uid, spec).await;
        self.engine.remove_sandbox(&uid).await.unwrap();
        (exit, self.printed(&spec.id))
    }

    /// The log's content without its frame.
    pub fn printed(&self, id: &str) -> String {
        let text = std::fs::read_to_string(self.log(id)).unwrap_or_default();
        let mut content = String::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.splitn(4, ' ').collect();
            let [time, stream, tag, rest] = fields[..] else { panic!("not a log entry: {line:?}") };
            assert!(time.ends_with('Z') && time.len() == 30, "time of {line:?}");
            assert!(matches!(stream, "stdout" | "stderr"), "stream of {line:?}");
            content.push_str(rest);
            match tag {
                "F" => content.push('\n'),
                "P" => {}
                _ => panic!("tag of {line:?}"),
            }
        }
        content
    }

    /// Runs `sh -c script` in a container: exit code, output, errors.
    pub async fn exec(&self, uid: &str, id: &str, script: &str) -> (i32, String, String) {
        let spec = ExecSpec { args: vec!["sh".into(), "-c".into(), script.into()], ..ExecSpec::default() };
        let mut exec = self.engine.exec(uid, id, &spec).await.unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        let (mut stdout, mut stderr) = (exec.stdout.take().unwrap(), exec.stderr.take().unwrap());
        let (a, b) = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err));
        a.unwrap();
        b.unwrap();
        (exec.wait().await.unwrap(), out, err)
    }

    /// Everything of this node that is left outside its folder: processes, mounts, cgroups.
    pub fn left_over(&self) -> Vec<String> {
        let mut left = Vec::new();
        let home = self.home.path().to_string_lossy().into_owned();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
            let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
            if command.contains(&home) || groups.contains(&format!("{}/", self.parent)) {
                left.push(format!("process {pid} {command:?}"));
            }
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        left.extend(mounts.lines().filter(|line| line.contains(&home)).map(|line| format!("mount {line}")));
        left.extend(cgroups(Path::new("/sys/fs/cgroup"), &format!("{}/pod", &self.parent[1..])));
        left
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Also after a failed test: what runs is found by its cgroup.
        for folder in cgroups(Path::new("/sys/fs/cgroup"), &self.parent[1..]) {
            let tasks = std::fs::read_to_string(Path::new(&folder).join("cgroup.procs")).unwrap_or_default();
            for pid in tasks.lines().filter_map(|p| p.parse().ok()).filter_map(rustix::process::Pid::from_raw)
            {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        for entry in std::fs::read_dir(self.home.path().join("pods")).into_iter().flatten().flatten() {
            let record = std::fs::read(entry.path().join("shim/sandbox.json")).unwrap_or_default();
            let record: serde_json::Value = serde_json::from_slice(&record).unwrap_or_default();
            let pid = record["pid"].as_i64().and_then(|pid| rustix::process::Pid::from_raw(pid as i32));
            if let Some(pid) = pid {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        for _ in 0..50 {
            let mut folders = cgroups(Path::new("/sys/fs/cgroup"), &self.parent[1..]);
            folders.sort_by_key(|folder| std::cmp::Reverse(folder.len()));
            if folders.iter().filter(|folder| std::fs::remove_dir(folder).is_err()).count() == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// cgroup folders whose path holds `name`.
fn cgroups(folder: &Path, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let path = entry.path();
            if path.to_string_lossy().contains(name) {
                found.push(path.to_string_lossy().into_owned());
            }
            found.extend(cgroups(&path, name));
        }
    }
    found
}

pub fn sandbox() -> SandboxSpec {
    SandboxSpec {
        uid: "pod".into(),
        name: "pod".into(),
        namespace: "default".into(),
        hostname: "pod".into(),
        ..SandboxSpec::default()
    }
}

pub async fn ended(events: &mut tokio::sync::mpsc::UnboundedReceiver<Event>, id: &str) -> ExitStatus {
    let wait = async {
        loop {
            if let Some(Event::Container { status, .. }) = events.recv().await
                && status.id == id
                && let ContainerState::Exited(exit) = status.state
            {
                return exit;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("{id} does not end"))
}

/// A root file system with busybox and its commands, made once per program from Debian's package.
pub fn busybox_root() -> PathBuf {
    static ROOT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    ROOT.get_or_init(|| {
        let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let busybox = busybox(&place);
        // Other test programs may be at the same: made apart, then renamed.
        let root = place.join("busybox-root-2");
        if root.exists() {
            return root;
        }
        let new = tempfile::tempdir_in(&place).unwrap().keep();
        std::fs::create_dir_all(new.join("bin")).unwrap();
        std::fs::create_dir_all(new.join("etc")).unwrap();
        std::fs::copy(busybox, new.join("bin/busybox")).unwrap();
        let list = Command::new(new.join("bin/busybox")).arg("--list").output().unwrap();
        for name in String::from_utf8(list.stdout).unwrap().lines().filter(|name| *name != "busybox") {
            std::os::unix::fs::symlink("busybox", new.join("bin").join(name)).unwrap();
        }
        let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n";
        std::fs::write(new.join("etc/passwd"), passwd).unwrap();
        std::fs::write(new.join("etc/group"), "root:x:0:\napp:x:1001:\nextra:x:2000:app\n").unwrap();
        std::fs::set_permissions(&new, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let _ = std::fs::rename(&new, &root);
        root
    })
    .clone()
}

fn busybox(place: &Path) -> PathBuf {
    let installed = Path::new("/bin/busybox");
    if installed.exists() && Command::new(installed).arg("true").status().is_ok_and(|s| s.success()) {
        return installed.into();
    }
    unpacked(place, "busybox-static", "bin/busybox")
}

/// A program of a Debian package: downloaded by apt and unpacked beside the tests, with no change to the
/// system.
pub fn unpacked(place: &Path, package: &str, program: &str) -> PathBuf {
    let folder = place.join(format!("deb-{package}"));
    let path = folder.join(program);
    if path.exists() {
        return path;
    }
    let new = tempfile::tempdir_in(place).unwrap().keep();
    let run = |command: &mut Command| {
        let output = command.current_dir(&new).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run(Command::new("apt-get").args(["download", package]));
    let packages: BTreeSet<PathBuf> = std::fs::read_dir(&new).unwrap().flatten().map(|e| e.path()).collect();
    let deb = packages.iter().find(|p| p.extension().is_some_and(|e| e == "deb")).unwrap();
    run(Command::new("dpkg").arg("-x").arg(deb).arg(&new));
    let _ = std::fs::rename(&new, &folder);
    path
}
