//! Building, naming, finding, listing and collecting images.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::SystemTime;

use common::{build, config, listing, needs_root};
use image::{ContentStore, Digest, LayerBuilder};

fn tree(root: &Path) {
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::create_dir_all(root.join("share/empty")).unwrap();
    fs::write(root.join("bin/app"), "program").unwrap();
    fs::set_permissions(root.join("bin/app"), PermissionsExt::from_mode(0o700)).unwrap();
    fs::hard_link(root.join("bin/app"), root.join("bin/app2")).unwrap();
    fs::write(root.join("share/text"), "text").unwrap();
    fs::set_permissions(root.join("share/text"), PermissionsExt::from_mode(0o600)).unwrap();
    symlink("../bin/app", root.join("share/link")).unwrap();
}

#[test]
fn the_same_files_give_the_same_image_anywhere() {
    let work = tempfile::tempdir().unwrap();
    let mut digests = Vec::new();
    for (number, mode) in [(1, 0o711), (2, 0o755)] {
        let source = work.path().join(format!("source{number}"));
        tree(&source);
        fs::set_permissions(source.join("bin/app"), PermissionsExt::from_mode(mode)).unwrap();
        let old = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number * 1000);
        fs::File::open(source.join("share/text")).unwrap().set_modified(old).unwrap();
        let store = ContentStore::open(&work.path().join(format!("store{number}"))).unwrap();
        let mut layer = LayerBuilder::new();
        layer.tree("opt", &source).unwrap().directory("tmp", 0o1777).unwrap();
        let layer = store.put_layer(&layer).unwrap();
        digests.push((layer.digest.clone(), store.build_image(&config(), &[layer]).unwrap()));
    }
    assert_eq!(digests[0], digests[1]);
    // Fixed over time and machines: changing how layers or manifests are written makes every image a new one.
    assert_eq!(
        digests[0].0.to_string(),
        "sha256:3b7668c19c21197957d7eb3cafcf1556c3c695b3f6f50d9e68572c7cf382d440"
    );
}

