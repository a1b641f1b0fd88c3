//! Images for pods under test, made here: no registry is asked.
//!
//! They go into the content store of the cluster's folder, where `launchway image import` would put them.

use image::{ContentStore, ImageConfig, LayerBuilder};

use crate::Cluster;

/// The name of [`busybox`]'s image, as a user would write it.
pub const BUSYBOX: &str = "busybox:1.36";

/// Debian's static busybox with all its applets in `/bin`, `/tmp` and the users root and nobody; its default
/// command is `sh`. Answers the name that pods give.
pub fn busybox(cluster: &Cluster) -> &'static str {
    let program = ["/bin/busybox", "/usr/bin/busybox"]
        .iter()
        .map(std::path::Path::new)
        .find(|path| path.is_file())
        .expect("busybox-static is installed; `cargo xtask test` does it");
    let applets = std::process::Command::new(program).arg("--list").output().unwrap();
    let mut layer = LayerBuilder::new();
    layer.file("bin/busybox", program).unwrap();
    for applet in String::from_utf8(applets.stdout).unwrap().lines().filter(|applet| *applet != "busybox") {
        layer.symlink(&format!("bin/{applet}"), "busybox").unwrap();
    }
    layer.directory("tmp", 0o1777).unwrap();
    let users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n";
    layer.bytes("etc/passwd", users.into(), false).unwrap();
    layer.bytes("etc/group", "root:x:0:\nnobody:x:65534:\n".into(), false).unwrap();
    let config = ImageConfig {
        env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()],
        cmd: vec!["sh".into()],
        ..ImageConfig::default()
    };
    make(cluster, BUSYBOX, &config, &[layer]);
    BUSYBOX
}

/// Makes an image called `name` in the cluster's store.
pub fn make(cluster: &Cluster, name: &str, config: &ImageConfig, layers: &[LayerBuilder]) {
    let store = ContentStore::open(&cluster.home().join("images")).unwrap();
    // Held until the name is there, so that no collection takes what nothing names yet.
    let _writing = store.writing().unwrap();
    let layers: Vec<_> = layers.iter().map(|layer| store.put_layer(layer).unwrap()).collect();
    let digest = store.build_image(config, &layers).unwrap();
    store.tag(name, &digest).unwrap();
}
