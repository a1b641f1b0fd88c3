//! A work queue for reconcile loops.
//!
//! Keeps: a key waits at most once however often it is added; a key is in the hands of one worker at a
//! time, and if it is added meanwhile it comes again after [`Queue::done`]. Waiting costs nothing: workers
//! sleep until a key is added or the nearest deadline comes.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    fmt::{Debug, Display},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, task::JoinSet, time::Instant};

/// First and longest delay of a key whose work failed.
const FIRST_RETRY: Duration = Duration::from_millis(5);
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// A queue of keys; clones share it.
pub struct Queue<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    wake: Notify,
}

struct State<T> {
    order: VecDeque<T>,
    /// In `order`, or to go there once the worker is done.
    wanted: HashSet<T>,
    working: HashSet<T>,
    failures: HashMap<T, u32>,
    /// Delayed keys by deadline; the number keeps equal deadlines apart.
    delayed: BTreeMap<(Instant, u64), T>,
    deadlines: HashMap<T, (Instant, u64)>,
    serial: u64,
}

impl<T: Clone + Eq + Hash> Queue<T> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            order: VecDeque::new(),
            wanted: HashSet::new(),
            working: HashSet::new(),
            failures: HashMap::new(),
            delayed: BTreeMap::new(),
            deadlines: HashMap::new(),
            serial: 0,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), wake: Notify::new() }) }
    }

    /// Wants `key` done as soon as possible.
    pub fn add(&self, key: T) {
        self.lock().add(key);
        self.shared.wake.notify_one();
    }

    /// Wants `key` done after `delay`, or earlier if it was asked earlier.
    pub fn add_after(&self, key: T, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        self.lock().delay(key, Instant::now() + delay);
        self.shared.wake.notify_one();
    }

    /// Wants `key` done again after its failure: 5 ms, doubling with each failure up to 5 min.
    pub fn add_rate_limited(&self, key: T) {
        let mut state = self.lock();
        let failures = state.failures.entry(key.clone()).or_default();
        let delay = FIRST_RETRY.saturating_mul(1 << (*failures).min(20)).min(LONGEST_RETRY);
        *failures = failures.saturating_add(1);
        drop(state);
        self.add_after(key, delay);
    }

    /// Forgets the failures of `key`.
    pub fn forget(&self, key: &T) {
        self.lock().failures.remove(key);
    }

    /// How often `key` failed in a row.
    #[must_use]
    pub fn failures(&self, key: &T) -> u32 {
        self.lock().failures.get(key).copied().unwrap_or(0)
    }

    /// The next key to work on. The caller must end with [`Queue::done`]. Safe to cancel.
    pub async fn next(&self) -> T {
        loop {
            let wake = self.shared.wake.notified();
            let deadline = {
                let mut state = self.lock();
                state.promote(Instant::now());
                let next = state.take();
                let deadline = state.delayed.first_key_value().map(|((deadline, _), _)| *deadline);
                let more = !state.order.is_empty() || deadline.is_some();
                drop(state);
                if let Some(key) = next {
                    // Another sleeper takes over the rest, deadlines included.
                    if more {
                        self.shared.wake.notify_one();
                    }
                    return key;
                }
                deadline
            };
            match deadline {
                Some(deadline) => tokio::select! {
                    () = wake => {}
                    () = tokio::time::sleep_until(deadline) => {}
                },
                None => wake.await,
            }
        }
    }

    /// The work on `key` is over; if it was added meanwhile, it is next in line.
    pub fn done(&self, key: &T) {
        let mut state = self.lock();
        state.working.remove(key);
        let again = state.wanted.contains(key);
        if again {
            state.order.push_back(key.clone());
        }
        drop(state);
        if again {
            self.shared.wake.notify_one();
        }
    }

    /// How many keys are ready, not counting those delayed or being worked on.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.lock().order.len()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Queue<T>
