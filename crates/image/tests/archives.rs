//! Archives in and out, with the tools that people have where they are installed.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{build, config, raw_tar};
use image::{ContentStore, Digest, Error, LayerBuilder};
use tar::EntryType::{Regular, Symlink};

#[test]
fn an_exported_image_comes_back_the_same() {
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(&work.path().join("one")).unwrap();
    let digest = build(&store, "team/app:1", &[("bin/app", "x"), ("etc/conf", "y")]);
    let archive = work.path().join("app.tar");
    store.export_archive("team/app:1", &archive).unwrap();
    let first = fs::read(&archive).unwrap();
    store.export_archive("team/app:1", &archive).unwrap();
    assert_eq!(fs::read(&archive).unwrap(), first);

    let other = ContentStore::open(&work.path().join("two")).unwrap();
    for _ in 0..2 {
        let imported = other.import_archive(&archive).unwrap();
        assert_eq!(imported.len(), 1);
        assert_eq!(imported[0].digest, digest);
        assert_eq!(imported[0].names, ["docker.io/team/app:1"]);
    }
    assert_eq!(other.resolve("team/app:1").unwrap(), store.resolve("team/app:1").unwrap());

    // The same as a folder, and compressed.
    let folder = work.path().join("folder");
    fs::create_dir(&folder).unwrap();
    run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&folder));
    run(Command::new("gzip").arg("-k").arg(&archive));
    for path in [folder, work.path().join("app.tar.gz")] {
        let third = ContentStore::open(&path.with_extension("store")).unwrap();
        assert_eq!(third.import_archive(&path).unwrap()[0].digest, digest, "{}", path.display());
    }
}

#[test]
fn what_docker_save_writes_is_read() {
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(&work.path().join("store")).unwrap();
    let layer = raw_tar(&[("bin/app", Regular, "", b"program")]);
    let id = Digest::of(&layer);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z","history":null,
            "config":{{"Cmd":["/bin/app"],"Env":null,"Volumes":{{"/data":{{}}}},"StopSignal":"SIGINT"}},
            "rootfs":{{"type":"layers","diff_ids":["{id}","{id}"]}}}}"#
    );
    let manifest = r#"[{"Config":"c.json","RepoTags":["app:2","reg.example:5000/app:2"],"Layers":["1/layer.tar","2/layer.tar"]}]"#;
    let archive = work.path().join("saved.tar");
    // Equal layers are links in what older versions wrote.
    let bytes = raw_tar(&[
        ("c.json", Regular, "", config.as_bytes()),
        ("1/VERSION", Regular, "", b"1.0"),
        ("1/layer.tar", Regular, "", &layer),
        ("2/layer.tar", Symlink, "../1/layer.tar", b""),
        ("manifest.json", Regular, "", manifest.as_bytes()),
    ]);
    fs::write(&archive, &bytes).unwrap();
    let imported = store.import_archive(&archive).unwrap();
    assert_eq!(imported[0].names, ["docker.io/library/app:2", "reg.example:5000/app:2"]);
    let image = store.resolve("reg.example:5000/app:2").unwrap().unwrap();
    assert_eq!(image.config_digest, Digest::of(config.as_bytes()));
    assert_eq!(image.config.cmd, ["/bin/app"]);
    assert_eq!(
        (&image.config.volumes[..], &*image.config.stop_signal),
        (&["/data".to_owned()][..], "SIGINT")
    );
    assert_eq!(image.layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>(), [&id, &id]);
}

#[test]
fn broken_archives_give_no_names() {
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(&work.path().join("store")).unwrap();
    let digest = build(&store, "app:1", &[("bin/app", "x")]);
    let archive = work.path().join("app.tar");
    store.export_archive("app:1", &archive).unwrap();
    let whole = fs::read(&archive).unwrap();
    let other = ContentStore::open(&work.path().join("other")).unwrap();
    let refused = |bytes: Vec<u8>| {
        fs::write(&archive, bytes).unwrap();
        let error = other.import_archive(&archive).unwrap_err();
        assert_eq!(other.list().unwrap(), []);
        error
    };
    let place = whole.windows(6).position(|window| window == b"\"/app\"").unwrap();
    let mut changed = whole.clone();
    changed[place + 1] = b'!';
    assert!(matches!(refused(changed), Error::Mismatch { .. }));
    for cut in (1000..whole.len() - 1500).step_by(512) {
        refused(whole[..cut].to_vec());
    }
    let error = refused(raw_tar(&[("file", Regular, "", b"x")])).to_string();
    assert!(error.contains("app.tar") && error.contains("index.json"), "{error}");
    let error = other.import_archive(Path::new("/nowhere/app.tar")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/app.tar"), "{error}");
    fs::write(&archive, whole).unwrap();
    assert_eq!(other.import_archive(&archive).unwrap()[0].digest, digest);
}

#[test]
fn the_variant_for_this_machine_is_taken() {
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(work.path()).unwrap();
    let (ours, theirs) = (std::env::consts::ARCH == "x86_64", "amd64");
    assert!(ours, "written for x86_64");
    let amd = build(&store, "a", &[("bin/app", "amd")]);
    let other = build(&store, "b", &[("bin/app", "other")]);
    let entry = |digest: &Digest, architecture: &str| {
        let size = fs::metadata(store.blob(digest).unwrap()).unwrap().len();
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":{size},
                "platform":{{"architecture":"{architecture}","os":"linux"}}}}"#
        )
    };
    let index = |entries: &[String]| {
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));
        store.put_blob(index.as_bytes()).unwrap()
    };
    let both = index(&[entry(&other, "riscv64"), entry(&amd, theirs)]);
    store.tag("both", &both).unwrap();
    assert_eq!(store.resolve("both").unwrap().unwrap().digest, amd);
    let wrong = index(&[entry(&other, "riscv64")]);
    let error = store.tag("wrong", &wrong).unwrap_err().to_string();
    assert!(error.contains("linux/amd64"), "{error}");
}

