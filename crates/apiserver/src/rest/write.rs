//! The one path of all writes of objects: checks, managed fields, admission, validation, allocation, one commit.
//!
//! A write is an attempt that is repeated while other writes come in between, unless the client named the revision
//! it builds on. A write that changes nothing is not written. Nothing is stored in a dry run.

use crate::admission::{self, Operation};
use crate::auth::{self, Attributes, Decision, UserInfo};
use crate::rest::{Call, identity};
use crate::state::State;
use crate::status::Status;
use crate::storage;
use crate::strategy::{self, Ctx, Strategy};
use bytes::Bytes;
use objects::meta;
use objects::patch::apply::{self, Writer};
use objects::registry::Kind;
use objects::validate::{self, FieldError};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{CommitError, Entry, Expect, Op};

/// A write without a revision is tried so often before the conflict goes to the client.
const ATTEMPTS: usize = 100;

/// Attempts at a free name for `generateName`, as upstream.
const NAME_ATTEMPTS: usize = 8;

/// A write under way: where, by whom and how.
pub(crate) struct Write<'a> {
    pub(crate) state: &'a State,
    pub(crate) user: &'a UserInfo,
    pub(crate) kind: &'static Kind,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) subresource: Option<&'static str>,
    pub(crate) dry_run: bool,
    /// Field manager of this write.
    pub(crate) manager: String,
    pub(crate) warnings: Vec<String>,
}

/// What a write led to.
pub(crate) struct Written {
    /// The object in the version of the request.
    pub(crate) object: Value,
    /// Whether it is new.
    pub(crate) created: bool,
    /// The bytes that now lie in the store, if anything was written.
    pub(crate) stored: Option<Bytes>,
}

/// Makes the new object from the old one.
type Updating<'a> = &'a (dyn Fn(&Value) -> Result<Value, Status> + Send + Sync);

/// Makes the new object from the old one, if there is any, at the time given.
type Applying<'a> = &'a (dyn Fn(Option<&Value>, &str) -> Result<Value, Status> + Send + Sync);

