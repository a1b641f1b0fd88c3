//! SQLite: one file, one connection, `BEGIN IMMEDIATE` as the lock.
//!
//! The driver blocks; migrations are the only thing their process does, so that is no harm.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::{Database, DatabaseError, Place};
use crate::HISTORY_TABLE;
use crate::history::HistoryRow;
use crate::split::{Statement, Syntax};
use crate::version::Version;

/// How long a statement waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// An open database file.
pub(crate) struct Sqlite(Connection);

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqlInputError { msg, offset, .. } => {
                Self { message: msg, offset: usize::try_from(offset).ok() }
            }
            other => Self { message: other.to_string(), offset: None },
        }
    }
}

impl Sqlite {
    /// Opens the file at `path`, making it and its folder when they are not there.
    pub(crate) fn open(path: &Path) -> Result<Self, DatabaseError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| DatabaseError {
                message: format!("cannot make the folder {}: {e}", parent.display()),
                offset: None,
            })?;
        }
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // Readers keep reading the old state while a migration is under way.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        Ok(Self(connection))
    }
}

impl Database for Sqlite {
    const SYNTAX: Syntax = Syntax::Sqlite;

    async fn lock(&mut self) -> Result<(), DatabaseError> {
        // Each script's own BEGIN IMMEDIATE excludes other writers; history is read again inside it.
        Ok(())
    }

    async fn foreign_object(&mut self) -> Result<Option<String>, DatabaseError> {
        let mut statement = self.0.prepare(
            "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'
             AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?1) ORDER BY name LIMIT 1",
        )?;
        let mut rows = statement.query([HISTORY_TABLE])?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }

    async fn history(&mut self) -> Result<Vec<HistoryRow>, DatabaseError> {
        self.0.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS \"{HISTORY_TABLE}\" (
                \"installed_rank\" INT NOT NULL PRIMARY KEY,
                \"version\" VARCHAR(50),
                \"description\" VARCHAR(200) NOT NULL,
                \"type\" VARCHAR(20) NOT NULL,
                \"script\" VARCHAR(1000) NOT NULL,
                \"checksum\" INT,
                \"installed_by\" VARCHAR(100) NOT NULL,
                \"installed_on\" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),
                \"execution_time\" INT NOT NULL,
                \"success\" BOOLEAN NOT NULL
            );
            CREATE INDEX IF NOT EXISTS \"{HISTORY_TABLE}_s_idx\" ON \"{HISTORY_TABLE}\" (\"success\");"
        ))?;
        let mut statement = self.0.prepare(&format!(
            "SELECT installed_rank, version, description, type, script, checksum, success
             FROM \"{HISTORY_TABLE}\" WHERE installed_rank > -1 ORDER BY installed_rank"
        ))?;
        let rows = statement.query_map([], |row| {
            let version: Option<String> = row.get(1)?;
            Ok(HistoryRow {
                installed_rank: row.get(0)?,
                version: version.and_then(|text| Version::parse(&text)),
                description: row.get(2)?,
                kind: row.get(3)?,
                script: row.get(4)?,
                checksum: row.get(5)?,
                success: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    async fn reset(&mut self) -> Result<(), DatabaseError> {
        // SQLite's own default, with which Flyway runs scripts: rebuilding a table that others refer to, SQLite's
        // way to change one, fails otherwise. The bundled library would check foreign keys.
        Ok(self.0.pragma_update(None, "foreign_keys", false)?)
    }

    async fn begin(&mut self) -> Result<(), DatabaseError> {
        Ok(self.0.execute_batch("BEGIN IMMEDIATE")?)
    }

    async fn execute(&mut self, statement: &str) -> Result<(), DatabaseError> {
        let mut statement = self.0.prepare(statement)?;
        // A SELECT or PRAGMA in a script answers rows that nobody reads.
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    async fn record(&mut self, row: &HistoryRow, milliseconds: i32) -> Result<(), DatabaseError> {
        self.0.execute(
            &format!(
                "INSERT INTO \"{HISTORY_TABLE}\"
                 (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, '', ?7, ?8)"
            ),
            params![
                row.installed_rank,
                row.version.as_ref().map(ToString::to_string),
                row.description,
                row.kind,
                row.script,
                row.checksum,
                milliseconds,
                row.success
            ],
        )?;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), DatabaseError> {
        Ok(self.0.execute_batch("COMMIT")?)
    }

    async fn rollback(&mut self) -> Result<(), DatabaseError> {
        if self.0.is_autocommit() {
            return Ok(());
        }
        Ok(self.0.execute_batch("ROLLBACK")?)
    }

    fn place(statement: &Statement) -> Place {
        // Inside a transaction this PRAGMA does nothing, silently.
        let is_pragma = statement.words.first().is_some_and(|word| word == "PRAGMA");
        if is_pragma && statement.words.iter().any(|word| word == "FOREIGN_KEYS") {
            return Place::Outside;
        }
        if is_pragma { Place::Either } else { Place::Inside }
    }
}