#[test]
fn skopeo_reads_ours_and_we_read_skopeos() {
    let Some(skopeo) = installed("skopeo") else { return };
    common::needs_root();
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(&work.path().join("store")).unwrap();
    let mut layer = LayerBuilder::new();
    layer.bytes("bin/app", b"program".to_vec(), true).unwrap();
    let layers = [store.put_layer(&layer).unwrap()];
    let digest = store.build_image(&config(), &layers).unwrap();
    store.tag("example.com/team/app:1", &digest).unwrap();
    let archive = work.path().join("app.tar");
    store.export_archive("example.com/team/app:1", &archive).unwrap();
    let oci = format!("oci-archive:{}", archive.display());
    let inspected = run(Command::new(&skopeo).args(["inspect", "--config", &oci]));
    let text = String::from_utf8_lossy(&inspected.stdout);
    assert!(text.contains("8080/tcp") && text.contains(&layers[0].diff_id.to_string()), "{text}");

    let back = ContentStore::open(&work.path().join("back")).unwrap();
    for (kind, name) in [("docker-archive", ":example.com/team/app:1"), ("oci-archive", "")] {
        let copy = work.path().join(kind);
        let to = format!("{kind}:{}{name}", copy.display());
        run(Command::new(&skopeo).args(["copy", "--insecure-policy", &oci, &to]));
        let imported = back.import_archive(&copy).unwrap();
        let image = back.resolve(&imported[0].digest.to_string()).unwrap().unwrap();
        assert_eq!(image.config, config(), "{kind}");
        assert_eq!(image.layers[0].diff_id, layers[0].diff_id, "{kind}");
        if kind == "docker-archive" {
            assert_eq!(imported[0].names, ["example.com/team/app:1"]);
        } else {
            // Skopeo compresses the layers, which makes another manifest for the same configuration.
            assert_eq!(image.config_digest, store.require("example.com/team/app:1").unwrap().config_digest);
        }
        let unpacked = back.unpack(&image).unwrap();
        assert_eq!(fs::read_to_string(unpacked[0].join("bin/app")).unwrap(), "program");
    }
}

#[test]
fn containerd_imports_ours_under_the_same_digest() {
    let (Some(containerd), Some(ctr)) = (installed("containerd"), installed("ctr")) else { return };
    common::needs_root();
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(&work.path().join("store")).unwrap();
    let digest = build(&store, "example.com/app:1", &[("bin/app", "x")]);
    let archive = work.path().join("app.tar");
    store.export_archive("example.com/app:1", &archive).unwrap();

    let settings = work.path().join("config.toml");
    let text = "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n";
    fs::write(&settings, text).unwrap();
    let socket = work.path().join("c.sock");
    let mut daemon = Command::new(containerd);
    daemon.arg("--config").arg(&settings).arg("--address").arg(&socket);
    daemon.arg("--root").arg(work.path().join("root")).arg("--state").arg(work.path().join("state"));
    let log = fs::File::create(work.path().join("log")).unwrap();
    let mut daemon = daemon.stderr(log).spawn().unwrap();
    let ctr = |arguments: &[&str]| {
        Command::new(&ctr).arg("--address").arg(&socket).args(arguments).output().unwrap()
    };
    let mut attempts = 0;
    while !ctr(&["version"]).status.success() && attempts < 100 {
        attempts += 1;
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let imported = ctr(&["images", "import", archive.to_str().unwrap()]);
    let listed = ctr(&["images", "list"]);
    let again = work.path().join("again.tar");
    let exported = ctr(&["images", "export", again.to_str().unwrap(), "example.com/app:1"]);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let log = fs::read_to_string(work.path().join("log")).unwrap();
    assert!(imported.status.success(), "{imported:?}\n{log}");
    let text = String::from_utf8_lossy(&listed.stdout);
    assert!(text.contains("example.com/app:1") && text.contains(&digest.to_string()), "{text}");
    assert!(exported.status.success(), "{exported:?}");
    let back = ContentStore::open(&work.path().join("back")).unwrap();
    let imported = back.import_archive(&again).unwrap();
    assert_eq!((&imported[0].digest, &imported[0].names[0][..]), (&digest, "example.com/app:1"));
}

fn installed(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&paths).map(|dir| dir.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("not compared: {name} is not installed (apt-get install skopeo containerd)");
    }
    found
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}
