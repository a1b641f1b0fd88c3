//! Migration scripts on disk: names, order, checksums.
//!
//! Names follow Flyway: `V<version>__<description>.sql` and `R__<description>.sql`; the description may be missing,
//! the suffix may be in upper case, hidden folders are passed over (a mounted ConfigMap keeps its data in one).
//! Other `.sql` names are an error here (Flyway ignores them unless told otherwise), because a forgotten
//! underscore must not skip a script.

use std::fs;
use std::path::{Path, PathBuf};

use crate::version::Version;

/// One script.
#[derive(Debug, Clone)]
pub struct Script {
    /// Versioned or repeatable.
    pub kind: ScriptKind,
    /// Words of the file name, underscores as spaces.
    pub description: String,
    /// Path relative to its location, with `/`: what the history calls `script`.
    pub name: String,
    /// Its text, without a byte order mark.
    pub text: String,
    /// Flyway's checksum of the text.
    pub checksum: i32,
}

/// What kind of script it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptKind {
    /// Runs once, in the order of versions.
    Versioned(Version),
    /// Runs after all versioned ones, again whenever its checksum changes.
    Repeatable,
}

/// Why the scripts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A folder or file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Folder or file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file name that is no migration's.
    #[error("{0}: not a migration's name; use V<version>__<description>.sql or R__<description>.sql")]
    Name(PathBuf),
    /// Two scripts have the same version (or, repeatable, the same description).
    #[error("more than one migration with {what}: {first} and {second}; rename one of them")]
    Duplicate {
        /// `version 2` or `description "x"`.
        what: String,
        /// One script.
        first: String,
        /// The other script.
        second: String,
    },
}

/// Reads all scripts below `locations`, versioned ones by version, then repeatable ones by description.
pub fn read(locations: &[PathBuf]) -> Result<Vec<Script>, ScriptError> {
    let mut scripts = Vec::new();
    for location in locations {
        read_folder(location, location, &mut Vec::new(), &mut scripts)?;
    }
    scripts.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
    for pair in scripts.windows(2) {
        if pair[0].sort_key() == pair[1].sort_key() {
            return Err(ScriptError::Duplicate {
                what: match &pair[0].kind {
                    ScriptKind::Versioned(version) => format!("version {version}"),
                    ScriptKind::Repeatable => format!("description \"{}\"", pair[0].description),
                },
                first: pair[0].name.clone(),
                second: pair[1].name.clone(),
            });
        }
    }
    Ok(scripts)
}

/// Adds the scripts of `dir` and the folders in it; `above` holds the folders on the way here, by their real
/// paths, so that a link back to one of them ends the descent.
fn read_folder(
    location: &Path,
    dir: &Path,
    above: &mut Vec<PathBuf>,
    scripts: &mut Vec<Script>,
) -> Result<(), ScriptError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| ScriptError::Read { path, source }
    };
    let real = dir.canonicalize().map_err(fail(dir))?;
    if above.contains(&real) {
        return Ok(());
    }
    above.push(real);
    for entry in fs::read_dir(dir).map_err(fail(dir))? {
        let entry = entry.map_err(fail(dir))?;
        let path = entry.path();
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if path.is_dir() {
            if !is_hidden {
                read_folder(location, &path, above, scripts)?;
            }
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql")) {
            let text = fs::read_to_string(&path).map_err(fail(&path))?;
            let name = path.strip_prefix(location).unwrap_or(&path).to_string_lossy().into_owned();
            scripts.push(Script::parse(&name, &text).ok_or_else(|| ScriptError::Name(path.clone()))?);
        }
    }
    above.pop();
    Ok(())
}

// === impl Script ===

