//! Jobs and CronJobs.

use e2e::Cluster;
use e2e::objects::{
    apply, condition, container, logs, refused, shell, started, until, until_event, until_gone, with,
};
use serde_json::{Value, json};

fn job(name: &str, container: Value, spec: Value) -> Value {
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 1}});
    let spec = with(json!({"template": template, "backoffLimit": 0}), spec);
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})
}

fn pods_of(cluster: &Cluster, job: &str) -> Vec<Value> {
    let list = cluster.get(&["pods", "-l", &format!("batch.kubernetes.io/job-name={job}")]);
    list["items"].as_array().cloned().unwrap_or_default()
}

fn done(cluster: &Cluster, name: &str, type_: &str) -> Value {
    until(cluster, &["job", name], type_, |job| condition(job, type_)["status"] == "True")
}

#[test]
fn jobs_end_as_their_policies_say() {
    let cluster = started();
    let indexed = json!({"completionMode": "Indexed", "completions": 3, "parallelism": 2});
    let exit = |code: i32| shell("c", &format!("exit {code}"));
    let by_index = "[ $JOB_COMPLETION_INDEX != 1 ]";
    let rule = |action: &str, code: i32| json!({"rules": [{"action": action, "onExitCodes": {"operator": "In", "values": [code]}}]});
    apply(
        &cluster,
        &[
            job("plain", exit(0), json!({"completions": 2, "parallelism": 2})),
            job("indexed", shell("c", "echo $JOB_COMPLETION_INDEX $(hostname)"), indexed),
            job("fails", exit(1), json!({"backoffLimit": 1})),
            job("stops", exit(42), json!({"backoffLimit": 6, "podFailurePolicy": rule("FailJob", 42)})),
            job(
                "index-fails",
                shell("c", by_index),
                json!({"completionMode": "Indexed", "completions": 3,
                "parallelism": 3, "backoffLimitPerIndex": 0, "backoffLimit": 6}),
            ),
            job(
                "enough",
                shell("c", "[ $JOB_COMPLETION_INDEX = 0 ] || sleep 1000"),
                json!({
                "completionMode": "Indexed", "completions": 3, "parallelism": 3,
                "successPolicy": {"rules": [{"succeededIndexes": "0"}]}}),
            ),
            job("late", shell("c", "sleep 1000"), json!({"activeDeadlineSeconds": 2})),
            job("waits", exit(0), json!({"suspend": true})),
            job("short", exit(0), json!({"ttlSecondsAfterFinished": 1})),
        ],
    );
    let plain = done(&cluster, "plain", "Complete");
    assert_eq!(
        (&plain["status"]["succeeded"], &condition(&plain, "Complete")["reason"]),
        (&json!(2), &json!("CompletionsReached"))
    );
    let indexed = done(&cluster, "indexed", "Complete");
    assert_eq!(indexed["status"]["completedIndexes"], "0-2");
    let mut told: Vec<String> = pods_of(&cluster, "indexed")
        .iter()
        .map(|pod| logs(&cluster, pod["metadata"]["name"].as_str().unwrap(), "c"))
        .collect();
    told.sort();
    assert_eq!(told, ["0 indexed-0\n", "1 indexed-1\n", "2 indexed-2\n"]);

    let failed = done(&cluster, "fails", "Failed");
    assert_eq!(condition(&failed, "Failed")["reason"], "BackoffLimitExceeded");
    assert_eq!(condition(&failed, "Failed")["message"], "Job has reached the specified backoff limit");
    assert_eq!(failed["status"]["failed"], 2);
    until_event(&cluster, "fails", "BackoffLimitExceeded: Job has reached the specified backoff limit");

    let stopped = done(&cluster, "stops", "Failed");
    assert_eq!(
        (&condition(&stopped, "Failed")["reason"], &stopped["status"]["failed"]),
        (&json!("PodFailurePolicy"), &json!(1))
    );
    let message = condition(&stopped, "Failed")["message"].as_str().unwrap().to_owned();
    assert!(message.contains("exit code 42 matching FailJob rule at index 0"), "{message}");
    let index = done(&cluster, "index-fails", "Failed");
    assert_eq!(condition(&index, "Failed")["reason"], "FailedIndexes");
    assert_eq!(
        (&index["status"]["completedIndexes"], &index["status"]["failedIndexes"]),
        (&json!("0,2"), &json!("1"))
    );
    let enough = done(&cluster, "enough", "Complete");
    assert_eq!(condition(&enough, "Complete")["reason"], "SuccessPolicy");
    assert_eq!(condition(&done(&cluster, "late", "Failed"), "Failed")["reason"], "DeadlineExceeded");

    assert_eq!(condition(&done(&cluster, "waits", "Suspended"), "Suspended")["reason"], "JobSuspended");
    assert!(pods_of(&cluster, "waits").is_empty());
    cluster.kubectl_ok(&["patch", "job", "waits", "-p", r#"{"spec":{"suspend":false}}"#]);
    done(&cluster, "waits", "Complete");
    until_gone(&cluster, &["job", "short"]);
    let list = cluster.kubectl_ok(&["get", "jobs"]);
    assert!(
        list.lines()
            .any(|line| line.starts_with("plain ") && line.contains("Complete") && line.contains("2/2")),
        "{list}"
    );
}

#[test]
fn a_job_with_a_sidecar_completes() {
    let cluster = started();
    let mut with_sidecar = job("work", shell("c", "exit 0"), json!({}));
    with_sidecar["spec"]["template"]["spec"]["initContainers"] = json!([with(
        shell("beside", "trap 'exit 0' TERM; sleep 1000 & wait"),
        json!({"restartPolicy": "Always"}),
    )]);
    apply(&cluster, &[with_sidecar]);
    done(&cluster, "work", "Complete");
    let pod = &pods_of(&cluster, "work")[0];
    assert_eq!(pod["status"]["phase"], "Succeeded");
    assert_eq!(container(pod, "beside")["state"]["terminated"]["exitCode"], 0);
}

#[test]
fn a_cron_job_starts_jobs_when_they_are_due() {
    let cluster = started();
    let cron = |name: &str, schedule: &str, more: Value| {
        let template = job("x", shell("c", "sleep 1000"), json!({}))["spec"].clone();
        let spec = with(json!({"schedule": schedule, "jobTemplate": {"spec": template}}), more);
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": spec})
    };
    let bad = refused(&cluster, &cron("bad", "61 * * * *", json!({})));
    assert!(bad.contains("spec.schedule"), "{bad}");
    let nowhere = refused(&cluster, &cron("nowhere", "* * * * *", json!({"timeZone": "Mars/Olympus"})));
    assert!(nowhere.contains("unknown time zone Mars/Olympus"), "{nowhere}");

    // What was missed while it was suspended is made up for.
    let tokyo = json!({"timeZone": "Asia/Tokyo", "concurrencyPolicy": "Forbid", "suspend": true});
    apply(
        &cluster,
        &[cron("runs", "* * * * *", tokyo), cron("rests", "* * * * *", json!({"suspend": true}))],
    );
    let date =
        std::process::Command::new("date").args(["-u", "-d", "3 minutes ago", "+%FT%TZ"]).output().unwrap();
    let last =
        json!({"status": {"lastScheduleTime": String::from_utf8(date.stdout).unwrap().trim()}}).to_string();
    cluster.kubectl_ok(&[
        "patch",
        "cronjob",
        "runs",
        "rests",
        "--subresource=status",
        "--type=merge",
        "-p",
        &last,
    ]);
    cluster.kubectl_ok(&["patch", "cronjob", "runs", "-p", r#"{"spec":{"suspend":false}}"#]);
    let runs = until(&cluster, &["cronjob", "runs"], "has a job", |found| {
        found["status"]["active"].as_array().is_some_and(|active| active.len() == 1)
    });
    let made = runs["status"]["active"][0]["name"].as_str().unwrap().to_owned();
    let owner = &cluster.get(&["job", &made])["metadata"]["ownerReferences"][0];
    assert_eq!(
        (&owner["kind"], &owner["name"], &owner["controller"]),
        (&json!("CronJob"), &json!("runs"), &json!(true))
    );
    until_event(&cluster, "runs", &format!("SuccessfulCreate: Created job {made}"));
    cluster.kubectl_ok(&["patch", "cronjob", "runs", "--subresource=status", "--type=merge", "-p", &last]);
    let begin = "JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid";
    until_event(&cluster, "runs", begin);
    let jobs = cluster.get(&["jobs"]);
    assert_eq!(jobs["items"].as_array().unwrap().len(), 1, "the suspended one made none");
    cluster.kubectl_ok(&["create", "job", "by-hand", "--from=cronjob/rests"]);
    let by_hand = cluster.get(&["job", "by-hand"]);
    assert_eq!(by_hand["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"], "manual");
    cluster.kubectl_ok(&["delete", "cronjob", "runs", "rests"]);
    until_gone(&cluster, &["job", &made]);
}
