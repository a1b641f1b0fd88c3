//! The Kubernetes object model, pure: kinds as data, schema, codecs, patches, selectors, quantities.
//!
//! An object is a [`serde_json::Value`]; what its kind allows is data in [`registry`] and [`schema`],
//! generated from the facts of Kubernetes v1.37. Nothing here does IO, reads a clock (but for
//! [`meta::now`]) or keeps state; nothing here panics on any input.
//!
//! Not here: rules particular to a kind (defaults and validation beyond what the schema declares).
//! Those belong to the API server.
#![forbid(unsafe_code)]

pub mod codec;
pub mod defaults;
pub mod meta;
pub mod patch;
pub mod quantity;
pub mod quota;
pub mod registry;
pub mod schema;
pub mod selector;
pub mod validate;

mod generated;
