//! The store's handle: reads from the index, hands commits to the writer.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::error::{CommitError, Failure, LeaseError, OpenError, ReadError};
use crate::frame::FileKind;
use crate::index::Index;
use crate::lease::Deadlines;
use crate::log::Log;
use crate::recover::{self, io_error};
use crate::types::{Entry, Event, LeaseId, Op, Options, Range};
use crate::watch::{Hub, Watch};
use crate::writer::{Request, Writer};

/// An open store. Clones share it; the last one dropped closes it, which waits for the last flush.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    queue: Arc<Sender<Request>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What readers, watchers and the writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    index: RwLock<Index>,
    pub(crate) hub: Hub,
    pub(crate) watch_buffer: usize,
}

impl Shared {
    pub(crate) fn new(index: Index, watch_buffer: usize) -> Self {
        let hub = Hub::new(index.revision());
        Self { index: RwLock::new(index), hub, watch_buffer }
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes flushed commits visible to readers, then to watchers.
    pub(crate) fn publish(&self, commits: &[Arc<[Event]>]) {
        {
            let mut index = self.index_mut();
            commits.iter().for_each(|events| index.apply(events.clone()));
        }
        self.hub.deliver(commits);
    }
}

impl Store {
    /// Opens the store in `dir`, or creates it there.
    pub async fn open(dir: &Path, options: Options) -> Result<Store, OpenError> {
        let folder = dir.to_owned();
        let opened = tokio::task::spawn_blocking(move || open(folder, options)).await;
        opened.unwrap_or_else(|error| Err(io_error("open", dir, std::io::Error::other(error))))
    }

    /// The latest committed revision; 1 in an empty store.
    pub fn revision(&self) -> u64 {
        self.0.shared.index().revision()
    }

    /// The compaction revision: older states cannot be read, watches start after it. 0 if never compacted.
    pub fn compacted(&self) -> u64 {
        self.0.shared.index().compacted()
    }

    /// The key's present state.
    pub fn get(&self, key: &str) -> Option<Arc<Entry>> {
        self.0.shared.index().get(key).cloned()
    }

    /// Live entries whose key begins with `prefix`, in key order, those after the key `after` only, at most
    /// `limit` (0 = all), as of revision `at` (`None` = now).
    pub fn range(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        at: Option<u64>,
    ) -> Result<Range, ReadError> {
        self.0.shared.index().range(prefix, after, limit, at)
    }

    /// Applies all operations in one new revision, or none. Returns that revision once it is durable
    /// (or the current one, when the operations change nothing).
    pub async fn commit(&self, ops: Vec<Op>) -> Result<u64, CommitError> {
        self.ask(|reply| Request::Commit(ops, reply)).await?
    }

    /// Watches the keys that begin with `prefix`: every event from revision `from` on (`None` = from now).
    pub fn watch(&self, prefix: &str, from: Option<u64>) -> Result<Watch, ReadError> {
        let from = {
            let index = self.0.shared.index();
            let next = index.revision() + 1;
            let from = from.unwrap_or(next);
            if from <= index.compacted() {
                return Err(ReadError::Compacted { requested: from, compacted: index.compacted() });
            }
            if from > next {
                return Err(ReadError::Future { requested: from, current: index.revision() });
            }
            from
        };
        let mut watch = Watch::new(self.0.shared.clone(), prefix, from);
        watch.catch_up();
        Ok(watch)
    }

    /// Forgets the history before `revision`; states at `revision` and later stay readable. Idempotent.
    pub async fn compact(&self, revision: u64) -> Result<(), Failure> {
        self.ask(|reply| Request::Compact(revision, reply)).await?
    }

    /// Creates a lease that ends `ttl` after its last keep-alive and then deletes the keys attached to it.
    /// `id`: a number of the caller's choice, else the store picks one.
    pub async fn lease_grant(&self, id: Option<LeaseId>, ttl: Duration) -> Result<LeaseId, LeaseError> {
        self.ask(|reply| Request::Grant(id, ttl, reply)).await?
    }

