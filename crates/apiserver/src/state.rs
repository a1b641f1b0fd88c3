//! What all handlers share: options, store, authorization state; and reads and read-modify-writes of objects for
//! strategies and admission, outside any HTTP request.

use crate::auth::AuthState;
use crate::kubelets::Kubelets;
use crate::options::Options;
use crate::rest::Encoded;
use crate::status::Status;
use crate::storage;
use objects::registry::Kind;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{CommitError, Entry, Expect, LeaseId, Op, Store};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Events live at least so long after their last change, as upstream.
const EVENT_LIFETIME: Duration = Duration::from_secs(3600);

/// Events of so long share one lease: they go together, a little later than each alone would.
const EVENT_LEASE_SHARED: Duration = Duration::from_secs(300);

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A key or certificate in the options cannot be used.
    #[error("{what} cannot be used: {source}; give it as PEM")]
    Key {
        /// Which one.
        what: &'static str,
        /// What the parser said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An object that must be there from the start could not be written.
    #[error("the bootstrap object {object} cannot be written: {message}")]
    Bootstrap {
        /// Kind and name.
        object: String,
        /// What the API answered.
        message: String,
    },
}

/// Shared by all handlers.
pub(crate) struct State {
    /// What the server was started with.
    pub(crate) options: Options,
    /// All objects.
    pub(crate) store: Store,
    /// Labels and fields of stored objects, for selectors.
    pub(crate) index: storage::Index,
    /// Encodings of objects that watchers share.
    pub(crate) encoded: Encoded,
    /// Authentication and authorization.
    pub(crate) auth: AuthState,
    /// The lease that new events get, and since when.
    pub(crate) event_lease: Mutex<Option<(LeaseId, Instant)>>,
    /// The way to kubelets, if there is one.
    pub(crate) kubelets: Option<Kubelets>,
    /// Cancelled when the whole server ends: watches and other long requests then end.
    pub(crate) shutdown: CancellationToken,
}

// === impl State ===

impl State {
    /// The stored entry of an object.
    pub(crate) fn entry(&self, kind: &Kind, namespace: Option<&str>, name: &str) -> Option<Arc<Entry>> {
        self.store.get(&storage::key(kind, namespace, name))
    }

    /// An object as of now, in the version of `kind`.
    pub(crate) fn read(&self, kind: &'static Kind, namespace: Option<&str>, name: &str) -> Option<Value> {
        let entry = self.entry(kind, namespace, name)?;
        storage::decode(kind, &entry).ok()
    }

    /// All objects of a kind as of now, in one namespace or all.
    pub(crate) fn read_all(&self, kind: &'static Kind, namespace: Option<&str>) -> Vec<Value> {
        let Ok(range) = self.store.range(&storage::prefix(kind, namespace), None, 0, None) else {
            return Vec::new();
        };
        range.entries.iter().filter_map(|entry| storage::decode(kind, entry).ok()).collect()
    }

    /// The lease that ends an object of that kind, for the kinds whose objects do not live for ever (events).
    pub(crate) async fn lease_for(&self, kind: &Kind) -> Result<Option<LeaseId>, Status> {
        if kind.plural != "events" {
            return Ok(None);
        }
        let mut lease = self.event_lease.lock().await;
        if let Some((id, since)) = *lease
            && since.elapsed() < EVENT_LEASE_SHARED
        {
            return Ok(Some(id));
        }
        let granted = self.store.lease_grant(None, EVENT_LIFETIME + EVENT_LEASE_SHARED).await;
        let id = granted.map_err(|error| Status::internal(format!("no lease for events: {error}")))?;
        *lease = Some((id, Instant::now()));
        Ok(Some(id))
    }

    /// Reads an object, lets `change` alter it and writes it back, again and again until no other write came in
    /// between. No defaults, validation or admission: `change` is server code that keeps the kind's rules.
    /// Without a difference nothing is written. `also` are operations for the same commit.
    pub(crate) async fn modify(
        &self,
        kind: &'static Kind,
        namespace: Option<&str>,
        name: &str,
        dry_run: bool,
        change: impl Fn(&mut Value) -> Result<Vec<Op>, Status> + Send + Sync,
    ) -> Result<Value, Status> {
        loop {
            let entry = self.entry(kind, namespace, name).ok_or_else(|| Status::not_found(kind, name))?;
            let old = storage::decode(kind, &entry)?;
            let mut new = old.clone();
            let mut ops = change(&mut new)?;
            if dry_run || (new == old && ops.is_empty()) {
                return Ok(new);
            }
            if new != old {
                ops.push(storage::put(kind, namespace, name, &new, Expect::Revision(entry.mod_revision)));
            }
            match self.store.commit(ops).await {
                Ok(revision) => {
                    objects::meta::set(&mut new, "resourceVersion", &revision.to_string());
                    return Ok(new);
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Failed(failure)) => return Err(storage::failed(&failure)),
            }
        }
    }
}
