//! Real containers of a busybox root: what they see, how they end, how they are confined. Needs root.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod common;

use std::time::Duration;

use common::{Node, ended};
use runtime::{
    Capabilities, ContainerState, ExecSpec, Mount, MountSource, Propagation, Resources, Rlimit, SandboxSpec,
    Seccomp, User,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const NOTHING: Vec<String> = Vec::new();

fn status_field<'a>(status: &'a str, name: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim()
}

#[tokio::test]
async fn exit_codes_and_signals_are_told() {
    let node = Node::new().await;
    node.sandbox("codes").await;
    for (id, script, code) in [("zero", "exit 0", 0), ("answer", "exit 42", 42)] {
        let exit = node.run("codes", &node.shell(id, script)).await;
        assert_eq!(
            (exit.code, exit.signal, exit.oom_killed, exit.unknown),
            (code, None, false, false),
            "{id}"
        );
        assert!(exit.started_at.is_some() && exit.finished_at >= exit.started_at.unwrap());
    }
    // The first process of a PID namespace is not ended by signals without a handler, except SIGKILL.
    let shared = SandboxSpec { uid: "shared".into(), share_pid: true, ..common::sandbox() };
    node.engine.create_sandbox(&shared).await.unwrap();
    for (pod, id, signal, code) in [
        ("codes", "killed", libc::SIGKILL, 137),
        ("shared", "crashed", libc::SIGSEGV, 139),
        ("shared", "asked", 15, 143),
    ] {
        let mut events = node.engine.events();
        node.engine.create_container(pod, &node.shell(id, "sleep 1000")).await.unwrap();
        node.engine.start_container(pod, id).await.unwrap();
        node.engine.signal_container(pod, id, signal).await.unwrap();
        let exit = ended(&mut events, id).await;
        assert_eq!((exit.code, exit.signal), (code, Some(signal)), "{id}");
        // A signal to what has ended is no error.
        node.engine.signal_container(pod, id, signal).await.unwrap();
    }
    assert_eq!(node.engine.sandbox("codes").unwrap().containers.len(), 3);
    node.engine.remove_container("codes", "zero").await.unwrap();
    node.engine.remove_container("codes", "zero").await.unwrap();
    assert_eq!(node.engine.sandbox("codes").unwrap().containers.len(), 2);
    node.engine.remove_sandbox("shared").await.unwrap();
    node.engine.remove_sandbox("codes").await.unwrap();
    node.engine.remove_sandbox("codes").await.unwrap();
    assert_eq!(node.left_over(), NOTHING);
    assert!(!node.home.path().join("pods/codes").exists());
    node.engine.teardown().unwrap();
}

#[tokio::test]
async fn a_process_gets_its_arguments_environment_user_and_folder() {
    let node = Node::new().await;
    let mut spec = node
        .container("who", &["sh", "-c", "echo \"$0 $1\"; id; pwd; env; cat /proc/self/cgroup", "a b", "c"]);
    spec.env = vec!["ONE=1".into(), "EMPTY=".into(), "ONE=2".into()];
    spec.cwd = "/srv/made/here".into();
    spec.user = User { user: "app".into(), groups: vec![3000], ..User::default() };
    let (exit, text) = node.output(&spec).await;
    assert_eq!(exit.code, 0, "{text}");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("a b c"));
    assert_eq!(lines.next(), Some("uid=1000(app) gid=1001(app) groups=1001(app),2000(extra),3000"));
    assert_eq!(lines.next(), Some("/srv/made/here"));
    for expected in ["ONE=2", "EMPTY=", "HOME=/home/app"] {
        assert!(text.lines().any(|line| line == expected), "{expected} in {text}");
    }
    assert!(!text.contains("ONE=1"), "{text}");
    // Its own group is the root of what it sees.
    assert!(text.lines().filter(|l| l.contains(":memory:")).all(|l| l.ends_with(":/")), "{text}");

    let mut spec = node.shell("numbers", "id -u; id -g; id -G");
    spec.user = User { user: "1234:55".into(), ..User::default() };
    assert_eq!(node.output(&spec).await.1, "1234\n55\n55\n");
    let mut spec = node.shell("strict", "id -G");
    spec.user = User { user: "1000".into(), group: Some(7), groups: vec![8], strict_groups: true };
    assert_eq!(node.output(&spec).await.1, "7 8\n");
}

