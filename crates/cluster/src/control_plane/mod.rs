//! The control plane: API server over its store, controllers and scheduler, as components of a process.

mod certificates;
mod door;
pub(crate) mod local_nodes;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use apiserver::ApiServer;
use network::IpNet;
use tokio::net::TcpListener;

use crate::bootstrap;
use crate::components::{Components, Life};
use crate::error::{StartError, listen};
use crate::layout::Home;
use crate::pki::Pki;
use crate::settings::Settings;

pub(crate) use certificates::Certificates;
pub(crate) use door::Door;

/// Name of the store among the components.
const STORE: &str = "store";

/// Name of the API server among the components.
pub(crate) const APISERVER: &str = "apiserver";

/// Opens the state and starts API server, controllers and scheduler. `listeners` are where the API server listens the
/// first time; when it is started again it listens at the same addresses.
pub(crate) async fn start(
    components: &Components,
    home: &Home,
    settings: &Settings,
    pki: &Pki,
    certificates: &Certificates,
    listeners: Vec<TcpListener>,
) -> Result<Door, StartError> {
    let (door, state) = (Door::default(), State::default());
    add_store(components, home, &state);
    add_api_server(components, &door, state, settings, (pki, certificates), listeners)?;
    for name in [STORE, APISERVER] {
        components.start(name).await?;
    }
    bootstrap::ensure(&door.client("launchway-admin", &["system:masters"]), settings).await?;
    add_clients(components, &door, settings, pki);
    certificates.add(components, home, settings, pki);
    for name in ["controllers", "scheduler", certificates::NAME] {
        components.start(name).await?;
    }
    Ok(door)
}

/// The opened state, while the store runs.
type State = Arc<Mutex<Option<store::Store>>>;

fn add_store(components: &Components, home: &Home, state: &State) {
    let (folder, state) = (home.store(), state.clone());
    let set = |state: &State, store| *state.lock().unwrap_or_else(PoisonError::into_inner) = store;
    components.add(STORE, move |life: Life| {
        let (folder, state) = (folder.clone(), state.clone());
        async move {
            let store =
                store::Store::open(&folder, store::Options::default()).await.map_err(|e| e.to_string())?;
            set(&state, Some(store.clone()));
            life.up();
            life.stopped().await;
            set(&state, None);
            store.close().await;
            Ok(())
        }
    });
}

fn api_options(
    store: store::Store,
    settings: &Settings,
    pki: &Pki,
    kubelet_client: Arc<rustls::ClientConfig>,
) -> apiserver::Options {
    let mut options = apiserver::Options::new(store);
    let range = |text: &String| text.parse::<IpNet>().ok();
    let cidr = |range: IpNet| apiserver::Cidr { address: range.network(), prefix: range.prefix() };
    if let Some(range) = range(&settings.service_cidr) {
        options.service_cidr = cidr(range);
    }
    options.service_cidr6 = settings.service_cidr6.as_ref().and_then(range).map(cidr);
    options.advertise_address = settings.internal_address().into();
    options.advertise_port = settings.api_port;
    options.client_ca_pem = pki.authority.certificate_pem().into();
    options.service_account_key_pem = Some(pki.service_account_key.clone().into_bytes());
    options.kubelet_client = Some(kubelet_client);
    options
}

fn add_api_server(
    components: &Components,
    door: &Door,
    state: State,
    settings: &Settings,
    (pki, certificates): (&Pki, &Certificates),
    listeners: Vec<TcpListener>,
) -> Result<(), StartError> {
    let tls = Arc::new(certificates.apiserver.server_config(&pki.authority)?);
    let kubelets = Arc::new(certificates.kubelet_client.client_config(&pki.authority)?);
    let addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let first = Arc::new(Mutex::new(listeners));
    let door = door.clone();
    let (settings, pki) = (settings.clone(), pki.clone());
    components.add_needing(APISERVER, Some(STORE), move |life: Life| {
        let (door, tls, addresses) = (door.clone(), tls.clone(), addresses.clone());
        let store = state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let options = store.map(|store| api_options(store, &settings, &pki, kubelets.clone()));
        let mut listeners = std::mem::take(&mut *first.lock().unwrap_or_else(PoisonError::into_inner));
        async move {
            if listeners.is_empty() {
                for address in addresses {
                    listeners.push(listen(address).await.map_err(|e| e.to_string())?);
                }
            }
            let options = options.ok_or("the store is stopped")?;
            let api = ApiServer::start(options).await.map_err(|e| e.to_string())?;
            door.open(api.clone());
            life.up();
            let mut serving = tokio::task::JoinSet::new();
            for listener in listeners {
                let (api, tls, stop) = (api.clone(), tls.clone(), life.token().clone());
                serving.spawn(async move { api.serve(listener, tls, stop).await });
            }
            life.stopped().await;
            door.close();
            api.shutdown();
            while serving.join_next().await.is_some() {}
            Ok(())
        }
    });
    Ok(())
}

/// Those that are the API server's clients and nothing else.
fn add_clients(components: &Components, door: &Door, settings: &Settings, pki: &Pki) {
    let facts = settings.facts();
    let options = controllers::Options {
        root_ca_pem: pki.authority.certificate_pem().to_owned(),
        signing: Some(controllers::Signing {
            certificate_pem: pki.authority.certificate_pem().to_owned(),
            key_pem: pki.authority.key_pem().to_owned(),
            lifetime: Duration::from_secs(settings.certificate_lifetime),
        }),
        node_grace: Duration::from_secs(settings.node_grace),
        node_ranges: facts.node_ranges(),
        kept_ranges: facts.first_ranges(),
        name_servers: true,
        load_balancer_pool: settings.load_balancer_pool.as_deref().and_then(controllers::AddressPool::parse),
        node_ports_in_use: vec![i32::from(settings.api_port), i32::from(crate::node::KUBELET_PORT)],
        ..controllers::Options::default()
    };
    let own = door.clone();
    components.add("controllers", move |life| {
        let work = controllers::run_all(own.client("system:kube-controller-manager", &[]), options.clone());
        async move {
            life.up();
            life.token().run_until_cancelled(work).await;
            Ok(())
        }
    });
    let own = door.clone();
    components.add("scheduler", move |life| {
        let work = scheduler::run(own.client("system:kube-scheduler", &[]), scheduler::Options::default());
        async move {
            life.up();
            life.token().run_until_cancelled(work).await;
            Ok(())
        }
    });
}
