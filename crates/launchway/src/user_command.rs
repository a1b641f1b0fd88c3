//! `launchway cluster user …`: people who work with the cluster without being its administrator.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use cluster::users::{self, Wanted};
use cluster::{Home, Settings, kubeconfig};

use crate::Failure;
use crate::cluster_command;

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Give somebody a kubeconfig and rights; again, to renew the one and add to the other.
    Add(AddArgs),
    /// List who was given which rights.
    List,
    /// Take back the rights of somebody; the certificate ends by itself.
    Rm {
        /// The user's name.
        name: String,
    },
}

/// Who gets which rights, and where the kubeconfig goes.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The user's name.
    name: String,
    /// Where the roles count; the kubeconfig begins there.
    #[arg(short, long)]
    namespace: Option<String>,
    /// A role in the namespace, such as view, edit or admin; may be given again.
    #[arg(long, requires = "namespace")]
    role: Vec<String>,
    /// A role everywhere; may be given again.
    #[arg(long)]
    cluster_role: Vec<String>,
    /// A group that the user is in; may be given again.
    #[arg(long)]
    group: Vec<String>,
    /// How long the certificate lives: minutes, hours or days, from 10m to 365d.
    #[arg(long, default_value = "7d", value_parser = lifetime)]
    valid: Duration,
    /// Where the API server is reached from the user's machine; default: as from this one.
    #[arg(long)]
    server: Option<String>,
    /// The file for the kubeconfig, or - for standard output; default: NAME.kubeconfig.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Add a context NAME@CLUSTER to your own kubeconfig instead.
    #[arg(long, conflicts_with = "output")]
    merge: bool,
}

/// Runs `launchway cluster user …`.
pub(crate) async fn run(home: &Home, command: UserCommand) -> Result<(), Failure> {
    let client = cluster_command::client(home).await?;
    match command {
        UserCommand::Add(args) => add(home, &client, args).await,
        UserCommand::List => {
            let rights = users::list(&client).await?;
            let width = |of: fn(&users::Right) -> usize, title: &str| {
                rights.iter().map(of).chain([title.len()]).max().unwrap_or_default() + 3
            };
            let place =
                |right: &users::Right| right.namespace.clone().unwrap_or_else(|| "(everywhere)".into());
            let user = width(|right| right.user.len(), "USER");
            let spaces = rights.iter().map(|right| place(right).len()).chain([9]).max().unwrap_or(9) + 3;
            println!("{:user$}{:spaces$}ROLE", "USER", "NAMESPACE");
            for right in &rights {
                println!("{:user$}{:spaces$}{}", right.user, place(right), right.role);
            }
            Ok(())
        }
        UserCommand::Rm { name } => {
            let removed = users::remove(&client, &name).await?;
            if removed == 0 {
                return Err(format!(
                    "{name} was given no rights; `launchway cluster user list` shows who was"
                )
                .into());
            }
            let settings = Settings::read(home)?;
            if let (Some(path), Some(settings)) = (kubeconfig::user_path(), settings) {
                kubeconfig::remove(&path, &context(&name, &settings))?;
            }
            println!("{name} has lost {removed} role{}", if removed == 1 { "" } else { "s" });
            Ok(())
        }
    }
}

fn context(user: &str, settings: &Settings) -> String {
    format!("{user}@{}", settings.name)
}

async fn add(home: &Home, client: &kube::Client, args: AddArgs) -> Result<(), Failure> {
    let AddArgs { name, namespace, role, cluster_role, group, valid, server, output, merge } = args;
    let settings = Settings::read(home)?.ok_or("the cluster has no settings")?;
    let wanted = Wanted {
        name: name.clone(),
        groups: group,
        namespace: namespace.clone(),
        roles: role,
        cluster_roles: cluster_role,
        lifetime: valid,
    };
    let credentials = users::add(client, &wanted).await?;
    let context = context(&name, &settings);
    let login = kubeconfig::Login {
        context: &context,
        namespace: namespace.as_deref(),
        server: server.as_deref(),
        certificate_pem: &credentials.certificate_pem,
        key_pem: &credentials.key_pem,
    };
    let config = kubeconfig::of_user(&home.kubeconfig(), &login)?;
    if merge {
        let path = kubeconfig::user_path().ok_or("neither KUBECONFIG nor HOME is set")?;
        kubeconfig::merge(&path, &config)?;
        println!("kubectl --context {context} get pods");
        return Ok(());
    }
    let path = output.unwrap_or_else(|| PathBuf::from(format!("{name}.kubeconfig")));
    if path.as_os_str() == "-" {
        std::io::stdout().write_all(kubeconfig::text(&config)?.as_bytes())?;
        return Ok(());
    }
    kubeconfig::write(&path, &config)?;
    println!("kubectl --kubeconfig {} get pods", path.display());
    Ok(())
}

/// Reads `90m`, `12h` or `7d`.
fn lifetime(text: &str) -> Result<Duration, String> {
    let form = || format!("{text:?} is no time such as 90m, 12h or 7d");
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(form)?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err(form()),
    };
    let count: u64 = digits.parse().map_err(|_| form())?;
    let time = Duration::from_secs(count.saturating_mul(seconds));
    if time < users::SHORTEST || time > Duration::from_secs(365 * 86400) {
        return Err(format!("{text} is not between 10m and 365d"));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_have_a_unit_and_bounds() {
        assert_eq!(lifetime("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(lifetime("12h"), Ok(Duration::from_secs(12 * 3600)));
        assert_eq!(lifetime("365d"), Ok(Duration::from_secs(365 * 86400)));
        for bad in ["", "d", "7", "9m", "366d", "-1d", "1w", "7ü"] {
            assert!(lifetime(bad).is_err(), "{bad}");
        }
    }
}
