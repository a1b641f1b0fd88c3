//! Unpacking: whiteouts as overlayfs wants them, attributes, and archives that try to get out or are broken.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use common::{config, image_of, listing, needs_root, raw_tar};
use image::{ContentStore, Digest, Error, Layer};
use tar::EntryType::{Char, Directory, Fifo, Link, Regular, Symlink};

#[test]
fn layers_merge_under_overlayfs_as_the_image_says() {
    needs_root();
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(&work.path().join("store")).unwrap();
    let lower = raw_tar(&[
        ("etc/", Directory, "", b""),
        ("etc/keep", Regular, "", b"lower"),
        ("etc/gone", Regular, "", b"lower"),
        ("cache/old", Regular, "", b"lower"),
        ("tree/a/b", Regular, "", b"lower"),
    ]);
    let upper = raw_tar(&[
        ("./etc/.wh.gone", Regular, "", b""),
        ("etc/.wh..wh.plnk", Regular, "", b""),
        ("cache/.wh..wh..opq", Regular, "", b""),
        ("cache/new", Regular, "", b"upper"),
        (".wh.tree", Regular, "", b""),
        ("etc/link", Symlink, "/etc/keep", b""),
    ]);
    let image = image_of(&store, &[(lower, "gzip"), (upper, "zstd")]);
    let dirs = store.unpack(&image).unwrap();
    assert_eq!(dirs.len(), 2);
    let mount = work.path().join("merged");
    fs::create_dir(&mount).unwrap();
    let lowers = dirs.iter().map(|dir| dir.to_str().unwrap()).collect::<Vec<_>>().join(":");
    let script = format!(
        "mount -t overlay overlay -o lowerdir={lowers} {0} && cd {0} && find . | sort && cat cache/new etc/keep",
        mount.display()
    );
    let shown = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&shown.stdout),
        ".\n./cache\n./cache/new\n./etc\n./etc/keep\n./etc/link\nupperlower",
        "{}",
        String::from_utf8_lossy(&shown.stderr)
    );
    // The same layer twice is one folder.
    let again = Layer { ..image.layers[0].clone() };
    let digest = store.build_image(&config(), &[image.layers.clone(), vec![again]].concat()).unwrap();
    let twice = store.resolve(&digest.to_string()).unwrap().unwrap();
    assert_eq!(store.unpack(&twice).unwrap(), [dirs[1].clone(), dirs[0].clone()]);

    let nothing = store.build_image(&config(), &[]).unwrap();
    let nothing = store.unpack(&store.resolve(&nothing.to_string()).unwrap().unwrap()).unwrap();
    assert_eq!((nothing.len(), listing(&nothing[0]).len()), (1, 0));
    store.gc(&[]).unwrap();
    assert!(nothing[0].exists());
}

