//! Server-side apply: who owns which field (`metadata.managedFields`), and what follows from it.
//!
//! The rules are those of structured merge: an applier owns what its configuration names; a field that it names no
//! longer goes away if no one else owns it; a field that another owns with another value is a conflict, unless
//! forced; every other write owns what it changed. Objects must be in canonical form (see [`crate::codec`]).
//!
//! Not here: the migration from `kubectl`'s last-applied annotation, and conversion between API versions: fields
//! are compared in the version in which they were recorded.

mod check;
mod managers;
mod set;
mod walk;

use serde_json::{Map, Value};
use thiserror::Error;

use self::managers::Manager;
use self::set::PathSet;
use self::walk::{Comparison, Type};
use crate::codec::typed;
use crate::meta;
use crate::registry;
use crate::schema::{Shape, TypeRef};
use crate::validate;

/// The manager of what was there before anything was tracked.
const BEFORE_FIRST: &str = "before-first-apply";

/// Who writes, through which path and when.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// Name of the field manager.
    pub manager: &'a str,
    /// Subresource written through; empty for the object itself.
    pub subresource: &'a str,
    /// Time of the write in the form of `metav1.Time`.
    pub now: &'a str,
}

/// Why an apply was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// Other managers own fields with other values (HTTP 409).
    #[error("{}", message(.0))]
    Conflicts(Vec<Conflict>),
    /// The applied configuration is malformed (HTTP 400).
    #[error("{0}")]
    Malformed(String),
}

/// One field that another manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The owner as messages name it: `"kubectl" with subresource "status" using apps/v1`; appliers without version.
    pub manager: String,
    /// Path of the field, such as `.spec.replicas`.
    pub field: String,
}

impl Conflict {
    /// The message of the status cause.
    pub fn message(&self) -> String {
        format!("conflict with {}", self.manager)
    }
}

