//! SPDY/3.1, the protocol of `kubectl port-forward` and of remote commands before WebSockets.
//!
//! The dialect is the one that Kubernetes' clients speak: clients open streams, the server answers them; nobody
//! uses priorities, settings or push, and nobody obeys windows. So a stream that is not read holds the connection
//! up once its queue is full, and nothing is ever dropped.

mod connection;
mod frame;
mod headers;

pub use connection::{Connection, Reader, Stream, Writer};
pub use frame::{Decoder, Frame, FrameError, data, open, reply, reset};
pub use headers::Headers;
