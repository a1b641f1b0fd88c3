//! `launchway why`.

use cluster::Home;

use crate::Failure;
use crate::cluster_command;

/// Prints where the pod's containers came from.
pub(crate) async fn run(home: &Home, pod: &str, namespace: Option<&str>) -> Result<(), Failure> {
    let client = cluster_command::client(home).await?;
    let why = ship::why(&client, pod, namespace).await?;
    println!("pod {} in namespace {}", why.pod, why.namespace);
    for (container, image, source) in &why.containers {
        println!("  container {container}");
        println!("    image      {image}");
        let Some(source) = source else {
            println!("    source     unknown: this image was not deployed by `launchway up`");
            continue;
        };
        println!("    deployed   {}", source.deployed);
        for (package, hash) in &source.packages {
            println!("    package    {package} {hash}");
        }
        for (task, hash) in &source.tasks {
            println!("    task       {task} {hash}");
        }
    }
    if let Some(migration) = &why.migration {
        println!("  database     version {} since {}", migration.version, migration.at);
    }
    Ok(())
}
