//! Columns of what makes pods: deployments, replica sets, stateful sets, daemon sets, jobs, cron jobs, autoscalers,
//! disruption budgets.

use super::cells::{self, NONE, at, boolean, containers, int, items, labels, since, text, text_or};
use super::{AGE, Column, NAME, column, number, wide};
use objects::meta;
use objects::registry::Kind;
use serde_json::{Value, json};

pub(super) fn columns(kind: &Kind) -> Option<&'static [Column]> {
    match (kind.group, kind.kind) {
        ("apps", "Deployment") => Some(DEPLOYMENT),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => Some(REPLICA_SET),
        ("apps", "StatefulSet") => Some(STATEFUL_SET),
        ("apps", "DaemonSet") => Some(DAEMON_SET),
        ("apps", "ControllerRevision") => Some(CONTROLLER_REVISION),
        ("batch", "Job") => Some(JOB),
        ("batch", "CronJob") => Some(CRON_JOB),
        ("autoscaling", "HorizontalPodAutoscaler") => Some(AUTOSCALER),
        ("policy", "PodDisruptionBudget") => Some(DISRUPTION_BUDGET),
        _ => None,
    }
}

const CONTAINERS: Column = wide("Containers", |o| containers(at(o, "/spec/template/spec"), "name"));
const IMAGES: Column = wide("Images", |o| containers(at(o, "/spec/template/spec"), "image"));
const SELECTOR: Column = wide("Selector", selector);

/// A replication controller's selector is a plain map.
fn selector(object: &Value) -> Value {
    let found = at(object, "/spec/selector");
    let structured = found.get("matchLabels").or(found.get("matchExpressions")).is_some();
    if structured { cells::selector(found) } else { labels(found) }
}

