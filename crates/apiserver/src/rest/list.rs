//! LIST: a consistent snapshot, whole or in pages.
//!
//! The store's revision is the cache's revision, so the newest state is always at hand: `resourceVersion` as a lower
//! bound holds at once, `Exact` and continue tokens read the history. A continue token names the revision of the
//! first page and the last key seen; once that revision is compacted the answer is 410 with a token that goes on
//! at the present revision.

use super::negotiate::{Form, Format, Output};
use super::query::{ListOptions, VersionMatch};
use super::table::{self, IncludeObject};
use super::{Body, Call, negotiate, render, reply};
use crate::state::State;
use crate::status::Status;
use crate::storage;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::stream;
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use objects::registry::{self, Kind};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{Entry, ReadError};

/// Entries that fit, and where the list stands.
pub(crate) struct Page {
    pub(crate) entries: Vec<Arc<Entry>>,
    pub(crate) revision: u64,
    pub(crate) continue_token: Option<String>,
    pub(crate) remaining: Option<usize>,
}

/// Where a paged list goes on.
struct Token {
    /// Revision to read; `None` goes on at the present one.
    revision: Option<u64>,
    /// Last key of the page before, relative to the prefix.
    after: String,
}

/// Answers a list.
pub(crate) async fn list(call: Call) -> Result<Response<Body>, Status> {
    let output = negotiate::output(&call.parts.headers)?;
    let kind = call.target.kind;
    if !kind.allows("list") {
        return Err(Status::method_not_supported(kind, "list"));
    }
    let options = call.query.list_options(kind)?;
    let page = page(&call.state, kind, call.target.namespace.as_deref(), &options)?;
    let include = IncludeObject::parse(call.query.get("includeObject"));
    answer(kind, &page, output, include)
}

/// Reads one page.
pub(crate) fn page(
    state: &State,
    kind: &'static Kind,
    namespace: Option<&str>,
    options: &ListOptions,
) -> Result<Page, Status> {
    let prefix = storage::prefix(kind, namespace);
    let token = options.continue_token.as_deref().map(Token::parse).transpose()?;
    let at = match (&token, options.version_match, options.version) {
        (Some(token), ..) => token.revision,
        (None, Some(VersionMatch::Exact), Some(version)) => Some(version),
        // Pages of one revision, asked for as clients did before resourceVersionMatch.
        (None, None, Some(version)) if options.limit > 0 && version > 0 => Some(version),
        // A lower bound: the present state fits if it has come that far.
        (None, _, Some(version)) => {
            let current = state.store.revision();
            if version > current {
                return Err(Status::future_revision(version, current));
            }
            None
        }
        (None, ..) => None,
    };
    let mut after = token.as_ref().map(|token| format!("{prefix}{}", token.after));
    let selects_all = options.selects_all();
    let mut found: Vec<Arc<Entry>> = Vec::new();
    let mut revision = at;
    loop {
        // With a selector more may have to be read than fits; the page then goes on from the same revision.
        let range = state
            .store
            .range(&prefix, after.as_deref(), options.limit, revision)
            .map_err(|error| expired(error, token.as_ref()))?;
        let revision = *revision.insert(range.revision);
        after = range.entries.last().map(|entry| entry.key.to_string());
        if selects_all {
            found = range.entries;
        } else {
            found.extend(range.entries.into_iter().filter(|entry| {
                state.index.facts(kind, entry).match_selectors(&options.labels, &options.fields)
            }));
        }
        let full = options.limit > 0 && found.len() >= options.limit;
        if !range.more || selects_all || full {
            // A page that a selector filled beyond its limit ends at the limit; the rest is read again.
            let cut = full && found.len() > options.limit;
            if cut {
                found.truncate(options.limit);
            }
            let more = range.more || cut;
            let last = found.last().filter(|_| more);
            let continue_token = last.map(|entry| {
                Token { revision: Some(revision), after: entry.key[prefix.len()..].to_owned() }.to_text()
            });
            let remaining = (more && selects_all).then_some(range.remaining);
            return Ok(Page { entries: found, revision, continue_token, remaining });
        }
    }
}

fn expired(error: ReadError, token: Option<&Token>) -> Status {
    match (error, token) {
        (ReadError::Future { requested, current }, _) => Status::future_revision(requested, current),
        (ReadError::Compacted { .. }, None) => {
            Status::expired("The resourceVersion for the provided list is too old.")
        }
        (ReadError::Compacted { .. }, Some(token)) => {
            let mut status = Status::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new \
                 list without the continue parameter, or use the continue token in this response to retrieve the \
                 remainder of the results. Continuing with the provided token results in an inconsistent list - \
                 objects that were created, modified, or deleted between the time the first chunk was returned and \
                 now may show up in the list.",
            );
            status.continue_token = Some(Token { revision: None, after: token.after.clone() }.to_text());
            status
        }
    }
}

