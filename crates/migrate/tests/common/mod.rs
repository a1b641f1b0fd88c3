//! A PostgreSQL server of the tests' own: temporary folder, free port, no durability, ended with the last test.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// A running server.
pub(crate) struct Server {
    port: u16,
    bin: PathBuf,
    user: Option<(u32, u32)>,
    process: Mutex<Child>,
    folder: tempfile::TempDir,
}

/// A database of one test on the shared server.
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) server: Arc<Server>,
}

/// A new database, or `None` after saying why there is none; with `CI` set that is a failure.
pub(crate) async fn database() -> Option<Database> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let server = {
        let mut shared = SHARED.lock().unwrap();
        match shared.upgrade().map_or_else(|| Server::start().map(Arc::new), Ok) {
            Ok(server) => {
                *shared = Arc::downgrade(&server);
                server
            }
            Err(reason) => {
                missing(&format!("no PostgreSQL server: {reason}; install the package postgresql"));
                return None;
            }
        }
    };
    let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    connect(&server.url("postgres")).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    Some(Database { name, server })
}

/// Says that a test did nothing; a failure where everything must be there.
pub(crate) fn missing(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "{reason}");
    eprintln!("NOT RUN: {reason}");
}

/// A plain connection.
pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Database {
    /// `postgres://…` for this database.
    pub(crate) fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// The same for Java.
    pub(crate) fn jdbc(&self) -> String {
        format!("jdbc:postgresql://127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// First column of every row, as text; NULL is empty.
    pub(crate) async fn query(&self, sql: &str) -> Vec<String> {
        let messages = connect(&self.url()).await.simple_query(sql).await.unwrap();
        let rows = messages.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        rows.collect()
    }
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn start() -> Result<Self, String> {
        let user = unprivileged_user()?;
        let mut reasons = Vec::new();
        for bin in program_folders() {
            match Self::start_from(&bin, user) {
                Ok(server) => return Ok(server),
                Err(reason) => reasons.push(format!("{}: {reason}", bin.display())),
            }
        }
        Err(if reasons.is_empty() { "no initdb and postgres found".to_owned() } else { reasons.join("; ") })
    }

    fn start_from(bin: &Path, user: Option<(u32, u32)>) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let data = folder.path().join("data");
        let made = command(&bin.join("initdb"), user, folder.path())
            .args(["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
            .arg(&data)
            .output()
            .map_err(|e| e.to_string())?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).trim().to_owned());
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = command(&bin.join("postgres"), user, folder.path())
            .args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-p", &port.to_string(), "-k"])
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
        Ok(Self { port, bin: bin.to_owned(), user, process: Mutex::new(process), folder })
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
