//! The daemon's control socket: its components seen, started and stopped one by one, by root on this machine.
//!
//! One line of JSON asks, one line answers. The socket lies in the cluster's folder, mode 0600, and the peer must be
//! root; nothing of the API's rights is reachable by it.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::task::AbortOnDropHandle;

use crate::components::{Components, Status};
use crate::layout::Home;

/// Longest request.
const MAX_REQUEST: u64 = 4096;

/// Why components could not be asked for or changed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens.
    #[error("no cluster runs in {home}; start it with `launchway cluster start`")]
    NotRunning {
        /// The cluster's folder.
        home: PathBuf,
    },
    /// The socket does not work.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The daemon refused.
    #[error("{0}")]
    Refused(String),
}

/// What is asked of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// Nothing but the list.
    List,
    /// Start the component of this name, and what stopped with it.
    Start(String),
    /// Stop the component of this name, and what cannot work without it.
    Stop(String),
}

/// The components after the request, or why it was refused.
type Answer = Result<Vec<Status>, String>;

/// Listens for requests until what is returned is dropped.
pub(crate) fn serve(home: &Home, components: Components) -> Result<AbortOnDropHandle<()>, ControlError> {
    let path = home.control();
    let fail = |source| ControlError::Io { action: "listen on", path: path.clone(), source };
    let listener = bind(&path).map_err(fail)?;
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let components = components.clone();
                    tokio::spawn(async move {
                        if let Err(error) = answer(stream, &components).await {
                            tracing::debug!("control socket: {error}");
                        }
                    });
                }
                Err(error) => {
                    tracing::error!("control socket: {error}");
                    return;
                }
            }
        }
    })))
}

/// Asks the daemon of `home`; answers its components.
pub async fn ask(home: &Home, request: &Request) -> Result<Vec<Status>, ControlError> {
    let path = home.control();
    let fail = |action| {
        let path = path.clone();
        move |source| ControlError::Io { action, path, source }
    };
    let nobody = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
    };
    let stream = match connect(&path).await {
        Err(error) if nobody(&error) => {
            return Err(ControlError::NotRunning { home: home.path().to_owned() });
        }
        stream => stream.map_err(fail("connect to"))?,
    };
    let (reader, mut writer) = stream.into_split();
    let mut line = serde_json::to_vec(request).map_err(io::Error::from).map_err(fail("write to"))?;
    line.push(b'\n');
    writer.write_all(&line).await.map_err(fail("write to"))?;
    let mut text = String::new();
    BufReader::new(reader).read_line(&mut text).await.map_err(fail("read from"))?;
    let answer: Answer = serde_json::from_str(&text).map_err(io::Error::from).map_err(fail("read from"))?;
    answer.map_err(ControlError::Refused)
}

async fn answer(stream: UnixStream, components: &Components) -> io::Result<()> {
    // The mode of the socket says the same; a folder's owner could change that.
    if stream.peer_cred()?.uid() != 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let (reader, mut writer) = stream.into_split();
    let mut text = String::new();
    BufReader::new(reader.take(MAX_REQUEST)).read_line(&mut text).await?;
    let answer: Answer = match serde_json::from_str(&text) {
        Ok(request) => act(components, request).await,
        Err(error) => Err(format!("request not understood: {error}")),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

async fn act(components: &Components, request: Request) -> Answer {
    let done = match request {
        Request::List => Ok(()),
        Request::Start(name) => components.start(&name).await,
        Request::Stop(name) => components.stop(&name).await,
    };
    done.map(|()| components.list()).map_err(|error| error.to_string())
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    // Left by a daemon that was killed; the lock says that none runs.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = through_folder(path, UnixListener::bind)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn connect(path: &Path) -> io::Result<UnixStream> {
    let stream = through_folder(path, std::os::unix::net::UnixStream::connect)?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// A socket's address has at most 107 bytes, a folder's path may have more: it is named by a descriptor.
fn through_folder<T>(path: &Path, open: impl FnOnce(PathBuf) -> io::Result<T>) -> io::Result<T> {
    let folder = std::fs::File::open(path.parent().unwrap_or(Path::new("/")))?;
    let short = format!("/proc/self/fd/{}", folder.as_raw_fd());
    open(Path::new(&short).join(path.file_name().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::State;

    #[tokio::test]
    async fn components_are_started_and_stopped_from_outside() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("x".repeat(120));
        std::fs::create_dir(&long).unwrap();
        let home = Home::new(&long);
        let missing = ask(&home, &Request::List).await.unwrap_err();
        assert!(matches!(missing, ControlError::NotRunning { .. }), "{missing}");

        let components = Components::default();
        components.add("clock", |life| async move {
            life.up();
            life.stopped().await;
            Ok(())
        });
        let serving = serve(&home, components).unwrap();
        assert_eq!(std::fs::metadata(home.control()).unwrap().permissions().mode() & 0o777, 0o600);
        let state = |list: Vec<Status>| list[0].state.clone();
        assert_eq!(state(ask(&home, &Request::List).await.unwrap()), State::Stopped);
        assert_eq!(state(ask(&home, &Request::Start("clock".into())).await.unwrap()), State::Running);
        assert_eq!(state(ask(&home, &Request::Stop("clock".into())).await.unwrap()), State::Stopped);
        let unknown = ask(&home, &Request::Stop("watch".into())).await.unwrap_err();
        assert_eq!(unknown.to_string(), "there is no component \"watch\"; there are clock");

        serving.abort();
        let _ = serving.await;
        assert!(matches!(ask(&home, &Request::List).await, Err(ControlError::NotRunning { .. })));
    }
}
