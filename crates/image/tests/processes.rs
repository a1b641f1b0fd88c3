//! Several processes on one store at once, and a disk that is full.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use common::{build, config, needs_root};
use image::{ContentStore, Error, LayerBuilder};

const DIR: &str = "IMAGE_TEST_DIR";
const WHO: &str = "IMAGE_TEST_WHO";

fn start(test: &str, dir: &Path, who: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(DIR, dir)
        .env(WHO, who)
        .spawn()
        .unwrap()
}

/// Not a test by itself: one of the writers that [`writers_and_a_collector_do_not_disturb_each_other`] starts.
#[test]
fn writer() {
    let (Ok(dir), Ok(who)) = (std::env::var(DIR), std::env::var(WHO)) else { return };
    let store = ContentStore::open(Path::new(&dir)).unwrap();
    let stop = Path::new(&dir).join("stop");
    let mut number = 0;
    while number < 40 || !stop.exists() {
        // Locks are not queued: without a pause the writers could keep a collector out for ever.
        std::thread::sleep(std::time::Duration::from_millis(1));
        let _writing = store.writing().unwrap();
        let mut common_layer = LayerBuilder::new();
        let shared = format!("shared {}", number / 2).repeat(1000);
        common_layer.bytes("lib/shared", shared.into_bytes(), false).unwrap();
        let mut own = LayerBuilder::new();
        own.bytes("bin/app", format!("{who} {number}").into_bytes(), true).unwrap();
        let layers = [store.put_layer(&common_layer).unwrap(), store.put_layer(&own).unwrap()];
        let digest = store.build_image(&config(), &layers).unwrap();
        store.tag(&format!("{who}:{number}"), &digest).unwrap();
        // A name that both fight for, and that goes now and then.
        store.tag("both:1", &digest).unwrap();
        if number % 7 == 0 {
            store.remove("both:1").unwrap();
        }
        let image = store.require(&format!("{who}:{number}")).unwrap();
        let dirs = store.unpack(&image).unwrap();
        assert_eq!(fs::read_to_string(dirs[0].join("bin/app")).unwrap(), format!("{who} {number}"));
        number += 1;
    }
}

#[test]
fn writers_and_a_collector_do_not_disturb_each_other() {
    needs_root();
    let dir = tempfile::tempdir().unwrap();
    let store = ContentStore::open(dir.path()).unwrap();
    let mut writers = ["one", "two"].map(|who| start("writer", dir.path(), who));
    let mut collections = 0;
    while writers.iter_mut().any(|writer| writer.try_wait().unwrap().is_none()) {
        store.gc(&[]).unwrap();
        collections += 1;
        if collections == 3 {
            fs::write(dir.path().join("stop"), "").unwrap();
        }
        // Reading goes on meanwhile.
        store.list().unwrap();
    }
    for writer in &mut writers {
        assert!(writer.wait().unwrap().success());
    }
    assert!(collections >= 3, "there was no collection while the others wrote");
    for who in ["one", "two"] {
        for number in 0..40 {
            let image = store.require(&format!("{who}:{number}")).unwrap();
            assert_eq!(
                fs::read_to_string(store.unpack(&image).unwrap()[0].join("bin/app")).unwrap(),
                format!("{who} {number}")
            );
        }
    }
}

/// Not a test by itself: what [`a_full_disk_leaves_the_images_that_were_there`] runs in its namespace.
#[test]
fn inside_the_namespace() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs", &dir]).status().unwrap();
    assert!(mounted.success());
    let dir = Path::new(&dir);
    let store = ContentStore::open(&dir.join("store")).unwrap();
    let big = "x".repeat(60_000);
    let mut good = Vec::new();
    let error = 'full: loop {
        let number = good.len();
        let content = format!("{number}{big}");
        let attempt = (|| {
            let mut layer = LayerBuilder::new();
            layer.bytes("bin/app", content.into_bytes(), true)?;
            let layer = store.put_layer(&layer)?;
            let digest = store.build_image(&config(), &[layer])?;
            store.tag(&format!("app:{number}"), &digest)?;
            store.unpack(&store.require(&format!("app:{number}"))?)?;
            Ok::<_, Error>(digest)
        })();
        match attempt {
            Ok(digest) => good.push(digest),
            Err(error) => break 'full error,
        }
    };
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert!(error.to_string().contains(dir.to_str().unwrap()), "{error}");
    assert!(good.len() > 5, "{}", good.len());
    for (number, digest) in good.iter().enumerate() {
        let image = store.require(&format!("app:{number}")).unwrap();
        assert_eq!(image.digest, *digest);
        assert!(fs::metadata(store.unpack(&image).unwrap()[0].join("bin/app")).unwrap().len() > 60_000);
    }
    assert_eq!(fs::read_dir(dir.join("store/tmp")).unwrap().count(), 0, "a draft was left behind");
    store.remove("app:0").unwrap();
    assert!(store.gc(&[]).unwrap().bytes > 60_000);
    build(&store, "app:new", &[("bin/app", &big)]);
    println!("shown on a full tmpfs: {} images kept", good.len());
}

#[test]
fn a_full_disk_leaves_the_images_that_were_there() {
    needs_root();
    let dir = tempfile::tempdir().unwrap();
    let run = Command::new("unshare")
        .arg("--mount")
        .arg(std::env::current_exe().unwrap())
        .args(["inside_the_namespace", "--exact", "--nocapture"])
        .env(DIR, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && text.contains("shown on a full tmpfs"), "{text}{run:?}");
}
