//! Core/v1 Events about an object, with equal ones counted instead of repeated.
//!
//! Keeps: recording never blocks and never fails the caller; an object that floods is cut off.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Event, EventSource, ObjectReference},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::{sync::mpsc, time::Instant};

use crate::{Failure, failure};

/// Events waiting to be written; more are dropped.
const BACKLOG: usize = 1024;
/// Known events that a repeat can be counted on.
const REMEMBERED: usize = 4096;
/// How long after its last repeat an event can still be counted on (events live an hour by default).
const REPEATABLE: Duration = Duration::from_secs(600);
/// Per object: so many events at once, then one per refill.
const BURST: u32 = 25;
const REFILL: Duration = Duration::from_secs(300);

/// Records events for one component. Clones share the queue.
#[derive(Clone)]
pub struct Events {
    sender: mpsc::Sender<Note>,
}

struct Note {
    object: ObjectReference,
    type_: &'static str,
    reason: String,
    message: String,
}

impl Events {
    /// Events of `component` (such as `kubelet`), on `host` where that matters. Starts one task that ends
    /// with the last clone.
    #[must_use]
    pub fn new(client: Client, component: &str, host: Option<&str>) -> Self {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let source = EventSource { component: Some(component.into()), host: host.map(Into::into) };
        tokio::spawn(write_all(client, source, receiver));
        Self { sender }
    }

    /// An event of type Normal. `object` comes from [`kube::Resource::object_ref`].
    pub fn normal(&self, object: ObjectReference, reason: &str, message: impl Into<String>) {
        self.record(object, "Normal", reason, message.into());
    }

    /// An event of type Warning.
    pub fn warning(&self, object: ObjectReference, reason: &str, message: impl Into<String>) {
        self.record(object, "Warning", reason, message.into());
    }

    fn record(&self, object: ObjectReference, type_: &'static str, reason: &str, mut message: String) {
        if message.len() > 1024 {
            let end = (0..=1021).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
            message.truncate(end);
            message.push_str("...");
        }
        let note = Note { object, type_, reason: reason.into(), message };
        if self.sender.try_send(note).is_err() {
            tracing::debug!(reason, "event dropped: too many are waiting");
        }
    }
}

async fn write_all(client: Client, source: EventSource, mut notes: mpsc::Receiver<Note>) {
    let mut history = History::default();
    while let Some(note) = notes.recv().await {
        let namespace = note.object.namespace.clone().unwrap_or_else(|| "default".into());
        let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
        let (now, key) = (Instant::now(), note.key());
        let stamp = Timestamp::now();
        let repeat = match history.admit(&key, &note.object, now) {
            Verdict::Drop => continue,
            Verdict::First => None,
            Verdict::Repeat(name, count) => Some((name, count)),
        };
        if let Some((name, count)) = repeat {
            let patch = json!({ "count": count, "lastTimestamp": Time(stamp) });
            match api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await {
                Ok(_) => continue,
                // Expired on the server: write it anew.
                Err(error) if failure(&error) == Failure::NotFound => {}
                Err(error) => {
                    tracing::debug!(%error, name, "event not counted");
                    continue;
                }
            }
        }
        let event = new_event(note, &namespace, &source, stamp);
        let name = event.metadata.name.clone().unwrap_or_default();
        match api.create(&PostParams::default(), &event).await {
            Ok(_) => history.remember(key, name, now),
            Err(error) if failure(&error) == Failure::NamespaceTerminating => {}
            Err(error) => tracing::debug!(%error, name, "event not written"),
        }
    }
}

fn new_event(note: Note, namespace: &str, source: &EventSource, stamp: Timestamp) -> Event {
    let subject = note.object.name.as_deref().unwrap_or_default();
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{subject}.{:x}", stamp.as_nanosecond())),
            namespace: Some(namespace.into()),
            ..ObjectMeta::default()
        },
        first_timestamp: Some(Time(stamp)),
        last_timestamp: Some(Time(stamp)),
        count: Some(1),
        type_: Some(note.type_.into()),
        reason: Some(note.reason),
        message: Some(note.message),
        reporting_component: source.component.clone(),
        reporting_instance: source.host.clone(),
        source: Some(source.clone()),
        involved_object: note.object,
        ..Event::default()
    }
}

