//! DELETE of one object: at once, after a grace period, or once the last finalizer is gone.
//!
//! The rules are upstream's. An object with finalizers is marked (`deletionTimestamp`) and goes with the update that
//! takes the last of them. `propagationPolicy` becomes a finalizer for the garbage collector. Kinds with a grace
//! period (pods) are marked and go when someone deletes them with grace zero; grace can only get shorter.

use super::body::{self, Expected};
use super::query::Query;
use super::table::IncludeObject;
use super::write::Write;
use super::{Body, Call, negotiate, render, reply};
use crate::admission::{self, Operation};
use crate::status::Status;
use crate::storage;
use crate::strategy;
use bytes::Bytes;
use http::{HeaderMap, Response};
use jiff::{SignedDuration, Timestamp};
use objects::meta;
use objects::registry::Kind;
use serde_json::{Value, json};
use store::{CommitError, Expect};

/// Finalizer that keeps an owner until the garbage collector has cut its dependents loose.
const ORPHAN: &str = "orphan";

/// Finalizer that keeps an owner until its dependents are gone.
const FOREGROUND: &str = "foregroundDeletion";

/// What to do with dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Propagation {
    Orphan,
    Background,
    Foreground,
}

/// `DeleteOptions`, from the body or the query.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    grace: Option<i64>,
    propagation: Option<Propagation>,
    uid: Option<String>,
    version: Option<String>,
    pub(crate) dry_run: bool,
}

/// What a deletion led to.
pub(crate) struct Deleted {
    /// The object's last or present state.
    pub(crate) object: Value,
    /// Whether it is gone.
    pub(crate) gone: bool,
}

/// Deletes the object of the path.
pub(crate) async fn delete(mut call: Call) -> Result<Response<Body>, Status> {
    let output = negotiate::output(&call.parts.headers)?;
    let kind = call.target.kind;
    if !kind.allows("delete") {
        return Err(Status::method_not_supported(kind, "delete"));
    }
    let bytes = body::read(std::mem::replace(&mut call.body, reply::full(""))).await?;
    let options = DeleteOptions::read(&call.query, &call.parts.headers, &bytes)?;
    let mut write = Write::of(&call)?;
    write.dry_run |= options.dry_run;
    let name = call.target.name()?;
    let deleted = remove(&write, name, &options).await?;
    if deleted.gone && !returns_object(kind) {
        let object = &deleted.object;
        let mut details = json!({"name": name, "kind": kind.plural, "uid": meta::uid(object)});
        if !kind.group.is_empty() {
            details["group"] = json!(kind.group);
        }
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": details});
        let bytes = render::encode(output.format, render::meta_type("Status")?, &status)?;
        return Ok(reply::bytes(200, output.format.media_type(), reply::full(bytes)));
    }
    let code = if !deleted.gone && options.propagation == Some(Propagation::Foreground) { 202 } else { 200 };
    let include = IncludeObject::parse(call.query.get("includeObject"));
    let bytes = render::value(kind, &deleted.object, output, include, true)?;
    Ok(reply::bytes(code, output.format.media_type(), reply::full(bytes)))
}

/// Kinds whose deletion answers with the object instead of a success status.
fn returns_object(kind: &Kind) -> bool {
    kind.group.is_empty()
        && matches!(
            kind.plural,
            "pods"
                | "podtemplates"
                | "persistentvolumes"
                | "persistentvolumeclaims"
                | "resourcequotas"
                | "serviceaccounts"
                | "services"
        )
}

/// Deletes one object, or begins to.
pub(crate) async fn remove(
    write: &Write<'_>,
    name: &str,
    options: &DeleteOptions,
) -> Result<Deleted, Status> {
    let (kind, state) = (write.kind, write.state);
    let strategy = strategy::of(kind);
    loop {
        let entry = state.entry(kind, write.namespace, name).ok_or_else(|| Status::not_found(kind, name))?;
        let old = storage::decode(kind, &entry)?;
        options.check_preconditions(kind, name, &old)?;
        let now = meta::now();
        let ctx = write.ctx(name, &now);
        admission::admit(&ctx, Operation::Delete, &mut old.clone(), None).await?;
        let Some((new, gone)) = decide(&ctx, strategy, &old, options) else {
            return Ok(Deleted { object: old, gone: false });
        };
        if write.dry_run || (!gone && new == old) {
            return Ok(Deleted { object: new, gone });
        }
        let expect = Expect::Revision(entry.mod_revision);
        let mut ops = Vec::new();
        if gone {
            ops.push(storage::remove(kind, write.namespace, name, &new, expect));
            ops.extend(strategy.release(&ctx, &old));
        } else {
            ops.push(storage::put(kind, write.namespace, name, &new, expect));
        }
        match state.store.commit(ops).await {
            Ok(revision) => {
                let mut object = new;
                meta::set(&mut object, "resourceVersion", &revision.to_string());
                return Ok(Deleted { object, gone });
            }
            Err(CommitError::Conflict { .. }) => {}
            Err(CommitError::Failed(failure)) => return Err(storage::failed(&failure)),
        }
    }
}

