//! Kernel settings under `/proc/sys`, read and written as text.

use std::path::PathBuf;

use thiserror::Error;

/// A setting could not be read or written.
#[derive(Debug, Error)]
#[error("cannot {verb} the kernel setting {key}: {source}")]
pub struct Error {
    verb: &'static str,
    key: String,
    source: std::io::Error,
}

/// The value of a setting, named as its path below `/proc/sys`: `net/ipv4/ip_forward`.
pub fn read(key: &str) -> Result<String, Error> {
    let text = std::fs::read_to_string(path(key));
    text.map(|text| text.trim().to_owned()).map_err(|source| Error {
        verb: "read",
        key: key.to_owned(),
        source,
    })
}

/// Sets a setting.
pub fn write(key: &str, value: &str) -> Result<(), Error> {
    std::fs::write(path(key), value).map_err(|source| Error { verb: "write", key: key.to_owned(), source })
}

/// Whether this machine (or the calling thread's namespace) speaks IPv6 on devices that are made now.
pub fn has_ipv6() -> bool {
    let on =
        |which: &str| read(&format!("net/ipv6/conf/{which}/disable_ipv6")).is_ok_and(|value| value == "0");
    on("all") && on("default")
}

fn path(key: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(key)
}
