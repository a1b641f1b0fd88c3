//! What end-to-end tests share: a cluster of their own, the shop, kubectl, plain HTTP, and a look at the machine.
//!
//! Tests run the release binary named by `LAUNCHWAY` as a user would, as root, in a home of their own, with a
//! kubeconfig of their own. Nothing of the machine but what the cluster under test made is touched.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

pub mod background;
pub mod http;
pub mod images;
pub mod machine;
pub mod objects;
pub mod postgres;
pub mod registry;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A cluster under test; deleted when dropped.
pub struct Cluster {
    folder: tempfile::TempDir,
    /// The network namespace of its machine, if that is not the test's.
    machine: Option<PathBuf>,
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// Whether it ended with 0.
    pub success: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

// === impl Cluster ===

impl Cluster {
    /// A home for a cluster that does not exist yet.
    pub fn new() -> Self {
        assert!(is_root(), "end-to-end tests need root");
        Self { folder: tempfile::Builder::new().prefix("lw").tempdir().unwrap(), machine: None }
    }

    /// The same on a machine of its own: a network namespace, named by the file that it is mounted on.
    pub fn on_machine(machine: PathBuf) -> Self {
        let mut cluster = Self::new();
        cluster.machine = Some(machine);
        cluster
    }

    /// A program, on the cluster's machine.
    fn program(&self, program: String) -> Command {
        match &self.machine {
            Some(machine) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net={}", machine.display())).arg(program);
                command
            }
            None => Command::new(program),
        }
    }

    /// Folder of the cluster.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The user's kubeconfig in this test.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// A folder for the test's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `launchway ARGUMENTS`, ready to run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let binary = std::env::var("LAUNCHWAY").expect("LAUNCHWAY names the binary; run `cargo xtask test`");
        let mut command = self.program(binary);
        // The settings of the cargo that runs this test are not a user's.
        forget_cargo(&mut command);
        command.args(arguments).env("LAUNCHWAY_HOME", self.home()).env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Runs `launchway ARGUMENTS`.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output())
    }

    /// Runs `launchway ARGUMENTS`, which must succeed.
    pub fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert!(ran.success, "launchway {arguments:?}\n{}\n{}\n{}", ran.stdout, ran.stderr, self.log());
        ran
    }

    /// Runs `kubectl ARGUMENTS` against the cluster.
    pub fn kubectl(&self, arguments: &[&str]) -> Ran {
        ran(self.kubectl_command(arguments).output())
    }

    /// `kubectl ARGUMENTS`, ready to run.
    pub fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let program = std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
        let mut command = self.program(program);
        command.args(["--context", "launchway"]).args(arguments).env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Runs `kubectl ARGUMENTS`, which must succeed; its standard output.
    pub fn kubectl_ok(&self, arguments: &[&str]) -> String {
        let ran = self.kubectl(arguments);
        assert!(ran.success, "kubectl {arguments:?}\n{}\n{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// An object or list as JSON.
    pub fn get(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.kubectl_ok(&[&["get", "-o", "json"], arguments].concat());
        serde_json::from_str(&output).unwrap()
    }

    /// Process id of the daemon.
    pub fn daemon(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.home().join("daemon.lock")).ok()?;
        let pid = text.trim().parse().ok()?;
        machine::is_alive(pid).then_some(pid)
    }

    /// Ends the daemon without any chance to tidy up.
    pub fn kill_daemon(&self) {
        let pid = self.daemon().expect("the daemon runs");
        let status = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        assert!(status.success());
        eventually("the daemon is gone", || (!machine::is_alive(pid)).then_some(()));
    }

    /// The end of the daemon's log.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.home().join("daemon.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// A copy of the example shop that the test may change, as a first run finds it; only what cargo compiled for
    /// it comes along, because every test would compile the same again.
    pub fn shop(&self) -> PathBuf {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop").canonicalize().unwrap();
        let mut cargo = Command::new("cargo");
        // Settings of the cargo that runs this test are not for the shop's.
        forget_cargo(&mut cargo);
        let status =
            cargo.args(["build", "--release", "--locked", "--quiet"]).current_dir(&source).status().unwrap();
        assert!(status.success(), "the shop compiles");
        let copy = self.folder.path().join("shop");
        let status = Command::new("cp").arg("-a").arg(&source).arg(&copy).status().unwrap();
        assert!(status.success());
        for made in [".turbo", "apps/api/.turbo", "apps/web/.turbo", "apps/api/dist", "apps/web/dist"] {
            let _ = std::fs::remove_dir_all(copy.join(made));
        }
        copy
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- daemon.log\n{}", self.log());
        }
        let ran = self.run(&["cluster", "delete"]);
        if !ran.success && !std::thread::panicking() {
            panic!("cluster delete: {}", ran.stderr);
        }
    }
}

fn forget_cargo(command: &mut Command) {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_") && name != "CARGO_HOME") {
        command.env_remove(name);
    }
}

fn ran(output: std::io::Result<Output>) -> Ran {
    let output = output.expect("the program can be run");
    Ran {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Whether this process is root's.
pub fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

/// Waits until `check` gives something; far longer than it should take, because machines are shared.
pub fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Replaces `from` by `to` in a file, which must contain it.
pub fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{} does not contain {from:?}", path.display());
    std::fs::write(path, text.replace(from, to)).unwrap();
}
