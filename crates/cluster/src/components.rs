//! Components by name: each can be started and stopped on its own, and is started again when it ends by itself.
//!
//! What is here: the registry and the state of each part. What is not: what a component does, and in which order a
//! process starts them.
//!
//! Invariants: at most one instance of a component runs; a stopped component stays stopped until somebody starts it;
//! one that ends or panics is started again after [`RESTART_PAUSE`], and the others go on; what needs a component is
//! stopped before it and started again after it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How long a component rests before it is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// How long a component may take to end once it was told to.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// What a component is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Nobody started it, or somebody stopped it.
    Stopped,
    /// It is on its way up.
    Starting,
    /// It does its work.
    Running,
    /// It ended by itself for this reason, and is started again in a moment.
    Failed(String),
}

/// A component and what it is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// Since when.
    pub since: SystemTime,
}

/// Why a component could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// There is none of this name.
    #[error("there is no component \"{name}\"; there are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// It cannot work without another one.
    #[error("{name} needs {needed}, which is stopped: start that first")]
    Needs {
        /// What was to be started.
        name: String,
        /// What it needs.
        needed: String,
    },
    /// It ended before it was up.
    #[error("{name}: {reason}")]
    Failed {
        /// Its name.
        name: String,
        /// Its own words.
        reason: String,
    },
}

/// The components of one process. Clones share them.
#[derive(Clone, Default)]
pub struct Components(Arc<Registry>);

#[derive(Default)]
struct Registry {
    entries: Mutex<Vec<Entry>>,
    /// Held by whoever starts or stops something.
    changing: tokio::sync::Mutex<()>,
    /// Whether the process ends.
    leaving: Arc<AtomicBool>,
}

type Work = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
type Make = dyn Fn(Life) -> Work + Send + Sync;

struct Entry {
    name: String,
    /// A component made known before that must run.
    needs: Option<&'static str>,
    /// It was stopped because what it needs was.
    resume: bool,
    make: Arc<Make>,
    state: watch::Sender<(State, SystemTime)>,
    task: Option<(CancellationToken, JoinHandle<()>)>,
}

/// What a running component has of its surroundings.
#[derive(Clone)]
pub struct Life {
    stop: CancellationToken,
    leaving: Arc<AtomicBool>,
    state: watch::Sender<(State, SystemTime)>,
}

// === impl Components ===

impl Components {
    /// Makes a component known; it does not run yet. `make` gives its work, once for each time it is started. The
    /// work says [`Life::up`] when it does what it is there for, and ends when [`Life::stopped`] does; an end before
    /// that is a failure.
    pub fn add<F>(&self, name: &str, make: impl Fn(Life) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.add_needing(name, None, make);
    }

    /// Like [`Components::add`], for one that works only while the component `needs` runs.
    pub fn add_needing<F>(
        &self,
        name: &str,
        needs: Option<&'static str>,
        make: impl Fn(Life) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.entries().push(Entry {
            name: name.to_owned(),
            needs,
            resume: false,
            make: Arc::new(move |life| Box::pin(make(life))),
            state: watch::Sender::new((State::Stopped, SystemTime::now())),
            task: None,
        });
    }

    /// Starts a component and waits until it is up; at once when it runs already. What was stopped with it is started
    /// again.
    ///
    /// # Errors
    /// [`ComponentError::Failed`] if it ends before it is up; it is stopped then.
    pub async fn start(&self, name: &str) -> Result<(), ComponentError> {
        let _changing = self.0.changing.lock().await;
        self.begin(name).await?;
        for dependent in self.dependents(name, |entry| entry.resume) {
            self.begin(&dependent).await?;
        }
        Ok(())
    }

    /// Stops a component and waits until it has ended, what needs it first; nothing happens when it does not run.
    pub async fn stop(&self, name: &str) -> Result<(), ComponentError> {
        let _changing = self.0.changing.lock().await;
        for dependent in self.dependents(name, |entry| entry.task.is_some()) {
            self.end(&dependent).await?;
            find(&mut self.entries(), &dependent)?.resume = true;
        }
        self.end(name).await
    }

