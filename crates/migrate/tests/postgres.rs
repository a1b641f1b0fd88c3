//! Whole runs on a real PostgreSQL server that the tests start themselves.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::fs;
use std::path::Path;

use common::{Database, connect, database};
use migrate::{MigrateError, PlanError, Report, Url};

async fn migrate(database: &Database, dir: &Path) -> Result<Report, MigrateError> {
    migrate::migrate(&Url::parse(&database.url()).unwrap(), &[dir.to_owned()]).await
}

fn scripts(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).unwrap());
    dir
}

const HISTORY: &str =
    "SELECT installed_rank || '|' || coalesce(version, '') || '|' || script || '|' || success
                       FROM public.flyway_schema_history ORDER BY installed_rank";

#[tokio::test]
async fn scripts_run_once_in_order_with_their_functions() {
    let Some(database) = database().await else { return };
    let dir = scripts(&[
        ("V10__later.sql", "INSERT INTO t VALUES (10);"),
        (
            "V2__function.sql",
            "CREATE TABLE t (n int);\nCREATE FUNCTION twice(x int) RETURNS int LANGUAGE plpgsql AS $f$\nBEGIN\n  \
             RETURN x * 2; -- ;\nEND $f$;\nDO $$ BEGIN INSERT INTO t VALUES (twice(1)); END $$;\n",
        ),
        ("R__view.sql", "CREATE OR REPLACE VIEW v AS SELECT n FROM t;"),
    ]);
    let report = migrate(&database, dir.path()).await.unwrap();
    assert_eq!(report.version.unwrap().to_string(), "10");
    assert_eq!(database.query("SELECT n FROM v ORDER BY n").await, ["2", "10"]);
    assert!(migrate(&database, dir.path()).await.unwrap().applied.is_empty());
    fs::write(dir.path().join("R__view.sql"), "CREATE OR REPLACE VIEW v AS SELECT -n AS n FROM t;").unwrap();
    assert_eq!(migrate(&database, dir.path()).await.unwrap().applied.len(), 1);
    let expected = [
        "1|2|V2__function.sql|true",
        "2|10|V10__later.sql|true",
        "3||R__view.sql|true",
        "4||R__view.sql|true",
    ];
    assert_eq!(database.query(HISTORY).await, expected);
    let by = database.query("SELECT DISTINCT installed_by FROM flyway_schema_history").await;
    assert_eq!(by, ["postgres"]);
}