/// What makes two events equal.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    object: Subject,
    type_: &'static str,
    reason: String,
    message: String,
    field: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Subject {
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
}

impl Note {
    fn key(&self) -> Key {
        Key {
            object: subject(&self.object),
            type_: self.type_,
            reason: self.reason.clone(),
            message: self.message.clone(),
            field: self.object.field_path.clone(),
        }
    }
}

fn subject(object: &ObjectReference) -> Subject {
    Subject {
        kind: object.kind.clone(),
        namespace: object.namespace.clone(),
        name: object.name.clone(),
        uid: object.uid.clone(),
    }
}

/// What was written before: pure, so that time is an argument.
#[derive(Default)]
struct History {
    known: HashMap<Key, Known>,
    order: VecDeque<Key>,
    allowances: HashMap<Subject, (u32, Instant)>,
}

struct Known {
    name: String,
    count: i32,
    last: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Drop,
    First,
    Repeat(String, i32),
}

impl History {
    fn admit(&mut self, key: &Key, object: &ObjectReference, now: Instant) -> Verdict {
        if !self.allow(subject(object), now) {
            return Verdict::Drop;
        }
        match self.known.get_mut(key) {
            Some(known) if now.duration_since(known.last) < REPEATABLE => {
                known.count = known.count.saturating_add(1);
                known.last = now;
                Verdict::Repeat(known.name.clone(), known.count)
            }
            _ => Verdict::First,
        }
    }

    fn remember(&mut self, key: Key, name: String, now: Instant) {
        if self.known.insert(key.clone(), Known { name, count: 1, last: now }).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn allow(&mut self, subject: Subject, now: Instant) -> bool {
        if self.allowances.len() > REMEMBERED {
            self.allowances.retain(|_, (_, since)| now.duration_since(*since) < REFILL * BURST);
        }
        let (left, since) = self.allowances.entry(subject).or_insert((BURST, now));
        let refills = now.duration_since(*since).as_secs() / REFILL.as_secs();
        if refills > 0 {
            *left = left.saturating_add(u32::try_from(refills).unwrap_or(u32::MAX)).min(BURST);
            *since = now;
        }
        if *left == 0 {
            return false;
        }
        *left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(name: &str, message: &str) -> Note {
        let object = ObjectReference { name: Some(name.into()), ..ObjectReference::default() };
        Note { object, type_: "Normal", reason: "R".into(), message: message.into() }
    }

    fn admit(history: &mut History, note: &Note, now: Instant) -> Verdict {
        let verdict = history.admit(&note.key(), &note.object, now);
        if verdict == Verdict::First {
            history.remember(note.key(), format!("e{}", history.order.len()), now);
        }
        verdict
    }

    #[test]
    fn equal_events_are_counted() {
        let (mut history, now) = (History::default(), Instant::now());
        assert_eq!(admit(&mut history, &note("a", "x"), now), Verdict::First);
        assert_eq!(admit(&mut history, &note("a", "y"), now), Verdict::First);
        assert_eq!(admit(&mut history, &note("a", "x"), now), Verdict::Repeat("e0".into(), 2));
        assert_eq!(admit(&mut history, &note("a", "x"), now + REPEATABLE * 2), Verdict::First);
    }

    #[test]
    fn a_flood_is_cut_off_per_object() {
        let (mut history, now) = (History::default(), Instant::now());
        let passed = (0..100)
            .filter(|i| admit(&mut history, &note("a", &i.to_string()), now) != Verdict::Drop)
            .count();
        assert_eq!(passed, BURST as usize);
        assert_eq!(admit(&mut history, &note("b", "x"), now), Verdict::First);
        assert_eq!(admit(&mut history, &note("a", "x"), now + REFILL), Verdict::First);
        assert_eq!(admit(&mut history, &note("a", "z"), now + REFILL), Verdict::Drop);
    }
}
