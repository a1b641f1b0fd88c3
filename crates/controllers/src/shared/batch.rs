//! Many equal writes, started slowly: 1, 2, 4 … at a time, so that a cause that fails one (a quota, an
//! admission webhook) is met once or twice and not a hundred times.

use futures::future::join_all;

/// At most so many at a time.
const LARGEST: usize = 64;

/// Runs `write(0)` to `write(count - 1)`; stops after the first group with an error.
///
/// Returns how many succeeded, and the first error.
pub(crate) async fn slow_start<F, Fut, E>(count: usize, write: F) -> (usize, Option<E>)
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let (mut done, mut size) = (0, 1);
    while done < count {
        let group = size.min(count - done).min(LARGEST);
        let results = join_all((done..done + group).map(&write)).await;
        let succeeded = results.iter().filter(|result| result.is_ok()).count();
        done += group;
        if let Some(error) = results.into_iter().find_map(Result::err) {
            return (done - group + succeeded, Some(error));
        }
        size *= 2;
    }
    (done, None)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_common_cause_is_met_once() {
        let calls = AtomicUsize::new(0);
        let write = |_| {
            calls.fetch_add(1, Ordering::Relaxed);
            async { Err::<(), _>("quota") }
        };
        assert_eq!(slow_start(100, write).await, (0, Some("quota")));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn groups_double() {
        let calls = AtomicUsize::new(0);
        let write = |at| {
            calls.fetch_add(1, Ordering::Relaxed);
            async move { if at == 4 { Err("no") } else { Ok(()) } }
        };
        assert_eq!(slow_start(100, write).await, (6, Some("no")));
        assert_eq!(calls.load(Ordering::Relaxed), 7);
    }
}
