//! Runs what the plan says: one transaction a script, its history row inside it.

use std::path::PathBuf;
use std::time::Instant;

use crate::database::postgres::Postgres;
use crate::database::sqlite::Sqlite;
use crate::database::{Database, DatabaseError, Url};
use crate::history::HistoryRow;
use crate::plan::{PlanError, plan};
use crate::script::{self, Script, ScriptError};
use crate::split::{Statement, split};
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

/// Why a run stopped. The database is as it was before the script that failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The scripts cannot be read.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// Scripts and history do not fit together; nothing was run.
    #[error(transparent)]
    Plan(#[from] PlanError),
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
    let transactional = !database.needs_no_transaction(script);
    if transactional {
        database.begin().await.map_err(&failed)?;
    }
    // Read again inside the transaction: it may have waited for another process that applied this script.
    let history = database.history().await.map_err(&failed)?;
    let is_pending = plan(scripts, &history)?.iter().any(|pending| pending.name == script.name);
    if !is_pending {
        if transactional {
            database.rollback().await.map_err(&failed)?;
        }
        return Ok(None);
    }
    let started = Instant::now();
    for statement in split(&script.text, D::SYNTAX) {
        if let Err(error) = database.execute(&statement.text).await {
            if transactional {
                database.rollback().await.map_err(&failed)?;
            }
            return Err(placed(script, &statement, &error));
        }
    }
    let milliseconds = i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX);
    let rank = history.iter().map(|row| row.installed_rank).max().unwrap_or(0) + 1;
    database.record(&HistoryRow::for_script(script, rank), milliseconds).await.map_err(&failed)?;
    if transactional {
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
