//! Layers made here: deterministic tar archives, so that the same files give the same digest anywhere, any day.

use std::path::Path;

use crate::error::Error;

/// Collects files for a layer. Paths are relative to the image's root; parents are added by themselves.
///
/// Entries are sorted, owned by 0:0, dated 1970, with mode 0755 (folders, executables) or 0644.
#[derive(Debug, Default)]
pub struct LayerBuilder {
    _private: (),
}

impl LayerBuilder {
    /// An empty layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder (its parents come by themselves). `mode` 0 = 0755.
    pub fn directory(&mut self, path: &str, mode: u32) -> Result<&mut Self, Error> {
        let _ = (path, mode);
        unimplemented!()
    }

    /// Adds a file with this content.
    pub fn bytes(&mut self, path: &str, content: Vec<u8>, executable: bool) -> Result<&mut Self, Error> {
        let _ = (path, content, executable);
        unimplemented!()
    }

    /// Adds the host's file `source`; executable if the source is. Links to one inode become hard links.
    pub fn file(&mut self, path: &str, source: &Path) -> Result<&mut Self, Error> {
        let _ = (path, source);
        unimplemented!()
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<&mut Self, Error> {
        let _ = (path, target);
        unimplemented!()
    }

    /// Adds all that is below the host's folder `source`, as `path/...`. Symbolic links stay links.
    pub fn tree(&mut self, path: &str, source: &Path) -> Result<&mut Self, Error> {
        let _ = (path, source);
        unimplemented!()
    }
}
