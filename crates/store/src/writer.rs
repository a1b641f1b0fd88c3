//! The one thread that changes the store: takes what waits, writes it in one frame, flushes once, publishes,
//! answers.
//!
//! While a flush runs, further commits queue up; they are the next batch. So the number of flushes adapts to the
//! load without a timer. The thread sleeps without one too, unless a lease or an interval flush is due.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::batch::{self, Batch};
use crate::error::{CommitError, Failure, LeaseError};
use crate::files::{Disk, Lock};
use crate::frame::{self, FileKind};
use crate::lease::Deadlines;
use crate::log::Log;
use crate::record::Encoder;
use crate::snapshot::Running;
use crate::store::Shared;
use crate::types::{Event, Expect, Fsync, LeaseId, Op, Options};

/// A batch takes no more commits once it has this many bytes.
const BATCH_SIZE: usize = 4 << 20;
/// Or this many commits.
const BATCH_COUNT: usize = 4096;

/// Revisions that are compacted while the index is locked.
const COMPACT_STEP: u64 = 1000;

type Reply<T> = oneshot::Sender<T>;

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) enum Request {
    Commit(Vec<Op>, Reply<Result<u64, CommitError>>),
    Compact(u64, Reply<Result<(), Failure>>),
    Grant(Option<LeaseId>, Duration, Reply<Result<LeaseId, LeaseError>>),
    KeepAlive(LeaseId, Reply<Result<Duration, LeaseError>>),
    Revoke(LeaseId, Reply<Result<(), LeaseError>>),
    SnapshotDone,
    Close(Reply<()>),
}

/// The thread's state.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) log: Log,
    pub(crate) deadlines: Deadlines,
    /// Bytes of log since the last snapshot.
    pub(crate) log_size: u64,
    /// Bytes of log at which the next snapshot is due.
    pub(crate) snapshot_at: u64,
    pub(crate) snapshot: Option<Running>,
    /// First frames of the log's files, oldest first, without the present one.
    pub(crate) segments: Vec<u64>,
    pub(crate) snapshots: Vec<u64>,
    pub(crate) sync_at: Option<Instant>,
    /// To itself, for snapshots that end; weak, so that it does not keep the queue open.
    pub(crate) queue: Weak<Sender<Request>>,
}

impl Writer {
    /// Runs until the store is closed; then `lock` is released.
    pub(crate) fn run(mut self, queue: &Receiver<Request>, lock: Lock) {
        let closed = loop {
            match self.wait(queue) {
                Wake::Request(Request::Close(reply)) => break Some(reply),
                Wake::Request(Request::Commit(ops, reply)) => {
                    if let Some(other) = self.batch(ops, reply, queue) {
                        match other {
                            Request::Close(reply) => break Some(reply),
                            other => self.handle(other),
                        }
                    }
                }
                Wake::Request(other) => self.handle(other),
                Wake::Due => {}
                Wake::Gone => break None,
            }
            self.due();
        };
        if let Err(error) = self.log.seal() {
            tracing::warn!(%error, "the store could not be closed in good order");
        }
        if let Some(running) = self.snapshot.take() {
            self.finish_snapshot(running);
        }
        self.shared.hub.close();
        drop(self);
        drop(lock);
        if let Some(reply) = closed {
            let _ = reply.send(());
        }
    }

