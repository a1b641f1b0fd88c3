//! A project: the repository's packages and its `launchway.toml` put together, with all defaults in place.

use std::path::{Path, PathBuf};

use build::Workspace;

use crate::config::{AppConfig, ConfigError, DatabaseConfig, ProjectConfig};

/// Why repository and `launchway.toml` do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The file is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A name that Kubernetes would refuse.
    #[error(
        "launchway.toml: {key} \"{value}\" cannot be a name in the cluster; use at most 40 small letters, digits and inner dashes"
    )]
    Name {
        /// Which key.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// An application names a package that is not there.
    #[error("launchway.toml: [apps.{app}] wants the package \"{package}\"; the repository has {known}")]
    Package {
        /// The application.
        app: String,
        /// The package.
        package: String,
        /// Those that are there.
        known: String,
    },
    /// Nothing to run.
    #[error(
        "launchway.toml names no [apps.…] and the repository has no package below apps/; there is nothing to run"
    )]
    Empty,
    /// A port outside the range of node ports.
    #[error("launchway.toml: [apps.{app}] node_port = {port}; node ports are 30000 to 32767")]
    NodePort {
        /// The application.
        app: String,
        /// The port.
        port: u16,
    },
    /// A database URL that is none.
    #[error("launchway.toml: [database] url: {0}")]
    Url(#[from] migrate::UrlError),
    /// A SQLite file without a folder of its own.
    #[error(
        "launchway.toml: [database] url: {0} must be an absolute path in a folder of its own, for example sqlite:/data/shop.db"
    )]
    SqlitePath(PathBuf),
    /// The migrations' folder is missing.
    #[error("launchway.toml: [database] migrations: there is no folder {0}")]
    Migrations(PathBuf),
    /// A secret's variable is not set.
    #[error(
        "launchway.toml: [apps.{app}] secrets: {name} comes from the variable {variable}, which is not set; export it and run again"
    )]
    Secret {
        /// The application.
        app: String,
        /// The name inside.
        name: String,
        /// The variable outside.
        variable: String,
    },
}

/// A project, ready to be built and deployed.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its name: the namespace.
    pub name: String,
    /// Absolute path of the repository.
    pub root: PathBuf,
    /// Its database.
    pub database: Option<Database>,
    /// Its applications, by name.
    pub apps: Vec<App>,
}

/// A project's database.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its URL as pods see it.
    pub url: String,
    /// For SQLite: the folder that must be a volume.
    pub volume: Option<String>,
    /// Folder of the scripts.
    pub migrations: PathBuf,
}

/// An application.
#[derive(Debug, Clone)]
pub struct App {
    /// Its name: Deployment, Service and image.
    pub name: String,
    /// The package that makes it.
    pub package: String,
    /// Absolute path of the folder that goes into the image.
    pub output: PathBuf,
    /// Port it listens on.
    pub port: u16,
    /// What `launchway.toml` says.
    pub config: AppConfig,
    /// Secret environment variables with their values.
    pub secrets: Vec<(String, String)>,
}

// === impl Project ===

