//! The Kubernetes API over objects and store: one generic path for every kind.
#![forbid(unsafe_code)]
