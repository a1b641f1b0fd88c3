//! A PostgreSQL server of a test's own: temporary folder, free port, no durability, ended when dropped.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

/// Password of the user `postgres`; connections from 127.0.0.1 need none.
pub const PASSWORD: &str = "secret";

/// A running server.
pub struct Server {
    address: IpAddr,
    port: u16,
    bin: PathBuf,
    user: Option<(u32, u32)>,
    process: Mutex<Child>,
    folder: tempfile::TempDir,
}

impl Server {
    /// Where a database of the server is, with the user `postgres` and its password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@{}:{}/{database}", self.address, self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What `psql` prints for a query: values alone, `|` between columns.
    pub fn query(&self, database: &str, sql: &str) -> String {
        let output = command(&self.bin.join("psql"), self.user, self.folder.path())
            .args(["-X", "-A", "-t", "-c", sql, &self.url(database)])
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts a server that listens on `address`; the error says why there is none.
    pub fn start(address: IpAddr) -> Result<Self, String> {
        let user = unprivileged_user()?;
        let mut reasons = Vec::new();
        for bin in program_folders() {
            match Self::start_from(&bin, user, address) {
                Ok(server) => return Ok(server),
                Err(reason) => reasons.push(format!("{}: {reason}", bin.display())),
            }
        }
        Err(if reasons.is_empty() { "no initdb and postgres found".to_owned() } else { reasons.join("; ") })
    }

    fn start_from(bin: &Path, user: Option<(u32, u32)>, address: IpAddr) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let made = command(&bin.join("initdb"), user, folder.path())
            .args(["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C", "--pwfile"])
            .arg(&password)
            .arg("-D")
            .arg(&data)
            .output()
            .map_err(|e| e.to_string())?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).trim().to_owned());
        }
        let access = "local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all all scram-sha-256\n";
        std::fs::write(data.join("pg_hba.conf"), access).unwrap();
        let port = TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port();
        let mut process = command(&bin.join("postgres"), user, folder.path())
            .args([
                "-c",
                "fsync=off",
                "-c",
                &format!("listen_addresses={address}"),
                "-p",
                &port.to_string(),
                "-k",
            ])
            .arg(folder.path())
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut seen = String::new();
        while !seen.contains("ready to accept connections") {
            if log.read_line(&mut seen).map_err(|e| e.to_string())? == 0 {
                return Err(format!("the server ended: {}", seen.trim()));
            }
        }
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Self { address, port, bin: bin.to_owned(), user, process: Mutex::new(process), folder })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = command(&self.bin.join("pg_ctl"), self.user, self.folder.path())
            .args(["stop", "-s", "-m", "immediate", "-D"])
            .arg(self.folder.path().join("data"))
            .status();
        let _ = self.process.lock().unwrap().wait();
    }
}

fn command(program: &Path, user: Option<(u32, u32)>, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir).env("LC_ALL", "C");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Folders with both programs: Debian's, newest first, then those in PATH.
fn program_folders() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders.retain(|dir| ["initdb", "postgres", "pg_ctl"].iter().all(|name| dir.join(name).is_file()));
    folders
}

/// The server refuses to run as root: the user `postgres`, else `nobody`; none when this is not root.
fn unprivileged_user() -> Result<Option<(u32, u32)>, String> {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata("/proc/self").map_err(|e| e.to_string())?.uid() != 0 {
        return Ok(None);
    }
    let accounts = std::fs::read_to_string("/etc/passwd").map_err(|e| e.to_string())?;
    let find = |name: &str| {
        let fields: Vec<&str> =
            accounts.lines().map(|line| line.split(':').collect()).find(|f: &Vec<&str>| f[0] == name)?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    find("postgres")
        .or_else(|| find("nobody"))
        .map(Some)
        .ok_or_else(|| "no user postgres or nobody".to_owned())
}
