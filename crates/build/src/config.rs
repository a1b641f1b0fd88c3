//! `turbo.json` as data: what the file says, with defaults, and errors that name key and line.
//!
//! Unknown keys are refused: a misspelt `dependOn` would otherwise silently change the order of a build.
//! Keys of Turborepo that only matter to parts that are not here (`ui`, `remoteCache`, …) are accepted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Why a `turbo.json` could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The text is not JSON with comments; the message carries line and column.
    #[error("{path}: {message}; fix the syntax there and run again")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's message.
        message: String,
    },
    /// The JSON is well formed but a key or value is not one that is known.
    #[error("{path}: {message}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// Which key, and what was expected.
        message: String,
    },
}

/// The root `turbo.json`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TurboConfig {
    /// Task definitions by `task` or `package#task`.
    #[serde(default)]
    pub tasks: BTreeMap<String, TaskConfig>,
    /// Globs of files, relative to the root, that are inputs of every task.
    #[serde(default)]
    pub global_dependencies: Vec<String>,
    /// Environment variables whose values are inputs of every task.
    #[serde(default)]
    pub global_env: Vec<String>,
    /// Environment variables every task may see without them being inputs.
    #[serde(default)]
    pub global_pass_through_env: Vec<String>,
    /// Where the cache lies, relative to the root; default `.turbo/cache`.
    pub cache_dir: Option<PathBuf>,
    /// How many tasks run at once: a number or `50%` of the cores.
    pub concurrency: Option<String>,
    /// `strict` (default) or `loose`.
    pub env_mode: Option<EnvMode>,
    #[serde(default, rename = "$schema")]
    _schema: Option<String>,
    #[serde(default, rename = "ui")]
    _ui: Option<serde_json::Value>,
    #[serde(default, rename = "remoteCache")]
    _remote_cache: Option<serde_json::Value>,
    #[serde(default, rename = "daemon")]
    _daemon: Option<bool>,
    #[serde(default, rename = "dangerouslyDisablePackageManagerCheck")]
    _package_manager_check: Option<bool>,
    #[serde(default, rename = "noUpdateNotifier")]
    _no_update_notifier: Option<bool>,
    #[serde(default, rename = "cacheMaxAge")]
    _cache_max_age: Option<String>,
    #[serde(default, rename = "cacheMaxSize")]
    _cache_max_size: Option<String>,
    #[serde(default, rename = "boundaries")]
    _boundaries: Option<serde_json::Value>,
    #[serde(default, rename = "tags")]
    _tags: Option<Vec<String>>,
    #[serde(default, rename = "agentGuidance")]
    _agent_guidance: Option<serde_json::Value>,
}

/// Which environment a task sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvMode {
    /// Only declared variables and the few that programs need to start.
    Strict,
    /// Everything the caller has.
    Loose,
}

/// One task's definition.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskConfig {
    /// `^task` (in the packages this one depends on), `task` (same package) or `package#task`.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Globs of input files, relative to the package; none means every file git does not ignore.
    pub inputs: Option<Vec<String>>,
    /// Globs of files the task makes, relative to the package; `!` excludes.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// Whether outputs are cached; default true.
    pub cache: Option<bool>,
    /// Environment variables (with `*`) that are inputs.
    #[serde(default)]
    pub env: Vec<String>,
    /// Environment variables the task may see without them being inputs.
    #[serde(default)]
    pub pass_through_env: Vec<String>,
    /// True for servers that never end; such tasks cannot be built.
    #[serde(default)]
    pub persistent: bool,
    #[serde(default, rename = "outputLogs")]
    _output_logs: Option<String>,
    #[serde(default, rename = "interactive")]
    _interactive: Option<bool>,
    #[serde(default, rename = "interruptible")]
    _interruptible: Option<bool>,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default, rename = "tags")]
    _tags: Option<Vec<String>>,
}

// === impl TurboConfig ===

impl TurboConfig {
    /// Reads `turbo.json` at `path` (JSON with comments and trailing commas).
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Parses the text of a `turbo.json`; `path` is for messages only.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let value: serde_json::Value =
            jsonc_parser::parse_to_serde_value(text, &jsonc_parser::ParseOptions::default())
                .map_err(|e| ConfigError::Syntax { path: path.to_owned(), message: e.to_string() })?;

        serde_json::from_value(value).map_err(|e| ConfigError::Shape {
            path: path.to_owned(),
            message: locate_unknown_key(text, &e.to_string()),
        })
    }

    /// The definition that applies to `task` of `package`: `package#task` wins over `task`.
    pub fn task(&self, package: &str, task: &str) -> Option<&TaskConfig> {
        self.tasks.get(&format!("{package}#{task}")).or_else(|| self.tasks.get(task))
    }

    /// How many tasks may run at once, from `concurrency` or Turborepo's default of 10.
    pub fn concurrency(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        match self.concurrency.as_deref() {
            None => 10,
            Some(text) => match text.strip_suffix('%') {
                Some(percent) => percent.parse::<usize>().map_or(10, |p| (cores * p / 100).max(1)),
                None => text.parse().unwrap_or(10).max(1),
            },
        }
    }
}

/// serde names an unknown key but not where it stands: add the line of its first appearance.
fn locate_unknown_key(text: &str, message: &str) -> String {
    let Some(key) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) else {
        return message.to_owned();
    };
    let quoted = format!("\"{key}\"");
    match text.lines().position(|line| line.contains(&quoted)) {
        Some(index) => format!("line {}: {message}", index + 1),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TurboConfig, ConfigError> {
        TurboConfig::parse(Path::new("turbo.json"), text)
    }

    #[test]
    fn comments_and_trailing_commas_are_fine() {
        let config =
            parse("{ // c\n \"tasks\": { \"build\": { \"dependsOn\": [\"^build\",], }, } }").unwrap();
        assert_eq!(config.tasks["build"].depends_on, ["^build"]);
    }

    #[test]
    fn syntax_errors_name_the_line() {
        let text = parse("{\n \"tasks\": {\n  oops oops\n } }").unwrap_err().to_string();
        assert!(text.contains("turbo.json") && text.contains("line 3"), "{text}");
    }

    #[test]
    fn unknown_keys_are_refused_with_their_line() {
        let text = parse("{\n \"tasks\": {\n  \"build\": { \"dependOn\": [] } } }").unwrap_err().to_string();
        assert!(text.contains("line 3") && text.contains("dependOn"), "{text}");
    }

    #[test]
    fn the_package_task_wins() {
        let config = parse(r#"{"tasks":{"build":{"outputs":["a"]},"web#build":{"outputs":["b"]}}}"#).unwrap();
        assert_eq!(config.task("web", "build").unwrap().outputs, ["b"]);
        assert_eq!(config.task("api", "build").unwrap().outputs, ["a"]);
        assert!(config.task("api", "lint").is_none());
    }
}