/// `Apply failed with 1 conflict: conflict with "a": .data.key`, or a list grouped by manager.
fn message(conflicts: &[Conflict]) -> String {
    if let [only] = conflicts {
        return format!("Apply failed with 1 conflict: {}: {}", only.message(), only.field);
    }
    let mut lines = Vec::new();
    let mut last = None;
    for conflict in conflicts {
        if last != Some(&conflict.manager) {
            lines.push(format!("conflicts with {}:", conflict.manager));
            last = Some(&conflict.manager);
        }
        lines.push(format!("- {}", conflict.field));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

/// Applies `applied` onto `live` (`None`: the object does not exist yet) and returns the new object with its
/// `metadata.managedFields`, in canonical form. With `force`, conflicting fields change their owner.
/// A result equal to `live` means that nothing changed.
pub fn apply(
    schema: TypeRef,
    live: Option<&Value>,
    applied: &Value,
    writer: Writer<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    if applied.pointer("/metadata/managedFields").is_some_and(|value| !value.is_null()) {
        return Err(ApplyError::Malformed("metadata.managedFields must be nil".to_owned()));
    }
    let problems = check::problems(Shape::Struct(schema), applied);
    if !problems.is_empty() {
        let (group, version) = registry::split_api_version(meta::api_version(applied));
        let version = registry::api_version(group, version);
        return Err(ApplyError::Malformed(format!(
            "failed to create typed patch object ({}/{}; {version}, Kind={}): {}",
            meta::namespace(applied),
            meta::name(applied),
            meta::kind(applied),
            check::joined(&problems)
        )));
    }
    let of = Type::new(Shape::Struct(schema));
    let mut managers = live.and_then(managers::read).unwrap_or_default();
    let mut base = live.cloned().unwrap_or_else(|| empty(schema, applied));
    managers::strip(&mut base);
    if managers.is_empty() && live.is_some() {
        let before = Writer { manager: BEFORE_FIRST, ..writer };
        managers = track(schema, &empty(schema, applied), &base, before, managers);
    }

    let mut set = walk::fields(of, applied);
    set.remove_fields(set::foreign_fields(schema, writer.subresource));
    let mut own = Manager::new(writer, true, meta::api_version(applied));
    let previous = managers.iter().position(|one| one.is(&own)).map(|at| managers.remove(at));
    own.time = previous.as_ref().and_then(|previous| previous.time.clone());

    let merged = walk::merge(of, Some(&base), Some(applied)).unwrap_or_default();
    let mut new = merged;
    if let Some(previous) = previous.map(|previous| previous.set()).filter(|previous| !previous.is_empty()) {
        let mut owned = set.clone();
        for manager in &managers {
            owned.union(manager.set());
        }
        new = prune(of, Shape::Struct(schema), &new, &previous, &owned);
    }
    settle(schema, &base, &new, &mut managers, writer.subresource, force)?;

    let changed = live.is_none() || !walk::same(of, &new, &base);
    let mut result =
        validate::conform(schema, new).map_err(|error| ApplyError::Malformed(error.to_string()))?.value;
    set.remove_server_fields();
    own.fields = set.into_fields();
    if changed {
        own.time = Some(writer.now.to_owned());
    }
    managers.push(own);
    managers::write(&mut result, managers);
    Ok(match live {
        Some(live) if managers::same_but_times(live, &result) => live.clone(),
        _ => result,
    })
}

/// Records a create, update or patch by `writer`: `new` (complete, defaulted) gets the `metadata.managedFields`
/// that follow from its difference to `old`. Cannot fail: unreadable managed fields are started afresh.
pub fn track_update(schema: TypeRef, old: Option<&Value>, new: &mut Value, writer: Writer<'_>) {
    let recorded = managers::for_update(old, new, writer.subresource);
    let managers = match old {
        Some(old) => track(schema, old, new, writer, recorded),
        None => track(schema, &empty(schema, new), new, writer, recorded),
    };
    managers::write(new, managers);
    if let Some(old) = old
        && managers::same_but_times(old, new)
    {
        new.clone_from(old);
    }
}

/// The managers after an update of `base` to `new`. `new` is without its record; that of `base` is no one's field.
fn track(
    schema: TypeRef,
    base: &Value,
    new: &Value,
    writer: Writer<'_>,
    mut managers: Vec<Manager>,
) -> Vec<Manager> {
    let comparison = compare(schema, base, new, writer.subresource);
    release(&mut managers, &comparison);
    let mut set = comparison.added;
    set.union(comparison.modified);
    set.remove_server_fields();
    if !set.is_empty() {
        let mut own = Manager::new(writer, false, meta::api_version(new));
        let at = managers.iter().position(|one| one.is(&own));
        match at.map(|at| managers.remove(at)) {
            Some(previous) => {
                own.fields = previous.fields;
                own.own(set);
            }
            None => own.fields = set.into_fields(),
        }
        own.time = Some(writer.now.to_owned());
        managers.push(own);
    }
    managers::cap(&mut managers);
    managers
}

/// What a create starts from: an object of the type with nothing in it but what Go prints always.
fn empty(schema: TypeRef, like: &Value) -> Value {
    let mut map = Map::new();
    typed::fill(schema, &mut map);
    let mut object = Value::Object(map);
    meta::set_type(&mut object, meta::api_version(like), meta::kind(like));
    object
}

fn compare(schema: TypeRef, base: &Value, new: &Value, subresource: &str) -> Comparison {
    let mut comparison = Comparison::of(Type::new(Shape::Struct(schema)), base, new);
    let foreign = set::foreign_fields(schema, subresource);
    for set in [&mut comparison.added, &mut comparison.modified, &mut comparison.removed] {
        set.remove_fields(foreign);
    }
    comparison
}

/// Takes from other managers what changed or went away.
fn release(managers: &mut Vec<Manager>, comparison: &Comparison) {
    for manager in managers.iter_mut() {
        for set in [&comparison.modified, &comparison.added, &comparison.removed] {
            manager.lose(set);
        }
    }
    managers.retain(|manager| !manager.fields.is_empty());
}

/// Checks an applied object for conflicts with other managers and takes from them what it changes.
fn settle(
    schema: TypeRef,
    base: &Value,
    new: &Value,
    managers: &mut Vec<Manager>,
    subresource: &str,
    force: bool,
) -> Result<(), ApplyError> {
    let comparison = compare(schema, base, new, subresource);
    if !force {
        let mut changed = comparison.modified.clone();
        changed.union(comparison.added.clone());
        let mut conflicts: Vec<Conflict> = Vec::new();
        for manager in managers.iter() {
            let paths = manager.set().intersection(&changed).paths();
            conflicts.extend(paths.into_iter().map(|field| Conflict { manager: manager.printed(), field }));
        }
        if !conflicts.is_empty() {
            conflicts.sort_by(|left, right| left.manager.cmp(&right.manager));
            return Err(ApplyError::Conflicts(conflicts));
        }
    }
    release(managers, &comparison);
    Ok(())
}

/// Removes what the last configuration of the applier named, unless anyone (the new one included) owns it.
fn prune(of: Type, shape: Shape, merged: &Value, last: &PathSet, owned: &PathSet) -> Value {
    let fields = |value: &Value| walk::fields(of, value).with_named_fields(shape);
    let last = last.with_named_fields(shape);
    let all = fields(merged);

    let mut kept = fields(&walk::remove(of, merged, &last));
    kept.union(owned.with_named_fields(shape));
    let pruned = walk::remove(of, merged, &all.difference(&kept));
    // What no one owns but lies inside a removed element's parent stays, unless it was the applier's.
    walk::remove(of, merged, &all.difference(&fields(&pruned)).intersection(&last))
}
