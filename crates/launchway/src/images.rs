//! `launchway image …`.

use cluster::Home;
use image::ContentStore;

use crate::Failure;
use crate::args::ImageCommand;

/// Runs `launchway image …` on the content store that the node reads, too.
pub(crate) fn run(home: &Home, command: ImageCommand) -> Result<(), Failure> {
    let store = ContentStore::open(&home.images())?;
    match command {
        ImageCommand::Import { archive } => {
            for imported in store.import_archive(&archive)? {
                println!("{} {}", imported.names.join(", "), imported.digest);
            }
        }
        ImageCommand::List => {
            for listed in store.list()? {
                println!(
                    "{}  {:.1} MB  {}",
                    listed.digest,
                    listed.size as f64 / 1e6,
                    listed.names.join(", ")
                );
            }
        }
    }
    Ok(())
}