#[test]
fn building_again_writes_nothing() {
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(work.path()).unwrap();
    let first = build(&store, "app:1", &[("bin/app", "x"), ("etc/conf", "y")]);
    let files = |dir: &str| {
        let mut files: Vec<_> = fs::read_dir(work.path().join(dir))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name(), entry.metadata().unwrap().modified().unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = (files("blobs/sha256"), files("refs"));
    assert_eq!(build(&store, "app:1", &[("etc/conf", "y"), ("bin/app", "x")]), first);
    assert_eq!((files("blobs/sha256"), files("refs")), before);
    assert_ne!(build(&store, "app:2", &[("bin/app", "z")]), first);
}

#[test]
fn unpacked_layers_have_what_was_packed() {
    needs_root();
    let work = tempfile::tempdir().unwrap();
    tree(&work.path().join("source"));
    let store = ContentStore::open(&work.path().join("store")).unwrap();
    let mut layer = LayerBuilder::new();
    let long = format!("deep/{}/file", "d".repeat(150));
    layer.tree("opt", &work.path().join("source")).unwrap().bytes(&long, b"far".to_vec(), false).unwrap();
    let layer = store.put_layer(&layer).unwrap();
    let digest = store.build_image(&config(), &[layer]).unwrap();
    let image = store.resolve(&digest.to_string()).unwrap().unwrap();
    let dirs = store.unpack(&image).unwrap();
    assert_eq!(
        listing(&dirs[0]),
        [
            "deep/ 755".to_owned(),
            format!("deep/{}/ 755", "d".repeat(150)),
            format!("{long} 644 far"),
            "opt/ 755".to_owned(),
            "opt/bin/ 755".to_owned(),
            "opt/bin/app 755 program".to_owned(),
            "opt/bin/app2 755 program".to_owned(),
            "opt/share/ 755".to_owned(),
            "opt/share/empty/ 755".to_owned(),
            "opt/share/link -> ../bin/app".to_owned(),
            "opt/share/text 644 text".to_owned(),
        ]
    );
    let inode = |name: &str| std::os::unix::fs::MetadataExt::ino(&dirs[0].join(name).metadata().unwrap());
    assert_eq!(inode("opt/bin/app"), inode("opt/bin/app2"));
    assert_eq!(store.unpack(&image).unwrap(), dirs);
    assert_eq!(fs::read_dir(work.path().join("store/tmp")).unwrap().count(), 0);
}

#[test]
fn images_are_found_by_every_kind_of_reference() {
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(work.path()).unwrap();
    let digest = build(&store, "nginx", &[("bin/app", "x")]);
    let references = [
        "nginx".to_owned(),
        "docker.io/library/nginx:latest".to_owned(),
        format!("nginx@{digest}"),
        format!("elsewhere.example/mirror@{digest}"),
        digest.to_string(),
    ];
    for reference in references {
        let image = store.resolve(&reference).unwrap().unwrap();
        assert_eq!(image.digest, digest, "{reference}");
        assert_eq!(image.config, config());
    }
    assert_eq!(store.resolve("nginx:2").unwrap(), None);
    let error = store.require("nginx:2").unwrap_err().to_string();
    assert!(error.contains("nginx:2") && error.contains("docker.io/library/nginx:2"), "{error}");
    let unknown = Digest::of(b"unknown");
    assert!(store.require(&unknown.to_string()).unwrap_err().to_string().contains(unknown.hex()));
    assert!(store.tag("other", &unknown).is_err(), "a name for nothing was given");
}

#[test]
fn collection_takes_what_no_name_needs() {
    needs_root();
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(work.path()).unwrap();
    let old = build(&store, "app:1", &[("bin/app", "old")]);
    let running = build(&store, "run:1", &[("bin/app", "running")]);
    let kept = build(&store, "app:2", &[("bin/app", "kept")]);
    let blobs = || fs::read_dir(work.path().join("blobs/sha256")).unwrap().count();
    let unpacked = |digest: &Digest| {
        let image = store.resolve(&digest.to_string()).unwrap().unwrap();
        store.unpack(&image).unwrap().remove(0)
    };
    let dirs = [unpacked(&old), unpacked(&running), unpacked(&kept)];
    fs::write(work.path().join("tmp/left-behind"), "x").unwrap();
    assert_eq!(store.gc(&[]).unwrap().blobs, 0);
    assert_eq!(blobs(), 9);

    assert!(store.remove("app:1").unwrap());
    assert!(!store.remove("app:1").unwrap());
    assert!(store.remove(&running.to_string()).unwrap());
    let freed = store.gc(std::slice::from_ref(&running)).unwrap();
    assert_eq!((freed.blobs, freed.layers), (3, 1));
    assert_eq!(dirs.iter().map(|dir| dir.exists()).collect::<Vec<_>>(), [false, true, true]);
    assert!(store.resolve(&old.to_string()).unwrap().is_none());
    assert!(store.resolve(&running.to_string()).unwrap().is_some());
    let listed = store.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0].digest, &listed[0].names[..]),
        (&kept, &["docker.io/library/app:2".to_owned()][..])
    );
    assert_eq!(fs::read_dir(work.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn a_changed_blob_is_noticed() {
    needs_root();
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(work.path()).unwrap();
    let digest = build(&store, "app", &[("bin/app", "content")]);
    let image = store.resolve("app").unwrap().unwrap();
    let layer = store.blob(&image.layers[0].digest).unwrap();
    let mut bytes = fs::read(&layer).unwrap();
    let place = bytes.windows(7).position(|window| window == b"content").unwrap();
    bytes[place] = b'C';
    fs::write(&layer, &bytes).unwrap();
    let error = store.unpack(&image).unwrap_err().to_string();
    assert!(error.contains(image.layers[0].digest.hex()), "{error}");
    assert_eq!(fs::read_dir(work.path().join("layers")).unwrap().count(), 0, "a wrong layer was kept");

    fs::write(store.blob(&digest).unwrap(), b"{}").unwrap();
    let error = store.resolve("app").unwrap_err().to_string();
    assert!(error.contains(digest.hex()), "{error}");
}
