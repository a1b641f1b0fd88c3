//! The task graph, pure: which tasks a run needs and in which order.
//!
//! Rules are Turborepo's: `^task` reaches the packages a package depends on (through packages that lack the
//! script, which become pass-through nodes), `task` the same package, `package#task` one task by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::config::TaskConfig;
use crate::workspace::Workspace;

/// `package#task`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The package's name.
    pub package: String,
    /// The task's name.
    pub task: String,
}

/// One node of the graph.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Its script, or none where the package has no script of that name: the node then only orders others.
    pub script: Option<String>,
    /// Its definition from `turbo.json`.
    pub config: TaskConfig,
    /// Tasks that must have ended before.
    pub dependencies: BTreeSet<TaskId>,
}

/// Tasks by id, and an order in which every task stands after its dependencies.
#[derive(Debug, Clone)]
pub struct TaskGraph {
    /// Every task, pass-through nodes included.
    pub tasks: BTreeMap<TaskId, Task>,
    /// A topological order.
    pub order: Vec<TaskId>,
}

/// Why no graph can be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// A task name that `turbo.json` does not define.
    #[error("turbo.json defines no task \"{0}\"; its tasks are {1}")]
    UnknownTask(String, String),
    /// `dependsOn` names a package that is not in the workspace.
    #[error("turbo.json: task \"{task}\" depends on \"{dependency}\", but no package \"{package}\" exists")]
    UnknownPackage {
        /// Whose `dependsOn` it is.
        task: String,
        /// The entry.
        dependency: String,
        /// The missing package.
        package: String,
    },
    /// Tasks wait for each other.
    #[error("tasks wait for each other: {0}; cut one of these edges in turbo.json or package.json")]
    Cycle(String),
    /// A server cannot be a step of a build.
    #[error(
        "task \"{task}\" depends on \"{dependency}\", which is persistent and never ends; remove that edge"
    )]
    PersistentDependency {
        /// The waiting task.
        task: String,
        /// The task that never ends.
        dependency: String,
    },
}

/// Plans the tasks named `tasks` in every package, with all they depend on.
pub fn plan(workspace: &Workspace, tasks: &[&str]) -> Result<TaskGraph, PlanError> {
    let mut nodes = BTreeMap::new();
    let mut wanted: Vec<TaskId> = Vec::new();
    for name in tasks {
        let defined =
            |key: &String| key == name || key.split_once('#').is_some_and(|(_, task)| task == *name);
        if !workspace.config.tasks.keys().any(defined) {
            let known: Vec<&str> = workspace.config.tasks.keys().map(String::as_str).collect();
            return Err(PlanError::UnknownTask((*name).to_owned(), known.join(", ")));
        }
        wanted.extend(workspace.packages.keys().map(|package| TaskId::new(package, name)));
    }
    while let Some(id) = wanted.pop() {
        if nodes.contains_key(&id) {
            continue;
        }
        let node = node(workspace, &id)?;
        wanted.extend(node.dependencies.iter().cloned());
        nodes.insert(id, node);
    }
    for node in nodes.values() {
        if let Some(server) = node.dependencies.iter().find(|id| nodes[id].config.persistent) {
            return Err(PlanError::PersistentDependency {
                task: node.id.to_string(),
                dependency: server.to_string(),
            });
        }
    }
    let order = topological(&nodes)?;
    Ok(TaskGraph { tasks: nodes, order })
}

fn node(workspace: &Workspace, id: &TaskId) -> Result<Task, PlanError> {
    let package = &workspace.packages[&id.package];
    let config = workspace.config.task(&id.package, &id.task).cloned().unwrap_or_default();
    let mut dependencies = BTreeSet::new();
    for entry in &config.depends_on {
        if let Some(task) = entry.strip_prefix('^') {
            dependencies.extend(package.dependencies.iter().map(|dependency| TaskId::new(dependency, task)));
        } else if let Some((other, task)) = entry.split_once('#') {
            if !workspace.packages.contains_key(other) {
                return Err(PlanError::UnknownPackage {
                    task: id.to_string(),
                    dependency: entry.clone(),
                    package: other.to_owned(),
                });
            }
            dependencies.insert(TaskId::new(other, task));
        } else {
            dependencies.insert(TaskId::new(&id.package, entry));
        }
    }
    let script = package.scripts.get(&id.task).cloned();
    Ok(Task { id: id.clone(), script, config, dependencies })
}

