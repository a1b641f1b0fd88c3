//! Packs build outputs into images: the output folder as `/app` on an empty base, and the migrations with this
//! program, so that a Job can apply them.
//!
//! The same files give the same digest; an image that is already in the store is not written again.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use image::{ContentStore, ImageConfig, LayerBuilder};

use crate::project::{App, Project};
use crate::{Event, Progress};

/// User and group of everything packed here: nobody in particular, and never root.
pub(crate) const USER: i64 = 65532;

/// Why an output could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// There is no output.
    #[error(
        "{app}: its build made no folder {path}; let the `build` script put its results there, or name the folder with `output` in launchway.toml"
    )]
    NoOutput {
        /// The application.
        app: String,
        /// The folder.
        path: PathBuf,
    },
    /// It is not clear what to run.
    #[error("{app}: {path} has {count} executables; name the one to run with `command` in launchway.toml")]
    Command {
        /// The application.
        app: String,
        /// The folder.
        path: PathBuf,
        /// How many there are.
        count: usize,
    },
    /// A folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The content store failed.
    #[error(transparent)]
    Image(#[from] image::Error),
}

/// What was packed.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Image references with digest, in the order of the project's applications.
    pub apps: Vec<String>,
    /// The image that applies the migrations, and the hash of its scripts.
    pub migration: Option<(String, String)>,
}

/// Packs every application of `project`, and its migrations together with the program at `program`.
pub fn pack(
    project: &Project,
    program: &Path,
    store: &ContentStore,
    progress: Progress<'_>,
) -> Result<Packed, PackError> {
    // Between a layer and the name that needs it, no collection may take it.
    let _writing = store.writing()?;
    let mut apps = Vec::new();
    for app in &project.apps {
        let command = command(app)?;
        let mut layer = LayerBuilder::new();
        layer.tree("app", &app.output)?;
        let config = ImageConfig {
            entrypoint: command,
            user: format!("{USER}:{USER}"),
            working_dir: "/app".to_owned(),
            exposed_ports: vec![format!("{}/tcp", app.port)],
            ..ImageConfig::default()
        };
        let image = store_image(store, &project.name, &app.name, &config, &[&layer], progress)?;
        apps.push(image);
    }
    let migration = match &project.database {
        None => None,
        Some(database) => {
            let mut binary = LayerBuilder::new();
            binary.file("launchway", program)?;
            let mut scripts = LayerBuilder::new();
            scripts.tree("migrations", &database.migrations)?;
            let config = ImageConfig {
                entrypoint: vec!["/launchway".to_owned(), "migrate".to_owned(), "/migrations".to_owned()],
                user: format!("{USER}:{USER}"),
                ..ImageConfig::default()
            };
            let hash = store.put_layer(&scripts)?.diff_id.to_string();
            let image =
                store_image(store, &project.name, "migrations", &config, &[&binary, &scripts], progress)?;
            Some((image, hash))
        }
    };
    Ok(Packed { apps, migration })
}

fn store_image(
    store: &ContentStore,
    project: &str,
    name: &str,
    config: &ImageConfig,
    layers: &[&LayerBuilder],
    progress: Progress<'_>,
) -> Result<String, PackError> {
    let repository = format!("launchway.local/{project}-{name}");
    let layers = layers.iter().map(|layer| store.put_layer(layer)).collect::<Result<Vec<_>, _>>()?;
    let digest = store.build_image(config, &layers)?;
    let image = format!("{repository}@{digest}");
    let tag: String = digest.to_string().trim_start_matches("sha256:").chars().take(12).collect();
    // One name a version: pods of the version before keep their image until it is pruned.
    let name_of_version = format!("{repository}:{tag}");
    let new = store.resolve(&name_of_version)?.is_none();
    store.tag(&name_of_version, &digest)?;
    progress(Event::Image { app: name, image: &image, new });
    Ok(image)
}

/// The configured command, or the one executable of the output folder.
fn command(app: &App) -> Result<Vec<String>, PackError> {
    if !app.output.is_dir() {
        return Err(PackError::NoOutput { app: app.name.clone(), path: app.output.clone() });
    }
    let in_app = |name: &str| if name.starts_with('/') { name.to_owned() } else { format!("/app/{name}") };
    if let Some(command) = &app.config.command
        && let Some((program, arguments)) = command.split_first()
    {
        let program = in_app(program.trim_start_matches("./"));
        return Ok(std::iter::once(program).chain(arguments.iter().cloned()).collect());
    }
    let read = |source| PackError::Read { path: app.output.clone(), source };
    let mut executables = Vec::new();
    for entry in std::fs::read_dir(&app.output).map_err(read)? {
        let entry = entry.map_err(read)?;
        let metadata = entry.metadata().map_err(read)?;
        if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
            executables.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    match executables.as_slice() {
        [one] => Ok(vec![in_app(one)]),
        many => {
            Err(PackError::Command { app: app.name.clone(), path: app.output.clone(), count: many.len() })
        }
    }
}
