//! Folders whose changes wake somebody, through inotify.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;

pub(crate) use rustix::fs::inotify::WatchFlags;

/// A set of watched folders.
pub(crate) struct Notify {
    fd: AsyncFd<OwnedFd>,
}

impl Notify {
    pub(crate) fn new() -> io::Result<Notify> {
        let fd = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        // Deprecated for types that may hand out another descriptor later; `OwnedFd` never does.
        #[allow(deprecated)]
        Ok(Notify { fd: AsyncFd::new(fd)? })
    }

    /// Watches a folder; once more is the same watch.
    pub(crate) fn add(&self, folder: &Path, events: WatchFlags) -> io::Result<()> {
        inotify::add_watch(self.fd.get_ref(), folder, events)?;
        Ok(())
    }

    /// Waits until something happened in one of the folders.
    pub(crate) async fn changed(&self) -> io::Result<()> {
        loop {
            let mut ready = self.fd.readable().await?;
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = inotify::Reader::new(self.fd.get_ref(), &mut buffer);
            let mut any = false;
            while reader.next().is_ok() {
                any = true;
            }
            ready.clear_ready();
            if any {
                return Ok(());
            }
        }
    }
}
