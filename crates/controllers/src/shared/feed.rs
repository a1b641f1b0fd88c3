//! From an informer's changes to the keys of a queue.

use std::hash::Hash;

use client::{Change, Informer, Queue};
use tokio::task::JoinSet;

/// Adds the keys that `keys` names for each change of `informer`, as long as the returned set lives.
///
/// A controller calls this once per kind it depends on, with the same `tasks`.
pub(crate) fn feed<K, T, F, I>(tasks: &mut JoinSet<()>, informer: &Informer<K>, queue: &Queue<T>, keys: F)
where
    K: Send + Sync + 'static,
    T: Clone + Eq + Hash + Send + Sync + 'static,
    F: Fn(&Change<K>) -> I + Send + 'static,
    I: IntoIterator<Item = T>,
    I::IntoIter: Send,
{
    let (mut changes, queue) = (informer.subscribe(), queue.clone());
    tasks.spawn(async move {
        while let Some(change) = changes.recv().await {
            for key in keys(&change) {
                queue.add(key);
            }
        }
    });
}
