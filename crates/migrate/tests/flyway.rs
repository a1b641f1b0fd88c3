//! The real Flyway beside ours on the same databases: each continues what the other began, and both write the same
//! history. Flyway comes from Maven Central once, into the target folder; `FLYWAY_CLASSPATH` names another one.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use common::missing;
use migrate::{MigrateError, Url};

/// The newest command line of which Maven Central has every part that is used here.
const VERSION: &str = "12.4.0";

const PARTS: [&str; 4] =
    ["flyway-commandline", "flyway-core", "flyway-database-postgresql", "flyway-reports"];

/// What Flyway's distribution holds beside its own parts.
const LIBRARIES: [&str; 7] = [
    "tools.jackson.dataformat:jackson-dataformat-toml:3.1.5",
    "tools.jackson.dataformat:jackson-dataformat-xml:3.1.5",
    "org.apache.commons:commons-text:1.13.1",
    "org.fusesource.jansi:jansi:1.18",
    "org.slf4j:slf4j-nop:1.7.30",
    "org.postgresql:postgresql:42.7.7",
    "org.xerial:sqlite-jdbc:3.50.3.0",
];

/// Class path of the real Flyway, fetched once; `None` after saying why it cannot be had.
fn flyway() -> Option<String> {
    static FETCH: Mutex<()> = Mutex::new(());
    if let Ok(path) = std::env::var("FLYWAY_CLASSPATH") {
        return Some(path);
    }
    let _one_at_a_time = FETCH.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("../tools/flyway-{VERSION}"));
    if let Err(reason) = fetch(&dir) {
        missing(&format!("the real Flyway cannot be had: {reason}"));
        return None;
    }
    Some(format!("{}/*", dir.join("lib").display()))
}

fn fetch(dir: &Path) -> Result<(), String> {
    Command::new("java").arg("-version").output().map_err(|e| format!("java: {e}"))?;
    if dir.join("lib").is_dir() {
        return Ok(());
    }
    let dependency = |group: &str, name: &str, version: &str, alone: bool| {
        let exclusions =
            "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>";
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>{}</dependency>",
            if alone { exclusions } else { "" }
        )
    };
    let mut dependencies: String =
        PARTS.iter().map(|name| dependency("org.flywaydb", name, VERSION, true)).collect();
    for library in LIBRARIES {
        let [group, name, version] = library.split(':').collect::<Vec<_>>().try_into().unwrap();
        dependencies.push_str(&dependency(group, name, version, false));
    }
    fs::create_dir_all(dir).map_err(|e| e.to_string())?;
    let pom = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>launchway</groupId><artifactId>flyway</artifactId><version>1</version><packaging>pom</packaging>\
         <dependencies>{dependencies}</dependencies></project>"
    );
    fs::write(dir.join("pom.xml"), pom).map_err(|e| e.to_string())?;
    // Under another name first: an interrupted download must not look like a whole one.
    let part = dir.join("part");
    let output = Command::new("mvn")
        .current_dir(dir)
        .args(["-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"])
        .arg(format!("-DoutputDirectory={}", part.display()))
        .output()
        .map_err(|e| format!("mvn: {e}"))?;
    if !output.status.success() {
        return Err(format!("mvn: {}", String::from_utf8_lossy(&output.stdout).trim()));
    }
    fs::rename(part, dir.join("lib")).map_err(|e| e.to_string())
}

/// Databases that both sides can open.
struct Target {
    ours: Url,
    jdbc: String,
}

impl Target {
    fn sqlite(dir: &Path, name: &str) -> Self {
        let path = dir.join(name);
        Self { jdbc: format!("jdbc:sqlite:{}", path.display()), ours: Url::Sqlite(path) }
    }

    fn postgres(database: &common::Database) -> Self {
        Self { jdbc: database.jdbc(), ours: Url::parse(&database.url()).unwrap() }
    }

    async fn migrate(&self, scripts: &Path) -> Result<usize, MigrateError> {
        migrate::migrate(&self.ours, &[scripts.to_owned()]).await.map(|report| report.applied.len())
    }

    fn run(&self, classpath: &str, scripts: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new("java");
        command.args([
            "-cp",
            classpath,
            "org.flywaydb.commandline.Main",
            "-skipCheckForUpdate",
            "-user=postgres",
        ]);
        command
            .arg(format!("-url={}", self.jdbc))
            .arg(format!("-locations=filesystem:{}", scripts.display()));
        command.args(arguments).current_dir(scripts).output().unwrap()
    }

