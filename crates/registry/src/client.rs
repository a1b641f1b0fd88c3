//! The client: settings, and the ways to registries that are made once and used again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::settings::Settings;
use crate::transport::Transport;

/// Talks to registries.
pub struct Client {
    pub(crate) settings: Settings,
    /// By whether they speak TLS, and the authority trusted beside the system's.
    transports: Mutex<HashMap<(bool, Option<PathBuf>), Transport>>,
}

impl Client {
    /// A client with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings, transports: Mutex::default() }
    }

    pub(crate) fn transport(&self, endpoint: &Endpoint) -> Result<Transport, Error> {
        // A plain registry may redirect to one with TLS, or have its token server there.
        let local = endpoint.is_plain() && endpoint.ca.is_none();
        let key = (!local, endpoint.ca.clone());
        let mut transports = self.transports.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = transports.get(&key) {
            return Ok(known.clone());
        }
        let made = Transport::new(key.0, key.1.as_deref()).map_err(Error::Setup)?;
        transports.insert(key, made.clone());
        Ok(made)
    }
}