impl Project {
    /// Reads `launchway.toml` of `workspace`; `variable` gives the caller's environment.
    pub fn open(
        workspace: &Workspace,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ProjectError> {
        let config = ProjectConfig::read(&workspace.root.join("launchway.toml"))?;
        let folder = workspace.root.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = checked("name", config.name.or(folder).unwrap_or_default())?;
        let database =
            config.database.map(|database| Database::new(&workspace.root, database)).transpose()?;
        let mut wanted = config.apps;
        if wanted.is_empty() {
            let packages = workspace.packages.values().filter(|package| package.dir.starts_with("apps/"));
            wanted.extend(packages.map(|package| (package.name.clone(), AppConfig::default())));
        }
        if wanted.is_empty() {
            return Err(ProjectError::Empty);
        }
        let apps = wanted
            .into_iter()
            .map(|(name, config)| App::new(workspace, name, config, variable))
            .collect::<Result<_, _>>()?;
        Ok(Self { name, root: workspace.root.clone(), database, apps })
    }
}

fn checked(key: &'static str, value: String) -> Result<String, ProjectError> {
    let fine = (1..=40).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !value.starts_with('-')
        && !value.ends_with('-');
    if fine { Ok(value) } else { Err(ProjectError::Name { key, value }) }
}

// === impl Database ===

impl Database {
    fn new(root: &Path, config: DatabaseConfig) -> Result<Self, ProjectError> {
        let migrations = root.join(config.migrations.unwrap_or_else(|| PathBuf::from("migrations")));
        if !migrations.is_dir() {
            return Err(ProjectError::Migrations(migrations));
        }
        let volume = match migrate::Url::parse(&config.url)? {
            migrate::Url::Postgres(_) => None,
            migrate::Url::Sqlite(path) => match path.parent().and_then(Path::to_str) {
                Some(folder) if folder.starts_with('/') && folder.len() > 1 => Some(folder.to_owned()),
                _ => return Err(ProjectError::SqlitePath(path)),
            },
        };
        Ok(Self { url: config.url, volume, migrations })
    }
}

// === impl App ===

impl App {
    fn new(
        workspace: &Workspace,
        name: String,
        config: AppConfig,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ProjectError> {
        let name = checked("apps", name)?;
        let package = config.package.clone().unwrap_or_else(|| name.clone());
        let Some(found) = workspace.packages.get(&package) else {
            let known = workspace.packages.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(ProjectError::Package { app: name, package, known });
        };
        if let Some(port) = config.node_port
            && !(30000..=32767).contains(&port)
        {
            return Err(ProjectError::NodePort { app: name, port });
        }
        let secrets = config
            .secrets
            .iter()
            .map(|(key, from)| match variable(from) {
                Some(value) => Ok((key.clone(), value)),
                None => {
                    Err(ProjectError::Secret { app: name.clone(), name: key.clone(), variable: from.clone() })
                }
            })
            .collect::<Result<_, _>>()?;
        let output =
            workspace.root.join(&found.dir).join(config.output.as_deref().unwrap_or(Path::new("dist")));
        Ok(Self { name, package, output, port: config.port.unwrap_or(8080), config, secrets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(toml: &str) -> Result<Project, ProjectError> {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("turbo.json", r#"{"tasks":{"build":{}}}"#);
        write("package.json", r#"{"workspaces":["apps/*"]}"#);
        write("apps/api/package.json", r#"{"name":"api"}"#);
        write("migrations/V1__a.sql", "");
        write("launchway.toml", toml);
        let workspace = build::discover(dir.path()).unwrap();
        Project::open(&workspace, &|name| (name == "TOKEN").then(|| "t".to_owned()))
    }

    #[test]
    fn few_lines_are_enough() {
        let project = open("name = \"x\"").unwrap();
        assert_eq!(project.apps.len(), 1);
        assert_eq!((project.apps[0].name.as_str(), project.apps[0].port), ("api", 8080));
        assert!(project.apps[0].output.ends_with("apps/api/dist"));
    }

    #[test]
    fn a_sqlite_folder_becomes_a_volume() {
        let project = open("name = \"x\"\n[database]\nurl = \"sqlite:/data/x.db\"").unwrap();
        assert_eq!(project.database.unwrap().volume.as_deref(), Some("/data"));
        let error = open("name = \"x\"\n[database]\nurl = \"sqlite:x.db\"").unwrap_err();
        assert!(matches!(error, ProjectError::SqlitePath(_)), "{error}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let text = |toml: &str| open(toml).unwrap_err().to_string();
        assert!(text("name = \"X y\"").contains("X y"));
        assert!(text("name = \"x\"\n[apps.web]").contains("the repository has api"));
        assert!(text("name = \"x\"\n[apps.api]\nnode_port = 80").contains("30000 to 32767"));
        assert!(text("name = \"x\"\n[apps.api.secrets]\nA = \"UNSET\"").contains("UNSET"));
        assert!(text("name = \"x\"\n[database]\nurl = \"mysql://h/d\"").contains("no database URL"));
    }

    #[test]
    fn secrets_come_from_the_environment() {
        let project = open("name = \"x\"\n[apps.api.secrets]\nA = \"TOKEN\"").unwrap();
        assert_eq!(project.apps[0].secrets, [("A".to_owned(), "t".to_owned())]);
    }
}
