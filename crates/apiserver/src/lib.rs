//! The Kubernetes API over `objects` and `store`: one generic path for every registered kind.
//!
//! Here: HTTP routing, content negotiation, create/get/list/watch/update/patch/delete, discovery, tables,
//! authentication, authorization, admission, and what is particular to a kind (`strategy`).
//! Not here: controllers, scheduling, the kubelet; they are clients of this crate, in process through
//! [`ApiServer::client`] or over TLS through [`ApiServer::serve`], which lead to the same service.
//!
//! Invariants: only this crate touches the store; the bytes in the store are the JSON that readers get,
//! resourceVersion included, so reads and watches copy and do not decode; an identity comes from the
//! transport or from [`ApiServer::client`], never from a header that a client can write.
#![forbid(unsafe_code)]

mod admission;
mod auth;
mod bootstrap;
mod kubelets;
mod options;
mod rest;
mod server;
mod state;
mod status;
mod storage;
mod strategy;

pub use auth::UserInfo;
pub use options::{Cidr, Options};
pub use rest::{Body, BoxError};
pub use server::{ApiServer, Service};
pub use state::StartError;
pub use status::{Cause, Details, Status};
