//! A client of the kubelet's endpoints: TLS, handshakes of upgrades, and what comes after them.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use streams::spdy::{self, Decoder, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{NODE_IP, World};

/// A connection with a client certificate, or none.
pub async fn connect(
    world: &World,
    identity: Option<&(String, String)>,
) -> Result<TlsStream<TcpStream>, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(world.keys.ca_pem.as_bytes()).unwrap()).unwrap();
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
    let config = match identity {
        Some((certificate, key)) => config
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
        None => config.with_no_client_auth(),
    };
    let port = world.kubelet.as_ref().unwrap().port().unwrap();
    let stream = TcpStream::connect((NODE_IP, port)).await.unwrap();
    let name = rustls::pki_types::ServerName::IpAddress(std::net::IpAddr::V4(NODE_IP).into());
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.map_err(|e| e.to_string())
}

/// Sends a request for an upgrade with these header lines; the answer's head in lower case, and the connection.
pub async fn upgrade(world: &World, request: &str, headers: &[&str]) -> (String, TlsStream<TcpStream>) {
    let mut stream = connect(world, Some(&world.keys.client)).await.unwrap();
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let text = format!("{request} HTTP/1.1\r\nhost: n1\r\nconnection: Upgrade\r\n{lines}\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (String::from_utf8(head).unwrap().to_lowercase(), stream)
}

/// Header lines that ask for a WebSocket with that protocol.
pub fn websocket(protocol: &str) -> Vec<String> {
    vec![
        "upgrade: websocket".to_owned(),
        "sec-websocket-version: 13".to_owned(),
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
        format!("sec-websocket-protocol: {protocol}"),
    ]
}

/// One message as a client sends it, of fewer than 126 bytes.
pub fn message(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// The next message that a server sends; none when it closes well.
pub async fn next_message(stream: &mut TlsStream<TcpStream>) -> Option<Vec<u8>> {
    let opcode = stream.read_u8().await.unwrap() & 0x0f;
    let length = match stream.read_u8().await.unwrap() {
        126 => usize::from(stream.read_u16().await.unwrap()),
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.unwrap();
    if opcode == 8 {
        assert_eq!(payload, 1000_u16.to_be_bytes(), "the stream is closed well");
        return None;
    }
    Some(payload)
}

/// A SPDY connection, its streams numbered 1, 3, 5 … in the order of their opening.
pub struct Spdy {
    stream: TlsStream<TcpStream>,
    decoder: Decoder,
    opened: u32,
    /// What came on each stream.
    pub received: Vec<String>,
    /// Which streams the server has ended.
    pub ended: Vec<bool>,
}

impl Spdy {
    pub fn new(stream: TlsStream<TcpStream>) -> Spdy {
        Spdy { stream, decoder: Decoder::default(), opened: 0, received: Vec::new(), ended: Vec::new() }
    }

    /// Opens a stream; its place among all.
    pub async fn open(&mut self, headers: &[(&str, &str)]) -> usize {
        let id = 2 * self.opened + 1;
        self.stream.write_all(&spdy::open(id, headers, self.opened == 0)).await.unwrap();
        self.opened += 1;
        self.received.push(String::new());
        self.ended.push(false);
        self.received.len() - 1
    }

    pub async fn send(&mut self, place: usize, bytes: &[u8], fin: bool) {
        let id = u32::try_from(2 * place + 1).unwrap();
        self.stream.write_all(&spdy::data(id, fin, bytes)).await.unwrap();
    }

    /// Takes what comes until `enough`.
    pub async fn until(&mut self, enough: impl Fn(&Spdy) -> bool) {
        let mut buffer = [0; 4096];
        while !enough(self) {
            match self.decoder.next().unwrap() {
                Some(Frame::Data { id, fin, data }) => {
                    let place = usize::try_from(id / 2).unwrap();
                    self.received[place].push_str(std::str::from_utf8(&data).unwrap());
                    self.ended[place] |= fin;
                }
                Some(Frame::Reset { id, .. }) => panic!("stream {id} was reset: {:?}", self.received),
                Some(_) => {}
                None => {
                    let count = self.stream.read(&mut buffer).await.unwrap();
                    assert!(count > 0, "the connection ended: {:?}", self.received);
                    self.decoder.push(&buffer[..count]);
                }
            }
        }
    }
}
