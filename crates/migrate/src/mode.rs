//! Decides, pure, how a script is run: inside a transaction or outside, and which scripts cannot be run at all.
//!
//! Scripts that would break the promise of one transaction a script are refused before anything runs: those that
//! mix statements for inside and outside (as Flyway does), and those that end the transaction themselves.

use crate::database::{Database, Place};
use crate::script::Script;
use crate::split::{Statement, split};

/// A script that cannot be run as it is.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{script}:{line}: {reason}\n  {statement}")]
pub struct Unsuitable {
    /// The script.
    pub script: String,
    /// Line of the statement, from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub reason: &'static str,
    /// First line of the statement.
    pub statement: String,
}

/// A script ready to run.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What to run, in order.
    pub(crate) statements: Vec<Statement>,
    /// Whether one transaction holds them all.
    pub(crate) transactional: bool,
}

/// Cuts `script` and decides how its statements are run.
pub(crate) fn prepare<D: Database>(script: &Script) -> Result<Prepared, Unsuitable> {
    let mut statements = split(&script.text, D::SYNTAX);
    let refuse = |statement: &Statement, reason| Unsuitable {
        script: script.name.clone(),
        line: statement.line,
        reason,
        statement: statement.text.lines().next().unwrap_or_default().to_owned(),
    };
    // A transaction around the whole script is the one that is made anyway.
    if let [first, .., last] = statements.as_slice()
        && starts(first)
        && commits(last)
    {
        statements.pop();
        statements.remove(0);
    }
    if let Some(statement) = statements.iter().find(|s| starts(s) || commits(s) || takes_back(s)) {
        return Err(refuse(
            statement,
            "the script runs in a transaction of its own, which no statement of it may begin or end; remove this one",
        ));
    }
    if let Some(statement) = statements.iter().find(|s| reads_input(s)) {
        return Err(refuse(statement, "COPY … FROM STDIN has no input here; write INSERT statements"));
    }
    let find = |place| statements.iter().find(|statement| D::place(statement) == place);
    match (find(Place::Outside), find(Place::Inside)) {
        (Some(outside), Some(_)) => Err(refuse(
            outside,
            "the database refuses this statement inside a transaction, and others of this script need one; \
             give it a script of its own",
        )),
        (outside, _) => Ok(Prepared { transactional: outside.is_none(), statements }),
    }
}

fn begins_with(statement: &Statement, starts: &[&[&str]]) -> bool {
    let is_start = |start: &&[&str]| {
        start.len() <= statement.words.len() && start.iter().zip(&statement.words).all(|(a, b)| a == b)
    };
    starts.iter().any(is_start)
}

fn starts(statement: &Statement) -> bool {
    begins_with(statement, &[&["BEGIN"], &["START", "TRANSACTION"]])
}

fn commits(statement: &Statement) -> bool {
    begins_with(statement, &[&["COMMIT"], &["END"]])
}

fn takes_back(statement: &Statement) -> bool {
    let to_savepoint = statement.words.iter().any(|word| word == "TO");
    begins_with(statement, &[&["ABORT"], &["PREPARE", "TRANSACTION"]])
        || (begins_with(statement, &[&["ROLLBACK"]]) && !to_savepoint)
}

fn reads_input(statement: &Statement) -> bool {
    let reads = |pair: &[String]| pair[0] == "FROM" && pair[1] == "STDIN";
    begins_with(statement, &[&["COPY"]]) && statement.words.windows(2).any(reads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgres::Postgres;
    use crate::database::sqlite::Sqlite;

    fn transactional<D: Database>(text: &str) -> Result<bool, usize> {
        let script = Script::parse("V1__x.sql", text).unwrap();
        prepare::<D>(&script).map(|prepared| prepared.transactional).map_err(|refused| refused.line)
    }

    #[test]
    fn what_postgres_refuses_in_a_transaction_runs_outside() {
        for text in [
            "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
            "SET lock_timeout = '2s'; drop index /* ! */ concurrently i;",
            "REINDEX (VERBOSE) TABLE CONCURRENTLY t",
            "ALTER TABLE p DETACH PARTITION c CONCURRENTLY",
            "VACUUM FULL t",
        ] {
            assert_eq!(transactional::<Postgres>(text), Ok(false), "{text}");
        }
        for text in [
            "INSERT INTO t VALUES ( 'run concurrently now' )",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
            "CREATE INDEX \"concurrently\" ON t (a)",
            "CREATE TABLE vacuums (a int)",
        ] {
            assert_eq!(transactional::<Postgres>(text), Ok(true), "{text}");
        }
    }

    #[test]
    fn mixed_scripts_are_refused_at_the_line() {
        let text = "CREATE TABLE t (a int);\n\nCREATE INDEX CONCURRENTLY i ON t (a);";
        assert_eq!(transactional::<Postgres>(text), Err(3));
        assert_eq!(transactional::<Sqlite>("PRAGMA foreign_keys = OFF;\nDROP TABLE t;"), Err(1));
        assert_eq!(transactional::<Sqlite>("PRAGMA foreign_keys = ON;"), Ok(false));
    }

    #[test]
    fn a_script_does_not_end_its_own_transaction() {
        assert_eq!(transactional::<Postgres>("CREATE TABLE t ();\nCOMMIT;\nSELECT 1;"), Err(2));
        assert_eq!(transactional::<Sqlite>("ROLLBACK"), Err(1));
        assert_eq!(transactional::<Postgres>("COPY t (a) FROM STDIN;\n1\n"), Err(1));
        for text in ["BEGIN; CREATE TABLE t (a int); COMMIT;", "SAVEPOINT a; ROLLBACK TO a;"] {
            assert_eq!(transactional::<Postgres>(text), Ok(true), "{text}");
            assert_eq!(transactional::<Sqlite>(text), Ok(true), "{text}");
        }
    }
}
