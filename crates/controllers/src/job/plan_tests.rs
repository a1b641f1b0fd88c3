//! Jobs from start to end, against pods that a test moves by hand.

use serde_json::{Value, json};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn job(spec: Value) -> Job {
    let mut job = json!({"metadata": {"name": "j", "namespace": "n", "uid": "u"}, "spec": {"template": {"spec": {"containers": []}}}});
    json_patch::merge(&mut job, &json!({"spec": spec}));
    serde_json::from_value(job).unwrap()
}

/// A Job with its pods in a world where every write succeeds.
struct World {
    job: Job,
    pods: Vec<Pod>,
    now: i64,
    made: usize,
}

impl World {
    fn new(spec: Value) -> Self {
        Self { job: job(spec), pods: Vec::new(), now: 0, made: 0 }
    }

    /// Carries out plans until nothing changes.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 50, "does not settle");
            let pods: Vec<_> = self.pods.iter().cloned().map(Arc::new).collect();
            let plan = plan(&self.job, &pods, at(self.now));
            let same = self.job.status.as_ref() == Some(&plan.status);
            if same && plan.create.is_empty() && plan.delete.is_empty() && plan.release.is_empty() {
                return;
            }
            self.job.status = Some(plan.status);
            if is_finished(&self.job) {
                return;
            }
            for pod in &mut self.pods {
                if plan.release.iter().any(|released| uid(&**released) == uid(pod)) {
                    pod.metadata.finalizers = None;
                }
            }
            self.pods.retain(|pod| !plan.delete.iter().any(|deleted| uid(&**deleted) == uid(pod)));
            for new in plan.create {
                self.made += 1;
                let mut pod = pod::new(&self.job, new.index, new.failures);
                pod.metadata.uid = Some(format!("p{}", self.made));
                self.pods.push(pod);
            }
        }
    }

    fn end(&mut self, at_index: usize, phase: &str, code: i32) {
        let now = at(self.now).to_string();
        let active = self.pods.iter_mut().filter(|pod| pods::is_active(pod)).nth(at_index).unwrap();
        active.status = serde_json::from_value(json!({"phase": phase, "containerStatuses": [{"name": "c", "image": "",
            "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": code, "finishedAt": now}}}]}))
        .unwrap();
        self.settle();
    }

    fn status(&self) -> (i32, i32, i32) {
        let status = self.job.status.clone().unwrap();
        (status.active.unwrap_or(0), status.succeeded.unwrap_or(0), status.failed.unwrap_or(0))
    }

    fn conditions(&self) -> Vec<(String, String)> {
        let conditions = self.job.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.map(|c| (c.type_.clone(), c.reason.clone().unwrap())).collect()
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect()
}

#[test]
fn a_job_completes_when_enough_pods_did() {
    let mut world = World::new(json!({"completions": 3, "parallelism": 2}));
    world.settle();
    assert_eq!(world.status(), (2, 0, 0));
    world.end(0, "Succeeded", 0);
    assert_eq!(world.status(), (2, 1, 0));
    world.end(0, "Succeeded", 0);
    assert_eq!(world.status(), (1, 2, 0));
    world.end(0, "Succeeded", 0);
    assert_eq!(world.status(), (0, 3, 0));
    assert_eq!(
        world.conditions(),
        pairs(&[("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")])
    );
    assert!(world.job.status.as_ref().unwrap().completion_time.is_some());
    assert_eq!(world.made, 3);
}

#[test]
fn a_failing_job_waits_longer_each_time_and_gives_up() {
    let mut world = World::new(json!({"backoffLimit": 2}));
    world.settle();
    for (made, pause) in [(2, 10), (3, 20)] {
        world.end(0, "Failed", 1);
        assert_eq!(world.made, made - 1, "not at once");
        world.now += pause - 1;
        world.settle();
        assert_eq!(world.made, made - 1);
        world.now += 1;
        world.settle();
        assert_eq!(world.made, made);
    }
    world.end(0, "Failed", 1);
    assert_eq!(world.status(), (0, 0, 3));
    assert_eq!(
        world.conditions(),
        pairs(&[("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")])
    );
}

