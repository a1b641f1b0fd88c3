//! Brings a database to the version its repository describes, as Flyway does.
//!
//! What is here: versioned (`V1__name.sql`) and repeatable (`R__name.sql`) scripts, Flyway's checksums, history
//! table and order, validation before anything runs, one transaction a script, SQLite and PostgreSQL, each in a
//! file of its own behind one trait.
//!
//! What is not here: undo, baseline, repair, clean, callbacks, placeholders, code migrations, other databases.
//! This crate knows nothing about clusters or images.
//!
//! Invariants: a script and its history row are committed together or not at all (scripts that a database refuses
//! to run in a transaction leave a failed row instead); a script that was applied is never applied again; a changed
//! applied script stops the run before anything is changed.
#![forbid(unsafe_code)]

pub mod database;
mod execute;
mod history;
mod mode;
mod plan;
pub mod script;
mod split;
mod version;

pub use database::{DatabaseError, Url, UrlError};
pub use execute::{Applied, MigrateError, Report, migrate};
pub use history::HistoryRow;
pub use mode::Unsuitable;
pub use plan::{PlanError, plan};
pub use script::{Script, ScriptError, ScriptKind};
pub use split::{Statement, Syntax, split};
pub use version::Version;

/// Name of the history table, Flyway's default.
pub const HISTORY_TABLE: &str = "flyway_schema_history";