where
    T: Clone + Eq + Hash + Debug + Send + Sync + 'static,
{
    /// Works on keys for ever with up to `workers` at once.
    ///
    /// `reconcile` returns when the key wants to be looked at again without an event (a deadline), or the
    /// error after which it is tried again with growing delay. `name` is for the log.
    pub async fn run<F, Fut, E>(&self, name: &'static str, workers: usize, reconcile: F)
    where
        F: Fn(T) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<Option<Duration>, E>> + Send,
        E: Display + Send,
    {
        let mut tasks = JoinSet::new();
        for _ in 0..workers.max(1) {
            let (queue, reconcile) = (self.clone(), reconcile.clone());
            tasks.spawn(async move {
                loop {
                    let key = queue.next().await;
                    let held = Held { queue: &queue, key };
                    match reconcile(held.key.clone()).await {
                        Ok(again) => {
                            queue.forget(&held.key);
                            if let Some(delay) = again {
                                queue.add_after(held.key.clone(), delay);
                            }
                        }
                        Err(error) => {
                            tracing::debug!(controller = name, key = ?held.key, %error, "will try again");
                            queue.add_rate_limited(held.key.clone());
                        }
                    }
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// Gives the key back however the work ends.
struct Held<'a, T: Clone + Eq + Hash> {
    queue: &'a Queue<T>,
    key: T,
}

impl<T: Clone + Eq + Hash> Drop for Held<'_, T> {
    fn drop(&mut self) {
        self.queue.done(&self.key);
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T: Clone + Eq + Hash> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

// === impl State ===

impl<T: Clone + Eq + Hash> State<T> {
    fn add(&mut self, key: T) {
        if self.wanted.insert(key.clone()) && !self.working.contains(&key) {
            self.order.push_back(key);
        }
    }

    fn delay(&mut self, key: T, deadline: Instant) {
        if let Some(known) = self.deadlines.get(&key).copied() {
            if known.0 <= deadline {
                return;
            }
            self.delayed.remove(&known);
        }
        self.serial += 1;
        self.deadlines.insert(key.clone(), (deadline, self.serial));
        self.delayed.insert((deadline, self.serial), key);
    }

    fn promote(&mut self, now: Instant) {
        while let Some(first) = self.delayed.first_entry()
            && first.key().0 <= now
        {
            let key = first.remove();
            self.deadlines.remove(&key);
            self.add(key);
        }
    }

    fn take(&mut self) -> Option<T> {
        let key = self.order.pop_front()?;
        self.wanted.remove(&key);
        self.working.insert(key.clone());
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_key_waits_once_and_is_worked_on_once() {
        let queue = Queue::new();
        queue.add("a");
        queue.add("b");
        queue.add("a");
        assert_eq!(queue.next().await, "a");
        queue.add("a");
        queue.add("a");
        assert_eq!(queue.next().await, "b");
        assert!(queue.next().now_or_never().is_none(), "a is in work");
        queue.done(&"a");
        assert_eq!(queue.next().await, "a");
        queue.done(&"a");
        queue.done(&"b");
        assert!(queue.next().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_nearer_deadline_counts() {
        let queue = Queue::new();
        let start = Instant::now();
        queue.add_after("late", Duration::from_secs(60));
        queue.add_after("x", Duration::from_secs(30));
        queue.add_after("x", Duration::from_secs(10));
        queue.add_after("x", Duration::from_secs(20));
        assert_eq!(queue.next().await, "x");
        assert_eq!(start.elapsed().as_secs(), 10);
        queue.done(&"x");
        assert_eq!(queue.next().await, "late");
        assert_eq!(start.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleeping_worker_inherits_the_deadline_of_a_busy_one() {
        let queue = Queue::new();
        let second = {
            let queue = queue.clone();
            tokio::spawn(async move { queue.next().await })
        };
        tokio::task::yield_now().await;
        queue.add_after("later", Duration::from_secs(5));
        queue.add("now");
        // Whoever gets "now" stays busy with it; the other must still wake for "later".
        let first = queue.next().await;
        let second = second.await.unwrap();
        let mut both = [first, second];
        both.sort_unstable();
        assert_eq!(both, ["later", "now"]);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_back_off_until_success() {
        let queue: Queue<&str> = Queue::new();
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let start = Instant::now();
        queue.add("k");
        let log = attempts.clone();
        let work = queue.run("test", 2, move |_| {
            let log = log.clone();
            async move {
                let mut log = log.lock().unwrap();
                log.push(start.elapsed().as_millis());
                if log.len() < 4 { Err("no") } else { Ok(None) }
            }
        });
        tokio::select! { () = work => {}, () = tokio::time::sleep(Duration::from_secs(9)) => {} }
        let attempts = attempts.lock().unwrap();
        assert_eq!(attempts.len(), 4);
        assert!(attempts[3] - attempts[2] > attempts[1] - attempts[0], "{attempts:?}");
        assert_eq!(queue.failures(&"k"), 0);
    }
}
