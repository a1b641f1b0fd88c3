//! The two stream protocols that Kubernetes' clients upgrade connections to: WebSocket (RFC 6455) and SPDY/3.1, as
//! far as `exec`, `attach` and `port-forward` use them; the server's side.
//!
//! Bytes in, bytes out: nothing here knows of pods, and nothing of HTTP beyond the values of two headers.
#![forbid(unsafe_code)]

pub mod spdy;
pub mod websocket;