    fn dependents(&self, name: &str, which: impl Fn(&Entry) -> bool) -> Vec<String> {
        let entries = self.entries();
        let found = entries.iter().filter(|entry| entry.needs == Some(name) && which(entry));
        found.map(|entry| entry.name.clone()).collect()
    }

    async fn begin(&self, name: &str) -> Result<(), ComponentError> {
        let mut state = {
            let mut entries = self.entries();
            if let Some(needed) = find(&mut entries, name)?.needs
                && find(&mut entries, needed)?.task.is_none()
            {
                return Err(ComponentError::Needs { name: name.to_owned(), needed: needed.to_owned() });
            }
            let entry = find(&mut entries, name)?;
            entry.resume = false;
            if entry.task.is_none() {
                let (stop, leaving) = (CancellationToken::new(), self.0.leaving.clone());
                let life = Life { stop, leaving, state: entry.state.clone() };
                life.say(State::Starting);
                let stop = life.stop.clone();
                let task = tokio::spawn(supervise(name.to_owned(), entry.make.clone(), life));
                entry.task = Some((stop, task));
            }
            entry.state.subscribe()
        };
        let reached = state.wait_for(|(state, _)| *state != State::Starting).await;
        let reason = match reached.map(|reached| reached.0.clone()) {
            Ok(State::Failed(reason)) => reason,
            _ => return Ok(()),
        };
        self.end(name).await?;
        Err(ComponentError::Failed { name: name.to_owned(), reason })
    }

    async fn end(&self, name: &str) -> Result<(), ComponentError> {
        let (task, state) = {
            let mut entries = self.entries();
            let entry = find(&mut entries, name)?;
            entry.resume = false;
            (entry.task.take(), entry.state.clone())
        };
        if let Some((stop, task)) = task {
            stop.cancel();
            if tokio::time::timeout(STOP_PATIENCE, AbortOnDropHandle::new(task)).await.is_err() {
                tracing::warn!("{name} did not end by itself within {} s", STOP_PATIENCE.as_secs());
            }
            state.send_replace((State::Stopped, SystemTime::now()));
        }
        Ok(())
    }

    /// Every component, in the order in which they were made known.
    pub fn list(&self) -> Vec<Status> {
        let status = |entry: &Entry| {
            let (state, since) = entry.state.borrow().clone();
            Status { name: entry.name.clone(), state, since }
        };
        self.entries().iter().map(status).collect()
    }

    /// Stops everything, what was made known last first.
    pub async fn shutdown(&self) {
        self.0.leaving.store(true, Ordering::SeqCst);
        let names: Vec<String> = self.entries().iter().rev().map(|entry| entry.name.clone()).collect();
        for name in names {
            // Known a moment ago, and nothing is ever taken out.
            let _ = self.stop(&name).await;
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Nothing in here panics half-way through a change.
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find<'a>(entries: &'a mut [Entry], name: &str) -> Result<&'a mut Entry, ComponentError> {
    match entries.iter().position(|entry| entry.name == name) {
        Some(index) => Ok(&mut entries[index]),
        None => {
            let known: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
            Err(ComponentError::Unknown { name: name.to_owned(), known: known.join(", ") })
        }
    }
}

async fn supervise(name: String, make: Arc<Make>, life: Life) {
    loop {
        // A task of its own: a panic ends the component, not the process.
        let ended = AbortOnDropHandle::new(tokio::spawn(make(life.clone()))).await;
        if life.stop.is_cancelled() {
            return;
        }
        let reason = match ended {
            Ok(Ok(())) => "ended without a reason".to_owned(),
            Ok(Err(reason)) => reason,
            Err(error) => error.to_string(),
        };
        tracing::error!("{name}: {reason}; starting it again");
        life.say(State::Failed(reason));
        if life.stop.run_until_cancelled(tokio::time::sleep(RESTART_PAUSE)).await.is_none() {
            return;
        }
        life.say(State::Starting);
    }
}

// === impl Life ===

impl Life {
    /// Says that the component does its work from now on.
    pub fn up(&self) {
        self.say(State::Running);
    }

    /// Ends when the component is to end.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Whether the component is to end because its process does: what outlives the process then stays.
    pub fn leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    /// The token that is cancelled when the component is to end.
    pub fn token(&self) -> &CancellationToken {
        &self.stop
    }