#[test]
fn an_exit_is_counted_once_even_if_the_pod_vanishes() {
    let mut world = World::new(json!({"completions": 2, "parallelism": 1}));
    world.settle();
    world.pods[0].status = serde_json::from_value(json!({"phase": "Succeeded"})).unwrap();
    let pods: Vec<_> = world.pods.iter().cloned().map(Arc::new).collect();
    let first = plan(&world.job, &pods, at(1));
    let uncounted = first.status.uncounted_terminated_pods.clone().unwrap();
    assert_eq!((uncounted.succeeded.unwrap(), first.status.succeeded), (vec!["p1".to_owned()], None));
    // The status was written, the finalizer not yet removed: the same again, nothing twice.
    world.job.status = Some(first.status);
    let second = plan(&world.job, &pods, at(2));
    assert_eq!((second.release.len(), second.status.succeeded), (1, None));
    // The pod is gone before we looked again.
    world.pods.clear();
    world.settle();
    assert_eq!(world.status(), (1, 1, 0));
}

#[test]
fn suspension_stops_and_resumes() {
    let mut world = World::new(json!({"suspend": true}));
    world.settle();
    assert_eq!((world.status(), world.made), ((0, 0, 0), 0));
    assert!(world.job.status.as_ref().unwrap().start_time.is_none());
    world.job.spec.as_mut().unwrap().suspend = Some(false);
    world.now = 5;
    world.settle();
    assert_eq!((world.status(), world.conditions()), ((1, 0, 0), pairs(&[("Suspended", "JobResumed")])));
    world.job.spec.as_mut().unwrap().suspend = Some(true);
    world.settle();
    assert_eq!((world.status().0, world.pods.len()), (0, 0));
}

#[test]
fn a_deadline_ends_the_job() {
    let mut world = World::new(json!({"activeDeadlineSeconds": 30}));
    world.settle();
    let again = plan(&world.job, &world.pods.iter().cloned().map(Arc::new).collect::<Vec<_>>(), at(10)).again;
    assert_eq!(again, Some(Duration::from_secs(20)));
    world.now = 30;
    world.settle();
    assert_eq!(
        world.conditions(),
        pairs(&[("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")])
    );
    assert!(world.pods.is_empty());
}

#[test]
fn indexes_are_filled_from_below_and_each_once() {
    let mut world = World::new(json!({"completionMode": "Indexed", "completions": 4, "parallelism": 2}));
    world.settle();
    world.end(1, "Succeeded", 0);
    world.end(1, "Succeeded", 0);
    assert_eq!(world.job.status.as_ref().unwrap().completed_indexes.as_deref(), Some("1,2"));
    world.end(0, "Succeeded", 0);
    world.end(0, "Succeeded", 0);
    assert_eq!(world.job.status.as_ref().unwrap().completed_indexes.as_deref(), Some("0-3"));
    assert_eq!((world.status(), world.made), ((0, 4, 0), 4));
}

#[test]
fn limits_per_index_fail_the_index_not_the_job() {
    let mut world = World::new(json!({"completionMode": "Indexed", "completions": 2, "parallelism": 2,
        "backoffLimitPerIndex": 1, "backoffLimit": i32::MAX}));
    world.settle();
    world.end(0, "Failed", 1);
    world.now += 10;
    world.settle();
    assert_eq!(world.made, 3);
    let again =
        world.pods.iter().position(|pod| pods::is_active(pod) && pod::index(pod, 2) == Some(0)).unwrap();
    assert_eq!(pod::failures_before(&world.pods[again]).0, 1);
    let active_before = world.pods[..again].iter().filter(|pod| pods::is_active(pod)).count();
    world.end(active_before, "Failed", 1);
    assert_eq!(world.job.status.as_ref().unwrap().failed_indexes.as_deref(), Some("0"));
    world.end(0, "Succeeded", 0);
    assert_eq!(world.conditions(), pairs(&[("FailureTarget", "FailedIndexes"), ("Failed", "FailedIndexes")]));
    assert_eq!(world.status(), (0, 1, 2));
}

#[test]
fn policies_for_failure_and_success() {
    let mut world = World::new(json!({"podFailurePolicy": {"rules": [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]}}));
    world.settle();
    world.end(0, "Failed", 42);
    assert_eq!(
        world.conditions(),
        pairs(&[("FailureTarget", "PodFailurePolicy"), ("Failed", "PodFailurePolicy")])
    );

    let mut world = World::new(json!({"completionMode": "Indexed", "completions": 5, "parallelism": 5,
        "successPolicy": {"rules": [{"succeededIndexes": "0"}]}}));
    world.settle();
    world.end(0, "Succeeded", 0);
    assert_eq!(
        world.conditions(),
        pairs(&[("SuccessCriteriaMet", "SuccessPolicy"), ("Complete", "SuccessPolicy")])
    );
    assert_eq!(world.status().1, 1);
}
