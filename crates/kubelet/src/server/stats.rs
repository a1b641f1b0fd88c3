//! `/stats/summary`: what pods and containers use, as far as their cgroups tell.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Shared;
use crate::node::status;
use crate::pod::seconds;

pub(super) async fn summary(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let work = move || build(&shared);
    Json(tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| json!({})))
}

fn build(shared: &Shared) -> Value {
    let time = seconds(Timestamp::now()).to_string();
    let usage = |uid: &str, id: Option<&str>| {
        let stats = shared.ctx.engine.stats(uid, id).unwrap_or_default();
        (
            json!({"time": time, "usageCoreNanoSeconds": stats.cpu_ns}),
            json!({"time": time, "usageBytes": stats.memory_usage, "workingSetBytes": stats.memory_working_set,
                "rssBytes": stats.memory_rss}),
        )
    };
    let pods: Vec<Value> = shared
        .ctx
        .engine
        .sandboxes()
        .iter()
        .map(|sandbox| {
            let (cpu, memory) = usage(&sandbox.uid, None);
            let running = sandbox
                .containers
                .iter()
                .filter(|c| matches!(c.state, runtime::ContainerState::Running { .. }));
            let containers: Vec<Value> = running
                .map(|c| {
                    let (cpu, memory) = usage(&sandbox.uid, Some(&c.id));
                    json!({"name": c.name, "cpu": cpu, "memory": memory})
                })
                .collect();
            json!({"podRef": {"name": sandbox.name, "namespace": sandbox.namespace, "uid": sandbox.uid},
                "cpu": cpu, "memory": memory, "containers": containers})
        })
        .collect();
    let machine = status::read(&shared.ctx.home);
    json!({
        "node": {
            "nodeName": shared.node_name,
            "memory": {"time": time, "availableBytes": machine.memory_available,
                "workingSetBytes": machine.memory.saturating_sub(machine.memory_available)},
            "fs": {"time": time, "availableBytes": machine.disk_available, "capacityBytes": machine.disk,
                "usedBytes": machine.disk.saturating_sub(machine.disk_available)},
        },
        "pods": pods,
    })
}
