//! Compares scripts with history, pure: what is to run, or why nothing may run.
//!
//! Rules are Flyway's `validate` with pending scripts allowed, and its order: versions, then repeatables. As there,
//! versions above every script are let be: an older state of the repository may run on a newer database.

use std::collections::BTreeMap;

use crate::HISTORY_TABLE;
use crate::history::{HistoryRow, shorten_end};
use crate::script::{Script, ScriptKind};
use crate::version::Version;

/// Why scripts and history do not fit together.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// An applied script was changed afterwards.
    #[error(
        "migration {script} was changed after it was applied: checksum {applied} in the database, {local} in the \
         file; take the change back and put it into a new migration"
    )]
    Changed {
        /// The script.
        script: String,
        /// Checksum in the history.
        applied: i32,
        /// Checksum of the file.
        local: i32,
    },
    /// The description of an applied script changed.
    #[error(
        "migration {script} is \"{local}\", but the database knows version {version} as \"{applied}\"; rename it back"
    )]
    Renamed {
        /// The script.
        script: String,
        /// Its version.
        version: String,
        /// Description in the history.
        applied: String,
        /// Description of the file.
        local: String,
    },
    /// An applied script is no longer there.
    #[error("{script} was applied to the database, but is not in the repository; bring it back")]
    Missing {
        /// Its script.
        script: String,
    },
    /// A script is older than what was applied.
    #[error(
        "migration {script} comes before version {current}, which is already applied; give it a higher version"
    )]
    OutOfOrder {
        /// The script.
        script: String,
        /// Highest applied version.
        current: String,
    },
    /// The history holds a failed script.
    #[error(
        "{script} failed earlier, outside a transaction, and left its row in the history; undo what it did, then \
         DELETE FROM {HISTORY_TABLE} WHERE installed_rank = {rank}"
    )]
    Failed {
        /// Its row in the history.
        rank: i32,
        /// Its script.
        script: String,
    },
}

/// Scripts that are to run, in order.
pub fn plan<'a>(scripts: &'a [Script], history: &[HistoryRow]) -> Result<Vec<&'a Script>, PlanError> {
    if let Some(row) = history.iter().find(|row| !row.success) {
        return Err(PlanError::Failed { rank: row.installed_rank, script: row.script.clone() });
    }
    let mut applied: BTreeMap<&Version, &HistoryRow> = BTreeMap::new();
    let mut repeatables: BTreeMap<&str, &HistoryRow> = BTreeMap::new();
    for row in history {
        match (&row.version, row.kind.as_str()) {
            (Some(version), "DELETE") => _ = applied.remove(version),
            (Some(version), _) => _ = applied.insert(version, row),
            (None, "SCHEMA") => {}
            (None, "DELETE") => _ = repeatables.remove(row.description.as_str()),
            (None, _) => _ = repeatables.insert(&row.description, row),
        }
    }
    let baseline = applied.values().find(|row| row.kind == "BASELINE").and_then(|row| row.version.clone());
    let current = applied.keys().next_back().copied();

    let mut versions = BTreeMap::new();
    let mut pending = Vec::new();
    for script in scripts {
        match &script.kind {
            ScriptKind::Versioned(version) => {
                versions.insert(version, ());
                match applied.get(version) {
                    Some(row) => check(script, version, row)?,
                    None if baseline.as_ref().is_some_and(|baseline| version <= baseline) => {}
                    None if current.is_some_and(|current| version < current) => {
                        let current = current.map(ToString::to_string).unwrap_or_default();
                        return Err(PlanError::OutOfOrder { script: script.name.clone(), current });
                    }
                    None => pending.push(script),
                }
            }
            ScriptKind::Repeatable => {
                let description = shorten_end(&script.description, 200);
                if repeatables.remove(description.as_str()).and_then(|row| row.checksum)
                    != Some(script.checksum)
                {
                    pending.push(script);
                }
            }
        }
    }
    let newest = versions.last_key_value().map(|(version, ())| *version);
    let missing = applied.iter().find(|(version, row)| {
        row.kind == "SQL"
            && !versions.contains_key(*version)
            && newest.is_some_and(|newest| **version < newest)
    });
    // What is left of the repeatable ones has no script.
    let missing =
        missing.map(|(_, row)| *row).or_else(|| repeatables.into_values().find(|row| row.kind == "SQL"));
    if let Some(row) = missing {
        return Err(PlanError::Missing { script: row.script.clone() });
    }
    Ok(pending)
}

fn check(script: &Script, version: &Version, row: &HistoryRow) -> Result<(), PlanError> {
    if row.kind != "SQL" {
        return Ok(());
    }
    if let Some(applied) = row.checksum
        && applied != script.checksum
    {
        return Err(PlanError::Changed { script: script.name.clone(), applied, local: script.checksum });
    }
    let local = shorten_end(&script.description, 200);
    if row.description != local {
        return Err(PlanError::Renamed {
            script: script.name.clone(),
            version: version.to_string(),
            applied: row.description.clone(),
            local,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(name: &str, text: &str) -> Script {
        Script::parse(name, text).unwrap()
    }

    fn applied(scripts: &[&Script]) -> Vec<HistoryRow> {
        scripts.iter().zip(1..).map(|(script, rank)| HistoryRow::for_script(script, rank)).collect()
    }

    #[test]
    fn what_is_not_applied_is_pending() {
        let scripts = [script("V1__a.sql", "1"), script("V2__b.sql", "2"), script("R__v.sql", "v")];
        let names = |history: &[HistoryRow]| -> Vec<String> {
            plan(&scripts, history).unwrap().iter().map(|s| s.name.clone()).collect()
        };
        assert_eq!(names(&[]), ["V1__a.sql", "V2__b.sql", "R__v.sql"]);
        assert_eq!(names(&applied(&[&scripts[0], &scripts[2]])), ["V2__b.sql"]);
        assert!(names(&applied(&[&scripts[0], &scripts[1], &scripts[2]])).is_empty());
        assert_eq!(names(&applied(&[&scripts[0], &scripts[1], &script("R__v.sql", "old")])), ["R__v.sql"]);
    }

    #[test]
    fn changes_of_the_past_are_refused() {
        let (one, two) = (script("V1__a.sql", "1"), script("V2__b.sql", "2"));
        let history = applied(&[&one, &two]);
        assert!(matches!(
            plan(&[script("V1__a.sql", "x"), two.clone()], &history),
            Err(PlanError::Changed { .. })
        ));
        assert!(matches!(
            plan(&[script("V1__z.sql", "1"), two.clone()], &history),
            Err(PlanError::Renamed { .. })
        ));
        assert!(matches!(plan(std::slice::from_ref(&two), &history), Err(PlanError::Missing { .. })));
        let view = applied(&[&one, &two, &script("R__v.sql", "")]);
        assert!(matches!(plan(&[one.clone(), two.clone()], &view), Err(PlanError::Missing { .. })));
        assert!(plan(std::slice::from_ref(&one), &history).unwrap().is_empty(), "an older repository");
        let late = [one.clone(), script("V1.5__c.sql", ""), two.clone()];
        assert!(matches!(plan(&late, &history), Err(PlanError::OutOfOrder { .. })));
        let mut failed = history;
        failed[1].success = false;
        assert!(matches!(plan(&[one, two], &failed), Err(PlanError::Failed { .. })));
    }
}
