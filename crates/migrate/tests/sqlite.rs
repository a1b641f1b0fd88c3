//! Whole runs on SQLite files.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use migrate::{MigrateError, PlanError, Report, Url};

async fn migrate(dir: &Path) -> Result<Report, MigrateError> {
    migrate::migrate(&url(dir), &[dir.join("sql")]).await
}

fn url(dir: &Path) -> Url {
    Url::Sqlite(dir.join("data/shop.db"))
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::create_dir_all(dir.join("sql")).unwrap();
    fs::write(dir.join("sql").join(name), text).unwrap();
}

fn query(dir: &Path, sql: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(dir.join("data/shop.db")).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn scripts_run_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "V1__products.sql", "CREATE TABLE p (n TEXT);\nINSERT INTO p VALUES ('tea;');\n");
    write(
        dir.path(),
        "V2__trigger.sql",
        "CREATE TRIGGER t AFTER DELETE ON p BEGIN\n INSERT INTO p VALUES ('x');\n END;",
    );
    write(dir.path(), "R__view.sql", "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT n FROM p;");
    let report = migrate(dir.path()).await.unwrap();
    let applied: Vec<&str> = report.applied.iter().map(|a| a.script.as_str()).collect();
    assert_eq!(applied, ["V1__products.sql", "V2__trigger.sql", "R__view.sql"]);
    assert_eq!(report.version.unwrap().to_string(), "2");
    assert_eq!(query(dir.path(), "SELECT n FROM v"), ["tea;"]);

    assert!(migrate(dir.path()).await.unwrap().applied.is_empty());
    write(dir.path(), "R__view.sql", "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT n || '!' FROM p;");
    assert_eq!(migrate(dir.path()).await.unwrap().applied.len(), 1);
    assert_eq!(query(dir.path(), "SELECT * FROM v"), ["tea;!"]);
    let ranks =
        query(dir.path(), "SELECT group_concat(installed_rank || ':' || script) FROM flyway_schema_history");
    assert_eq!(ranks, ["1:V1__products.sql,2:V2__trigger.sql,3:R__view.sql,4:R__view.sql"]);
}

#[tokio::test]
async fn a_failing_script_leaves_no_trace_and_is_placed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "V1__a.sql", "CREATE TABLE a (n TEXT);");
    write(dir.path(), "V2__b.sql", "CREATE TABLE b (n TEXT);\n\nINSERT INTO b\n  SELECT wrong FROM a;\n");
    let error = migrate(dir.path()).await.unwrap_err();
    let MigrateError::Statement { script, line, message, .. } = &error else { panic!("{error}") };
    assert_eq!((script.as_str(), *line), ("V2__b.sql", 4), "{error}");
    assert!(message.contains("no such column: wrong"), "{message}");
    assert_eq!(query(dir.path(), "SELECT name FROM sqlite_master WHERE name IN ('a','b')"), ["a"]);
    assert_eq!(query(dir.path(), "SELECT script FROM flyway_schema_history"), ["V1__a.sql"]);

    write(dir.path(), "V2__b.sql", "CREATE TABLE b (n TEXT);");
    assert_eq!(migrate(dir.path()).await.unwrap().applied.len(), 1);
}

#[tokio::test]
async fn a_changed_applied_script_stops_everything() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "V1__a.sql", "CREATE TABLE a (n TEXT);");
    migrate(dir.path()).await.unwrap();
    write(dir.path(), "V1__a.sql", "CREATE TABLE a (n INT);");
    write(dir.path(), "V2__b.sql", "CREATE TABLE b (n TEXT);");
    let error = migrate(dir.path()).await.unwrap_err();
    assert!(matches!(error, MigrateError::Plan(PlanError::Changed { .. })), "{error}");
    assert!(query(dir.path(), "SELECT name FROM sqlite_master WHERE name = 'b'").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_apply_each_script_once() {
    let dir = tempfile::tempdir().unwrap();
    for version in 1..=8 {
        write(dir.path(), &format!("V{version}__t.sql"), &format!("CREATE TABLE t{version} (n TEXT);"));
    }
    let path: PathBuf = dir.path().to_owned();
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(migrate(&path))
            })
        })
        .collect();
    let applied: usize = runs.into_iter().map(|run| run.join().unwrap().unwrap().applied.len()).sum();
    assert_eq!(applied, 8);
}

#[tokio::test]
async fn a_database_that_others_made_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "V1__a.sql", "CREATE TABLE a (n TEXT);");
    fs::create_dir_all(dir.path().join("data")).unwrap();
    let connection = rusqlite::Connection::open(dir.path().join("data/shop.db")).unwrap();
    connection.execute_batch("CREATE TABLE orders (n TEXT)").unwrap();
    let error = migrate(dir.path()).await.unwrap_err();
    assert!(matches!(&error, MigrateError::NotEmpty { object, .. } if object == "orders"), "{error}");
    assert_eq!(query(dir.path(), "SELECT name FROM sqlite_master"), ["orders"]);
}

#[tokio::test]
async fn a_table_that_others_refer_to_can_be_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        "V1__a.sql",
        "CREATE TABLE a (id INTEGER PRIMARY KEY);\nCREATE TABLE b (a REFERENCES a);\n\
         INSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1);",
    );
    write(
        dir.path(),
        "V2__rebuild.sql",
        "CREATE TABLE c (id INTEGER PRIMARY KEY, n TEXT DEFAULT 'x');\nINSERT INTO c (id) SELECT id FROM a;\n\
         DROP TABLE a;\nALTER TABLE c RENAME TO a;",
    );
    migrate(dir.path()).await.unwrap();
    assert_eq!(query(dir.path(), "SELECT n FROM a JOIN b ON b.a = a.id"), ["x"]);
}
