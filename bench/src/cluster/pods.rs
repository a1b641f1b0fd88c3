//! Pods and Services through the API, timed by one watch: a moment counts when this process has read the event.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::instance::IMAGE;
use crate::measure::Failure;
use crate::pod::PORT;

/// Nothing here should take longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection may take to open before the next one is tried: no rule, no answer.
const ATTEMPT: Duration = Duration::from_millis(10);
/// How long to rest when a connection was refused.
const PAUSE: Duration = Duration::from_millis(1);

/// A client's view of the pods in the default namespace.
pub(crate) struct Pods {
    client: Client,
    api: Api<Pod>,
    events: Pin<Box<dyn Stream<Item = Result<Event<Pod>, watcher::Error>> + Send>>,
}

/// How far a pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Scheduled,
    Running,
    Gone,
}

impl Pods {
    /// Opens the watch; returns when it stands.
    pub(crate) async fn watch(client: &Client) -> Result<Self, Failure> {
        let api: Api<Pod> = Api::default_namespaced(client.clone());
        let mut events = Box::pin(watcher(api.clone(), watcher::Config::default()));
        while let Some(event) = events.next().await {
            if let Event::InitDone = event? {
                break;
            }
        }
        Ok(Self { client: client.clone(), api, events })
    }

    /// Creates a pod with the labels `app=APP` and `set=bench`.
    pub(crate) async fn create(&self, name: &str, app: &str) -> Result<(), Failure> {
        let pod = serde_json::from_value(json!({
            "metadata": { "name": name, "labels": { "app": app, "set": "bench" } },
            "spec": { "containers": [{ "name": "pod", "image": IMAGE }] },
        }))?;
        self.api.create(&PostParams::default(), &pod).await?;
        Ok(())
    }

    /// Waits until the pod answers at its own address: before that its program may not yet hear a signal.
    pub(crate) async fn answers(&self, name: &str) -> Result<(), Failure> {
        let status = self.api.get(name).await?.status;
        let address = status.and_then(|status| status.pod_ip).unwrap_or_default();
        answer(SocketAddr::new(address.parse()?, PORT)).await
    }

    /// Asks for a pod's graceful deletion.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Failure> {
        self.api.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Asks for the graceful deletion of all pods with the label `app=APP`.
    pub(crate) async fn delete_all(&self, app: &str) -> Result<(), Failure> {
        let chosen = ListParams::default().labels(&format!("app={app}"));
        self.api.delete_collection(&DeleteParams::default(), &chosen).await?;
        Ok(())
    }

    /// When each of `names` reached each of `stages`, as the watch tells it; ends when the last has.
    pub(crate) async fn reached(
        &mut self,
        names: &[String],
        stages: &[Stage],
    ) -> Result<HashMap<(String, Stage), Instant>, Failure> {
        let mut seen = HashMap::new();
        let wanted = names.len() * stages.len();
        let watching = async {
            while seen.len() < wanted {
                let Some(event) = self.events.next().await else { return Err("the watch ended".into()) };
                let now = Instant::now();
                let (pod, gone) = match event? {
                    Event::Apply(pod) | Event::InitApply(pod) => (pod, false),
                    Event::Delete(pod) => (pod, true),
                    Event::Init | Event::InitDone => continue,
                };
                let name = pod.metadata.name.clone().unwrap_or_default();
                if !names.contains(&name) {
                    continue;
                }
                for &stage in stages.iter().filter(|stage| has_reached(&pod, gone, **stage)) {
                    seen.entry((name.clone(), stage)).or_insert(now);
                }
            }
            Ok::<_, Failure>(())
        };
        match tokio::time::timeout(PATIENCE, watching).await {
            Ok(ended) => ended?,
            Err(_) => {
                return Err(format!("of {wanted} pods times stages {} came in a minute", seen.len()).into());
            }
        }
        Ok(seen)
    }

    /// Creates a Service `name` for the pods `app=APP`; where it answers.
    pub(crate) async fn expose(&self, name: &str, app: &str) -> Result<SocketAddr, Failure> {
        let service: Service = serde_json::from_value(json!({
            "metadata": { "name": name },
            "spec": { "selector": { "app": app }, "ports": [{ "port": 80, "targetPort": PORT }] },
        }))?;
        let api: Api<Service> = Api::default_namespaced(self.client.clone());
        let made = api.create(&PostParams::default(), &service).await?;
        let address = made.spec.and_then(|spec| spec.cluster_ip).unwrap_or_default();
        Ok(SocketAddr::new(address.parse()?, 80))
    }

    pub(crate) async fn hide(&self, name: &str) -> Result<(), Failure> {
        let api: Api<Service> = Api::default_namespaced(self.client.clone());
        api.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }
}

fn has_reached(pod: &Pod, gone: bool, stage: Stage) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    match stage {
        Stage::Scheduled => pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()),
        Stage::Running => !gone && phase == Some("Running"),
        Stage::Gone => gone,
    }
}

/// Tries `address` until a pod behind it answers a request.
pub(crate) async fn answer(address: SocketAddr) -> Result<(), Failure> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        match tokio::time::timeout(ATTEMPT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                if request(stream).await {
                    return Ok(());
                }
            }
            Ok(Err(_)) => tokio::time::sleep(PAUSE).await,
            Err(_) => {}
        }
    }
    Err(format!("{address} did not answer in a minute").into())
}

async fn request(mut stream: TcpStream) -> bool {
    let mut answer = Vec::new();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.is_ok()
        && stream.read_to_end(&mut answer).await.is_ok()
        && answer.starts_with(b"HTTP/1.0 200")
}