    /// Starts the lease's time anew and returns its length. Not logged: after a restart every lease starts anew.
    pub async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, LeaseError> {
        self.ask(|reply| Request::KeepAlive(id, reply)).await?
    }

    /// Ends the lease now; its keys are deleted in one commit.
    pub async fn lease_revoke(&self, id: LeaseId) -> Result<(), LeaseError> {
        self.ask(|reply| Request::Revoke(id, reply)).await?
    }

    /// Ends the writer and releases the folder. Commits that wait are finished first; reads stay possible.
    pub async fn close(&self) {
        // Closed already is as good.
        let _ = self.ask(Request::Close).await;
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        self.0.queue.send(request(reply)).map_err(|_| Failure::Closed)?;
        answer.await.map_err(|_| Failure::Closed)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let (reply, _answer) = oneshot::channel();
        // Fails if the store was closed before: then there is nothing to wait for either.
        let _ = self.queue.send(Request::Close(reply));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn open(dir: PathBuf, options: Options) -> Result<Store, OpenError> {
    let disk = options.disk.clone();
    disk.create_dir(&dir).map_err(|source| io_error("create", &dir, source))?;
    let lock = disk.lock(&dir).map_err(|source| io_error("lock", &dir, source))?;
    let lock = lock.ok_or_else(|| OpenError::InUse { dir: dir.clone() })?;

    let loaded = recover::load(&*disk, &dir)?;
    let opened = match &loaded {
        None => Log::create(disk.clone(), &dir, random(), options.segment_size),
        Some(loaded) => {
            if loaded.torn > 0 {
                tracing::warn!(
                    file = %dir.join(FileKind::Log.file_name(loaded.tail.segment)).display(),
                    offset = loaded.tail.position,
                    bytes = loaded.torn,
                    "an interrupted write at the end of the log was cut off; no answered commit was in it",
                );
            }
            let (size, tail) = (options.segment_size, loaded.tail.clone());
            Log::resume(disk.clone(), &dir, loaded.id, size, tail, loaded.torn > 0)
        }
    };
    let log = opened.map_err(|(path, source)| io_error("write", &path, source))?;
    for name in loaded.iter().flat_map(|loaded| &loaded.stale) {
        let path = dir.join(name);
        disk.remove(&path).map_err(|source| io_error("remove", &path, source))?;
    }
    let (index, log_size, snapshot_size) =
        loaded.map_or_else(Default::default, |loaded| (loaded.index, loaded.log_size, loaded.snapshot_size));
    start(dir, options, lock, log, index, log_size, snapshot_size)
}

fn start(
    dir: PathBuf,
    options: Options,
    lock: crate::files::Lock,
    log: Log,
    index: Index,
    log_size: u64,
    snapshot_size: u64,
) -> Result<Store, OpenError> {
    let mut deadlines = Deadlines::default();
    let now = Instant::now();
    index.leases().iter().for_each(|(&id, lease)| deadlines.set(id, now, lease.ttl));
    let names = options.disk.list(&dir).map_err(|source| io_error("list", &dir, source))?;
    let numbers = |kind: FileKind| names.iter().filter_map(move |name| kind.parse_name(name));
    let segments = numbers(FileKind::Log).filter(|&first| first != log.segment()).collect();
    let snapshots = numbers(FileKind::Snapshot).collect();

    let shared = Arc::new(Shared::new(index, options.watch_buffer));
    let (queue, requests) = mpsc::channel();
    let queue = Arc::new(queue);
    let writer = Writer {
        shared: shared.clone(),
        disk: options.disk.clone(),
        log,
        deadlines,
        log_size,
        snapshot_at: options.snapshot_after.max(snapshot_size),
        snapshot: None,
        segments,
        snapshots,
        sync_at: None,
        queue: Arc::downgrade(&queue),
        dir: dir.clone(),
        options,
    };
    let thread = std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || writer.run(&requests, lock))
        .map_err(|source| io_error("start a thread for", &dir, source))?;
    Ok(Store(Arc::new(Inner { shared, queue, thread: Mutex::new(Some(thread)) })))
}

/// A number that clients cannot guess.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
