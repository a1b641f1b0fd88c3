//! `launchway image …`: the images of the cluster, on the content store that its nodes read.

mod build;
mod transfer;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Subcommand;
use cluster::Home;
use image::{ContentStore, Digest, Reference};

use crate::Failure;

/// What to do with images.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Build an image from a Dockerfile, without a network.
    Build(build::Arguments),
    /// Import the images of an OCI or docker archive.
    Import {
        /// The archive, or an OCI layout folder.
        archive: PathBuf,
    },
    /// Write an image to an OCI archive.
    Export {
        /// Name or digest.
        image: String,
        /// The new file.
        archive: PathBuf,
    },
    /// List the images.
    List,
    /// Remove images that no pod uses.
    Rm {
        /// Names or digests.
        #[arg(required = true)]
        images: Vec<String>,
    },
    /// Push an image to the registry in its name.
    Push {
        /// Name or digest.
        image: String,
        /// Name at the registry; default: the same name.
        target: Option<String>,
        /// Who pushes.
        #[command(flatten)]
        login: transfer::Login,
    },
    /// Pull an image for the pods of this machine.
    Pull {
        /// Name, with tag or digest.
        image: String,
        /// Who pulls.
        #[command(flatten)]
        login: transfer::Login,
    },
    /// Remove what no image needs, and what builds left for the next build.
    Prune {
        /// Images that no pod uses, too.
        #[arg(long)]
        all: bool,
    },
}

/// Runs `launchway image …`.
pub(crate) async fn run(home: &Home, command: ImageCommand) -> Result<(), Failure> {
    let store = ContentStore::open(&home.images())?;
    match command {
        ImageCommand::Build(arguments) => build::run(&store, arguments).await,
        ImageCommand::Import { archive } => {
            for imported in store.import_archive(&archive)? {
                println!("{} {}", imported.names.join(", "), imported.digest);
            }
            Ok(())
        }
        ImageCommand::Export { image, archive } => Ok(store.export_archive(&image, &archive)?),
        ImageCommand::List => list(&store),
        ImageCommand::Rm { images } => remove(&store, &images),
        ImageCommand::Push { image, target, login } => {
            transfer::push(home, &store, &image, target.as_deref(), &login).await
        }
        ImageCommand::Pull { image, login } => transfer::pull(home, &store, &image, &login).await,
        ImageCommand::Prune { all } => prune(&store, all),
    }
}

fn list(store: &ContentStore) -> Result<(), Failure> {
    let used = store.in_use()?;
    let images = store.list()?;
    let names = images.iter().flat_map(|image| &image.names);
    let width = names.map(String::len).max().unwrap_or(0).max("NAME".len());
    println!("{:width$}  {:19}  {:>10}  IN USE", "NAME", "DIGEST", "SIZE");
    for image in images {
        let digest = short(&image.digest);
        let mark = if used.contains(&image.digest) { "yes" } else { "no" };
        for name in image.names {
            println!("{name:width$}  {digest:19}  {:>10}  {mark}", megabytes(image.size));
        }
    }
    Ok(())
}

/// The beginning of a digest, as others show it.
fn short(digest: &Digest) -> String {
    format!("sha256:{}", &digest.hex()[..12])
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn remove(store: &ContentStore, images: &[String]) -> Result<(), Failure> {
    let used = store.in_use()?;
    // All or none: what cannot be removed is told before anything is.
    for image in images {
        let target = store.require(image)?.target;
        if used.contains(&target) {
            let name = Reference::parse(image)?;
            return Err(format!(
                "image {name} is in use by pods of this machine; delete them first \
                 (`kubectl get pods --all-namespaces -o wide` shows them)"
            )
            .into());
        }
    }
    for image in images {
        if !store.remove(image)? {
            return Err(
                format!("image {image} has no name that could be removed; `image prune` frees it").into()
            );
        }
        println!("removed {}", Reference::parse(image)?);
    }
    let freed = store.gc(&[])?;
    println!("{} freed", megabytes(freed.bytes));
    Ok(())
}

fn prune(store: &ContentStore, all: bool) -> Result<(), Failure> {
    store.forget_cached()?;
    if all {
        let used: BTreeSet<Digest> = store.in_use()?;
        for image in store.list()?.into_iter().filter(|image| !used.contains(&image.digest)) {
            store.remove(&image.digest.to_string())?;
            println!("removed {}", image.names.join(", "));
        }
    }
    let freed = store.gc(&[])?;
    println!("{} freed in {} blobs and {} layers", megabytes(freed.bytes), freed.blobs, freed.layers);
    Ok(())
}
