//! Connections to servers inside a pod, also to those that listen on its loopback address alone.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;

use super::{Engine, EngineError};
use crate::child::reason;
use crate::sys;

impl Engine {
    /// Connects to `port` of the pod's own `localhost`: by IPv4, then by IPv6.
    ///
    /// # Errors
    /// When there is no such pod, or nobody listens there.
    pub async fn dial(&self, uid: &str, port: u16) -> Result<TcpStream, EngineError> {
        let namespace = self.network_namespace(uid)?;
        let failed = |error: io::Error| EngineError::Failed(reason(&error));
        let sockets = sockets_in(namespace).await.map_err(failed)?;
        let addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), (Ipv6Addr::LOCALHOST, port).into()];
        let mut texts = Vec::new();
        for (socket, address) in sockets.into_iter().zip(addresses) {
            let connected = match socket {
                Ok(socket) => {
                    let socket = TcpSocket::from_std_stream(std::net::TcpStream::from(socket));
                    socket.connect(address).await
                }
                Err(error) => Err(error),
            };
            match connected {
                Ok(stream) => return Ok(stream),
                Err(error) => texts.push(format!("dial tcp {address}: connect: {}", reason(&error))),
            }
        }
        Err(EngineError::Failed(format!(
            "failed to connect to localhost:{port} inside the pod's network namespace: {}",
            texts.join("; ")
        )))
    }
}

/// A socket of each family, made in a network namespace: it stays there wherever it is used. The thread that goes
/// there for it ends there, too.
async fn sockets_in(namespace: OwnedFd) -> io::Result<[io::Result<OwnedFd>; 2]> {
    let (tell, made) = oneshot::channel();
    std::thread::Builder::new().name("dial".into()).spawn(move || {
        let make = |family| {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            rustix::net::socket_with(family, SocketType::STREAM, flags, None).map_err(io::Error::from)
        };
        let entered = sys::setns(namespace.as_fd(), libc::CLONE_NEWNET);
        let _ = tell.send(entered.map(|()| [make(AddressFamily::INET), make(AddressFamily::INET6)]));
    })?;
    made.await.map_err(io::Error::other)?
}