/// The `metadata` of a list.
pub(crate) fn list_metadata(page: &Page) -> Value {
    let mut metadata = json!({"resourceVersion": page.revision.to_string()});
    if let Some(token) = &page.continue_token {
        metadata["continue"] = json!(token);
    }
    if let Some(remaining) = page.remaining {
        metadata["remainingItemCount"] = json!(remaining);
    }
    metadata
}

/// The list as it is sent; plain JSON streams the stored bytes.
pub(crate) fn answer(
    kind: &'static Kind,
    page: &Page,
    output: Output,
    include: IncludeObject,
) -> Result<Response<Body>, Status> {
    let metadata = list_metadata(page);
    let media_type = output.format.media_type();
    match output.form {
        Form::Object if output.format == Format::Json => {
            let head = format!(
                "{{\"kind\":{:?},\"apiVersion\":{:?},\"metadata\":{metadata},\"items\":[",
                kind.list_kind,
                kind.api_version()
            );
            let mut chunks = Chunks::new(head.into());
            for entry in &page.entries {
                chunks.item(storage::served(kind, entry)?);
            }
            Ok(reply::bytes(200, media_type, chunks.finish()))
        }
        Form::Metadata if output.format == Format::Json => {
            let head = format!(
                "{{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\",\
                 \"metadata\":{metadata},\"items\":["
            );
            let mut chunks = Chunks::new(head.into());
            for entry in &page.entries {
                chunks.item(render::entry(kind, entry, output, include, false)?);
            }
            Ok(reply::bytes(200, media_type, chunks.finish()))
        }
        _ => {
            let values = page.entries.iter().map(|entry| storage::decode(kind, entry));
            let values = values.collect::<Result<Vec<Value>, Status>>()?;
            let bytes = document(kind, values, metadata, output, include)?;
            Ok(reply::bytes(200, media_type, reply::full(bytes)))
        }
    }
}

/// A list of decoded objects as one document.
fn document(
    kind: &'static Kind,
    values: Vec<Value>,
    metadata: Value,
    output: Output,
    include: IncludeObject,
) -> Result<Bytes, Status> {
    match output.form {
        Form::Object => {
            let schema = registry::type_of(kind.group, kind.version, kind.list_kind)
                .ok_or_else(|| Status::not_acceptable(&["application/json"]))?;
            let mut list = Map::new();
            list.insert("kind".into(), json!(kind.list_kind));
            list.insert("apiVersion".into(), json!(kind.api_version()));
            list.insert("metadata".into(), metadata);
            list.insert("items".into(), Value::Array(values));
            render::encode(output.format, schema, &Value::Object(list))
        }
        Form::Metadata => {
            let items: Vec<Value> = values.iter().map(render::metadata_only).collect();
            let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata, "items": items});
            render::encode(output.format, render::meta_type("PartialObjectMetadataList")?, &list)
        }
        Form::Table => {
            let objects: Vec<&Value> = values.iter().collect();
            let table = table::of(kind, &objects, metadata, include, true);
            render::encode(output.format, render::meta_type("Table")?, &table)
        }
    }
}

/// A JSON list put together from pieces that are shared with the store. Small pieces are gathered, so that a list
/// of many small objects does not become as many frames.
struct Chunks {
    done: Vec<Bytes>,
    open: Vec<u8>,
    first: bool,
}

/// Items from this size on are sent as they lie in the store; smaller ones are copied together.
const SHARED: usize = 16 << 10;

/// Gathered pieces are closed at about this size.
const GATHERED: usize = 64 << 10;

impl Chunks {
    fn new(head: Vec<u8>) -> Self {
        Self { done: Vec::new(), open: head, first: true }
    }

    fn item(&mut self, bytes: Bytes) {
        if !self.first {
            self.open.push(b',');
        }
        self.first = false;
        if bytes.len() >= SHARED {
            self.close();
            self.done.push(bytes);
        } else {
            self.open.extend_from_slice(&bytes);
            if self.open.len() >= GATHERED {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.done.push(std::mem::take(&mut self.open).into());
        }
    }

    fn finish(mut self) -> Body {
        self.open.extend_from_slice(b"]}");
        if self.done.is_empty() {
            return reply::full(self.open);
        }
        self.close();
        let frames = self.done.into_iter().map(|bytes| Ok(Frame::data(bytes)));
        StreamBody::new(stream::iter(frames)).boxed_unsync()
    }
}

// === impl Token ===

impl Token {
    fn parse(text: &str) -> Result<Self, Status> {
        let broken = || Status::bad_request(format!("continue key is not valid: {text:?}"));
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| broken())?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| broken())?;
        let after = value["start"].as_str().ok_or_else(broken)?.to_owned();
        Ok(Self { revision: value["rv"].as_u64(), after })
    }

    fn to_text(&self) -> String {
        let value = json!({"v": "meta.k8s.io/v1", "rv": self.revision, "start": self.after});
        URL_SAFE_NO_PAD.encode(value.to_string())
    }
}
