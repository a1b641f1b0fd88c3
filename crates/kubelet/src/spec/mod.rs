//! From a pod's spec to what the runtime is told: environment, files, security, limits.

pub(crate) mod container;
pub(crate) mod env;
pub(crate) mod expand;
pub(crate) mod fields;
pub(crate) mod files;
pub(crate) mod resources;
pub(crate) mod security;
pub(crate) mod service_env;
