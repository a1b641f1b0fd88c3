//! The outer format of the log's and the snapshots' files: a header, then checksummed frames.
//!
//! One frame is one write and one flush, and the next is written only when that flush succeeded. A broken frame
//! with nothing valid behind it is therefore an interrupted write; a broken frame that a later one says was
//! flushed is damage. Every frame carries the store's random id, so that no value, whatever bytes a client puts
//! into it, can pass for a frame.
//!
//! All numbers are little endian. What frames contain is not here: see `record`.

use crc32fast::Hasher;

/// Length of a file's header.
pub(crate) const FILE_HEADER: usize = 32;
/// Length of a frame's header.
pub(crate) const FRAME_HEADER: usize = 40;
// Frames begin at multiples of 8, which the search for later frames relies on.
const _: () = assert!(FILE_HEADER.is_multiple_of(8) && FRAME_HEADER.is_multiple_of(8));
/// The longest body that is written or accepted.
pub(crate) const MAX_BODY: usize = 1 << 30;

const VERSION: u32 = 1;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Frames from `first` on.
    Log,
    /// The state before frame `first`.
    Snapshot,
}

impl FileKind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            FileKind::Log => b"LWSTLOG\n",
            FileKind::Snapshot => b"LWSTSNP\n",
        }
    }

    /// The file's name for frame `first`; sorts by it.
    pub(crate) fn file_name(self, first: u64) -> String {
        match self {
            FileKind::Log => format!("log-{first:016x}"),
            FileKind::Snapshot => format!("snapshot-{first:016x}"),
        }
    }

    /// The frame number of a file name of this kind.
    pub(crate) fn parse_name(self, name: &str) -> Option<u64> {
        let prefix = match self {
            FileKind::Log => "log-",
            FileKind::Snapshot => "snapshot-",
        };
        let digits = name.strip_prefix(prefix)?;
        (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
    }

    /// A file's first bytes.
    pub(crate) fn header(self, id: u64, first: u64) -> [u8; FILE_HEADER] {
        let mut header = [0; FILE_HEADER];
        header[..8].copy_from_slice(self.magic());
        header[8..16].copy_from_slice(&id.to_le_bytes());
        header[16..24].copy_from_slice(&first.to_le_bytes());
        header[24..28].copy_from_slice(&VERSION.to_le_bytes());
        let sum = crc32fast::hash(&header[..28]);
        header[28..].copy_from_slice(&sum.to_le_bytes());
        header
    }

    /// Checks a file's first bytes and returns the store's id.
    pub(crate) fn check_header(self, header: &[u8], first: u64) -> Result<u64, String> {
        if header.len() < FILE_HEADER {
            return Err("the file header is cut off".to_owned());
        }
        if &header[..8] != self.magic() || u32_at(header, 28) != crc32fast::hash(&header[..28]) {
            return Err("the file header is not what was written".to_owned());
        }
        if u32_at(header, 24) != VERSION {
            return Err(format!(
                "format version {} is not the {VERSION} that this program knows",
                u32_at(header, 24)
            ));
        }
        if u64_at(header, 16) != first {
            return Err(format!("the file begins with frame {}, its name says {first}", u64_at(header, 16)));
        }
        Ok(u64_at(header, 8))
    }
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Number of the frame, without gaps over the store's life.
    pub(crate) sequence: u64,
    /// Frames up to this one were flushed before this one was written.
    pub(crate) synced: u64,
    /// Bytes of the body.
    pub(crate) length: usize,
    sum: u32,
}

impl FrameHeader {
    /// Reads a header if it is one of this store.
    pub(crate) fn parse(bytes: &[u8], id: u64) -> Option<Self> {
        let valid = bytes.len() >= FRAME_HEADER
            && u64_at(bytes, 0) == id
            && u32_at(bytes, 32) == crc32fast::hash(&bytes[..32]);
        valid.then(|| Self {
            sequence: u64_at(bytes, 8),
            synced: u64_at(bytes, 16),
            length: u32_at(bytes, 24) as usize,
            sum: u32_at(bytes, 28),
        })
    }

    /// Whether `body` is what was written.
    pub(crate) fn fits(&self, body: &[u8]) -> bool {
        body.len() == self.length && crc32fast::hash(body) == self.sum
    }
}

/// An empty frame: room for the header, to be followed by the body.
pub(crate) fn begin() -> Vec<u8> {
    vec![0; FRAME_HEADER]
}

