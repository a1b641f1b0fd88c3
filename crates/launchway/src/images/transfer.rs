//! `launchway image pull` and `push`.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use cluster::Home;
use image::{ContentStore, Reference};
use registry::{Client, Credential, Keyring, Progress, Settings};

use super::megabytes;
use crate::Failure;
use crate::ui::Stage;

/// Credentials beside those of Docker's `config.json`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Login {
    /// User at the registry; default: what Docker's config.json says.
    #[arg(long, requires = "password_stdin")]
    username: Option<String>,
    /// Read the password from standard input.
    #[arg(long, requires = "username")]
    password_stdin: bool,
}

pub(super) async fn pull(
    home: &Home,
    store: &ContentStore,
    image: &str,
    login: &Login,
) -> Result<(), Failure> {
    let reference = Reference::parse(image)?;
    let (client, keyring) = (Client::new(Settings::read(home.path())?), login.keyring(home, &reference)?);
    let stage = Stage::begin("pull");
    let pulled = client.pull(store, image, &keyring, &|progress| stage.doing(&told(progress))).await;
    let pulled = stage.finish(pulled, |pulled| format!("{reference}, {}", megabytes(pulled.size)))?;
    println!("{reference} {}", pulled.digest);
    Ok(())
}

pub(super) async fn push(
    home: &Home,
    store: &ContentStore,
    image: &str,
    target: Option<&str>,
    login: &Login,
) -> Result<(), Failure> {
    let target = target.unwrap_or(image);
    let reference = Reference::parse(target)?;
    let (client, keyring) = (Client::new(Settings::read(home.path())?), login.keyring(home, &reference)?);
    let stage = Stage::begin("push");
    let tell = |progress: Progress| stage.doing(&told(progress));
    let pushed = client.push(store, image, target, &keyring, &tell).await;
    let digest = stage.finish(pushed, |_| reference.to_string())?;
    println!("{reference} {digest}");
    Ok(())
}

fn told(progress: Progress) -> String {
    let Progress { layers, layers_done, bytes, bytes_done } = progress;
    format!("{layers_done} of {layers} layers, {} of {}", megabytes(bytes_done), megabytes(bytes))
}

impl Login {
    /// The user's credentials: what was given, then Docker's files.
    fn keyring(&self, home: &Home, reference: &Reference) -> Result<Keyring, Failure> {
        let mut keyring = Keyring::new();
        if let (Some(username), Some((registry, repository))) = (&self.username, reference.location()) {
            let mut password = String::new();
            std::io::stdin().read_to_string(&mut password)?;
            let credential = Credential {
                source: "--username".to_owned(),
                username: username.clone(),
                password: password.trim_end_matches(['\r', '\n']).to_owned(),
                identity_token: None,
                registry_token: None,
            };
            keyring.add_credential(&format!("{registry}/{repository}"), credential);
            return Ok(keyring);
        }
        for path in [docker_config(), Some(home.path().join("config.json"))].into_iter().flatten() {
            match std::fs::read(&path) {
                Ok(bytes) => keyring.add_config(&path.display().to_string(), &bytes)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("cannot read {}: {error}", path.display()).into()),
            }
        }
        Ok(keyring)
    }
}

fn docker_config() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")))?;
    Some(folder.join("config.json"))
}
