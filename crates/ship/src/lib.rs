//! Source to running: what a repository's `launchway.toml` describes, built, packed, migrated, deployed, followed.
//!
//! What is here: the project file, the packing of build outputs into images, the Kubernetes objects of a project
//! (pure), server-side apply of them, the migration Job, the rollout, and provenance: which source a pod runs.
//! What is not here: how tasks run (`build`), how images are kept (`image`), how scripts run (`migrate`), and the
//! cluster itself, which is any Kubernetes API that the given client leads to.
//!
//! Invariants: the same source gives the same image digest and the same objects, so nothing rolls out that did
//! not change; the database is migrated before any pod of the new version starts; a failure leaves what ran before.
#![forbid(unsafe_code)]

mod apply;
mod config;
mod deploy;
mod manifests;
mod migration;
mod pack;
mod project;
mod provenance;
mod rollout;

pub use config::{AppConfig, ConfigError, DatabaseConfig, ProjectConfig};
pub use deploy::{DeployError, Deployed, deploy, down};
pub use pack::{PackError, Packed, pack};
pub use project::{App, Database, Project, ProjectError};
pub use provenance::{Why, WhyError, why};

/// What happens on the way from source to running, for whoever shows it.
#[derive(Debug)]
pub enum Event<'a> {
    /// An image was packed; `new` when its digest was not in the store before.
    Image {
        /// The application.
        app: &'a str,
        /// The reference with digest.
        image: &'a str,
        /// Whether the store did not have it yet.
        new: bool,
    },
    /// The database needs no migration.
    DatabaseCurrent,
    /// The migration Job starts.
    Migrating,
    /// The migration Job ended well; the lines it printed.
    Migrated(&'a str),
    /// An object was created or changed.
    Applied {
        /// Its kind.
        kind: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// An object that is no longer wanted was deleted.
    Removed {
        /// Its kind.
        kind: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// How far a Deployment's rollout is.
    Rollout {
        /// The application.
        app: &'a str,
        /// Pods of the new version that are available.
        available: i32,
        /// Pods wanted.
        wanted: i32,
    },
}

/// Hears what happens.
pub type Progress<'a> = &'a (dyn Fn(Event<'_>) + Sync);
