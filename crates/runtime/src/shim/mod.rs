//! The shim: one process per pod, parent of all its containers, holder of its namespaces.
//!
//! Single-threaded, so that it may fork and set a container up in the child without care for locks. It stays
//! in the node's mount namespace (each container gets a copy of that as it is then, with the volumes mounted
//! meanwhile) and leaves the network, IPC and UTS namespaces at its start, unless the pod shares the node's.

mod attach;
mod client;
mod container;
mod log;
mod server;
mod start;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::sys;

/// The shim's whole program; `arguments` are those after `shim`: the pod's shim folder, which holds
/// `spec.json`. Says on standard output that it is ready (`ready`) or why it is not, and closes it.
///
/// Must be called before anything else starts: no thread, no logger. The calling process ends at once; the
/// shim is its child, in a session of its own, and lives on without its starter.
pub fn shim_main(arguments: &[OsString]) -> ExitCode {
    let [folder] = arguments else {
        return refuse("usage: shim FOLDER");
    };
    // Whatever the starter forgot to close would be held open for as long as the pod lives.
    if let Err(error) = sys::close_all_but(&mut []) {
        return refuse(&format!("cannot close descriptors: {error}"));
    }
    if let Err(error) = sys::setsid() {
        return refuse(&format!("cannot start a session: {error}"));
    }
    match sys::fork(0) {
        Ok(sys::Fork::Parent(_)) => ExitCode::SUCCESS,
        Ok(sys::Fork::Child) => match start::start(Path::new(folder)) {
            Ok(mut server) => {
                say("ready");
                release_output();
                server.run()
            }
            Err(text) => refuse(&text),
        },
        Err(error) => refuse(&format!("cannot fork: {error}")),
    }
}

fn refuse(text: &str) -> ExitCode {
    say(text);
    ExitCode::FAILURE
}

fn say(text: &str) {
    let mut out = std::io::stdout();
    // Nobody is left to hear of a failure here.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Standard output becomes `/dev/null`: the starter sees the end of what was said.
fn release_output() {
    use std::os::fd::AsFd;
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = sys::dup_to(null.as_fd(), 1);
    }
}
