//! Pods, as a user of kubectl sees them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod confinement;
mod ends;
mod lives;
mod placing;
mod probes;
mod resources;

use std::path::PathBuf;

use e2e::Cluster;
use e2e::objects::container;
use serde_json::{Value, json};

/// A script's end for containers that only have to be there: ends at once when it is asked to.
const STAY: &str = "trap 'exit 0' TERM; sleep 1000 & wait";

/// A folder of the machine that containers see as `/marks`.
fn marks(cluster: &Cluster) -> (PathBuf, Value, Value) {
    let folder = cluster.folder().join("marks");
    std::fs::create_dir_all(&folder).unwrap();
    let volume = json!([{"name": "marks", "hostPath": {"path": folder}}]);
    (folder, volume, json!({"volumeMounts": [{"name": "marks", "mountPath": "/marks"}]}))
}

fn restarts(pod: &Value, name: &str) -> i64 {
    container(pod, name)["restartCount"].as_i64().unwrap_or_default()
}