/// The object's next state and whether it is its last; `None` when a deletion under way takes care of it.
fn decide(
    ctx: &strategy::Ctx<'_>,
    strategy: &dyn strategy::Strategy,
    old: &Value,
    options: &DeleteOptions,
) -> Option<(Value, bool)> {
    let mut new = old.clone();
    let mut waits = false;
    if let Some(grace) = strategy.grace_period(ctx, old, options.grace) {
        let under_way = old["metadata"].get("deletionGracePeriodSeconds").and_then(Value::as_i64);
        match (meta::deletion_timestamp(old), under_way) {
            (Some(_), None) => return None,
            (Some(_), Some(before)) if options.grace.is_none_or(|asked| asked.max(0) >= before) => {
                // Only a deletion without any delay left may go on to its end.
                if before != 0 || options.grace.is_none_or(|asked| asked > 0) || meta::has_finalizers(old) {
                    return None;
                }
            }
            (Some(stamp), Some(before)) => {
                let grace = grace.max(0);
                mark(&mut new, shifted(stamp, grace - before), grace);
                waits = grace > 0;
            }
            (None, _) => {
                let grace = grace.max(0);
                mark(&mut new, shifted(&ctx.now, grace), grace);
                if let Some(generation) = old["metadata"].get("generation").and_then(Value::as_i64) {
                    new["metadata"]["generation"] = json!(generation + 1);
                }
                strategy.mark_deleted(&mut new);
                waits = grace > 0;
            }
        }
    }
    options.set_finalizers(&mut new);
    let held = meta::has_finalizers(&new) || strategy.held(&new);
    if held && meta::deletion_timestamp(&new).is_none() {
        mark(&mut new, ctx.now.clone(), 0);
        if let Some(generation) = old["metadata"].get("generation").and_then(Value::as_i64) {
            new["metadata"]["generation"] = json!(generation + 1);
        }
        strategy.mark_deleted(&mut new);
    }
    Some((new, !waits && !held))
}

fn mark(object: &mut Value, timestamp: String, grace: i64) {
    let metadata = meta::metadata_mut(object);
    metadata.insert("deletionTimestamp".into(), json!(timestamp));
    metadata.insert("deletionGracePeriodSeconds".into(), json!(grace));
}

/// A timestamp so many seconds later.
fn shifted(timestamp: &str, seconds: i64) -> String {
    let parsed: Result<Timestamp, _> = timestamp.parse();
    let moved = parsed.ok().and_then(|at| at.checked_add(SignedDuration::from_secs(seconds)).ok());
    moved.map_or_else(|| timestamp.to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

// === impl DeleteOptions ===

impl DeleteOptions {
    /// Reads the options; what the body says comes before the query.
    pub(crate) fn read(query: &Query, headers: &HeaderMap, bytes: &Bytes) -> Result<Self, Status> {
        let mut options = Self {
            grace: query.number("gracePeriodSeconds"),
            propagation: query.get("propagationPolicy").map(Propagation::parse).transpose()?,
            dry_run: query.dry_run()?,
            ..Self::default()
        };
        if let Some(orphan) = query.flag("orphanDependents") {
            options.propagation = Some(if orphan { Propagation::Orphan } else { Propagation::Background });
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(options);
        }
        let expected = Expected {
            group: "",
            version: "v1",
            kind: "DeleteOptions",
            schema: render::meta_type("DeleteOptions")?,
        };
        let decoded = body::decode_options(expected, body::media_type(headers), bytes)?;
        let number = |field: &str| decoded.get(field).and_then(Value::as_i64);
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        options.grace = number("gracePeriodSeconds").or(options.grace);
        if let Some(policy) = decoded.get("propagationPolicy").and_then(Value::as_str) {
            options.propagation = Some(Propagation::parse(policy)?);
        } else if let Some(orphan) = decoded.get("orphanDependents").and_then(Value::as_bool) {
            options.propagation = Some(if orphan { Propagation::Orphan } else { Propagation::Background });
        }
        options.uid = text(&decoded["preconditions"]["uid"]);
        options.version = text(&decoded["preconditions"]["resourceVersion"]);
        options.dry_run |= decoded["dryRun"].as_array().is_some_and(|stages| stages.contains(&json!("All")));
        Ok(options)
    }

    fn check_preconditions(&self, kind: &Kind, name: &str, object: &Value) -> Result<(), Status> {
        let checks = [
            ("UID", &self.uid, meta::uid(object)),
            ("ResourceVersion", &self.version, meta::resource_version(object)),
        ];
        for (title, wanted, found) in checks {
            if let Some(wanted) = wanted
                && wanted != found
            {
                let detail = format!(
                    "Precondition failed: {title} in precondition: {wanted}, {title} in object meta: {found}"
                );
                return Err(Status::conflict(kind, name, &detail));
            }
        }
        Ok(())
    }

    /// Sets the garbage collector's finalizers as the propagation asks for; without a wish they stay as they are.
    fn set_finalizers(&self, object: &mut Value) {
        let Some(propagation) = self.propagation else { return };
        let mut finalizers: Vec<Value> = meta::finalizers(object)
            .filter(|one| *one != ORPHAN && *one != FOREGROUND)
            .map(|one| json!(one))
            .collect();
        match propagation {
            Propagation::Orphan => finalizers.push(json!(ORPHAN)),
            Propagation::Foreground => finalizers.push(json!(FOREGROUND)),
            Propagation::Background => {}
        }
        let metadata = meta::metadata_mut(object);
        if finalizers.is_empty() {
            metadata.remove("finalizers");
        } else {
            metadata.insert("finalizers".into(), Value::Array(finalizers));
        }
    }

    /// The same options for an object of a collection, where preconditions make no sense.
    pub(crate) fn for_collection(mut self) -> Self {
        self.uid = None;
        self.version = None;
        self
    }
}

// === impl Propagation ===

impl Propagation {
    fn parse(text: &str) -> Result<Self, Status> {
        match text {
            "Orphan" => Ok(Self::Orphan),
            "Background" => Ok(Self::Background),
            "Foreground" => Ok(Self::Foreground),
            other => Err(Status::new(
                422,
                "Invalid",
                format!(
                    "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {other:?}: \
                     supported values: \"Background\", \"Foreground\", \"Orphan\", \"nil\""
                ),
            )),
        }
    }
}
