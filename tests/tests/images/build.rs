//! `launchway image build`, beside buildah.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use e2e::objects::{apply, pod, until};
use e2e::{Cluster, images};
use image::{ContentStore, Image, Merged};
use serde_json::json;

const DOCKERFILE: &str = r#"# syntax=docker/dockerfile:1
ARG BASE=base
FROM localhost/$BASE:1 AS tools
ARG GREETING=hello
ENV NAME="the world" PATH=/usr/bin:/bin
RUN mkdir -p /opt/tool/sub && echo "$GREETING $NAME" > /opt/tool/out && chmod 4755 /opt/tool/out \
    # a comment in between
    && ln /opt/tool/out /opt/tool/hard && ln -s out /opt/tool/soft && chown 7:8 /opt/tool/sub
RUN rm -r /etc/skel /etc/motd && mkdir /etc/skel && echo new > /etc/skel/new

FROM tools AS unused
RUN false

FROM localhost/base:1
LABEL org.example.a="one two" org.example.b=$UNSET
COPY --from=tools /opt/tool /opt/copied
COPY --from=0 --chown=nobody:nobody /opt/tool/out /owned/
WORKDIR /srv/app
COPY files/*.txt files/sub ./data/
COPY --chmod=600 files/a.txt secret
COPY link.txt /link-followed
COPY . /context/
ADD files.tar.gz /unpacked/
RUN rm /tmp/gone && echo changed >> /etc/passwd && touch 'a b'
USER nobody
VOLUME /data
EXPOSE 80 53/udp
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo $NAME"]
"#;

/// Where builders are known to differ from each other: links, folders that are there or not, owners by name, users.
const CORNERS: &str = r#"FROM localhost/base:1 AS first
RUN ln -s usr/lib /lib && mkdir -p /usr/lib /opt/closed && chmod 700 /opt/closed && chown nobody /opt/closed
FROM first
COPY files /lib/
COPY files/sub /new/nested/place
COPY files/a.txt /new/nested/file
COPY files/a.txt files/b.txt /opt/closed/
COPY --chown=nobody files /owned
COPY --from=first /opt /copied
COPY --from=first /lib /from-link
COPY --from=localhost/base:1 /etc/skel /etc/other
COPY files/?.tx[st] files/[b-z]*.t* /globs/
ADD --chown=1:2 files/a.txt /added/
ADD files.tar.gz /archive
SHELL ["/bin/sh", "-e", "-c"]
USER nobody
WORKDIR /tmp/work
USER root
WORKDIR relative/../other
RUN pwd > /where; false || true; mv /archive/b.txt /archive/moved && rm -rf /globs && mkdir /globs
USER 1000:1000
RUN touch /tmp/mine && id -u > /tmp/mine
ARG LATE=late
ENV LATE=${LATE:-never} OTHER=${NOTHING:-"a b"} ESCAPED=\$LATE
CMD ["echo", "late"]
"#;

/// The context of the build.
fn context(folder: &Path) {
    fs::create_dir_all(folder.join("files/sub/deep")).unwrap();
    fs::create_dir_all(folder.join("ignored/keep")).unwrap();
    for (name, content) in [
        ("files/a.txt", "a"),
        ("files/b.txt", "b"),
        ("files/c.md", "c"),
        ("files/sub/deep/d", "d"),
        ("ignored/x", "x"),
        ("ignored/keep/y", "y"),
        (".dockerignore", "ignored/*\n!ignored/keep\n**/*.md\n"),
        ("Dockerfile", DOCKERFILE),
    ] {
        fs::write(folder.join(name), content).unwrap();
    }
    fs::set_permissions(folder.join("files/sub"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::set_permissions(folder.join("files/b.txt"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("files/a.txt", folder.join("link.txt")).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["-czf", "files.tar.gz", "-C", "files", "sub", "b.txt"]).current_dir(folder);
    assert!(tar.status().unwrap().success());
}

/// The image that both builds begin with.
fn base(cluster: &Cluster) {
    images::busybox(cluster);
    let store = ContentStore::open(&cluster.home().join("images")).unwrap();
    let _writing = store.writing().unwrap();
    let busybox = store.require(images::BUSYBOX).unwrap();
    let mut files = image::LayerBuilder::new();
    for folder in ["proc", "sys", "dev", "etc", "opt", "etc/skel"] {
        files.directory(folder, 0).unwrap();
    }
    files.directory("tmp", 0o1777).unwrap();
    files.bytes("etc/skel/old", b"old".to_vec(), false).unwrap();
    files.bytes("etc/motd", b"motd".to_vec(), false).unwrap();
    files.bytes("tmp/gone", b"gone".to_vec(), false).unwrap();
    let layers = [busybox.layers, vec![store.put_layer(&files).unwrap()]].concat();
    let digest = store.build_image(&busybox.config, &layers).unwrap();
    store.tag("localhost/base:1", &digest).unwrap();
}

/// Every file of an image: kind, permissions, owner and content or target.
fn tree(store: &ContentStore, image: &Image) -> BTreeMap<String, String> {
    fn walk(tree: &Merged, path: &str, list: &mut BTreeMap<String, String>) {
        for found in tree.list(path).unwrap() {
            let data = &found.metadata;
            let content = if data.is_dir() {
                walk(tree, &found.path, list);
                "folder".to_owned()
            } else if data.is_symlink() {
                format!("-> {}", fs::read_link(&found.real).unwrap().display())
            } else if data.len() > 1000 {
                format!("{} bytes", data.len())
            } else {
                format!("{:?}", fs::read_to_string(&found.real).unwrap_or_default())
            };
            let mode = if data.is_symlink() { 0 } else { data.mode() & 0o7777 };
            list.insert(found.path.clone(), format!("{mode:o} {}:{} {content}", data.uid(), data.gid()));
        }
    }
    let mut list = BTreeMap::new();
    walk(&Merged::new(store.unpack(image).unwrap()), "", &mut list);
    list
}

/// Builds the same with buildah and gives the image, in a store of its own.
fn by_buildah(cluster: &Cluster, context: &Path, file: &Path) -> (ContentStore, Image) {
    let folder = cluster.folder().join(format!("buildah-{}", file.file_name().unwrap().display()));
    fs::create_dir_all(&folder).unwrap();
    let archive = folder.join("base.tar");
    cluster.ok(&["image", "export", "localhost/base:1", archive.to_str().unwrap()]);
    let buildah = |arguments: &[&str]| {
        let (root, run) = (folder.join("root"), folder.join("run"));
        let storage =
            ["--root", root.to_str().unwrap(), "--runroot", run.to_str().unwrap(), "--storage-driver", "vfs"];
        let mut command = Command::new("buildah");
        command.args(storage).args(arguments).env("HOME", &folder).env("BUILDAH_ISOLATION", "chroot");
        let output = command.output().expect("buildah is there; `cargo xtask test` fetches it");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "buildah {arguments:?}\n{errors}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let base = buildah(&["pull", &format!("oci-archive:{}", archive.display())]);
    buildah(&["tag", base.lines().last().unwrap(), "localhost/base:1"]);
    buildah(&[
        "bud",
        "--format",
        "docker",
        "--pull-never",
        "-t",
        "localhost/built:1",
        "-f",
        file.to_str().unwrap(),
        context.to_str().unwrap(),
    ]);
    let out = folder.join("built.tar");
    buildah(&["push", "localhost/built:1", &format!("docker-archive:{}:localhost/built:1", out.display())]);
    let store = ContentStore::open(&folder.join("store")).unwrap();
    let imported = store.import_archive(&out).unwrap();
    let image = store.require(&imported[0].digest.to_string()).unwrap();
    (store, image)
}

/// Builds with buildah what was built as `name`; files and configuration must be equal. The files.
fn same_as_buildah(cluster: &Cluster, context: &Path, file: &Path, name: &str) -> BTreeMap<String, String> {
    let store = ContentStore::open(&cluster.home().join("images")).unwrap();
    let image = store.require(name).unwrap();
    let (other_store, other) = by_buildah(cluster, context, file);
    let (ours, mut theirs) = (tree(&store, &image), tree(&other_store, &other));
    // buildah leaves what it mounted its own files on.
    for mounted in ["etc/hostname", "etc/hosts", "etc/resolv.conf", "run"] {
        theirs.remove(mounted);
    }
    let differences: BTreeSet<String> = ours
        .keys()
        .chain(theirs.keys())
        .filter(|path| ours.get(*path) != theirs.get(*path))
        .map(|path| format!("{path}: {:?}, buildah: {:?}", ours.get(path), theirs.get(path)))
        .collect();
    assert!(differences.is_empty(), "{differences:#?}");
    let mut config = other.config.clone();
    // buildah signs its work.
    config.labels.retain(|name, _| name != "io.buildah.version");
    assert_eq!(image.config, config);
    ours
}

#[test]
fn images_are_built_as_buildah_builds_them() {
    let cluster = Cluster::new();
    let folder = cluster.folder().join("context");
    fs::create_dir(&folder).unwrap();
    context(&folder);
    base(&cluster);
    let path = folder.to_str().unwrap();
    let ran = cluster.ok(&["image", "build", path, "-t", "built:1", "-t", "localhost/again:2"]);
    let digest = ran.stdout.split_whitespace().last().unwrap().to_owned();
    assert!(ran.stdout.starts_with("docker.io/library/built:1, localhost/again:2 sha256:"), "{}", ran.stdout);

    let store = ContentStore::open(&cluster.home().join("images")).unwrap();
    let ours = same_as_buildah(&cluster, &folder, &folder.join("Dockerfile"), "built:1");
    // What this one stands for, should both be wrong.
    assert_eq!(ours["opt/copied/out"], "4755 0:0 \"hello the world\\n\"");
    assert_eq!(ours["owned/out"], "4755 65534:65534 \"hello the world\\n\"");
    assert!(!ours.contains_key("tmp/gone") && !ours.contains_key("context/ignored/x"));
    assert!(ours.contains_key("context/ignored/keep/y") && ours.contains_key("unpacked/sub/deep/d"));

    // Beside the context: what is in that, the next build would copy.
    let file = cluster.folder().join("Corners");
    fs::write(&file, CORNERS).unwrap();
    cluster.ok(&["image", "build", path, "-t", "corners:1", "-f", file.to_str().unwrap()]);
    same_as_buildah(&cluster, &folder, &file, "corners:1");

    // The same again: the same image, and nothing is run.
    let again = cluster.ok(&["image", "build", path, "-t", "built:1"]);
    assert_eq!(again.stdout.split_whitespace().last().unwrap(), digest);
    assert_eq!(again.stderr.matches("cached").count(), 3, "{}", again.stderr);
    let fresh = cluster.ok(&["image", "build", path, "-t", "built:1", "--no-cache"]);
    assert!(!fresh.stderr.contains("cached"), "{}", fresh.stderr);
    assert_eq!(fresh.stdout.split_whitespace().last().unwrap(), digest, "layers carry no times");
    // Another argument: what follows from it is run, the rest is not.
    let stage = ["--target", "tools", "--build-arg", "GREETING=bye", "--build-arg", "TYPO=1"];
    let other = cluster.ok(&[&["image", "build", path, "-t", "tools:1"], &stage[..]].concat());
    assert!(!other.stderr.contains("cached") && other.stderr.contains("TYPO"), "{}", other.stderr);
    let tools = tree(&store, &store.require("tools:1").unwrap());
    assert_eq!(tools["opt/tool/out"], "4755 0:0 \"bye the world\\n\"");
    assert!(!tools.contains_key("etc/motd") && !tools.contains_key("etc/skel/old"));
    assert!(tools.contains_key("etc/skel/new"));

    // And it runs.
    cluster.ok(&["cluster", "start"]);
    let container = json!({"name": "c", "image": "built:1", "imagePullPolicy": "Never"});
    apply(&cluster, &[pod("built", json!({"containers": [container], "restartPolicy": "Never"}))]);
    until(&cluster, &["pod", "built"], "is over", |pod| pod["status"]["phase"] == "Succeeded");
    assert_eq!(cluster.kubectl_ok(&["logs", "built"]), "\n", "NAME is set in another stage alone");
}

#[test]
fn builds_that_fail_name_file_and_line_and_leave_nothing() {
    let cluster = Cluster::new();
    images::busybox(&cluster);
    let folder = cluster.folder().join("context");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("Dockerfile");
    let build = |text: &str| {
        fs::write(&file, text).unwrap();
        let ran = cluster.run(&["image", "build", folder.to_str().unwrap(), "-t", "broken:1"]);
        assert!(!ran.success, "{text}: {}", ran.stdout);
        ran.stderr
    };
    let from = format!("FROM {}\n", images::BUSYBOX);
    for (text, line, part) in [
        ("RUN echo to-the-user; exit 3", 2, "ended with exit code 3"),
        ("\nCOPY absent /x", 3, "there is no such file"),
        ("COPY ../../etc/passwd /x", 2, "there is no such file"),
        // Nobody to talk to: loopback alone.
        ("RUN ip -o link | grep -v ' lo:'", 2, "exit code 1"),
        ("FROM absent:1", 2, "image pull absent:1"),
        ("USER a b", 2, "USER takes one argument"),
    ] {
        let errors = build(&format!("{from}{text}\n"));
        let place = format!("error: {}:{line}: ", file.display());
        assert!(errors.contains(&place) && errors.contains(part), "{text}: {errors}");
    }
    assert!(build(&format!("{from}RUN echo to-the-user; exit 3\n")).contains("to-the-user"));
    assert!(!cluster.ok(&["image", "list"]).stdout.contains("broken"));
    let left: Vec<_> = fs::read_dir(cluster.home().join("images/tmp")).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}
