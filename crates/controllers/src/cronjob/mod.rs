//! Jobs by the clock: CronJobs.
//!
//! Woken by the CronJob, by its Jobs, and by a timer set to the next time; nothing runs in between.

mod schedule;

use std::{sync::Arc, time::Duration};

use client::{Events, Failure, Informer, Queue, failure};
use jiff::{Timestamp, tz::TimeZone};
use k8s_openapi::{
    api::{
        batch::v1::{CronJob, CronJobStatus, Job},
        core::v1::ObjectReference,
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::{
    Resource,
    api::{DeleteParams, PostParams},
};
use tokio::task::JoinSet;

use self::schedule::Schedule;
use crate::shared::{
    Context, Key, conditions, created, feed::feed, name, namespace, owners, uid, writes::Writes,
};

const SCHEDULED_AT: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// So many missed times are looked at; a longer gap is taken for a clock that jumped.
const MISSED: usize = 100;

/// Keeps CronJobs.
pub(crate) async fn run(context: Context) {
    let (crons, jobs) = (context.informers.of::<CronJob>(), context.informers.of::<Job>());
    tokio::join!(crons.synced(), jobs.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &crons, &queue, |change| [Key::of(&**change.object())]);
    let all = crons.clone();
    feed(&mut feeds, &jobs, &queue, move |change| owners::concerned(&all, change, |_| None));
    let controller = Arc::new(Controller {
        events: context.events("cronjob-controller"),
        context,
        crons,
        jobs,
        job_writes: Writes::default(),
        own_writes: Writes::default(),
    });
    let reconcile = move |key: Key| {
        let controller = controller.clone();
        async move { controller.reconcile(&key).await }
    };
    queue.run("cronjob-controller", 4, reconcile).await;
}

struct Controller {
    context: Context,
    events: Events,
    crons: Informer<CronJob>,
    jobs: Informer<Job>,
    job_writes: Writes,
    own_writes: Writes,
}

/// `Complete` or `Failed`, if the Job has ended.
fn end(job: &Job) -> Option<&'static str> {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    ["Complete", "Failed"].into_iter().find(|type_| conditions::holds(conditions, type_))
}

impl Controller {
    async fn reconcile(&self, key: &Key) -> Result<Option<Duration>, kube::Error> {
        let Some(cron) = self.crons.get(Some(&key.namespace), &key.name) else { return Ok(None) };
        let own = uid(&*cron);
        for visible in [self.job_writes.visible(own, &self.jobs), self.own_writes.visible(own, &self.crons)] {
            if let Err(wait) = visible {
                return Ok(Some(wait));
            }
        }
        let mut jobs = self.jobs.list_in(&key.namespace);
        jobs.retain(|job| owners::is_controlled_by(&job.metadata, &*cron));
        let mut status = self.follow_jobs(&cron, &jobs);
        self.trim_history(&cron, &jobs).await?;
        let result = if cron.metadata.deletion_timestamp.is_none() && cron.spec.suspend != Some(true) {
            self.start_due(&cron, &jobs, &mut status).await
        } else {
            Ok(None)
        };
        if cron.status.clone().unwrap_or_default() != status {
            let changed = CronJob { status: Some(status), ..(*cron).clone() };
            let api = self.context.api::<CronJob>(&key.namespace);
            let written = api.replace_status(&key.name, &PostParams::default(), &changed).await?;
            self.own_writes.wrote(own, &written);
        }
        match result {
            Err(error) if failure(&error) == Failure::NamespaceTerminating => Ok(None),
            other => other,
        }
    }

    /// Takes ended Jobs off the list of active ones.
    fn follow_jobs(&self, cron: &CronJob, jobs: &[Arc<Job>]) -> CronJobStatus {
        let mut status = cron.status.clone().unwrap_or_default();
        let mut active = status.active.take().unwrap_or_default();
        active.retain(|known| {
            let job = jobs.iter().find(|job| job.metadata.uid == known.uid);
            match job.map(|job| (job, end(job))) {
                Some((_, None)) => true,
                Some((job, Some(end))) => {
                    let message = format!("Saw completed job: {}, condition: {end}", name(&**job));
                    self.events.normal(cron.object_ref(&()), "SawCompletedJob", message);
                    false
                }
                None => {
                    let missing = known.name.as_deref().unwrap_or_default();
                    let message = format!("Active job went missing: {missing}");
                    self.events.normal(cron.object_ref(&()), "MissingJob", message);
                    false
                }
            }
        });
        for job in jobs {
            let completed = job.status.as_ref().and_then(|status| status.completion_time.clone());
            if end(job) == Some("Complete") && completed > status.last_successful_time {
                status.last_successful_time = completed;
            }
            if end(job).is_none() && !active.iter().any(|known| known.uid == job.metadata.uid) {
                active.push(reference(job));
            }
        }
        status.active = Some(active).filter(|active| !active.is_empty());
        status
    }

    /// Deletes the oldest ended Jobs beyond the limits.
    async fn trim_history(&self, cron: &CronJob, jobs: &[Arc<Job>]) -> Result<(), kube::Error> {
        let limits = [
            ("Complete", cron.spec.successful_jobs_history_limit.unwrap_or(3)),
            ("Failed", cron.spec.failed_jobs_history_limit.unwrap_or(1)),
        ];
        for (type_, limit) in limits {
            let mut ended: Vec<_> = jobs.iter().filter(|job| end(job) == Some(type_)).collect();
            ended.sort_by_key(|job| (created(&***job), name(&***job).to_owned()));
            let surplus = ended.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
            for job in &ended[..surplus] {
                self.delete(cron, job).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, cron: &CronJob, job: &Job) -> Result<(), kube::Error> {
        if job.metadata.deletion_timestamp.is_some() {
            return Ok(());
        }
        match self.context.api::<Job>(namespace(job)).delete(name(job), &DeleteParams::background()).await {
            Err(error) if failure(&error) != Failure::NotFound => Err(error),
            _ => {
                let message = format!("Deleted job {}", name(job));
                self.events.normal(cron.object_ref(&()), "SuccessfulDelete", message);
                Ok(())
            }
        }
    }

    /// Starts the Job whose time has come; says when the next one does.
    async fn start_due(
        &self,
        cron: &CronJob,
        jobs: &[Arc<Job>],
        status: &mut CronJobStatus,
    ) -> Result<Option<Duration>, kube::Error> {
        let zone = match cron.spec.time_zone.as_deref().map(TimeZone::get).transpose() {
            Ok(zone) => zone.unwrap_or(TimeZone::UTC),
            Err(error) => {
                self.events.warning(
                    cron.object_ref(&()),
                    "UnknownTimeZone",
                    format!("invalid timeZone: {error}"),
                );
                return Ok(None);
            }
        };
        let schedule = match Schedule::parse(&cron.spec.schedule) {
            Ok(schedule) => schedule,
            Err(error) => {
                let message = format!("unparseable schedule: {error}");
                self.events.warning(cron.object_ref(&()), "UnparseableSchedule", message);
                return Ok(None);
            }
        };
        let moment = Timestamp::now();
        let next = schedule.next(moment, &zone).map(|next| wait_until(next, moment));
        let Some(due) = latest_due(cron, status, &schedule, &zone, moment) else { return Ok(next) };
        let late = cron
            .spec
            .starting_deadline_seconds
            .is_some_and(|most| moment.as_second() - due.as_second() > most);
        if late {
            let message = format!("Missed scheduled time to start a job: {due}");
            self.events.warning(cron.object_ref(&()), "MissSchedule", message);
            return Ok(next);
        }
        let running: Vec<_> = jobs.iter().filter(|job| end(job).is_none()).collect();
        match cron.spec.concurrency_policy.as_deref() {
            Some("Forbid") if !running.is_empty() => {
                let message =
                    "Not starting job because prior execution is running and concurrency policy is Forbid";
                self.events.normal(cron.object_ref(&()), "JobAlreadyActive", message);
                return Ok(next);
            }
            Some("Replace") => {
                for job in running {
                    self.delete(cron, job).await?;
                    status.active.get_or_insert_default().retain(|known| known.uid != job.metadata.uid);
                }
            }
            _ => {}
        }
        let wanted = new_job(cron, due, &zone);
        match self.context.api::<Job>(namespace(cron)).create(&PostParams::default(), &wanted).await {
            Ok(made) => {
                self.job_writes.wrote(uid(cron), &made);
                self.events.normal(
                    cron.object_ref(&()),
                    "SuccessfulCreate",
                    format!("Created job {}", name(&made)),
                );
                status.active.get_or_insert_default().push(reference(&made));
            }
            Err(error) if failure(&error) == Failure::AlreadyExists => {}
            Err(error) => {
                let message = format!("Error creating job: {error}");
                self.events.warning(cron.object_ref(&()), "FailedCreate", message);
                return Err(error);
            }
        }
        status.last_schedule_time = Some(Time(due));
        Ok(next)
    }
}

fn wait_until(next: Timestamp, moment: Timestamp) -> Duration {
    Duration::try_from(next.duration_since(moment)).unwrap_or_default()
}

/// The last time that has come and for which no Job was started.
fn latest_due(
    cron: &CronJob,
    status: &CronJobStatus,
    schedule: &Schedule,
    zone: &TimeZone,
    moment: Timestamp,
) -> Option<Timestamp> {
    let mut from = status.last_schedule_time.as_ref().map_or_else(|| created(cron), |time| time.0);
    if let Some(deadline) = cron.spec.starting_deadline_seconds {
        from = from.max(moment - jiff::SignedDuration::from_secs(deadline));
    }
    let times = std::iter::successors(schedule.next(from, zone), |time| schedule.next(*time, zone));
    let missed: Vec<_> = times.take_while(|time| *time <= moment).take(MISSED).collect();
    if missed.len() < MISSED {
        return missed.last().copied();
    }
    // Too many to walk through: look back from now instead, over ever longer spans.
    (0..32).find_map(|power| {
        let from = moment - jiff::SignedDuration::from_secs(60_i64 << power);
        let times = std::iter::successors(schedule.next(from, zone), |time| schedule.next(*time, zone));
        times.take_while(|time| *time <= moment).last()
    })
}

fn reference(job: &Job) -> ObjectReference {
    ObjectReference {
        api_version: Some("batch/v1".into()),
        kind: Some("Job".into()),
        namespace: job.metadata.namespace.clone(),
        name: job.metadata.name.clone(),
        uid: job.metadata.uid.clone(),
        resource_version: job.metadata.resource_version.clone(),
        ..ObjectReference::default()
    }
}

fn new_job(cron: &CronJob, due: Timestamp, zone: &TimeZone) -> Job {
    let template = &cron.spec.job_template;
    let meta = template.metadata.clone().unwrap_or_default();
    let mut annotations = meta.annotations.unwrap_or_default();
    let stamp = due.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    annotations.insert(SCHEDULED_AT.into(), stamp.replace("+00:00", "Z"));
    Job {
        metadata: ObjectMeta {
            name: Some(format!("{}-{}", name(cron), due.as_second() / 60)),
            namespace: Some(namespace(cron).into()),
            labels: meta.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![owners::controller_reference(cron)]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cron(extra: serde_json::Value) -> CronJob {
        let mut cron = json!({"metadata": {"name": "c", "namespace": "n", "uid": "u", "creationTimestamp": "2026-01-01T00:00:30Z"},
            "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {}}}}});
        json_patch::merge(&mut cron, &extra);
        serde_json::from_value(cron).unwrap()
    }

    fn due(cron: &CronJob, moment: &str) -> Option<String> {
        let schedule = Schedule::parse(&cron.spec.schedule).unwrap();
        let status = cron.status.clone().unwrap_or_default();
        latest_due(cron, &status, &schedule, &TimeZone::UTC, moment.parse().unwrap())
            .map(|time| time.to_string())
    }

    #[test]
    fn only_the_last_missed_time_is_due() {
        let new = cron(json!({}));
        assert_eq!(due(&new, "2026-01-01T00:04:59Z"), None);
        assert_eq!(due(&new, "2026-01-01T00:17:00Z").as_deref(), Some("2026-01-01T00:15:00Z"));
        let old = cron(json!({"status": {"lastScheduleTime": "2026-01-01T00:15:00Z"}}));
        assert_eq!(due(&old, "2026-01-01T00:17:00Z"), None);
        assert_eq!(
            due(&old, "2027-01-01T00:03:00Z").as_deref(),
            Some("2027-01-01T00:00:00Z"),
            "after a long sleep"
        );
    }

    #[test]
    fn a_job_is_named_after_its_minute() {
        let job = new_job(&cron(json!({})), "2026-01-01T00:15:00Z".parse().unwrap(), &TimeZone::UTC);
        assert_eq!(name(&job), "c-29453775");
        assert_eq!(job.metadata.annotations.as_ref().unwrap()[SCHEDULED_AT], "2026-01-01T00:15:00Z");
        assert_eq!(job.metadata.labels.as_ref().unwrap()["a"], "b");
    }
}
