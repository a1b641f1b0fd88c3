//! PostgreSQL: a session advisory lock with Flyway's key, simple protocol, one transaction a script.
//!
//! Connections are not encrypted: the database is expected on the node, in the cluster or behind a tunnel.

use std::time::Duration;

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::{Database, DatabaseError, Place};
use crate::HISTORY_TABLE;
use crate::history::HistoryRow;
use crate::split::{Statement, Syntax};
use crate::version::Version;

/// How often the lock is asked for, one second apart, before giving up (Flyway's `lockRetryCount`).
const LOCK_RETRIES: u32 = 50;

/// ASCII `Flyway` as a number: the base of Flyway's advisory keys.
const LOCK_BASE: i64 = 77_431_708_279_161;

/// How often a server that does not answer yet is asked again, one second apart.
const CONNECT_RETRIES: u32 = 30;

/// An open connection.
pub(crate) struct Postgres {
    client: Client,
    schema: String,
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            return Self { message: error_chain(&error), offset: None };
        };
        let mut message = format!("{}: {} (SQLSTATE {})", db.severity(), db.message(), db.code().code());
        for (label, text) in [("detail", db.detail()), ("hint", db.hint()), ("in", db.where_())] {
            if let Some(text) = text {
                message.push_str(&format!("\n{label}: {text}"));
            }
        }
        let offset = match db.position() {
            Some(tokio_postgres::error::ErrorPosition::Original(position)) => {
                Some((*position as usize).saturating_sub(1))
            }
            _ => None,
        };
        Self { message, offset }
    }
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

impl Postgres {
    /// Connects to `url`, waiting for a server that is still starting.
    pub(crate) async fn connect(url: &str) -> Result<Self, DatabaseError> {
        let mut tries = 0;
        let (client, connection) = loop {
            match tokio_postgres::connect(url, NoTls).await {
                Ok(connected) => break connected,
                Err(error) if error.as_db_error().is_none() && tries < CONNECT_RETRIES => {
                    tries += 1;
                    tracing::warn!("database does not answer yet: {}", error_chain(&error));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::error!("database connection ended: {error}");
            }
        });
        let mut postgres = Self { client, schema: String::new() };
        postgres.schema =
            postgres.value("SELECT current_schema()").await?.unwrap_or_else(|| "public".to_owned());
        Ok(postgres)
    }

