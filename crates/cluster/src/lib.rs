//! Puts the parts together: keys and certificates, bootstrap, daemon, kubeconfig, deletion.
#![forbid(unsafe_code)]

pub mod pki;