/// How an update comes to the new object.
pub(crate) enum Change<'a> {
    /// From the old one, with managed fields still to be tracked.
    Update(Updating<'a>),
    /// From the old one if there is any, with managed fields settled.
    Apply(Applying<'a>),
}

// === impl Write ===

impl<'a> Write<'a> {
    /// The write that a request asks for.
    pub(crate) fn of(call: &'a Call) -> Result<Self, Status> {
        Ok(Self {
            state: &call.state,
            user: &call.user,
            kind: call.target.kind,
            namespace: call.target.namespace.as_deref(),
            subresource: call.target.subresource.map(|subresource| subresource.name),
            dry_run: call.query.dry_run()?,
            manager: manager(call),
            warnings: Vec::new(),
        })
    }

    fn strategy(&self) -> &'static dyn Strategy {
        strategy::of(self.kind)
    }

    pub(crate) fn ctx<'b>(&'b self, name: &'b str, now: &str) -> Ctx<'b> {
        Ctx {
            server: self.state,
            user: self.user,
            kind: self.kind,
            namespace: self.namespace,
            name,
            subresource: self.subresource,
            dry_run: self.dry_run,
            now: now.to_owned(),
        }
    }

    fn writer<'b>(&'b self, now: &'b str) -> Writer<'b> {
        Writer { manager: &self.manager, subresource: self.subresource.unwrap_or_default(), now }
    }

    /// Stores a new object; picks a name where only `generateName` is given.
    pub(crate) async fn create(&mut self, object: Value) -> Result<Written, Status> {
        self.create_tracked(object, true).await
    }

    async fn create_tracked(&mut self, mut object: Value, track: bool) -> Result<Written, Status> {
        self.place(&mut object)?;
        if !meta::resource_version(&object).is_empty() {
            return Err(Status::bad_request("resourceVersion should not be set on objects to be created"));
        }
        let base = meta::generate_name(&object).to_owned();
        if !meta::name(&object).is_empty() || base.is_empty() {
            let name = meta::name(&object).to_owned();
            return self.create_named(object, &name, track).await;
        }
        for attempt in 1.. {
            let name = meta::generated_name(&base, random_u64()?);
            meta::set(&mut object, "name", &name);
            match self.create_named(object.clone(), &name, track).await {
                Err(status) if status.reason == "AlreadyExists" && attempt < NAME_ATTEMPTS => {}
                Err(status) if status.reason == "AlreadyExists" => {
                    return Err(Status::generate_name_conflict(self.kind, &name));
                }
                done => return done,
            }
        }
        unreachable!("the loop ends by returning")
    }

    async fn create_named(&mut self, mut object: Value, name: &str, track: bool) -> Result<Written, Status> {
        let now = meta::now();
        let strategy = self.strategy();
        let metadata = meta::metadata_mut(&mut object);
        for field in ["selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"] {
            metadata.remove(field);
        }
        metadata.insert("creationTimestamp".into(), json!(now));
        metadata.insert("uid".into(), json!(uuid()?));
        if track {
            metadata.remove("managedFields");
        }
        if self.kind.subresource("status").is_some()
            && !strategy.takes_status_on_create()
            && let Some(map) = object.as_object_mut()
        {
            map.remove("status");
        }
        self.default(&mut object);
        if track {
            apply::track_update(self.kind.schema, None, &mut object, self.writer(&now));
        }
        let ctx = self.ctx(name, &now);
        admission::admit(&ctx, Operation::Create, &mut object, None).await?;
        self.default(&mut object);
        strategy.prepare_create(&ctx, &mut object);
        let mut errors = validate::object_meta(&object, self.kind.namespaced, strategy.check_name());
        errors.extend(strategy.validate_create(&ctx, &object));
        self.refuse(name, &errors)?;
        let mut warnings = strategy.warnings(&ctx, &object, None);
        warnings.extend(admission::warnings(&ctx, &object, None));
        let result = self.commit_new(&ctx, name, &mut object).await;
        drop(ctx);
        self.warnings.append(&mut warnings);
        let stored = result?;
        Ok(Written { object, created: true, stored })
    }

    async fn commit_new(
        &self,
        ctx: &Ctx<'_>,
        name: &str,
        object: &mut Value,
    ) -> Result<Option<Bytes>, Status> {
        if self.dry_run {
            return match self.state.entry(self.kind, self.namespace, name) {
                Some(_) => Err(Status::already_exists(self.kind, name)),
                None => {
                    admission::charge(ctx, Operation::Create, object, None)?;
                    self.strategy().allocate(ctx, object, None).await.map(|_| None)
                }
            };
        }
        let unallocated = object.clone();
        loop {
            let mut ops = self.strategy().allocate(ctx, object, None).await?;
            ops.extend(admission::charge(ctx, Operation::Create, object, None)?);
            let key = storage::key(self.kind, self.namespace, name);
            let payload = storage::stamped(self.kind, object);
            let lease = self.state.lease_for(self.kind).await?;
            ops.insert(
                0,
                Op::Put { key: key.clone(), payload: payload.clone(), expect: Expect::Absent, lease },
            );
            match self.state.store.commit(ops).await {
                Ok(revision) => {
                    meta::set(object, "resourceVersion", &revision.to_string());
                    return Ok(Some(storage::at_revision(&payload, revision)));
                }
                Err(CommitError::Conflict { key: at, .. }) if at == key => {
                    return Err(Status::already_exists(self.kind, name));
                }
                // Another object took what was allocated, or was charged to the same quota.
                Err(CommitError::Conflict { .. }) => object.clone_from(&unallocated),
                Err(CommitError::Failed(failure)) => return Err(storage::failed(&failure)),
            }
        }
    }

    /// Changes an object, again and again while other writes come in between. An object with a resourceVersion is
    /// written on top of that revision or not at all.
    pub(crate) async fn update(&mut self, name: &str, change: Change<'_>) -> Result<Written, Status> {
        for _ in 0..ATTEMPTS {
            let Some(entry) = self.state.entry(self.kind, self.namespace, name) else {
                let Change::Apply(apply) = change else { return Err(Status::not_found(self.kind, name)) };
                if self.subresource.is_some() {
                    return Err(Status::not_found(self.kind, name));
                }
                self.may_create(name)?;
                let object = apply(None, &meta::now())?;
                match self.create_tracked(object, false).await {
                    Err(status) if status.reason == "AlreadyExists" => continue,
                    done => return done,
                }
            };
            match self.attempt(name, &entry, &change).await {
                Ok(Some(written)) => return Ok(written),
                Ok(None) => {}
                Err(status) => return Err(status),
            }
        }
        Err(Status::modified(self.kind, name))
    }

    /// One attempt at an update; `None` when another write came in between.
    async fn attempt(
        &mut self,
        name: &str,
        entry: &Arc<Entry>,
        change: &Change<'_>,
    ) -> Result<Option<Written>, Status> {
        let now = meta::now();
        let strategy = self.strategy();
        let old = storage::decode(self.kind, entry)?;
        let mut new = match change {
            Change::Update(change) => change(&old)?,
            Change::Apply(apply) => apply(Some(&old), &now)?,
        };
        self.check_version(name, &new, &old)?;
        self.place(&mut new)?;
        if meta::name(&new) != name {
            return Err(Status::bad_request(format!(
                "the name of the object ({}) does not match the name on the URL ({name})",
                meta::name(&new)
            )));
        }
        carry_over(&mut new, &old);
        self.default(&mut new);
        let ctx = self.ctx(name, &now);
        strategy.prepare_update(&ctx, &mut new, &old);
        if let Change::Update(_) = change {
            apply::track_update(self.kind.schema, Some(&old), &mut new, self.writer(&now));
        }
        admission::admit(&ctx, Operation::Update, &mut new, Some(&old)).await?;
        self.default(&mut new);
        strategy.prepare_update(&ctx, &mut new, &old);
        let mut errors = validate::object_meta(&new, self.kind.namespaced, |_| Vec::new());
        errors.extend(immutable(&new, &old));
        errors.extend(strategy.validate_update(&ctx, &new, &old));
        self.refuse(name, &errors)?;
        let mut warnings = strategy.warnings(&ctx, &new, Some(&old));
        warnings.extend(admission::warnings(&ctx, &new, Some(&old)));
        let mut ops = strategy.allocate(&ctx, &mut new, Some(&old)).await?;
        ops.extend(admission::charge(&ctx, Operation::Update, &new, Some(&old))?);
        drop(ctx);
        self.warnings.append(&mut warnings);
        let removed = self.ends_deletion(&new, &old);
        if self.dry_run || (new == old && ops.is_empty()) {
            return Ok(Some(Written { object: new, created: false, stored: None }));
        }
        let expect = Expect::Revision(entry.mod_revision);
        let payload = storage::stamped(self.kind, &new);
        let key = entry.key.to_string();
        let mut all = vec![if removed {
            Op::Delete { key, expect, last: Some(payload.clone()) }
        } else {
            let lease = self.state.lease_for(self.kind).await?;
            Op::Put { key, payload: payload.clone(), expect, lease }
        }];
        if removed {
            let ctx = self.ctx(name, &now);
            all.extend(strategy.release(&ctx, &old));
        } else {
            all.extend(ops);
        }
        match self.state.store.commit(all).await {
            Ok(revision) => {
                meta::set(&mut new, "resourceVersion", &revision.to_string());
                let stored = Some(storage::at_revision(&payload, revision));
                Ok(Some(Written { object: new, created: false, stored }))
            }
            Err(CommitError::Conflict { .. }) => Ok(None),
            Err(CommitError::Failed(failure)) => Err(storage::failed(&failure)),
        }
    }

    /// Whether the last thing that held a deleted object is gone with this update.
    fn ends_deletion(&self, new: &Value, old: &Value) -> bool {
        let grace = new["metadata"].get("deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
        let held_before = meta::has_finalizers(old) || self.strategy().held(old);
        meta::deletion_timestamp(new).is_some()
            && grace == 0
            && held_before
            && !meta::has_finalizers(new)
            && !self.strategy().held(new)
    }

    /// Compares the revision and UID that the client named with the present ones.
    fn check_version(&self, name: &str, new: &Value, old: &Value) -> Result<(), Status> {
        let (sent, current) = (meta::resource_version(new), meta::resource_version(old));
        let named = !sent.is_empty() && sent != "0";
        if named && sent != current {
            return Err(Status::modified(self.kind, name));
        }
        if !named && self.strategy().needs_version_on_update() {
            let error = FieldError::invalid("metadata.resourceVersion", 0, "must be specified for an update");
            return Err(Status::invalid(self.kind, name, &[error]));
        }
        let uid = meta::uid(new);
        if !uid.is_empty() && uid != meta::uid(old) {
            let detail = format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                meta::uid(old)
            );
            return Err(Status::conflict(self.kind, name, &detail));
        }
        Ok(())
    }

    /// Puts the object into the namespace of the request.
    fn place(&self, object: &mut Value) -> Result<(), Status> {
        let wanted = if self.kind.namespaced { self.namespace.unwrap_or_default() } else { "" };
        let given = meta::namespace(object);
        if !given.is_empty() && given != wanted && self.kind.namespaced {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        meta::set(object, "namespace", wanted);
        Ok(())
    }

    /// Whether the user, who may change objects, may also make this one, which an apply or a PUT found missing.
    pub(crate) fn may_create(&self, name: &str) -> Result<(), Status> {
        let attributes = Attributes {
            verb: "create",
            group: self.kind.group,
            resource: self.kind.plural,
            namespace: self.namespace.unwrap_or_default(),
            name,
            ..Attributes::default()
        };
        match auth::authorize(&self.state.auth, self.user, &attributes) {
            Decision::Allow => Ok(()),
            Decision::Deny(why) => {
                Err(Status::forbidden(self.kind, name, &identity::refusal(self.user, &attributes, &why)))
            }
        }
    }

    fn default(&self, object: &mut Value) {
        objects::defaults::apply(self.kind.schema, object);
        self.strategy().default_spec(object);
    }

    fn refuse(&self, name: &str, errors: &[FieldError]) -> Result<(), Status> {
        if errors.is_empty() { Ok(()) } else { Err(Status::invalid(self.kind, name, errors)) }
    }
}

/// Takes over from the old object what clients may leave out but not change.
fn carry_over(new: &mut Value, old: &Value) {
    let was = &old["metadata"];
    let metadata = meta::metadata_mut(new);
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let missing = metadata.get(field).is_none_or(|value| value.is_null() || value == "");
        if missing && let Some(value) = was.get(field) {
            metadata.insert(field.into(), value.clone());
        }
    }
    match was.get("generation") {
        Some(generation) => metadata.insert("generation".into(), generation.clone()),
        None => metadata.remove("generation"),
    };
    if let Some(version) = was.get("resourceVersion") {
        metadata.insert("resourceVersion".into(), version.clone());
    }
    metadata.remove("selfLink");
}

