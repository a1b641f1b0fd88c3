//! The way of in-process clients to the API server, which may be stopped and started again under them.

use std::sync::{Arc, PoisonError, RwLock};

use apiserver::{ApiServer, UserInfo};
use http::Request;
use kube::client::Body;

/// Leads to the API server that runs now. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<RwLock<Option<ApiServer>>>);

/// No API server runs in this process.
#[derive(Debug, thiserror::Error)]
#[error("the API server is stopped")]
struct Closed;

// === impl Door ===

impl Door {
    /// From now on requests go to `api`.
    pub(crate) fn open(&self, api: ApiServer) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(api);
    }

    /// From now on requests fail, as those to a port where nobody listens.
    pub(crate) fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A client that acts as the user `name` of `groups`, and of `system:authenticated`.
    pub(crate) fn client(&self, name: &str, groups: &[&str]) -> kube::Client {
        let groups = groups.iter().copied().chain(["system:authenticated"]).map(str::to_owned).collect();
        let user = Arc::new(UserInfo { name: name.to_owned(), groups, ..UserInfo::default() });
        let door = self.0.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = door.read().unwrap_or_else(PoisonError::into_inner).clone();
            let user = user.clone();
            async move {
                match api {
                    Some(api) => Ok(api.answer(user, request).await),
                    None => Err(Closed),
                }
            }
        });
        kube::Client::new(service, "default")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::Api;

    #[tokio::test]
    async fn clients_survive_a_restart_of_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let store = store::Store::open(folder.path(), store::Options::default()).await.unwrap();
        let door = Door::default();
        let namespaces: Api<Namespace> = Api::all(door.client("root", &["system:masters"]));
        let error = namespaces.get("default").await.unwrap_err();
        assert!(error.to_string().contains("stopped"), "{error}");
        for _ in 0..2 {
            let api = ApiServer::start(apiserver::Options::new(store.clone())).await.unwrap();
            door.open(api.clone());
            namespaces.get("default").await.unwrap();
            door.close();
            api.shutdown();
            namespaces.get("default").await.unwrap_err();
        }
    }
}
