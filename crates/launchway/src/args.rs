//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// What `launchway.toml` may say.
const PROJECT_FILE: &str = r#"Reads turbo.json, package.json and launchway.toml of the repository. Everything in launchway.toml is optional:

  name = "shop"                    namespace and prefix of images; default: the folder's name

  [database]
  url = "sqlite:/data/shop.db"     or postgres://user:password@host:5432/name
  migrations = "migrations"        folder of V<version>__<name>.sql scripts

  [apps.NAME]                      default: one for each package below apps/
  package = "NAME"                 the package that makes it
  output = "dist"                  the folder that goes into the image, as /app
  command = ["server", "--flag"]   default: the one executable in that folder
  port = 8080                      where it listens, told to it in PORT
  replicas = 1                     how many pods
  health = "/healthz"              path that answers when it is ready; default: an open port
  node_port = 30080                port of this machine; default: reached in the cluster only
  memory = "64Mi"                  limits; default: none
  cpu = "500m"
  env = { KEY = "value" }          plain variables
  secrets = { KEY = "VARIABLE" }   values taken from your environment"#;

/// From a monorepo to a running service, on any Linux machine.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Args {
    /// Folder of the cluster.
    #[arg(long, global = true, env = "LAUNCHWAY_HOME", default_value = "/var/lib/launchway")]
    pub(crate) home: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build what changed, migrate the database, deploy, and follow the rollout.
    #[command(after_long_help = PROJECT_FILE)]
    Up {
        /// The repository.
        #[arg(default_value = ".")]
        directory: PathBuf,
        /// Run every task, whatever is cached.
        #[arg(long)]
        force: bool,
    },
    /// Remove the application from the cluster; its database stays.
    Down {
        /// The repository.
        #[arg(default_value = ".")]
        directory: PathBuf,
    },
    /// Say of a running pod which source it came from.
    Why {
        /// The pod: NAME or pod/NAME.
        pod: String,
        /// Its namespace; default: wherever it is.
        #[arg(short, long)]
        namespace: Option<String>,
    },
    /// Bring a database to the version of the scripts.
    Migrate {
        /// Folders with `V<version>__<name>.sql` and `R__<name>.sql` scripts.
        #[arg(default_value = "migrations")]
        locations: Vec<PathBuf>,
        /// `sqlite:/path/to/file` or `postgres://user:password@host:port/name`.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        url: String,
    },
    /// Start, stop, look at or delete the cluster.
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Look at and change the images of the cluster.
    #[command(subcommand)]
    Image(ImageCommand),
    /// The cluster's process; started by the commands that need it.
    #[command(hide = true)]
    Daemon {
        /// Settings of a new cluster.
        #[command(flatten)]
        wanted: WantedArgs,
    },
}

/// What to do with the cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Start the cluster, making it if there is none, and add its context to your kubeconfig.
    Start {
        /// Settings of a new cluster.
        #[command(flatten)]
        wanted: WantedArgs,
    },
    /// Stop the cluster's process; pods go on running.
    Stop,
    /// Say whether the cluster runs and how to reach it.
    Status,
    /// Delete the cluster with everything in it: pods, data, images, rules, devices.
    Delete,
}

/// What to do with images.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Import the images of an OCI or docker archive.
    Import {
        /// The archive, or an OCI layout folder.
        archive: PathBuf,
    },
    /// List the images.
    List,
}

/// Settings of a new cluster.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct WantedArgs {
    /// The cluster's name and kubeconfig context; default: launchway.
    #[arg(long)]
    name: Option<String>,
    /// Port of the API server; default: 16443.
    #[arg(long)]
    api_port: Option<u16>,
    /// Addresses of pods; default: 10.42.0.0/24.
    #[arg(long)]
    pod_cidr: Option<String>,
    /// Addresses of services; default: 10.43.0.0/16.
    #[arg(long)]
    service_cidr: Option<String>,
}

impl From<WantedArgs> for cluster::Wanted {
    fn from(args: WantedArgs) -> Self {
        let WantedArgs { name, api_port, pod_cidr, service_cidr } = args;
        Self { name, api_port, pod_cidr, service_cidr }
    }
}

impl WantedArgs {
    /// The same settings as arguments of the daemon.
    pub(crate) fn to_arguments(&self) -> Vec<String> {
        let port = self.api_port.map(|port| port.to_string());
        [
            ("--name", &self.name),
            ("--api-port", &port),
            ("--pod-cidr", &self.pod_cidr),
            ("--service-cidr", &self.service_cidr),
        ]
        .into_iter()
        .filter_map(|(flag, value)| Some([flag.to_owned(), value.clone()?]))
        .flatten()
        .collect()
    }

    /// A cluster with every setting at its default.
    pub(crate) fn defaults() -> Self {
        Self { name: None, api_port: None, pod_cidr: None, service_cidr: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
