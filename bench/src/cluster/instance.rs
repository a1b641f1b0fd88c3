//! A cluster of the benchmark's own: the release binary in a temporary home with addresses, names and a port that
//! nothing else uses. It is deleted when the value is dropped, whatever happened before.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use image::{ContentStore, ImageConfig, LayerBuilder};

use crate::measure::Failure;

/// The image that the pods run.
pub(crate) const IMAGE: &str = "bench.local/pod:1";

pub(crate) struct Instance {
    binary: PathBuf,
    folder: tempfile::TempDir,
    api_port: u16,
    deleted: bool,
}

impl Instance {
    /// A home without a cluster.
    pub(crate) fn new() -> Result<Self, Failure> {
        let Some(binary) = std::env::var_os("LAUNCHWAY") else {
            return Err("set LAUNCHWAY to the release binary, or run `cargo xtask bench cluster`".into());
        };
        // Not /tmp, which may be memory; short, because sockets lie below it.
        let parent = std::env::var_os("BENCH_DIR").unwrap_or_else(|| "/var/tmp".into());
        let folder = tempfile::Builder::new().prefix("lwb").tempdir_in(parent)?;
        let api_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self { binary: binary.into(), folder, api_port, deleted: false })
    }

    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("h")
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Runs `launchway ARGUMENTS`: how long it took.
    fn run(&self, arguments: &[&str]) -> Result<Duration, Failure> {
        let begin = Instant::now();
        let output = Command::new(&self.binary)
            .args(arguments)
            .env("LAUNCHWAY_HOME", self.home())
            .env("KUBECONFIG", self.kubeconfig())
            .output()
            .map_err(|error| format!("{}: {error}", self.binary.display()))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("launchway {} failed: {text}\n{}", arguments.join(" "), self.log()).into());
        }
        Ok(begin.elapsed())
    }

    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.home().join("daemon.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Makes the pods' image and imports it as a user would import an archive.
    pub(crate) fn import_image(&self) -> Result<Duration, Failure> {
        let archive = self.folder.path().join("image.tar");
        let store = ContentStore::open(&self.folder.path().join("made"))?;
        let mut files = LayerBuilder::new();
        files.file("pod", &std::env::current_exe()?)?;
        let layer = store.put_layer(&files)?;
        let entrypoint = vec!["/pod".to_owned(), "pod".to_owned(), "serve".to_owned()];
        let config = ImageConfig { entrypoint, ..ImageConfig::default() };
        let digest = store.build_image(&config, &[layer])?;
        store.tag(IMAGE, &digest)?;
        store.export_archive(IMAGE, &archive)?;
        self.run(&["image", "import", &archive.to_string_lossy()])
    }

    /// Starts the cluster; the time is that of the command, which ends when the cluster is ready.
    pub(crate) fn start(&self) -> Result<Duration, Failure> {
        // Of our own process id, so that two benchmarks at once do not share a device or a range.
        let id = std::process::id();
        let (name, port) = (format!("b{id}"), self.api_port.to_string());
        let (pods, services) = (format!("10.231.{}.0/24", id % 256), format!("10.232.{}.0/24", id % 256));
        self.run(&[
            "cluster",
            "start",
            "--name",
            &name,
            "--api-port",
            &port,
            "--pod-cidr",
            &pods,
            "--service-cidr",
            &services,
        ])
    }

    pub(crate) fn stop(&self) -> Result<Duration, Failure> {
        self.run(&["cluster", "stop"])
    }

    pub(crate) fn delete(&mut self) -> Result<Duration, Failure> {
        let took = self.run(&["cluster", "delete"])?;
        self.deleted = true;
        Ok(took)
    }

    /// A client over TLS, as any other program outside would have it.
    pub(crate) async fn client(&self) -> Result<kube::Client, Failure> {
        let config = kube::config::Kubeconfig::read_from(self.kubeconfig())?;
        let options = kube::config::KubeConfigOptions::default();
        Ok(kube::Client::try_from(kube::Config::from_custom_kubeconfig(config, &options).await?)?)
    }

    /// Process id of the daemon.
    pub(crate) fn daemon(&self) -> Result<u32, Failure> {
        let path = self.home().join("daemon.lock");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(text.trim().parse()?)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if !self.deleted
            && let Err(error) = self.delete()
        {
            eprintln!("the benchmark's cluster could not be deleted: {error}");
        }
    }
}