fn topological(nodes: &BTreeMap<TaskId, Task>) -> Result<Vec<TaskId>, PlanError> {
    let mut order: Vec<TaskId> = Vec::with_capacity(nodes.len());
    let mut done = BTreeSet::new();
    while order.len() < nodes.len() {
        let ready: Vec<&TaskId> = nodes
            .values()
            .filter(|node| !done.contains(&node.id) && node.dependencies.iter().all(|id| done.contains(id)))
            .map(|node| &node.id)
            .collect();
        if ready.is_empty() {
            return Err(PlanError::Cycle(describe_cycle(nodes, &done)));
        }
        done.extend(ready.iter().map(|id| (*id).clone()));
        order.extend(ready.into_iter().cloned());
    }
    Ok(order)
}

/// Walks dependencies that are not done until a task comes up again.
fn describe_cycle(nodes: &BTreeMap<TaskId, Task>, done: &BTreeSet<TaskId>) -> String {
    let mut path: Vec<&TaskId> = Vec::new();
    let mut next = nodes.keys().find(|id| !done.contains(*id));
    while let Some(id) = next {
        if let Some(start) = path.iter().position(|seen| *seen == id) {
            let mut names: Vec<String> = path[start..].iter().map(ToString::to_string).collect();
            names.push(id.to_string());
            return names.join(" → ");
        }
        path.push(id);
        next = nodes[id].dependencies.iter().find(|id| !done.contains(*id));
    }
    String::new()
}

// === impl TaskId ===

impl TaskId {
    /// The task `task` of `package`.
    pub fn new(package: &str, task: &str) -> Self {
        Self { package: package.to_owned(), task: task.to_owned() }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.package, self.task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TurboConfig;
    use crate::workspace::Package;
    use std::path::{Path, PathBuf};

    fn workspace(turbo: &str, packages: &[(&str, &[&str])]) -> Workspace {
        let packages = packages
            .iter()
            .map(|(name, dependencies)| {
                let package = Package {
                    name: (*name).to_owned(),
                    dir: format!("packages/{name}"),
                    scripts: [("build".to_owned(), "true".to_owned())].into(),
                    dependencies: dependencies.iter().map(|d| (*d).to_owned()).collect(),
                };
                ((*name).to_owned(), package)
            })
            .collect();
        let config = TurboConfig::parse(Path::new("turbo.json"), turbo).unwrap();
        Workspace { root: PathBuf::from("/r"), config, packages }
    }

    #[test]
    fn dependencies_come_first() {
        let w = workspace(
            r#"{"tasks":{"build":{"dependsOn":["^build"]}}}"#,
            &[("web", &["ui"]), ("ui", &["util"]), ("util", &[])],
        );
        let order: Vec<String> =
            plan(&w, &["build"]).unwrap().order.iter().map(|id| id.package.clone()).collect();
        assert_eq!(order, ["util", "ui", "web"]);
    }

    #[test]
    fn a_cycle_names_its_edges() {
        let w = workspace(r#"{"tasks":{"build":{"dependsOn":["^build"]}}}"#, &[("a", &["b"]), ("b", &["a"])]);
        let text = plan(&w, &["build"]).unwrap_err().to_string();
        assert!(text.contains("a#build → b#build → a#build"), "{text}");
    }

    #[test]
    fn unknown_tasks_and_packages_are_named() {
        let w = workspace(r#"{"tasks":{"build":{"dependsOn":["nope#build"]}}}"#, &[("a", &[])]);
        assert!(matches!(plan(&w, &["biuld"]), Err(PlanError::UnknownTask(..))));
        assert!(matches!(plan(&w, &["build"]), Err(PlanError::UnknownPackage { .. })));
    }

    #[test]
    fn nothing_waits_for_a_server() {
        let w = workspace(
            r#"{"tasks":{"dev":{"persistent":true},"build":{"dependsOn":["dev"]}}}"#,
            &[("a", &[])],
        );
        assert!(matches!(plan(&w, &["build"]), Err(PlanError::PersistentDependency { .. })));
    }
}
