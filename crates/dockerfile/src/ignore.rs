//! `.dockerignore`: which files of the context are as good as not there.
//!
//! Patterns count from the context's top; `**` stands for any number of folders, `!` takes back, the last one that
//! fits decides, and what is below an ignored folder is ignored with it.

use std::io;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

use crate::error::{Error, Place};

/// Rules of one context.
#[derive(Debug, Default)]
pub struct Ignored {
    rules: Vec<(GlobMatcher, bool)>,
}

impl Ignored {
    /// The rules beside the Dockerfile (`NAME.dockerignore`), or else of the context (`.dockerignore`).
    pub(crate) fn read(context: &Path, dockerfile: &Path) -> Result<Self, Error> {
        let mut own = dockerfile.as_os_str().to_owned();
        own.push(".dockerignore");
        for path in [Path::new(&own).to_owned(), context.join(".dockerignore")] {
            match std::fs::read_to_string(&path) {
                Ok(text) => return Self::parse(&path.display().to_string(), &text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(Error::Io { action: "read", path: path.display().to_string(), source });
                }
            }
        }
        Ok(Self::default())
    }

    /// Reads rules; `file` names them in errors.
    ///
    /// # Errors
    /// When a pattern makes no sense.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let mut rules = Vec::new();
        for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (pattern, ignored) = line.strip_prefix('!').map_or((line, true), |rest| (rest.trim(), false));
            let parts: Vec<&str> = pattern.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
            let glob =
                GlobBuilder::new(&parts.join("/")).literal_separator(true).backslash_escape(true).build();
            let glob = glob.map_err(|error| {
                let place = Place { file: file.to_owned(), line: at + 1 };
                Error::line(&place, format!("pattern `{line}`: {error}"))
            })?;
            rules.push((glob.compile_matcher(), ignored));
        }
        Ok(Self { rules })
    }

    /// Whether the file or folder of this path, from the context's top, is ignored.
    pub fn ignores(&self, path: &str) -> bool {
        let mut ignored = false;
        for (glob, says) in &self.rules {
            let fits = |path: &str| glob.is_match(path);
            let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
            if fits(path) || parents.into_iter().any(fits) {
                ignored = *says;
            }
        }
        ignored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_that_fits_decides() {
        let text =
            "# comment\n*.log\n!keep.log\n/target\n**/node_modules\ndocs/*\n!docs/README.md\n*/temp*\n";
        let ignored = Ignored::parse(".dockerignore", text).unwrap();
        for (path, expected) in [
            ("a.log", true),
            ("keep.log", false),
            ("sub/a.log", false),
            ("target", true),
            ("target/debug/x", true),
            ("src/target", false),
            ("node_modules/a/b", true),
            ("apps/web/node_modules", true),
            ("docs", false),
            ("docs/x", true),
            ("docs/README.md", false),
            ("a/temporary", true),
            ("temporary", false),
        ] {
            assert_eq!(ignored.ignores(path), expected, "{path}");
        }
    }

    #[test]
    fn bad_patterns_name_their_line() {
        let error = Ignored::parse(".dockerignore", "a\n[").unwrap_err().to_string();
        assert!(error.starts_with(".dockerignore:2:"), "{error}");
    }
}
