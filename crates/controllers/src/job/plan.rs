//! What a Job needs next: its status, pods to create, to delete and to let go. Pure.
//!
//! Counting is done in two steps so that no exit is lost and none counted twice: a finished pod's UID is first
//! written to `status.uncountedTerminatedPods`, then the pod's finalizer is removed, and only when the finalizer
//! is seen to be gone does the UID turn into a count. A Job ends when nothing is uncounted and no pod is left.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::{
    api::{
        batch::v1::{Job, JobCondition, JobSpec, JobStatus, UncountedTerminatedPods},
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::Timestamp,
};

use super::{
    indexes, pod,
    policy::{self, Meaning},
};
use crate::shared::{
    conditions::{self, Condition},
    pods, seconds, uid,
};

/// Pause after the first failure; doubles up to the longest.
const FIRST_PAUSE: i64 = 10;
const LONGEST_PAUSE: i64 = 600;
/// UIDs that wait to be counted at the same time.
const UNCOUNTED: usize = 500;
/// Pods created in one go.
const BURST: usize = 500;

/// What to do, in this order: write the status, delete, create, let go.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) status: JobStatus,
    pub(super) delete: Vec<Arc<Pod>>,
    pub(super) create: Vec<New>,
    /// Pods whose finalizer can be removed once the status is written.
    pub(super) release: Vec<Arc<Pod>>,
    /// When to look again without an event.
    pub(super) again: Option<Duration>,
    pub(super) events: Vec<Told>,
}

/// A pod to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct New {
    pub(super) index: Option<i32>,
    pub(super) failures: Option<(i32, i32)>,
}

/// An event about the Job.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) warning: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

/// `Complete` or `Failed`.
pub(super) fn is_finished(job: &Job) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions::holds(conditions, "Complete") || conditions::holds(conditions, "Failed")
}

struct Planner<'a> {
    job: &'a Job,
    spec: &'a JobSpec,
    now: Timestamp,
    completions: Option<i32>,
    indexed: bool,
    /// Terminating pods are replaced only when they have ended.
    waits_for_end: bool,
    completed: BTreeSet<i32>,
    failed_indexes: BTreeSet<i32>,
    plan: Plan,
}

/// Plans one step. `pods` are all pods that the Job controls, without those whose deletion was just asked for.
pub(super) fn plan(job: &Job, pods: &[Arc<Pod>], now: Timestamp) -> Plan {
    let Some(spec) = &job.spec else { return Plan::default() };
    let before = job.status.clone().unwrap_or_default();
    let indexed = spec.completion_mode.as_deref() == Some("Indexed");
    let bound = spec.completions.unwrap_or(0);
    let mut planner = Planner {
        job,
        spec,
        now,
        indexed,
        completions: spec.completions,
        waits_for_end: match spec.pod_replacement_policy.as_deref() {
            Some(policy) => policy == "Failed",
            None => spec.pod_failure_policy.is_some(),
        },
        completed: if indexed {
            indexes::parse(before.completed_indexes.as_deref(), bound)
        } else {
            BTreeSet::new()
        },
        failed_indexes: indexes::parse(before.failed_indexes.as_deref(), bound),
        plan: Plan { status: before, ..Plan::default() },
    };
    planner.run(pods);
    planner.plan
}