    /// Says [`Life::up`] and does `work` until the component is to end; an earlier end of it is a failure.
    pub async fn serve<E: std::fmt::Display>(
        &self,
        work: impl Future<Output = Result<std::convert::Infallible, E>>,
    ) -> Result<(), String> {
        self.up();
        match self.stop.run_until_cancelled(work).await {
            None => Ok(()),
            Some(Err(error)) => Err(error.to_string()),
        }
    }

    fn say(&self, state: State) {
        self.state.send_replace((state, SystemTime::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn state(components: &Components, name: &str) -> State {
        components.list().into_iter().find(|status| status.name == name).unwrap().state
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_started_and_stopped_on_its_own() {
        let components = Components::default();
        let running = Arc::new(AtomicUsize::new(0));
        for name in ["a", "b"] {
            let running = running.clone();
            components.add(name, move |life| {
                let running = running.clone();
                async move {
                    running.fetch_add(1, Ordering::SeqCst);
                    life.up();
                    life.stopped().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                }
            });
        }
        assert_eq!(state(&components, "a"), State::Stopped);
        components.start("a").await.unwrap();
        components.start("a").await.unwrap();
        components.start("b").await.unwrap();
        assert_eq!(running.load(Ordering::SeqCst), 2);
        components.stop("a").await.unwrap();
        assert_eq!((state(&components, "a"), state(&components, "b")), (State::Stopped, State::Running));
        components.start("a").await.unwrap();
        components.shutdown().await;
        assert_eq!(running.load(Ordering::SeqCst), 0);
        let error = components.stop("c").await.unwrap_err().to_string();
        assert_eq!(error, "there is no component \"c\"; there are a, b");
    }

    #[tokio::test(start_paused = true)]
    async fn what_needs_another_stops_and_starts_with_it() {
        let components = Components::default();
        let work = |life: Life| async move {
            life.up();
            life.stopped().await;
            Ok(())
        };
        components.add("store", work);
        components.add_needing("server", Some("store"), work);
        components.add_needing("idle", Some("store"), work);
        let error = components.start("server").await.unwrap_err().to_string();
        assert_eq!(error, "server needs store, which is stopped: start that first");
        components.start("store").await.unwrap();
        components.start("server").await.unwrap();
        components.stop("store").await.unwrap();
        assert_eq!(
            (state(&components, "store"), state(&components, "server")),
            (State::Stopped, State::Stopped)
        );
        components.start("store").await.unwrap();
        assert_eq!(
            (state(&components, "server"), state(&components, "idle")),
            (State::Running, State::Stopped)
        );
        components.shutdown().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_or_panics_is_started_again() {
        let components = Components::default();
        let starts = Arc::new(AtomicUsize::new(0));
        let counted = starts.clone();
        components.add("c", move |life| {
            let start = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                life.up();
                // Whoever starts it hears of its start before its end.
                tokio::time::sleep(Duration::from_millis(1)).await;
                assert_ne!(start, 0, "the first start panics");
                if start == 1 {
                    return Err("the second fails".to_owned());
                }
                life.stopped().await;
                Ok(())
            }
        });
        components.start("c").await.unwrap();
        tokio::time::sleep(RESTART_PAUSE * 4).await;
        assert_eq!((starts.load(Ordering::SeqCst), state(&components, "c")), (3, State::Running));
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_start_that_fails_is_told_and_not_repeated() {
        let components = Components::default();
        let starts = Arc::new(AtomicUsize::new(0));
        let counted = starts.clone();
        components.add("c", move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Err("port 1 is taken".to_owned()) }
        });
        let error = components.start("c").await.unwrap_err().to_string();
        assert_eq!(error, "c: port 1 is taken");
        tokio::time::sleep(RESTART_PAUSE * 4).await;
        assert_eq!((starts.load(Ordering::SeqCst), state(&components, "c")), (1, State::Stopped));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_listen_is_cut_off() {
        let components = Components::default();
        components.add("deaf", |life| async move {
            life.up();
            std::future::pending().await
        });
        components.start("deaf").await.unwrap();
        components.stop("deaf").await.unwrap();
        assert_eq!(state(&components, "deaf"), State::Stopped);
    }
}
