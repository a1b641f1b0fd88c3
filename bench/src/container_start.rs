//! Container start beside runc and crun: from "create" to the first byte that the container's own process
//! writes, with the same root, the same limits' cgroups, the same capabilities and a system call filter.
//!
//! Ours is measured as the node does it: the pod's shim is up, create and start go over its socket, the byte
//! comes through an attached pipe. The role models are measured as a container manager uses them: one process
//! for `create`, one for `start`, the byte through the inherited standard output. Shim start and exec have no
//! like there and are printed alone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use runtime::{ContainerSpec, Engine, ExecSpec, Options, SandboxSpec};
use tokio::io::AsyncReadExt;

use crate::measure::{Failure, Sample, human};

/// Runs the benchmark, about `time` for each figure.
pub(crate) fn run(time: Duration) -> Result<(), Failure> {
    if !Path::new("/proc/self/ns/net").exists() || std::fs::write("/proc/self/oom_score_adj", "0").is_err() {
        return Err("containers need Linux and root".into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(time))
}

async fn measure(time: Duration) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("root");
    let Some(busybox) = find("BUSYBOX", &["/bin/busybox", "/usr/bin/busybox"]) else {
        return Err(
            "no busybox here: `apt-get install busybox-static`, or set BUSYBOX to a static one".into()
        );
    };
    std::fs::create_dir_all(root.join("bin"))?;
    for name in ["sh", "sleep"] {
        std::fs::copy(&busybox, root.join("bin").join(name))?;
    }

    let ours = ours(folder.path(), &root, time).await?;
    println!("\n{:<34}{:>10}{:>10}{:>10}{:>8}", "", "min", "p50", "p90", "runs");
    line("launchway: shim of a pod", &ours.sandbox);
    line("launchway: create to first byte", &ours.start);
    line("launchway: kill and remove", &ours.remove);
    line("launchway: exec until reaped", &ours.exec);
    println!(
        "launchway: shim's private memory   {} KiB, {} KiB resident",
        ours.private_kib, ours.resident_kib
    );
    for (name, variable, places) in [
        ("runc", "RUNC", ["/usr/sbin/runc", "/usr/bin/runc"]),
        ("crun", "CRUN", ["/usr/bin/crun", "/usr/sbin/crun"]),
    ] {
        let Some(program) = find(variable, &places) else {
            println!("no {name} here: `apt-get install {name}`, or set {variable} to the program");
            continue;
        };
        match role_model(folder.path(), &root, name, &program, time) {
            Ok((start, remove)) => {
                line(&format!("{name}: create to first byte"), &start);
                line(&format!("{name}: kill and delete"), &remove);
                let ratio = |theirs: &Sample, ours: &Sample| {
                    theirs.percentile(50.0).as_secs_f64() / ours.percentile(50.0).as_secs_f64()
                };
                let (begin, end) = (ratio(&start, &ours.start), ratio(&remove, &ours.remove));
                println!("ratio at p50, {name} to launchway: start {begin:.1}, removal {end:.1}");
            }
            Err(error) => println!("{name} does not run a container here: {error}"),
        }
    }
    Ok(())
}

fn line(name: &str, sample: &Sample) {
    let [min, p50, p90] = [0.0, 50.0, 90.0].map(|percent| human(sample.percentile(percent)));
    println!("{name:<34}{min:>10}{p50:>10}{p90:>10}{:>8}", sample.count());
}

/// The program that `variable` names, or the first of the usual places.
fn find(variable: &str, places: &[&str]) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    named.into_iter().chain(places.iter().map(PathBuf::from)).find(|path| path.is_file())
}

struct Ours {
    sandbox: Sample,
    start: Sample,
    remove: Sample,
    exec: Sample,
    private_kib: u64,
    resident_kib: u64,
}

async fn ours(home: &Path, root: &Path, time: Duration) -> Result<Ours, Failure> {
    let options =
        Options { cgroup_parent: format!("/launchway-bench-{}", std::process::id()), ..Options::default() };
    let engine = Engine::open(home, options).await?;
    let sandbox =
        |uid: &str| SandboxSpec { uid: uid.into(), hostname: "bench".into(), ..SandboxSpec::default() };

    let (begin, mut shims) = (Instant::now(), Vec::new());
    while begin.elapsed() < time {
        let spec = sandbox(&format!("pod{}", shims.len()));
        let start = Instant::now();
        engine.create_sandbox(&spec).await?;
        shims.push(start.elapsed());
        engine.remove_sandbox(&spec.uid).await?;
    }

    let pid = engine.create_sandbox(&sandbox("pod")).await?.pid;
    let (begin, mut starts, mut removals) = (Instant::now(), Vec::new(), Vec::new());
    while begin.elapsed() < time {
        let id = format!("c{}", starts.len());
        let spec = container(&id, root);
        let start = Instant::now();
        engine.create_container("pod", &spec).await?;
        let mut attached = engine.attach("pod", &id, false).await?;
        engine.start_container("pod", &id).await?;
        let output = attached.stdout.as_mut().ok_or("the container has no output")?;
        output.read_u8().await?;
        starts.push(start.elapsed());
        let start = Instant::now();
        engine.remove_container("pod", &id).await?;
        removals.push(start.elapsed());
    }

    engine.create_container("pod", &container("long", root)).await?;
    engine.start_container("pod", "long").await?;
    let (begin, mut execs) = (Instant::now(), Vec::new());
    while begin.elapsed() < time {
        let spec = ExecSpec { args: words(&["sh", "-c", "exit 0"]), ..ExecSpec::default() };
        let start = Instant::now();
        let code = engine.exec("pod", "long", &spec).await?.wait().await?;
        execs.push(start.elapsed());
        if code != 0 {
            return Err(format!("the exec'ed process ended with {code}").into());
        }
    }
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib = |name: &str| -> u64 {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap_or_default()
    };
    let (private_kib, resident_kib) = (kib("Private_Dirty"), kib("Rss"));
    engine.remove_sandbox("pod").await?;
    engine.teardown()?;
    let sample = |latencies: Vec<Duration>| Sample::new(latencies, begin.elapsed());
    Ok(Ours {
        sandbox: sample(shims),
        start: sample(starts),
        remove: sample(removals),
        exec: sample(execs),
        private_kib,
        resident_kib,
    })
}