    /// Runs Flyway, which must agree.
    fn flyway(&self, classpath: &str, scripts: &Path, arguments: &[&str]) -> String {
        let output = self.run(classpath, scripts, arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// What Flyway says when it refuses.
    fn refusal(&self, classpath: &str, scripts: &Path, arguments: &[&str]) -> String {
        let output = self.run(classpath, scripts, arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        text
    }

    /// History without what differs from run to run: who, when and how long.
    async fn history(&self) -> Vec<String> {
        let columns =
            "installed_rank || '|' || coalesce(version, '-') || '|' || description || '|' || type || '|' ||
                       script || '|' || coalesce(CAST(checksum AS VARCHAR(20)), '-') || '|' || success";
        let query = format!("SELECT {columns} FROM flyway_schema_history ORDER BY installed_rank");
        match &self.ours {
            Url::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                let mut statement = connection.prepare(&query).unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            Url::Postgres(url) => {
                let rows = common::connect(url).await.query(&query, &[]).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }
}

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
        fs::write(dir.join(name), text).unwrap();
    }
}

/// Names, line ends, orders and texts that checksums, versions and descriptions depend on.
const FIRST: [(&str, &str); 8] = [
    ("V1__first_table.sql", "CREATE TABLE a (n INT);\r\nINSERT INTO a VALUES (1);\r\n"),
    ("V1_2__two__seps.sql", "\u{feff}-- öäü\nINSERT INTO a VALUES (2); -- end"),
    ("V001.5__zeros.sql", "INSERT INTO a VALUES (3)"),
    ("V1.10__ten.SQL", "INSERT INTO a VALUES (4);\n\n\n"),
    ("V2.sql", "INSERT INTO a VALUES (5);"),
    ("sub/V20261122190000123456__Ünder___score.sql", "INSERT INTO a VALUES (6);\rINSERT INTO a VALUES (7);"),
    ("R__b_view.sql", "DROP VIEW IF EXISTS b;\nCREATE VIEW b AS SELECT n FROM a;"),
    ("R__a_view.sql", "DROP VIEW IF EXISTS c;\nCREATE VIEW c AS SELECT n FROM a;"),
];

const SECOND: [(&str, &str); 2] = [
    ("V20261122190000123457__next.sql", "CREATE TABLE d (n INT);"),
    ("R__b_view.sql", "DROP VIEW IF EXISTS b;\nCREATE VIEW b AS SELECT n + 1 AS n FROM a;"),
];

/// Both apply the same scripts to databases of their own; then each continues on the other's.
async fn both_ways(classpath: &str, one: &Target, other: &Target) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &FIRST);
    one.flyway(classpath, dir.path(), &["migrate"]);
    assert_eq!(other.migrate(dir.path()).await.unwrap(), FIRST.len());
    assert_eq!(other.history().await, one.history().await);
    assert_eq!(one.migrate(dir.path()).await.unwrap(), 0, "ours has nothing to add to Flyway's");
    other.flyway(classpath, dir.path(), &["validate"]);
    assert!(other.flyway(classpath, dir.path(), &["migrate"]).contains("is up to date"));

    write(dir.path(), &SECOND);
    assert_eq!(one.migrate(dir.path()).await.unwrap(), SECOND.len());
    other.flyway(classpath, dir.path(), &["migrate"]);
    assert_eq!(one.history().await, other.history().await);
    for target in [one, other] {
        let info = target.flyway(classpath, dir.path(), &["info"]);
        assert!(info.contains("Superseded") && !info.contains("Pending"), "{info}");
    }

    // An older state of the repository: both let newer versions be.
    let older = tempfile::tempdir().unwrap();
    write(older.path(), &FIRST);
    write(older.path(), &SECOND[1..]);
    one.flyway(classpath, older.path(), &["validate"]);
    assert_eq!(one.migrate(older.path()).await.unwrap(), 0);

    // Both refuse a changed script, a missing one and a late one.
    let refused = async |change: &dyn Fn(&Path), word: &str| {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &FIRST);
        write(dir.path(), &SECOND);
        change(dir.path());
        let theirs = one.refusal(classpath, dir.path(), &["migrate"]);
        let ours = one.migrate(dir.path()).await.unwrap_err();
        assert!(theirs.contains(word) && matches!(ours, MigrateError::Plan(_)), "{theirs}\n{ours}");
    };
    refused(&|dir| write(dir, &[("V2.sql", "INSERT INTO a VALUES (50);")]), "checksum mismatch").await;
    refused(&|dir| fs::remove_file(dir.join("V2.sql")).unwrap(), "not resolved locally").await;
    refused(&|dir| fs::remove_file(dir.join("R__a_view.sql")).unwrap(), "not resolved locally").await;
    refused(&|dir| write(dir, &[("V1.7__late.sql", "")]), "not applied to database").await;
    refused(&|dir| fs::rename(dir.join("V2.sql"), dir.join("V2__x.sql")).unwrap(), "description mismatch")
        .await;
}