static DEPLOYMENT: &[Column] = &[
    NAME,
    column("Ready", |o| json!(format!("{}/{}", int(o, "/status/readyReplicas"), int(o, "/spec/replicas")))),
    number("Up-to-date", |o| json!(int(o, "/status/updatedReplicas"))),
    number("Available", |o| json!(int(o, "/status/availableReplicas"))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

static REPLICA_SET: &[Column] = &[
    NAME,
    number("Desired", |o| json!(int(o, "/spec/replicas"))),
    number("Current", |o| json!(int(o, "/status/replicas"))),
    number("Ready", |o| json!(int(o, "/status/readyReplicas"))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

static STATEFUL_SET: &[Column] = &[
    NAME,
    column("Ready", |o| json!(format!("{}/{}", int(o, "/status/readyReplicas"), int(o, "/spec/replicas")))),
    AGE,
    CONTAINERS,
    IMAGES,
];

static DAEMON_SET: &[Column] = &[
    NAME,
    number("Desired", |o| json!(int(o, "/status/desiredNumberScheduled"))),
    number("Current", |o| json!(int(o, "/status/currentNumberScheduled"))),
    number("Ready", |o| json!(int(o, "/status/numberReady"))),
    number("Up-to-date", |o| json!(int(o, "/status/updatedNumberScheduled"))),
    number("Available", |o| json!(int(o, "/status/numberAvailable"))),
    column("Node Selector", |o| labels(at(o, "/spec/template/spec/nodeSelector"))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

static CONTROLLER_REVISION: &[Column] = &[
    NAME,
    column("Controller", |o| match meta::controller_of(o) {
        Some(owner) => {
            let (group, _) = objects::registry::split_api_version(text(owner, "/apiVersion"));
            let kind = text(owner, "/kind").to_lowercase();
            let kind = if group.is_empty() { kind } else { format!("{kind}.{group}") };
            json!(format!("{kind}/{}", text(owner, "/name")))
        }
        None => json!(NONE),
    }),
    number("Revision", |o| json!(int(o, "/revision"))),
    AGE,
];

static JOB: &[Column] = &[
    NAME,
    column("Status", |job| json!(job_status(job))),
    column("Completions", |job| json!(completions(job))),
    column("Duration", |job| json!(job_duration(job))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

fn job_status(job: &Value) -> &'static str {
    let has = |kind: &str| {
        items(job, "/status/conditions").iter().any(|one| one["type"] == kind && one["status"] == "True")
    };
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if meta::deletion_timestamp(job).is_some() => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions(job: &Value) -> String {
    let done = int(job, "/status/succeeded");
    match (at(job, "/spec/completions").as_i64(), int(job, "/spec/parallelism")) {
        (Some(wanted), _) => format!("{done}/{wanted}"),
        (None, parallelism) if parallelism > 1 => format!("{done}/1 of {parallelism}"),
        (None, _) => format!("{done}/1"),
    }
}

fn job_duration(job: &Value) -> String {
    let start = text(job, "/status/startTime");
    let end = match text(job, "/status/completionTime") {
        "" => meta::now(),
        end => end.to_owned(),
    };
    cells::between(start, &end).map(cells::duration).unwrap_or_default()
}

static CRON_JOB: &[Column] = &[
    NAME,
    column("Schedule", |o| json!(text(o, "/spec/schedule"))),
    column("Timezone", |o| text_or(o, "/spec/timeZone", NONE)),
    column("Suspend", |o| boolean(at(o, "/spec/suspend"))),
    number("Active", |o| json!(items(o, "/status/active").len())),
    column("Last Schedule", |o| match text(o, "/status/lastScheduleTime") {
        "" => json!(NONE),
        time => since(time),
    }),
    AGE,
    wide("Containers", |o| containers(at(o, "/spec/jobTemplate/spec/template/spec"), "name")),
    wide("Images", |o| containers(at(o, "/spec/jobTemplate/spec/template/spec"), "image")),
    wide("Selector", |o| cells::selector(at(o, "/spec/jobTemplate/spec/selector"))),
];

static AUTOSCALER: &[Column] = &[
    NAME,
    column("Reference", |o| {
        json!(format!("{}/{}", text(o, "/spec/scaleTargetRef/kind"), text(o, "/spec/scaleTargetRef/name")))
    }),
    column("Targets", |o| json!(targets(o))),
    column("MinPods", |o| match at(o, "/spec/minReplicas") {
        Value::Null => json!(cells::UNSET),
        number => json!(number.to_string()),
    }),
    number("MaxPods", |o| json!(int(o, "/spec/maxReplicas"))),
    number("Replicas", |o| json!(int(o, "/status/currentReplicas"))),
    AGE,
];

/// Resource metrics as `cpu: 12%/80%`; other metrics by their type.
fn targets(autoscaler: &Value) -> String {
    if let Some(percent) = at(autoscaler, "/spec/targetCPUUtilizationPercentage").as_i64() {
        let current = at(autoscaler, "/status/currentCPUUtilizationPercentage").as_i64();
        let current = current.map_or_else(|| "<unknown>".to_owned(), |current| format!("{current}%"));
        return format!("cpu: {current}/{percent}%");
    }
    let shown: Vec<String> = items(autoscaler, "/spec/metrics")
        .iter()
        .enumerate()
        .map(|(index, metric)| {
            let now = at(autoscaler, &format!("/status/currentMetrics/{index}/resource/current"));
            let name = text(metric, "/resource/name");
            let value =
                |one: &Value, percent: &str, amount: &str| match one.get(percent).and_then(Value::as_i64) {
                    Some(percent) => format!("{percent}%"),
                    None => match text(one, &format!("/{amount}")) {
                        "" => "<unknown>".to_owned(),
                        amount => amount.to_owned(),
                    },
                };
            if name.is_empty() {
                return text(metric, "/type").to_owned();
            }
            let target = value(at(metric, "/resource/target"), "averageUtilization", "averageValue");
            format!("{name}: {}/{target}", value(now, "averageUtilization", "averageValue"))
        })
        .collect();
    if shown.is_empty() { NONE.to_owned() } else { shown.join(", ") }
}

static DISRUPTION_BUDGET: &[Column] = &[
    NAME,
    column("Min Available", |o| amount(at(o, "/spec/minAvailable"))),
    column("Max Unavailable", |o| amount(at(o, "/spec/maxUnavailable"))),
    number("Allowed Disruptions", |o| json!(int(o, "/status/disruptionsAllowed"))),
    AGE,
];

fn amount(value: &Value) -> Value {
    match value {
        Value::Null => json!("N/A"),
        Value::String(text) => json!(text),
        number => json!(number.to_string()),
    }
}
