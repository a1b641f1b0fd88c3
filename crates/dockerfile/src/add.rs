//! What `ADD` does beyond `COPY`: archives of the context are extracted.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Place};

/// Whether a file is an archive that `ADD` extracts, told by its content.
pub(crate) fn is_archive(place: &Place, path: &Path) -> Result<bool, Error> {
    let failed = |source| Error::Io { action: "read", path: path.display().to_string(), source };
    let mut start = Vec::new();
    File::open(path).map_err(failed)?.take(512).read_to_end(&mut start).map_err(failed)?;
    let unsupported = |kind: &str| {
        Err(Error::line(
            place,
            format!("{}: archives compressed by {kind} are not supported; use gzip or zstd", path.display()),
        ))
    };
    match start.as_slice() {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => unsupported("xz"),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => unsupported("bzip2"),
        // Compressed: what is inside decides, and only extraction would tell; other files are not compressed so by
        // name alone.
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            image::is_archive(path).map_err(Error::store(place))
        }
        block => Ok(is_header(block)),
    }
}

/// A tar header's magic.
fn is_header(block: &[u8]) -> bool {
    block.len() == 512 && block[257..262] == *b"ustar"
}
