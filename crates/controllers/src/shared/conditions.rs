//! Conditions of objects: their types differ, their behaviour does not.

use k8s_openapi::{
    api::{
        apps::v1::{DeploymentCondition, ReplicaSetCondition},
        batch::v1::JobCondition,
        core::v1::{NamespaceCondition, ReplicationControllerCondition},
    },
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::Timestamp,
};

/// One condition of an object.
pub(crate) trait Condition: Sized {
    fn new(type_: &str, status: &str, reason: &str, message: &str, now: Timestamp) -> Self;
    fn type_(&self) -> &str;
    fn status(&self) -> &str;
    fn reason(&self) -> &str;
    fn message(&self) -> &str;
    fn transition(&mut self) -> &mut Option<Time>;
}

/// A field that is required in some kinds and optional in others.
trait Text {
    fn text(&self) -> &str;
}

impl Text for String {
    fn text(&self) -> &str {
        self
    }
}

impl Text for Option<String> {
    fn text(&self) -> &str {
        self.as_deref().unwrap_or_default()
    }
}

/// The fields are equal by name in all of them, but no trait of the API types says so.
macro_rules! implement {
    ($($type:ty),*) => {$(
        impl Condition for $type {
            #[allow(clippy::needless_update, reason = "some of the types have more fields")]
            fn new(type_: &str, status: &str, reason: &str, message: &str, now: Timestamp) -> Self {
                Self {
                    type_: type_.to_owned().into(),
                    status: status.to_owned().into(),
                    reason: Some(reason.into()),
                    message: Some(message.into()),
                    last_transition_time: Some(Time(now)),
                    ..Self::default()
                }
            }
            fn type_(&self) -> &str { self.type_.text() }
            fn status(&self) -> &str { self.status.text() }
            fn reason(&self) -> &str { self.reason.as_deref().unwrap_or_default() }
            fn message(&self) -> &str { self.message.as_deref().unwrap_or_default() }
            fn transition(&mut self) -> &mut Option<Time> { &mut self.last_transition_time }
        }
    )*};
}

implement!(
    DeploymentCondition,
    ReplicaSetCondition,
    ReplicationControllerCondition,
    JobCondition,
    NamespaceCondition
);

/// The condition of that type.
pub(crate) fn find<'a, C: Condition>(conditions: Option<&'a Vec<C>>, type_: &str) -> Option<&'a C> {
    conditions.into_iter().flatten().find(|condition| condition.type_() == type_)
}

/// Whether the condition of that type is `True`.
pub(crate) fn holds<C: Condition>(conditions: Option<&Vec<C>>, type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status() == "True")
}

/// Sets a condition. The time of its last transition moves only if its status does; nothing at all
/// happens if it says what it said before.
pub(crate) fn set<C: Condition>(conditions: &mut Option<Vec<C>>, mut condition: C) {
    let all = conditions.get_or_insert_default();
    let Some(known) = all.iter_mut().find(|known| known.type_() == condition.type_()) else {
        all.push(condition);
        return;
    };
    let same_status = known.status() == condition.status();
    if same_status && known.reason() == condition.reason() && known.message() == condition.message() {
        return;
    }
    if same_status {
        *condition.transition() = known.transition().take();
    }
    *known = condition;
}

/// Removes the condition of that type.
pub(crate) fn remove<C: Condition>(conditions: &mut Option<Vec<C>>, type_: &str) {
    if let Some(all) = conditions {
        all.retain(|condition| condition.type_() != type_);
    }
    if conditions.as_ref().is_some_and(Vec::is_empty) {
        *conditions = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_is_a_change_of_status() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let new = |status: &str, reason: &str, second| JobCondition::new("A", status, reason, "", at(second));
        let mut conditions = None;
        set(&mut conditions, new("True", "x", 1));
        set(&mut conditions, new("True", "y", 2));
        let known = find(conditions.as_ref(), "A").unwrap();
        assert_eq!((known.reason(), known.last_transition_time.clone()), ("y", Some(Time(at(1)))));
        set(&mut conditions, new("False", "y", 3));
        assert_eq!(find(conditions.as_ref(), "A").unwrap().last_transition_time, Some(Time(at(3))));
        assert!(!holds(conditions.as_ref(), "A"));
        remove(&mut conditions, "A");
        assert_eq!(conditions, None);
    }
}
