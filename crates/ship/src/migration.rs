//! Runs the migration Job and waits for its end; a Job that has already succeeded is proof enough.

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams, LogParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::Value;

use crate::rollout::{Trouble, trouble};
use crate::{Event, Progress};

/// Why the database could not be migrated. The rollout has not started.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A script failed, or scripts and history do not fit together.
    #[error("{0}\n  nothing was rolled out; what ran before still runs. Mend the script and run again")]
    Failed(String),
    /// The Job's pod cannot run.
    #[error("the migration cannot run: {0}")]
    Stuck(Trouble),
    /// The API refused.
    #[error("migration Job {name}: {error}")]
    Api {
        /// The Job.
        name: String,
        /// What it said.
        error: kube::Error,
    },
    /// The watch broke off for good.
    #[error("migration Job {name}: cannot follow it: {reason}")]
    Watch {
        /// The Job.
        name: String,
        /// Why.
        reason: String,
    },
}

/// Makes sure that `job` has succeeded, running it if it has not.
pub(crate) async fn run(client: &Client, job: &Value, progress: Progress<'_>) -> Result<(), MigrationError> {
    let name = job["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let namespace = job["metadata"]["namespace"].as_str().unwrap_or_default();
    let failed = |error| MigrationError::Api { name: name.clone(), error };
    let jobs: Api<Job> = Api::namespaced(client.clone(), namespace);
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    match jobs.get_opt(&name).await.map_err(failed)? {
        Some(found) if has_condition(&found, "Complete") => {
            progress(Event::DatabaseCurrent);
            return Ok(());
        }
        Some(found) if has_condition(&found, "Failed") => delete(&jobs, &found).await.map_err(failed)?,
        // An earlier run was interrupted: its Job goes on and is followed.
        Some(_) => {}
        None => {}
    }
    progress(Event::Migrating);
    if jobs.get_opt(&name).await.map_err(failed)?.is_none() {
        let job: Job = serde_json::from_value(job.clone()).map_err(|e| failed(kube::Error::SerdeError(e)))?;
        jobs.create(&PostParams::default(), &job).await.map_err(failed)?;
    }

    let of_job = format!("job-name={name}");
    let mut job_events = watcher(jobs, watcher::Config::default().fields(&format!("metadata.name={name}")))
        .applied_objects()
        .boxed();
    let mut pod_events =
        watcher(pods.clone(), watcher::Config::default().labels(&of_job)).applied_objects().boxed();
    let broken = |reason: String| MigrationError::Watch { name: name.clone(), reason };
    loop {
        tokio::select! {
            job = job_events.try_next() => {
                let Some(job) = job.map_err(|e| broken(e.to_string()))? else {
                    return Err(broken("the watch ended".to_owned()));
                };
                if has_condition(&job, "Complete") {
                    progress(Event::Migrated(output(&pods, &of_job).await.trim_end()));
                    return Ok(());
                }
                if has_condition(&job, "Failed") {
                    let output = output(&pods, &of_job).await;
                    // What the Job printed before its error is of no use to who has to mend it.
                    let reason = output.rsplit_once("error: ").map_or(output.as_str(), |(_, reason)| reason);
                    return Err(MigrationError::Failed(reason.trim_end().to_owned()));
                }
            }
            pod = pod_events.try_next() => {
                let Some(pod) = pod.map_err(|e| broken(e.to_string()))? else {
                    return Err(broken("the watch ended".to_owned()));
                };
                if let Some(trouble) = trouble(&pod) {
                    return Err(MigrationError::Stuck(trouble));
                }
            }
        }
    }
}

fn has_condition(job: &Job, kind: &str) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == kind && condition.status == "True")
}

/// Deletes a failed Job with its pods and waits until its name is free.
async fn delete(jobs: &Api<Job>, job: &Job) -> Result<(), kube::Error> {
    let name = job.name_any();
    jobs.delete(&name, &DeleteParams::foreground()).await?;
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = watcher(jobs.clone(), config).boxed();
    while let Some(event) = events.next().await {
        let gone = matches!(event, Ok(watcher::Event::Delete(_)))
            || matches!(event, Ok(watcher::Event::InitDone)) && jobs.get_opt(&name).await?.is_none();
        if gone {
            break;
        }
    }
    Ok(())
}

/// What the Job's last pod wrote; its termination message where the log cannot be read.
async fn output(pods: &Api<Pod>, selector: &str) -> String {
    let Ok(list) = pods.list(&ListParams::default().labels(selector)).await else { return String::new() };
    let Some(pod) = list.items.into_iter().max_by_key(ResourceExt::creation_timestamp) else {
        return String::new();
    };
    if let Ok(log) = pods.logs(&pod.name_any(), &LogParams::default()).await
        && !log.is_empty()
    {
        return log;
    }
    let statuses = pod.status.and_then(|status| status.container_statuses).unwrap_or_default();
    let ended = statuses.into_iter().find_map(|status| status.state.and_then(|state| state.terminated));
    ended.and_then(|ended| ended.message).unwrap_or_else(|| "the migration left no message".to_owned())
}
