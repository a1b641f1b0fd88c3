//! Revisioned key-value store with etcd's model: a durable log, all live state in memory.
//!
//! Every commit gets the next revision of one global counter, is appended to a checksummed log and
//! flushed before it is answered; commits that arrive while a flush runs share the next one. Reads are
//! served from an index in memory and never wait for the disk. A watch delivers every event of a
//! prefix from a revision on, in order, each once, or says that it ended.
//!
//! What is not here: networking, object formats, anything of Kubernetes. Keys are strings, values bytes.
//!
//! Invariants: an answered commit survives the death of the process and, with [`Fsync::Always`], of the
//! machine; readers see only flushed commits; damaged files are reported, never served.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! use store::{Expect, Op, Options, Payload, Store};
//!
//! let store = Store::open(dir.path(), Options::default()).await?;
//! let mut watch = store.watch("/colours/", None)?;
//! let payload = Payload::Stamped { head: "green, written by ".into(), tail: "".into() };
//! let put = Op::Put { key: "/colours/grass".to_owned(), payload, expect: Expect::Absent, lease: None };
//! let revision = store.commit(vec![put]).await?;
//! let events = watch.next().await.ok_or("the watch ended")?;
//! assert_eq!(events[0].entry.mod_revision, revision);
//! assert_eq!(&*events[0].entry.value, b"green, written by 2");
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod batch;
mod error;
pub mod files;
mod frame;
mod index;
mod lease;
mod log;
mod record;
mod recover;
mod snapshot;
mod store;
mod types;
mod watch;
mod writer;

pub use error::{CommitError, Failure, LeaseError, OpenError, ReadError};
pub use recover::{Report, check};
pub use store::Store;
pub use types::{Entry, Event, Expect, Fsync, LeaseId, Op, Options, Payload, Range};
pub use watch::{Ended, Watch};
