//! What probes and lifecycle hooks do: a command in the container, an HTTP GET, a TCP connection, a gRPC health
//! check. One try each; schedules and thresholds are elsewhere.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Container, ExecAction, GRPCAction, HTTPGetAction, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use runtime::{Engine, ExecSpec};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;

use crate::fetch::{self, Get};
use crate::grpc;

/// Output of a command that is kept for messages.
const OUTPUT_LIMIT: usize = 10 * 1024;

/// The container that is asked.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) engine: Engine,
    pub(crate) uid: String,
    pub(crate) id: String,
    pub(crate) ip: Ipv4Addr,
    pub(crate) container: Container,
}

impl Target {
    fn port(&self, port: &IntOrString) -> Result<u16, String> {
        let number = match port {
            IntOrString::Int(number) => Some(*number),
            IntOrString::String(name) => {
                let named = self.container.ports.iter().flatten().find(|p| p.name.as_ref() == Some(name));
                named.map(|p| p.container_port).or_else(|| name.parse().ok())
            }
        };
        number
            .and_then(|n| u16::try_from(n).ok())
            .filter(|n| *n > 0)
            .ok_or_else(|| format!("the container has no port {port:?}"))
    }

    fn host(&self, wish: Option<&str>) -> String {
        wish.filter(|h| !h.is_empty()).map_or_else(|| self.ip.to_string(), str::to_owned)
    }

    /// Runs a command in the container: its exit code and the beginning of its output.
    pub(crate) async fn exec(&self, action: &ExecAction) -> Result<(i32, String), String> {
        let spec = ExecSpec { args: action.command.clone().unwrap_or_default(), ..ExecSpec::default() };
        let mut exec = self.engine.exec(&self.uid, &self.id, &spec).await.map_err(|e| e.to_string())?;
        let (stdout, stderr) = (exec.stdout.take(), exec.stderr.take());
        let (out, err) = tokio::join!(read_some(stdout), read_some(stderr));
        let code = exec.wait().await.map_err(|e| e.to_string())?;
        Ok((code, out + &err))
    }

    /// The GET that an action describes, for probes (headers given) and hooks alike.
    pub(crate) fn http(&self, action: &HTTPGetAction) -> Result<Get, String> {
        let headers = action.http_headers.iter().flatten();
        Ok(Get {
            https: action.scheme.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("https")),
            host: self.host(action.host.as_deref()),
            port: self.port(&action.port)?,
            path: action.path.clone().unwrap_or_else(|| "/".to_owned()),
            headers: headers.map(|h| (h.name.clone(), h.value.clone())).collect(),
        })
    }

    pub(crate) async fn http_get(&self, action: &HTTPGetAction) -> Result<fetch::Answer, String> {
        fetch::get(&self.http(action)?).await
    }

    pub(crate) fn tcp_address(&self, action: &TCPSocketAction) -> Result<(String, u16), String> {
        Ok((self.host(action.host.as_deref()), self.port(&action.port)?))
    }

    pub(crate) async fn tcp(&self, action: &TCPSocketAction) -> Result<(), String> {
        let address = self.tcp_address(action)?;
        let connected = TcpStream::connect((address.0.as_str(), address.1)).await;
        connected.map(drop).map_err(|e| fetch::dial_error(&address.0, address.1, &e))
    }

    pub(crate) async fn grpc(&self, action: &GRPCAction) -> Result<(), String> {
        let port = u16::try_from(action.port).map_err(|_| format!("{} is not a port", action.port))?;
        grpc::check(self.ip, port, action.service.as_deref().unwrap_or_default()).await
    }
}

/// Reads to the end, so that the writer is never stopped, and keeps the beginning.
async fn read_some(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(n) = stream.read(&mut buffer).await {
        if n == 0 {
            break;
        }
        let room = OUTPUT_LIMIT.saturating_sub(kept.len()).min(n);
        kept.extend_from_slice(&buffer[..room]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
