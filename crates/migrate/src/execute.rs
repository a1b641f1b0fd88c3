//! Runs what the plan says: one transaction a script, its history row inside it. A script that no transaction can
//! hold leaves a failed row when it fails, as with Flyway, so that nobody runs on over what it left.

use std::path::PathBuf;
use std::time::Instant;

use crate::HISTORY_TABLE;
use crate::database::postgres::Postgres;
use crate::database::sqlite::Sqlite;
use crate::database::{Database, DatabaseError, Url};
use crate::history::HistoryRow;
use crate::mode::{Unsuitable, prepare};
use crate::plan::{PlanError, plan};
use crate::script::{self, Script, ScriptError};
use crate::split::Statement;
use crate::version::Version;

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Scripts applied by this run, in order.
    pub applied: Vec<Applied>,
    /// Highest version the database has now.
    pub version: Option<Version>,
}

/// One applied script.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Its path.
    pub script: String,
    /// How long it took, in milliseconds.
    pub milliseconds: i32,
}

/// Why a run stopped. Except for [`MigrateError::Partly`] the database is as it was before the script that failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The scripts cannot be read.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// Scripts and history do not fit together; nothing was run.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A script cannot be run as it is; nothing was run.
    #[error(transparent)]
    Unsuitable(#[from] Unsuitable),
    /// There are tables, but no history; nothing was run.
    #[error(
        "{url}: has no {HISTORY_TABLE}, but holds \"{object}\": something else made it; use an empty database, or \
         write the history with Flyway's baseline command"
    )]
    NotEmpty {
        /// Where it is, without password.
        url: String,
        /// A table, view or sequence found there.
        object: String,
    },
    /// The database cannot be reached, locked or read.
    #[error("{url}: {error}")]
    Database {
        /// Where it is, without password.
        url: String,
        /// What it said.
        error: DatabaseError,
    },
    /// A statement failed.
    #[error("{script}:{line}: {message}\n  {statement}")]
    Statement {
        /// The script.
        script: String,
        /// The line in the script, from 1.
        line: usize,
        /// The database's message.
        message: String,
        /// The line's text.
        statement: String,
    },
    /// A statement failed in a script that cannot run in a transaction: what came before it remains.
    #[error(
        "{failed}\nno transaction can hold this script, so what it did before remains (a failed CREATE INDEX \
         CONCURRENTLY leaves an invalid index); undo it, then DELETE FROM {HISTORY_TABLE} WHERE installed_rank = {rank}"
    )]
    Partly {
        /// The statement that failed.
        failed: Box<MigrateError>,
        /// The failed row in the history, which stops later runs.
        rank: i32,
    },
}

/// Applies to the database at `url` every script below `locations` that it does not have yet.
pub async fn migrate(url: &Url, locations: &[PathBuf]) -> Result<Report, MigrateError> {
    let scripts = script::read(locations)?;
    let failed = |error| MigrateError::Database { url: url.to_string(), error };
    match url {
        Url::Sqlite(path) => run(Sqlite::open(path).map_err(failed)?, url, &scripts).await,
        Url::Postgres(text) => run(Postgres::connect(text).await.map_err(failed)?, url, &scripts).await,
    }
}

async fn run<D: Database>(mut database: D, url: &Url, scripts: &[Script]) -> Result<Report, MigrateError> {
    let failed = |error| MigrateError::Database { url: url.to_string(), error };
    database.lock().await.map_err(failed)?;
    if let Some(object) = database.foreign_object().await.map_err(failed)? {
        return Err(MigrateError::NotEmpty { url: url.to_string(), object });
    }
    let history = database.history().await.map_err(failed)?;
    for script in plan(scripts, &history)? {
        prepare::<D>(script)?;
    }
    let mut report = Report::default();
    loop {
        let history = database.history().await.map_err(failed)?;
        let Some(script) = plan(scripts, &history)?.first().copied() else {
            report.version = history.iter().filter_map(|row| row.version.clone()).max();
            return Ok(report);
        };
        if let Some(applied) = apply(&mut database, script, scripts, failed).await? {
            report.applied.push(applied);
        }
    }
}

/// Applies `script`; `None` when another process was faster.
async fn apply<D: Database>(
    database: &mut D,
    script: &Script,
    scripts: &[Script],
    failed: impl Fn(DatabaseError) -> MigrateError,
) -> Result<Option<Applied>, MigrateError> {
    let prepared = prepare::<D>(script)?;
    database.reset().await.map_err(&failed)?;
    if prepared.transactional {
        database.begin().await.map_err(&failed)?;
    }
    // Read again inside the transaction: it may have waited for another process that applied this script.
    let history = database.history().await.map_err(&failed)?;
    let is_pending = plan(scripts, &history)?.iter().any(|pending| pending.name == script.name);
    if !is_pending {
        if prepared.transactional {
            database.rollback().await.map_err(&failed)?;
        }
        return Ok(None);
    }
    let rank = history.iter().map(|row| row.installed_rank).max().unwrap_or(0) + 1;
    let mut row = HistoryRow::for_script(script, rank);
    let started = Instant::now();
    let elapsed = || i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX);
    for statement in &prepared.statements {
        let Err(error) = database.execute(&statement.text).await else { continue };
        let stopped = placed(script, statement, &error);
        if prepared.transactional {
            database.rollback().await.map_err(&failed)?;
            return Err(stopped);
        }
        row.success = false;
        database.record(&row, elapsed()).await.map_err(&failed)?;
        return Err(MigrateError::Partly { failed: Box::new(stopped), rank });
    }
    let milliseconds = elapsed();
    database.record(&row, milliseconds).await.map_err(&failed)?;
    if prepared.transactional {
        database.commit().await.map_err(&failed)?;
    }
    Ok(Some(Applied { script: script.name.clone(), milliseconds }))
}

/// Adds script and line to what the database said.
fn placed(script: &Script, statement: &Statement, error: &DatabaseError) -> MigrateError {
    let before = error.offset.and_then(|offset| statement.text.get(..offset)).unwrap_or_default();
    let line = statement.line + before.matches('\n').count();
    MigrateError::Statement {
        script: script.name.clone(),
        line,
        message: error.message.clone(),
        statement: script.text.lines().nth(line - 1).unwrap_or_default().trim().to_owned(),
    }
}
