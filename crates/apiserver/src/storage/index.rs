//! Labels and selectable fields of stored objects, kept beside the store so that selectors need not parse objects
//! again and again.
//!
//! Filled on first use, bounded in number. Facts belong to one revision of one key, so they are never out of date.

use crate::strategy;
use objects::registry::Kind;
use objects::selector::{FieldSelector, LabelSelector};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use store::Entry;

/// What selectors look at in one revision of an object.
#[derive(Debug)]
pub(crate) struct Facts {
    labels: Option<Value>,
    fields: Value,
}

/// The facts of objects that selectors met lately.
pub(crate) struct Index {
    shards: [Mutex<Shard>; 16],
    hasher: RandomState,
}

/// Two generations: when the young one is full it becomes the old one and the old one goes.
#[derive(Default)]
struct Shard {
    young: HashMap<(u64, Arc<str>), Arc<Facts>>,
    old: HashMap<(u64, Arc<str>), Arc<Facts>>,
}

/// Facts in one generation of one shard; times 32 for all.
const GENERATION: usize = 2048;

// === impl Facts ===

/// The labels alone, so that parsing skips the rest.
#[derive(Deserialize)]
struct Labelled {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    labels: Option<Value>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
}

impl Facts {
    /// Reads the facts out of an object's JSON.
    pub(crate) fn read(kind: &'static Kind, bytes: &[u8]) -> Self {
        let selectable = strategy::of(kind).selectable_fields();
        if selectable.is_empty() {
            let Ok(Labelled { metadata }) = serde_json::from_slice::<Labelled>(bytes) else {
                return Self { labels: None, fields: Value::Null };
            };
            let fields =
                serde_json::json!({"metadata": {"name": metadata.name, "namespace": metadata.namespace}});
            return Self { labels: metadata.labels, fields };
        }
        match serde_json::from_slice::<Value>(bytes) {
            Ok(object) => Self::of(kind, &object),
            Err(_) => Self { labels: None, fields: Value::Null },
        }
    }

    /// The facts of a decoded object.
    pub(crate) fn of(kind: &'static Kind, object: &Value) -> Self {
        let strategy = strategy::of(kind);
        let mut fields = Value::Object(Map::new());
        let name = Value::String(objects::meta::name(object).into());
        let namespace = Value::String(objects::meta::namespace(object).into());
        set_path(&mut fields, "metadata.name", name);
        set_path(&mut fields, "metadata.namespace", namespace);
        for path in strategy.selectable_fields() {
            set_path(&mut fields, path, Value::String(strategy.field(object, path)));
        }
        Self { labels: object.pointer("/metadata/labels").cloned(), fields }
    }

    /// Whether both selectors fit.
    pub(crate) fn match_selectors(&self, labels: &LabelSelector, fields: &FieldSelector) -> bool {
        (labels.is_everything() || labels.matches_labels(self.labels.as_ref()))
            && (fields.is_everything() || fields.matches(&self.fields))
    }
}

fn set_path(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    for part in path.split('.') {
        at = objects::meta::map_mut(at).entry(part).or_insert(Value::Null);
    }
    *at = value;
}

// === impl Index ===

impl Index {
    /// An empty index.
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }

    /// The facts of an entry or tombstone, from memory or parsed now.
    pub(crate) fn facts(&self, kind: &'static Kind, entry: &Entry) -> Arc<Facts> {
        let shard = &self.shards[self.hasher.hash_one(&entry.key) as usize % self.shards.len()];
        let id = (entry.mod_revision, entry.key.clone());
        {
            let mut shard = lock(shard);
            if let Some(facts) = shard.young.get(&id) {
                return facts.clone();
            }
            if let Some((id, facts)) = shard.old.remove_entry(&id) {
                shard.young.insert(id, facts.clone());
                return facts;
            }
        }
        let facts = Arc::new(Facts::read(kind, &entry.value));
        let mut shard = lock(shard);
        if shard.young.len() >= GENERATION {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(id, facts.clone());
        facts
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
