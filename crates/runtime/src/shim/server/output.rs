//! Copying what containers print: to their logs, and to engines that are attached.

use rustix::io::Errno;

use super::{Server, Source};

impl Server {
    /// Copies what a pipe or terminal has now, at most one buffer of it, so that others get their turn.
    pub(super) fn copy_output(&mut self, token: u64, id: &str) -> bool {
        let Some(Source::Output { fd, stream, .. }) = self.sources.get(&token) else { return false };
        let stream = *stream;
        let count = match rustix::io::read(fd, &mut self.buffer) {
            Ok(count @ 1..) => count,
            Err(Errno::INTR) => return true,
            Err(Errno::AGAIN) => return false,
            // The end: a terminal says it with an error.
            Ok(0) | Err(_) => {
                self.sources.remove(&token);
                return false;
            }
        };
        let Some(container) = self.containers.get_mut(id) else { return false };
        if let Some(log) = &mut container.log {
            log.write(stream, &self.buffer[..count]);
        }
        for token in container.attached.clone() {
            let Some(Source::Attached(attached)) = self.sources.get_mut(&token) else { continue };
            if attached.stream != stream {
                continue;
            }
            attached.push(&self.buffer[..count]);
            self.flush_attached(token);
        }
        true
    }

    pub(super) fn drain(&mut self, id: &str) {
        let outputs = self.containers.get(id).map(|c| c.outputs.clone()).unwrap_or_default();
        for token in outputs {
            while self.copy_output(token, id) {}
        }
    }

    pub(super) fn flush_attached(&mut self, token: u64) {
        let Some(Source::Attached(attached)) = self.sources.get_mut(&token) else { return };
        match attached.flush() {
            Ok(done) if done && attached.closing => self.forget_attached(token),
            Ok(done) => self.watch_writing(token, &self.sources[&token], !done),
            Err(_) => self.forget_attached(token),
        }
    }

    /// Closes after what waits has been written.
    pub(super) fn close_attached(&mut self, token: u64) {
        if let Some(Source::Attached(attached)) = self.sources.get_mut(&token) {
            attached.closing = true;
        }
        self.flush_attached(token);
    }

    pub(super) fn forget_attached(&mut self, token: u64) {
        let Some(Source::Attached(attached)) = self.sources.remove(&token) else { return };
        if let Some(container) = self.containers.get_mut(&attached.container) {
            container.attached.retain(|other| *other != token);
        }
    }
}