impl Script {
    /// Takes kind and description from the file name in `name`; `None` when it is no migration's.
    pub fn parse(name: &str, text: &str) -> Option<Self> {
        let (stem, suffix) = name.rsplit('/').next()?.rsplit_once('.')?;
        if !suffix.eq_ignore_ascii_case("sql") {
            return None;
        }
        let (prefix, description) = stem.split_once("__").unwrap_or((stem, ""));
        let kind = match prefix.strip_prefix('V') {
            Some(version) => ScriptKind::Versioned(Version::parse(version)?),
            None if prefix == "R" && stem != "R" => ScriptKind::Repeatable,
            None => return None,
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let checksum = checksum(&text);
        Some(Self { kind, description: description.replace('_', " "), name: name.to_owned(), text, checksum })
    }

    /// Versioned before repeatable; Flyway compares descriptions as Java does, by UTF-16 units.
    fn sort_key(&self) -> (bool, Option<&Version>, Vec<u16>) {
        match &self.kind {
            ScriptKind::Versioned(version) => (false, Some(version), Vec::new()),
            ScriptKind::Repeatable => (true, None, self.description.encode_utf16().collect()),
        }
    }
}

/// CRC-32 of the lines without their ends, as a signed number (Flyway since 4.0).
pub fn checksum(text: &str) -> i32 {
    let mut hasher = crc32fast::Hasher::new();
    // A lone CR ends a line, too; an empty line adds nothing.
    text.split(['\n', '\r']).for_each(|line| hasher.update(line.as_bytes()));
    hasher.finalize().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values published by Flyway's own tests, its issues and independent tools.
    #[test]
    fn checksums_are_flyways() {
        let cases = [
            ("alter table location_history add column valid_until timestamp with time zone;", -1_039_259_818),
            ("CREATE TABLE a (id INT);", -2_090_711_421),
            ("line1\nline2\r\nline3\r", -836_085_548),
            ("a\n\nb", -1_635_563_411),
            ("SELECT 'ñá€';", -1_069_709_678),
            ("", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(checksum(text), expected, "{text:?}");
        }
    }

    #[test]
    fn names_are_understood() {
        let script = Script::parse("sub/V1_2__Add_users.sql", "x").unwrap();
        assert_eq!(script.kind, ScriptKind::Versioned(Version::parse("1.2").unwrap()));
        assert_eq!(script.description, "Add users");
        assert_eq!(Script::parse("R__view.sql", "").unwrap().kind, ScriptKind::Repeatable);
        assert_eq!(Script::parse("V3.SQL", "").unwrap().description, "");
        for name in ["V1_x.sql", "R.sql", "R1__x.sql", "v1__x.sql", "Vx__y.sql", "X1__y.sql", "V1__y.txt"] {
            assert!(Script::parse(name, "").is_none(), "{name}");
        }
    }

    #[test]
    fn hidden_folders_and_loops_of_links_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(".old")).unwrap();
        fs::create_dir_all(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join(".old/V1__a.sql"), "").unwrap();
        fs::write(dir.path().join("sub/V1__a.SQL"), "").unwrap();
        std::os::unix::fs::symlink("..", dir.path().join("sub/up")).unwrap();
        let scripts = read(&[dir.path().to_owned()]).unwrap();
        assert_eq!(scripts.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["sub/V1__a.SQL"]);
    }

    #[test]
    fn order_duplicates_and_bad_names() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str| fs::write(dir.path().join(name), "").unwrap();
        ["R__a.sql", "V10__c.sql", "V2__b.sql"].into_iter().for_each(write);
        let names = |scripts: Vec<Script>| scripts.into_iter().map(|s| s.name).collect::<Vec<_>>();
        let locations = [dir.path().to_owned()];
        assert_eq!(names(read(&locations).unwrap()), ["V2__b.sql", "V10__c.sql", "R__a.sql"]);
        write("V02__other.sql");
        assert!(matches!(read(&locations), Err(ScriptError::Duplicate { .. })));
        write("V3_missing.sql");
        assert!(matches!(read(&locations), Err(ScriptError::Name(_))));
    }
}
