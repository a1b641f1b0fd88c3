//! A node's keys on disk: the cluster's authority, the node's identity, its kubelet's.

use std::path::{Path, PathBuf};

use crate::pki::{Identity, PkiError, files};

/// Keys of a node. Each is replaced as a whole file.
#[derive(Debug)]
pub(crate) struct AgentKeys {
    folder: PathBuf,
    /// The authority's certificate, PEM.
    pub(crate) ca_pem: String,
    /// The node towards the API server.
    pub(crate) client: Identity,
    /// The kubelet towards the API server, once there is one.
    pub(crate) serving: Option<Identity>,
}

// === impl AgentKeys ===

impl AgentKeys {
    /// Keeps what a join got.
    pub(crate) fn create(folder: &Path, ca_pem: &str, client: &Identity) -> Result<(), PkiError> {
        files::prepare(folder)?;
        files::write(&folder.join("ca.crt"), ca_pem)?;
        files::write(&folder.join("kubelet-client.pem"), &client.to_pem())
    }

    /// Reads the keys of `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, PkiError> {
        files::prepare(folder)?;
        let damaged = |file: &str| {
            let path = folder.join(file);
            move |reason| PkiError::Damaged { path, reason }
        };
        let read = |file: &str| {
            let text = files::read(&folder.join(file))?;
            text.ok_or_else(|| damaged(file)("it is missing".to_owned()))
        };
        let client = Identity::parse(&read("kubelet-client.pem")?).map_err(damaged("kubelet-client.pem"))?;
        // A damaged one is asked for anew.
        let serving = files::read(&folder.join("kubelet-serving.pem"))?;
        Ok(Self {
            folder: folder.to_owned(),
            ca_pem: read("ca.crt")?,
            client,
            serving: serving.and_then(|text| Identity::parse(&text).ok()),
        })
    }

    pub(crate) fn set_client(&mut self, identity: Identity) -> Result<(), PkiError> {
        files::write(&self.folder.join("kubelet-client.pem"), &identity.to_pem())?;
        self.client = identity;
        Ok(())
    }

    pub(crate) fn set_serving(&mut self, identity: Identity) -> Result<(), PkiError> {
        files::write(&self.folder.join("kubelet-serving.pem"), &identity.to_pem())?;
        self.serving = Some(identity);
        Ok(())
    }
}
