//! Combines everything a task may read into one hash, pure.
//!
//! Each part goes in with its length, so that no two different sets of parts give the same bytes.
//! The hash is SHA-256, 64 hexadecimal digits.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::graph::Task;
use crate::inputs::{FileHashes, hex};

/// Changes when the meaning of a hash changes, so that old cache entries are not taken for new ones.
const FORMAT: &str = "launchway-task-1";

/// What all tasks of a run share.
#[derive(Debug, Default)]
pub(crate) struct GlobalInputs {
    /// Files named by `globalDependencies`.
    pub(crate) files: FileHashes,
    /// Variables named by `globalEnv`, with their values.
    pub(crate) env: BTreeMap<String, String>,
}

/// The hash of `task`: its definition and script, its package's files, its environment, the hashes of the tasks
/// it waits for, and what all tasks share.
pub(crate) fn task_hash(
    global: &GlobalInputs,
    task: &Task,
    files: &FileHashes,
    env: &BTreeMap<String, String>,
    dependencies: &[&str],
) -> String {
    let mut hasher = Parts(Sha256::new());
    hasher.part(FORMAT);
    hasher.map(&global.files);
    hasher.map(&global.env);
    hasher.part(&task.id.to_string());
    hasher.part(task.script.as_deref().unwrap_or_default());
    hasher.list(&task.config.outputs);
    hasher.map(files);
    hasher.map(env);
    hasher.list(dependencies);
    hex(&hasher.0.finalize())
}

/// Variables of `env` that match one of `patterns` (`*` at the end or alone; `!` excludes).
pub(crate) fn select_env(env: &BTreeMap<String, String>, patterns: &[String]) -> BTreeMap<String, String> {
    let matches = |pattern: &str, name: &str| match pattern.split_once('*') {
        Some((head, tail)) => {
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        }
        None => pattern == name,
    };
    env.iter()
        .filter(|(name, _)| {
            let hit = |negated: bool| {
                patterns.iter().any(|pattern| match pattern.strip_prefix('!') {
                    Some(rest) => negated && matches(rest, name),
                    None => !negated && matches(pattern, name),
                })
            };
            hit(false) && !hit(true)
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

struct Parts(Sha256);

impl Parts {
    fn part(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    fn list(&mut self, items: &[impl AsRef<str>]) {
        self.0.update((items.len() as u64).to_le_bytes());
        items.iter().for_each(|item| self.part(item.as_ref()));
    }

    fn map(&mut self, map: &BTreeMap<String, String>) {
        self.0.update((map.len() as u64).to_le_bytes());
        for (key, value) in map {
            self.part(key);
            self.part(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TaskConfig;
    use crate::graph::TaskId;

    fn hash(script: &str, file: &str, dependencies: &[&str]) -> String {
        let task = Task {
            id: TaskId::new("a", "build"),
            script: Some(script.to_owned()),
            config: TaskConfig::default(),
            dependencies: Default::default(),
        };
        let files = [("f".to_owned(), file.to_owned())].into();
        task_hash(&GlobalInputs::default(), &task, &files, &BTreeMap::new(), dependencies)
    }

    #[test]
    fn every_part_changes_the_hash() {
        let base = hash("x", "1", &["d"]);
        assert_eq!(base, hash("x", "1", &["d"]));
        assert_ne!(base, hash("y", "1", &["d"]));
        assert_ne!(base, hash("x", "2", &["d"]));
        assert_ne!(base, hash("x", "1", &["e"]));
        assert_ne!(base, hash("x", "1", &[]));
    }

    #[test]
    fn env_patterns_select_and_exclude() {
        let env: BTreeMap<String, String> =
            ["CARGO_HOME", "CARGO_TOKEN", "PATH"].map(|name| (name.to_owned(), String::new())).into();
        let selected = select_env(&env, &["CARGO_*".to_owned(), "!CARGO_TOKEN".to_owned()]);
        assert_eq!(selected.keys().collect::<Vec<_>>(), ["CARGO_HOME"]);
    }
}
