//! `RUN`: a program in a container over the layers made so far, without a network.
//!
//! One sandbox serves all steps of a build. Its folder lies in the content store's for temporary ones: on the disk of
//! the layers, and taken by the next collection should this process be killed.

use std::path::{Path, PathBuf};

use image::{ContentStore, LayerBuilder, Merged};
use runtime::{ContainerSpec, Engine, Output, SandboxSpec, User};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::error::{Error, Place};

const POD: &str = "build";

/// Runs steps; made for the first one.
pub(crate) struct Runner {
    engine: Engine,
    folder: TempDir,
    steps: usize,
}

/// One step.
pub(crate) struct Step<'a> {
    pub(crate) place: &'a Place,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<String>,
    pub(crate) working_dir: &'a str,
    pub(crate) user: &'a str,
    /// Top first.
    pub(crate) lower_dirs: Vec<PathBuf>,
}

/// A container's error, with the step's place.
fn broken(place: &Place) -> impl Fn(&dyn std::fmt::Display) -> Error {
    let place = place.clone();
    move |error| Error::Container { place: place.clone(), why: error.to_string() }
}

impl Runner {
    pub(crate) async fn new(store: &ContentStore, place: &Place) -> Result<Self, Error> {
        let broken = broken(place);
        let temporary = store.root().join("tmp");
        let folder = tempfile::Builder::new().prefix("build-").tempdir_in(temporary);
        let folder = folder.map_err(|error| broken(&error))?;
        let options = runtime::Options {
            cgroup_parent: format!("/launchway-build-{}", std::process::id()),
            ..runtime::Options::default()
        };
        let engine = Engine::open(folder.path(), options).await.map_err(|error| broken(&error))?;
        let sandbox = SandboxSpec {
            uid: POD.to_owned(),
            name: POD.to_owned(),
            hostname: POD.to_owned(),
            ..SandboxSpec::default()
        };
        engine.create_sandbox(&sandbox).await.map_err(|error| broken(&error))?;
        Ok(Self { engine, folder, steps: 0 })
    }

    /// Runs a step to its end and gives what it changed. `tell` hears each line that it prints.
    pub(crate) async fn run(
        &mut self,
        step: Step<'_>,
        tell: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<LayerBuilder, Error> {
        let broken = broken(step.place);
        self.steps += 1;
        let id = format!("step-{}", self.steps);
        let spec = ContainerSpec {
            id: id.clone(),
            name: id.clone(),
            args: step.arguments.clone(),
            env: step.environment,
            cwd: step.working_dir.to_owned(),
            user: User { user: step.user.to_owned(), ..User::default() },
            lower_dirs: step.lower_dirs.clone(),
            ..ContainerSpec::default()
        };
        self.engine.create_container(POD, &spec).await.map_err(|error| broken(&error))?;
        let mut attached = self.engine.attach(POD, &id, false).await.map_err(|error| broken(&error))?;
        self.engine.start_container(POD, &id).await.map_err(|error| broken(&error))?;
        let (out, err) = (attached.stdout.take(), attached.stderr.take());
        let (code, (), ()) = tokio::join!(attached.wait(), lines(out, tell), lines(err, tell));
        let code = code.map_err(|error| broken(&error))?;
        if code != 0 {
            return Err(Error::Exit { place: step.place.clone(), command: step.arguments.join(" "), code });
        }
        let upper = self.engine.upper_dir(POD, &id).map_err(|error| broken(&error))?;
        let layer = tokio::task::spawn_blocking(move || {
            LayerBuilder::from_overlay(&upper, &Merged::new(step.lower_dirs))
        });
        let layer = layer.await.map_err(|error| broken(&error))?;
        layer.map_err(Error::store(step.place))
    }

    /// Where steps lie; layers made of them must be packed before [`Runner::close`].
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends what runs and removes everything of it.
    pub(crate) async fn close(self) {
        if let Err(error) = self.engine.remove_sandbox(POD).await {
            tracing::warn!(%error, folder = %self.folder().display(), "the build's container is left over");
        }
        if let Err(error) = self.engine.teardown() {
            tracing::warn!(%error, "the build's cgroup is left over");
        }
    }
}

async fn lines(output: Option<Output>, tell: &(dyn Fn(&str) + Send + Sync)) {
    let Some(output) = output else { return };
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        tell(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        line.clear();
    }
}
