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
    busybox_in(&cluster.home())
}

/// The same in the folder of a node elsewhere.
pub fn busybox_in(home: &std::path::Path) -> &'static str {
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
    make_in(home, BUSYBOX, &config, &[layer]);
    BUSYBOX
}

/// The name of [`nginx`]'s image.
pub const NGINX: &str = "nginx";

/// Debian's nginx with the libraries that it needs, its page in `/usr/share/nginx/html`, logging to its output, as the
/// image that everybody knows does. Answers the name that pods give.
pub fn nginx(cluster: &Cluster) -> &'static str {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let program =
        std::env::split_paths(&folders).map(|folder| folder.join("nginx")).find(|path| path.is_file());
    let program = program.expect("nginx is in PATH; `cargo xtask test` unpacks it");
    let mut layer = LayerBuilder::new();
    layer.file("usr/sbin/nginx", &program).unwrap();
    let needs = std::process::Command::new("ldd").arg(&program).output().unwrap();
    let needs = String::from_utf8(needs.stdout).unwrap();
    for library in needs.split_whitespace().filter(|word| word.starts_with('/')) {
        layer.file(library.trim_start_matches('/'), std::path::Path::new(library)).unwrap();
    }
    let page = "<!DOCTYPE html><html><head><title>Welcome to nginx!</title></head>\
                <body><h1>Welcome to nginx!</h1><a href=\"/docs/\">docs</a></body></html>\n";
    layer.bytes("usr/share/nginx/html/index.html", page.into(), false).unwrap();
    layer.bytes("usr/share/nginx/html/docs/index.html", "the documents\n".into(), false).unwrap();
    let settings = "user nobody nogroup; error_log /dev/stderr notice; pid /run/nginx.pid; events {}\n\
                    http { access_log /dev/stdout; server { listen 80; absolute_redirect off; root /usr/share/nginx/html; } }\n";
    layer.bytes("etc/nginx/nginx.conf", settings.into(), false).unwrap();
    for folder in ["run", "var/log/nginx", "var/lib/nginx"] {
        layer.directory(folder, 0o755).unwrap();
    }
    layer.bytes("etc/passwd", "root:x:0:0::/:\nnobody:x:65534:65534::/:\n".into(), false).unwrap();
    layer.bytes("etc/group", "root:x:0:\nnogroup:x:65534:\n".into(), false).unwrap();
    let config = ImageConfig {
        cmd: ["nginx", "-g", "daemon off;"].map(str::to_owned).into(),
        stop_signal: "SIGQUIT".into(),
        ..ImageConfig::default()
    };
    make(cluster, NGINX, &config, &[layer]);
    NGINX
}

/// Settings of a node that collects nothing: how full the disk of the machine under test is, is not the tests' affair.
pub const KEEP_ALL: &str = "[collection]\nhigh_percent = 100\nlow_percent = 100\n";

/// Makes an image called `name` in the cluster's store.
pub fn make(cluster: &Cluster, name: &str, config: &ImageConfig, layers: &[LayerBuilder]) {
    make_in(&cluster.home(), name, config, layers);
}

fn make_in(home: &std::path::Path, name: &str, config: &ImageConfig, layers: &[LayerBuilder]) {
    let store = ContentStore::open(&home.join("images")).unwrap();
    let settings = home.join("images.toml");
    if !settings.exists() {
        std::fs::write(settings, KEEP_ALL).unwrap();
    }
    // Held until the name is there, so that no collection takes what nothing names yet.
    let _writing = store.writing().unwrap();
    let layers: Vec<_> = layers.iter().map(|layer| store.put_layer(layer).unwrap()).collect();
    let digest = store.build_image(config, &layers).unwrap();
    store.tag(name, &digest).unwrap();
}
