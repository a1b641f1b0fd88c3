//! Licences and duplicate versions of everything in the lock file, from `cargo metadata`.
//!
//! A licence must be on the list; a crate may stand in the lock file in several versions only where it is on the
//! list below, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::run::{Failure, root};

/// Licences that an Apache-2.0 product may contain.
const LICENCES: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates whose second version comes with a dependency that has not moved yet, and whose.
const DUPLICATES: [(&str, &str); 9] = [
    ("base64", "k8s-openapi is at 0.22, kube at 0.23"),
    ("fallible-iterator", "postgres-protocol is at 0.2, rusqlite at 0.3"),
    ("getrandom", "ring is at 0.2, tempfile and postgres-protocol are ahead"),
    ("hashbrown", "hashlink (rusqlite) is behind indexmap"),
    ("r-efi", "follows getrandom; never built for Linux"),
    ("syn", "derive macros move to 3 one by one; build time only"),
    ("synstructure", "follows syn; build time only"),
    ("wasi", "follows getrandom; never built for Linux"),
    ("windows-sys", "never built for Linux"),
];

/// Checks the dependencies.
pub(crate) fn run() -> Result<(), Failure> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata has no packages")?;
    let mut faults = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        versions.entry(text("name")).or_default().insert(text("version"));
        if !allowed(text("license")) {
            faults.push(format!("{} {}: licence \"{}\"", text("name"), text("version"), text("license")));
        }
    }
    for (name, found) in &versions {
        if found.len() > 1 && !DUPLICATES.iter().any(|(allowed, _)| allowed == name) {
            let list = found.iter().copied().collect::<Vec<_>>().join(", ");
            faults.push(format!(
                "{name} in several versions: {list}; unify them or give the reason in xtask/src/deny.rs"
            ));
        }
    }
    for (name, _) in DUPLICATES {
        if versions.get(name).is_none_or(|found| found.len() < 2) {
            faults.push(format!(
                "{name} is no longer there in several versions; take it off the list in xtask/src/deny.rs"
            ));
        }
    }
    if faults.is_empty() {
        eprintln!("deny: {} packages, licences and versions in order", packages.len());
        return Ok(());
    }
    Err(faults.join("\n").into())
}

/// Whether an SPDX expression can be satisfied with the listed licences.
fn allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    expression
        .replace(['(', ')'], " ")
        .split(" OR ")
        .any(|choice| choice.split(" AND ").all(|licence| LICENCES.contains(&licence.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licence_expressions() {
        for fine in [
            "MIT",
            "MIT OR Apache-2.0",
            "Unlicense/MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "GPL-3.0 OR MIT",
        ] {
            assert!(allowed(fine), "{fine}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0"] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
