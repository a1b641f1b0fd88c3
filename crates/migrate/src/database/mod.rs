//! Databases: what the executor needs of one, and how a URL chooses it. Each dialect is a file of its own.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::fmt;
use std::path::PathBuf;

use crate::history::HistoryRow;
use crate::split::{Statement, Syntax};

/// What a database said, placed as well as it can be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DatabaseError {
    /// The database's own message, with its code where it gives one.
    pub message: String,
    /// Byte offset of the fault in the statement, where the database tells it.
    pub offset: Option<usize>,
}

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Url {
    /// A file; made when it is not there.
    Sqlite(PathBuf),
    /// A `postgres://` URL.
    Postgres(String),
}

/// A URL that names no known database.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is no database URL; use sqlite:/path/to/file or postgres://user:password@host:port/name")]
pub struct UrlError(String);

/// What the executor needs of a database.
pub(crate) trait Database {
    /// How its scripts are cut.
    const SYNTAX: Syntax;

    /// Makes sure no other process migrates at the same time, until the connection ends.
    async fn lock(&mut self) -> Result<(), DatabaseError>;
    /// Name of a table or the like that was made by somebody else: it is there, a history table is not.
    async fn foreign_object(&mut self) -> Result<Option<String>, DatabaseError>;
    /// Makes the history table if it is not there and reads it in the order of ranks.
    async fn history(&mut self) -> Result<Vec<HistoryRow>, DatabaseError>;
    /// Gives the session the settings it started with: a script before this one may have changed them.
    async fn reset(&mut self) -> Result<(), DatabaseError>;
    /// Starts a transaction.
    async fn begin(&mut self) -> Result<(), DatabaseError>;
    /// Runs one statement.
    async fn execute(&mut self, statement: &str) -> Result<(), DatabaseError>;
    /// Writes the history row of a script that took `milliseconds`.
    async fn record(&mut self, row: &HistoryRow, milliseconds: i32) -> Result<(), DatabaseError>;
    /// Makes the transaction permanent.
    async fn commit(&mut self) -> Result<(), DatabaseError>;
    /// Takes the transaction back.
    async fn rollback(&mut self) -> Result<(), DatabaseError>;
    /// How `statement` stands to transactions.
    fn place(statement: &Statement) -> Place;
}

/// How a statement stands to transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It belongs into one.
    Inside,
    /// The database refuses it there.
    Outside,
    /// It may stand in either, as `SET` does (Flyway takes it for one of a transaction).
    Either,
}

// === impl Url ===

impl Url {
    /// Understands `sqlite:PATH`, `sqlite://PATH`, `postgres://…`, `postgresql://…`, each also after `jdbc:`.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let url = text.strip_prefix("jdbc:").unwrap_or(text);
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.is_empty() {
                return Ok(Self::Sqlite(PathBuf::from(path)));
            }
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        Err(UrlError(without_password(text)))
    }
}

impl fmt::Display for Url {
    /// The URL without its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((user, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}://{name}:***@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_choose_a_database_and_hide_passwords() {
        assert_eq!(Url::parse("jdbc:sqlite:/d/s.db").unwrap(), Url::Sqlite(PathBuf::from("/d/s.db")));
        assert_eq!(Url::parse("sqlite:///d/s.db").unwrap(), Url::Sqlite(PathBuf::from("/d/s.db")));
        let url = Url::parse("postgres://u:secret@h:5432/d").unwrap();
        assert_eq!(url.to_string(), "postgres://u:***@h:5432/d");
        let error = Url::parse("mysql://u:secret@h/d").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
