//! Keeps what authorization needs in memory in step with the store.
//!
//! Read once at the start, then woken by the store's watch; a lagging watch is replaced by a new read. Each write
//! of a policy or pod is visible here microseconds after its commit.

use std::sync::{Arc, PoisonError, RwLock};

use store::{ReadError, Store, Watch};

/// State fed by key: what it takes is the key and its present value, `None` once it is gone.
pub(super) trait Fed: Default + Send + Sync + 'static {
    /// What its keys begin with.
    const PREFIX: &'static str;

    /// Takes over the present state of one key.
    fn set(&mut self, key: &Arc<str>, value: Option<&[u8]>);
}

/// State that a task keeps in step with the store; clones share it.
pub(super) struct Followed<T>(Arc<RwLock<T>>);

impl<T> Clone for Followed<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
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

impl<T: Fed> Followed<T> {
    /// Loads the state and starts the task that follows; it ends with the store or with the last clone.
    pub(super) fn start(store: &Store) -> Result<Self, ReadError> {
        let (state, watch) = load::<T>(store)?;
        let shared = Arc::new(RwLock::new(state));
        let (weak, store) = (Arc::downgrade(&shared), store.clone());
        tokio::spawn(async move {
            let mut watch = watch;
            loop {
                while let Some(events) = watch.next().await {
                    let Some(shared) = weak.upgrade() else { return };
                    let mut state = shared.write().unwrap_or_else(PoisonError::into_inner);
                    for event in events.iter() {
                        let value = (!event.deleted).then_some(&event.entry.value[..]);
                        state.set(&event.entry.key, value);
                    }
                }
                if !matches!(watch.ended(), Some(store::Ended::Lagged { .. })) {
                    return;
                }
                let Some(shared) = weak.upgrade() else { return };
                let Ok((state, next)) = load::<T>(&store) else { return };
                *shared.write().unwrap_or_else(PoisonError::into_inner) = state;
                watch = next;
            }
        });
        Ok(Self(shared))
    }

    /// The state as of now.
    pub(super) fn read(&self) -> std::sync::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
