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
    /// Say of every component whether it works, what stops while it does not, and how to mend it.
    Doctor,
    /// Look at and change the images of the cluster.
    #[command(subcommand)]
    Image(crate::images::ImageCommand),
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
    /// Let others work with the cluster, with the rights they need.
    #[command(subcommand)]
    User(crate::user_command::UserCommand),
    /// See, start and stop the cluster's components one by one.
    #[command(subcommand)]
    Component(crate::doctor::ComponentCommand),
    /// Write the cluster's state, keys and images to one file, while it runs or not.
    Backup {
        /// The new file; it holds the cluster's keys, so only root may read it.
        file: PathBuf,
        /// Volumes too, as they are on disk at that moment.
        #[arg(long)]
        volumes: bool,
    },
    /// Make the cluster that a backup holds, where there is none.
    Restore {
        /// A file made by `launchway cluster backup`.
        file: PathBuf,
    },
    /// Make, list and remove tokens with which other machines join.
    #[command(subcommand)]
    Token(crate::node_command::TokenCommand),
    /// Make this machine a node of a cluster on another one.
    Join(crate::node_command::JoinArgs),
    /// Take this machine out of the cluster that it joined: its pods end, its node goes.
    Leave {
        /// Also when the cluster cannot be told.
        #[arg(long)]
        force: bool,
    },
    /// Delete the cluster with everything in it: pods, data, images, rules, devices.
    Delete,
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
    /// Addresses of pods: an IPv4 range and, after a comma, an IPv6 range. An IPv4 range alone gives a cluster without
    /// IPv6; default: 10.42.0.0/16, and fd00:10:42::/56 where the machine has IPv6.
    #[arg(long)]
    pod_cidr: Option<String>,
    /// Addresses of services, in the same form; default: 10.43.0.0/16, and fd00:10:43::/112.
    #[arg(long)]
    service_cidr: Option<String>,
    /// Addresses for Services of type LoadBalancer, such as 192.0.2.0/28,192.0.2.100-192.0.2.120; the node that serves
    /// one answers for it on its link. Default: they get the nodes' own addresses.
    #[arg(long)]
    load_balancer_pool: Option<String>,
    /// How many nodes there are on this machine, each with a network of its own; default: 1. More can be added later.
    #[arg(long)]
    nodes: Option<u32>,
    /// Address of this machine at which others reach the API server, or 0.0.0.0 for all of them; default: none, the
    /// cluster is this machine's alone.
    #[arg(long)]
    listen: Option<std::net::Ipv4Addr>,
    /// How long a node may be silent before it counts as unreachable; default: 50s.
    #[arg(long, value_parser = crate::node_command::duration)]
    node_grace: Option<std::time::Duration>,
    /// How long certificates live; they are renewed by themselves; default: 365d.
    #[arg(long, value_parser = crate::node_command::duration)]
    certificate_lifetime: Option<std::time::Duration>,
}

impl From<WantedArgs> for cluster::Wanted {
    fn from(args: WantedArgs) -> Self {
        let WantedArgs { name, api_port, pod_cidr, service_cidr, load_balancer_pool, nodes, listen, .. } =
            args;
        let node_grace = args.node_grace.map(|time| time.as_secs());
        let certificate_lifetime = args.certificate_lifetime.map(|time| time.as_secs());
        Self {
            name,
            api_port,
            pod_cidr,
            service_cidr,
            load_balancer_pool,
            nodes,
            listen,
            node_grace,
            certificate_lifetime,
        }
    }
}

impl WantedArgs {
    /// The same settings as arguments of the daemon.
    pub(crate) fn to_arguments(&self) -> Vec<String> {
        let port = self.api_port.map(|port| port.to_string());
        let (nodes, listen) =
            (self.nodes.map(|n| n.to_string()), self.listen.map(|address| address.to_string()));
        let seconds = |time: Option<std::time::Duration>| time.map(|time| format!("{}s", time.as_secs()));
        let (node_grace, lifetime) = (seconds(self.node_grace), seconds(self.certificate_lifetime));
        [
            ("--name", &self.name),
            ("--api-port", &port),
            ("--pod-cidr", &self.pod_cidr),
            ("--service-cidr", &self.service_cidr),
            ("--load-balancer-pool", &self.load_balancer_pool),
            ("--nodes", &nodes),
            ("--listen", &listen),
            ("--node-grace", &node_grace),
            ("--certificate-lifetime", &lifetime),
        ]
        .into_iter()
        .filter_map(|(flag, value)| Some([flag.to_owned(), value.clone()?]))
        .flatten()
        .collect()
    }

    /// A cluster with every setting at its default.
    pub(crate) fn defaults() -> Self {
        Self {
            name: None,
            api_port: None,
            pod_cidr: None,
            service_cidr: None,
            load_balancer_pool: None,
            nodes: None,
            listen: None,
            node_grace: None,
            certificate_lifetime: None,
        }
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
