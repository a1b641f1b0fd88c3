//! Keeps what authorization needs in memory in step with the store.
//!
//! Read once at the start, then woken by the store's watch; a lagging watch is replaced by a new read. Each write
//! of a policy or pod is visible here microseconds after its commit.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use store::{Ended, ReadError, Store, Watch};
use tokio::task::AbortHandle;

/// State fed by key: what it takes is the key and its present value, `None` once it is gone.
pub(super) trait Fed: Default + Send + Sync + 'static {
    /// What its keys begin with.
    const PREFIX: &'static str;

    /// Takes over the present state of one key.
    fn set(&mut self, key: &Arc<str>, value: Option<&[u8]>);
}

/// State that a task keeps in step with the store. The task ends with this handle, so that it does not keep the
/// store open.
pub(super) struct Followed<T> {
    state: Arc<RwLock<T>>,
    task: AbortHandle,
}

fn load<T: Fed>(store: &Store) -> Result<(T, Watch), ReadError> {
    let range = store.range(T::PREFIX, None, 0, None)?;
    let watch = store.watch(T::PREFIX, Some(range.revision + 1))?;
    let mut state = T::default();
    for entry in &range.entries {
        state.set(&entry.key, Some(&entry.value));
    }
    Ok((state, watch))
}

async fn follow<T: Fed>(store: Store, state: Arc<RwLock<T>>, mut watch: Watch) {
    loop {
        while let Some(events) = watch.next().await {
            let mut state = state.write().unwrap_or_else(PoisonError::into_inner);
            for event in events.iter() {
                let value = (!event.deleted).then_some(&event.entry.value[..]);
                state.set(&event.entry.key, value);
            }
        }
        if !matches!(watch.ended(), Some(Ended::Lagged { .. })) {
            return;
        }
        let Ok((fresh, next)) = load::<T>(&store) else { return };
        *state.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        watch = next;
    }
}

impl<T: Fed> Followed<T> {
    /// Loads the state and starts the task that follows; it ends with the store or with the handle.
    pub(super) fn start(store: &Store) -> Result<Self, ReadError> {
        let (state, watch) = load::<T>(store)?;
        let state = Arc::new(RwLock::new(state));
        let task = tokio::spawn(follow(store.clone(), state.clone(), watch)).abort_handle();
        Ok(Self { state, task })
    }

    /// The state as of now.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Followed<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