#[tokio::test]
async fn sqlite_databases_go_back_and_forth() {
    let Some(classpath) = flyway() else { return };
    let dir = tempfile::tempdir().unwrap();
    both_ways(&classpath, &Target::sqlite(dir.path(), "one.db"), &Target::sqlite(dir.path(), "other.db"))
        .await;
}

#[tokio::test]
async fn postgres_databases_go_back_and_forth() {
    let (Some(classpath), Some(one), Some(other)) =
        (flyway(), common::database().await, common::database().await)
    else {
        return;
    };
    both_ways(&classpath, &Target::postgres(&one), &Target::postgres(&other)).await;
}

/// Scripts that SQLite would refuse with foreign keys on, and what both refuse.
#[tokio::test]
async fn sqlite_scripts_run_under_the_same_rules() {
    let Some(classpath) = flyway() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (Target::sqlite(dir.path(), "one.db"), Target::sqlite(dir.path(), "other.db"));
    let scripts = dir.path().join("sql");
    write(
        &scripts,
        &[
            (
                "V1__keys.sql",
                "CREATE TABLE p (n INT PRIMARY KEY);\nCREATE TABLE c (n REFERENCES p);\nINSERT INTO c VALUES (9);",
            ),
            (
                "V2__trigger.sql",
                "CREATE TRIGGER t AFTER INSERT ON p BEGIN\n UPDATE c SET n = CASE WHEN n = 9 THEN 1 ELSE 2 END;\n \
                 DELETE FROM c WHERE n = 2;\nEND;\nINSERT INTO p VALUES (1)",
            ),
        ],
    );
    one.flyway(&classpath, &scripts, &["migrate"]);
    other.migrate(&scripts).await.unwrap();
    assert_eq!(one.history().await, other.history().await);

    write(&scripts, &[("V3__mixed.sql", "PRAGMA foreign_keys = ON;\nCREATE TABLE x (n INT);")]);
    let theirs = one.refusal(&classpath, &scripts, &["migrate"]);
    assert!(theirs.contains("both transactional and non-transactional"), "{theirs}");
    assert!(matches!(other.migrate(&scripts).await, Err(MigrateError::Unsuitable(_))));

    let foreign = Target::sqlite(dir.path(), "foreign.db");
    let Url::Sqlite(path) = &foreign.ours else { unreachable!() };
    rusqlite::Connection::open(path).unwrap().execute_batch("CREATE TABLE theirs (n INT)").unwrap();
    let theirs = foreign.refusal(&classpath, &scripts, &["migrate"]);
    assert!(theirs.contains("non-empty schema"), "{theirs}");
    assert!(matches!(foreign.migrate(&scripts).await, Err(MigrateError::NotEmpty { .. })));
}

/// Flyway keeps a failed row only where its lock is not a transaction of its own, the setting under which it can
/// build an index concurrently at all.
#[tokio::test]
async fn postgres_scripts_run_under_the_same_rules() {
    let (Some(classpath), Some(one), Some(other)) =
        (flyway(), common::database().await, common::database().await)
    else {
        return;
    };
    let (one, other) = (Target::postgres(&one), Target::postgres(&other));
    let dir = tempfile::tempdir().unwrap();
    let lock = ["-postgresql.transactional.lock=false", "migrate"];
    write(
        dir.path(),
        &[
            ("V1__a.sql", "CREATE TABLE a (n INT);\nINSERT INTO a VALUES (1), (1);"),
            (
                "V2__f.sql",
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END;\n\
                 CREATE FUNCTION g() RETURNS text LANGUAGE sql AS $x$ SELECT E'it\\'s; $$' $x$;",
            ),
            ("V3__i.sql", "CREATE INDEX CONCURRENTLY i ON a (n);"),
        ],
    );
    one.flyway(&classpath, dir.path(), &lock);
    other.migrate(dir.path()).await.unwrap();
    assert_eq!(one.history().await, other.history().await);

    write(dir.path(), &[("V4__u.sql", "CREATE UNIQUE INDEX CONCURRENTLY u ON a (n);")]);
    one.refusal(&classpath, dir.path(), &lock);
    assert!(matches!(other.migrate(dir.path()).await, Err(MigrateError::Partly { rank: 4, .. })));
    assert_eq!(one.history().await, other.history().await);
    let theirs = other.refusal(&classpath, dir.path(), &lock);
    assert!(theirs.contains("failed migration to version 4"), "{theirs}");
    assert!(matches!(one.migrate(dir.path()).await, Err(MigrateError::Plan(_))));
    other.flyway(&classpath, dir.path(), &["repair"]);
    fs::remove_file(dir.path().join("V4__u.sql")).unwrap();
    assert_eq!(other.migrate(dir.path()).await.unwrap(), 0, "after Flyway's repair");
}