#[tokio::test]
async fn the_file_system_is_the_containers_own() {
    let node = Node::new().await;
    let volume = tempfile::tempdir().unwrap();
    std::fs::write(volume.path().join("file"), "from the node").unwrap();
    let bind = |source: &str, target: &str, readonly| Mount {
        source: MountSource::Bind(volume.path().join(source)),
        target: target.into(),
        readonly,
        propagation: Propagation::HostToContainer,
    };
    let script = "cat /data/file; echo; cat /etc/one-file; echo; echo x > /data/new; echo x > /ro/new; \
        echo x > /bin/new && echo root is writable; df /scratch | tail -1 | awk '{print $2}'; \
        for n in null zero full random urandom tty; do test -c /dev/$n || echo missing $n; done; \
        test -d /dev/pts -a -d /dev/shm -a -L /dev/stdout || echo missing dev; echo out > /dev/stdout; \
        echo x > /proc/sys/kernel/shmmax; wc -c < /proc/keys; \
        ls -A /sys/firmware | wc -l; mkdir /sys/fs/cgroup/memory/sub || mkdir /sys/fs/cgroup/sub; ls -A /sys/fs/cgroup | head -1; \
        cat /proc/1/cmdline | tr '\\0' ' '; hostname";
    let mut spec = node.shell("files", script);
    spec.mounts = vec![
        Mount {
            source: MountSource::Tmpfs { size: Some(1 << 20), mode: 0o700 },
            target: "/scratch".into(),
            readonly: false,
            propagation: Propagation::Private,
        },
        // The inner one is given first: order must not matter.
        bind("", "/outer/inner", false),
        bind("", "/outer", true),
        bind("", "/data", false),
        bind("", "/ro", true),
        bind("file", "/etc/one-file", true),
    ];
    std::fs::create_dir(volume.path().join("inner")).unwrap();
    let (_, text) = node.output(&spec).await;
    assert!(text.starts_with("from the node\nfrom the node\n"), "{text}");
    assert_eq!(std::fs::read_to_string(volume.path().join("new")).unwrap(), "x\n");
    for expected in ["/ro/new: Read-only", "root is writable", "1024", "out", "shmmax: Read-only"] {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
    assert!(!text.contains("\nmissing "), "{text}");
    assert!(text.lines().filter(|line| *line == "0").count() == 2, "masked: {text}");
    assert!(text.contains("sh -c") && text.ends_with("pod\n"), "{text}");
    assert!(!common::busybox_root().join("bin/new").exists(), "the layer was written to");

    // An empty image: every folder is made; a read-only root; many layers, top first.
    let mut spec =
        node.container("scratch", &["/tools/busybox", "sh", "-c", "/tools/busybox touch /x; echo done"]);
    spec.lower_dirs = Vec::new();
    spec.readonly_root = true;
    let bin = common::busybox_root().join("bin");
    spec.mounts = vec![Mount {
        source: MountSource::Bind(bin),
        target: "/tools".into(),
        readonly: true,
        propagation: Propagation::Private,
    }];
    let (exit, text) = node.output(&spec).await;
    assert_eq!(exit.code, 0, "{text}");
    assert!(text.contains("Read-only file system") && text.ends_with("done\n"), "{text}");

    let layers = tempfile::tempdir().unwrap();
    let mut spec = node.shell("layers", "cat /which; ls /only | wc -l");
    spec.lower_dirs = (0..100)
        .map(|n| {
            let layer = layers.path().join(format!("{n:0>60}"));
            std::fs::create_dir_all(layer.join("only")).unwrap();
            std::fs::write(layer.join("which"), n.to_string() + "\n").unwrap();
            std::fs::write(layer.join("only").join(n.to_string()), "").unwrap();
            layer
        })
        .chain([common::busybox_root()])
        .collect();
    assert_eq!(node.output(&spec).await.1, "0\n100\n");
    assert_eq!(node.left_over(), NOTHING);
}

#[tokio::test]
async fn first_and_exec_ed_process_are_confined_alike() {
    let node = Node::new().await;
    node.sandbox("confined").await;
    let fields =
        ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Uid", "Gid", "Groups"];
    let take = |text: &str| fields.map(|f| format!("{f} {}", status_field(text, f)));
    let script = "cat /proc/self/status; for n in net ipc uts pid mnt cgroup user; do readlink /proc/self/ns/$n; done; exec sleep 1000";
    let cases = [
        ("default", User::default(), Capabilities::default(), Seccomp::Default, false, false),
        (
            "user",
            User { user: "app".into(), ..User::default() },
            Capabilities::default(),
            Seccomp::Default,
            true,
            false,
        ),
        (
            "ambient",
            User { user: "1000".into(), ..User::default() },
            Capabilities {
                add: vec!["NET_BIND_SERVICE".into()],
                drop: vec!["ALL".into()],
                ambient: vec!["NET_BIND_SERVICE".into()],
            },
            Seccomp::Unconfined,
            true,
            false,
        ),
        ("privileged", User::default(), Capabilities::default(), Seccomp::Default, false, true),
    ];
    for (id, user, capabilities, seccomp, no_new_privs, privileged) in cases {
        let mut spec = node.shell(id, script);
        (spec.user, spec.capabilities, spec.seccomp) = (user, capabilities, seccomp);
        (spec.no_new_privs, spec.privileged) = (no_new_privs, privileged);
        node.engine.create_container("confined", &spec).await.unwrap();
        node.engine.start_container("confined", id).await.unwrap();
        let (code, inside, err) = node.exec("confined", id, "cat /proc/self/status; for n in net ipc uts pid mnt cgroup user; do readlink /proc/self/ns/$n; done").await;
        assert_eq!((code, err.as_str()), (0, ""), "{id}");
        let first = loop {
            let text = node.printed(id);
            if text.contains("user:[") {
                break text;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(take(&first), take(&inside), "{id}");
        let namespaces =
            |text: &str| text.lines().filter(|l| l.contains(":[")).map(str::to_string).collect::<Vec<_>>();
        assert_eq!(namespaces(&first), namespaces(&inside), "{id}");
        assert!(namespaces(&first).len() >= 7, "{first}");
        let field = |name| status_field(&inside, name).to_string();
        let (seccomp, effective, bounding) = (field("Seccomp"), field("CapEff"), field("CapBnd"));
        match id {
            "default" => {
                assert_eq!((seccomp.as_str(), effective.as_str()), ("2", "00000000a80425fb"));
                assert_eq!(field("NoNewPrivs"), "0");
            }
            "user" => {
                assert_eq!((seccomp.as_str(), effective.as_str()), ("2", "0000000000000000"));
                assert_eq!((bounding.as_str(), field("NoNewPrivs").as_str()), ("00000000a80425fb", "1"));
            }
            "ambient" => {
                assert_eq!((seccomp.as_str(), effective.as_str()), ("0", "0000000000000400"));
                assert_eq!(
                    (bounding.as_str(), field("CapAmb").as_str()),
                    ("0000000000000400", "0000000000000400")
                );
            }
            _ => {
                let own = std::fs::read_to_string("/proc/self/status").unwrap();
                assert_eq!((seccomp.as_str(), effective.as_str()), ("0", status_field(&own, "CapBnd")));
            }
        }
        // What the filter forbids, in both: a new user namespace, and a mount even with root's name.
        let refused = node.exec("confined", id, "unshare -U true; mount -t tmpfs x /mnt").await;
        assert_eq!(refused.0 == 0, privileged && refused.0 == 0, "{id}: {refused:?}");
        node.engine.remove_container("confined", id).await.unwrap();
    }
    node.engine.remove_sandbox("confined").await.unwrap();
    assert_eq!(node.left_over(), NOTHING);
}

#[tokio::test]
async fn exec_has_streams_exit_code_and_terminal() {
    let node = Node::new().await;
    node.sandbox("exec").await;
    let mut spec = node.shell("main", "exec sleep 1000");
    spec.env = vec!["FROM=container".into()];
    spec.cwd = "/etc".into();
    node.engine.create_container("exec", &spec).await.unwrap();
    let early = node.engine.exec("exec", "main", &ExecSpec::default()).await.unwrap_err();
    assert_eq!(early.to_string(), "container main is not running");
    node.engine.start_container("exec", "main").await.unwrap();

    let (code, out, err) =
        node.exec("exec", "main", "echo $FROM; pwd; ps | wc -l; echo bad >&2; exit 7").await;
    assert_eq!((code, err.as_str()), (7, "bad\n"));
    assert!(out.starts_with("container\n/etc\n"), "{out}");

    let words = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
    // Standard input, a megabyte through and back.
    let cat = ExecSpec { args: words(&["cat"]), stdin: true, ..ExecSpec::default() };
    let mut exec = node.engine.exec("exec", "main", &cat).await.unwrap();
    let (mut stdin, mut stdout) = (exec.stdin.take().unwrap(), exec.stdout.take().unwrap());
    let sent: Vec<u8> = (0..1 << 20).map(|n| (n % 251) as u8).collect();
    let mut back = Vec::new();
    let (written, read) = tokio::join!(
        async {
            stdin.write_all(&sent).await.unwrap();
            stdin.shutdown().await
        },
        stdout.read_to_end(&mut back)
    );
    written.unwrap();
    read.unwrap();
    assert_eq!((back.len(), back == sent, exec.wait().await.unwrap()), (sent.len(), true, 0));

    // A terminal, with its size.
    let tty = ExecSpec {
        args: words(&["sh", "-c", "tty; read line; stty size; echo \"got $line $TERM\"; exit 3"]),
        tty: true,
        stdin: true,
        ..ExecSpec::default()
    };
    let mut exec = node.engine.exec("exec", "main", &tty).await.unwrap();
    assert!(exec.stderr.is_none());
    exec.resize(33, 99).unwrap();
    exec.stdin.as_mut().unwrap().write_all(b"hello\n").await.unwrap();
    let mut text = String::new();
    exec.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(exec.wait().await.unwrap(), 3);
    assert!(
        text.contains("/dev/pts/0\r\n") && text.contains("33 99") && text.contains("got hello xterm"),
        "{text}"
    );

    // What cannot be run names the step.
    for (args, expected) in [
        (&["/no/such"][..], "container main: cannot exec /no/such: No such file or directory"),
        (&["nowhere"], "container main: cannot exec nowhere in PATH: No such file or directory"),
        (&["/etc/passwd"], "container main: cannot exec /etc/passwd: Permission denied"),
        (&[], "container main: there is no program to run"),
    ] {
        let spec = ExecSpec { args: words(args), ..ExecSpec::default() };
        assert_eq!(node.engine.exec("exec", "main", &spec).await.unwrap_err().to_string(), expected);
    }
    let elsewhere = ExecSpec { args: words(&["true"]), cwd: Some("/gone".into()), ..ExecSpec::default() };
    let error = node.engine.exec("exec", "main", &elsewhere).await.unwrap_err().to_string();
    assert_eq!(error, "container main: cannot change to working directory /gone: No such file or directory");

    // One that nobody wants any more ends.
    let long = ExecSpec { args: words(&["sleep", "999"]), ..ExecSpec::default() };
    drop(node.engine.exec("exec", "main", &long).await.unwrap());
    loop {
        let (_, out, _) = node.exec("exec", "main", "ps -o args | grep '^sleep 999'").await;
        if out.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // With the container its exec'ed processes end.
    let mut exec = node.engine.exec("exec", "main", &long).await.unwrap();
    node.engine.kill_all("exec", "main").await.unwrap();
    assert_eq!(exec.wait().await.unwrap(), 137);
    node.engine.remove_sandbox("exec").await.unwrap();
    assert_eq!(node.left_over(), NOTHING);
}

#[tokio::test]
async fn limits_are_set_kept_and_told() {
    let node = Node::new().await;
    node.sandbox("limits").await;
    let mut spec = node.shell("limited", "exec sleep 1000");
    spec.resources = Resources {
        memory_limit: Some(32 << 20),
        cpu_quota: Some(50_000),
        cpu_period: Some(100_000),
        cpu_shares: Some(512),
        pids: Some(20),
        cpuset: Some("0".into()),
        ..Resources::default()
    };
    spec.rlimits = vec![
        Rlimit { name: "RLIMIT_NOFILE".into(), soft: 100, hard: 200 },
        Rlimit { name: "RLIMIT_NPROC".into(), soft: u64::MAX, hard: u64::MAX },
    ];
    spec.oom_score_adj = Some(500);
    node.engine.create_container("limits", &spec).await.unwrap();
    node.engine.start_container("limits", "limited").await.unwrap();
    let file = "f() { cat /sys/fs/cgroup/*/$1 /sys/fs/cgroup/$1 2>/dev/null; }; ";
    let v1 = "f memory.limit_in_bytes; f cpu.cfs_quota_us; f cpu.shares; f pids.max; f cpuset.cpus";
    let v2 = "f memory.max; f cpu.max; f cpu.weight; f pids.max; f cpuset.cpus";
    let rest = "; ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj";
    let (_, version, _) = node.exec("limits", "limited", "test -d /sys/fs/cgroup/memory && echo 1").await;
    let script = if version == "1\n" { format!("{file}{v1}{rest}") } else { format!("{file}{v2}{rest}") };
    let (_, out, err) = node.exec("limits", "limited", &script).await;
    let expected = if version == "1\n" {
        "33554432\n50000\n512\n20\n0\n"
    } else {
        "33554432\n50000 100000\n20\n20\n0\n"
    };
    assert_eq!(out, format!("{expected}100\n200\n500\n"), "{err}");
    let update = Resources { memory_limit: Some(64 << 20), ..Resources::default() };
    node.engine.update_resources("limits", "limited", &update).await.unwrap();
    let (_, out, _) = node.exec("limits", "limited", &script).await;
    assert!(out.starts_with("67108864\n"), "{out}");

    let stats = node.engine.stats("limits", Some("limited")).unwrap();
    assert!(stats.cpu_ns > 0 && stats.memory_usage > 0 && stats.pids == 1, "{stats:?}");
    assert!(stats.memory_working_set <= stats.memory_usage);
    assert!(node.engine.stats("limits", None).unwrap().cpu_ns >= stats.cpu_ns);
    assert!(node.engine.stats("limits", Some("nobody")).is_err());

    // Too many processes.
    let (_, out, err) = node
        .exec(
            "limits",
            "limited",
            "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do sleep 1 & done; echo all",
        )
        .await;
    assert!(err.contains("can't fork") && !out.contains("all"), "{out}{err}");

    // Too much memory.
    let mut spec = node.shell("hungry", "tail /dev/zero; echo survived $?; exit 9");
    spec.resources.memory_limit = Some(20 << 20);
    let exit = node.run("limits", &spec).await;
    assert_eq!((exit.code, exit.oom_killed), (9, true), "{}", node.printed("hungry"));
    let exit = node.run("limits", &node.shell("modest", "exit 9")).await;
    assert_eq!((exit.code, exit.oom_killed), (9, false));
    node.engine.remove_sandbox("limits").await.unwrap();
    assert_eq!(node.left_over(), NOTHING);
}

#[tokio::test]
async fn containers_of_a_pod_share_what_they_should() {
    let node = Node::new().await;
    let spaces = "for n in net ipc uts pid mnt; do readlink /proc/self/ns/$n; done";
    let node_spaces = ["net", "ipc", "uts", "pid", "mnt"]
        .map(|n| std::fs::read_link(format!("/proc/self/ns/{n}")).unwrap());
    let cases = [
        ("plain", SandboxSpec::default()),
        ("pids", SandboxSpec { share_pid: true, ..SandboxSpec::default() }),
        (
            "host",
            SandboxSpec { host_network: true, host_pid: true, host_ipc: true, ..SandboxSpec::default() },
        ),
    ];
    for (uid, spec) in cases {
        let sandbox = SandboxSpec { uid: uid.into(), hostname: format!("{uid}-host"), ..spec };
        let made = node.engine.create_sandbox(&sandbox).await.unwrap();
        for name in ["one", "two"] {
            let id = format!("{uid}-{name}");
            let container = node.shell(&id, &format!("{spaces}; echo $$; hostname; touch /dev/shm/{id}; ls /dev/shm | grep {uid}-one; exec sleep 1000"));
            node.engine.create_container(uid, &container).await.unwrap();
            node.engine.start_container(uid, &id).await.unwrap();
            while node.printed(&id).lines().count() < 8 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let [one, two] = ["one", "two"]
            .map(|n| node.printed(&format!("{uid}-{n}")).lines().map(str::to_string).collect::<Vec<_>>());
        let same: Vec<bool> = (0..5).map(|n| one[n] == two[n]).collect();
        let as_node: Vec<bool> = (0..5).map(|n| one[n] == node_spaces[n].to_string_lossy()).collect();
        let pod_net = std::fs::read_link(format!("/proc/{}/ns/net", made.pid)).unwrap();
        assert_eq!(pod_net.to_string_lossy(), one[0]);
        match uid {
            "plain" => {
                assert_eq!((same, as_node), (vec![true, true, true, false, false], vec![false; 5]));
                assert_eq!((one[5].as_str(), two[5].as_str(), one[6].as_str()), ("1", "1", "plain-host"));
            }
            "pids" => {
                assert_eq!((same, as_node), (vec![true, true, true, true, false], vec![false; 5]));
                assert!(one[5] != "1" && one[5] != two[5]);
                // Orphans of one container are seen, and reaped, by the pod's first process.
                node.exec(uid, "pids-one", "(sleep 0 &) ; (true &)").await;
                let (_, out, _) = node.exec(uid, "pids-two", "sleep 0.1; ps -o stat,args").await;
                assert!(out.contains("pod-init") && !out.contains('Z'), "{out}");
            }
            _ => {
                assert_eq!(
                    (same, as_node),
                    (vec![true, true, true, true, false], vec![true, true, true, true, false])
                );
            }
        }
        assert!(one[7] == format!("{uid}-one") && two[7] == one[7], "shared memory: {one:?} {two:?}");
        let (_, out, _) = node.exec(uid, &format!("{uid}-one"), "ip link show lo 2>&1").await;
        assert!(out.contains("LOOPBACK,UP"), "{out}");
        for name in ["one", "two"] {
            let _ = std::fs::remove_file(format!("/dev/shm/{uid}-{name}"));
        }
        node.engine.remove_sandbox(uid).await.unwrap();
    }
    assert_eq!(node.left_over(), NOTHING);
}

#[tokio::test]
async fn what_cannot_be_made_is_named_and_leaves_nothing() {
    let node = Node::new().await;
    node.sandbox("hostile").await;
    let base = || node.shell("bad", "true");
    let mut missing_mount = base();
    missing_mount.mounts = vec![Mount {
        source: MountSource::Bind("/no/such/volume".into()),
        target: "/data".into(),
        readonly: false,
        propagation: Propagation::Private,
    }];
    let mut folder_on_file = base();
    folder_on_file.mounts = vec![Mount {
        source: MountSource::Bind("/etc".into()),
        target: "/etc/passwd".into(),
        readonly: false,
        propagation: Propagation::Private,
    }];
    let mut missing_layer = base();
    missing_layer.lower_dirs.push("/no/such/layer".into());
    let mut bad_user = base();
    bad_user.user.user = "nobody-here".into();
    let mut bad_group = base();
    bad_group.user.user = "1000:no-such".into();
    let mut bad_capability = base();
    bad_capability.capabilities.add = vec!["FLY".into()];
    let mut bad_profile = base();
    bad_profile.seccomp = Seccomp::Profile("{".into());
    let mut bad_limit = base();
    bad_limit.rlimits = vec![Rlimit { name: "RLIMIT_LUCK".into(), soft: 1, hard: 1 }];
    let mut bad_cwd = base();
    bad_cwd.cwd = "/etc/passwd/x".into();
    let mut bad_id = base();
    bad_id.id = "../../x".into();
    let mut bad_device = base();
    bad_device.devices = vec![runtime::Device {
        source: "/dev/no-such".into(),
        target: "/dev/x".into(),
        access: "rwm".into(),
    }];
    let cases = [
        (missing_mount, "container bad: cannot mount /no/such/volume at /data: No such file or directory"),
        (
            folder_on_file,
            "container bad: cannot mount /etc at /etc/passwd: a folder cannot be mounted on a file",
        ),
        (missing_layer, "container bad: cannot open image layer /no/such/layer: No such file or directory"),
        (bad_user, "container bad: user \"nobody-here\" is not in the container's /etc/passwd"),
        (bad_group, "container bad: group \"no-such\" is not in the container's /etc/group"),
        (bad_capability, "container bad: unknown capability \"FLY\""),
        (bad_profile, "container bad: seccomp profile: EOF while parsing an object at line 1 column 1"),
        (bad_limit, "container bad: unknown rlimit \"RLIMIT_LUCK\""),
        (bad_cwd, "container bad: cannot make working directory /etc/passwd/x: Not a directory"),
        (bad_id, "container id \"../../x\" must be letters, digits, '-', '_' and '.'"),
        (bad_device, "container bad: cannot use device /dev/no-such: No such file or directory"),
    ];
    for (spec, expected) in cases {
        let error = node.engine.create_container("hostile", &spec).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(node.engine.sandbox("hostile").unwrap().containers.len(), 0);
    }
    // Files of the image that never end are not read.
    let image = tempfile::tempdir().unwrap();
    std::fs::create_dir(image.path().join("etc")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", image.path().join("etc/passwd")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, image.path().join("etc/group"), rustix::fs::Mode::RWXU).unwrap();
    let mut endless = base();
    endless.lower_dirs.insert(0, image.path().into());
    endless.user.user = "app".into();
    let error = node.engine.create_container("hostile", &endless).await.unwrap_err();
    assert_eq!(error.to_string(), "container bad: user \"app\" is not in the container's /etc/passwd");
    // Links that lead up and out end inside.
    let image = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("../../../../../../etc", image.path().join("out")).unwrap();
    let mut climber = node.shell("climber", "cat /etc/found");
    climber.lower_dirs.insert(0, image.path().into());
    std::fs::write(image.path().join("volume"), "inside\n").unwrap();
    climber.mounts = vec![Mount {
        source: MountSource::Bind(image.path().join("volume")),
        target: "/out/found".into(),
        readonly: true,
        propagation: Propagation::Private,
    }];
    assert_eq!(node.run("hostile", &climber).await.code, 0);
    assert_eq!(node.printed("climber"), "inside\n");
    node.engine.remove_container("hostile", "climber").await.unwrap();

    // A missing program is only found by starting it.
    let mut spec = base();
    spec.args = vec!["/bin/nothing".into()];
    node.engine.create_container("hostile", &spec).await.unwrap();
    assert!(matches!(
        node.engine.create_container("hostile", &spec).await,
        Err(runtime::EngineError::Exists(_))
    ));
    let error = node.engine.start_container("hostile", "bad").await.unwrap_err();
    assert_eq!(error.to_string(), "container bad: cannot exec /bin/nothing: No such file or directory");
    let state = node.engine.sandbox("hostile").unwrap().containers[0].state.clone();
    assert!(matches!(state, ContainerState::Exited(exit) if exit.code == 128 && exit.started_at.is_none()));
    node.engine.remove_container("hostile", "bad").await.unwrap();
    // Created and never started, then removed; and a good one after all that.
    node.engine.create_container("hostile", &base()).await.unwrap();
    node.engine.remove_container("hostile", "bad").await.unwrap();
    assert_eq!(node.run("hostile", &base()).await.code, 0);

    for (spec, expected) in [
        (
            ("net.ipv4.ip_forward", "maybe"),
            "pod sys: cannot set sysctl net.ipv4.ip_forward to \"maybe\": Invalid argument",
        ),
        (("kernel.panic", "1"), "pod sys: sysctl kernel.panic belongs to the whole node, not to the pod"),
        (("net.no.such", "1"), "pod sys: cannot set sysctl net.no.such to \"1\": No such file or directory"),
    ] {
        let sysctls = [(spec.0.to_string(), spec.1.to_string())].into();
        let sandbox = SandboxSpec { uid: "sys".into(), sysctls, ..SandboxSpec::default() };
        assert_eq!(node.engine.create_sandbox(&sandbox).await.unwrap_err().to_string(), expected);
    }
    let sysctls = [("net.ipv4.ip_unprivileged_port_start".to_string(), "0".to_string())].into();
    let sandbox = SandboxSpec { uid: "sys".into(), sysctls, ..SandboxSpec::default() };
    node.engine.create_sandbox(&sandbox).await.unwrap();
    node.engine.remove_sandbox("sys").await.unwrap();
    assert!(
        node.engine
            .create_sandbox(&SandboxSpec { uid: "a/b".into(), ..SandboxSpec::default() })
            .await
            .is_err()
    );
    node.engine.remove_sandbox("hostile").await.unwrap();
    assert_eq!(node.left_over(), NOTHING);
}
