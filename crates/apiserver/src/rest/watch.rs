//! WATCH: the events of a kind from a revision on, as a stream that ends with the client, the timeout or the server.
//!
//! Each event's object is the stored bytes (plain JSON) with a frame around them. A selector is applied to the
//! state before and after, so that an object which begins or ceases to fit comes as ADDED or DELETED. A watcher that
//! is too slow for the history that is kept gets 410 and lists again; it never misses an event silently.

use super::frame;
use super::negotiate::{Form, Format, Output};
use super::query::ListOptions;
use super::table::IncludeObject;
use super::{Body, BoxError, Call, StopToken, list, negotiate, render, reply};
use crate::state::State;
use crate::status::Status;
use crate::storage;
use bytes::Bytes;
use futures::stream;
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use objects::meta;
use objects::registry::Kind;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use store::{Ended, Entry, Event, ReadError, Watch};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

/// A watch without `timeoutSeconds` lasts between so long and twice as long, as upstream.
const MIN_TIMEOUT: Duration = Duration::from_secs(1800);

/// How often a watcher that asked for bookmarks hears of progress, if there was any.
const BOOKMARKS: Duration = Duration::from_secs(60);

/// Bytes of events that are gathered into one frame.
const GATHERED: usize = 64 << 10;

/// Kind of an event on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventType {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

/// A running watch of one client.
struct Watcher {
    state: Arc<State>,
    kind: &'static Kind,
    options: ListOptions,
    output: Output,
    include: IncludeObject,
    watch: Watch,
    /// Events of the initial list, then its closing bookmark, encoded and not yet sent.
    pending: std::vec::IntoIter<Arc<Entry>>,
    /// Revision of the initial list whose end must still be announced.
    announce: Option<u64>,
    /// Revision of the last bookmark.
    marked: u64,
    /// Whether a table's columns were sent.
    headers_sent: bool,
    deadline: std::pin::Pin<Box<Sleep>>,
    next_bookmark: Instant,
    stop: CancellationToken,
    server_stop: CancellationToken,
    ended: bool,
}

/// Starts a watch.
pub(crate) async fn watch(call: Call) -> Result<Response<Body>, Status> {
    let output = negotiate::output(&call.parts.headers)?;
    let kind = call.target.kind;
    if !kind.allows("watch") {
        return Err(Status::method_not_supported(kind, "watch"));
    }
    let options = call.query.list_options(kind)?;
    let watcher = match Watcher::start(&call, options, output) {
        Ok(watcher) => watcher,
        Err(status) => {
            // A stream that begins with an error, so that clients take it for the end of the watch.
            let object = status.to_value();
            let bytes = render::encode(output.format, render::meta_type("Status")?, &object)?;
            let body = reply::full(frame::event(output.format, EventType::Error, &bytes));
            if status.code == 410 {
                return Ok(reply::bytes(200, output.format.stream_media_type(), body));
            }
            return Err(status);
        }
    };
    let frames = stream::unfold(watcher, |mut watcher| async move {
        let bytes = watcher.next().await?;
        Some((Ok::<_, BoxError>(Frame::data(bytes)), watcher))
    });
    let body = StreamBody::new(frames).boxed_unsync();
    Ok(reply::bytes(200, output.format.stream_media_type(), body))
}

// === impl Watcher ===

impl Watcher {
    fn start(call: &Call, options: ListOptions, output: Output) -> Result<Self, Status> {
        let (state, kind) = (call.state.clone(), call.target.kind);
        let namespace = call.target.namespace.as_deref();
        let prefix = storage::prefix(kind, namespace);
        let current = state.store.revision();
        if let Some(version) = options.version
            && version > current
        {
            return Err(Status::future_revision(version, current));
        }
        // The state of now comes first when it was asked for, or when no revision says where to begin.
        let initial = match options.send_initial_events {
            Some(wanted) => wanted,
            None => options.version.is_none_or(|version| version == 0),
        };
        let (pending, from, announce) = if initial {
            let snapshot = ListOptions { version: None, version_match: None, limit: 0, ..options.clone() };
            let page = list::page(&state, kind, namespace, &snapshot)?;
            let announce = options.send_initial_events.filter(|_| options.bookmarks).map(|_| page.revision);
            (page.entries, page.revision, announce)
        } else {
            // With `sendInitialEvents=false` and no revision the watch begins now.
            (Vec::new(), options.version.filter(|version| *version > 0).unwrap_or(current), None)
        };
        let watch = state.store.watch(&prefix, Some(from + 1)).map_err(|error| match error {
            ReadError::Compacted { requested, compacted } => {
                Status::expired(format!("too old resource version: {} ({compacted})", requested - 1))
            }
            ReadError::Future { requested, current } => Status::future_revision(requested, current),
        })?;
        let spread = Duration::from_millis(from.wrapping_mul(7919) % MIN_TIMEOUT.as_millis() as u64);
        let timeout = options.timeout.unwrap_or(MIN_TIMEOUT + spread);
        let stop = call
            .parts
            .extensions
            .get::<StopToken>()
            .map_or_else(CancellationToken::new, |stop| stop.0.clone());
        Ok(Self {
            include: IncludeObject::parse(call.query.get("includeObject")),
            server_stop: state.shutdown.clone(),
            state,
            kind,
            options,
            output,
            watch,
            pending: pending.into_iter(),
            announce,
            marked: from,
            headers_sent: false,
            deadline: Box::pin(tokio::time::sleep(timeout)),
            next_bookmark: Instant::now() + BOOKMARKS,
            stop,
            ended: false,
        })
    }

