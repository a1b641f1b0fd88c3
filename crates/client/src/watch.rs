//! One endless watch: list (streamed where the server can), watch, reconnect with back-off.
//!
//! Keeps: after any interruption the stream either continues without a gap or starts over with `Init`.
//! Not here: a cache; see [`crate::Informer`].

use std::{
    fmt::Debug,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use futures::{Stream, StreamExt, stream::BoxStream};
use kube::{
    Api, Resource,
    runtime::watcher::{self, Config, Event, InitialListStrategy, watcher},
};
use serde::de::DeserializeOwned;

/// First and longest pause between two attempts to reach the server.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Seconds after which the server ends a quiet watch and we ask again; a dead connection is noticed by then.
const WATCH_SECONDS: u32 = 1800;

/// Follows the objects of `api` for ever.
///
/// Asks for a streaming list first; a server that refuses it is asked to list and watch instead.
/// Errors are logged and retried after a pause of 50 ms, doubling up to 10 s.
pub fn watch<K>(api: Api<K>, config: Config) -> impl Stream<Item = Event<K>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut config = config.streaming_lists();
    config.timeout = config.timeout.or(Some(WATCH_SECONDS));
    let follower = Follower::new(api, config);
    futures::stream::unfold(follower, |mut follower| async {
        let event = follower.next().await;
        Some((event, follower))
    })
}

struct Follower<K> {
    api: Api<K>,
    config: Config,
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    failures: u32,
}

/// What an error calls for, besides a pause.
#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    /// The same stream goes on.
    Resume,
    /// The position is lost: start over.
    Restart,
    /// The server does not stream lists: start over with list and watch.
    ListInstead,
}

impl<K> Follower<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    fn new(api: Api<K>, config: Config) -> Self {
        let events = watcher(api.clone(), config.clone()).boxed();
        Self { api, config, events, failures: 0 }
    }

    async fn next(&mut self) -> Event<K> {
        loop {
            let error = match self.events.next().await {
                Some(Ok(event)) => {
                    if !matches!(event, Event::Init) {
                        self.failures = 0;
                    }
                    return event;
                }
                Some(Err(error)) => error,
                None => watcher::Error::NoResourceVersion,
            };
            let remedy =
                remedy(&error, self.config.initial_list_strategy == InitialListStrategy::StreamingList);
            if remedy == Remedy::ListInstead {
                self.config.initial_list_strategy = InitialListStrategy::ListWatch;
            }
            if remedy != Remedy::Resume {
                self.events = watcher(self.api.clone(), self.config.clone()).boxed();
            }
            if remedy != Remedy::ListInstead {
                let pause = pause(self.failures);
                self.failures = self.failures.saturating_add(1);
                tracing::debug!(url = self.api.resource_url(), %error, ?pause, "watch interrupted");
                tokio::time::sleep(pause).await;
            }
        }
    }
}

fn remedy(error: &watcher::Error, streaming: bool) -> Remedy {
    match error {
        watcher::Error::WatchStartFailed(kube::Error::Api(status)) => match status.code {
            410 => Remedy::Restart,
            400 | 405 | 406 | 415 | 422 | 501 if streaming => Remedy::ListInstead,
            _ => Remedy::Resume,
        },
        watcher::Error::NoResourceVersion => Remedy::Restart,
        // A position may be lost with any error that the server names inside the stream.
        watcher::Error::WatchError(_) => Remedy::Restart,
        _ => Remedy::Resume,
    }
}

/// The pause after `failures` failures in a row, with up to a quarter taken off so that clients spread out.
fn pause(failures: u32) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
    let jitter = RandomState::new().hash_one(failures) % 256;
    full - full * u32::try_from(jitter).unwrap_or(0) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16) -> watcher::Error {
        let status = kube::core::Status::failure("no", "No").with_code(code);
        watcher::Error::WatchStartFailed(kube::Error::Api(status.boxed()))
    }

    #[test]
    fn a_refused_streaming_list_is_replaced_once() {
        assert_eq!(remedy(&refused(422), true), Remedy::ListInstead);
        assert_eq!(remedy(&refused(422), false), Remedy::Resume);
        assert_eq!(remedy(&refused(410), false), Remedy::Restart);
        assert_eq!(remedy(&refused(503), true), Remedy::Resume);
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        assert!(pause(0) <= FIRST_PAUSE && pause(0) > FIRST_PAUSE / 2);
        assert!(pause(4) > pause(0));
        assert!(pause(u32::MAX) <= LONGEST_PAUSE && pause(60) > LONGEST_PAUSE / 2);
    }
}