    /// First column of the first row.
    async fn value(&mut self, query: &str) -> Result<Option<String>, DatabaseError> {
        let messages = self.client.simple_query(query).await?;
        Ok(messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    fn table(&self) -> String {
        format!("\"{}\".\"{HISTORY_TABLE}\"", self.schema)
    }
}

impl Database for Postgres {
    const SYNTAX: Syntax = Syntax::Postgres;

    async fn lock(&mut self) -> Result<(), DatabaseError> {
        let key = LOCK_BASE + i64::from(java_hash(&self.table()));
        for _ in 0..LOCK_RETRIES {
            // Asking again instead of waiting inside the server: a blocked session would itself block
            // CREATE INDEX CONCURRENTLY of the process that holds the lock.
            if self.value(&format!("SELECT pg_try_advisory_lock({key})")).await?.as_deref() == Some("t") {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err(DatabaseError {
            message: format!(
                "another process has been migrating this database for {LOCK_RETRIES} seconds (advisory lock {key}); \
                 wait for it or end its session"
            ),
            offset: None,
        })
    }

    async fn foreign_object(&mut self) -> Result<Option<String>, DatabaseError> {
        // What belongs to an extension came with the server's set-up.
        let query = format!(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'v', 'm', 'S', 'f', 'p')
             AND to_regclass('{}') IS NULL
             AND NOT EXISTS (SELECT 1 FROM pg_depend d
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
             ORDER BY c.relname LIMIT 1",
            self.table()
        );
        self.value(&query).await
    }

    async fn history(&mut self) -> Result<Vec<HistoryRow>, DatabaseError> {
        let table = self.table();
        let exists = self.value(&format!("SELECT to_regclass('{table}') IS NOT NULL")).await?;
        if exists.as_deref() != Some("t") {
            self.client
                .batch_execute(&format!(
                    "BEGIN;
                     CREATE TABLE {table} (
                        \"installed_rank\" INT NOT NULL,
                        \"version\" VARCHAR(50),
                        \"description\" VARCHAR(200) NOT NULL,
                        \"type\" VARCHAR(20) NOT NULL,
                        \"script\" VARCHAR(1000) NOT NULL,
                        \"checksum\" INTEGER,
                        \"installed_by\" VARCHAR(100) NOT NULL,
                        \"installed_on\" TIMESTAMP NOT NULL DEFAULT now(),
                        \"execution_time\" INTEGER NOT NULL,
                        \"success\" BOOLEAN NOT NULL
                     );
                     ALTER TABLE {table} ADD CONSTRAINT \"{HISTORY_TABLE}_pk\" PRIMARY KEY (\"installed_rank\");
                     CREATE INDEX \"{HISTORY_TABLE}_s_idx\" ON {table} (\"success\");
                     COMMIT;"
                ))
                .await?;
        }
        let rows = self
            .client
            .query(
                &format!(
                    "SELECT installed_rank, version, description, type, script, checksum, success
                     FROM {table} WHERE installed_rank > -1 ORDER BY installed_rank"
                ),
                &[],
            )
            .await?;
        let row = |row: &tokio_postgres::Row| -> Result<HistoryRow, tokio_postgres::Error> {
            let version: Option<String> = row.try_get(1)?;
            Ok(HistoryRow {
                installed_rank: row.try_get(0)?,
                version: version.and_then(|text| Version::parse(&text)),
                description: row.try_get(2)?,
                kind: row.try_get(3)?,
                script: row.try_get(4)?,
                checksum: row.try_get(5)?,
                success: row.try_get(6)?,
            })
        };
        Ok(rows.iter().map(row).collect::<Result<_, _>>()?)
    }

    async fn reset(&mut self) -> Result<(), DatabaseError> {
        // Dumps set an empty search path, for example.
        Ok(self.client.batch_execute("RESET ALL; RESET ROLE").await?)
    }

    async fn begin(&mut self) -> Result<(), DatabaseError> {
        Ok(self.client.batch_execute("BEGIN").await?)
    }

    async fn execute(&mut self, statement: &str) -> Result<(), DatabaseError> {
        self.client.batch_execute(statement).await.map_err(|error| {
            let error = DatabaseError::from(error);
            // The server counts characters.
            let byte = |offset| statement.char_indices().nth(offset).map(|(byte, _)| byte);
            DatabaseError { offset: error.offset.and_then(byte), ..error }
        })
    }

    async fn record(&mut self, row: &HistoryRow, milliseconds: i32) -> Result<(), DatabaseError> {
        // The script may have taken a role that has no right to the table.
        self.client.batch_execute("RESET ROLE").await?;
        let version = row.version.as_ref().map(ToString::to_string);
        self.client
            .execute(
                &format!(
                    "INSERT INTO {} (installed_rank, version, description, type, script, checksum, installed_by,
                     execution_time, success) VALUES ($1, $2, $3, $4, $5, $6, current_user, $7, $8)",
                    self.table()
                ),
                &[
                    &row.installed_rank,
                    &version,
                    &row.description,
                    &row.kind,
                    &row.script,
                    &row.checksum,
                    &milliseconds,
                    &row.success,
                ],
            )
            .await?;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), DatabaseError> {
        Ok(self.client.batch_execute("COMMIT").await?)
    }

    async fn rollback(&mut self) -> Result<(), DatabaseError> {
        Ok(self.client.batch_execute("ROLLBACK").await?)
    }

    fn place(statement: &Statement) -> Place {
        const OUTSIDE: [&[&str]; 13] = [
            &["CREATE", "DATABASE"],
            &["DROP", "DATABASE"],
            &["CREATE", "TABLESPACE"],
            &["DROP", "TABLESPACE"],
            &["CREATE", "SUBSCRIPTION"],
            &["DROP", "SUBSCRIPTION"],
            &["ALTER", "SYSTEM"],
            &["REINDEX", "SCHEMA"],
            &["REINDEX", "DATABASE"],
            &["REINDEX", "SYSTEM"],
            &["VACUUM"],
            &["DISCARD", "ALL"],
            &["CREATE", "UNIQUE", "INDEX", "CONCURRENTLY"],
        ];
        let words: Vec<&str> = statement.words.iter().map(String::as_str).collect();
        let is_concurrent = match words.as_slice() {
            ["CREATE" | "DROP", "INDEX", "CONCURRENTLY", ..] => true,
            ["REINDEX", rest @ ..] => rest.contains(&"CONCURRENTLY"),
            ["ALTER", "TABLE", rest @ ..] => rest.contains(&"DETACH") && rest.contains(&"CONCURRENTLY"),
            _ => false,
        };
        if is_concurrent || OUTSIDE.iter().any(|start| words.starts_with(start)) {
            return Place::Outside;
        }
        match words.first() {
            Some(&("SET" | "RESET" | "SHOW")) => Place::Either,
            _ => Place::Inside,
        }
    }
}

/// Java's `String.hashCode`, on which Flyway's lock key rests.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key real Flyway 13 takes for the default table of schema `public`.
    #[test]
    fn the_lock_key_is_flyways() {
        let hash = java_hash("\"public\".\"flyway_schema_history\"");
        assert_eq!(LOCK_BASE + i64::from(hash), 77_433_833_903_597);
    }
}
