//! `turbo.json`: read, and planned for a package.
#![no_main]

use std::path::Path;

use build::{Package, TurboConfig, Workspace, plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(config) = TurboConfig::parse(Path::new("turbo.json"), text) else { return };
    assert!(config.concurrency() > 0);
    let package = |name: &str, dependency: &str| {
        let scripts = [("build".to_owned(), "true".to_owned())].into();
        let dependencies = [dependency.to_owned()].into();
        (name.to_owned(), Package { name: name.to_owned(), dir: name.to_owned(), scripts, dependencies })
    };
    let packages = [package("a", "b"), package("b", "c"), package("c", "c")].into();
    let workspace = Workspace { root: "/r".into(), config, packages };
    if let Ok(graph) = plan(&workspace, &["build"]) {
        assert_eq!(graph.order.len(), graph.tasks.len());
    }
});