    fn wait(&self, queue: &Receiver<Request>) -> Wake {
        let due = [self.sync_at, self.deadlines.next()].into_iter().flatten().min();
        let Some(due) = due else {
            return queue.recv().map_or(Wake::Gone, Wake::Request);
        };
        match queue.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(request) => Wake::Request(request),
            Err(RecvTimeoutError::Timeout) => Wake::Due,
            Err(RecvTimeoutError::Disconnected) => Wake::Gone,
        }
    }

    /// Does what its time has come for.
    fn due(&mut self) {
        let now = Instant::now();
        if self.sync_at.is_some_and(|at| at <= now) {
            self.sync_at = None;
            // A failure is logged and turns the log read-only: the next commit reports it.
            let _ = self.log.sync();
        }
        while let Some(id) = self.deadlines.ended(now) {
            if let Err(error) = self.revoke(id) {
                tracing::warn!(lease = id, %error, "an ended lease could not be removed yet");
                self.deadlines.set(id, now, Duration::from_secs(10));
            }
        }
    }

    /// Commits `first` and what waits behind it. Returns a request of another kind that ended the batch.
    fn batch(
        &mut self,
        first: Vec<Op>,
        reply: Reply<Result<u64, CommitError>>,
        queue: &Receiver<Request>,
    ) -> Option<Request> {
        let mut size = batch_size(&first);
        let mut waiting = vec![(first, reply)];
        let mut other = None;
        while size < BATCH_SIZE && waiting.len() < BATCH_COUNT {
            match queue.try_recv() {
                Ok(Request::Commit(ops, reply)) => {
                    size += batch_size(&ops);
                    waiting.push((ops, reply));
                }
                Ok(request) => {
                    other = Some(request);
                    break;
                }
                Err(_) => break,
            }
        }
        let (ops, replies): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        let results = self.commit(&ops);
        for (reply, result) in replies.into_iter().zip(results) {
            // Whoever does not wait any more has its commit all the same.
            let _ = reply.send(result);
        }
        self.compact_old();
        self.maybe_snapshot();
        other
    }

    /// Commits each list of operations; one result for each.
    fn commit(&mut self, lists: &[Vec<Op>]) -> Vec<Result<u64, CommitError>> {
        let (results, commits): (Vec<_>, _) = {
            let index = self.shared.index();
            let mut batch = Batch::new(&index);
            (lists.iter().map(|ops| batch.add(ops)).collect(), batch.into_commits())
        };
        if commits.is_empty() {
            return results;
        }
        match self.write(|records| commits.iter().for_each(|events| encode(records, events))) {
            Ok(()) => {
                self.shared.publish(&commits);
                results
            }
            // Conflicts too: they may be with commits that were not made after all.
            Err(failure) => lists.iter().map(|_| Err(failure.clone().into())).collect(),
        }
    }

    fn write(&mut self, fill: impl FnOnce(&mut Encoder<'_>)) -> Result<(), Failure> {
        let mut frame = frame::begin();
        fill(&mut Encoder(&mut frame));
        let always = self.options.fsync == Fsync::Always;
        let segment = self.log.segment();
        let appended = self.log.append(&mut frame, always);
        if self.log.segment() != segment {
            self.segments.push(segment);
        }
        self.log_size += appended?;
        if let Fsync::Interval(interval) = self.options.fsync {
            self.sync_at.get_or_insert_with(|| Instant::now() + interval);
        }
        Ok(())
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::Compact(revision, reply) => {
                let _ = reply.send(self.compact(revision));
            }
            Request::Grant(id, ttl, reply) => {
                let _ = reply.send(self.grant(id, ttl));
            }
            Request::KeepAlive(id, reply) => {
                let _ = reply.send(self.keep_alive(id));
            }
            Request::Revoke(id, reply) => {
                let _ = reply.send(self.revoke(id));
            }
            Request::SnapshotDone => {
                if let Some(running) = self.snapshot.take() {
                    self.finish_snapshot(running);
                }
            }
            // Taken by the loop.
            Request::Commit(..) | Request::Close(_) => {}
        }
    }

    fn compact(&mut self, revision: u64) -> Result<(), Failure> {
        let (current, compacted) = {
            let index = self.shared.index();
            (index.revision(), index.compacted())
        };
        if revision > current {
            return Err(Failure::Invalid(format!(
                "revision {revision} is in the future; the current one is {current}"
            )));
        }
        if revision > compacted {
            self.write(|records| records.compact(revision))?;
            // In steps, so that readers do not wait for all of it.
            let mut step = compacted;
            while step < revision {
                step = revision.min(step + COMPACT_STEP);
                self.shared.index_mut().compact(step);
            }
        }
        Ok(())
    }

    fn compact_old(&mut self) {
        let Some(keep) = self.options.keep_revisions else { return };
        let (current, compacted) = {
            let index = self.shared.index();
            (index.revision(), index.compacted())
        };
        if current - compacted > keep.saturating_mul(2)
            && let Err(error) = self.compact(current - keep)
        {
            tracing::warn!(%error, "old history could not be compacted yet");
        }
    }

    fn grant(&mut self, id: Option<LeaseId>, ttl: Duration) -> Result<LeaseId, LeaseError> {
        let id = {
            let index = self.shared.index();
            match id {
                Some(0) => return Err(Failure::Invalid("a lease's number is not 0".to_owned()).into()),
                Some(id) if index.leases().contains_key(&id) => return Err(LeaseError::Exists(id)),
                Some(id) => id,
                None => index.leases().last_key_value().map_or(1, |(last, _)| last.wrapping_add(1).max(1)),
            }
        };
        self.write(|records| records.grant(id, ttl))?;
        self.shared.index_mut().grant(id, ttl);
        self.deadlines.set(id, Instant::now(), ttl);
        Ok(id)
    }

    fn keep_alive(&mut self, id: LeaseId) -> Result<Duration, LeaseError> {
        let ttl = self.shared.index().leases().get(&id).map(|lease| lease.ttl);
        let ttl = ttl.ok_or(LeaseError::NotFound(id))?;
        self.deadlines.set(id, Instant::now(), ttl);
        Ok(ttl)
    }

    fn revoke(&mut self, id: LeaseId) -> Result<(), LeaseError> {
        let commits = {
            let index = self.shared.index();
            let lease = index.leases().get(&id).ok_or(LeaseError::NotFound(id))?;
            let delete =
                |key: &Arc<str>| Op::Delete { key: key.to_string(), expect: Expect::Any, last: None };
            let ops: Vec<Op> = lease.keys.iter().map(delete).collect();
            let mut batch = Batch::new(&index);
            batch.add(&ops).map_err(|error| match error {
                CommitError::Failed(failure) => failure,
                CommitError::Conflict { .. } => Failure::Invalid(error.to_string()),
            })?;
            batch.into_commits()
        };
        self.write(|records| {
            commits.iter().for_each(|events| encode(records, events));
            records.revoke(id);
        })?;
        self.shared.publish(&commits);
        self.shared.index_mut().revoke(id);
        self.deadlines.remove(id);
        Ok(())
    }

    fn maybe_snapshot(&mut self) {
        if self.log_size < self.snapshot_at || self.snapshot.is_some() {
            return;
        }
        if let Err(error) = self.start_snapshot() {
            tracing::warn!(error, "no snapshot could be begun; the log grows until the next attempt");
            self.snapshot_at = self.log_size + self.options.snapshot_after;
        }
    }

    fn start_snapshot(&mut self) -> Result<(), String> {
        let segment = self.log.segment();
        let first = self.log.rotate().map_err(|error| error.to_string())?;
        if first != segment {
            self.segments.push(segment);
        }
        let state = self.shared.index().freeze();
        let queue = self.queue.clone();
        let done = move || {
            if let Some(queue) = queue.upgrade() {
                let _ = queue.send(Request::SnapshotDone);
            }
        };
        let running = Running::start(self.disk.clone(), self.dir.clone(), self.log.id(), first, state, done);
        self.snapshot = Some(running.map_err(|error| error.to_string())?);
        self.log_size = 0;
        Ok(())
    }

    fn finish_snapshot(&mut self, running: Running) {
        let first = running.first;
        match running.finish() {
            Ok(size) => {
                self.snapshot_at = self.options.snapshot_after.max(size);
                let (old, kept) = std::mem::take(&mut self.segments).into_iter().partition(|&s| s < first);
                self.segments = kept;
                let snapshots = std::mem::replace(&mut self.snapshots, vec![first]);
                self.remove(FileKind::Log, old);
                self.remove(FileKind::Snapshot, snapshots);
            }
            Err(error) => {
                tracing::warn!(dir = %self.dir.display(), %error, "the snapshot failed; the log is kept");
                self.snapshot_at = self.log_size + self.options.snapshot_after;
            }
        }
    }

    /// Removes files that a snapshot made needless; what stays behind goes at the next start.
    fn remove(&self, kind: FileKind, numbers: Vec<u64>) {
        for number in numbers {
            let path = self.dir.join(kind.file_name(number));
            if let Err(error) = self.disk.remove(&path) {
                tracing::warn!(path = %path.display(), %error, "an old file could not be removed");
            }
        }
    }
}

enum Wake {
    Request(Request),
    Due,
    Gone,
}

fn encode(records: &mut Encoder<'_>, events: &Arc<[Event]>) {
    if let Some(event) = events.first() {
        records.commit(event.entry.mod_revision, events);
    }
}

fn batch_size(ops: &[Op]) -> usize {
    ops.iter().map(batch::op_size).sum()
}