#[tokio::test]
async fn a_failing_script_leaves_nothing_and_is_placed() {
    let Some(database) = database().await else { return };
    let dir = scripts(&[
        ("V1__a.sql", "CREATE TABLE a (n int);"),
        (
            "V2__b.sql",
            "CREATE TABLE b (n int);\n-- ä\nINSERT INTO b -- ööööööööööööööööööööö\n  SELECT nope\n  FROM a;\n",
        ),
    ]);
    let error = migrate(&database, dir.path()).await.unwrap_err();
    let MigrateError::Statement { script, line, message, statement } = &error else { panic!("{error}") };
    assert_eq!((script.as_str(), *line, statement.as_str()), ("V2__b.sql", 4, "SELECT nope"), "{error}");
    assert!(message.contains("column \"nope\" does not exist") && message.contains("42703"), "{message}");
    assert_eq!(database.query("SELECT to_regclass('b') IS NULL").await, ["t"]);
    assert_eq!(database.query(HISTORY).await, ["1|1|V1__a.sql|true"]);

    let text = "DO $$\nBEGIN\n  RAISE EXCEPTION 'stop here' USING HINT = 'go away';\nEND $$;";
    fs::write(dir.path().join("V2__b.sql"), text).unwrap();
    let text = migrate(&database, dir.path()).await.unwrap_err().to_string();
    for part in ["V2__b.sql:1: ERROR: stop here", "hint: go away", "inline_code_block line 3 at RAISE"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn indexes_are_built_concurrently_and_their_failure_stays_in_the_history() {
    let Some(database) = database().await else { return };
    let dir = scripts(&[
        ("V1__a.sql", "CREATE TABLE a (n int);\nINSERT INTO a VALUES (1), (1);"),
        ("V2__i.sql", "CREATE INDEX CONCURRENTLY i ON a (n);"),
    ]);
    assert_eq!(migrate(&database, dir.path()).await.unwrap().applied.len(), 2);
    let index = "\nCREATE UNIQUE INDEX CONCURRENTLY u\n ON a (n);";
    fs::write(dir.path().join("V3__u.sql"), index).unwrap();
    let error = migrate(&database, dir.path()).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, MigrateError::Partly { rank: 3, .. }), "{text}");
    for part in ["V3__u.sql:2", "could not create unique index", "remains", "installed_rank = 3"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(database.query(HISTORY).await[2], "3|3|V3__u.sql|false");
    let again = migrate(&database, dir.path()).await.unwrap_err();
    assert!(matches!(again, MigrateError::Plan(PlanError::Failed { rank: 3, .. })), "{again}");

    database.query("DROP INDEX u").await;
    database.query("DELETE FROM a").await;
    database.query("DELETE FROM flyway_schema_history WHERE installed_rank = 3").await;
    assert_eq!(migrate(&database, dir.path()).await.unwrap().applied.len(), 1);
}

#[tokio::test]
async fn scripts_that_cannot_run_stop_everything_before_it_starts() {
    let Some(database) = database().await else { return };
    let dir = scripts(&[
        ("V1__a.sql", "CREATE TABLE a (n int);"),
        ("V2__mixed.sql", "INSERT INTO a VALUES (1);\nCREATE INDEX CONCURRENTLY i ON a (n);"),
    ]);
    let error = migrate(&database, dir.path()).await.unwrap_err();
    assert!(matches!(&error, MigrateError::Unsuitable(refused) if refused.line == 2), "{error}");
    fs::write(dir.path().join("V2__mixed.sql"), "COPY a FROM STDIN;\n1\n\\.\n").unwrap();
    let error = migrate(&database, dir.path()).await.unwrap_err();
    assert!(matches!(&error, MigrateError::Unsuitable(refused) if refused.line == 1), "{error}");
    assert_eq!(database.query("SELECT to_regclass('a') IS NULL").await, ["t"]);
}

#[tokio::test]
async fn settings_of_a_script_do_not_reach_the_next() {
    let Some(database) = database().await else { return };
    let dir = scripts(&[
        (
            "V1__dump.sql",
            "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a (n int);\n\
             CREATE ROLE nobody_much;\nSET ROLE nobody_much;",
        ),
        ("V2__b.sql", "CREATE TABLE b AS SELECT n FROM a;"),
    ]);
    assert_eq!(migrate(&database, dir.path()).await.unwrap().applied.len(), 2);
}

#[tokio::test]
async fn a_changed_script_and_a_database_of_others_are_refused() {
    let Some(database) = database().await else { return };
    database.query("CREATE TABLE theirs (n int)").await;
    let dir = scripts(&[("V1__a.sql", "CREATE TABLE a (n int);")]);
    let error = migrate(&database, dir.path()).await.unwrap_err();
    assert!(matches!(&error, MigrateError::NotEmpty { object, .. } if object == "theirs"), "{error}");
    database.query("DROP TABLE theirs").await;
    migrate(&database, dir.path()).await.unwrap();
    fs::write(dir.path().join("V1__a.sql"), "CREATE TABLE a (n bigint);").unwrap();
    let error = migrate(&database, dir.path()).await.unwrap_err();
    assert!(matches!(&error, MigrateError::Plan(PlanError::Changed { script, .. }) if script == "V1__a.sql"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_apply_each_script_once() {
    let Some(database) = database().await else { return };
    let dir = tempfile::tempdir().unwrap();
    for version in 1..=6 {
        let text = format!("CREATE TABLE t{version} (n int);");
        fs::write(dir.path().join(format!("V{version}__t.sql")), text).unwrap();
    }
    let url = Url::parse(&database.url()).unwrap();
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let (url, dir) = (url.clone(), dir.path().to_owned());
            tokio::spawn(async move { migrate::migrate(&url, &[dir]).await.unwrap().applied.len() })
        })
        .collect();
    let mut applied = 0;
    for run in runs {
        applied += run.await.unwrap();
    }
    assert_eq!(applied, 6);
    assert_eq!(database.query(HISTORY).await.len(), 6);
}

/// Flyway 13 takes the transaction lock 77433833903597 for the default table in schema `public`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_flyway_is_waited_for() {
    let Some(database) = database().await else { return };
    let dir = scripts(&[("V1__a.sql", "CREATE TABLE a (n int);")]);
    let flyway = connect(&database.url()).await;
    flyway.batch_execute("BEGIN; SELECT pg_try_advisory_xact_lock(77433833903597)").await.unwrap();
    let url = Url::parse(&database.url()).unwrap();
    let folder = dir.path().to_owned();
    let run = tokio::spawn(async move { migrate::migrate(&url, &[folder]).await });
    let asked = format!(
        "SELECT count(*) > 0 FROM pg_stat_activity
         WHERE datname = '{}' AND query LIKE 'SELECT pg_try_advisory_lock(77433833903597)%' AND state = 'idle'",
        database.name
    );
    while database.query(&asked).await != ["t"] {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(database.query("SELECT to_regclass('flyway_schema_history') IS NULL").await, ["t"]);
    assert!(!run.is_finished());
    flyway.batch_execute("COMMIT").await.unwrap();
    assert_eq!(run.await.unwrap().unwrap().applied.len(), 1);
}