/// Prints one byte and waits to be killed.
const SCRIPT: &str = "echo; exec sleep 1000";

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| word.to_string()).collect()
}

fn container(id: &str, root: &Path) -> ContainerSpec {
    let mut spec =
        ContainerSpec { id: id.into(), name: id.into(), lower_dirs: vec![root.into()], ..Default::default() };
    spec.args = words(&["sh", "-c", SCRIPT]);
    spec.no_new_privs = true;
    spec.resources.memory_limit = Some(64 << 20);
    spec.resources.pids = Some(100);
    spec
}

/// Creates, starts, kills and deletes with a runtime of the command line. Its own `spec` writes the bundle, to
/// which limits and a filter are added.
fn role_model(
    folder: &Path,
    root: &Path,
    name: &str,
    program: &Path,
    time: Duration,
) -> Result<(Sample, Sample), Failure> {
    let bundle = folder.join(name);
    std::fs::create_dir_all(&bundle)?;
    let checked = |command: &mut Command| -> Result<(), Failure> {
        let output = command.stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stderr).trim().to_string();
        if output.status.success() { Ok(()) } else { Err(text.into()) }
    };
    checked(Command::new(program).arg("spec").current_dir(&bundle))?;
    let path = bundle.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = words(&["sh", "-c", SCRIPT]).into();
    config["root"] = serde_json::json!({"path": root, "readonly": true});
    config["linux"]["resources"] = serde_json::json!({"memory": {"limit": 64 << 20}, "pids": {"limit": 100}});
    config["linux"]["seccomp"] = seccomp();
    std::fs::write(&path, config.to_string())?;
    let state = folder.join(format!("{name}-state"));

    let (begin, mut starts, mut removals) = (Instant::now(), Vec::new(), Vec::new());
    while begin.elapsed() < time || starts.len() < 3 {
        let id = format!("lw-bench-{}-{}", std::process::id(), starts.len());
        let call = || {
            let mut command = Command::new(program);
            command.arg("--root").arg(&state).stdin(Stdio::null());
            command
        };
        let (mut reader, writer) = std::io::pipe()?;
        // Errors go to a file: the container inherits what the command has open.
        let errors = folder.join(format!("{name}-errors"));
        let start = Instant::now();
        let mut create = call();
        create.arg("create").arg("--bundle").arg(&bundle).arg(&id).stdout(writer);
        let created = create.stderr(std::fs::File::create(&errors)?).status()?;
        drop(create);
        if !created.success() {
            return Err(std::fs::read_to_string(&errors)?.trim().into());
        }
        checked(call().arg("start").arg(&id))?;
        std::io::Read::read_exact(&mut reader, &mut [0])?;
        starts.push(start.elapsed());
        let start = Instant::now();
        checked(call().arg("delete").arg("--force").arg(&id))?;
        removals.push(start.elapsed());
    }
    let elapsed = begin.elapsed();
    Ok((Sample::new(starts, elapsed), Sample::new(removals, elapsed)))
}

/// The default profile as Debian installs it for containers, in the form that runtimes read; where that is not
/// installed a small one, which is to the role model's advantage.
fn seccomp() -> serde_json::Value {
    let small = serde_json::json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["keyctl", "bpf", "reboot"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]});
    let file = std::env::var_os("SECCOMP_PROFILE").unwrap_or("/usr/share/containers/seccomp.json".into());
    let Ok(text) = std::fs::read(&file) else { return small };
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(&text) else { return small };
    let entries = document["syscalls"].as_array().cloned().unwrap_or_default();
    // Entries that depend on capabilities or architecture are resolved by container managers, not by runtimes.
    let plain = |entry: &serde_json::Value| {
        ["includes", "excludes"]
            .iter()
            .all(|key| entry[key].as_object().is_none_or(serde_json::Map::is_empty))
            && entry["action"] == "SCMP_ACT_ALLOW"
    };
    let mut entries: Vec<_> = entries.into_iter().filter(plain).collect();
    entries.push(serde_json::json!({"names": ["arch_prctl", "socket"], "action": "SCMP_ACT_ALLOW"}));
    for entry in entries.iter_mut().filter_map(serde_json::Value::as_object_mut) {
        entry.retain(|key, value| matches!(key.as_str(), "names" | "action" | "args") && !value.is_null());
    }
    serde_json::json!({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": entries})
}
