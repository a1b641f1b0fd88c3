//! A real registry for a test: Debian's docker-registry (distribution 2.8), on a free port of this machine, with its
//! blobs in a temporary folder.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::eventually;

/// The user that a registry with a password knows.
pub const USER: &str = "alice";
/// Her password.
pub const PASSWORD: &str = "opensesame";
/// The same as bcrypt has it, which is all that the registry reads.
const BCRYPT: &str = "$2b$05$abcdefghijklmnopqrstuuQbLfdQZSxZ9gjhA5V9o8Tyc6aQRO0Qi";

/// A running registry; ended when dropped.
pub struct Registry {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Registry {
    /// One that everybody may push to and pull from.
    pub fn open() -> Self {
        Self::start("")
    }

    /// One that knows [`USER`] alone.
    pub fn with_password() -> Self {
        Self::start("auth:\n  htpasswd:\n    realm: test\n    path: FOLDER/htpasswd\n")
    }

    fn start(auth: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Free at this moment; nobody else in this test asks for ports of their own.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        std::fs::write(folder.path().join("htpasswd"), format!("{USER}:{BCRYPT}\n")).unwrap();
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: FOLDER/data\n  delete:\n    \
             enabled: true\nhttp:\n  addr: 127.0.0.1:{port}\n{auth}"
        );
        let config = config.replace("FOLDER", folder.path().to_str().unwrap());
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let child = serve(&file);
        let registry = Self { child, folder, port };
        registry.await_answer();
        registry
    }

    fn await_answer(&self) {
        eventually("the registry listens", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    /// The beginning of names of its images.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// A full name: `localhost:PORT/NAME`.
    pub fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    /// Ends it; what it has stays.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.child = serve(&self.folder.path().join("config.yml"));
        self.await_answer();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(config: &std::path::Path) -> Child {
    Command::new("docker-registry")
        .arg("serve")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker-registry is there; `cargo xtask test` fetches it")
}

/// Runs skopeo, which must succeed; its standard output.
pub fn skopeo(arguments: &[&str]) -> String {
    let output = Command::new("skopeo").args(arguments).output().expect("skopeo is installed");
    assert!(output.status.success(), "skopeo {arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