/// Faults of changes to metadata that never changes.
fn immutable(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let (is, was) = (new["metadata"].get(field), old["metadata"].get(field));
        if is != was {
            let path = format!("metadata.{field}");
            errors.push(FieldError::invalid(path, is.cloned().unwrap_or(Value::Null), "field is immutable"));
        }
    }
    if meta::deletion_timestamp(old).is_some() {
        let added: Vec<&str> =
            meta::finalizers(new).filter(|one| !meta::finalizers(old).any(|f| f == *one)).collect();
        if !added.is_empty() {
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers {added:?}"
            );
            errors.push(FieldError::forbidden("metadata.finalizers", detail));
        }
    }
    errors
}

/// The field manager: named by the client, else the program in its `User-Agent`.
fn manager(call: &Call) -> String {
    if let Some(manager) = call.query.get("fieldManager").filter(|name| !name.is_empty()) {
        return manager.to_owned();
    }
    let agent = call.parts.headers.get(http::header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let program = agent.and_then(|agent| agent.split('/').next()).filter(|program| !program.is_empty());
    // Within the process there is no agent, but the user names the part.
    program
        .unwrap_or_else(|| call.user.name.rsplit(':').next().unwrap_or("unknown"))
        .chars()
        .take(128)
        .collect()
}

fn random<const N: usize>() -> Result<[u8; N], Status> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Status::internal("the system gives no random numbers"))?;
    Ok(bytes)
}

fn random_u64() -> Result<u64, Status> {
    Ok(u64::from_le_bytes(random()?))
}

/// A random UUID (version 4).
pub(crate) fn uuid() -> Result<String, Status> {
    let mut bytes: [u8; 16] = random()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}