impl Planner<'_> {
    fn run(&mut self, pods: &[Arc<Pod>]) {
        self.start();
        let active: Vec<_> = pods.iter().filter(|pod| pods::is_active(pod)).cloned().collect();
        let terminating = pods.iter().filter(|pod| pods::is_leaving(pod) && !pods::is_finished(pod)).count();
        let fatal = self.count(pods);
        self.decide(pods, fatal, active.len());
        let ending = self.outcome().is_some();
        let leaving = self.job.metadata.deletion_timestamp.is_some();
        let suspended = self.spec.suspend == Some(true);
        let status = &mut self.plan.status;
        status.active = some(active.len());
        status.terminating = match (status.terminating, terminating) {
            (None, 0) => None,
            _ => Some(number(terminating)),
        };
        let ready = active.iter().filter(|pod| pods::is_ready(pod)).count();
        status.ready = if status.ready.is_none() && ready == 0 { None } else { Some(number(ready)) };
        if leaving {
        } else if ending || suspended {
            self.plan.delete = active.clone();
        } else {
            self.balance(pods, active.clone(), terminating);
        }
        let uncounted = self.plan.status.uncounted_terminated_pods.clone().unwrap_or_default();
        let settled = uncounted.failed.unwrap_or_default().is_empty()
            && uncounted.succeeded.unwrap_or_default().is_empty();
        if settled && self.plan.release.is_empty() && active.is_empty() && terminating == 0 {
            self.finish();
        }
    }

    /// Start time, suspension and their conditions.
    fn start(&mut self) {
        let (now, suspended) = (self.now, self.spec.suspend == Some(true));
        let status = &mut self.plan.status;
        let was_suspended = conditions::holds(status.conditions.as_ref(), "Suspended");
        if suspended && !was_suspended {
            let condition = JobCondition::new("Suspended", "True", "JobSuspended", "Job suspended", now);
            conditions::set(&mut status.conditions, condition);
            status.start_time = None;
            self.tell(false, "Suspended", "Job suspended");
        } else if !suspended {
            if was_suspended {
                let condition = JobCondition::new("Suspended", "False", "JobResumed", "Job resumed", now);
                conditions::set(&mut status.conditions, condition);
                status.start_time = Some(Time(now));
                self.tell(false, "Resumed", "Job resumed");
            } else if status.start_time.is_none() {
                status.start_time = Some(Time(now));
            }
        }
    }

    fn tell(&mut self, warning: bool, reason: &str, message: &str) {
        self.plan.events.push(Told { warning, reason: reason.into(), message: message.into() });
    }

    /// Whether the pod counts as failed: it has failed, or it is leaving and is replaced at once.
    fn has_failed(&self, pod: &Pod) -> bool {
        match pods::phase(pod) {
            "Failed" => true,
            "Succeeded" => false,
            // Never started, so nobody will report an end.
            _ if pods::is_leaving(pod) && pods::node(pod).is_empty() => true,
            _ => pods::is_leaving(pod) && !self.waits_for_end,
        }
    }

    /// Turns finished pods into counts, in the two steps. Returns why the Job has failed, if a pod says so.
    fn count(&mut self, pods: &[Arc<Pod>]) -> Option<String> {
        let tracked: HashMap<&str, &Arc<Pod>> =
            pods.iter().filter(|pod| pod::is_tracked(pod)).map(|pod| (uid(&**pod), pod)).collect();
        let mut uncounted = self.plan.status.uncounted_terminated_pods.take().unwrap_or_default();
        let (mut succeeded, mut failed) = (0, 0);
        uncounted.succeeded.get_or_insert_default().retain(|uid| {
            tracked.contains_key(uid.as_str()) || {
                succeeded += 1;
                false
            }
        });
        uncounted.failed.get_or_insert_default().retain(|uid| {
            tracked.contains_key(uid.as_str()) || {
                failed += 1;
                false
            }
        });
        let known: HashSet<String> =
            uncounted.succeeded.iter().chain(&uncounted.failed).flatten().cloned().collect();
        let leaving = self.job.metadata.deletion_timestamp.is_some();
        let ending_badly = self.outcome().is_some_and(|(good, _, _)| !good);
        let (mut waiting, mut fatal) = (known.len(), None);
        let mut ordered: Vec<_> = tracked.values().copied().collect();
        ordered.sort_by_key(|pod| pod::ended(pod));
        for pod in ordered {
            if known.contains(uid(&**pod)) {
                self.plan.release.push(pod.clone());
                continue;
            }
            let good = pods::phase(pod) == "Succeeded";
            let bad = !good && (self.has_failed(pod) || ending_badly && pods::is_leaving(pod));
            if !(good || bad || leaving && pods::is_leaving(pod)) || waiting >= UNCOUNTED {
                continue;
            }
            let index = self.completions.filter(|_| self.indexed).and_then(|bound| pod::index(pod, bound));
            if self.indexed && index.is_none() {
                // An index that is no longer asked for counts for nothing.
                self.plan.release.push(pod.clone());
                continue;
            }
            let meaning = if bad { policy::meaning(self.job, pod) } else { Meaning::Count };
            if let (Meaning::FailJob(why), None) = (&meaning, &fatal) {
                fatal = Some(why.clone());
            }
            if bad && let Some(index) = index {
                self.note_failed_index(index, pod, &meaning);
            }
            self.plan.release.push(pod.clone());
            if meaning == Meaning::Ignore {
                continue;
            }
            waiting += 1;
            let list = if good { &mut uncounted.succeeded } else { &mut uncounted.failed };
            match index.filter(|_| good) {
                // Success of an index is kept in the set of indexes; nothing else to count.
                Some(index) => {
                    self.completed.insert(index);
                }
                None => list.get_or_insert_default().push(uid(&**pod).to_owned()),
            }
        }
        let status = &mut self.plan.status;
        if self.indexed {
            status.succeeded = some(self.completed.len());
            status.completed_indexes = Some(indexes::format(&self.completed)).filter(|text| !text.is_empty());
            if self.spec.backoff_limit_per_index.is_some() {
                status.failed_indexes = Some(indexes::format(&self.failed_indexes));
            }
        } else {
            status.succeeded = plus(status.succeeded, succeeded);
        }
        status.failed = plus(status.failed, failed);
        let list = |list: Option<Vec<String>>| list.filter(|list| !list.is_empty());
        let left =
            UncountedTerminatedPods { succeeded: list(uncounted.succeeded), failed: list(uncounted.failed) };
        status.uncounted_terminated_pods = Some(left);
        fatal
    }

    fn note_failed_index(&mut self, index: i32, pod: &Pod, meaning: &Meaning) {
        let Some(limit) = self.spec.backoff_limit_per_index else { return };
        let failures = pod::failures_before(pod).0 + 1;
        if *meaning == Meaning::FailIndex || *meaning == Meaning::Count && failures > limit {
            self.failed_indexes.insert(index);
        }
    }

    fn uncounted(&self) -> (i32, i32) {
        let uncounted = self.plan.status.uncounted_terminated_pods.clone().unwrap_or_default();
        (
            number(uncounted.succeeded.map_or(0, |list| list.len())),
            number(uncounted.failed.map_or(0, |list| list.len())),
        )
    }

    fn succeeded(&self) -> i32 {
        let counted = self.plan.status.succeeded.unwrap_or(0);
        if self.indexed { counted } else { counted + self.uncounted().0 }
    }

    fn failed(&self) -> i32 {
        self.plan.status.failed.unwrap_or(0) + self.uncounted().1
    }

    /// The decided outcome: whether it is good, and its reason and message.
    fn outcome(&self) -> Option<(bool, String, String)> {
        let conditions = self.plan.status.conditions.as_ref();
        let found =
            |type_| conditions::find(conditions, type_).filter(|condition| condition.status() == "True");
        let text = |condition: &JobCondition| (condition.reason().to_owned(), condition.message().to_owned());
        let failure = found("FailureTarget").map(text).map(|(reason, message)| (false, reason, message));
        failure.or_else(|| {
            found("SuccessCriteriaMet").map(text).map(|(reason, message)| (true, reason, message))
        })
    }

    /// Decides on success or failure, once.
    fn decide(&mut self, pods: &[Arc<Pod>], fatal: Option<String>, active: usize) {
        if self.outcome().is_some() {
            return;
        }
        let verdict = self.failure(pods, fatal).map(|(reason, message)| ("FailureTarget", reason, message));
        let verdict = verdict.or_else(|| {
            self.success(active).map(|(reason, message)| ("SuccessCriteriaMet", reason, message))
        });
        if let Some((type_, reason, message)) = verdict {
            let condition = JobCondition::new(type_, "True", reason, &message, self.now);
            conditions::set(&mut self.plan.status.conditions, condition);
        }
    }

    fn failure(&mut self, pods: &[Arc<Pod>], fatal: Option<String>) -> Option<(&'static str, String)> {
        if let Some(why) = fatal {
            return Some(("PodFailurePolicy", why));
        }
        let limit = self.spec.backoff_limit.unwrap_or(6);
        if self.failed() > limit || self.restarted_too_often(pods, limit) {
            return Some(("BackoffLimitExceeded", "Job has reached the specified backoff limit".into()));
        }
        if let (Some(deadline), Some(start), false) =
            (self.spec.active_deadline_seconds, &self.plan.status.start_time, self.spec.suspend == Some(true))
        {
            let left = deadline - seconds(start, self.now);
            if left <= 0 {
                return Some(("DeadlineExceeded", "Job was active longer than specified deadline".into()));
            }
            self.look_again(left);
        }
        let failed = i32::try_from(self.failed_indexes.len()).unwrap_or(i32::MAX);
        if self.indexed && self.spec.backoff_limit_per_index.is_some() && failed > 0 {
            if self.spec.max_failed_indexes.is_some_and(|most| failed > most) {
                let message = "Job has exceeded the specified maximal number of failed indexes";
                return Some(("MaxFailedIndexesExceeded", message.into()));
            }
            if self.completions.is_some_and(|all| failed + self.succeeded() >= all) {
                return Some(("FailedIndexes", "Job has failed indexes".into()));
            }
        }
        None
    }

    /// Containers that are restarted in place fail without their pod failing.
    fn restarted_too_often(&self, pods: &[Arc<Pod>], limit: i32) -> bool {
        let policy = self.spec.template.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
        if policy != Some("OnFailure") {
            return false;
        }
        let running = pods.iter().filter(|pod| matches!(pods::phase(pod), "Running" | "Pending"));
        let restarts: i32 = running
            .flat_map(|pod| pod.status.iter())
            .flat_map(|status| {
                status.init_container_statuses.iter().chain(&status.container_statuses).flatten()
            })
            .map(|container| container.restart_count)
            .sum();
        if limit == 0 { restarts > 0 } else { restarts >= limit }
    }

    fn success(&self, active: usize) -> Option<(&'static str, String)> {
        if self.indexed
            && let Some(rule) = policy::success(self.job, &self.completed, self.completions.unwrap_or(0))
        {
            return Some(("SuccessPolicy", format!("Matched rules at index {rule}")));
        }
        let reached = match self.completions {
            Some(all) => self.succeeded() >= all,
            // A work queue: one success means that the work is done; the others may finish.
            None => self.succeeded() > 0 && active == 0,
        };
        reached.then(|| ("CompletionsReached", "Reached expected number of succeeded pods".into()))
    }

    /// The end, when nothing is left to wait for.
    fn finish(&mut self) {
        let Some((good, reason, message)) = self.outcome() else { return };
        let type_ = if good { "Complete" } else { "Failed" };
        let status = &mut self.plan.status;
        conditions::set(
            &mut status.conditions,
            JobCondition::new(type_, "True", &reason, &message, self.now),
        );
        if good {
            status.completion_time = Some(Time(self.now));
            self.tell(false, "Completed", "Job completed");
        } else {
            self.tell(true, &reason, &message);
        }
    }

    fn look_again(&mut self, seconds: i64) {
        let wait = Duration::from_secs(u64::try_from(seconds).unwrap_or(0).max(1));
        self.plan.again = Some(self.plan.again.map_or(wait, |known| known.min(wait)));
    }

    /// Creates missing pods, deletes surplus ones.
    fn balance(&mut self, pods: &[Arc<Pod>], mut active: Vec<Arc<Pod>>, terminating: usize) {
        let parallelism = self.spec.parallelism.unwrap_or(1);
        if self.indexed {
            let all = self.completions.unwrap_or(0);
            let mut taken = BTreeSet::new();
            let (kept, surplus): (Vec<_>, Vec<_>) = active.into_iter().partition(|pod| {
                pod::index(pod, all).is_some_and(|index| {
                    !self.completed.contains(&index)
                        && !self.failed_indexes.contains(&index)
                        && taken.insert(index)
                })
            });
            self.plan.delete = surplus;
            active = kept;
        }
        let now_active = number(active.len());
        let wanted = match self.completions {
            None if self.succeeded() > 0 => now_active,
            None => parallelism,
            Some(all) => {
                let failed = i32::try_from(self.failed_indexes.len()).unwrap_or(i32::MAX);
                (all - self.succeeded() - failed).min(parallelism).max(0)
            }
        };
        if now_active > wanted {
            let surplus = usize::try_from(now_active - wanted).unwrap_or(0);
            pods::rank_for_removal(&mut active, &HashMap::new());
            self.plan.delete.extend(active.into_iter().take(surplus));
            return;
        }
        let leaving = if self.waits_for_end { number(terminating) } else { 0 };
        let missing = usize::try_from(wanted - now_active - leaving).unwrap_or(0).min(BURST);
        if missing == 0 {
            return;
        }
        if self.indexed {
            self.create_indexed(pods, &active, missing);
        } else {
            let left = pause_left(failures_in_a_row(pods.iter()), self.now);
            if left > 0 {
                self.look_again(left);
            } else {
                self.plan.create = vec![New { index: None, failures: None }; missing];
            }
        }
    }

    fn create_indexed(&mut self, pods: &[Arc<Pod>], active: &[Arc<Pod>], missing: usize) {
        let all = self.completions.unwrap_or(0);
        let mut by_index: BTreeMap<i32, Vec<&Arc<Pod>>> = BTreeMap::new();
        for pod in pods {
            by_index.entry(pod::index(pod, all).unwrap_or(-1)).or_default().push(pod);
        }
        let mut taken: BTreeSet<_> = active.iter().filter_map(|pod| pod::index(pod, all)).collect();
        if self.waits_for_end {
            let leaving = pods.iter().filter(|pod| pods::is_leaving(pod) && !pods::is_finished(pod));
            taken.extend(leaving.filter_map(|pod| pod::index(pod, all)));
        }
        let per_index = self.spec.backoff_limit_per_index.is_some();
        // Without a limit per index all indexes share one pause.
        let shared = pause_left(failures_in_a_row(pods.iter()), self.now);
        for index in 0..all {
            if self.plan.create.len() >= missing {
                return;
            }
            if taken.contains(&index)
                || self.completed.contains(&index)
                || self.failed_indexes.contains(&index)
            {
                continue;
            }
            let own = by_index.get(&index).map(Vec::as_slice).unwrap_or_default();
            let left =
                if per_index { pause_left(failures_in_a_row(own.iter().copied()), self.now) } else { shared };
            if left > 0 {
                self.look_again(left);
                continue;
            }
            let failures = per_index.then(|| self.failures_of(own));
            self.plan.create.push(New { index: Some(index), failures });
        }
    }

    /// How often an index has failed, by what its latest pod says.
    fn failures_of(&self, own: &[&Arc<Pod>]) -> (i32, i32) {
        let Some(latest) = own.iter().max_by_key(|pod| (pod::failures_before(pod), pod::ended(pod))) else {
            return (0, 0);
        };
        let (counted, ignored) = pod::failures_before(latest);
        match policy::meaning(self.job, latest) {
            _ if !self.has_failed(latest) => (counted, ignored),
            Meaning::Ignore => (counted, ignored + 1),
            _ => (counted + 1, ignored),
        }
    }
}

/// How many pods failed since the last success, and when the last did.
fn failures_in_a_row<'a>(pods: impl Iterator<Item = &'a Arc<Pod>> + Clone) -> (u32, Option<Timestamp>) {
    let success = pods.clone().filter(|pod| pods::phase(pod) == "Succeeded").map(|pod| pod::ended(pod)).max();
    let failures = pods.filter(|pod| pods::phase(pod) == "Failed").map(|pod| pod::ended(pod));
    let recent: Vec<_> = failures.filter(|ended| success.is_none_or(|success| *ended > success)).collect();
    (u32::try_from(recent.len()).unwrap_or(u32::MAX), recent.into_iter().max())
}

/// Seconds until the next attempt.
fn pause_left((failures, last): (u32, Option<Timestamp>), now: Timestamp) -> i64 {
    let Some(last) = last else { return 0 };
    let pause = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(LONGEST_PAUSE);
    (pause - (now.as_second() - last.as_second())).max(0)
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Zero is left out, as in the wire form.
fn some(count: usize) -> Option<i32> {
    Some(number(count)).filter(|count| *count != 0)
}

fn plus(count: Option<i32>, more: i32) -> Option<i32> {
    Some(count.unwrap_or(0) + more).filter(|count| *count != 0)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
