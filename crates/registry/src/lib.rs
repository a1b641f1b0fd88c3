//! Client of OCI registries (distribution specification v2): pull into and push out of a [`image::ContentStore`].
//!
//! [`Client`] does the work; [`Settings`] say of each registry whether it speaks plain HTTP, which authority signs its
//! certificate and which mirrors are asked first; [`Keyring`] holds credentials in Docker's format and says which
//! fit an image. Everything that is fetched is checked against its digest before it has a name; what came of a layer
//! before an interruption is kept and the rest asked for.
//!
//! What is not here: when to pull (the node's decision), unpacking (`image`).
#![forbid(unsafe_code)]

mod challenge;
mod client;
mod credentials;
mod download;
mod endpoint;
mod error;
mod progress;
mod pull;
mod push;
mod session;
mod settings;
mod transport;

pub use challenge::{Challenge, challenges};
pub use client::Client;
pub use credentials::{Credential, Keyring, KeyringError};
pub use error::{Error, Failure, Trouble};
pub use progress::Progress;
pub use pull::Pulled;
pub use settings::{Collection, Settings, SettingsError};
