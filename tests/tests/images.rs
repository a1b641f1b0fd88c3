//! Images as their users meet them: pulled from a real registry and pushed to it, built, listed, removed, collected.
#![allow(clippy::unwrap_used)]

#[path = "images/build.rs"]
mod build;
#[path = "images/collect.rs"]
mod collect;
#[path = "images/private.rs"]
mod private;
#[path = "images/pull.rs"]
mod pull;
