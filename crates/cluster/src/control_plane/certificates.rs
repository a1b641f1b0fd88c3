//! The control plane's own certificates, replaced without a restart. Woken by the moment at which one is due.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::components::Components;
use crate::daemon::names;
use crate::error::StartError;
use crate::kubeconfig;
use crate::layout::Home;
use crate::pki::{Current, Pki, PkiError};
use crate::settings::Settings;

/// Name among the components.
pub(super) const NAME: &str = "certificates";
/// The longest sleep: a machine that slept itself counts the time anew.
const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// What the servers and clients of this process show. Clones share it.
#[derive(Clone)]
pub(crate) struct Certificates {
    /// The API server to everybody.
    pub(crate) apiserver: Current,
    /// The kubelet of this machine to the API server.
    pub(crate) kubelet: Current,
    /// The API server to kubelets.
    pub(crate) kubelet_client: Current,
}

// === impl Certificates ===

impl Certificates {
    pub(crate) fn new(pki: &Pki) -> Result<Self, StartError> {
        let certificates = Self {
            apiserver: Current::default(),
            kubelet: Current::default(),
            kubelet_client: Current::default(),
        };
        certificates.set(pki)?;
        Ok(certificates)
    }

    fn set(&self, pki: &Pki) -> Result<(), PkiError> {
        // Machines that join find the authority by its hash: it is shown along.
        self.apiserver.set(&pki.apiserver, Some(&pki.authority))?;
        self.kubelet.set(&pki.kubelet, None)?;
        self.kubelet_client.set(&pki.kubelet_client, None)
    }

    /// Makes the component known that renews them, and the administrator's kubeconfig with them.
    pub(super) fn add(&self, components: &Components, home: &Home, settings: &Settings, pki: &Pki) {
        let (certificates, home, settings) = (self.clone(), home.clone(), settings.clone());
        let first = Arc::new(pki.clone());
        components.add(NAME, move |life| {
            let (certificates, home, settings) = (certificates.clone(), home.clone(), settings.clone());
            let pki = Pki::clone(&first);
            async move { life.serve(certificates.keep(&home, &settings, pki)).await }
        });
    }

    /// Renews for ever; ends with what went wrong.
    async fn keep(&self, home: &Home, settings: &Settings, mut pki: Pki) -> Result<Infallible, StartError> {
        loop {
            let now = SystemTime::now();
            let left = pki.renewal(now).duration_since(now).unwrap_or_default();
            tokio::time::sleep(left.min(LONGEST)).await;
            pki = self.renew(home, settings)?;
        }
    }

    /// Renews what is due, on disk and in use.
    fn renew(&self, home: &Home, settings: &Settings) -> Result<Pki, StartError> {
        let pki = Pki::open(&home.pki(), &names(settings), SystemTime::now())?;
        self.set(&pki)?;
        kubeconfig::write(&home.kubeconfig(), &kubeconfig::admin(settings, &pki))?;
        Ok(pki)
    }
}