    /// The next bytes for the client; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut out = Vec::new();
        loop {
            while let Some(entry) = self.pending.next() {
                self.push(&mut out, EventType::Added, &entry);
                if out.len() >= GATHERED {
                    return Some(out.into());
                }
            }
            if let Some(revision) = self.announce.take() {
                self.bookmark(&mut out, revision, true);
            }
            if !out.is_empty() {
                return Some(out.into());
            }
            let bookmark_at = self.next_bookmark;
            tokio::select! {
                biased;
                events = self.watch.next() => match events {
                    Some(events) => self.take(&mut out, &events),
                    None => {
                        self.ended = true;
                        self.closing_words(&mut out);
                    }
                },
                () = self.stop.cancelled() => self.ended = true,
                () = self.server_stop.cancelled() => self.ended = true,
                () = &mut self.deadline => {
                    self.ended = true;
                    self.progress(&mut out);
                }
                () = tokio::time::sleep_until(bookmark_at), if self.options.bookmarks => {
                    self.next_bookmark = Instant::now() + BOOKMARKS;
                    self.progress(&mut out);
                }
            }
            if self.ended {
                return (!out.is_empty()).then(|| out.into());
            }
            if !out.is_empty() {
                return Some(out.into());
            }
        }
    }

    /// Encodes the events of one commit that this watcher is to see.
    fn take(&mut self, out: &mut Vec<u8>, events: &[Event]) {
        for event in events {
            let Some(kind) = self.classify(event) else { continue };
            match kind {
                EventType::Deleted if !event.deleted => self.push_left(out, event),
                EventType::Deleted if event.entry.value.is_empty() => self.push_left(out, event),
                kind => self.push(out, kind, &event.entry),
            }
        }
    }

    fn classify(&self, event: &Event) -> Option<EventType> {
        if self.options.selects_all() {
            return Some(match (&event.previous, event.deleted) {
                (_, true) => EventType::Deleted,
                (None, false) => EventType::Added,
                (Some(_), false) => EventType::Modified,
            });
        }
        let before = event.previous.as_ref().is_some_and(|entry| self.fits(entry));
        let after = !event.deleted && self.fits(&event.entry);
        match (before, after) {
            (false, false) => None,
            (false, true) => Some(EventType::Added),
            (true, true) => Some(EventType::Modified),
            (true, false) => Some(EventType::Deleted),
        }
    }

    fn fits(&self, entry: &Entry) -> bool {
        self.state.index.facts(self.kind, entry).match_selectors(&self.options.labels, &self.options.fields)
    }

    fn push(&mut self, out: &mut Vec<u8>, kind: EventType, entry: &Entry) {
        let first = !std::mem::replace(&mut self.headers_sent, true);
        let plain = self.output.format == Format::Json && self.output.form == Form::Object;
        let bytes = if first || plain {
            render::entry(self.kind, entry, self.output, self.include, first)
        } else {
            self.state.encoded.entry(self.kind, entry, self.output, self.include)
        };
        match bytes {
            Ok(bytes) => frame::push(out, self.output.format, kind, &bytes),
            Err(status) => self.fail(out, &status),
        }
    }

    /// An object that went out of sight: its last state that fitted, with the revision of the event.
    fn push_left(&mut self, out: &mut Vec<u8>, event: &Event) {
        let Some(previous) = &event.previous else { return };
        let headers = !std::mem::replace(&mut self.headers_sent, true);
        let bytes = storage::decode(self.kind, previous).and_then(|mut object| {
            meta::set(&mut object, "resourceVersion", &event.entry.mod_revision.to_string());
            render::value(self.kind, &object, self.output, self.include, headers)
        });
        match bytes {
            Ok(bytes) => frame::push(out, self.output.format, EventType::Deleted, &bytes),
            Err(status) => self.fail(out, &status),
        }
    }

    fn fail(&mut self, out: &mut Vec<u8>, status: &Status) {
        self.ended = true;
        let bytes = render::meta_type("Status")
            .and_then(|schema| render::encode(self.output.format, schema, &status.to_value()));
        if let Ok(bytes) = bytes {
            frame::push(out, self.output.format, EventType::Error, &bytes);
        }
    }

    /// Why the store ended the watch.
    fn closing_words(&mut self, out: &mut Vec<u8>) {
        if let Some(Ended::Lagged { next, compacted }) = self.watch.ended() {
            self.fail(out, &Status::expired(format!("too old resource version: {next} ({compacted})")));
        }
    }

    /// A bookmark, if the client wants them and there is something new to say.
    fn progress(&mut self, out: &mut Vec<u8>) {
        let revision = self.watch.progress();
        if self.options.bookmarks && revision > self.marked {
            self.bookmark(out, revision, false);
        }
    }

    fn bookmark(&mut self, out: &mut Vec<u8>, revision: u64, initial_end: bool) {
        self.marked = revision;
        let mut object = json!({"kind": self.kind.kind, "apiVersion": self.kind.api_version(),
            "metadata": {"resourceVersion": revision.to_string(), "creationTimestamp": null}});
        if initial_end {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        match render::bookmark(self.kind, &object, self.output) {
            Ok(bytes) => frame::push(out, self.output.format, EventType::Bookmark, &bytes),
            Err(status) => self.fail(out, &status),
        }
    }
}

// === impl EventType ===

impl EventType {
    /// The word on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
            Self::Error => "ERROR",
        }
    }
}