/// Completes what [`begin`] began: fills in the header and pads the frame.
pub(crate) fn seal(frame: &mut Vec<u8>, id: u64, sequence: u64, synced: u64) {
    let length = frame.len() - FRAME_HEADER;
    let mut body = Hasher::new();
    body.update(&frame[FRAME_HEADER..]);
    frame[..8].copy_from_slice(&id.to_le_bytes());
    frame[8..16].copy_from_slice(&sequence.to_le_bytes());
    frame[16..24].copy_from_slice(&synced.to_le_bytes());
    frame[24..28].copy_from_slice(&(length as u32).to_le_bytes());
    frame[28..32].copy_from_slice(&body.finalize().to_le_bytes());
    let sum = crc32fast::hash(&frame[..32]);
    frame[32..36].copy_from_slice(&sum.to_le_bytes());
    frame.resize(padded(length), 0);
}

/// Bytes of a whole frame with a body of `length` bytes.
pub(crate) fn padded(length: usize) -> usize {
    FRAME_HEADER + length.next_multiple_of(8)
}

/// What follows at some place of a log file.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    /// The expected frame's body, and the place behind it.
    Frame(&'a [u8], usize),
    /// Nothing: the file ends, or zeros follow.
    End,
    /// Something that is not the expected frame.
    Broken(&'static str),
}

/// Reads the frame number `expected` at `offset`.
pub(crate) fn next(file: &[u8], offset: usize, id: u64, expected: u64) -> Next<'_> {
    let rest = &file[offset.min(file.len())..];
    let head = &rest[..rest.len().min(FRAME_HEADER)];
    if head.iter().all(|&byte| byte == 0) {
        return Next::End;
    }
    let Some(header) = FrameHeader::parse(head, id) else {
        return Next::Broken("no valid frame header");
    };
    if header.sequence != expected {
        return Next::Broken("a frame out of order");
    }
    let Some(body) = rest.get(FRAME_HEADER..FRAME_HEADER + header.length) else {
        return Next::Broken("the frame is cut off");
    };
    if !header.fits(body) {
        return Next::Broken("the frame's checksum does not match");
    }
    Next::Frame(body, offset + padded(header.length))
}

/// Looks behind a broken place for a frame which proves that frame `expected` had been flushed.
pub(crate) fn proves_flushed(file: &[u8], offset: usize, id: u64, expected: u64) -> Option<usize> {
    (offset..file.len().saturating_sub(FRAME_HEADER - 1)).step_by(8).find(|&at| {
        FrameHeader::parse(&file[at..at + FRAME_HEADER], id)
            .is_some_and(|header| header.sequence > expected && header.synced >= expected)
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(sequence: u64, body: &[u8]) -> Vec<u8> {
        let mut frame = begin();
        frame.extend_from_slice(body);
        seal(&mut frame, 7, sequence, sequence - 1);
        frame
    }

    #[test]
    fn frames_are_found_again_and_their_end_too() {
        let mut file = frame(1, b"one");
        file.extend(frame(2, b""));
        let Next::Frame(body, behind) = next(&file, 0, 7, 1) else { panic!("no first frame") };
        assert_eq!(body, b"one");
        let Next::Frame(body, behind) = next(&file, behind, 7, 2) else { panic!("no second frame") };
        assert_eq!(body, b"");
        assert!(matches!(next(&file, behind, 7, 3), Next::End));
        assert!(matches!(next(&file, 0, 8, 1), Next::Broken(_)), "a frame of another store was accepted");
    }

    #[test]
    fn every_flipped_bit_that_counts_is_noticed() {
        let file = frame(1, b"some body");
        for byte in 0..FRAME_HEADER + 9 {
            for bit in 0..8 {
                let mut broken = file.clone();
                broken[byte] ^= 1 << bit;
                let noticed = matches!(next(&broken, 0, 7, 1), Next::Broken(_));
                // The four bytes behind the header's checksum are padding.
                assert_eq!(noticed, !(36..40).contains(&byte), "byte {byte} bit {bit}");
            }
        }
    }

    #[test]
    fn a_flushed_frame_is_told_from_an_interrupted_write() {
        let mut file = frame(1, b"first");
        let second = file.len();
        file.extend(frame(2, b"second"));
        file[FRAME_HEADER] ^= 1;
        assert_eq!(proves_flushed(&file, 0, 7, 1), Some(second));
        file[second] ^= 1;
        assert_eq!(proves_flushed(&file, 0, 7, 1), None);
    }
}
