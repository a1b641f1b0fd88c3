//! Rows of the history table, in Flyway's shape.

use crate::script::{Script, ScriptKind};
use crate::version::Version;

/// One row of `flyway_schema_history`.
#[derive(Debug, Clone)]
pub struct HistoryRow {
    /// Position in the order of application, from 1.
    pub installed_rank: i32,
    /// Version, or none for repeatable scripts.
    pub version: Option<Version>,
    /// At most 200 characters.
    pub description: String,
    /// `SQL`, `BASELINE`, `SCHEMA`, `DELETE`, …
    pub kind: String,
    /// Path of the script.
    pub script: String,
    /// Checksum of the script.
    pub checksum: Option<i32>,
    /// False where a failed script could not be rolled back.
    pub success: bool,
}

impl HistoryRow {
    /// The row that records `script` as applied.
    pub fn for_script(script: &Script, installed_rank: i32) -> Self {
        Self {
            installed_rank,
            version: match &script.kind {
                ScriptKind::Versioned(version) => Some(version.clone()),
                ScriptKind::Repeatable => None,
            },
            description: shorten_end(&script.description, 200),
            kind: "SQL".to_owned(),
            script: script.name.clone(),
            checksum: Some(script.checksum),
            success: true,
        }
    }
}

/// Flyway cuts long descriptions to 197 characters and three dots.
pub(crate) fn shorten_end(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit - 3).chain("...".chars()).collect()
}
