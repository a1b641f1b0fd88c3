//! Plain HTTP over a socket: a request, its status and body; and a load of them in the background.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Status and body of an answer.
pub type Answer = (u16, String);

/// Asks `address` for `path`; any trouble is an error in words.
pub fn request(method: &str, address: SocketAddr, path: &str, body: &str) -> Result<Answer, String> {
    let patience = Duration::from_secs(10);
    let mut stream = TcpStream::connect_timeout(&address, patience).map_err(|e| format!("connect: {e}"))?;
    stream.set_read_timeout(Some(patience)).map_err(|e| e.to_string())?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).map_err(|e| format!("write: {e}"))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(|e| format!("read: {e}"))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("not HTTP: {answer:?}"))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("no status")?;
    Ok((status, body.to_owned()))
}

/// `GET path` on `port` of this machine.
pub fn get(port: u16, path: &str) -> Result<Answer, String> {
    request("GET", SocketAddr::from(([127, 0, 0, 1], port)), path, "")
}

/// `POST path` on `port` of this machine.
pub fn post(port: u16, path: &str, body: &str) -> Result<Answer, String> {
    request("POST", SocketAddr::from(([127, 0, 0, 1], port)), path, body)
}

/// Requests in the background, one after another.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// Starts `threads` threads that ask for `path` on `port` until [`Load::stop`].
    pub fn start(port: u16, path: &'static str, threads: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicUsize::new(0));
        let threads = (0..threads)
            .map(|_| {
                let (stop, answered) = (stop.clone(), answered.clone());
                std::thread::spawn(move || {
                    let mut failures = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        match get(port, path) {
                            Ok((200, _)) => _ = answered.fetch_add(1, Ordering::Relaxed),
                            Ok((status, body)) => failures.push(format!("{status}: {body}")),
                            Err(error) => failures.push(error),
                        }
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    failures
                })
            })
            .collect();
        Self { stop, answered, threads }
    }

    /// Ends the load: how many requests were answered with 200, and what the others came to.
    pub fn stop(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let failures =
            self.threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect();
        (self.answered.load(Ordering::Relaxed), failures)
    }
}
