//! What the tests of the content store share.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use image::{ContentStore, Digest, Image, ImageConfig, LayerBuilder};

pub fn config() -> ImageConfig {
    ImageConfig {
        entrypoint: vec!["/app".into()],
        cmd: vec!["serve".into()],
        env: vec!["A=1".into(), "B=2".into()],
        working_dir: "/srv".into(),
        user: "1000:1000".into(),
        exposed_ports: vec!["8080/tcp".into(), "9090/udp".into()],
        labels: BTreeMap::from([("x".into(), "1".into()), ("y".into(), "2".into())]),
        architecture: "amd64".into(),
        ..ImageConfig::default()
    }
}

/// Builds and tags an image of one layer with these files.
pub fn build(store: &ContentStore, name: &str, files: &[(&str, &str)]) -> Digest {
    let mut layer = LayerBuilder::new();
    for (path, content) in files {
        layer.bytes(path, content.as_bytes().to_vec(), path.contains("bin")).unwrap();
    }
    let layer = store.put_layer(&layer).unwrap();
    let digest = store.build_image(&config(), &[layer]).unwrap();
    store.tag(name, &digest).unwrap();
    digest
}

/// A tar archive of raw entries: name, kind, link target, content. Names are written as they are, valid or not.
pub fn raw_tar(entries: &[(&str, tar::EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, kind, link, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_device_major(0).unwrap();
        header.set_device_minor(0).unwrap();
        let raw = header.as_gnu_mut().unwrap();
        raw.name[..name.len()].copy_from_slice(name.as_bytes());
        raw.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// Stores an image whose layers are these archives, compressed as asked: "", "gzip" or "zstd".
pub fn image_of(store: &ContentStore, layers: &[(Vec<u8>, &str)]) -> Image {
    let layers: Vec<_> = layers
        .iter()
        .map(|(tar, compression)| {
            let blob = match *compression {
                "gzip" => {
                    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                    out.write_all(tar).unwrap();
                    out.finish().unwrap()
                }
                "zstd" => zstd::encode_all(tar.as_slice(), 1).unwrap(),
                _ => tar.clone(),
            };
            let digest = store.put_blob(blob.as_slice()).unwrap();
            let media_type = "application/vnd.oci.image.layer.v1.tar".to_owned();
            image::Layer { digest, diff_id: Digest::of(tar), size: blob.len() as u64, media_type }
        })
        .collect();
    let digest = store.build_image(&config(), &layers).unwrap();
    store.resolve(&digest.to_string()).unwrap().unwrap()
}

/// Everything below a folder, one line each: path, kind, mode and content.
pub fn listing(root: &Path) -> Vec<String> {
    fn walk(root: &Path, dir: &Path, lines: &mut Vec<String>) {
        let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let data = path.symlink_metadata().unwrap();
            let kind = data.file_type();
            let mode = data.mode() & 0o7777;
            if kind.is_dir() {
                lines.push(format!("{name}/ {mode:o}"));
                walk(root, &path, lines);
            } else if kind.is_symlink() {
                lines.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
            } else if kind.is_char_device() {
                lines.push(format!("{name} device {}", data.rdev()));
            } else {
                lines.push(format!("{name} {mode:o} {}", fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut lines = Vec::new();
    walk(root, root, &mut lines);
    lines
}

/// Tests that make device nodes and trusted attributes say so here.
pub fn needs_root() {
    assert!(rustix::process::geteuid().is_root(), "this test makes device nodes: run it as root");
}
