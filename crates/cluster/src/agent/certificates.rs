//! Keeps the node's certificates fresh: each is requested anew after four fifths of its life, and taken into use
//! without a restart. Woken by the next of these moments, and by a pause after a failure.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;

use super::csr::{self, Purpose};
use super::keys::AgentKeys;
use super::remote::Remote;
use super::settings::AgentSettings;
use crate::components::Components;
use crate::pki::{Current, Identity, renewal};

/// Name among the components.
pub(super) const NAME: &str = "certificates";
/// First and longest pause after a failure.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// The longest sleep: a machine that slept itself counts the time anew.
const LONGEST: Duration = Duration::from_secs(12 * 3600);

pub(super) fn add(
    components: &Components,
    settings: &AgentSettings,
    keys: AgentKeys,
    remote: Remote,
    serving: Current,
) {
    let settings = settings.clone();
    let state = Arc::new(Mutex::new(Renewer { keys, remote, serving, settings }));
    components.add(NAME, move |life| {
        let state = state.clone();
        async move {
            let work = async { state.lock().await.run().await };
            life.serve::<std::convert::Infallible>(async { Ok(work.await) }).await
        }
    });
}

struct Renewer {
    keys: AgentKeys,
    remote: Remote,
    serving: Current,
    settings: AgentSettings,
}

impl Renewer {
    async fn run(&mut self) -> std::convert::Infallible {
        let due = |identity: &Identity| {
            let (start, end) = identity.validity();
            renewal(start, end, SystemTime::now())
        };
        let mut of_client = due(&self.keys.client);
        let mut of_serving = self.keys.serving.as_ref().map_or(SystemTime::UNIX_EPOCH, due);
        let mut pause = RETRY.0;
        loop {
            let now = SystemTime::now();
            let result = if of_serving <= now {
                self.renew_serving().await.map(|identity| of_serving = due(&identity))
            } else if of_client <= now {
                self.renew_client().await.map(|identity| of_client = due(&identity))
            } else {
                let left = of_serving.min(of_client).duration_since(now).unwrap_or_default();
                tokio::time::sleep(left.min(LONGEST)).await;
                continue;
            };
            match result {
                Ok(()) => pause = RETRY.0,
                Err(reason) => {
                    tracing::error!(reason, again_in = ?pause, "a certificate was not renewed");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY.1);
                }
            }
        }
    }

    async fn renew_serving(&mut self) -> Result<Identity, String> {
        let purpose = Purpose::Serving(self.settings.address);
        let identity = self.signed(&purpose).await?;
        self.serving.set(&identity, None).map_err(|e| e.to_string())?;
        self.keys.set_serving(identity.clone()).map_err(|e| e.to_string())?;
        tracing::info!("the kubelet has a new serving certificate");
        Ok(identity)
    }

    async fn renew_client(&mut self) -> Result<Identity, String> {
        let identity = self.signed(&Purpose::Client).await?;
        self.remote.set(&identity).map_err(|e| e.to_string())?;
        self.keys.set_client(identity.clone()).map_err(|e| e.to_string())?;
        tracing::info!("the node has a new client certificate");
        Ok(identity)
    }

    async fn signed(&self, purpose: &Purpose) -> Result<Identity, String> {
        let client = self.remote.client();
        csr::request(&client, &self.settings.node, purpose).await.map_err(|e| e.to_string())
    }
}
