//! The planner and the status that goes with it, by tables: a pod, what is known, what follows.

use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use serde_json::{Value, json};

use super::model::{Cause, Desired, Ending, Exit, Kill, Run, Sandbox, State, Step, Waiting};
use super::plan::{Action, plan};
use super::{phase, status};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn desired(spec: Value) -> Desired {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "generation": 1}, "spec": spec}))
    .unwrap();
    Desired::new(Arc::new(pod))
}

fn two(policy: &str) -> Desired {
    desired(
        json!({"restartPolicy": policy, "containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]}),
    )
}

/// A pod whose sandbox and volumes are there.
fn ready() -> State {
    let mut state = State::new(at(0));
    state.sandbox = Sandbox::Ready { ip: Ipv4Addr::new(10, 42, 0, 2) };
    state.volumes = Step::Done;
    state.status_written = true;
    state
}

fn running(state: &mut State, name: &str) {
    let known = state.container(name);
    known.run = Run::Running { id: format!("{name}-id"), started_at: at(0) };
    (known.hooked, known.startup_passed, known.ready_passed) = (true, true, true);
}

fn exited(state: &mut State, name: &str, code: i32, finished: i64) {
    let epoch = Some(state.epoch);
    let known = state.container(name);
    known.run = Run::Exited(Exit {
        id: format!("{name}-id"),
        code,
        signal: None,
        reason: if code == 0 { "Completed".into() } else { "Error".into() },
        message: None,
        started_at: Some(at(finished - 1)),
        finished_at: at(finished),
        epoch,
    });
}

fn start(name: &str) -> Action {
    Action::Start { name: name.into() }
}

fn ending(cause: Cause) -> Ending {
    Ending { cause, deadline: at(30) }
}

fn stop(name: &str) -> Action {
    Action::Stop { name: name.into(), deadline: at(30) }
}

#[test]
fn sandbox_and_volumes_are_made_at_the_same_time_and_first() {
    let mut state = State::new(at(0));
    assert_eq!(plan(&two("Always"), &state, at(0)), [Action::MountVolumes, Action::CreateSandbox]);
    state.sandbox = Sandbox::Creating;
    state.volumes = Step::Busy;
    assert_eq!(plan(&two("Always"), &state, at(0)), []);
    state.sandbox = Sandbox::Ready { ip: Ipv4Addr::LOCALHOST };
    assert_eq!(plan(&two("Always"), &state, at(0)), []);
    state.volumes = Step::Failed { retry_at: at(9) };
    assert_eq!(plan(&two("Always"), &state, at(0)), [Action::WakeAt(at(9))]);
    assert_eq!(plan(&two("Always"), &state, at(9)), [Action::MountVolumes]);
    state.volumes = Step::Done;
    assert_eq!(plan(&two("Always"), &state, at(0)), [Action::Initialized, start("a"), start("b")]);
}

#[test]
fn init_containers_run_one_after_another() {
    let pod = desired(json!({"restartPolicy": "Always",
        "initContainers": [{"name": "i1"}, {"name": "side", "restartPolicy": "Always"}, {"name": "i2"}],
        "containers": [{"name": "a"}]}));
    let mut state = ready();
    assert_eq!(plan(&pod, &state, at(0)), [start("i1")]);
    running(&mut state, "i1");
    assert_eq!(plan(&pod, &state, at(0)), []);
    exited(&mut state, "i1", 0, 1);
    assert_eq!(plan(&pod, &state, at(1)), [start("side")]);
    running(&mut state, "side");
    state.container("side").startup_passed = false;
    assert_eq!(plan(&pod, &state, at(1)), [], "a sidecar has to have started");
    state.container("side").startup_passed = true;
    assert_eq!(plan(&pod, &state, at(1)), [start("i2")]);
    exited(&mut state, "i2", 0, 2);
    assert_eq!(plan(&pod, &state, at(2)), [Action::Initialized, start("a")]);
    state.initialized = true;
    running(&mut state, "a");
    assert_eq!(plan(&pod, &state, at(3)), []);
    exited(&mut state, "side", 1, 4);
    assert_eq!(plan(&pod, &state, at(4)), [start("side")], "sidecars are restarted beside the others");
}

#[test]
fn a_new_sandbox_runs_init_containers_again() {
    let pod = desired(json!({"initContainers": [{"name": "i"}], "containers": [{"name": "a"}]}));
    let mut state = ready();
    exited(&mut state, "i", 0, 1);
    exited(&mut state, "a", 137, 2);
    state.epoch = 1;
    assert_eq!(plan(&pod, &state, at(3)), [start("i")]);
    assert_eq!(phase::of(&pod, &state), "Running");
}

#[test]
fn restart_policies() {
    for (policy, code, again) in [
        ("Always", 0, true),
        ("Always", 1, true),
        ("OnFailure", 0, false),
        ("OnFailure", 1, true),
        ("Never", 0, false),
        ("Never", 1, false),
    ] {
        let pod = two(policy);
        let mut state = ready();
        state.initialized = true;
        running(&mut state, "b");
        exited(&mut state, "a", code, 5);
        let expected = if again { vec![start("a")] } else { vec![] };
        assert_eq!(plan(&pod, &state, at(5)), expected, "{policy} {code}");
        assert_eq!(phase::of(&pod, &state), "Running");
    }
}

#[test]
fn rules_of_a_container_come_before_policies() {
    let pod = desired(json!({"restartPolicy": "Never", "containers": [{"name": "a", "restartPolicyRules": [
        {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]}, {"name": "b"}]}));
    let mut state = ready();
    state.initialized = true;
    running(&mut state, "b");
    exited(&mut state, "a", 42, 5);
    assert_eq!(plan(&pod, &state, at(5)), [start("a")]);
    exited(&mut state, "a", 41, 5);
    assert_eq!(plan(&pod, &state, at(5)), []);
}

#[test]
fn a_crash_loop_waits_and_says_so() {
    let pod = two("Always");
    let mut state = ready();
    state.initialized = true;
    running(&mut state, "b");
    exited(&mut state, "a", 1, 100);
    state.container("a").series = 2;
    state.container("a").restarts = 2;
    assert_eq!(plan(&pod, &state, at(110)), [Action::WakeAt(at(120))]);
    assert_eq!(plan(&pod, &state, at(120)), [start("a")]);
    let status = status::compute(&pod, &state, &PodStatus::default(), Ipv4Addr::LOCALHOST, at(110));
    let a = &status.container_statuses.unwrap()[0];
    let waiting = a.state.as_ref().unwrap().waiting.as_ref().unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("CrashLoopBackOff"));
    assert_eq!(waiting.message.as_deref(), Some("back-off 20s restarting failed container=a pod=p_n(u)"));
    assert_eq!(a.last_state.as_ref().unwrap().terminated.as_ref().unwrap().exit_code, 1);
    assert_eq!((a.restart_count, a.ready, status.phase.as_deref()), (2, false, Some("Running")));
}

#[test]
fn what_failed_to_start_is_tried_again_when_due() {
    let pod = two("Always");
    let mut state = ready();
    state.initialized = true;
    running(&mut state, "b");
    state.container("a").run = Run::Waiting(Waiting {
        reason: "ErrImagePull".into(),
        message: Some("no such image".into()),
        retry_at: Some(at(10)),
        tries: 1,
        since: Some(at(0)),
    });
    assert_eq!(plan(&pod, &state, at(0)), [Action::WakeAt(at(10))]);
    let reason = |now| {
        let status = status::compute(&pod, &state, &PodStatus::default(), Ipv4Addr::LOCALHOST, now);
        status.container_statuses.unwrap()[0].state.clone().unwrap().waiting.unwrap()
    };
    assert_eq!(reason(at(0)).reason.as_deref(), Some("ErrImagePull"));
    assert_eq!(reason(at(2)).reason.as_deref(), Some("ImagePullBackOff"));
    assert_eq!(
        reason(at(2)).message.as_deref(),
        Some("Back-off pulling image \"i\": ErrImagePull: no such image")
    );
}

#[test]
fn an_unhealthy_container_is_stopped_and_started_again() {
    let pod = desired(json!({"restartPolicy": "OnFailure", "terminationGracePeriodSeconds": 30,
        "containers": [{"name": "a", "livenessProbe": {"terminationGracePeriodSeconds": 5}}]}));
    let mut state = ready();
    state.initialized = true;
    running(&mut state, "a");
    state.container("a").kill = Some(Kill { message: "failed".into(), again: true, grace: Some(5) });
    let expected = Action::Stop { name: "a".into(), deadline: at(12) };
    assert_eq!(plan(&pod, &state, at(7)), [expected]);
    state.container("a").stopping = true;
    assert_eq!(plan(&pod, &state, at(7)), []);
    // It ended well because it was asked to; it runs again all the same.
    exited(&mut state, "a", 0, 8);
    state.container("a").forced = true;
    assert_eq!(plan(&pod, &state, at(8)), [start("a")]);
}

#[test]
fn a_finished_pod_ends_by_itself() {
    for (policy, codes, phase) in
        [("Never", [0, 0], "Succeeded"), ("OnFailure", [0, 0], "Succeeded"), ("Never", [0, 3], "Failed")]
    {
        let pod = two(policy);
        let mut state = ready();
        state.initialized = true;
        exited(&mut state, "a", codes[0], 5);
        exited(&mut state, "b", codes[1], 5);
        let actions = plan(&pod, &state, at(6));
        assert_eq!(actions, [Action::End(Ending { cause: Cause::Finished, deadline: at(36) })], "{policy}");
        assert_eq!(phase::of(&pod, &state), phase, "{policy} {codes:?}");
        state.ending = Some(ending(Cause::Finished));
        state.status_written = false;
        assert_eq!(plan(&pod, &state, at(6)), [], "the exit codes are reported before they are removed");
        state.status_written = true;
        assert_eq!(plan(&pod, &state, at(6)), [Action::RemoveSandbox]);
        state.sandbox = Sandbox::Absent;
        assert_eq!(plan(&pod, &state, at(6)), [Action::UnmountVolumes]);
        state.volumes = Step::Todo;
        assert_eq!(plan(&pod, &state, at(6)), []);
        assert_eq!(super::phase::of(&pod, &state), phase);
    }
}

#[test]
fn a_failed_init_container_fails_a_pod_that_is_never_restarted() {
    let spec = |policy| {
        desired(
            json!({"restartPolicy": policy, "initContainers": [{"name": "i"}], "containers": [{"name": "a"}]}),
        )
    };
    let mut state = ready();
    exited(&mut state, "i", 1, 5);
    assert_eq!(phase::of(&spec("Never"), &state), "Failed");
    assert!(matches!(plan(&spec("Never"), &state, at(5))[..], [Action::End(_)]));
    assert_eq!(phase::of(&spec("Always"), &state), "Pending");
    assert_eq!(plan(&spec("Always"), &state, at(5)), [start("i")]);
}

#[test]
fn deletion_stops_reports_removes_and_deletes_in_this_order() {
    let pod = desired(json!({"initContainers": [{"name": "s1", "restartPolicy": "Always"},
        {"name": "s2", "restartPolicy": "Always"}], "containers": [{"name": "a"}, {"name": "b"}]}));
    let mut state = ready();
    state.initialized = true;
    for name in ["s1", "s2", "a", "b"] {
        running(&mut state, name);
    }
    state.ending = Some(ending(Cause::Deleted));
    assert_eq!(plan(&pod, &state, at(0)), [stop("a"), stop("b")]);
    exited(&mut state, "a", 143, 1);
    state.container("b").stopping = true;
    assert_eq!(plan(&pod, &state, at(1)), []);
    exited(&mut state, "b", 0, 2);
    assert_eq!(plan(&pod, &state, at(2)), [stop("s2")], "sidecars go last, the last one first");
    exited(&mut state, "s2", 0, 3);
    assert_eq!(plan(&pod, &state, at(3)), [stop("s1")]);
    exited(&mut state, "s1", 0, 4);
    assert_eq!(phase::of(&pod, &state), "Failed");
    state.status_written = false;
    assert_eq!(plan(&pod, &state, at(4)), []);
    state.status_written = true;
    assert_eq!(plan(&pod, &state, at(4)), [Action::RemoveSandbox]);
    state.sandbox = Sandbox::Removing;
    assert_eq!(plan(&pod, &state, at(4)), []);
    state.sandbox = Sandbox::Absent;
    assert_eq!(plan(&pod, &state, at(4)), [Action::UnmountVolumes]);
    state.volumes = Step::Todo;
    assert_eq!(plan(&pod, &state, at(4)), [Action::Delete]);
    state.deleting = true;
    assert_eq!(plan(&pod, &state, at(4)), []);
    state.ending = Some(ending(Cause::Removed));
    assert_eq!(plan(&pod, &state, at(4)), [Action::Forget]);
}

#[test]
fn a_pod_deleted_before_it_began_is_gone_at_once() {
    let mut state = State::new(at(0));
    state.ending = Some(ending(Cause::Deleted));
    state.status_written = true;
    assert_eq!(plan(&two("Always"), &state, at(0)), [Action::Delete]);
    state.sandbox = Sandbox::Creating;
    assert_eq!(plan(&two("Always"), &state, at(0)), [], "what is being made has to be there to be removed");
}

#[test]
fn a_pod_past_its_deadline_fails() {
    let pod = desired(json!({"activeDeadlineSeconds": 10, "containers": [{"name": "a"}]}));
    let mut state = ready();
    state.initialized = true;
    running(&mut state, "a");
    assert_eq!(plan(&pod, &state, at(5)), [Action::WakeAt(at(10))]);
    assert!(matches!(&plan(&pod, &state, at(10))[..], [Action::End(e)] if e.cause == Cause::Deadline));
    state.ending = Some(ending(Cause::Deadline));
    let status = status::compute(&pod, &state, &PodStatus::default(), Ipv4Addr::LOCALHOST, at(10));
    assert_eq!(
        (status.phase.as_deref(), status.reason.as_deref()),
        (Some("Failed"), Some("DeadlineExceeded"))
    );
}

#[test]
fn a_lost_sandbox_is_removed_before_another_is_made() {
    let pod = two("Always");
    let mut state = ready();
    state.initialized = true;
    exited(&mut state, "a", 137, 1);
    exited(&mut state, "b", 137, 1);
    state.sandbox = Sandbox::Lost { retry_at: at(0) };
    assert_eq!(plan(&pod, &state, at(1)), [Action::RemoveSandbox]);
    state.sandbox = Sandbox::Absent;
    assert_eq!(plan(&pod, &state, at(1)), [Action::CreateSandbox]);
}

#[test]
fn conditions_move_only_when_their_status_does() {
    let pod = desired(
        json!({"readinessGates": [{"conditionType": "example.com/gate"}], "containers": [{"name": "a"}]}),
    );
    let mut state = ready();
    let condition = |status: &PodStatus, type_: &str| {
        status.conditions.iter().flatten().find(|c| c.type_ == type_).cloned().unwrap()
    };
    let first = status::compute(&pod, &state, &PodStatus::default(), Ipv4Addr::LOCALHOST, at(0));
    assert_eq!(condition(&first, "PodReadyToStartContainers").status, "True");
    let unready = condition(&first, "ContainersReady");
    assert_eq!(unready.reason.as_deref(), Some("ContainersNotReady"));
    assert_eq!(unready.message.as_deref(), Some("containers with unready status: [a]"));

    running(&mut state, "a");
    state.initialized = true;
    let second = status::compute(&pod, &state, &first, Ipv4Addr::LOCALHOST, at(5));
    assert_eq!(condition(&second, "ContainersReady").status, "True");
    assert_eq!(condition(&second, "ContainersReady").last_transition_time.unwrap().0, at(5));
    assert_eq!(condition(&second, "PodScheduled").last_transition_time.unwrap().0, at(0));
    let gate = condition(&second, "Ready");
    assert_eq!(gate.reason.as_deref(), Some("ReadinessGatesNotReady"));

    let mut with_gate = second.clone();
    with_gate
        .conditions
        .as_mut()
        .unwrap()
        .push(serde_json::from_value(json!({"type": "example.com/gate", "status": "True"})).unwrap());
    let third = status::compute(&pod, &state, &with_gate, Ipv4Addr::LOCALHOST, at(9));
    assert_eq!(condition(&third, "Ready").status, "True");
    let gate = with_gate.conditions.as_ref().unwrap().last().unwrap().clone();
    let mut remembered = third.clone();
    remembered.conditions.as_mut().unwrap().push(gate);
    let fourth = status::compute(&pod, &state, &remembered, Ipv4Addr::LOCALHOST, at(99));
    assert_eq!(
        fourth
            .conditions
            .as_ref()
            .map(|c| c.iter().map(|c| c.last_transition_time.clone()).collect::<Vec<_>>()),
        third
            .conditions
            .as_ref()
            .map(|c| c.iter().map(|c| c.last_transition_time.clone()).collect::<Vec<_>>())
    );
}

#[test]
fn waiting_is_nothing_but_time() {
    let pod = two("Always");
    let state =
        State { sandbox: Sandbox::Failed { retry_at: at(3) }, volumes: Step::Done, ..State::new(at(0)) };
    assert_eq!(plan(&pod, &state, at(0)), [Action::WakeAt(at(3))]);
    let later = at(3) + SignedDuration::from_millis(1);
    assert_eq!(plan(&pod, &state, later), [Action::CreateSandbox]);
}

#[test]
fn all_containers_start_over_once_all_have_ended() {
    let pod = desired(json!({"restartPolicy": "Never",
        "containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}]}));
    let mut state = ready();
    exited(&mut state, "i", 0, 1);
    state.initialized = true;
    exited(&mut state, "a", 88, 3);
    running(&mut state, "b");
    state.restarting_all = true;
    // At once, whatever the grace period.
    assert_eq!(plan(&pod, &state, at(7)), [Action::Stop { name: "b".into(), deadline: at(7) }]);
    assert_eq!(phase::of(&pod, &state), "Running");
    state.container("b").stopping = true;
    assert_eq!(plan(&pod, &state, at(7)), []);
    exited(&mut state, "b", 137, 8);
    assert_eq!(plan(&pod, &state, at(8)), [Action::Renew]);
    assert_eq!(phase::of(&pod, &state), "Running", "not failed, although none of them may run again");
}