#[test]
fn owners_modes_times_and_attributes_are_kept() {
    needs_root();
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(work.path()).unwrap();
    let mut archive = tar::Builder::new(Vec::new());
    for (name, kind, mode) in
        [("dir/", Directory, 0o1777), ("dir/suid", Regular, 0o4755), ("dir/pipe", Fifo, 0o666)]
    {
        if kind == Regular {
            let attributes: [(&str, &[u8]); 4] = [
                ("SCHILY.xattr.user.note", b"kept"),
                ("SCHILY.xattr.security.capability", b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
                ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
                ("SCHILY.xattr.user.overlay.opaque", b"y"),
            ];
            archive.append_pax_extensions(attributes).unwrap();
        }
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(1234);
        header.set_gid(4321);
        header.set_mtime(1_000_000_000);
        header.set_size(0);
        archive.append_data(&mut header, name, std::io::empty()).unwrap();
    }
    let image = image_of(&store, &[(archive.into_inner().unwrap(), "")]);
    let dir = store.unpack(&image).unwrap().remove(0);
    assert_eq!(mode(&dir), 0o755);
    for (name, mode) in [("dir", 0o1777), ("dir/suid", 0o4755), ("dir/pipe", 0o666)] {
        let data = fs::symlink_metadata(dir.join(name)).unwrap();
        assert_eq!((data.uid(), data.gid(), data.mode() & 0o7777), (1234, 4321, mode), "{name}");
        assert_eq!(data.mtime(), 1_000_000_000, "{name}");
    }
    let mut names = vec![0; 1000];
    let length = rustix::fs::listxattr(dir.join("dir/suid"), &mut names).unwrap();
    let names = String::from_utf8_lossy(&names[..length]).into_owned();
    let mut names: Vec<_> = names.split_terminator('\0').filter(|name| *name != "security.selinux").collect();
    names.sort_unstable();
    assert_eq!(names, ["security.capability", "user.note"]);
}

#[test]
fn nothing_gets_out_of_the_layer() {
    needs_root();
    let work = tempfile::tempdir().unwrap();
    let outside = work.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "untouched").unwrap();
    let out = outside.to_str().unwrap().to_owned();
    let target = format!("{out}/file");
    let store = ContentStore::open(&work.path().join("store")).unwrap();
    let refused: &[(&str, Vec<u8>)] = &[
        ("leads out", raw_tar(&[("../../outside/new", Regular, "", b"x")])),
        ("leads out", raw_tar(&[("a/../../../outside/new", Regular, "", b"x")])),
        ("leads out", raw_tar(&[(&target, Regular, "", b"x")])),
        ("broken symbolic link", raw_tar(&[("l", Symlink, &out, b""), ("l/new", Regular, "", b"x")])),
        (
            "broken symbolic link",
            raw_tar(&[("l", Symlink, "../../../outside", b""), ("l/new", Regular, "", b"x")]),
        ),
        (
            "broken symbolic link",
            raw_tar(&[("d/", Directory, "", b""), ("d", Symlink, &out, b""), ("d/file", Regular, "", b"x")]),
        ),
        ("loop", raw_tar(&[("l", Symlink, "l", b""), ("l/new", Regular, "", b"x")])),
        ("is a file", raw_tar(&[("f", Regular, "", b""), ("f/new", Regular, "", b"x")])),
        ("hard link", raw_tar(&[("h", Link, &target, b"")])),
        ("hard link", raw_tar(&[("h", Link, "../../../outside/file", b"")])),
        ("hard link", raw_tar(&[("h", Link, "missing", b"")])),
        ("broken symbolic link", raw_tar(&[("l", Symlink, &out, b""), ("h", Link, "l/file", b"")])),
        ("whiteout", raw_tar(&[("d/.wh...", Regular, "", b"")])),
        ("whiteout", raw_tar(&[("d/.wh.", Regular, "", b"")])),
    ];
    for (number, (why, archive)) in refused.iter().enumerate() {
        let image = image_of(&store, &[(archive.clone(), "")]);
        let error = store.unpack(&image).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Malformed { .. }), "{number}: {text}");
        assert!(text.contains(why) && text.contains(image.layers[0].digest.hex()), "{number}: {text}");
    }
    // Allowed, and inside: links are replaced, not followed; absolute ones mean the image's root.
    let archive = raw_tar(&[
        ("real/", Directory, "", b""),
        ("inside", Symlink, "/real", b""),
        ("up", Symlink, "../../..", b""),
        ("f", Symlink, &target, b""),
        ("f", Regular, "", b"replaced"),
        ("inside/one", Regular, "", b"1"),
        ("up/two", Regular, "", b"2"),
        ("f2", Symlink, &target, b""),
        ("h2", Link, "f2", b""),
        ("null", Char, "", b""),
    ]);
    let image = image_of(&store, &[(archive, "")]);
    let dir = store.unpack(&image).unwrap().remove(0);
    assert_eq!(
        listing(&dir),
        [
            "f 755 replaced".to_owned(),
            format!("f2 -> {target}"),
            format!("h2 -> {target}"),
            "inside -> /real".to_owned(),
            "null device 0".to_owned(),
            "real/ 755".to_owned(),
            "real/one 755 1".to_owned(),
            "two 755 2".to_owned(),
            "up -> ../../..".to_owned(),
        ]
    );
    assert_eq!(listing(&outside), [format!("file {:o} untouched", mode(&outside.join("file")))]);
    assert_eq!(fs::read_dir(work.path()).unwrap().count(), 2);
    // Of the refused layers nothing is left.
    assert_eq!(fs::read_dir(work.path().join("store/layers")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(work.path().join("store/tmp")).unwrap().count(), 0);
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

#[test]
fn broken_layers_are_refused_with_their_digest() {
    needs_root();
    let work = tempfile::tempdir().unwrap();
    let store = ContentStore::open(work.path()).unwrap();
    let good = raw_tar(&[("a", Regular, "", &[b'x'; 3000])]);
    let cut = good[..2000].to_vec();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &good).unwrap();
    let gzip = gzip.finish().unwrap();
    let cut_gzip = gzip[..gzip.len() - 12].to_vec();
    for (blob, diff_id) in [
        (cut.clone(), Digest::of(&cut)),
        (cut_gzip, Digest::of(&good)),
        (b"this is not an archive, however long it may be".repeat(40), Digest::of(b"")),
        (good.clone(), Digest::of(b"another")),
    ] {
        let digest = store.put_blob(blob.as_slice()).unwrap();
        let media_type = "application/vnd.oci.image.layer.v1.tar".to_owned();
        let layer = Layer { digest: digest.clone(), diff_id, size: blob.len() as u64, media_type };
        let image = store.build_image(&config(), &[layer]).unwrap();
        let image = store.resolve(&image.to_string()).unwrap().unwrap();
        let text = store.unpack(&image).unwrap_err().to_string();
        assert!(text.contains(digest.hex()), "{text}");
    }
    assert_eq!(fs::read_dir(work.path().join("layers")).unwrap().count(), 0);
}
