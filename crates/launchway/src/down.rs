//! `launchway down`.

use std::path::Path;

use cluster::Home;
use ship::Project;

use crate::Failure;
use crate::cluster_command;
use crate::ui::Stage;

/// Removes the application of the repository in `directory`.
pub(crate) async fn run(home: &Home, directory: &Path) -> Result<(), Failure> {
    let workspace = build::discover(directory)?;
    // Secrets need not be set to take an application away.
    let project = Project::open(&workspace, &|_| Some(String::new()))?;
    let client = cluster_command::client(home).await?;
    let stage = Stage::begin("down");
    let removed = stage.finish(ship::down(&client, &project.name, &|_| {}).await, |removed| {
        if *removed {
            format!("{} removed; its database stays", project.name)
        } else {
            "it was not there".to_owned()
        }
    });
    Ok(removed.map(drop)?)
}
